//! What users come with: noted in memory as requests pass, and written soon after.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use moka::sync::Cache;

use super::store;
use crate::{
    error::Result,
    platform::{clock, database::Db},
};

/// The words that Omi's apps use.
const KNOWN: [&str; 7] = [
    "android", "fuchsia", "ios", "linux", "macos", "web", "windows",
];
/// How exact the last use is.
const EVERY: Duration = Duration::from_secs(600);
const MOST: u64 = 20_000;

/// By uid and platform.
type Uses = HashMap<(String, &'static str), DateTime<Utc>>;

#[derive(Clone)]
pub struct Platforms {
    noted: Cache<(String, &'static str), ()>,
    unwritten: Arc<Mutex<Uses>>,
}

impl Default for Platforms {
    fn default() -> Self {
        Self {
            noted: Cache::builder()
                .max_capacity(MOST)
                .time_to_live(EVERY)
                .build(),
            unwritten: Arc::default(),
        }
    }
}

impl Platforms {
    /// `word`: what an app says that it runs on. One that is not known is passed over.
    pub fn note(&self, uid: &str, word: &str) {
        let Some(platform) = KNOWN.into_iter().find(|known| *known == word) else {
            return;
        };
        let key = (uid.to_string(), platform);
        if !self.noted.contains_key(&key) {
            self.noted.insert(key.clone(), ());
            self.unwritten().insert(key, clock::now());
        }
    }

    /// Writes what has gathered; after a failure it is kept for the next time.
    async fn write(&self, db: &Db) -> Result<()> {
        let gathered = std::mem::take(&mut *self.unwritten());
        if gathered.is_empty() {
            return Ok(());
        }
        if let Err(error) = store::note_platforms(db, &gathered).await {
            let mut unwritten = self.unwritten();
            for (key, at) in gathered {
                unwritten.entry(key).or_insert(at);
            }
            return Err(error.into());
        }
        Ok(())
    }

    fn unwritten(&self) -> MutexGuard<'_, Uses> {
        self.unwritten
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes every few seconds, for as long as the server runs.
    pub async fn write_forever(self, db: Db) {
        loop {
            tokio::time::sleep(Duration::from_secs(3)).await;
            if let Err(error) = self.write(&db).await {
                tracing::warn!(%error, "what users came with could not be noted");
            }
        }
    }
}
