//! SQL of conversations that become one.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Result, types::Json};
use uuid::Uuid;

use super::super::{Event, Geolocation, Status, Structured};
use crate::platform::database::Db;

/// What has to be known of a conversation before it is merged.
pub struct Mergeable {
    pub id: Uuid,
    pub status: String,
    pub started_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
}

/// Those of these ids that there are, locked until the end of `tx`.
pub async fn lock_mergeable(
    tx: &mut PgConnection,
    uid: &str,
    ids: &[Uuid],
) -> Result<Vec<Mergeable>> {
    sqlx::query_as!(
        Mergeable,
        "select id, status, started_at, finished_at from conversations
         where uid = $1 and id = any($2)
         order by id for update",
        uid,
        ids
    )
    .fetch_all(tx)
    .await
}

pub async fn mark_merging(
    tx: &mut PgConnection,
    uid: &str,
    ids: &[Uuid],
    into: Uuid,
) -> Result<()> {
    sqlx::query!(
        "update conversations set status = 'merging', merging_into = $3, updated_at = now()
         where uid = $1 and id = any($2)",
        uid,
        ids,
        into
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Those that are to become `into`, locked until the end of `tx`.
pub async fn lock_merging(tx: &mut PgConnection, uid: &str, into: Uuid) -> Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select id from conversations
         where uid = $1 and merging_into = $2 and status = 'merging'
         order by id for update",
        uid,
        into
    )
    .fetch_all(tx)
    .await
}

/// Those that were to become `into` are what they were.
pub async fn release(tx: &mut PgConnection, uid: &str, into: Uuid) -> Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "update conversations set status = 'completed', merging_into = null, updated_at = now()
         where uid = $1 and merging_into = $2 and status = 'merging'
         returning id",
        uid,
        into
    )
    .fetch_all(tx)
    .await
}

/// Merges of anyone that have waited since before then.
pub async fn stale_merges(
    db: &Db,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(String, Uuid)>> {
    let rows = sqlx::query!(
        r#"select distinct uid, merging_into as "into!" from conversations
           where status = 'merging' and merging_into is not null and updated_at < $1
           order by uid, 2 limit $2"#,
        before,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.uid, row.into)).collect())
}

/// When the last word of each ends, in seconds from its start; without those in which nothing was said.
pub async fn last_words(
    tx: &mut PgConnection,
    uid: &str,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, f64)>> {
    let rows = sqlx::query!(
        r#"select conversation_id, max(end_seconds) as "end!" from transcript_segments
           where uid = $1 and conversation_id = any($2)
           group by conversation_id"#,
        uid,
        ids
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.conversation_id, row.end))
        .collect())
}

/// A conversation made of others.
pub struct Whole<'a> {
    pub id: Uuid,
    pub status: Status,
    pub source: &'a str,
    pub language: Option<&'a str>,
    pub created_at: DateTime<Utc>,
    pub started_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
    pub discarded: bool,
    pub starred: bool,
    pub visibility: &'a str,
    pub geolocation: Option<&'a Geolocation>,
    pub external_data: serde_json::Value,
    pub private_cloud_sync_enabled: bool,
    pub structured: &'a Structured,
    pub understood_by: Option<&'a str>,
}

pub async fn insert_whole(tx: &mut PgConnection, uid: &str, whole: Whole<'_>) -> Result<()> {
    sqlx::query!(
        "insert into conversations (uid, id, status, source, language, created_at, started_at, finished_at, keep, discarded,
                                    visibility, geolocation, external_data, private_cloud_sync_enabled, title, overview,
                                    emoji, category, events, understood_by, starred)
         values ($1, $2, $3, $4, $5, $6, $7, $8, true, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
        uid,
        whole.id,
        whole.status.as_str(),
        whole.source,
        whole.language,
        whole.created_at,
        whole.started_at,
        whole.finished_at,
        whole.discarded,
        whole.visibility,
        whole.geolocation.map(Json) as Option<Json<&Geolocation>>,
        whole.external_data,
        whole.private_cloud_sync_enabled,
        whole.structured.title,
        whole.structured.overview,
        whole.structured.emoji,
        whole.structured.category,
        Json(&whole.structured.events) as Json<&Vec<Event>>,
        whole.understood_by,
        whole.starred
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Copies the segments of several conversations into one, those of each moved by its seconds.
pub async fn copy_segments(
    tx: &mut PgConnection,
    uid: &str,
    into: Uuid,
    sources: &[Uuid],
    seconds: &[f64],
) -> Result<()> {
    sqlx::query!(
        "insert into transcript_segments (uid, conversation_id, id, text, speaker, speaker_id, is_user, person_id,
                                          start_seconds, end_seconds, translations, speech_profile_processed,
                                          stt_provider)
         select $1, $2, s.id, s.text, s.speaker, s.speaker_id, s.is_user, s.person_id, s.start_seconds + moved.seconds,
                s.end_seconds + moved.seconds, s.translations, s.speech_profile_processed, s.stt_provider
         from unnest($3::uuid[], $4::float8[]) as moved (id, seconds)
         join transcript_segments s on s.uid = $1 and s.conversation_id = moved.id",
        uid,
        into,
        sources,
        seconds
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes their segments along.
pub async fn delete_all(tx: &mut PgConnection, uid: &str, ids: &[Uuid]) -> Result<()> {
    sqlx::query!(
        "delete from conversations where uid = $1 and id = any($2)",
        uid,
        ids
    )
    .execute(tx)
    .await?;
    Ok(())
}
