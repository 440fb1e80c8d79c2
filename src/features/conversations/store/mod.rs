//! SQL of conversations and their segments.

mod attaching;
mod edits;
mod ended;
mod merging;
mod open;
mod photos;
mod segments;
mod sharing;

pub use attaching::*;
pub use edits::*;
pub use ended::*;
pub use merging::*;
pub use open::*;
pub use photos::*;
pub use segments::*;
pub use sharing::*;

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, Result, types::Json};
use uuid::Uuid;

use super::{Conversation, Event, Filter, Geolocation, Structured};
use crate::platform::database::Db;

struct Row {
    id: Uuid,
    status: String,
    source: String,
    language: Option<String>,
    created_at: DateTime<Utc>,
    started_at: DateTime<Utc>,
    finished_at: DateTime<Utc>,
    title: String,
    overview: String,
    emoji: String,
    category: String,
    events: Json<Vec<Event>>,
    understood_by: Option<String>,
    keep: bool,
    discarded: bool,
    visibility: String,
    starred: bool,
    folder_id: Option<String>,
    app_id: Option<String>,
    call_id: Option<String>,
    geolocation: Option<Json<Geolocation>>,
    external_data: Option<serde_json::Value>,
    private_cloud_sync_enabled: bool,
    processing_attempts: i32,
    processing_error: Option<String>,
}

impl From<Row> for Conversation {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            source: row.source,
            language: row.language,
            structured: Structured {
                title: row.title,
                overview: row.overview,
                emoji: row.emoji,
                category: row.category,
                action_items: Vec::new(),
                events: row.events.0,
            },
            transcript_segments: Vec::new(),
            transcript_segments_compressed: false,
            geolocation: row.geolocation.map(|place| place.0),
            photos: Vec::new(),
            audio_files: Vec::new(),
            private_cloud_sync_enabled: row.private_cloud_sync_enabled,
            apps_results: Vec::new(),
            suggested_summarization_apps: Vec::new(),
            plugins_results: Vec::new(),
            external_data: row.external_data,
            app_id: row.app_id,
            discarded: row.discarded,
            visibility: row.visibility,
            starred: row.starred,
            processing_memory_id: None,
            processing_conversation_id: None,
            status: row.status,
            processing_error: row.processing_error,
            understood_by: row.understood_by,
            is_locked: false,
            data_protection_level: None,
            folder_id: row.folder_id,
            call_id: row.call_id,
            keep: row.keep,
            processing_attempts: row.processing_attempts,
        }
    }
}

pub async fn list(db: &Db, uid: &str, filter: &Filter) -> Result<Vec<Conversation>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, status, source, language, created_at, started_at, finished_at, title, overview, emoji, category,
                  events as "events: Json<Vec<Event>>", understood_by, keep, discarded, visibility, starred, folder_id,
                  app_id, call_id, geolocation as "geolocation: Json<Geolocation>", external_data,
                  private_cloud_sync_enabled, processing_attempts, processing_error
           from conversations
           where uid = $1 and status = any($2) and ($3 or not discarded)
             and ($4::text[] is null or category = any($4))
             and ($5::timestamptz is null or created_at >= $5) and ($6::timestamptz is null or created_at <= $6)
             and ($7::text is null or folder_id = $7) and ($8::bool is null or starred = $8)
           order by created_at desc, id desc
           limit $9 offset $10"#,
        uid,
        &filter.statuses,
        filter.include_discarded,
        filter.categories.as_deref(),
        filter.from,
        filter.to,
        filter.folder_id,
        filter.starred,
        filter.limit,
        filter.offset
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

pub async fn ids(db: &Db, uid: &str, filter: &Filter) -> Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select id
         from conversations
         where uid = $1 and status = any($2) and ($3 or not discarded)
           and ($4::text[] is null or category = any($4))
           and ($5::timestamptz is null or created_at >= $5) and ($6::timestamptz is null or created_at <= $6)
           and ($7::text is null or folder_id = $7) and ($8::bool is null or starred = $8)
         order by created_at desc, id desc
         limit $9 offset $10",
        uid,
        &filter.statuses,
        filter.include_discarded,
        filter.categories.as_deref(),
        filter.from,
        filter.to,
        filter.folder_id,
        filter.starred,
        filter.limit,
        filter.offset
    )
    .fetch_all(db)
    .await
}

pub async fn get(db: &Db, uid: &str, id: Uuid) -> Result<Option<Conversation>> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, status, source, language, created_at, started_at, finished_at, title, overview, emoji, category,
                  events as "events: Json<Vec<Event>>", understood_by, keep, discarded, visibility, starred, folder_id,
                  app_id, call_id, geolocation as "geolocation: Json<Geolocation>", external_data,
                  private_cloud_sync_enabled, processing_attempts, processing_error
           from conversations
           where uid = $1 and id = $2"#,
        uid,
        id
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Into::into))
}

/// Those of these ids that there are, newest first.
pub async fn with_ids(
    db: impl PgExecutor<'_>,
    uid: &str,
    ids: &[Uuid],
) -> Result<Vec<Conversation>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, status, source, language, created_at, started_at, finished_at, title, overview, emoji, category,
                  events as "events: Json<Vec<Event>>", understood_by, keep, discarded, visibility, starred, folder_id,
                  app_id, call_id, geolocation as "geolocation: Json<Geolocation>", external_data,
                  private_cloud_sync_enabled, processing_attempts, processing_error
           from conversations
           where uid = $1 and id = any($2)
           order by created_at desc, id desc"#,
        uid,
        ids
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

pub async fn newest_completed(db: &Db, uid: &str) -> Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "select id from conversations
         where uid = $1 and status = 'completed' and not discarded
         order by created_at desc limit 1",
        uid
    )
    .fetch_optional(db)
    .await
}

pub async fn is_open(db: &Db, uid: &str, id: Uuid) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select 1 from conversations where uid = $1 and id = $2 and status = 'in_progress') as "open!""#,
        uid,
        id
    )
    .fetch_one(db)
    .await
}

pub async fn newest_open(db: &Db, uid: &str) -> Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "select id from conversations c
         where uid = $1 and status = 'in_progress'
           and (exists (select 1 from transcript_segments s where s.uid = $1 and s.conversation_id = c.id)
                or exists (select 1 from conversation_photos p where p.uid = $1 and p.conversation_id = c.id))
         order by finished_at desc limit 1",
        uid
    )
    .fetch_optional(db)
    .await
}
