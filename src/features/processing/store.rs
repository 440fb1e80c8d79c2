//! SQL of the steps of processing.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Result};
use uuid::Uuid;

use super::model::{Ended, State, Step, StepStanding};
use crate::platform::database::Db;

pub async fn list(db: &Db, uid: &str, id: Uuid) -> Result<Vec<StepStanding>> {
    sqlx::query_as!(
        StepStanding,
        "select step, state, understood_by, attempts, error, updated_at from processing_steps
         where uid = $1 and conversation_id = $2
         order by array_position(array['structure', 'find_action_items', 'find_conversation_memories', 'choose_folder',
                                       'track_goals'], step)",
        uid,
        id
    )
    .fetch_all(db)
    .await
}

/// How steps of a new run stand. Goals that were tracked are not tracked again: a step forward
/// would count twice.
pub async fn put(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    run: i32,
    steps: &[Ended<'_>],
    now: DateTime<Utc>,
) -> Result<()> {
    let names: Vec<_> = steps
        .iter()
        .map(|one| one.step.name().to_string())
        .collect();
    let states: Vec<_> = steps
        .iter()
        .map(|one| one.state.as_str().to_string())
        .collect();
    let by: Vec<_> = steps.iter().map(|one| one.by.map(str::to_string)).collect();
    let attempts: Vec<_> = steps.iter().map(|one| one.attempts).collect();
    sqlx::query!(
        "insert into processing_steps as known (uid, conversation_id, step, run, state, understood_by, attempts, updated_at)
         select $1, $2, new.step, $3, new.state, new.by, new.attempts, $8
         from unnest($4::text[], $5::text[], $6::text[], $7::integer[]) as new (step, state, by, attempts)
         on conflict (uid, conversation_id, step) do update set
            run = excluded.run, state = excluded.state, understood_by = excluded.understood_by,
            attempts = excluded.attempts, error = null, updated_at = excluded.updated_at
         where not (known.step = 'track_goals' and known.state = 'done')",
        uid,
        id,
        run,
        &names,
        &states,
        &by as &[Option<String>],
        &attempts,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub struct Begun {
    pub run: i32,
    /// With this one.
    pub attempts: i32,
}

/// Counts the attempt. None: the step does not wait.
pub async fn begin(
    db: &Db,
    uid: &str,
    id: Uuid,
    step: Step,
    now: DateTime<Utc>,
) -> Result<Option<Begun>> {
    sqlx::query_as!(
        Begun,
        "update processing_steps set attempts = attempts + 1, updated_at = $4
         where uid = $1 and conversation_id = $2 and step = $3 and state = 'waiting'
         returning run, attempts",
        uid,
        id,
        step.name(),
        now
    )
    .fetch_optional(db)
    .await
}

/// False: it does not wait any more, or another run has begun.
pub async fn end(
    tx: impl PgExecutor<'_>,
    uid: &str,
    id: Uuid,
    run: i32,
    ended: Ended<'_>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query!(
        "update processing_steps set state = $5, understood_by = $6, error = null, updated_at = $7
         where uid = $1 and conversation_id = $2 and step = $3 and run = $4 and state = 'waiting'",
        uid,
        id,
        ended.step.name(),
        run,
        ended.state.as_str(),
        ended.by,
        now
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes why an attempt failed.
pub async fn note(
    tx: impl PgExecutor<'_>,
    uid: &str,
    id: Uuid,
    run: i32,
    step: Step,
    (state, why): (State, &str),
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update processing_steps set state = $5, error = $6, updated_at = $7
         where uid = $1 and conversation_id = $2 and step = $3 and run = $4 and state = 'waiting'",
        uid,
        id,
        step.name(),
        run,
        state.as_str(),
        why,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The same of the first step, which may not be there yet.
pub async fn note_structure(
    db: &Db,
    uid: &str,
    id: Uuid,
    attempts: i32,
    (state, why): (State, &str),
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into processing_steps (uid, conversation_id, step, run, state, attempts, error, updated_at)
         select $1, id, 'structure', 0, $3, $4, $5, $6 from conversations
         where uid = $1 and id = $2 and status in ('processing', 'failed')
         on conflict (uid, conversation_id, step) do update set
            state = excluded.state, understood_by = null, attempts = excluded.attempts, error = excluded.error,
            updated_at = excluded.updated_at",
        uid,
        id,
        state.as_str(),
        attempts,
        why,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn is_waiting(db: &Db, uid: &str, id: Uuid, step: Step) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from processing_steps
                          where uid = $1 and conversation_id = $2 and step = $3 and state = 'waiting') as "waiting!""#,
        uid,
        id,
        step.name()
    )
    .fetch_one(db)
    .await
}

/// Conversations of anyone with further steps that wait since before then.
pub async fn stale(db: &Db, before: DateTime<Utc>, limit: i64) -> Result<Vec<(String, Uuid)>> {
    let rows = sqlx::query!(
        "select distinct uid, conversation_id from processing_steps
         where state = 'waiting' and step <> 'structure' and updated_at < $1
         order by uid, conversation_id limit $2",
        before,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.uid, row.conversation_id))
        .collect())
}

/// Gives up those that were begun too often, and lets the others wait anew.
pub async fn renew(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    most: i32,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update processing_steps
         set state = case when attempts >= $3 then 'failed' else state end,
             error = case when attempts >= $3 then coalesce(error, 'processing was interrupted too often') else error end,
             updated_at = $4
         where uid = $1 and conversation_id = $2 and state = 'waiting' and step <> 'structure'",
        uid,
        id,
        most,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}
