//! SQL of words that come later.

use chrono::{DateTime, Duration, Utc};
use sqlx::{PgConnection, Result};
use uuid::Uuid;

/// Id, start, and whether it was discarded.
type Found = (Uuid, DateTime<Utc>, bool);

pub async fn lock_one(tx: &mut PgConnection, uid: &str, id: Uuid) -> Result<Option<Found>> {
    let row = sqlx::query!(
        "select id, started_at, discarded from conversations
         where uid = $1 and id = $2 and status <> 'merging'
         for update",
        uid,
        id
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| (row.id, row.started_at, row.discarded)))
}

/// Of those that were heard and reach to within `near` of that time. One that nothing was said in yet does not count.
pub async fn lock_nearest(
    tx: &mut PgConnection,
    uid: &str,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    near: Duration,
) -> Result<Option<Found>> {
    let row = sqlx::query!(
        "select id, started_at, discarded from conversations c
         where uid = $1 and status <> 'merging' and started_at <= $5 and finished_at >= $4
           and source not in ('external_integration', 'workflow', 'screenpipe')
           and exists (select 1 from transcript_segments s where s.uid = $1 and s.conversation_id = c.id)
         order by least(abs(extract(epoch from started_at - $2)), abs(extract(epoch from finished_at - $3))), id
         limit 1
         for update",
        uid,
        from,
        to,
        from - near,
        to + near
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| (row.id, row.started_at, row.discarded)))
}

pub async fn spans(tx: &mut PgConnection, uid: &str, id: Uuid) -> Result<Vec<(f64, f64)>> {
    let rows = sqlx::query!(
        "select start_seconds, end_seconds from transcript_segments
         where uid = $1 and conversation_id = $2
         order by start_seconds",
        uid,
        id
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.start_seconds, row.end_seconds))
        .collect())
}

/// False: it is open, or waits anyway.
pub async fn wait_again(tx: &mut PgConnection, uid: &str, id: Uuid) -> Result<bool> {
    let done = sqlx::query!(
        "update conversations
         set status = 'processing', processing_attempts = 0, processing_error = null, updated_at = now()
         where uid = $1 and id = $2 and status in ('completed', 'failed')",
        uid,
        id
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
