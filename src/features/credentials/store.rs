//! SQL of credentials.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool, Result};
use uuid::Uuid;

use super::{Kind, Scope};

pub struct Row {
    pub uid: String,
    pub id: Uuid,
    pub kind: String,
    pub scopes: Option<Vec<String>>,
    pub expires_at: Option<DateTime<Utc>>,
    pub last_used_at: Option<DateTime<Utc>>,
}

#[allow(clippy::too_many_arguments)]
pub async fn insert(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    kind: Kind,
    name: &str,
    prefix: &str,
    scopes: Option<&[Scope]>,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<()> {
    let scopes: Option<Vec<String>> =
        scopes.map(|scopes| scopes.iter().map(Scope::to_string).collect());
    sqlx::query!(
        "insert into credentials (uid, id, kind, name, prefix, scopes, created_at) values ($1, $2, $3, $4, $5, $6, $7)",
        uid,
        id,
        kind.as_str(),
        name,
        prefix,
        scopes.as_deref(),
        now
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "insert into credential_hashes (hash, uid, id) values ($1, $2, $3)",
        hash,
        uid,
        id
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn find(db: &PgPool, hash: &[u8]) -> Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select c.uid, c.id, c.kind, c.scopes, c.expires_at, c.last_used_at
         from credential_hashes h join credentials c on c.uid = h.uid and c.id = h.id
         where h.hash = $1",
        hash
    )
    .fetch_optional(db)
    .await
}

pub async fn touch(db: &PgPool, used: &HashMap<(String, Uuid), DateTime<Utc>>) -> Result<()> {
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
