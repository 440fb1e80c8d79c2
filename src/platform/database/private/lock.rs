//! The lock that keeps a data directory to one server, or to one command while no server runs.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::pid_file;

const FILE: &str = "server.lock";
/// Between two looks at a lock that another process holds.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// What holds a lock: a server stays, a command soon ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Server,
    Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    pub role: Role,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("{}", held(dir, *holder))]
    Held {
        dir: PathBuf,
        /// None in the moment before a new holder has written who it is.
        holder: Option<Holder>,
    },
    #[error("could not lock {}: {why}; check that this user may write there", path.display())]
    File { path: PathBuf, why: io::Error },
}

impl LockError {
    /// A server that lives holds the lock.
    pub fn by_server(&self) -> bool {
        matches!(
            self,
            Self::Held {
                holder: Some(Holder {
                    role: Role::Server,
                    ..
                }),
                ..
            }
        )
    }
}

fn held(dir: &Path, holder: Option<Holder>) -> String {
    let dir = dir.display();
    match holder {
        Some(Holder {
            pid,
            role: Role::Command,
        }) => format!(
            "an omi-server command (process {pid}) uses {dir}; try again when it has ended, or set OMI_DATA_DIR to another directory"
        ),
        Some(Holder {
            pid,
            role: Role::Server,
        }) => format!(
            "another omi-server (process {pid}) already uses {dir}; stop it first, or set OMI_DATA_DIR to another directory"
        ),
        None => format!(
            "another omi-server already uses {dir}; stop it first, or set OMI_DATA_DIR to another directory"
        ),
    }
}

/// An exclusive lock on `server.lock` in a directory. The kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct DataDirLock {
    role: Role,
    file: File,
}

/// Let go by name: closing the file is not enough while a child that is just being started still has a copy of it.
impl Drop for DataDirLock {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

impl DataDirLock {
    /// For a server. Does not wait.
    pub fn acquire(dir: &Path) -> Result<Self, LockError> {
        Self::acquire_as(Role::Server, dir)
    }

    /// Does not wait. The file then holds this process's id and role.
    pub fn acquire_as(role: Role, dir: &Path) -> Result<Self, LockError> {
        let path = dir.join(FILE);
        let failed = |why| LockError::File {
            path: path.clone(),
            why,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // It may be empty: the holder may be writing it at this moment.
                let _ = file.read_to_string(&mut text);
                return Err(LockError::Held {
                    dir: dir.to_owned(),
                    holder: read_holder(&text),
                });
            }
            Err(TryLockError::Error(why)) => return Err(failed(why)),
        }
        file.set_len(0).map_err(failed)?;
        let holder = Holder {
            pid: std::process::id(),
            role,
        };
        file.write_all(format!("{holder}\n").as_bytes())
            .map_err(failed)?;
        Ok(Self { role, file })
    }

    /// For a server: waits up to `patience` for a command to end, and not at all for another server.
    pub async fn wait(dir: &Path, patience: Duration) -> Result<Self, LockError> {
        let begun = Instant::now();
        let mut told = false;
        loop {
            match Self::acquire(dir) {
                Err(error @ LockError::Held { .. })
                    if !error.by_server() && begun.elapsed() < patience =>
                {
                    if !told && begun.elapsed() > PAUSE * 5 {
                        told = true;
                        tracing::info!(
                            "an omi-server command uses {}: waiting for it to end",
                            dir.display()
                        );
                    }
                }
                outcome => return outcome,
            }
            sleep(PAUSE).await;
        }
    }

    pub fn role(&self) -> Role {
        self.role
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.role {
            Role::Server => "server",
            Role::Command => "command",
        };
        write!(f, "{} {role}", self.pid)
    }
}

/// None too for what a process left that has ended: the new holder has not written yet.
fn read_holder(text: &str) -> Option<Holder> {
    let (pid, role) = text.trim().split_once(' ')?;
    let role = match role {
        "server" => Role::Server,
        "command" => Role::Command,
        _ => return None,
    };
    let pid: i32 = pid.parse().ok().filter(|pid| *pid > 0)?;
    pid_file::is_alive(pid).then_some(Holder {
        pid: pid.unsigned_abs(),
        role,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn a_command_is_waited_for_and_a_server_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let command = DataDirLock::acquire_as(Role::Command, dir.path()).unwrap();
        let error = DataDirLock::acquire(dir.path()).unwrap_err();
        assert!(!error.by_server());
        assert!(
            error.to_string().contains("omi-server command (process"),
            "{error}"
        );
        let short = DataDirLock::wait(dir.path(), PAUSE).await.unwrap_err();
        assert!(matches!(short, LockError::Held { .. }), "{short}");
        tokio::spawn(async move {
            sleep(PAUSE * 3).await;
            drop(command);
        });
        let server = DataDirLock::wait(dir.path(), PAUSE * 100).await.unwrap();
        assert_eq!(server.role(), Role::Server);

        let begun = Instant::now();
        let error = DataDirLock::wait(dir.path(), PAUSE * 100)
            .await
            .unwrap_err();
        assert!(error.by_server());
        assert!(begun.elapsed() < PAUSE * 10, "refused at once");
    }

    #[test]
    fn it_is_let_go_at_once_though_a_child_has_a_copy_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let lock = DataDirLock::acquire(dir.path()).unwrap();
        let of_a_child = lock.file.try_clone().unwrap();
        DataDirLock::acquire(dir.path()).unwrap_err();
        drop(lock);
        DataDirLock::acquire(dir.path()).unwrap();
        drop(of_a_child);
    }

    #[test]
    fn what_a_dead_process_left_says_nothing() {
        let me = std::process::id();
        assert_eq!(
            read_holder(&format!("{me} server\n")),
            Some(Holder {
                pid: me,
                role: Role::Server
            })
        );
        for text in [
            "",
            "12",
            "0 server",
            "2147483646 server",
            "-1 server",
            "x command",
        ] {
            assert_eq!(read_holder(text), None, "{text}");
        }
    }
}
