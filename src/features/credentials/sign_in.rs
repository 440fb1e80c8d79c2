//! A person signs in: a short-lived access token, and a refresh token for the next one.

use chrono::{DateTime, Duration, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Kind, Known, revoked, store};
use crate::{
    error::{Error, Result},
    platform::{clock, database::Db, ids, outbox::Outbox, secrets},
};

/// How long an access token of a sign-in counts.
pub const ACCESS: Duration = Duration::hours(1);
/// How long a refresh token waits to be exchanged.
const REFRESH: Duration = Duration::days(60);
/// An exchange whose answer was lost may be repeated for so long.
const REPEATABLE: Duration = Duration::minutes(1);

const REFUSED: Error = Error::Unauthenticated("Invalid or expired refresh token. Sign in again.");

pub struct Tokens {
    pub uid: String,
    pub access: String,
    pub refresh: String,
}

/// Tokens for a user who has shown who they are.
pub async fn sign_in(db: &Db, uid: &str) -> Result<Tokens> {
    let mut tx = db.begin().await?;
    let tokens = issue(&mut tx, uid, ids::new(), clock::now()).await?;
    tx.commit().await?;
    Ok(tokens)
}

/// Exchanges a refresh token, once. One that comes again later was stolen, or its successor was: the whole sign-in ends.
pub async fn refresh(
    db: &Db,
    outbox: &Outbox,
    known: &Known,
    secret: &SecretString,
) -> Result<Tokens> {
    let Some((Kind::Refresh, random)) = Kind::of_secret(secret.expose_secret()) else {
        return Err(REFUSED);
    };
    let now = clock::now();
    let mut tx = db.begin().await?;
    let Some(token) = store::lock_refresh(&mut tx, &secrets::fingerprint(random)).await? else {
        return Err(REFUSED);
    };
    let Some(session_id) = token.session_id else {
        return Err(REFUSED);
    };
    if token.expires_at.is_some_and(|end| end <= now) {
        return Err(REFUSED);
    }
    if token.used_at.is_some_and(|used| now - used > REPEATABLE) {
        store::delete_session(&mut tx, &token.uid, session_id).await?;
        outbox
            .publish(&mut tx, &revoked(&token.uid, session_id))
            .await?;
        tx.commit().await?;
        known.forget();
        tracing::warn!(
            uid = token.uid,
            "a refresh token came twice: its sign-in was ended"
        );
        return Err(REFUSED);
    }
    store::use_refresh(&mut tx, &token.uid, token.id, now).await?;
    let tokens = issue(&mut tx, &token.uid, session_id, now).await?;
    tx.commit().await?;
    Ok(tokens)
}

async fn issue(
    tx: &mut PgConnection,
    uid: &str,
    session_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Tokens> {
    let mut one = async |kind: Kind, lifetime: Duration| {
        let random = secrets::random_hex(kind.random_bytes());
        let row = store::NewRow {
            uid,
            id: ids::new(),
            kind,
            name: "sign-in",
            prefix: &kind.shown(&random),
            scopes: None,
            app_id: None,
            session_id: Some(session_id),
            expires_at: Some(now + lifetime),
            hash: &secrets::fingerprint(&random),
            now,
        };
        store::insert(&mut *tx, row).await?;
        Ok::<_, Error>(format!("{}{random}", kind.prefix()))
    };
    let access = one(Kind::User, ACCESS).await?;
    let refresh = one(Kind::Refresh, REFRESH).await?;
    Ok(Tokens {
        uid: uid.into(),
        access,
        refresh,
    })
}
