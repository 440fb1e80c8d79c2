//! Credentials that were looked up a moment ago, so that a request needs no statement to know its caller.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use moka::sync::Cache;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::{ALL, Caller, Kind, REVOKED, Scope, store};
use crate::{
    error::Result,
    platform::{clock, database::Db, outbox::Notice, secrets, uses::Uses},
};

/// How long a look-up counts. A revocation ends it at once; this bounds what a lost notification may cost.
const KNOWN_FOR: Duration = Duration::from_secs(30);
const MOST: u64 = 20_000;
/// `last_used_at` is exact to this.
const USE_EVERY_SECONDS: i64 = 60;

struct Entry {
    caller: Caller,
    expires_at: Option<DateTime<Utc>>,
    /// Epoch seconds of the use that was noted last.
    noted: AtomicI64,
}

/// Who is behind a secret.
pub enum Who {
    Caller(Caller),
    /// Somebody, whose secret does not open anything (any more).
    NotNow,
    /// The secret was made up, revoked, or expired long ago.
    Nobody,
}

/// What is told to whoever goes on for longer than a request.
#[derive(Clone, Debug)]
enum Revoked {
    /// Some credential of this user.
    Some(String),
    /// All of them.
    All(String),
    /// Perhaps something, of anybody.
    Perhaps,
}

#[derive(Clone)]
pub struct Known {
    entries: Cache<Vec<u8>, Arc<Entry>>,
    /// Raised when something is revoked: a look-up that began before does not count.
    revocations: Arc<AtomicU64>,
    revoked: broadcast::Sender<Revoked>,
    pub last_used: LastUsed,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            entries: Cache::builder()
                .max_capacity(MOST)
                .time_to_live(KNOWN_FOR)
                .build(),
            revocations: Arc::default(),
            revoked: broadcast::channel(256).0,
            last_used: LastUsed::default(),
        }
    }
}

impl Known {
    /// Who is behind a secret. Reads only: the use is noted later, by `LastUsed`.
    pub async fn authenticate(&self, db: &Db, secret: &str) -> Result<Who> {
        let Some((kind, random)) = Kind::of_secret(secret) else {
            return Ok(Who::Nobody);
        };
        let hash = secrets::fingerprint(random);
        let entry = match self.entries.get(&hash) {
            Some(entry) => entry,
            None => match self.look_up(db, hash).await? {
                Some(entry) => entry,
                None => return Ok(Who::Nobody),
            },
        };
        let now = clock::now();
        if entry.caller.kind != kind {
            return Ok(Who::Nobody);
        }
        if kind.is_for_exchange() || entry.expires_at.is_some_and(|end| end <= now) {
            return Ok(Who::NotNow);
        }
        let seconds = now.timestamp();
        let noted = entry.noted.load(Ordering::Relaxed);
        if seconds - noted > USE_EVERY_SECONDS
            && entry
                .noted
                .compare_exchange(noted, seconds, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            self.last_used
                .note(&entry.caller.uid, entry.caller.credential_id, now);
        }
        Ok(Who::Caller(entry.caller.clone()))
    }

    async fn look_up(&self, db: &Db, hash: Vec<u8>) -> Result<Option<Arc<Entry>>> {
        let before = self.revocations.load(Ordering::SeqCst);
        let Some(row) = store::find(db, &hash).await? else {
            return Ok(None);
        };
        let Some(kind) = Kind::named(&row.kind) else {
            return Ok(None);
        };
        let scopes = match (kind, row.scopes) {
            (Kind::Developer, None) => Scope::READ.into(),
            (Kind::Developer | Kind::Connector, Some(names)) => {
                names.iter().filter_map(|name| name.parse().ok()).collect()
            }
            (Kind::User | Kind::Mcp | Kind::Browser, _) => Scope::ALL.into(),
            (Kind::App | Kind::Refresh | Kind::Connector | Kind::ConnectorRefresh, _) => {
                Arc::new([]) as Arc<[Scope]>
            }
        };
        let entry = Arc::new(Entry {
            caller: Caller {
                uid: row.uid.into(),
                credential_id: row.id,
                kind,
                scopes,
                app: row.app_id,
            },
            expires_at: row.expires_at,
            noted: AtomicI64::new(row.last_used_at.map_or(0, |at| at.timestamp())),
        });
        self.entries.insert(hash.clone(), entry.clone());
        if self.revocations.load(Ordering::SeqCst) != before {
            self.entries.invalidate(&hash);
        }
        Ok(Some(entry))
    }

    /// Looks everything up again: something was revoked.
    pub fn forget(&self) {
        self.revocations.fetch_add(1, Ordering::SeqCst);
        self.entries.invalidate_all();
    }

    /// Follows what other instances and commands revoke, for as long as the server runs.
    pub async fn follow(self, mut news: broadcast::Receiver<Notice>) {
        loop {
            let revoked = match news.recv().await {
                Ok(Notice::Event(event)) if event.topic != REVOKED => continue,
                Err(broadcast::error::RecvError::Closed) => return,
                Ok(Notice::Event(event)) if event.detail == ALL => Revoked::All(event.uid),
                Ok(Notice::Event(event)) => Revoked::Some(event.uid),
                Ok(Notice::Missed) | Err(broadcast::error::RecvError::Lagged(_)) => {
                    Revoked::Perhaps
                }
            };
            self.forget();
            // Nobody may be waiting for it.
            drop(self.revoked.send(revoked));
        }
    }
}

/// Comes when all credentials of a user are revoked, or one is and `counts` says that it is the one. Asks it at first, too.
pub async fn ended<F: Future<Output = Result<bool>>>(
    known: &Known,
    uid: &str,
    counts: impl Fn() -> F,
) {
    let mut news = known.revoked.subscribe();
    loop {
        match counts().await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                // One of many, while the database is away, which is told elsewhere.
                tracing::debug!(%error, "whether a credential still counts cannot be told yet");
                tokio::time::sleep(Duration::from_secs(2)).await;
                continue;
            }
        }
        loop {
            match news.recv().await {
                Ok(Revoked::All(whose)) if whose == uid => return,
                Ok(Revoked::Some(whose)) if whose == uid => break,
                Ok(Revoked::All(_) | Revoked::Some(_)) => {}
                Ok(Revoked::Perhaps) | Err(broadcast::error::RecvError::Lagged(_)) => break,
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

/// Uses of credentials that are still to be written, so that reading needs no write; by uid and id.
#[derive(Clone, Default)]
pub struct LastUsed(Uses<(String, Uuid)>);

impl LastUsed {
    fn note(&self, uid: &str, id: Uuid, now: DateTime<Utc>) {
        self.0.note((uid.to_string(), id), now);
    }

    /// Writes what has gathered, in one statement; after a failure it is kept for the next time.
    pub async fn write(&self, db: &Db) -> Result<()> {
        let gathered = self.0.take();
        if gathered.is_empty() {
            return Ok(());
        }
        let written = store::touch(db, &gathered).await;
        if written.is_err() {
            self.0.give_back(gathered);
        }
        Ok(written?)
    }

    /// Writes every few seconds, for as long as the server runs.
    pub async fn write_forever(self, db: Db) {
        loop {
            tokio::time::sleep(Duration::from_secs(3)).await;
            if let Err(error) = self.write(&db).await {
                tracing::warn!(%error, "the last use of some keys could not be noted");
            }
        }
    }
}
