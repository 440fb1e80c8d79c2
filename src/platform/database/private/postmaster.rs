//! One run of PostgreSQL: begun or found running, waited for, watched and ended.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::time::{Instant, sleep, timeout};

use super::account::Account;
use super::binaries::Binaries;
use super::error::PrivateError;
use super::log;
use super::pid_file::{self, PidFile, Process};
use super::socket;

/// A fast shutdown disconnects everyone and writes a checkpoint.
const FAST_SHUTDOWN_WITHIN: Duration = Duration::from_secs(30);
/// An immediate one writes nothing; the next start recovers.
const IMMEDIATE_SHUTDOWN_WITHIN: Duration = Duration::from_secs(10);
/// How long a postmaster that calls itself ready may leave its socket unanswered before it is replaced.
const UNREACHABLE_AFTER: Duration = Duration::from_secs(5);
const SLOW_START_LOG: Duration = Duration::from_secs(10);
const ALIVE_CHECK: Duration = Duration::from_millis(250);
const SOCKET_CHECK: Duration = Duration::from_secs(5);

/// What is needed to start the cluster.
#[derive(Debug)]
pub(super) struct Launch {
    pub binaries: Binaries,
    pub account: Account,
    pub cluster: PathBuf,
    pub socket_dir: PathBuf,
    pub log: PathBuf,
    /// False: no fsync; a crash of the machine loses the cluster.
    pub durable: bool,
}

/// A running postmaster. Dropping it asks it to end, without waiting.
#[derive(Debug)]
pub(super) struct Postmaster {
    pid: i32,
    /// None when another process started it.
    child: Option<Child>,
    cluster: PathBuf,
    /// The size of the log when it was begun.
    log_from: u64,
    gone: bool,
}

impl Launch {
    /// The postmaster that already runs this cluster, once it answers.
    ///
    /// One that is just starting or ending is waited for, however long that takes; one that cannot be reached is ended.
    pub async fn adopt(&self) -> Option<Postmaster> {
        let PidFile { pid, .. } = PidFile::read(&self.cluster)?;
        let begun = Instant::now();
        let mut next_log = begun + SLOW_START_LOG;
        let mut ready_since = None;
        while pid_file::is_alive(pid) {
            let process = pid_file::identify(pid, &self.cluster);
            if process == Process::Foreign {
                return None;
            }
            let Err(why) = socket::answers(&self.socket_dir, &self.cluster).await else {
                return Some(self.adopted(pid));
            };
            let now = Instant::now();
            if PidFile::read(&self.cluster).is_some_and(|file| file.pid == pid && file.ready) {
                if now - *ready_since.get_or_insert(now) > UNREACHABLE_AFTER {
                    if process == Process::Unknown {
                        return None;
                    }
                    tracing::warn!(
                        "process {pid} runs the database but cannot be reached ({why}): replacing it"
                    );
                    self.adopted(pid).end().await;
                    return None;
                }
            } else if process == Process::Unknown && now - begun > UNREACHABLE_AFTER {
                return None;
            }
            if now > next_log {
                tracing::info!(
                    "waiting for the database's process {pid}, which another server started: {why}"
                );
                next_log = now + SLOW_START_LOG;
            }
            sleep(Duration::from_millis(100)).await;
        }
        None
    }

