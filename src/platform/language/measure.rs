//! The figures behind `/metrics`.

use std::time::Instant;

use super::Result;

/// One request of a caller, counted when it is dropped.
pub(super) struct Meter {
    task: &'static str,
    begun: Instant,
    outcome: &'static str,
}

impl Meter {
    pub fn start(task: &'static str) -> Self {
        metrics::gauge!("omi_language_requests").increment(1.0);
        Self {
            task,
            begun: Instant::now(),
            // Unless somebody waits for the end.
            outcome: "cancelled",
        }
    }

    pub fn end<T>(&mut self, result: &Result<T>) {
        self.outcome = match result {
            Ok(_) => "ok",
            Err(error) => error.outcome(),
        };
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        metrics::gauge!("omi_language_requests").decrement(1.0);
        metrics::counter!("omi_language_requests_total", "task" => self.task, "outcome" => self.outcome)
            .increment(1);
        metrics::histogram!("omi_language_seconds", "task" => self.task)
            .record(self.begun.elapsed().as_secs_f64());
    }
}

pub(super) fn tokens(task: &'static str, prompt: u64, completion: u64) {
    for (direction, tokens) in [("prompt", prompt), ("completion", completion)] {
        metrics::counter!("omi_language_tokens_total", "task" => task, "direction" => direction)
            .increment(tokens);
    }
}

/// Counts as one that waits for its turn while it lives.
pub(super) struct Waiting;

impl Waiting {
    pub fn start() -> Self {
        metrics::gauge!("omi_language_waiting").increment(1.0);
        Self
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        metrics::gauge!("omi_language_waiting").decrement(1.0);
    }
}
