//! An endpoint that takes requests and does not answer costs each of them the whole time-out. After some in a row it is
//! left alone for a while, then tried by one request.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Requests in a row that waited in vain before the others are spared it.
const ENOUGH: u32 = 3;
/// For how long the endpoint is left alone.
const PAUSE: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(super) struct Silence(Mutex<State>);

#[derive(Default)]
struct State {
    /// Requests that waited in vain since the last answer.
    unanswered: u32,
    /// When one more may try.
    again: Option<Instant>,
}

impl Silence {
    /// Err: the endpoint is left alone for so long. Whoever comes after that is the one that tries, and has `patience` to.
    pub fn check(&self, patience: Duration) -> Result<(), Duration> {
        self.check_at(Instant::now(), patience)
    }

    fn check_at(&self, now: Instant, patience: Duration) -> Result<(), Duration> {
        let mut state = self.state();
        match state.again {
            Some(again) if again > now => Err(again - now),
            Some(_) => {
                state.again = Some(now + patience);
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub fn unanswered(&self) {
        self.unanswered_at(Instant::now());
    }

    fn unanswered_at(&self, now: Instant) {
        let mut state = self.state();
        state.unanswered = state.unanswered.saturating_add(1);
        if state.unanswered >= ENOUGH {
            state.again = Some(now + PAUSE);
        }
    }

    pub fn answered(&self) {
        *self.state() = State::default();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_answer_is_left_alone_and_tried_by_one() {
        let patience = Duration::from_secs(120);
        let silence = Silence::default();
        let begin = Instant::now();
        for _ in 0..ENOUGH {
            assert_eq!(silence.check_at(begin, patience), Ok(()));
            silence.unanswered_at(begin);
        }
        assert_eq!(silence.check_at(begin, patience), Err(PAUSE));
        let later = begin + PAUSE;
        assert_eq!(silence.check_at(later, patience), Ok(()));
        assert_eq!(silence.check_at(later, patience), Err(patience));
        silence.unanswered_at(later);
        assert_eq!(silence.check_at(later, patience), Err(PAUSE));
        silence.answered();
        assert_eq!(silence.check_at(later, patience), Ok(()));
        // An answer between two silences begins the count anew.
        silence.unanswered_at(later);
        assert_eq!(silence.check_at(later, patience), Ok(()));
    }
}