    /// Starts a postmaster; it is not ready yet.
    pub fn spawn(&self) -> Result<Postmaster, PrivateError> {
        socket::ensure_dir(&self.socket_dir, &self.account)?;
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.log)
            .map_err(PrivateError::file("open", &self.log))?;
        let copy = log
            .try_clone()
            .map_err(PrivateError::file("open", &self.log))?;
        let log_from = log::size(&self.log);
        let program = self.binaries.program("postgres");
        let mut command = self.account.command(&program);
        command.arg("-D").arg(&self.cluster);
        for setting in self.settings() {
            command.arg("-c").arg(setting);
        }
        if let Some(pid) = self.stale_pid() {
            // PostgreSQL takes any process of its user with that number for its postmaster, a zombie too, except its
            // parent or, by this variable (pg_ctl sets it too), its grandparent. Its check for left-over backends stays.
            command.env("PG_GRANDPARENT_PID", pid.to_string());
        }
        // A group of its own, so that Ctrl-C in a terminal reaches the server only.
        command.process_group(0).stdout(copy).stderr(log);
        let child = command
            .spawn()
            .map_err(PrivateError::file("run", &program))?;
        let pid = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .unwrap_or_default();
        Ok(self.postmaster(pid, Some(child), log_from))
    }

    fn adopted(&self, pid: i32) -> Postmaster {
        self.postmaster(pid, None, log::size(&self.log))
    }

    fn postmaster(&self, pid: i32, child: Option<Child>, log_from: u64) -> Postmaster {
        Postmaster {
            pid,
            child,
            cluster: self.cluster.clone(),
            log_from,
            gone: false,
        }
    }

    /// Waits until it answers a query: for as long as it lives, since a recovery can take long. The error says why it
    /// ended instead.
    pub async fn ready(&self, postmaster: &mut Postmaster) -> Result<(), PrivateError> {
        let answers = async {
            let begun = Instant::now();
            let mut next_log = begun + SLOW_START_LOG;
            let mut pause = Duration::from_millis(20);
            while let Err(why) = socket::answers(&self.socket_dir, &self.cluster).await {
                if Instant::now() > next_log {
                    tracing::info!(
                        "the database has been starting for {} s: {why}",
                        begun.elapsed().as_secs()
                    );
                    next_log += SLOW_START_LOG;
                }
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(200));
            }
        };
        tokio::select! {
            () = answers => Ok(()),
            why = postmaster.exited() => Err(PrivateError::Exited {
                why,
                log: log::last_words(&self.log, postmaster.log_from),
            }),
        }
    }

    fn settings(&self) -> Vec<String> {
        // A list of paths; the quotes keep a comma or a space inside one.
        let socket_dir = self.socket_dir.display().to_string().replace('"', "\"\"");
        // One that loses what it was told serves the servers of many tests at once.
        let connections = if self.durable { 50 } else { 400 };
        let mut settings = vec![
            "listen_addresses=".to_owned(),
            format!("port={}", socket::PORT),
            format!("unix_socket_directories=\"{socket_dir}\""),
            "unix_socket_permissions=0700".to_owned(),
            format!("max_connections={connections}"),
            "shared_buffers=128MB".to_owned(),
            "timezone=UTC".to_owned(),
            "log_timezone=UTC".to_owned(),
            "log_destination=stderr".to_owned(),
            "logging_collector=off".to_owned(),
            "log_line_prefix=%m [%p] ".to_owned(),
            // What a statement did wrong is told by whoever sent it.
            "log_min_messages=log".to_owned(),
            "log_min_error_statement=panic".to_owned(),
            // Details of an error quote rows, which are people's words.
            "log_error_verbosity=terse".to_owned(),
        ];
        if !self.durable {
            for name in ["fsync", "full_page_writes", "synchronous_commit"] {
                settings.push(format!("{name}=off"));
            }
        }
        settings
    }

    /// The number in the pid file, when no live postmaster has it: a foreign process does, or one that has ended and that
    /// nobody has reaped.
    fn stale_pid(&self) -> Option<i32> {
        let pid = PidFile::read(&self.cluster)?.pid;
        let in_use =
            pid_file::is_alive(pid) && pid_file::identify(pid, &self.cluster) != Process::Foreign;
        (!in_use).then_some(pid)
    }
}

impl Postmaster {
    pub fn adopted(&self) -> bool {
        self.child.is_none()
    }

    /// Returns when it has gone, and says why. One whose socket was deleted is ended: nobody new could reach it.
    pub async fn watch(&mut self, socket_file: &Path) -> String {
        loop {
            tokio::select! {
                why = self.exited() => return why,
                () = sleep(SOCKET_CHECK) => {}
            }
            if !socket_file.exists() {
                self.end().await;
                return format!("its socket {} was deleted", socket_file.display());
            }
        }
    }

    /// Returns when the process has ended and is reaped. May be dropped and called again.
    async fn exited(&mut self) -> String {
        if self.gone {
            return "it has ended".to_owned();
        }
        let why = match &mut self.child {
            Some(child) => match child.wait().await {
                Ok(status) => status.to_string(),
                Err(error) => format!("its process was lost: {error}"),
            },
            None => {
                while pid_file::is_alive(self.pid)
                    && pid_file::identify(self.pid, &self.cluster) != Process::Foreign
                {
                    sleep(ALIVE_CHECK).await;
                }
                // As process 1 of a container the server inherits orphans.
                let _ = waitpid(Pid::from_raw(self.pid), Some(WaitPidFlag::WNOHANG));
                format!("process {} has ended", self.pid)
            }
        };
        self.gone = true;
        why
    }

    /// A fast shutdown, then an immediate one; never a kill, which would leave backends behind.
    pub async fn end(&mut self) {
        for (signal, within) in [
            (Signal::SIGINT, FAST_SHUTDOWN_WITHIN),
            (Signal::SIGQUIT, IMMEDIATE_SHUTDOWN_WITHIN),
        ] {
            self.signal(signal);
            if timeout(within, self.exited()).await.is_ok() {
                return;
            }
            tracing::warn!(
                "the database did not end within {} s of {signal}",
                within.as_secs()
            );
        }
    }

    fn signal(&self, signal: Signal) {
        // Not reaped yet, so the number is still its own; 0 would mean the server's whole process group.
        if !self.gone && self.pid > 0 {
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        self.signal(Signal::SIGINT);
    }
}
