//! SQL of uploads.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Result, types::Json};
use uuid::Uuid;

use crate::platform::database::Db;

/// A stretch of sound in which somebody speaks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Utterance {
    pub file: usize,
    /// Samples of the decoded file.
    pub from: u64,
    pub to: u64,
    pub at: DateTime<Utc>,
}

pub struct NewJob<'a> {
    pub id: Uuid,
    pub conversation_id: Option<Uuid>,
    pub source: &'a str,
    pub language: Option<&'a str>,
}

pub async fn insert(
    tx: &mut PgConnection,
    uid: &str,
    job: NewJob<'_>,
    segments: &[Vec<Utterance>],
) -> Result<()> {
    sqlx::query!(
        "insert into sync_jobs (uid, id, conversation_id, source, language) values ($1, $2, $3, $4, $5)",
        uid,
        job.id,
        job.conversation_id,
        job.source,
        job.language
    )
    .execute(&mut *tx)
    .await?;
    let numbers: Vec<_> = (0..segments.len() as i32).collect();
    let utterances: Vec<_> = segments.iter().map(|one| serde_json::json!(one)).collect();
    sqlx::query!(
        "insert into sync_segments (uid, job_id, number, utterances)
         select $1, $2, new.* from unnest($3::int[], $4::jsonb[]) as new",
        uid,
        job.id,
        &numbers,
        &utterances
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn of_user(db: &Db, uid: &str) -> Result<Vec<Uuid>> {
    sqlx::query_scalar!("select id from sync_jobs where uid = $1", uid)
        .fetch_all(db)
        .await
}

/// Jobs of the user that have not ended.
pub async fn waiting(db: &Db, uid: &str) -> Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from sync_jobs where uid = $1 and ended_at is null"#,
        uid
    )
    .fetch_one(db)
    .await
}

/// What a segment needs to be worked on.
pub struct Segment {
    pub number: i32,
    pub utterances: Json<Vec<Utterance>>,
    pub tried_at: i32,
    pub attempts: i32,
    pub conversation_id: Option<Uuid>,
    pub source: String,
    pub language: Option<String>,
}

/// The first that waits. `conversation_id` is the wanted one.
pub async fn next(db: &Db, uid: &str, job_id: Uuid) -> Result<Option<Segment>> {
    sqlx::query_as!(
        Segment,
        r#"select s.number, s.utterances as "utterances: Json<Vec<Utterance>>", s.tried_at, s.attempts,
                  j.conversation_id, j.source, j.language
           from sync_segments s join sync_jobs j on j.uid = s.uid and j.id = s.job_id
           where s.uid = $1 and s.job_id = $2 and s.state = 'waiting'
           order by s.number limit 1"#,
        uid,
        job_id
    )
    .fetch_optional(db)
    .await
}

/// Notes an attempt that begins at an utterance.
pub async fn begin(db: &Db, uid: &str, job_id: Uuid, number: i32, utterance: i32) -> Result<()> {
    sqlx::query!(
        "with begun as (update sync_jobs set begun_at = coalesce(begun_at, now()) where uid = $1 and id = $2)
         update sync_segments
         set attempts = case when tried_at = $4 then attempts + 1 else 1 end, tried_at = $4
         where uid = $1 and job_id = $2 and number = $3",
        uid,
        job_id,
        number,
        utterance
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Locks a segment until the end of `tx`. False: it does not wait any more.
pub async fn lock_waiting(
    tx: &mut PgConnection,
    uid: &str,
    job_id: Uuid,
    number: i32,
) -> Result<bool> {
    let locked = sqlx::query_scalar!(
        r#"select 1 as "one!" from sync_segments
           where uid = $1 and job_id = $2 and number = $3 and state = 'waiting' for update"#,
        uid,
        job_id,
        number
    )
    .fetch_optional(tx)
    .await?;
    Ok(locked.is_some())
}

/// How a segment ended.
#[derive(Default)]
pub struct Ended<'a> {
    pub conversation_id: Option<Uuid>,
    /// `nothing`, `updated` or `created`.
    pub outcome: &'a str,
    /// It failed.
    pub error: Option<&'a str>,
}

/// True: it was the last one, and the job has ended.
pub async fn end(
    tx: &mut PgConnection,
    uid: &str,
    job_id: Uuid,
    number: i32,
    ended: Ended<'_>,
) -> Result<bool> {
    sqlx::query!(
        "update sync_segments
         set state = case when $6::text is null then 'done' else 'failed' end, conversation_id = $4, outcome = $5,
             error = $6
         where uid = $1 and job_id = $2 and number = $3",
        uid,
        job_id,
        number,
        ended.conversation_id,
        ended.outcome,
        ended.error
    )
    .execute(&mut *tx)
    .await?;
    let done = sqlx::query!(
        "update sync_jobs j set ended_at = now()
         where uid = $1 and id = $2 and ended_at is null
           and not exists (select 1 from sync_segments s where s.uid = $1 and s.job_id = $2 and s.state = 'waiting')",
        uid,
        job_id
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives up what still waits.
pub async fn give_up(tx: &mut PgConnection, uid: &str, job_id: Uuid, why: &str) -> Result<()> {
    sqlx::query!(
        "update sync_segments set state = 'failed', error = $3
         where uid = $1 and job_id = $2 and state = 'waiting'",
        uid,
        job_id,
        why
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "update sync_jobs set ended_at = coalesce(ended_at, now()) where uid = $1 and id = $2",
        uid,
        job_id
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub struct SegmentStanding {
    pub begun: bool,
    pub state: String,
    pub outcome: String,
    pub conversation_id: Option<Uuid>,
    pub error: Option<String>,
}

/// Of each segment, in order; empty if there is no such job, or it ended an hour ago.
pub async fn standing(db: &Db, uid: &str, job_id: Uuid) -> Result<Vec<SegmentStanding>> {
    sqlx::query_as!(
        SegmentStanding,
        r#"select j.begun_at is not null as "begun!", s.state, s.outcome, s.conversation_id, s.error
           from sync_jobs j join sync_segments s on s.uid = j.uid and s.job_id = j.id
           where j.uid = $1 and j.id = $2 and (j.ended_at is null or j.ended_at > now() - interval '1 hour')
           order by s.number"#,
        uid,
        job_id
    )
    .fetch_all(db)
    .await
}

/// Forgets what ended an hour ago, of anyone.
pub async fn purge(db: &Db) -> Result<()> {
    sqlx::query!("delete from sync_jobs where ended_at < now() - interval '1 hour'")
        .execute(db)
        .await?;
    Ok(())
}

/// Jobs of anyone that need their folders.
pub async fn unended(db: &Db) -> Result<Vec<Uuid>> {
    sqlx::query_scalar!("select id from sync_jobs where ended_at is null")
        .fetch_all(db)
        .await
}
