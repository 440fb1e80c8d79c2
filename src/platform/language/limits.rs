//! Who may ask how much: requests at the same time, and tokens a day.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{LanguageError, Result, Settings, measure::Waiting, store};
use crate::platform::{clock, database::Db};

/// Users with requests at the same time.
const MOST_USERS: usize = 10_000;
/// Requests of one user that wait.
const QUEUE_OF_USER: usize = 32;
/// Users whose tokens are counted; then those who spent least are forgotten.
const MOST_COUNTS: usize = 100_000;

/// Requests of one user that somebody waits for, and that wait beside those of jobs.
const QUEUE_OF_WAITERS: usize = 8;

/// For whom a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// Somebody who waits, as in a chat.
    Somebody,
    /// Work in the background. One place of the server and one of the user is not for it; where there is only one, at
    /// most one of these waits for it, so that somebody who comes is next.
    Jobs,
}

pub(super) struct Limits {
    server: Arc<Semaphore>,
    jobs: Arc<Semaphore>,
    users: Arc<Mutex<HashMap<Arc<str>, User>>>,
    per_user: usize,
    patience: Duration,
    counts: Arc<Mutex<Counts>>,
    /// Tokens a day; 0: no limit.
    per_day: u64,
}

struct User {
    turns: Turns,
    /// Requests that run or wait.
    here: usize,
}

#[derive(Clone)]
struct Turns {
    all: Arc<Semaphore>,
    jobs: Arc<Semaphore>,
}

/// How many of so many places jobs may take.
fn of_jobs(places: usize) -> usize {
    places.saturating_sub(1).max(1)
}

struct Counts {
    day: NaiveDate,
    spent: HashMap<Arc<str>, u64>,
    /// What the database does not know yet.
    unwritten: HashMap<(Arc<str>, NaiveDate), i64>,
    /// What the database knows of the day is in `spent`.
    recalled: bool,
}

/// A request's place among those that run, until it is dropped.
pub(super) struct Place {
    _server: OwnedSemaphorePermit,
    _user: OwnedSemaphorePermit,
    // Given back after those above: who waits for them already is next.
    _of_jobs: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
    _seat: Seat,
}

struct Seat {
    who: Arc<str>,
    users: Arc<Mutex<HashMap<Arc<str>, User>>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut users = locked(&self.users);
        match users.get_mut(&self.who) {
            Some(user) if user.here > 1 => user.here -= 1,
            _ => drop(users.remove(&self.who)),
        }
    }
}

impl Limits {
    pub fn new(settings: &Settings) -> Self {
        Self {
            server: Arc::new(Semaphore::new(settings.max_concurrent)),
            jobs: Arc::new(Semaphore::new(of_jobs(settings.max_concurrent))),
            users: Arc::default(),
            per_user: settings.max_concurrent_per_user,
            patience: settings.timeout,
            counts: Arc::new(Mutex::new(Counts {
                day: clock::now().date_naive(),
                spent: HashMap::new(),
                unwritten: HashMap::new(),
                recalled: false,
            })),
            per_day: settings.tokens_per_day_per_user,
        }
    }

    /// Waits for a turn of the user and of the server, first come, first served.
    pub async fn admit(&self, who: &str, whom: For) -> Result<Place> {
        let (seat, turns) = self.seat(who, whom)?;
        let _waiting = Waiting::start();
        let turn = async {
            let of_jobs = match whom {
                For::Somebody => None,
                For::Jobs => {
                    let user = turns.jobs.acquire_owned().await.ok()?;
                    Some((user, self.jobs.clone().acquire_owned().await.ok()?))
                }
            };
            let user = turns.all.acquire_owned().await.ok()?;
            let server = self.server.clone().acquire_owned().await.ok()?;
            Some((user, server, of_jobs))
        };
        match tokio::time::timeout(self.patience, turn).await {
            Ok(Some((user, server, of_jobs))) => Ok(Place {
                _server: server,
                _user: user,
                _of_jobs: of_jobs,
                _seat: seat,
            }),
            _ => Err(LanguageError::Busy),
        }
    }

    fn seat(&self, who: &str, whom: For) -> Result<(Seat, Turns)> {
        let mut users = locked(&self.users);
        if users.len() >= MOST_USERS && !users.contains_key(who) {
            return Err(LanguageError::Busy);
        }
        let who: Arc<str> = who.into();
        let user = users.entry(who.clone()).or_insert_with(|| User {
            turns: Turns {
                all: Arc::new(Semaphore::new(self.per_user)),
                jobs: Arc::new(Semaphore::new(of_jobs(self.per_user))),
            },
            here: 0,
        });
        let queue = match whom {
            For::Somebody => QUEUE_OF_USER + QUEUE_OF_WAITERS,
            For::Jobs => QUEUE_OF_USER,
        };
        if user.here >= self.per_user + queue {
            return Err(LanguageError::Busy);
        }
        user.here += 1;
        let seat = Seat {
            who,
            users: self.users.clone(),
        };
        Ok((seat, user.turns.clone()))
    }

