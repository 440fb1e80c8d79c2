//! SQL of what users change by hand.

use sqlx::{PgConnection, Result, types::Json};
use uuid::Uuid;

use super::super::Event;
use crate::platform::database::Db;

/// Statuses: None is any.
pub async fn count(
    db: &Db,
    uid: &str,
    statuses: Option<&[String]>,
    include_discarded: bool,
) -> Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from conversations
           where uid = $1 and ($2::text[] is null or status = any($2)) and ($3 or not discarded)"#,
        uid,
        statuses,
        include_discarded
    )
    .fetch_one(db)
    .await
}

/// Locks a conversation until the end of `tx`, whatever its status. False: it is absent.
pub async fn lock(tx: &mut PgConnection, uid: &str, id: Uuid) -> Result<bool> {
    let locked = sqlx::query_scalar!(
        r#"select 1 as "one!" from conversations where uid = $1 and id = $2 for update"#,
        uid,
        id
    )
    .fetch_optional(tx)
    .await?;
    Ok(locked.is_some())
}

pub async fn set_overview(db: &Db, uid: &str, id: Uuid, overview: &str) -> Result<bool> {
    let done = sqlx::query!(
        "update conversations set overview = $3, updated_at = now() where uid = $1 and id = $2",
        uid,
        id,
        overview
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn set_starred(db: &Db, uid: &str, id: Uuid, starred: bool) -> Result<bool> {
    let done = sqlx::query!(
        "update conversations set starred = $3, updated_at = now() where uid = $1 and id = $2",
        uid,
        id,
        starred
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn set_text(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    id: Uuid,
    text: &str,
) -> Result<bool> {
    let done = sqlx::query!(
        "update transcript_segments
         set text = $4, translations = case when text = $4 then translations else '[]' end
         where uid = $1 and conversation_id = $2 and id = $3",
        uid,
        conversation_id,
        id,
        text
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The events of a conversation, which is locked until the end of `tx`.
pub async fn lock_events(tx: &mut PgConnection, uid: &str, id: Uuid) -> Result<Option<Vec<Event>>> {
    let events = sqlx::query_scalar!(
        r#"select events as "events: Json<Vec<Event>>" from conversations where uid = $1 and id = $2 for update"#,
        uid,
        id
    )
    .fetch_optional(tx)
    .await?;
    Ok(events.map(|events| events.0))
}

pub async fn set_events(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    events: &Vec<Event>,
) -> Result<()> {
    sqlx::query!(
        "update conversations set events = $3, updated_at = now() where uid = $1 and id = $2",
        uid,
        id,
        Json(events) as Json<&Vec<Event>>
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn put_into(
    tx: &mut PgConnection,
    uid: &str,
    ids: &[Uuid],
    folder_id: Option<&str>,
) -> Result<u64> {
    let done = sqlx::query!(
        "update conversations set folder_id = $3, updated_at = now() where uid = $1 and id = any($2)",
        uid,
        ids,
        folder_id
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

pub async fn empty_folder(
    tx: &mut PgConnection,
    uid: &str,
    from: &str,
    into: Option<&str>,
) -> Result<()> {
    sqlx::query!(
        "update conversations set folder_id = $3, updated_at = now() where uid = $1 and folder_id = $2",
        uid,
        from,
        into
    )
    .execute(tx)
    .await?;
    Ok(())
}
