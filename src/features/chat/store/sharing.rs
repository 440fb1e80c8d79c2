//! SQL of shared messages.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Result};
use uuid::Uuid;

use crate::platform::database::Db;

pub struct Share {
    pub uid: String,
    pub sender_name: String,
    pub message_ids: Vec<Uuid>,
}

pub async fn forget_expired(tx: &mut PgConnection, uid: &str, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "delete from message_shares where uid = $1 and expires_at <= $2",
        uid,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn insert(
    tx: &mut PgConnection,
    share: &Share,
    token: &str,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "with share as (
             insert into message_shares (uid, token, sender_name, message_ids, created_at, expires_at)
             values ($1, $2, $3, $4, $5, $6) returning token, uid)
         insert into message_share_tokens (token, uid) select token, uid from share",
        share.uid,
        token,
        share.sender_name,
        &share.message_ids,
        now,
        expires_at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// One that has not expired.
pub async fn find(db: &Db, token: &str, now: DateTime<Utc>) -> Result<Option<Share>> {
    sqlx::query_as!(
        Share,
        "select s.uid, s.sender_name, s.message_ids
         from message_share_tokens t join message_shares s on s.uid = t.uid and s.token = t.token
         where t.token = $1 and s.expires_at > $2",
        token,
        now
    )
    .fetch_optional(db)
    .await
}
