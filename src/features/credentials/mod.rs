//! Who is asking: access tokens and keys, and the Caller that each of them yields.

mod browsers;
mod known;
mod model;
mod sessions;
mod store;

pub use browsers::{BROWSER, close_browser, open_browser};
pub use known::{Known, Who, ended};
pub use model::{Caller, Kind, Listed, NewCredential, Scope};
pub use sessions::{
    ACCESS, Session, Shown, Tokens, end_session, issue, owner, refresh, renew, session_of, shown,
    sign_in,
};

use std::sync::OnceLock;

use chrono::{DateTime, Duration, Utc};
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    features::lenient,
    platform::{
        clock,
        database::Db,
        ids,
        outbox::{Event, Outbox},
    },
};

/// A credential is gone: no instance may go on knowing it.
pub const REVOKED: &str = "credential.revoked";
/// Detail of that event where every credential of the user is meant.
const ALL: &str = "all";

/// How long a credential is remembered that has expired.
const REMEMBERED: Duration = Duration::days(1);

/// Longest name of a key, in characters.
pub const MAXIMUM_NAME: usize = 200;

/// A credential that was just made. `secret` is shown once and never stored.
pub struct Created {
    pub secret: String,
    pub listed: Listed,
}

/// Makes a credential that does not expire.
pub async fn create(db: &Db, new: NewCredential<'_>) -> Result<Created> {
    let name = new.name.trim();
    if name.is_empty() {
        return Err(Error::invalid("name", "Key name cannot be empty"));
    }
    lenient::at_most("name", name, MAXIMUM_NAME)?;
    let scopes =
        (new.kind == Kind::Developer).then(|| new.scopes.unwrap_or_else(|| Scope::READ.to_vec()));
    let id = ids::new();
    let now = clock::now();
    let row = store::NewRow {
        uid: new.uid,
        id,
        kind: new.kind,
        name,
        scopes: scopes.as_deref(),
        app_id: new.app,
        session_id: None,
        expires_at: None,
        now,
    };
    let mut tx = db.begin().await?;
    let secret = store::insert(&mut tx, row).await?;
    tx.commit().await?;
    Ok(Created {
        secret: secret.whole,
        listed: Listed {
            id,
            name: name.into(),
            prefix: secret.prefix,
            scopes: scopes.map(|scopes| scopes.iter().map(Scope::to_string).collect()),
            created_at: now,
            last_used_at: None,
        },
    })
}

/// Keys of one kind, newest first. `app`: of that app, None: of none.
pub async fn list(db: &Db, uid: &str, kind: Kind, app: Option<Uuid>) -> Result<Vec<Listed>> {
    Ok(store::list(db, uid, kind, app).await?)
}

/// Which credentials of a user are meant.
#[derive(Clone, Copy)]
pub enum Which {
    /// Of one kind; of an app's keys, those of that app.
    Kind(Kind, Option<Uuid>),
    Any,
}

/// Ends a credential at once, on every instance. False: there was none.
pub async fn revoke(
    db: &Db,
    outbox: &Outbox,
    known: &Known,
    uid: &str,
    which: Which,
    id: Uuid,
) -> Result<bool> {
    let (kind, app) = match which {
        Which::Kind(kind, app) => (Some(kind), app),
        Which::Any => (None, None),
    };
    let mut tx = db.begin().await?;
    if !store::delete(&mut tx, uid, kind, app, id).await? {
        return Ok(false);
    }
    outbox.publish(&mut tx, &revoked(uid, id)).await?;
    tx.commit().await?;
    known.forget();
    Ok(true)
}

/// Ends every credential of a user on every instance, as soon as `tx` commits; on this one after `Known::forget`.
pub async fn revoke_all(
    tx: &mut Transaction<'_, Postgres>,
    outbox: &Outbox,
    uid: &str,
) -> Result<()> {
    store::delete_all(tx, uid).await?;
    let event = Event {
        detail: ALL.into(),
        ..revoked(uid, ids::new())
    };
    Ok(outbox.publish(tx, &event).await?)
}

/// What tells every instance to look up its callers again. `id`: of the credential, or of the sign-in that ended.
fn revoked(uid: &str, id: Uuid) -> Event {
    Event {
        topic: REVOKED.into(),
        uid: uid.into(),
        id,
        detail: serde_json::Value::Null,
    }
}

/// Comes when a credential is revoked; not when it merely expires, whatever is forgotten of it later.
pub async fn until_revoked(db: &Db, known: &Known, uid: &str, id: Uuid) {
    let seen: &OnceLock<Option<DateTime<Utc>>> = &OnceLock::new();
    let counts = || async move {
        if let Some(end) = store::end(db, uid, id).await? {
            seen.get_or_init(|| end);
            return Ok(true);
        }
        let end = seen.get().copied().flatten();
        Ok(end.is_some_and(|end| end + REMEMBERED <= clock::now()))
    };
    ended(known, uid, counts).await;
}

/// Every credential of a user that counts, newest first, with its kind; not those that sign-ins gave.
pub async fn list_all(db: &Db, uid: &str) -> Result<Vec<(String, Listed)>> {
    Ok(store::list_all(db, uid).await?)
}

/// Forgets what has long expired.
pub async fn purge(db: &Db) -> Result<()> {
    Ok(store::purge(db, clock::now() - REMEMBERED).await?)
}
