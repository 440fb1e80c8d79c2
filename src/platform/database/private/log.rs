//! PostgreSQL's log: a file that it writes by itself, read here and passed on line by line.
//!
//! A file and not a pipe, because a PostgreSQL that outlives its server must be able to go on writing, and the server
//! that adopts it must be able to go on reading.

use std::io::{self, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The file is emptied when it has been read up to beyond this many bytes.
const LIMIT: u64 = 8 << 20;
const PAUSE: Duration = Duration::from_millis(500);
const LAST_LINES: usize = 12;
/// What one gets who asks too early or too late, as the server does while it waits for a start, or who is still
/// connected at the end, or just leaves.
const EXPECTED: [&str; 3] = [
    "the database system is ",
    "connection to client lost",
    "terminating connection due to administrator command",
];

/// A task that passes on what is added to the log.
#[derive(Debug)]
pub(super) struct Follower {
    stop: DropGuard,
    task: JoinHandle<()>,
}

impl Follower {
    /// Begins at byte `from` of the file.
    pub fn start(path: PathBuf, from: u64) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(follow(path, from, stop.clone()));
        Self {
            stop: stop.drop_guard(),
            task,
        }
    }

    /// Passes on the rest, then ends.
    pub async fn finish(self) {
        drop(self.stop);
        let _ = self.task.await;
    }
}

async fn follow(path: PathBuf, from: u64, stop: CancellationToken) {
    let mut reader = Reader {
        path,
        position: from,
        partial: Vec::new(),
        severe: false,
    };
    loop {
        let last = stop.is_cancelled();
        if let Err(error) = reader.pass_on().await {
            tracing::warn!(
                "cannot read PostgreSQL's log {}: {error}",
                reader.path.display()
            );
            return;
        }
        if last {
            return;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

struct Reader {
    path: PathBuf,
    position: u64,
    /// A line whose end is not written yet.
    partial: Vec<u8>,
    /// The current message, which may have several lines, is an error.
    severe: bool,
}

impl Reader {
    async fn pass_on(&mut self) -> io::Result<()> {
        let size = tokio::fs::metadata(&self.path).await?.len();
        if size < self.position {
            self.position = 0;
        }
        if size == self.position {
            return Ok(());
        }
        let mut file = File::open(&self.path).await?;
        file.seek(SeekFrom::Start(self.position)).await?;
        let mut chunk = vec![0; 64 << 10];
        loop {
            let count = file.read(&mut chunk).await?;
            if count == 0 {
                break;
            }
            self.position += count as u64;
            self.partial.extend_from_slice(&chunk[..count]);
            let whole = self.partial.iter().rposition(|byte| *byte == b'\n');
            let rest = self.partial.split_off(whole.map_or(0, |end| end + 1));
            let lines = std::mem::replace(&mut self.partial, rest);
            for line in String::from_utf8_lossy(&lines).lines() {
                self.line(line);
            }
        }
        if self.position > LIMIT {
            // PostgreSQL appends, so it goes on at the new end.
            OpenOptions::new()
                .write(true)
                .open(&self.path)
                .await?
                .set_len(0)
                .await?;
            self.position = 0;
        }
        Ok(())
    }

    fn line(&mut self, line: &str) {
        if let Some(severe) = begins_message(line) {
            self.severe = severe;
        }
        let line = without_time(line);
        if self.severe {
            tracing::warn!(target: "postgres", "{line}");
        } else {
            tracing::debug!(target: "postgres", "{line}");
        }
    }
}

/// Whether the line begins an error's message; None for a continuation of the message before it.
fn begins_message(line: &str) -> Option<bool> {
    let (head, text) = line.split_once(":  ")?;
    let severity = head.rsplit(' ').next()?;
    match severity {
        "FATAL" => Some(!EXPECTED.iter().any(|expected| text.starts_with(expected))),
        "ERROR" | "PANIC" => Some(true),
        "LOG" | "WARNING" | "NOTICE" | "INFO" => Some(false),
        _ => None,
    }
}

/// "2026-11-25 10:00:00.123 UTC [12] LOG:  …" without the time, which the server's own log has.
fn without_time(line: &str) -> &str {
    match line.find(" [") {
        Some(at) if line.starts_with(|c: char| c.is_ascii_digit()) => &line[at + 1..],
        _ => line,
    }
}

/// The size of the log, 0 when there is none.
pub(super) fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Empties the log, creating it if it is missing.
pub(super) fn empty(path: &Path) -> io::Result<()> {
    std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?
        .set_len(0)
}

/// The end of what was written from byte `from` on.
pub(super) fn last_words(path: &Path, from: u64) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let from = usize::try_from(from).unwrap_or(0);
    last_lines(&String::from_utf8_lossy(
        bytes.get(from..).unwrap_or(&bytes),
    ))
}

/// The last lines that are not blank, joined to one.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    if lines.is_empty() {
        return "none".to_owned();
    }
    lines[lines.len().saturating_sub(LAST_LINES)..].join(" | ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn a_long_log_is_emptied_once_it_is_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut log = std::fs::OpenOptions::new()
            .append(true)
            .open(file.path())
            .unwrap();
        let mut reader = Reader {
            path: file.path().to_owned(),
            position: 0,
            partial: Vec::new(),
            severe: false,
        };
        log.write_all(b"2026-11-25 10:00:00.1 UTC [7] LOG:  one\n2026")
            .unwrap();
        reader.pass_on().await.unwrap();
        assert_eq!(
            (reader.position, reader.partial.as_slice()),
            (44, &b"2026"[..])
        );

        let line = [b"-".repeat(1023), b"\n".to_vec()].concat();
        log.write_all(&line.repeat(8 << 10)).unwrap();
        reader.pass_on().await.unwrap();
        assert_eq!((reader.position, size(file.path())), (0, 0));
        log.write_all(b"half a line").unwrap();
        reader.pass_on().await.unwrap();
        assert_eq!((reader.position, size(file.path())), (11, 11));
    }

    #[test]
    fn only_real_errors_are_warnings() {
        let judge = |text: &str| begins_message(&format!("2026-11-25 10:00:00.1 UTC [7] {text}"));
        assert_eq!(judge("ERROR:  division by zero"), Some(true));
        assert_eq!(judge("PANIC:  could not write"), Some(true));
        assert_eq!(judge("LOG:  checkpoint starting: time"), Some(false));
        assert_eq!(
            judge("FATAL:  the database system is starting up"),
            Some(false)
        );
        assert_eq!(judge("FATAL:  lock file exists"), Some(true));
        assert_eq!(judge("STATEMENT:  select 1/0"), None);
        assert_eq!(begins_message("\tfrom somewhere"), None);
    }

    #[test]
    fn a_line_loses_its_time_and_keeps_its_process() {
        assert_eq!(
            without_time("2026-11-25 10:00:00.1 UTC [7] LOG:  ready [x]"),
            "[7] LOG:  ready [x]"
        );
        assert_eq!(without_time("\tat [1]"), "\tat [1]");
    }

    #[test]
    fn the_last_lines_are_one_sentence() {
        assert_eq!(last_lines("a\n\n  b\n"), "a | b");
        assert_eq!(last_lines("\n"), "none");
    }
}
