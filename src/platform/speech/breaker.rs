//! Leaves a provider that failed out for a while, longer each time.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::SpeechError;

/// A provider whose settings are wrong is left out so many times longer.
const REFUSED: u32 = 12;
const LONGEST: Duration = Duration::from_secs(600);

pub struct Breaker {
    first_pause: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pause: Option<Pause>,
}

struct Pause {
    until: Instant,
    /// Failures in a row.
    times: u32,
    permanent: bool,
    why: String,
}

/// What it says of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Closed,
    Paused,
    /// The pause is over: whoever is told so tries it, and nobody else until that has ended.
    Probe,
}

impl Breaker {
    pub fn new(first_pause: Duration) -> Self {
        Self {
            first_pause,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `patience` is how long a probe may take.
    pub fn standing(&self, patience: Duration) -> Standing {
        let now = Instant::now();
        match &mut self.state().pause {
            None => Standing::Closed,
            Some(pause) if now < pause.until => Standing::Paused,
            Some(pause) => {
                pause.until = now + patience;
                Standing::Probe
            }
        }
    }

    pub fn is_closed(&self) -> bool {
        self.state().pause.is_none()
    }

    /// Why the operator must act before it is tried again.
    pub fn refusal(&self) -> Option<String> {
        let state = self.state();
        let pause = state.pause.as_ref()?;
        (pause.permanent && Instant::now() < pause.until).then(|| pause.why.clone())
    }

    /// True: it had been left out.
    pub fn succeeded(&self) -> bool {
        self.state().pause.take().is_some()
    }

    /// Leaves it out if this failure tells of more than one utterance. True: it is new that it fails, or why.
    pub fn failed(&self, error: &SpeechError) -> bool {
        let (permanent, told) = match error {
            SpeechError::Refused(_) => (true, None),
            SpeechError::Unavailable { retry_after, .. } => (false, *retry_after),
            SpeechError::Start(_) | SpeechError::Model { .. } => (false, None),
            _ => return false,
        };
        let why = error.to_string();
        let mut state = self.state();
        let before = state.pause.as_ref();
        let times = before.map_or(0, |pause| pause.times);
        let new = before.is_none_or(|pause| pause.permanent != permanent);
        let first = if permanent {
            self.first_pause * REFUSED
        } else {
            self.first_pause
        };
        let grown = first.saturating_mul(2u32.saturating_pow(times));
        let pause = grown.max(told.unwrap_or_default()).min(LONGEST);
        state.pause = Some(Pause {
            until: Instant::now() + pause,
            times: times + 1,
            permanent,
            why,
        });
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(9);

    fn unavailable(seconds: Option<u64>) -> SpeechError {
        SpeechError::Unavailable {
            reason: "away".into(),
            retry_after: seconds.map(Duration::from_secs),
        }
    }

    #[test]
    fn a_pause_grows_and_ends_with_one_probe() {
        let breaker = Breaker::new(Duration::from_millis(20));
        assert_eq!(breaker.standing(PATIENCE), Standing::Closed);
        assert!(breaker.failed(&unavailable(None)));
        assert_eq!(breaker.standing(PATIENCE), Standing::Paused);
        std::thread::sleep(Duration::from_millis(25));
        assert_eq!(breaker.standing(PATIENCE), Standing::Probe);
        assert_eq!(breaker.standing(PATIENCE), Standing::Paused);
        // The same again is no news, and the pause is twice as long.
        assert!(!breaker.failed(&unavailable(None)));
        std::thread::sleep(Duration::from_millis(25));
        assert_eq!(breaker.standing(PATIENCE), Standing::Paused);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(breaker.standing(PATIENCE), Standing::Probe);
        assert!(breaker.succeeded());
        assert!(!breaker.succeeded());
        assert_eq!(breaker.standing(PATIENCE), Standing::Closed);
    }

    #[test]
    fn an_utterance_that_cannot_be_recognised_pauses_nobody() {
        let breaker = Breaker::new(Duration::from_secs(1));
        assert!(!breaker.failed(&SpeechError::Crashed { seconds: 1.0 }));
        assert!(breaker.is_closed());
    }

    #[test]
    fn a_refusal_is_told_apart() {
        let breaker = Breaker::new(Duration::from_secs(1));
        assert!(breaker.failed(&unavailable(Some(5))));
        assert_eq!(breaker.refusal(), None);
        assert!(breaker.failed(&SpeechError::Refused("no key".into())));
        assert!(breaker.refusal().is_some_and(|why| why.contains("no key")));
    }

    #[test]
    fn no_pause_is_endless() {
        let breaker = Breaker::new(Duration::from_secs(60));
        for _ in 0..100 {
            breaker.failed(&unavailable(Some(1_000_000)));
        }
        let until = breaker.state().pause.as_ref().map(|pause| pause.until);
        assert!(until.is_some_and(|until| until <= Instant::now() + LONGEST));
    }
}
