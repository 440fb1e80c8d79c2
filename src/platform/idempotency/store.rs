//! SQL of idempotency keys.

use chrono::{DateTime, Utc};
use sqlx::Result;
use uuid::Uuid;

use super::Id;
use crate::platform::database::Db;

pub struct Row {
    pub request: Vec<u8>,
    pub claimed_at: DateTime<Utc>,
    pub status: Option<i16>,
    pub answer: Option<Vec<u8>>,
}

/// False: the key is claimed already. A claim older than `expired` does not count.
pub async fn claim(
    db: &Db,
    id: &Id,
    request: &[u8],
    seed: Uuid,
    now: DateTime<Utc>,
    expired: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query!(
        "insert into idempotency_keys as known (uid, route, key, request, seed, claimed_at) values ($1, $2, $3, $4, $5, $6)
         on conflict (uid, route, key) do update
            set request = excluded.request, seed = excluded.seed, claimed_at = excluded.claimed_at, status = null, answer = null
            where known.claimed_at < $7",
        id.uid,
        id.route,
        id.key,
        request,
        seed,
        now,
        expired
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn find(db: &Db, id: &Id) -> Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select request, claimed_at, status, answer from idempotency_keys where uid = $1 and route = $2 and key = $3",
        id.uid,
        id.route,
        id.key
    )
    .fetch_optional(db)
    .await
}

/// Takes over a run that was cut off, with its seed; None: somebody else did.
pub async fn take_over(
    db: &Db,
    id: &Id,
    seen: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "update idempotency_keys set claimed_at = $5
         where uid = $1 and route = $2 and key = $3 and claimed_at = $4 and status is null
         returning seed",
        id.uid,
        id.route,
        id.key,
        seen,
        now
    )
    .fetch_optional(db)
    .await
}

pub async fn keep(
    db: &Db,
    id: &Id,
    claimed_at: DateTime<Utc>,
    status: i16,
    answer: &[u8],
) -> Result<()> {
    sqlx::query!(
        "update idempotency_keys set status = $5, answer = $6
         where uid = $1 and route = $2 and key = $3 and claimed_at = $4",
        id.uid,
        id.route,
        id.key,
        claimed_at,
        status,
        answer
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The run was refused: the key is free again.
pub async fn forget(db: &Db, id: &Id, claimed_at: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "delete from idempotency_keys where uid = $1 and route = $2 and key = $3 and claimed_at = $4",
        id.uid,
        id.route,
        id.key,
        claimed_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The run is over without an answer to keep: the next one with this key and request goes on with its seed.
pub async fn release(
    db: &Db,
    id: &Id,
    claimed_at: DateTime<Utc>,
    cut_off: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update idempotency_keys set claimed_at = $5
         where uid = $1 and route = $2 and key = $3 and claimed_at = $4",
        id.uid,
        id.route,
        id.key,
        claimed_at,
        cut_off
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn release_all(db: &Db, cut_off: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "update idempotency_keys set claimed_at = $1 where status is null and claimed_at > $1",
        cut_off
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn purge(db: &Db, before: DateTime<Utc>) -> Result<()> {
    sqlx::query!("delete from idempotency_keys where claimed_at < $1", before)
        .execute(db)
        .await?;
    Ok(())
}
