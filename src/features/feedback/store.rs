//! SQL of ratings.

use chrono::{DateTime, Utc};
use sqlx::Result;
use uuid::Uuid;

use crate::platform::database::Db;

/// That a summary was seen does not take a rating away.
pub async fn rate_summary(
    db: &Db,
    uid: &str,
    conversation: Uuid,
    value: i16,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into summary_ratings as r (uid, conversation_id, value, rated_at)
         select uid, id, $3, $4 from conversations where uid = $1 and id = $2
         on conflict (uid, conversation_id) do update set value = $3, rated_at = $4 where $3 <> -1",
        uid,
        conversation,
        value,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn of_summary(db: &Db, uid: &str, conversation: Uuid) -> Result<Option<i16>> {
    sqlx::query_scalar!(
        "select value from summary_ratings where uid = $1 and conversation_id = $2",
        uid,
        conversation
    )
    .fetch_optional(db)
    .await
}
