//! Who brings much at once waits behind who brings little, so that one user's import does not keep the others waiting.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::Priority;

/// Jobs that a user may bring at once before the next ones wait behind those of others; and before those of whoever
/// has brought as many as that.
const STEPS: [f64; 3] = [8.0, 32.0, 128.0];
/// In this time one of them is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(5);
/// Users whose load is remembered; then those who bring little are forgotten.
const MOST_USERS: usize = 10_000;

/// What users have brought lately, on this instance.
#[derive(Default)]
pub struct Loads(Mutex<HashMap<String, Load>>);

struct Load {
    jobs: f64,
    at: Instant,
}

impl Load {
    fn now(&self, now: Instant) -> f64 {
        let forgotten = now.duration_since(self.at).as_secs_f64() / FORGOTTEN.as_secs_f64();
        (self.jobs - forgotten).max(0.0)
    }
}

impl Loads {
    /// Counts one more job of a user, and says where it belongs.
    pub fn add(&self, uid: &str) -> Priority {
        self.add_at(uid, Instant::now())
    }

    fn add_at(&self, uid: &str, now: Instant) -> Priority {
        let mut loads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if loads.len() >= MOST_USERS && !loads.contains_key(uid) {
            loads.retain(|_, load| load.now(now) >= STEPS[0]);
            if loads.len() >= MOST_USERS {
                return Priority(0);
            }
        }
        let before = loads.get(uid).map_or(0.0, |load| load.now(now));
        let load = Load {
            jobs: before + 1.0,
            at: now,
        };
        loads.insert(uid.to_string(), load);
        let passed = STEPS.iter().filter(|step| before >= **step).count();
        Priority(i32::try_from(passed).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_brings_much_waits_behind_who_brings_little() {
        let loads = Loads::default();
        let now = Instant::now();
        let mut places = [0; 4];
        for _ in 0..200 {
            let Priority(place) = loads.add_at("ann", now);
            places[usize::try_from(place).unwrap_or_default()] += 1;
        }
        assert_eq!(places, [8, 24, 96, 72]);
        assert_eq!(loads.add_at("bob", now), Priority(0));
        assert_eq!(
            loads.add_at("ann", now + FORGOTTEN * 194),
            Priority(0),
            "what was brought long ago is forgotten"
        );
        assert!(Priority(3) < Priority::LAST);
    }

    #[test]
    fn loads_do_not_grow_without_end() {
        let loads = Loads::default();
        let now = Instant::now();
        for _ in 0..20 {
            loads.add_at("ann", now);
        }
        for number in 0..=MOST_USERS {
            loads.add_at(&number.to_string(), now);
        }
        let kept = loads.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(kept.len() < MOST_USERS && kept.contains_key("ann"));
    }
}
