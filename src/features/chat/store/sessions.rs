//! SQL of the sessions that a user sees, opened or of a thread, and of the messages that a client keeps there.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Result};
use uuid::Uuid;

use super::{Message, Row, Sender};
use crate::features::chat::{Session, SessionFilter};

/// What is known of sessions, the one changed last first. `id`: that one alone.
async fn find(
    db: impl PgExecutor<'_>,
    uid: &str,
    id: Option<Uuid>,
    filter: &SessionFilter,
) -> Result<Vec<Session>> {
    sqlx::query_as!(
        Session,
        r#"select s.id, s.title, left(newest.text, 100) as "preview?", s.created_at,
                  greatest(s.updated_at, newest.created_at) as "updated_at!",
                  nullif(s.app_id, '') as app_id, nullif(s.app_id, '') as plugin_id,
                  (select count(*) from messages m where m.uid = $1 and m.chat_session_id = s.id) as "message_count!",
                  s.starred
           from chat_sessions s
           left join lateral (
               select m.text, m.created_at from messages m
               where m.uid = $1 and m.chat_session_id = s.id
               order by m.created_at desc, m.id desc limit 1) as newest on true
           where s.uid = $1
             and ($2::uuid is null or s.id = $2)
             and ($2::uuid is not null or s.app_id = $3)
             and ($4::bool is null or s.starred = $4)
           order by greatest(s.updated_at, newest.created_at) desc, s.id desc
           limit $5 offset $6"#,
        uid,
        id,
        filter.thread.0,
        filter.starred,
        filter.limit,
        filter.offset
    )
    .fetch_all(db)
    .await
}

pub async fn list(
    db: impl PgExecutor<'_>,
    uid: &str,
    filter: &SessionFilter,
) -> Result<Vec<Session>> {
    find(db, uid, None, filter).await
}

pub async fn get(db: impl PgExecutor<'_>, uid: &str, id: Uuid) -> Result<Option<Session>> {
    let alone = SessionFilter {
        limit: 1,
        ..SessionFilter::default()
    };
    Ok(find(db, uid, Some(id), &alone).await?.pop())
}

/// Opens one; an id that is there already stays as it is.
pub async fn open(
    db: impl PgExecutor<'_>,
    uid: &str,
    id: Uuid,
    (thread, title): (&str, &str),
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into chat_sessions (uid, id, app_id, title, opened, created_at, updated_at)
         values ($1, $2, $3, $4, true, $5, $5)
         on conflict (uid, id) do nothing",
        uid,
        id,
        thread,
        title,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// False: there is no such session. What is None stays.
pub async fn change(
    db: impl PgExecutor<'_>,
    uid: &str,
    id: Uuid,
    (title, starred): (Option<&str>, Option<bool>),
    now: DateTime<Utc>,
) -> Result<bool> {
    let changed = sqlx::query!(
        "update chat_sessions
         set title = coalesce($3, title), starred = coalesce($4, starred), updated_at = $5
         where uid = $1 and id = $2",
        uid,
        id,
        title,
        starred,
        now
    )
    .execute(db)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// Removes a session with its messages.
pub async fn delete(tx: &mut PgConnection, uid: &str, id: Uuid) -> Result<()> {
    delete_messages(tx, uid, id).await?;
    sqlx::query!(
        "delete from chat_sessions where uid = $1 and id = $2",
        uid,
        id
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// How many there were.
pub async fn delete_messages(tx: &mut PgConnection, uid: &str, session: Uuid) -> Result<u64> {
    let deleted = sqlx::query!(
        "delete from messages where uid = $1 and chat_session_id = $2",
        uid,
        session
    )
    .execute(tx)
    .await?;
    Ok(deleted.rows_affected())
}

/// The same of a thread.
pub async fn delete_of_thread(tx: &mut PgConnection, uid: &str, thread: &str) -> Result<u64> {
    let deleted = sqlx::query!(
        "delete from messages where uid = $1 and app_id = $2 and not apart",
        uid,
        thread
    )
    .execute(tx)
    .await?;
    Ok(deleted.rows_affected())
}

pub struct Said<'a> {
    pub id: Uuid,
    pub sender: Sender,
    pub text: &'a str,
    pub metadata: Option<&'a str>,
    pub now: DateTime<Utc>,
}

/// Adds a message to a session; one that is there under its id stays as it is. False: there is no such session.
pub async fn say(
    db: impl PgExecutor<'_>,
    uid: &str,
    session: Uuid,
    said: &Said<'_>,
) -> Result<bool> {
    sqlx::query_scalar!(
        r#"with session as (select id, app_id, opened from chat_sessions where uid = $1 and id = $2),
                said as (
                    insert into messages (uid, id, app_id, chat_session_id, apart, sender, type, text, memories_id, metadata,
                                          created_at)
                    select $1, $3, app_id, id, opened, $4, 'text', $5, '{}', $6, $7 from session
                    on conflict (uid, id) do nothing)
           select exists (select 1 from session) as "there!""#,
        uid,
        session,
        said.id,
        said.sender as Sender,
        said.text,
        said.metadata,
        said.now
    )
    .fetch_one(db)
    .await
}

/// The session of a thread, if it has one.
pub async fn of_thread(db: impl PgExecutor<'_>, uid: &str, thread: &str) -> Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "select id from chat_sessions where uid = $1 and app_id = $2 and not opened
         order by created_at desc, id desc limit 1",
        uid,
        thread
    )
    .fetch_optional(db)
    .await
}

/// Messages of a session, newest first.
pub async fn messages(
    db: impl PgExecutor<'_>,
    uid: &str,
    session: Uuid,
    (limit, offset): (i64, i64),
) -> Result<Vec<Message>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, nullif(app_id, '') as app_id, chat_session_id, sender as "sender: Sender", type as kind, text,
                  memories_id, from_external_integration, reported, report_reason, rating, metadata, created_at
           from messages
           where uid = $1 and chat_session_id = $2
           order by created_at desc, id desc
           limit $3 offset $4"#,
        uid,
        session,
        limit,
        offset
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}
