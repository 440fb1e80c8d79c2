//! The guard against guessing.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use governor::{
    DefaultKeyedRateLimiter, Quota,
    clock::{Clock as _, DefaultClock},
};

/// Addresses that wait; more than this and those that are done are dropped.
const TIDY_AT: usize = 10_000;

/// Counts failed authentication by address, and nothing else: many users may share one.
pub struct Failures {
    limiter: Option<DefaultKeyedRateLimiter<IpAddr>>,
    waiting: Mutex<HashMap<IpAddr, Instant>>,
}

impl Failures {
    /// So many at once, and as many again in a minute. 0: no limit.
    pub fn new(per_minute: u32) -> Self {
        Self {
            limiter: NonZeroU32::new(per_minute)
                .map(Quota::per_minute)
                .map(DefaultKeyedRateLimiter::keyed),
            waiting: Mutex::default(),
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
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if waiting.len() >= TIDY_AT {
            waiting.retain(|_, until| *until > now);
            limiter.retain_recent();
        }
        waiting.insert(address, now + wait);
        Err(wait)
    }

    /// Err: passwords from there are not even looked at for a while.
    pub fn admit(&self, address: IpAddr) -> Result<(), Duration> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let left = waiting
            .get(&neighbourhood(address))
            .and_then(|until| until.checked_duration_since(Instant::now()));
        left.map_or(Ok(()), Err)
    }

    /// Forgets addresses that have been quiet.
    pub fn tidy(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
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
        assert!(failures.admit(address("2001:db8:0:1::1")).is_ok());
        assert!(failures.note(address("192.0.2.1")).is_ok());
        let off = Failures::new(0);
        assert!((0..100).all(|_| off.note(address("192.0.2.1")).is_ok()));
    }
}
