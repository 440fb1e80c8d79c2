//! Limits on requests in windows of time, shared by every instance on one database. An instance takes a small lease of
//! a window and counts it down in memory, so that an ordinary request writes nothing. Together instances never grant
//! more than the limit; one that is killed takes the rest of its lease with it.

mod failures;
mod store;

pub use failures::{Attempt, Failures};

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Duration, Utc};
use sqlx::Result;
use uuid::Uuid;

use crate::platform::{clock, database::Db};

/// A lease is this part of the limit at most, so that little is lost when an instance is killed.
const LEASES_A_WINDOW: i64 = 20;
const LARGEST_LEASE: i64 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// Of one credential.
    Minute(Uuid),
    /// Of a user.
    Day,
    /// Of a costly kind of request.
    Hour(&'static str),
    /// The same, for one app.
    HourOfApp(&'static str, Uuid),
}

impl Name {
    fn seconds(self) -> i64 {
        match self {
            Self::Minute(_) => 60,
            Self::Hour(_) | Self::HourOfApp(..) => 3600,
            Self::Day => 86_400,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Minute(id) => write!(f, "minute {id}"),
            Self::Day => f.write_str("day"),
            Self::Hour(what) => write!(f, "hour {what}"),
            Self::HourOfApp(what, app) => write!(f, "hour {what} {app}"),
        }
    }
}

/// What counts one user's requests; its window begins at a whole minute, hour or day of UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    pub uid: Arc<str>,
    pub name: Name,
    /// Requests a window, at least 1.
    pub limit: u32,
}

/// How a bucket stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub name: Name,
    pub limit: u32,
    pub remaining: u32,
    /// When the window ends.
    pub reset_at: DateTime<Utc>,
}

/// The outcome of a request: the standing of its tightest bucket, or of the one that has nothing left.
pub type Taken = std::result::Result<Option<Standing>, Standing>;

type Key = (Arc<str>, Name);

#[derive(Clone, Copy)]
struct Window {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    /// By all instances, when this one last asked.
    taken: i64,
    /// Leased to this instance and not used yet.
    left: i64,
}

#[derive(Clone, Default)]
pub struct RateLimits {
    windows: Arc<Mutex<HashMap<Key, Window>>>,
    /// Leases that are being taken: one at a time for a bucket, however many requests wait for it.
    leasing: Arc<Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>>,
}

impl RateLimits {
    /// Takes one from every bucket, or from none if one is used up.
    pub async fn take(&self, db: &Db, buckets: &[Bucket]) -> Result<Taken> {
        loop {
            let now = clock::now();
            let lacking = match self.try_take(buckets, now) {
                Ok(taken) => return Ok(taken),
                Err(lacking) => lacking,
            };
            let key = (lacking.uid.clone(), lacking.name);
            let turn = locked(&self.leasing)
                .entry(key.clone())
                .or_default()
                .clone();
            let held = turn.lock().await;
            // Who waited finds what another has leased.
            let look = lacking.look(&locked(&self.windows), now);
            let leased = match look {
                Look::Unleased => self.lease(db, lacking, now).await,
                Look::Free | Look::UsedUp(_) => Ok(()),
            };
            drop(held);
            let mut leasing = locked(&self.leasing);
            // Here and in the map: nobody else waits.
            if Arc::strong_count(&turn) <= 2 {
                leasing.remove(&key);
            }
            drop(leasing);
            leased?;
        }
    }

    /// Err: a bucket that has no lease left.
    fn try_take<'a>(&self, buckets: &'a [Bucket], now: DateTime<Utc>) -> Result<Taken, &'a Bucket> {
        let mut windows = locked(&self.windows);
        for bucket in buckets {
            match bucket.look(&windows, now) {
                Look::Free => {}
                Look::UsedUp(standing) => return Ok(Err(standing)),
                Look::Unleased => return Err(bucket),
            }
        }
        let mut tightest: Option<Standing> = None;
        for bucket in buckets {
            if let Some(window) = windows.get_mut(&(bucket.uid.clone(), bucket.name)) {
                window.left -= 1;
                let standing = bucket.standing(window);
                if tightest.is_none_or(|other| standing.remaining < other.remaining) {
                    tightest = Some(standing);
                }
            }
        }
        Ok(Ok(tightest))
    }

    async fn lease(&self, db: &Db, bucket: &Bucket, now: DateTime<Utc>) -> Result<()> {
        let limit = i64::from(bucket.limit);
        let lease = (limit / LEASES_A_WINDOW).clamp(1, LARGEST_LEASE);
        let seconds = bucket.name.seconds();
        let start = now.timestamp().div_euclid(seconds) * seconds;
        let start = DateTime::from_timestamp(start, 0).unwrap_or(now);
        let name = bucket.name.to_string();
        let leased = store::take(db, &bucket.uid, &name, start, lease, limit).await?;
        let mut windows = locked(&self.windows);
        let fresh = Window {
            start,
            end: start + Duration::seconds(seconds),
            taken: 0,
            left: 0,
        };
        let window = windows
            .entry((bucket.uid.clone(), bucket.name))
            .or_insert(fresh);
        // An answer that comes late belongs to a window that is over.
        if window.start > start {
            return Ok(());
        }
        if window.start < start {
            *window = fresh;
        }
        window.taken = window.taken.max(leased.after);
        window.left += leased.after - leased.before;
        Ok(())
    }

    /// Gives back what this instance has leased and not used, for an orderly stop.
    pub async fn give_back(&self, db: &Db) -> Result<()> {
        let leased = std::mem::take(&mut *locked(&self.windows));
        let (mut uids, mut names, mut starts, mut unused) = (vec![], vec![], vec![], vec![]);
        for ((uid, name), window) in leased {
            if window.left > 0 && clock::now() < window.end {
                uids.push(uid.to_string());
                names.push(name.to_string());
                starts.push(window.start);
                unused.push(window.left);
            }
        }
        if uids.is_empty() {
            return Ok(());
        }
        store::give_back(db, &uids, &names, &starts, &unused).await
    }

    /// Drops windows that are over.
    pub fn tidy(&self) {
        let now = clock::now();
        locked(&self.windows).retain(|_, window| now < window.end);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What an instance knows of a bucket without asking.
enum Look {
    Free,
    UsedUp(Standing),
    /// A lease has to be taken first.
    Unleased,
}

impl Bucket {
    fn look(&self, windows: &HashMap<Key, Window>, now: DateTime<Utc>) -> Look {
        match windows.get(&(self.uid.clone(), self.name)) {
            // A clock that was set back stays in the window that it had reached.
            Some(window) if now < window.end => {
                if window.left > 0 {
                    Look::Free
                } else if window.taken >= i64::from(self.limit) {
                    Look::UsedUp(self.standing(window))
                } else {
                    Look::Unleased
                }
            }
            _ => Look::Unleased,
        }
    }

    fn standing(&self, window: &Window) -> Standing {
        let free = (i64::from(self.limit) - window.taken).max(0) + window.left;
        Standing {
            name: self.name,
            limit: self.limit,
            remaining: u32::try_from(free).unwrap_or(self.limit).min(self.limit),
            reset_at: window.end,
        }
    }
}

/// Forgets windows that nobody can ask for any more.
pub async fn purge(db: &Db) -> Result<()> {
    let now = clock::now();
    store::purge(db, now - Duration::days(2), now - Duration::hours(2)).await
}
