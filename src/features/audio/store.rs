//! SQL of stored sound.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Result};
use uuid::Uuid;

use super::Chunk;
use crate::platform::database::Db;

pub async fn is_kept(db: &Db, uid: &str) -> Result<Option<bool>> {
    sqlx::query_scalar!("select private_cloud_sync from users where uid = $1", uid)
        .fetch_optional(db)
        .await
}

pub async fn set_kept(db: &Db, uid: &str, kept: bool) -> Result<()> {
    sqlx::query!(
        "update users set private_cloud_sync = $2 where uid = $1",
        uid,
        kept
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn give_up_all(db: &Db, uid: &str) -> Result<()> {
    sqlx::query!(
        "update audio_chunks set conversation_id = null where uid = $1 and conversation_id is not null",
        uid
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Whether the row is there then: it is not where the conversation is gone or nothing was said in it yet.
pub async fn put(tx: &mut PgConnection, uid: &str, chunk: &Chunk, bytes: i32) -> Result<bool> {
    sqlx::query!(
        "insert into audio_chunks (uid, id, conversation_id, started_at, samples, bytes)
         select c.uid, $2, c.id, $4, $5, $6 from conversations c
         where c.uid = $1 and c.id = $3
           and (exists (select 1 from transcript_segments s where s.uid = $1 and s.conversation_id = $3)
                or exists (select 1 from conversation_photos p where p.uid = $1 and p.conversation_id = $3))
         on conflict (uid, id) do nothing",
        uid,
        chunk.id,
        chunk.conversation_id,
        chunk.started_at,
        chunk.samples,
        bytes
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "update conversations set private_cloud_sync_enabled = true
         where uid = $1 and id = $2 and not private_cloud_sync_enabled
           and exists (select 1 from audio_chunks a where a.uid = $1 and a.id = $3)",
        uid,
        chunk.conversation_id,
        chunk.id
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query_scalar!(
        r#"select exists (select 1 from audio_chunks where uid = $1 and id = $2) as "there!""#,
        uid,
        chunk.id
    )
    .fetch_one(tx)
    .await
}

pub async fn of_conversations(db: &Db, uid: &str, ids: &[Uuid]) -> Result<Vec<Chunk>> {
    sqlx::query_as!(
        Chunk,
        r#"select id, conversation_id as "conversation_id!", started_at, samples from audio_chunks
           where uid = $1 and conversation_id = any($2)
           order by started_at, id"#,
        uid,
        ids
    )
    .fetch_all(db)
    .await
}

pub async fn is_conversation(db: &Db, uid: &str, id: Uuid) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select 1 from conversations where uid = $1 and id = $2) as "there!""#,
        uid,
        id
    )
    .fetch_one(db)
    .await
}

pub async fn reassign(tx: &mut PgConnection, uid: &str, from: &[Uuid], into: Uuid) -> Result<()> {
    sqlx::query!(
        "update audio_chunks set conversation_id = $3 where uid = $1 and conversation_id = any($2)",
        uid,
        from,
        into
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Gives up what anyone has from before then; how many.
pub async fn expire(db: &Db, before: DateTime<Utc>, limit: i64) -> Result<u64> {
    let done = sqlx::query!(
        "update audio_chunks a set conversation_id = null
         from (select uid, id from audio_chunks where started_at < $1 and conversation_id is not null limit $2) as old
         where a.uid = old.uid and a.id = old.id",
        before,
        limit
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// What was given up, of anyone.
pub async fn given_up(db: &Db, limit: i64) -> Result<Vec<(String, Uuid)>> {
    let rows = sqlx::query!(
        "select uid, id from audio_chunks where conversation_id is null order by uid limit $1",
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.uid, row.id)).collect())
}

/// Forgets what was given up and whose files are gone.
pub async fn forget(db: &Db, chunks: &[(String, Uuid)]) -> Result<()> {
    let (uids, ids): (Vec<_>, Vec<_>) = chunks.iter().cloned().unzip();
    sqlx::query!(
        "delete from audio_chunks a using unnest($1::text[], $2::uuid[]) as gone (uid, id)
         where a.uid = gone.uid and a.id = gone.id and a.conversation_id is null",
        &uids,
        &ids
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Everyone.
pub async fn owners(db: &Db) -> Result<Vec<String>> {
    sqlx::query_scalar!("select uid from users")
        .fetch_all(db)
        .await
}

pub async fn ids(db: &Db, uid: &str) -> Result<Vec<Uuid>> {
    sqlx::query_scalar!("select id from audio_chunks where uid = $1", uid)
        .fetch_all(db)
        .await
}
