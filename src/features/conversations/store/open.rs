//! SQL of conversations in progress: opened, resumed, heard, found silent.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Result, types::Json};
use uuid::Uuid;

use super::{
    super::{Geolocation, Heard, Status, TranscriptSegment},
    segments,
};
use crate::platform::database::{self, Db};

pub struct NewRow<'a> {
    pub id: Uuid,
    pub status: Status,
    pub source: &'a str,
    pub language: Option<&'a str>,
    /// Also when it was created.
    pub started_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
    pub timeout_seconds: i32,
    pub keep: bool,
    pub geolocation: Option<Geolocation>,
    pub external_data: Option<serde_json::Value>,
    pub app_id: Option<&'a str>,
    pub content_hash: Option<&'a [u8]>,
    pub call_id: Option<&'a str>,
}

/// False: one with that id is there already.
pub async fn insert(tx: &mut PgConnection, uid: &str, row: NewRow<'_>) -> Result<bool> {
    let done = sqlx::query!(
        "insert into conversations (uid, id, status, source, language, created_at, started_at, finished_at,
                                    timeout_seconds, keep, geolocation, external_data, app_id, content_hash, call_id)
         values ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         on conflict (uid, id) do nothing",
        uid,
        row.id,
        row.status.as_str(),
        row.source,
        row.language,
        row.started_at,
        row.finished_at,
        row.timeout_seconds,
        row.keep,
        row.geolocation.map(Json) as Option<Json<Geolocation>>,
        row.external_data,
        row.app_id,
        row.content_hash,
        row.call_id
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One at a time takes in a request of that hash, until the end of `tx`.
pub async fn lock_content(tx: &mut PgConnection, uid: &str, hash: &[u8]) -> Result<()> {
    database::take_turn(tx, uid, &format!("content {hash:02x?}")).await
}

/// The conversation that a request of that hash made within the last ten minutes.
pub async fn received_lately(
    tx: &mut PgConnection,
    uid: &str,
    hash: &[u8],
) -> Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "select id from conversations
         where uid = $1 and content_hash = $2 and received_at > now() - interval '10 minutes'
         order by received_at desc limit 1",
        uid,
        hash
    )
    .fetch_optional(tx)
    .await
}

pub async fn resume(
    tx: &mut PgConnection,
    uid: &str,
    timeout_seconds: i32,
    now: DateTime<Utc>,
) -> Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "update conversations set timeout_seconds = $2
         where uid = $1 and status = 'in_progress' and id = (
             select id from conversations
             where uid = $1 and status = 'in_progress' and finished_at + make_interval(secs => timeout_seconds) > $3
             order by finished_at desc limit 1)
         returning id",
        uid,
        timeout_seconds,
        now
    )
    .fetch_optional(tx)
    .await
}

/// However old its last word is.
pub async fn resume_that(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    timeout_seconds: i32,
) -> Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "update conversations set timeout_seconds = $3 where uid = $1 and id = $2 and status = 'in_progress' returning id",
        uid,
        id,
        timeout_seconds
    )
    .fetch_optional(tx)
    .await
}

/// One at a time opens a conversation of this user, until the end of `tx`.
pub async fn lock_opening(tx: &mut PgConnection, uid: &str) -> Result<()> {
    database::take_turn(tx, uid, "opening").await
}

/// When the first word was said in a conversation that is open. Some(None): there is none yet.
pub async fn begun(db: &Db, uid: &str, id: Uuid) -> Result<Option<Option<DateTime<Utc>>>> {
    sqlx::query_scalar!(
        "select case when exists (select from transcript_segments s where s.uid = $1 and s.conversation_id = $2)
                     then started_at end
         from conversations where uid = $1 and id = $2 and status = 'in_progress'",
        uid,
        id
    )
    .fetch_optional(db)
    .await
}

/// An open conversation, locked.
pub struct Open {
    pub started_at: DateTime<Utc>,
    /// The segment that ends last.
    pub tail: Option<TranscriptSegment>,
}

pub async fn lock_open(tx: &mut PgConnection, uid: &str, id: Uuid) -> Result<Option<Open>> {
    let Some(started_at) = sqlx::query_scalar!(
        "select started_at from conversations where uid = $1 and id = $2 and status = 'in_progress' for update",
        uid,
        id
    )
    .fetch_optional(&mut *tx)
    .await?
    else {
        return Ok(None);
    };
    let tail = segments::last(tx, uid, id).await?;
    Ok(Some(Open { started_at, tail }))
}

pub async fn heard(tx: &mut PgConnection, uid: &str, id: Uuid, heard: Heard) -> Result<()> {
    sqlx::query!(
        "update conversations
         set created_at = $3, started_at = $3, updated_at = now(),
             finished_at = case when started_at = finished_at then $4 else greatest(finished_at, $4) end
         where uid = $1 and id = $2",
        uid,
        id,
        heard.started_at,
        heard.until
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn tell_language(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    language: &str,
) -> Result<()> {
    sqlx::query!(
        "update conversations set language = $3
         where uid = $1 and id = $2 and language is distinct from $3",
        uid,
        id,
        language
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn attach_meeting(
    db: &Db,
    uid: &str,
    id: Uuid,
    meeting: serde_json::Value,
) -> Result<()> {
    sqlx::query!(
        "update conversations
         set external_data = coalesce(external_data, '{}') || jsonb_build_object('calendar_meeting_context', $3::jsonb)
         where uid = $1 and id = $2",
        uid,
        id,
        meeting
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn attach_place(db: &Db, uid: &str, id: Uuid, place: &Geolocation) -> Result<()> {
    sqlx::query!(
        "update conversations set geolocation = $3
         where uid = $1 and id = $2 and geolocation is null and status in ('in_progress', 'processing')",
        uid,
        id,
        Json(place) as Json<&Geolocation>
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn expired(
    db: &Db,
    now: DateTime<Utc>,
    except: &[Uuid],
    limit: i64,
) -> Result<Vec<(String, Uuid, bool)>> {
    let rows = sqlx::query!(
        r#"select uid, id,
                  exists (select 1 from transcript_segments s where s.uid = c.uid and s.conversation_id = c.id)
                  or exists (select 1 from conversation_photos p where p.uid = c.uid and p.conversation_id = c.id) as "said!"
           from conversations c
           where status = 'in_progress' and finished_at + make_interval(secs => timeout_seconds) <= $1
             and id <> all($2)
           order by uid, finished_at limit $3"#,
        now,
        except,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.uid, row.id, row.said))
        .collect())
}

pub async fn renew_empty(db: &Db, uid: &str, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "update conversations c set created_at = $3, started_at = $3, finished_at = $3
         where uid = $1 and id = $2 and status = 'in_progress'
           and not exists (select 1 from transcript_segments s where s.uid = $1 and s.conversation_id = c.id)
           and not exists (select 1 from conversation_photos p where p.uid = $1 and p.conversation_id = c.id)",
        uid,
        id,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn delete_if_empty(db: &Db, uid: &str, id: Uuid) -> Result<bool> {
    let done = sqlx::query!(
        "delete from conversations c
         where uid = $1 and id = $2 and status = 'in_progress'
           and not exists (select 1 from transcript_segments s where s.uid = $1 and s.conversation_id = c.id)
           and not exists (select 1 from conversation_photos p where p.uid = $1 and p.conversation_id = c.id)",
        uid,
        id
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
