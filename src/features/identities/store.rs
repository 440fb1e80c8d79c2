//! SQL of identities, and of what waits while somebody signs in.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Result};

use crate::platform::{database::Db, openid::Identity};

/// Whose a code was, and what it was bound to.
pub struct Code {
    pub uid: String,
    pub redirect_uri: String,
    pub provider: String,
    pub challenge: Option<String>,
    pub expires_at: DateTime<Utc>,
}

pub async fn insert_code(db: &Db, hash: &[u8], code: &Code) -> Result<()> {
    sqlx::query!(
        "insert into sign_in_codes (hash, uid, redirect_uri, provider, challenge, expires_at) values ($1, $2, $3, $4, $5, $6)",
        hash,
        code.uid,
        code.redirect_uri,
        code.provider,
        code.challenge,
        code.expires_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gone with it: nobody gets it twice.
pub async fn take_code(db: &Db, hash: &[u8]) -> Result<Option<Code>> {
    sqlx::query_as!(
        Code,
        "delete from sign_in_codes where hash = $1 returning uid, redirect_uri, provider, challenge, expires_at",
        hash
    )
    .fetch_optional(db)
    .await
}

/// What a browser went to a provider for.
pub struct Visit {
    pub uid: Option<String>,
    pub redirect_uri: Option<String>,
    pub app_state: Option<String>,
    pub challenge: Option<String>,
    pub expires_at: DateTime<Utc>,
}

/// `hashes`: of the state, and of the browser.
pub async fn insert_visit(
    db: &Db,
    hashes: &(Vec<u8>, Vec<u8>),
    provider: &str,
    visit: &Visit,
) -> Result<()> {
    sqlx::query!(
        "insert into provider_visits (hash, browser, provider, uid, redirect_uri, app_state, challenge, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        hashes.0,
        hashes.1,
        provider,
        visit.uid,
        visit.redirect_uri,
        visit.app_state,
        visit.challenge,
        visit.expires_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gone with it. Another browser, or another provider, takes none.
pub async fn take_visit(
    db: &Db,
    hashes: &(Vec<u8>, Vec<u8>),
    provider: &str,
) -> Result<Option<Visit>> {
    sqlx::query_as!(
        Visit,
        "delete from provider_visits where hash = $1 and browser = $2 and provider = $3
         returning uid, redirect_uri, app_state, challenge, expires_at",
        hashes.0,
        hashes.1,
        provider
    )
    .fetch_optional(db)
    .await
}

/// Who may link an identity of which provider.
pub struct Ticket {
    pub uid: String,
    pub provider: String,
    pub expires_at: DateTime<Utc>,
}

pub async fn insert_ticket(
    db: &Db,
    uid: &str,
    hash: &[u8],
    provider: &str,
    expires_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into link_tickets (hash, uid, provider, expires_at) values ($1, $2, $3, $4)",
        hash,
        uid,
        provider,
        expires_at
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn ticket(db: &Db, hash: &[u8]) -> Result<Option<Ticket>> {
    sqlx::query_as!(
        Ticket,
        "select uid, provider, expires_at from link_tickets where hash = $1",
        hash
    )
    .fetch_optional(db)
    .await
}

/// Gone with it.
pub async fn take_ticket(db: &Db, hash: &[u8]) -> Result<Option<Ticket>> {
    sqlx::query_as!(
        Ticket,
        "delete from link_tickets where hash = $1 returning uid, provider, expires_at",
        hash
    )
    .fetch_optional(db)
    .await
}

/// False: the identity is somebody's, or the user has another of that provider.
pub async fn insert(
    db: impl PgExecutor<'_>,
    uid: &str,
    provider: &str,
    identity: &Identity,
    now: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query!(
        "insert into identities (issuer, subject, uid, provider, email, created_at) values ($1, $2, $3, $4, $5, $6)
         on conflict do nothing",
        identity.issuer,
        identity.subject,
        uid,
        provider,
        identity.email,
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn owner(db: &Db, issuer: &str, subject: &str) -> Result<Option<String>> {
    sqlx::query_scalar!(
        "select uid from identities where issuer = $1 and subject = $2",
        issuer,
        subject
    )
    .fetch_optional(db)
    .await
}

pub struct Row {
    pub provider: String,
    pub email: Option<String>,
    pub created_at: DateTime<Utc>,
}

pub async fn list(db: &Db, uid: &str) -> Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select provider, email, created_at from identities where uid = $1 order by created_at, provider",
        uid
    )
    .fetch_all(db)
    .await
}

pub async fn any(tx: &mut PgConnection, uid: &str) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from identities where uid = $1) as "exists!""#,
        uid
    )
    .fetch_one(tx)
    .await
}

/// False: there was none.
pub async fn delete(tx: &mut PgConnection, uid: &str, provider: &str) -> Result<bool> {
    let done = sqlx::query!(
        "delete from identities where uid = $1 and provider = $2",
        uid,
        provider
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// All identities of a user, and all that waits for them.
pub async fn delete_all(tx: &mut PgConnection, uid: &str) -> Result<()> {
    sqlx::query!(
        "with codes as (delete from sign_in_codes where uid = $1),
              visits as (delete from provider_visits where uid = $1),
              tickets as (delete from link_tickets where uid = $1)
         delete from identities where uid = $1",
        uid
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Forgets what expired before.
pub async fn purge(db: &Db, before: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "with visits as (delete from provider_visits where expires_at < $1),
              tickets as (delete from link_tickets where expires_at < $1)
         delete from sign_in_codes where expires_at < $1",
        before
    )
    .execute(db)
    .await?;
    Ok(())
}
