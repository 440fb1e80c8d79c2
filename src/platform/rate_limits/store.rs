//! SQL of rate limits.

use chrono::{DateTime, Utc};
use sqlx::{PgPool, Result};

/// Takes `lease` more of a window; returns all that was ever taken of it.
pub async fn take(
    db: &PgPool,
    uid: &str,
    bucket: &str,
    window_start: DateTime<Utc>,
    lease: i64,
) -> Result<i64> {
    sqlx::query_scalar!(
        "insert into rate_windows (uid, bucket, window_start, taken) values ($1, $2, $3, $4)
         on conflict (uid, bucket, window_start) do update set taken = rate_windows.taken + excluded.taken
         returning taken",
        uid,
        bucket,
        window_start,
        lease
    )
    .fetch_one(db)
    .await
}

/// Gives back what was taken and not used.
pub async fn give_back(
    db: &PgPool,
    uids: &[String],
    buckets: &[String],
    window_starts: &[DateTime<Utc>],
    unused: &[i64],
) -> Result<()> {
    sqlx::query!(
        "update rate_windows w set taken = w.taken - given.unused
         from unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[]) as given (uid, bucket, window_start, unused)
         where w.uid = given.uid and w.bucket = given.bucket and w.window_start = given.window_start",
        uids,
        buckets,
        window_starts,
        unused
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets windows that began before.
pub async fn purge(db: &PgPool, before: DateTime<Utc>) -> Result<()> {
    sqlx::query!("delete from rate_windows where window_start < $1", before)
        .execute(db)
        .await?;
    Ok(())
}