    /// Takes what a prompt is estimated to cost from the user's day. The last request may go over.
    pub fn spend(&self, who: &str, estimated: u64) -> Result<Spending> {
        self.spend_at(who, estimated, clock::now())
    }

    fn spend_at(&self, who: &str, estimated: u64, now: DateTime<Utc>) -> Result<Spending> {
        let day = now.date_naive();
        let who: Arc<str> = who.into();
        if self.per_day > 0 {
            let mut counts = locked(&self.counts);
            counts.turn_to(day);
            let spent = counts.spent.get(&who).copied().unwrap_or_default();
            if spent >= self.per_day {
                let tomorrow = (day + Days::new(1)).and_time(NaiveTime::MIN).and_utc();
                return Err(LanguageError::OverBudget {
                    resets_in: (tomorrow - now).to_std().unwrap_or_default(),
                });
            }
            counts.make_room(&who);
            counts.change(&who, 0, estimated);
        }
        Ok(Spending {
            who,
            day,
            estimated,
            counts: (self.per_day > 0).then(|| self.counts.clone()),
        })
    }

    /// Tells the database what was spent, and learns what other instances and earlier runs know.
    pub async fn keep(&self, db: &Db) -> sqlx::Result<()> {
        if self.per_day == 0 {
            return Ok(());
        }
        let today = clock::now().date_naive();
        let (recalled, unwritten) = {
            let mut counts = locked(&self.counts);
            counts.turn_to(today);
            (counts.recalled, std::mem::take(&mut counts.unwritten))
        };
        if !unwritten.is_empty() {
            let written = store::add(db, &unwritten).await;
            let mut counts = locked(&self.counts);
            match written {
                Ok(totals) => counts.learn(totals),
                Err(error) => {
                    for (key, tokens) in unwritten {
                        *counts.unwritten.entry(key).or_default() += tokens;
                    }
                    return Err(error);
                }
            }
        }
        if !recalled {
            let known = store::spent(db, today, MOST_COUNTS as i64).await?;
            let mut counts = locked(&self.counts);
            counts.learn(known.into_iter().map(|(uid, tokens)| (uid, today, tokens)));
            counts.recalled = true;
        }
        Ok(())
    }

    pub async fn tidy(&self, db: &Db) -> sqlx::Result<()> {
        store::purge(db, clock::now().date_naive()).await
    }
}

impl Counts {
    /// A clock that was set back stays in the day that it had reached.
    fn turn_to(&mut self, day: NaiveDate) {
        if day > self.day {
            self.day = day;
            self.spent = HashMap::new();
        }
    }

    /// Of the day that it is.
    fn change(&mut self, who: &Arc<str>, less: u64, more: u64) {
        let spent = self.spent.entry(who.clone()).or_default();
        let before = *spent;
        *spent = before.saturating_sub(less).saturating_add(more);
        let moved = i64::try_from(i128::from(*spent) - i128::from(before)).unwrap_or_default();
        *self.unwritten.entry((who.clone(), self.day)).or_default() += moved;
    }

    /// What the database knows, and what is not written yet, is what was spent.
    fn learn(&mut self, totals: impl IntoIterator<Item = (String, NaiveDate, i64)>) {
        for (uid, day, tokens) in totals {
            if day != self.day {
                continue;
            }
            let who: Arc<str> = uid.into();
            let key = (who, day);
            let unwritten = self.unwritten.get(&key).copied().unwrap_or_default();
            let total = tokens.saturating_add(unwritten);
            self.spent
                .insert(key.0, total.try_into().unwrap_or_default());
        }
    }

    fn make_room(&mut self, who: &Arc<str>) {
        if self.spent.len() < MOST_COUNTS || self.spent.contains_key(who) {
            return;
        }
        let mut amounts: Vec<u64> = self.spent.values().copied().collect();
        let (_, middle, _) = amounts.select_nth_unstable(MOST_COUNTS / 2);
        let middle = *middle;
        self.spent.retain(|_, spent| *spent > middle);
    }
}

/// Tokens that one request has taken from a day. Dropped, the estimate stays: the endpoint may have worked.
pub(super) struct Spending {
    who: Arc<str>,
    day: NaiveDate,
    estimated: u64,
    counts: Option<Arc<Mutex<Counts>>>,
}

