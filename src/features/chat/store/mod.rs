//! SQL of chat: messages and the sessions of threads. A thread is that of an app; empty: of none.

pub mod files;
pub mod sessions;
pub mod sharing;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Result};
use uuid::Uuid;

use super::{Message, Sender};
use crate::platform::database;

struct Row {
    id: Uuid,
    app_id: Option<String>,
    chat_session_id: Option<Uuid>,
    sender: Sender,
    kind: String,
    text: String,
    memories_id: Vec<Uuid>,
    from_external_integration: bool,
    reported: bool,
    report_reason: Option<String>,
    rating: Option<i16>,
    metadata: Option<String>,
    created_at: DateTime<Utc>,
}

impl From<Row> for Message {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            text: row.text,
            created_at: row.created_at,
            sender: row.sender,
            plugin_id: row.app_id.clone(),
            app_id: row.app_id,
            from_external_integration: row.from_external_integration,
            kind: row.kind,
            memories_id: row.memories_id,
            memories: Vec::new(),
            reported: row.reported,
            report_reason: row.report_reason,
            files_id: Vec::new(),
            files: Vec::new(),
            chat_session_id: row.chat_session_id,
            data_protection_level: None,
            langsmith_run_id: None,
            prompt_name: None,
            prompt_commit: None,
            rating: row.rating,
            metadata: row.metadata,
            chart_data: None,
        }
    }
}

pub struct NewMessage<'a> {
    pub id: Uuid,
    pub thread: &'a str,
    pub sender: Sender,
    pub text: &'a str,
    pub cited: &'a [Uuid],
    pub now: DateTime<Utc>,
}

/// Puts a message into the session of its thread, if that has one.
pub async fn insert(
    db: impl PgExecutor<'_>,
    uid: &str,
    message: &NewMessage<'_>,
) -> Result<Message> {
    sqlx::query_as!(
        Row,
        r#"insert into messages (uid, id, app_id, chat_session_id, sender, type, text, memories_id, created_at)
           values ($1, $2, $3,
                   (select id from chat_sessions
                    where uid = $1 and app_id = $3 and not opened order by created_at desc, id desc limit 1),
                   $4, 'text', $5, $6, $7)
           returning id, nullif(app_id, '') as app_id, chat_session_id, sender as "sender: Sender", type as kind, text,
                     memories_id, from_external_integration, reported, report_reason, rating, metadata, created_at"#,
        uid,
        message.id,
        message.thread,
        message.sender as Sender,
        message.text,
        message.cited,
        message.now
    )
    .fetch_one(db)
    .await
    .map(Into::into)
}

/// Newest first. `limit`, `offset`: which part.
pub async fn newest(
    db: impl PgExecutor<'_>,
    uid: &str,
    thread: &str,
    (limit, offset): (i64, i64),
) -> Result<Vec<Message>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, nullif(app_id, '') as app_id, chat_session_id, sender as "sender: Sender", type as kind, text,
                  memories_id, from_external_integration, reported, report_reason, rating, metadata, created_at
           from messages
           where uid = $1 and app_id = $2 and not apart
           order by created_at desc, id desc
           limit $3 offset $4"#,
        uid,
        thread,
        limit,
        offset
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

pub async fn page(
    db: impl PgExecutor<'_>,
    uid: &str,
    limit: i64,
    offset: i64,
) -> Result<Vec<Message>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, nullif(app_id, '') as app_id, chat_session_id, sender as "sender: Sender", type as kind, text,
                  memories_id, from_external_integration, reported, report_reason, rating, metadata, created_at
           from messages
           where uid = $1
           order by created_at, id
           limit $2 offset $3"#,
        uid,
        limit,
        offset
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// One at a time begins or clears a thread of this user, until the end of `tx`.
pub async fn lock_threads(tx: &mut PgConnection, uid: &str) -> Result<()> {
    database::take_turn(tx, uid, "threads").await
}

pub async fn is_empty(tx: &mut PgConnection, uid: &str, thread: &str) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select not exists (select 1 from messages where uid = $1 and app_id = $2 and not apart) as "empty!""#,
        uid,
        thread
    )
    .fetch_one(tx)
    .await
}

/// Begins the session of a thread that has none, and takes its messages into it.
pub async fn begin_session(
    tx: &mut PgConnection,
    uid: &str,
    thread: &str,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "with begun as (
             insert into chat_sessions (uid, id, app_id, created_at, updated_at)
             select $1, $2, $3, $4, $4
             where not exists (select 1 from chat_sessions where uid = $1 and app_id = $3 and not opened)
             returning id
         )
         update messages set chat_session_id = begun.id
         from begun
         where uid = $1 and app_id = $3 and not apart and chat_session_id is null",
        uid,
        id,
        thread,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Removes the messages and the session of a thread.
pub async fn clear(tx: &mut PgConnection, uid: &str, thread: &str) -> Result<()> {
    sqlx::query!(
        "delete from messages where uid = $1 and app_id = $2 and not apart",
        uid,
        thread
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "delete from chat_sessions where uid = $1 and app_id = $2 and not opened",
        uid,
        thread
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What of these messages there is, in their order.
pub async fn of_ids(db: impl PgExecutor<'_>, uid: &str, ids: &[Uuid]) -> Result<Vec<Message>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select m.id, nullif(m.app_id, '') as app_id, m.chat_session_id, m.sender as "sender: Sender",
                  m.type as kind, m.text, m.memories_id, m.from_external_integration, m.reported, m.report_reason,
                  m.rating, m.metadata, m.created_at
           from unnest($2::uuid[]) with ordinality as wanted (id, n)
           join messages m on m.uid = $1 and m.id = wanted.id
           order by wanted.n"#,
        uid,
        ids
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

pub async fn count(db: impl PgExecutor<'_>, uid: &str) -> Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from messages where uid = $1"#,
        uid
    )
    .fetch_one(db)
    .await
}

/// Notes that an answer was reported; gives who wrote the message and whether that was noted before, if it is there.
pub async fn report(
    db: impl PgExecutor<'_>,
    uid: &str,
    id: Uuid,
) -> Result<Option<(Sender, bool)>> {
    let found = sqlx::query!(
        r#"with found as (select sender, reported from messages where uid = $1 and id = $2 for update),
                noted as (update messages set reported = true
                          where uid = $1 and id = $2 and sender = 'ai' and not reported)
           select sender as "sender: Sender", reported from found"#,
        uid,
        id
    )
    .fetch_optional(db)
    .await?;
    Ok(found.map(|row| (row.sender, row.reported)))
}

/// Of answers only; those that users wrote are not rated. False: there is no such answer.
pub async fn rate(
    db: impl PgExecutor<'_>,
    uid: &str,
    id: Uuid,
    rating: Option<i16>,
) -> Result<bool> {
    let rated = sqlx::query!(
        "update messages set rating = $3 where uid = $1 and id = $2 and sender = 'ai'",
        uid,
        id,
        rating
    )
    .execute(db)
    .await?;
    Ok(rated.rows_affected() > 0)
}
