//! Sessions: a short-lived access token, and a refresh token for the next one. A person has one for each sign-in, an assistant
//! one for what a user allows it.

use chrono::{DateTime, Duration, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::{Kind, Known, Scope, revoked, store};
use crate::{
    error::{Error, Result},
    platform::{clock, database::Db, ids, outbox::Outbox, secrets},
};

/// How long an access token of a session counts.
pub const ACCESS: Duration = Duration::hours(1);
/// How long a refresh token waits to be exchanged.
const REFRESH: Duration = Duration::days(60);

const REFUSED: Error = Error::Unauthenticated("Invalid or expired refresh token. Sign in again.");

/// Whose sessions they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    Person,
    Assistant,
}

impl Session {
    fn access(self) -> Kind {
        match self {
            Self::Person => Kind::User,
            Self::Assistant => Kind::Connector,
        }
    }

    fn refresh(self) -> Kind {
        match self {
            Self::Person => Kind::Refresh,
            Self::Assistant => Kind::ConnectorRefresh,
        }
    }

    /// As the table of credentials names its tokens.
    fn name(self) -> &'static str {
        match self {
            Self::Person => "sign-in",
            Self::Assistant => "assistant",
        }
    }

    /// An exchange whose answer was lost may be repeated for so long. None: never.
    fn repeatable(self) -> Option<Duration> {
        match self {
            Self::Person => Some(Duration::minutes(1)),
            Self::Assistant => None,
        }
    }
}

pub struct Tokens {
    pub uid: String,
    pub access: String,
    pub refresh: String,
}

/// Tokens for a user who has shown who they are.
pub async fn sign_in(db: &Db, uid: &str) -> Result<Tokens> {
    let mut tx = db.begin().await?;
    let now = clock::now();
    let tokens = issue(&mut tx, Session::Person, uid, ids::new(), None, now).await?;
    tx.commit().await?;
    Ok(tokens)
}

/// Exchanges a person's refresh token, once. One that comes again later was stolen, or its successor was: the whole sign-in ends.
pub async fn refresh(
    db: &Db,
    outbox: &Outbox,
    known: &Known,
    secret: &SecretString,
) -> Result<Tokens> {
    let now = clock::now();
    let mut tx = db.begin().await?;
    let Some(token) = shown(&mut tx, Session::Person, secret, now).await? else {
        return Err(REFUSED);
    };
    if token.came_twice {
        end_session(&mut tx, outbox, &token.uid, token.session_id).await?;
        tx.commit().await?;
        known.forget();
        tracing::warn!(
            uid = token.uid,
            "a refresh token came twice: its sign-in was ended"
        );
        return Err(REFUSED);
    }
    let tokens = renew(&mut tx, Session::Person, &token, None, now).await?;
    tx.commit().await?;
    Ok(tokens)
}

/// A refresh token that nobody else exchanges until the transaction ends.
pub struct Shown {
    pub uid: String,
    pub session_id: Uuid,
    /// It was exchanged before: it was stolen, or its successor was.
    pub came_twice: bool,
    id: Uuid,
}

/// None: it is unknown, of another kind, or has expired.
pub async fn shown(
    tx: &mut PgConnection,
    session: Session,
    secret: &SecretString,
    now: DateTime<Utc>,
) -> Result<Option<Shown>> {
    let Some(held) = held(tx, secret, &[session.refresh()]).await? else {
        return Ok(None);
    };
    if held.expires_at.is_some_and(|end| end <= now) {
        return Ok(None);
    }
    let came_twice = match session.repeatable() {
        Some(grace) => held.used_at.is_some_and(|used| now - used > grace),
        None => held.used_at.is_some(),
    };
    Ok(held.session_id.map(|session_id| Shown {
        uid: held.uid,
        session_id,
        came_twice,
        id: held.id,
    }))
}

/// The user of a token of either kind. Nothing is held yet.
pub async fn owner(
    tx: &mut PgConnection,
    session: Session,
    secret: &SecretString,
) -> Result<Option<String>> {
    match Kind::of_secret(secret.expose_secret()) {
        Some((kind, random)) if kind == session.access() || kind == session.refresh() => {
            Ok(store::owner(tx, &secrets::fingerprint(random)).await?)
        }
        _ => Ok(None),
    }
}

async fn held(
    tx: &mut PgConnection,
    secret: &SecretString,
    kinds: &[Kind],
) -> Result<Option<store::Held>> {
    match Kind::of_secret(secret.expose_secret()) {
        Some((kind, random)) if kinds.contains(&kind) => {
            Ok(store::lock(tx, &secrets::fingerprint(random), kind).await?)
        }
        _ => Ok(None),
    }
}

/// The session of a token of either kind, which may have expired.
pub async fn session_of(
    tx: &mut PgConnection,
    session: Session,
    secret: &SecretString,
) -> Result<Option<Uuid>> {
    let kinds = [session.access(), session.refresh()];
    let held = held(tx, secret, &kinds).await?;
    Ok(held.and_then(|held| held.session_id))
}

/// Uses a refresh token up and gives the next pair.
pub async fn renew(
    tx: &mut PgConnection,
    session: Session,
    token: &Shown,
    scopes: Option<&[Scope]>,
    now: DateTime<Utc>,
) -> Result<Tokens> {
    store::use_refresh(tx, &token.uid, token.id, now).await?;
    issue(tx, session, &token.uid, token.session_id, scopes, now).await
}

/// `scopes`: of an assistant's access token.
pub async fn issue(
    tx: &mut PgConnection,
    session: Session,
    uid: &str,
    session_id: Uuid,
    scopes: Option<&[Scope]>,
    now: DateTime<Utc>,
) -> Result<Tokens> {
    let mut one = async |kind: Kind, lifetime: Duration, scopes: Option<&[Scope]>| {
        let row = store::NewRow {
            uid,
            id: ids::new(),
            kind,
            name: session.name(),
            scopes,
            app_id: None,
            session_id: Some(session_id),
            expires_at: Some(now + lifetime),
            now,
        };
        Ok::<_, Error>(store::insert(&mut *tx, row).await?.whole)
    };
    let access = one(session.access(), ACCESS, scopes).await?;
    let refresh = one(session.refresh(), REFRESH, None).await?;
    Ok(Tokens {
        uid: uid.into(),
        access,
        refresh,
    })
}

/// Ends all tokens of a session on every instance, as soon as `tx` commits; on this one after `Known::forget`.
pub async fn end_session(
    tx: &mut Transaction<'_, Postgres>,
    outbox: &Outbox,
    uid: &str,
    session_id: Uuid,
) -> Result<()> {
    store::delete_session(tx, uid, session_id).await?;
    Ok(outbox.publish(tx, &revoked(uid, session_id)).await?)
}
