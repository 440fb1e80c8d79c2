//! What users come with: noted in memory as requests pass, and written soon after.

use std::time::Duration;

use super::store;
use crate::{
    error::Result,
    platform::{database::Db, uses::RareUses},
};

/// The words that Omi's apps use.
const KNOWN: [&str; 7] = [
    "android", "fuchsia", "ios", "linux", "macos", "web", "windows",
];

/// By uid and platform.
#[derive(Clone, Default)]
pub struct Platforms(RareUses<(String, &'static str)>);

impl Platforms {
    /// `word`: what an app says that it runs on. One that is not known is passed over.
    pub fn note(&self, uid: &str, word: &str) {
        let Some(platform) = KNOWN.into_iter().find(|known| *known == word) else {
            return;
        };
        self.0.note((uid.to_string(), platform));
    }

    /// Writes what has gathered; after a failure it is kept for the next time.
    async fn write(&self, db: &Db) -> Result<()> {
        let gathered = self.0.uses.take();
        if gathered.is_empty() {
            return Ok(());
        }
        let written = store::note_platforms(db, &gathered).await;
        if written.is_err() {
            self.0.uses.give_back(gathered);
        }
        Ok(written?)
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
