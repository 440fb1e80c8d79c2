//! How far a command is: a bar on a terminal, else a line now and then.

use std::{
    io::{IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(5);

pub struct Progress {
    bar: Option<ProgressBar>,
    told: Instant,
}

impl Progress {
    pub fn new() -> Result<Self> {
        let bar = if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{msg:24} {wide_bar} {human_pos}")?;
            Some(ProgressBar::no_length().with_style(style))
        } else {
            None
        };
        Ok(Self {
            bar,
            told: Instant::now(),
        })
    }

    /// `total`: None while nobody knows.
    pub fn note(&mut self, what: &str, done: u64, total: Option<u64>) {
        if let Some(bar) = &self.bar {
            if bar.message() != what {
                bar.set_message(what.to_string());
            }
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_position(done);
        } else if self.told.elapsed() >= PAUSE {
            self.told = Instant::now();
            let of = total.map_or(String::new(), |total| format!(" of {total}"));
            let _ = writeln!(std::io::stderr().lock(), "{what}: {done}{of}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
