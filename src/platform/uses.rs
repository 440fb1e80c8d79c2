//! When things were last used: gathered in memory and written together soon after, so that reading needs no write.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use moka::sync::Cache;

use super::clock;

/// How exact the last use is where it need not be exact.
const EVERY: Duration = Duration::from_secs(600);
/// Things whose last use is remembered at a time.
const MOST: u64 = 20_000;

/// Uses that are still to be written.
#[derive(Clone)]
pub struct Uses<K>(Arc<Mutex<HashMap<K, DateTime<Utc>>>>);

impl<K> Default for Uses<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash> Uses<K> {
    pub fn note(&self, key: K, at: DateTime<Utc>) {
        self.gathered().insert(key, at);
    }

    /// All that has gathered, to be written in one statement.
    pub fn take(&self) -> HashMap<K, DateTime<Utc>> {
        std::mem::take(&mut *self.gathered())
    }

    /// What could not be written is kept for the next time; what came meanwhile is younger.
    pub fn give_back(&self, unwritten: HashMap<K, DateTime<Utc>>) {
        let mut gathered = self.gathered();
        for (key, at) in unwritten {
            gathered.entry(key).or_insert(at);
        }
    }

    fn gathered(&self) -> MutexGuard<'_, HashMap<K, DateTime<Utc>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same, exact to ten minutes.
#[derive(Clone)]
pub struct RareUses<K> {
    noted: Cache<K, ()>,
    pub uses: Uses<K>,
}

impl<K: Clone + Eq + Hash + Send + Sync + 'static> Default for RareUses<K> {
    fn default() -> Self {
        Self {
            noted: Cache::builder()
                .max_capacity(MOST)
                .time_to_live(EVERY)
                .build(),
            uses: Uses::default(),
        }
    }
}

impl<K: Clone + Eq + Hash + Send + Sync + 'static> RareUses<K> {
    pub fn note(&self, key: K) {
        if !self.noted.contains_key(&key) {
            self.noted.insert(key.clone(), ());
            self.uses.note(key, clock::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_written_gives_way_to_what_is_younger() {
        let uses = Uses::default();
        let (first, second) = (clock::now(), clock::now() + chrono::Duration::seconds(1));
        uses.note("a", first);
        uses.note("b", first);
        let unwritten = uses.take();
        assert!(uses.take().is_empty());
        uses.note("a", second);
        uses.give_back(unwritten);
        assert_eq!(uses.take(), HashMap::from([("a", second), ("b", first)]));
    }

    #[test]
    fn a_rare_use_is_noted_once_in_a_while() {
        let rare = RareUses::default();
        rare.note(1);
        assert_eq!(rare.uses.take().len(), 1);
        rare.note(1);
        rare.note(2);
        assert!(rare.uses.take().into_keys().eq([2]));
    }
}
