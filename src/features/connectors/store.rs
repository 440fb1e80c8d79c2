//! SQL of clients, codes and what users allow.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Result};
use uuid::Uuid;

use super::clients::Client;
use crate::platform::database::Db;

pub async fn insert_client(
    db: &Db,
    client: &Client,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into connector_clients (id, name, redirect_uris, secret_hash, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6)",
        client.id,
        client.name,
        &client.redirect_uris,
        client.secret_hash,
        now,
        expires_at
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn client(db: &Db, id: Uuid) -> Result<Option<Client>> {
    sqlx::query_as!(
        Client,
        "select id, name, redirect_uris, secret_hash from connector_clients where id = $1",
        id
    )
    .fetch_optional(db)
    .await
}

/// Writes once a day at most.
pub async fn keep_client(tx: &mut PgConnection, id: Uuid, until: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "update connector_clients set expires_at = $2 where id = $1 and expires_at + interval '1 day' < $2",
        id,
        until
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub struct NewCode<'a> {
    pub hash: &'a [u8],
    pub uid: &'a str,
    pub client_id: Uuid,
    pub redirect_uri: &'a str,
    pub challenge: &'a str,
    pub scopes: &'a [String],
    pub expires_at: DateTime<Utc>,
}

pub async fn insert_code(db: &Db, code: NewCode<'_>) -> Result<()> {
    sqlx::query!(
        "insert into connector_codes (hash, uid, client_id, redirect_uri, challenge, scopes, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        code.hash,
        code.uid,
        code.client_id,
        code.redirect_uri,
        code.challenge,
        code.scopes,
        code.expires_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Whose a code is, and all that it is bound to.
pub struct Code {
    pub uid: String,
    pub client_id: Uuid,
    pub redirect_uri: String,
    pub challenge: String,
    pub scopes: Vec<String>,
    pub expires_at: DateTime<Utc>,
    pub used_at: Option<DateTime<Utc>>,
    pub grant_id: Option<Uuid>,
}

/// Nobody else exchanges it until the transaction ends.
pub async fn lock_code(tx: &mut PgConnection, hash: &[u8]) -> Result<Option<Code>> {
    sqlx::query_as!(
        Code,
        "select uid, client_id, redirect_uri, challenge, scopes, expires_at, used_at, grant_id
         from connector_codes where hash = $1
         for update",
        hash
    )
    .fetch_optional(tx)
    .await
}

pub async fn use_code(
    tx: &mut PgConnection,
    hash: &[u8],
    now: DateTime<Utc>,
    grant: Option<Uuid>,
) -> Result<()> {
    sqlx::query!(
        "update connector_codes set used_at = $2, grant_id = $3 where hash = $1",
        hash,
        now,
        grant
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub struct NewGrant<'a> {
    pub uid: &'a str,
    pub id: Uuid,
    pub client: &'a Client,
    pub redirect_uri: &'a str,
    pub scopes: &'a [String],
    pub now: DateTime<Utc>,
}

pub async fn insert_grant(tx: &mut PgConnection, grant: NewGrant<'_>) -> Result<()> {
    sqlx::query!(
        "insert into connector_grants (uid, id, client_id, name, redirect_uri, scopes, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        grant.uid,
        grant.id,
        grant.client.id,
        grant.client.name,
        grant.redirect_uri,
        grant.scopes,
        grant.now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub struct Grant {
    pub client_id: Uuid,
    pub scopes: Vec<String>,
}

pub async fn grant(tx: &mut PgConnection, uid: &str, id: Uuid) -> Result<Option<Grant>> {
    sqlx::query_as!(
        Grant,
        "select client_id, scopes from connector_grants where uid = $1 and id = $2",
        uid,
        id
    )
    .fetch_optional(tx)
    .await
}

pub async fn scopes_of_client(db: &Db, uid: &str, client_id: Uuid) -> Result<Option<Vec<String>>> {
    sqlx::query_scalar!(
        "select scopes from connector_grants where uid = $1 and client_id = $2",
        uid,
        client_id
    )
    .fetch_optional(db)
    .await
}

pub struct Listed {
    pub id: Uuid,
    pub name: String,
    pub redirect_uri: String,
    pub scopes: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
}

/// An access token is forgotten soon after it has expired; the refresh token that came with the next one stays longer.
pub async fn list(db: &Db, uid: &str) -> Result<Vec<Listed>> {
    sqlx::query_as!(
        Listed,
        "select g.id, g.name, g.redirect_uri, g.scopes, g.created_at,
                max(greatest(c.last_used_at, c.used_at)) as last_used_at
         from connector_grants g left join credentials c on c.uid = g.uid and c.session_id = g.id
         where g.uid = $1
         group by g.uid, g.id
         order by g.created_at desc, g.id desc",
        uid
    )
    .fetch_all(db)
    .await
}

/// False: there is none.
pub async fn delete(tx: &mut PgConnection, uid: &str, id: Uuid) -> Result<bool> {
    let done = sqlx::query!(
        "delete from connector_grants where uid = $1 and id = $2",
        uid,
        id
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn delete_of_client(
    tx: &mut PgConnection,
    uid: &str,
    client_id: Uuid,
) -> Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "delete from connector_grants where uid = $1 and client_id = $2 returning id",
        uid,
        client_id
    )
    .fetch_optional(tx)
    .await
}

pub async fn delete_all(tx: &mut PgConnection, uid: &str) -> Result<()> {
    sqlx::query!(
        "with codes as (delete from connector_codes where uid = $1)
         delete from connector_grants where uid = $1",
        uid
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// `codes_before`: those that expired earlier.
pub async fn purge(db: &Db, now: DateTime<Utc>, codes_before: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "with codes as (delete from connector_codes where expires_at < $2),
              clients as (delete from connector_clients where expires_at < $1)
         delete from connector_grants g
         where not exists (select from credentials c where c.uid = g.uid and c.session_id = g.id)",
        now,
        codes_before
    )
    .execute(db)
    .await?;
    Ok(())
}
