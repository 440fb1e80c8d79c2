//! SQL of the files of chats.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Result};
use uuid::Uuid;

use super::super::files::{Came, Stored};
use crate::platform::database::Db;

/// Bytes of all files of a user.
pub async fn bytes(db: &Db, uid: &str) -> Result<i64> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(bytes), 0)::bigint as "bytes!" from chat_files where uid = $1"#,
        uid
    )
    .fetch_one(db)
    .await
}

/// Before the files are where they belong.
pub async fn insert(db: &Db, uid: &str, files: &[Came], now: DateTime<Utc>) -> Result<()> {
    let ids: Vec<_> = files.iter().map(|file| file.id).collect();
    let names: Vec<_> = files.iter().map(|file| file.name.clone()).collect();
    let types: Vec<_> = files.iter().map(|file| file.mime_type.clone()).collect();
    let kinds: Vec<String> = files.iter().map(|file| file.kind.name().into()).collect();
    let bytes: Vec<_> = files.iter().map(|file| file.bytes).collect();
    let tokens: Vec<_> = files.iter().map(|file| file.token.clone()).collect();
    sqlx::query!(
        "with new as (
             insert into chat_files (uid, id, state, name, mime_type, kind, bytes, token, created_at)
             select $1, file.id, 'coming', file.name, file.mime_type, file.kind, file.bytes, file.token, $8
             from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[])
                  as file (id, name, mime_type, kind, bytes, token)
             returning uid, id, token, kind)
         insert into chat_file_tokens (token, uid, file_id)
         select token, uid, id from new where kind = 'picture'",
        uid,
        &ids,
        &names,
        &types,
        &kinds,
        &bytes,
        &tokens,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// They are where they belong.
pub async fn set_there(db: &Db, uid: &str, ids: &[Uuid]) -> Result<()> {
    sqlx::query!(
        "update chat_files set state = 'there' where uid = $1 and id = any($2) and state = 'coming'",
        uid,
        ids
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives those of these files that came with no message yet to this one, in that order. False: there is
/// none.
pub async fn attach(
    tx: &mut PgConnection,
    uid: &str,
    message_id: Uuid,
    ids: &[Uuid],
) -> Result<bool> {
    let attached = sqlx::query!(
        "update chat_files file set message_id = $2, position = wanted.n - 1
         from unnest($3::uuid[]) with ordinality as wanted (id, n)
         where file.uid = $1 and file.id = wanted.id and file.state = 'there' and file.message_id is null",
        uid,
        message_id,
        ids
    )
    .execute(tx)
    .await?;
    Ok(attached.rows_affected() > 0)
}

/// The files of these messages, in the order in which they came with each.
pub async fn of_messages(
    db: impl PgExecutor<'_>,
    uid: &str,
    message_ids: &[Uuid],
) -> Result<Vec<Stored>> {
    sqlx::query_as!(
        Stored,
        "select id, message_id, name, mime_type, kind, token, description, created_at
         from chat_files
         where uid = $1 and message_id = any($2) and state = 'there'
         order by message_id, position, id",
        uid,
        message_ids
    )
    .fetch_all(db)
    .await
}

pub async fn describe(db: &Db, uid: &str, id: Uuid, description: &str) -> Result<()> {
    sqlx::query!(
        "update chat_files set description = $3 where uid = $1 and id = $2",
        uid,
        id,
        description
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives up the files of a thread's messages, before those go.
pub async fn give_up_of_thread(tx: &mut PgConnection, uid: &str, thread: &str) -> Result<()> {
    sqlx::query!(
        "update chat_files set state = 'gone'
         where uid = $1
           and message_id in (select id from messages where uid = $1 and app_id = $2 and not apart)",
        uid,
        thread
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The same of a session.
pub async fn give_up_of_session(tx: &mut PgConnection, uid: &str, session: Uuid) -> Result<()> {
    sqlx::query!(
        "update chat_files set state = 'gone'
         where uid = $1 and message_id in (select id from messages where uid = $1 and chat_session_id = $2)",
        uid,
        session
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Gives up what anyone has that did not come whole, or went with no message, since then.
pub async fn expire(db: &Db, before: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "update chat_files set state = 'gone'
         where message_id is null and state <> 'gone' and created_at < $1",
        before
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What was given up: of this user, or of anyone.
pub async fn given_up(db: &Db, uid: Option<&str>, limit: i64) -> Result<Vec<(String, Uuid)>> {
    let rows = sqlx::query!(
        "select uid, id from chat_files where ($1::text is null or uid = $1) and state = 'gone' order by uid limit $2",
        uid,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.uid, row.id)).collect())
}

/// Forgets what was given up and whose bytes are gone.
pub async fn forget(db: &Db, files: &[(String, Uuid)]) -> Result<()> {
    let (uids, ids): (Vec<_>, Vec<_>) = files.iter().cloned().unzip();
    sqlx::query!(
        "delete from chat_files file using unnest($1::text[], $2::uuid[]) as gone (uid, id)
         where file.uid = gone.uid and file.id = gone.id and file.state = 'gone'",
        &uids,
        &ids
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Whose picture a token shows.
pub async fn owner(db: &Db, token: &str) -> Result<Option<(String, Uuid)>> {
    let found = sqlx::query!(
        "select t.uid, t.file_id from chat_file_tokens t
         join chat_files file on file.uid = t.uid and file.id = t.file_id
         where t.token = $1 and file.state = 'there'",
        token
    )
    .fetch_optional(db)
    .await?;
    Ok(found.map(|row| (row.uid, row.file_id)))
}
