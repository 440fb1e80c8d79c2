//! `postmaster.pid`: who runs a cluster, and whether that is still true.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// What the file says. All but the process id is missing while the server starts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PidFile {
    pub pid: i32,
    pub socket_dir: Option<PathBuf>,
    /// The postmaster says that it takes connections.
    pub ready: bool,
}

/// Whose a live process id is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Process {
    /// The postmaster of the cluster.
    Ours,
    /// Another program, which got the number after the postmaster had died.
    Foreign,
    /// A PostgreSQL of which it cannot be told.
    Unknown,
}

impl PidFile {
    pub fn read(cluster: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(cluster.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().collect();
        Some(Self {
            // Negative for a single-user session.
            pid: lines.first()?.trim().parse().ok().filter(|pid| *pid > 0)?,
            socket_dir: lines
                .get(4)
                .filter(|line| line.starts_with('/'))
                .map(PathBuf::from),
            ready: lines.get(7).is_some_and(|line| line.trim() == "ready"),
        })
    }
}

/// False for a process that has ended, also while it waits for its parent to take note.
pub(super) fn is_alive(pid: i32) -> bool {
    match kill(Pid::from_raw(pid), None) {
        Ok(()) | Err(Errno::EPERM) => command_line(pid).is_none_or(|line| !line.is_empty()),
        Err(_) => false,
    }
}

/// Judges a live process by its command line.
pub(super) fn identify(pid: i32, cluster: &Path) -> Process {
    let Some(arguments) = command_line(pid) else {
        return Process::Unknown;
    };
    let program = arguments.first().map(Path::new).and_then(Path::file_name);
    if program.is_none_or(|name| name != "postgres" && name != "postmaster") {
        return Process::Foreign;
    }
    let directory = arguments
        .iter()
        .position(|argument| argument == "-D")
        .and_then(|at| arguments.get(at + 1))
        .map(Path::new);
    match directory {
        Some(dir) if dir == cluster => Process::Ours,
        Some(dir) if dir.is_absolute() => match dir.canonicalize() {
            Ok(dir) if dir == cluster => Process::Ours,
            Ok(_) => Process::Foreign,
            Err(_) => Process::Unknown,
        },
        _ => Process::Unknown,
    }
}

/// The arguments of a live process, empty for one that has ended but is still listed, None when it cannot be told.
fn command_line(pid: i32) -> Option<Vec<String>> {
    if Path::new("/proc/self/cmdline").exists() {
        let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        return Some(
            bytes
                .split(|byte| *byte == 0)
                .filter(|part| !part.is_empty())
                .map(|part| String::from_utf8_lossy(part).into_owned())
                .collect(),
        );
    }
    // Without /proc (macOS) spaces are lost; a path with one makes the answer Unknown.
    let output = Command::new("ps")
        .args(["-ww", "-o", "state=,command=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (state, command) = text.trim().split_once(' ')?;
    if state.starts_with('Z') {
        return Some(Vec::new());
    }
    Some(command.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_pid_file_is_read_in_every_stage() {
        let full = "812\n/data/postgres\n1764099999\n5432\n/data/postgres\n\n  5432001    163845\nready   \n";
        assert_eq!(
            PidFile::parse(full),
            Some(PidFile {
                pid: 812,
                socket_dir: Some("/data/postgres".into()),
                ready: true
            })
        );
        assert!(
            !PidFile::parse(&full.replace("ready ", "starting"))
                .unwrap()
                .ready
        );
        assert_eq!(
            PidFile::parse("812\n/data/postgres\n").unwrap().socket_dir,
            None
        );
        assert_eq!(PidFile::parse("-812\n/data/postgres\n"), None);
        assert_eq!(PidFile::parse(""), None);
    }

    #[test]
    fn this_process_is_alive_and_no_postmaster() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(is_alive(pid));
        assert_eq!(identify(pid, Path::new("/data/postgres")), Process::Foreign);
    }
}
