//! The guard against guessing.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::locked;
use governor::{
    DefaultKeyedRateLimiter, Quota,
    clock::{Clock as _, DefaultClock},
};

/// Addresses that wait; more than this and those that are done are dropped.
const TIDY_AT: usize = 10_000;

/// Attempts of one address at the same time, so that many at once are counted one after the other.
const AT_ONCE: usize = 4;

/// Counts failed authentication by address, and nothing else: many users may share one.
pub struct Failures {
    limiter: Option<DefaultKeyedRateLimiter<IpAddr>>,
    waiting: Mutex<HashMap<IpAddr, Instant>>,
    attempts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A place among the attempts of an address, until it is dropped.
pub struct Attempt {
    address: IpAddr,
    attempts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Failures {
    /// So many at once, and as many again in a minute. 0: no limit.
    pub fn new(per_minute: u32) -> Self {
        Self {
            limiter: NonZeroU32::new(per_minute)
                .map(Quota::per_minute)
                .map(DefaultKeyedRateLimiter::keyed),
            waiting: Mutex::default(),
            attempts: Arc::default(),
        }
    }

    /// Err: too many, and how long to wait.
    pub fn note(&self, address: IpAddr) -> Result<(), Duration> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        let address = neighbourhood(address);
        let Err(refused) = limiter.check_key(&address) else {
            return Ok(());
        };
        let wait = refused.wait_time_from(DefaultClock::default().now());
        let mut waiting = locked(&self.waiting);
        let now = Instant::now();
        if waiting.len() >= TIDY_AT {
            waiting.retain(|_, until| *until > now);
            limiter.retain_recent();
        }
        waiting.insert(address, now + wait);
        Err(wait)
    }

    /// A place for an attempt that takes a while. Err: it is not even looked at, and how long to wait.
    pub fn admit(&self, address: IpAddr) -> Result<Attempt, Duration> {
        let address = neighbourhood(address);
        let left = locked(&self.waiting)
            .get(&address)
            .and_then(|until| until.checked_duration_since(Instant::now()));
        if let Some(left) = left {
            return Err(left);
        }
        let mut attempts = locked(&self.attempts);
        let running = attempts.entry(address).or_default();
        if self.limiter.is_some() && *running >= AT_ONCE {
            return Err(Duration::from_secs(1));
        }
        *running += 1;
        Ok(Attempt {
            address,
            attempts: self.attempts.clone(),
        })
    }

    /// Forgets addresses that have been quiet.
    pub fn tidy(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut attempts = locked(&self.attempts);
        match attempts.get_mut(&self.address) {
            Some(running) if *running > 1 => *running -= 1,
            _ => drop(attempts.remove(&self.address)),
        }
    }
}

/// One host of IPv6 has a whole /64.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_failures_make_one_address_wait() {
        let failures = Failures::new(30);
        let address = |text: &str| text.parse::<IpAddr>().unwrap_or(Ipv6Addr::LOCALHOST.into());
        for _ in 0..30 {
            assert!(failures.note(address("2001:db8::1")).is_ok());
            assert!(failures.admit(address("2001:db8::1")).is_ok());
        }
        let wait = failures.note(address("2001:db8::2")).err();
        assert!(wait.is_some_and(|wait| wait > Duration::ZERO && wait <= Duration::from_secs(2)));
        assert!(failures.admit(address("2001:db8::3")).is_err());
        let other = address("2001:db8:0:1::1");
        let at_once: Vec<_> = (0..AT_ONCE).map(|_| failures.admit(other)).collect();
        assert!(at_once.iter().all(Result::is_ok));
        assert!(failures.admit(other).is_err());
        drop(at_once);
        assert!(failures.admit(other).is_ok());
        assert!(failures.note(address("192.0.2.1")).is_ok());
        let off = Failures::new(0);
        assert!((0..100).all(|_| off.note(address("192.0.2.1")).is_ok()));
    }
}