impl Spending {
    /// Puts what it did cost in place of the estimate; 0 gives it back.
    pub fn settle(mut self, tokens: u64) {
        let Some(counts) = self.counts.take() else {
            return;
        };
        let mut counts = locked(&counts);
        if counts.day == self.day && counts.spent.contains_key(&self.who) {
            counts.change(&self.who, self.estimated, tokens);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn limits(max_concurrent: usize, per_user: usize, per_day: u64) -> Limits {
        Limits::new(&Settings {
            url: String::new(),
            api_key: String::new().into(),
            model: String::new(),
            timeout: Duration::from_millis(30),
            idle: Duration::from_millis(30),
            max_concurrent,
            max_concurrent_per_user: per_user,
            tokens_per_day_per_user: per_day,
            context_characters: 1000,
        })
    }

    #[tokio::test]
    async fn one_user_leaves_room_for_others() {
        let limits = limits(3, 2, 0);
        let (one, two) = (
            limits.admit("a", For::Somebody).await.unwrap(),
            limits.admit("a", For::Somebody).await,
        );
        assert!(matches!(
            limits.admit("a", For::Somebody).await,
            Err(LanguageError::Busy)
        ));
        let other = limits.admit("b", For::Somebody).await.unwrap();
        assert!(matches!(
            limits.admit("c", For::Somebody).await,
            Err(LanguageError::Busy)
        ));
        drop((one, two));
        assert!(limits.admit("a", For::Somebody).await.is_ok());
        drop(other);
        assert!(locked(&limits.users).is_empty());
        assert_eq!(limits.server.available_permits(), 3);
    }

    #[tokio::test]
    async fn a_queue_is_not_endless() {
        let limits = limits(1, 1, 0);
        let seats: Vec<_> = (0..=QUEUE_OF_USER)
            .map(|_| limits.seat("a", For::Jobs))
            .collect();
        assert!(seats.iter().all(Result::is_ok));
        assert!(limits.seat("a", For::Jobs).is_err());
        assert!(limits.seat("a", For::Somebody).is_ok());
        assert!(limits.seat("b", For::Jobs).is_ok());
        drop(seats);
        assert!(locked(&limits.users).is_empty());
    }

    #[tokio::test]
    async fn jobs_leave_room_for_somebody_who_waits() {
        let limits = limits(3, 2, 0);
        let job = limits.admit("a", For::Jobs).await.unwrap();
        assert!(limits.admit("a", For::Jobs).await.is_err());
        let chat = limits.admit("a", For::Somebody).await.unwrap();
        let other = limits.admit("b", For::Jobs).await.unwrap();
        // All places of the server are taken now, of which jobs have two.
        assert!(limits.admit("c", For::Somebody).await.is_err());
        drop(chat);
        assert!(limits.admit("c", For::Jobs).await.is_err());
        assert!(limits.admit("c", For::Somebody).await.is_ok());
        drop((job, other));
        assert!(limits.admit("c", For::Jobs).await.is_ok());
    }

    #[tokio::test]
    async fn of_one_place_somebody_who_waits_is_next() {
        let limits = Limits {
            patience: Duration::from_secs(20),
            ..limits(1, 1, 0)
        };
        let (limits, order) = (Arc::new(limits), Arc::new(Mutex::new(Vec::new())));
        let running = limits.admit("a", For::Jobs).await.unwrap();
        let mut waiting = Vec::new();
        for (name, whom) in [("1", For::Jobs), ("2", For::Jobs), ("chat", For::Somebody)] {
            let (limits, order) = (limits.clone(), order.clone());
            waiting.push(tokio::spawn(async move {
                let _place = limits.admit("a", whom).await.unwrap();
                locked(&order).push(name);
            }));
            tokio::task::yield_now().await;
        }
        drop(running);
        for task in waiting {
            task.await.unwrap();
        }
        assert_eq!(*locked(&order), ["chat", "1", "2"]);
    }

    #[test]
    fn a_day_has_so_many_tokens_for_each_user() {
        let limits = limits(1, 1, 1000);
        let now = clock::now().date_naive().and_time(NaiveTime::MIN).and_utc();
        let spend = |who, tokens| limits.spend_at(who, tokens, now);
        spend("a", 100).unwrap().settle(900);
        // Refused before it cost anything.
        spend("a", 5000).unwrap().settle(0);
        // Nobody knows whether the endpoint worked.
        drop(spend("a", 99).unwrap());
        drop(spend("a", 1).unwrap());
        let Err(LanguageError::OverBudget { resets_in }) = spend("a", 1) else {
            panic!("more than a day's tokens were granted");
        };
        assert_eq!(resets_in, Duration::from_secs(86_400));
        assert!(spend("b", 1).is_ok());
        let late = spend("b", 1).unwrap();
        let tomorrow = now + Days::new(1);
        assert!(limits.spend_at("a", 7, tomorrow).is_ok());
        late.settle(5000);
        let counts = locked(&limits.counts);
        assert_eq!(counts.spent.get("a"), Some(&7));
        assert_eq!(counts.spent.get("b"), None);
    }

    #[test]
    fn counts_do_not_grow_without_end() {
        let limits = limits(1, 1, 1000);
        limits.spend("spender", 999).unwrap();
        for number in 0..MOST_COUNTS + 10 {
            limits.spend(&number.to_string(), 1).unwrap();
        }
        let counts = locked(&limits.counts);
        assert!(counts.spent.len() < MOST_COUNTS);
        assert_eq!(counts.spent.get("spender"), Some(&999));
    }
}
