//! SQL of credentials.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Result};
use uuid::Uuid;

use super::{Kind, Listed, Scope};
use crate::platform::{database::Db, secrets};

pub struct Row {
    pub uid: String,
    pub id: Uuid,
    pub kind: String,
    pub scopes: Option<Vec<String>>,
    pub app_id: Option<Uuid>,
    pub expires_at: Option<DateTime<Utc>>,
    pub last_used_at: Option<DateTime<Utc>>,
}

pub struct NewRow<'a> {
    pub uid: &'a str,
    pub id: Uuid,
    pub kind: Kind,
    pub name: &'a str,
    pub scopes: Option<&'a [Scope]>,
    pub app_id: Option<Uuid>,
    pub session_id: Option<Uuid>,
    pub expires_at: Option<DateTime<Utc>>,
    pub now: DateTime<Utc>,
}

pub struct Secret {
    pub whole: String,
    /// Of it, as lists show it.
    pub prefix: String,
}

/// Makes its secret, which is told once: only its hash is kept.
pub async fn insert(tx: &mut PgConnection, row: NewRow<'_>) -> Result<Secret> {
    let random = secrets::random_hex(row.kind.random_bytes());
    let prefix = row.kind.shown(&random);
    let scopes: Option<Vec<String>> = row
        .scopes
        .map(|scopes| scopes.iter().map(Scope::to_string).collect());
    sqlx::query!(
        "insert into credentials (uid, id, kind, name, prefix, scopes, app_id, session_id, expires_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        row.uid,
        row.id,
        row.kind.as_str(),
        row.name,
        prefix,
        scopes.as_deref(),
        row.app_id,
        row.session_id,
        row.expires_at,
        row.now
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "insert into credential_hashes (hash, uid, id) values ($1, $2, $3)",
        &secrets::fingerprint(&random),
        row.uid,
        row.id
    )
    .execute(tx)
    .await?;
    Ok(Secret {
        whole: format!("{}{random}", row.kind.prefix()),
        prefix,
    })
}

pub async fn find(db: &Db, hash: &[u8]) -> Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select c.uid, c.id, c.kind, c.scopes, c.app_id, c.expires_at, c.last_used_at
         from credential_hashes h join credentials c on c.uid = h.uid and c.id = h.id
         where h.hash = $1",
        hash
    )
    .fetch_optional(db)
    .await
}

/// None: there is no such credential. Some(None): it does not expire.
pub async fn end(db: &Db, uid: &str, id: Uuid) -> Result<Option<Option<DateTime<Utc>>>> {
    sqlx::query_scalar!(
        "select expires_at from credentials where uid = $1 and id = $2",
        uid,
        id
    )
    .fetch_optional(db)
    .await
}

/// Newest first. `app_id` None: those of no app.
pub async fn list(db: &Db, uid: &str, kind: Kind, app_id: Option<Uuid>) -> Result<Vec<Listed>> {
    sqlx::query_as!(
        Listed,
        "select id, name, prefix, scopes, created_at, last_used_at
         from credentials
         where uid = $1 and kind = $2 and app_id is not distinct from $3
         order by created_at desc, id desc",
        uid,
        kind.as_str(),
        app_id
    )
    .fetch_all(db)
    .await
}

/// With the kind of each; not those of sign-ins, which end by themselves.
pub async fn list_all(db: &Db, uid: &str) -> Result<Vec<(String, Listed)>> {
    let rows = sqlx::query!(
        "select kind, id, name, prefix, scopes, created_at, last_used_at
         from credentials
         where uid = $1 and session_id is null
         order by created_at desc, id desc",
        uid
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let listed = Listed {
                id: row.id,
                name: row.name,
                prefix: row.prefix,
                scopes: row.scopes,
                created_at: row.created_at,
                last_used_at: row.last_used_at,
            };
            (row.kind, listed)
        })
        .collect())
}

/// False: there is none of that kind, or it is of another app. `kind` None: any, of any app.
pub async fn delete(
    tx: &mut PgConnection,
    uid: &str,
    kind: Option<Kind>,
    app_id: Option<Uuid>,
    id: Uuid,
) -> Result<bool> {
    let done = sqlx::query!(
        "delete from credentials
         where uid = $1 and id = $4 and ($2::text is null or (kind = $2 and app_id is not distinct from $3))",
        uid,
        kind.map(Kind::as_str),
        app_id,
        id
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A token of a session that nobody else exchanges until the transaction ends.
pub struct Held {
    pub uid: String,
    pub id: Uuid,
    pub session_id: Option<Uuid>,
    pub expires_at: Option<DateTime<Utc>>,
    pub used_at: Option<DateTime<Utc>>,
}

/// Whose a credential is.
pub async fn owner(tx: &mut PgConnection, hash: &[u8]) -> Result<Option<String>> {
    sqlx::query_scalar!("select uid from credential_hashes where hash = $1", hash)
        .fetch_optional(tx)
        .await
}

pub async fn lock(tx: &mut PgConnection, hash: &[u8], kind: Kind) -> Result<Option<Held>> {
    sqlx::query_as!(
        Held,
        "select c.uid, c.id, c.session_id, c.expires_at, c.used_at
         from credential_hashes h join credentials c on c.uid = h.uid and c.id = h.id
         where h.hash = $1 and c.kind = $2
         for update of c",
        hash,
        kind.as_str()
    )
    .fetch_optional(tx)
    .await
}

pub async fn use_refresh(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update credentials set used_at = coalesce(used_at, $3) where uid = $1 and id = $2",
        uid,
        id,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn delete_session(tx: &mut PgConnection, uid: &str, session_id: Uuid) -> Result<()> {
    sqlx::query!(
        "delete from credentials where uid = $1 and session_id = $2",
        uid,
        session_id
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn delete_all(tx: &mut PgConnection, uid: &str) -> Result<()> {
    sqlx::query!("delete from credentials where uid = $1", uid)
        .execute(tx)
        .await?;
    Ok(())
}

/// Forgets what expired before.
pub async fn purge(db: &Db, before: DateTime<Utc>) -> Result<()> {
    sqlx::query!("delete from credentials where expires_at < $1", before)
        .execute(db)
        .await?;
    Ok(())
}

pub async fn touch(db: &Db, used: &HashMap<(String, Uuid), DateTime<Utc>>) -> Result<()> {
    let mut uids = Vec::new();
    let mut ids = Vec::new();
    let mut times = Vec::new();
    for ((uid, id), time) in used {
        uids.push(uid.clone());
        ids.push(*id);
        times.push(*time);
    }
    sqlx::query!(
        "update credentials c set last_used_at = used.at
         from unnest($1::text[], $2::uuid[], $3::timestamptz[]) as used (uid, id, at)
         where c.uid = used.uid and c.id = used.id",
        &uids,
        &ids,
        &times
    )
    .execute(db)
    .await?;
    Ok(())
}
