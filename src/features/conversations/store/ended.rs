//! SQL of conversations that have ended: waiting, understood, given up.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Result, types::Json};
use uuid::Uuid;

use super::super::{Event, Heading, Reason, Standing, Status, Structured, Waiting};
use crate::platform::database::Db;

pub async fn finish(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    reason: Reason,
    now: DateTime<Utc>,
) -> Result<bool> {
    let (requested, silent) = (reason == Reason::Requested, reason == Reason::Silence);
    let done = sqlx::query!(
        "update conversations
         set status = 'processing', keep = keep or $3, processing_attempts = 0, processing_error = null, updated_at = now(),
             end_requested_at = case when $3 then $5 end
         where uid = $1 and id = $2 and status = 'in_progress'
           and (not $4 or finished_at + make_interval(secs => timeout_seconds) <= $5)",
        uid,
        id,
        requested,
        silent,
        now
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The last of those that the user had ended since `asked`, if it is not understood yet, or only since `done`.
pub async fn ended_on_request(
    db: &Db,
    uid: &str,
    asked: DateTime<Utc>,
    done: DateTime<Utc>,
) -> Result<Option<Uuid>> {
    let found = sqlx::query!(
        r#"select id, status = 'processing' or updated_at >= $3 as "just!" from conversations
           where uid = $1 and end_requested_at >= $2 and created_at >= $2 - interval '1 day'
           order by end_requested_at desc, id desc limit 1"#,
        uid,
        asked,
        done
    )
    .fetch_optional(db)
    .await?;
    Ok(found.filter(|one| one.just).map(|one| one.id))
}

pub async fn standing(db: &Db, uid: &str, id: Uuid) -> Result<Option<Standing>> {
    sqlx::query_as!(
        Standing,
        "select status, discarded from conversations where uid = $1 and id = $2",
        uid,
        id
    )
    .fetch_optional(db)
    .await
}

pub async fn headings(db: &Db, uid: &str, ids: &[Uuid]) -> Result<Vec<Heading>> {
    sqlx::query_as!(
        Heading,
        "select id, title, emoji, created_at from conversations where uid = $1 and id = any($2)",
        uid,
        ids
    )
    .fetch_all(db)
    .await
}

/// Events that begin from `from` on and before `to`, the soonest first, with the conversations that they were found in.
pub async fn planned(
    db: &Db,
    uid: &str,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    limit: i64,
) -> Result<Vec<(Uuid, Event)>> {
    let found = sqlx::query!(
        r#"select c.id, e.event as "event!: Json<Event>"
           from conversations c cross join lateral jsonb_array_elements(c.events) as e (event)
           where c.uid = $1 and c.status = 'completed' and not c.discarded
             and (e.event ->> 'start')::timestamptz >= $2 and (e.event ->> 'start')::timestamptz < $3
           order by (e.event ->> 'start')::timestamptz, c.created_at, c.id
           limit $4"#,
        uid,
        from,
        to,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(found.into_iter().map(|row| (row.id, row.event.0)).collect())
}

pub async fn change(
    db: &Db,
    uid: &str,
    id: Uuid,
    title: Option<&str>,
    discarded: Option<bool>,
) -> Result<bool> {
    let done = sqlx::query!(
        "update conversations
         set title = coalesce($3, title), discarded = coalesce($4, discarded), keep = keep or $4 is false, updated_at = now()
         where uid = $1 and id = $2",
        uid,
        id,
        title,
        discarded
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes the segments along.
pub async fn delete(tx: &mut PgConnection, uid: &str, id: Uuid) -> Result<bool> {
    let done = sqlx::query!(
        "delete from conversations where uid = $1 and id = $2",
        uid,
        id
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Has a conversation wait again, if its status is one of `from`. Without a language it has the same as before.
pub async fn reprocess(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    from: &[Status],
    language: Option<&str>,
) -> Result<bool> {
    let from: Vec<_> = from.iter().map(|status| status.as_str().into()).collect();
    let done = sqlx::query!(
        "update conversations
         set status = 'processing', keep = true, discarded = false, processing_attempts = 0, processing_error = null,
             language = coalesce($4, language), updated_at = now()
         where uid = $1 and id = $2 and status = any($3)",
        uid,
        id,
        &from as &[String],
        language
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn stale(db: &Db, before: DateTime<Utc>, limit: i64) -> Result<Vec<(String, Uuid)>> {
    let rows = sqlx::query!(
        "select uid, id from conversations where status = 'processing' and updated_at < $1 order by uid limit $2",
        before,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.uid, row.id)).collect())
}

/// What was made of others is completed all the same: nothing else is left of them.
pub async fn give_up(tx: &mut PgConnection, uid: &str, id: Uuid, attempts: i32) -> Result<bool> {
    let done = sqlx::query!(
        "update conversations
         set status = case when processing_run = 0 and external_data ? 'merge_metadata' then 'completed' else 'failed' end,
             title = case when title = '' and external_data ? 'merge_metadata' then 'Conversation' else title end,
             updated_at = now(),
             processing_error = coalesce(processing_error, 'processing was interrupted too often')
         where uid = $1 and id = $2 and status = 'processing' and processing_attempts >= $3",
        uid,
        id,
        attempts
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn touch_stale(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    before: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query!(
        "update conversations set updated_at = now()
         where uid = $1 and id = $2 and status = 'processing' and updated_at < $3",
        uid,
        id,
        before
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn begin_processing(db: &Db, uid: &str, id: Uuid) -> Result<bool> {
    let done = sqlx::query!(
        "update conversations set processing_attempts = processing_attempts + 1, updated_at = now()
         where uid = $1 and id = $2 and status = 'processing'",
        uid,
        id
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn lock_processing(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
) -> Result<Option<Waiting>> {
    sqlx::query_as!(
        Waiting,
        "select keep, discarded from conversations where uid = $1 and id = $2 and status = 'processing' for update",
        uid,
        id
    )
    .fetch_optional(tx)
    .await
}

/// A title that the user gave meanwhile stays.
pub async fn complete_processing(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    structured: &Structured,
    understood_by: &str,
    discarded: bool,
) -> Result<Option<i32>> {
    sqlx::query_scalar!(
        "update conversations
         set status = 'completed', title = coalesce(nullif(title, ''), $3), overview = $4, emoji = $5, category = $6,
             events = $7, understood_by = $8, discarded = $9, processing_error = null,
             processing_run = processing_run + 1, updated_at = now()
         where uid = $1 and id = $2 and status = 'processing'
         returning processing_run",
        uid,
        id,
        structured.title,
        structured.overview,
        structured.emoji,
        structured.category,
        Json(&structured.events) as Json<&Vec<Event>>,
        understood_by,
        discarded
    )
    .fetch_optional(tx)
    .await
}

pub async fn lock_run(tx: &mut PgConnection, uid: &str, id: Uuid, run: i32) -> Result<bool> {
    let locked = sqlx::query_scalar!(
        r#"select 1 as "one!" from conversations
           where uid = $1 and id = $2 and processing_run = $3 and status = 'completed' and not discarded
           for update"#,
        uid,
        id,
        run
    )
    .fetch_optional(tx)
    .await?;
    Ok(locked.is_some())
}

pub async fn file(tx: &mut PgConnection, uid: &str, id: Uuid, folder_id: &str) -> Result<()> {
    sqlx::query!(
        "update conversations set folder_id = $3, updated_at = now()
         where uid = $1 and id = $2 and folder_id is null",
        uid,
        id,
        folder_id
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn began(db: &Db, uid: &str, ids: &[Uuid]) -> Result<Vec<(Uuid, DateTime<Utc>)>> {
    let rows = sqlx::query!(
        "select id, started_at from conversations where uid = $1 and id = any($2)",
        uid,
        ids
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.id, row.started_at))
        .collect())
}

/// After the last attempt it is `failed`, but what was made of others is completed, as in `give_up`.
pub async fn fail_processing(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    why: &str,
    last: bool,
) -> Result<bool> {
    let done = sqlx::query!(
        "update conversations
         set processing_error = $3, updated_at = now(),
             status = case when not $4 then status
                           when processing_run = 0 and external_data ? 'merge_metadata' then 'completed'
                           else 'failed' end,
             title = case when $4 and title = '' and external_data ? 'merge_metadata' then 'Conversation' else title end
         where uid = $1 and id = $2 and status = 'processing'",
        uid,
        id,
        why,
        last
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
