//! SQL of health data.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::Result;

use super::Health;
use crate::platform::database::Db;

pub async fn get(db: &Db, uid: &str) -> Result<Option<Health>> {
    sqlx::query_as!(
        Health,
        "select data, synced_at from apple_health where uid = $1",
        uid
    )
    .fetch_optional(db)
    .await
}

pub async fn put(db: &Db, uid: &str, data: &Value, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "insert into apple_health (uid, data, synced_at) values ($1, $2, $3)
         on conflict (uid) do update set data = $2, synced_at = $3",
        uid,
        data,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Leaves what is there.
pub async fn open(db: &Db, uid: &str, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "insert into apple_health (uid, data, synced_at) values ($1, '{}', $2) on conflict (uid) do nothing",
        uid,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn delete(db: &Db, uid: &str) -> Result<bool> {
    let done = sqlx::query!("delete from apple_health where uid = $1", uid)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}
