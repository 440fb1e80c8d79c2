//! SQL of rate limits.

use crate::platform::database::Db;
use chrono::{DateTime, Utc};
use sqlx::Result;

/// What was taken of a window before and after a lease was.
pub struct Lease {
    pub before: i64,
    pub after: i64,
}

/// Takes up to `lease` more of a window, never beyond its limit.
pub async fn take(
    db: &Db,
    uid: &str,
    bucket: &str,
    window_start: DateTime<Utc>,
    lease: i64,
    limit: i64,
) -> Result<Lease> {
    let mut tx = db.begin().await?;
    sqlx::query!(
        "insert into rate_windows (uid, bucket, window_start, taken) values ($1, $2, $3, 0)
         on conflict (uid, bucket, window_start) do nothing",
        uid,
        bucket,
        window_start
    )
    .execute(&mut *tx)
    .await?;
    let lease = sqlx::query_as!(
        Lease,
        r#"with known as (
               select taken from rate_windows where uid = $1 and bucket = $2 and window_start = $3 for update)
           update rate_windows w set taken = greatest(known.taken, least(known.taken + $4, $5))
           from known
           where w.uid = $1 and w.bucket = $2 and w.window_start = $3
           returning known.taken as before, w.taken as after"#,
        uid,
        bucket,
        window_start,
        lease,
        limit
    )
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(lease)
}

/// Gives back what was taken and not used.
pub async fn give_back(
    db: &Db,
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

/// Forgets windows of days that began before the one time, and shorter ones that began before the other.
pub async fn purge(db: &Db, days: DateTime<Utc>, others: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "delete from rate_windows where window_start < $1 or (bucket <> 'day' and window_start < $2)",
        days,
        others
    )
    .execute(db)
    .await?;
    Ok(())
}
