//! SQL of push tokens.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Result};

use crate::platform::database::Db;

pub async fn put(
    tx: &mut PgConnection,
    uid: &str,
    device: &str,
    token: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into push_tokens (uid, device, token, updated_at) values ($1, $2, $3, $4)
         on conflict (uid, device) do update set token = $3, updated_at = $4",
        uid,
        device,
        token,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn keep_newest(tx: &mut PgConnection, uid: &str, most: i64) -> Result<()> {
    sqlx::query!(
        "delete from push_tokens where uid = $1 and device in (
             select device from push_tokens where uid = $1 order by updated_at desc, device offset $2)",
        uid,
        most
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn delete_all(db: &Db, uid: &str) -> Result<()> {
    sqlx::query!("delete from push_tokens where uid = $1", uid)
        .execute(db)
        .await?;
    Ok(())
}
