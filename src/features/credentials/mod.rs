//! Who is asking: access tokens and keys, and the Caller that each of them yields.

mod model;
mod store;

pub use model::{Caller, Kind, Scope};

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    platform::{clock, ids, secrets},
};

/// A credential that was just made. `secret` is shown once and never stored.
pub struct Created {
    pub id: Uuid,
    pub secret: String,
}

/// Makes a credential of `kind` for `uid`. `scopes` counts for developer keys only: None gives the
/// four read scopes.
pub async fn create(
    db: &PgPool,
    uid: &str,
    kind: Kind,
    name: &str,
    scopes: Option<Vec<Scope>>,
) -> Result<Created> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Error::invalid("name", "Key name cannot be empty"));
    }
    let random = secrets::random_hex(kind.random_bytes());
    let secret = format!("{}{random}", kind.prefix());
    // Enough to tell keys apart in a list, too little to guess one.
    let shown = format!("{}{}", kind.prefix(), &random[..6]);
    let scopes = (kind == Kind::Developer).then(|| scopes.unwrap_or_else(|| Scope::READ.to_vec()));
    let id = ids::new();
    let mut tx = db.begin().await?;
    store::insert(
        &mut tx,
        uid,
        id,
        kind,
        name,
        &shown,
        scopes.as_deref(),
        &secrets::fingerprint(&random),
        clock::now(),
    )
    .await?;
    tx.commit().await?;
    Ok(Created { id, secret })
}

/// The caller behind a secret, or None if nobody is. Reads only: the use is noted later, by `LastUsed`.
pub async fn authenticate(
    db: &PgPool,
    last_used: &LastUsed,
    secret: &str,
) -> Result<Option<Caller>> {
    let Some((kind, random)) = Kind::of_secret(secret) else {
        return Ok(None);
    };
    let Some(row) = store::find(db, &secrets::fingerprint(random)).await? else {
        return Ok(None);
    };
    let now = clock::now();
    if row.kind != kind.as_str() || row.expires_at.is_some_and(|end| end <= now) {
        return Ok(None);
    }
    last_used.note(&row.uid, row.id, row.last_used_at, now);
    let scopes = match kind {
        Kind::Developer => row.scopes.map_or_else(
            || Scope::READ.to_vec(),
            |names| names.iter().filter_map(|name| name.parse().ok()).collect(),
        ),
        Kind::User | Kind::Mcp => Scope::ALL.to_vec(),
    };
    Ok(Some(Caller {
        uid: row.uid,
        credential_id: row.id,
        kind,
        scopes,
    }))
}

/// Uses of credentials that are still to be written, so that reading needs no write.
#[derive(Clone, Default)]
pub struct LastUsed(Arc<Mutex<Uses>>);

/// When each credential, by uid and id, was last used.
type Uses = HashMap<(String, Uuid), DateTime<Utc>>;

impl LastUsed {
    fn note(&self, uid: &str, id: Uuid, written: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        if written.is_none_or(|then| now - then > chrono::Duration::minutes(1)) {
            self.uses().insert((uid.to_string(), id), now);
        }
    }

    /// Writes what has gathered, in one statement; after a failure it is kept for the next time.
    pub async fn write(&self, db: &PgPool) -> Result<()> {
        let gathered = std::mem::take(&mut *self.uses());
        if gathered.is_empty() {
            return Ok(());
        }
        if let Err(error) = store::touch(db, &gathered).await {
            let mut uses = self.uses();
            for (credential, at) in gathered {
                uses.entry(credential).or_insert(at);
            }
            return Err(error.into());
        }
        Ok(())
    }

    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes every few seconds, for as long as the server runs.
    pub async fn write_forever(self, db: PgPool) {
        loop {
            tokio::time::sleep(Duration::from_secs(3)).await;
            if let Err(error) = self.write(&db).await {
                tracing::warn!(%error, "the last use of some keys could not be noted");
            }
        }
    }
}
