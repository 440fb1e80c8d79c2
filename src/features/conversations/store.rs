//! SQL of conversations and their segments.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool, Result, types::Json};
use uuid::Uuid;

use super::{
    Conversation, Event, Filter, Geolocation, Heard, Status, Structured, TranscriptSegment,
    Translation,
};

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

pub async fn list(db: &PgPool, uid: &str, filter: &Filter) -> Result<Vec<Conversation>> {
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

pub async fn get(db: &PgPool, uid: &str, id: Uuid) -> Result<Option<Conversation>> {
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

pub async fn newest_completed(db: &PgPool, uid: &str) -> Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "select id from conversations
         where uid = $1 and status = 'completed' and not discarded
         order by created_at desc limit 1",
        uid
    )
    .fetch_optional(db)
    .await
}

struct SegmentRow {
    conversation_id: Uuid,
    id: Uuid,
    text: String,
    speaker: String,
    speaker_id: i32,
    is_user: bool,
    person_id: Option<String>,
    start_seconds: f64,
    end_seconds: f64,
    translations: Json<Vec<Translation>>,
    speech_profile_processed: bool,
    stt_provider: Option<String>,
}

impl From<SegmentRow> for TranscriptSegment {
    fn from(row: SegmentRow) -> Self {
        Self {
            id: row.id,
            text: row.text,
            speaker: row.speaker,
            speaker_id: row.speaker_id,
            is_user: row.is_user,
            person_id: row.person_id,
            start: row.start_seconds,
            end: row.end_seconds,
            translations: row.translations.0,
            speech_profile_processed: row.speech_profile_processed,
            stt_provider: row.stt_provider,
        }
    }
}

pub async fn segments(
    db: &PgPool,
    uid: &str,
    conversation_ids: &[Uuid],
) -> Result<Vec<(Uuid, TranscriptSegment)>> {
    let rows = sqlx::query_as!(
        SegmentRow,
        r#"select conversation_id, id, text, speaker, speaker_id, is_user, person_id, start_seconds, end_seconds,
                  translations as "translations: Json<Vec<Translation>>", speech_profile_processed, stt_provider
           from transcript_segments
           where uid = $1 and conversation_id = any($2)
           order by start_seconds, id"#,
        uid,
        conversation_ids
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.conversation_id, row.into()))
        .collect())
}

pub struct NewRow<'a> {
    pub id: Uuid,
    pub status: Status,
    pub source: &'a str,
    pub language: &'a str,
    /// Also when it was created.
    pub started_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
    pub timeout_seconds: i32,
    pub keep: bool,
    pub geolocation: Option<Geolocation>,
    pub external_data: Option<serde_json::Value>,
}

pub async fn insert(tx: &mut PgConnection, uid: &str, row: NewRow<'_>) -> Result<()> {
    sqlx::query!(
        "insert into conversations (uid, id, status, source, language, created_at, started_at, finished_at,
                                    timeout_seconds, keep, geolocation, external_data)
         values ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10, $11)",
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
        row.external_data
    )
    .execute(tx)
    .await?;
    Ok(())
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

/// One at a time opens a conversation of this user, until the end of `tx`.
pub async fn lock_opening(tx: &mut PgConnection, uid: &str) -> Result<()> {
    sqlx::query!(r#"select 1 as "one!" from (select pg_advisory_xact_lock(hashtextextended($1, 0))) as locked"#, uid)
        .fetch_one(tx)
        .await?;
    Ok(())
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
    let tail = sqlx::query_as!(
        SegmentRow,
        r#"select conversation_id, id, text, speaker, speaker_id, is_user, person_id, start_seconds, end_seconds,
                  translations as "translations: Json<Vec<Translation>>", speech_profile_processed, stt_provider
           from transcript_segments
           where uid = $1 and conversation_id = $2
           order by start_seconds desc, id desc limit 1"#,
        uid,
        id
    )
    .fetch_optional(tx)
    .await?;
    Ok(Some(Open {
        started_at,
        tail: tail.map(Into::into),
    }))
}

pub async fn is_open(db: &PgPool, uid: &str, id: Uuid) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select 1 from conversations where uid = $1 and id = $2 and status = 'in_progress') as "open!""#,
        uid,
        id
    )
    .fetch_one(db)
    .await
}

pub async fn heard_until(db: &PgPool, uid: &str, id: Uuid) -> Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar!(
        "select c.started_at + make_interval(secs => max(s.end_seconds))
         from conversations c join transcript_segments s on s.uid = c.uid and s.conversation_id = c.id
         where c.uid = $1 and c.id = $2
         group by c.started_at",
        uid,
        id
    )
    .fetch_optional(db)
    .await
    .map(Option::flatten)
}

pub async fn shift_segments(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    seconds: f64,
) -> Result<()> {
    sqlx::query!(
        "update transcript_segments set start_seconds = start_seconds + $3, end_seconds = end_seconds + $3
         where uid = $1 and conversation_id = $2",
        uid,
        conversation_id,
        seconds
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn delete_segments(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    ids: &[Uuid],
) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "delete from transcript_segments where uid = $1 and conversation_id = $2 and id = any($3)",
        uid,
        conversation_id,
        ids
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn upsert_segments(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    segments: &[TranscriptSegment],
) -> Result<()> {
    let ids: Vec<_> = segments.iter().map(|segment| segment.id).collect();
    let texts: Vec<_> = segments
        .iter()
        .map(|segment| segment.text.clone())
        .collect();
    let speakers: Vec<_> = segments
        .iter()
        .map(|segment| segment.speaker.clone())
        .collect();
    let speaker_ids: Vec<_> = segments.iter().map(|segment| segment.speaker_id).collect();
    let users: Vec<_> = segments.iter().map(|segment| segment.is_user).collect();
    let people: Vec<_> = segments
        .iter()
        .map(|segment| segment.person_id.clone())
        .collect();
    let starts: Vec<_> = segments.iter().map(|segment| segment.start).collect();
    let ends: Vec<_> = segments.iter().map(|segment| segment.end).collect();
    let providers: Vec<_> = segments
        .iter()
        .map(|segment| segment.stt_provider.clone())
        .collect();
    sqlx::query!(
        "insert into transcript_segments (uid, conversation_id, id, text, speaker, speaker_id, is_user, person_id,
                                          start_seconds, end_seconds, stt_provider)
         select $1, $2, new.*
         from unnest($3::uuid[], $4::text[], $5::text[], $6::int[], $7::bool[], $8::text[], $9::float8[],
                     $10::float8[], $11::text[]) as new
         on conflict (uid, conversation_id, id) do update set
            text = excluded.text, speaker = excluded.speaker, speaker_id = excluded.speaker_id,
            is_user = excluded.is_user, person_id = excluded.person_id, start_seconds = excluded.start_seconds,
            end_seconds = excluded.end_seconds",
        uid,
        conversation_id,
        &ids,
        &texts,
        &speakers,
        &speaker_ids,
        &users,
        &people as &[Option<String>],
        &starts,
        &ends,
        &providers as &[Option<String>]
    )
    .execute(tx)
    .await?;
    Ok(())
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

pub async fn newest_open(db: &PgPool, uid: &str) -> Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "select id from conversations c
         where uid = $1 and status = 'in_progress'
           and exists (select 1 from transcript_segments s where s.uid = $1 and s.conversation_id = c.id)
         order by finished_at desc limit 1",
        uid
    )
    .fetch_optional(db)
    .await
}

pub async fn attach_meeting(
    db: &PgPool,
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

pub async fn finish(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    requested: bool,
    now: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query!(
        "update conversations
         set status = 'processing', keep = keep or $3, processing_attempts = 0, processing_error = null, updated_at = now()
         where uid = $1 and id = $2 and status = 'in_progress'
           and ($3 or finished_at + make_interval(secs => timeout_seconds) <= $4)",
        uid,
        id,
        requested,
        now
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn reprocess(tx: &mut PgConnection, uid: &str, id: Uuid) -> Result<bool> {
    let done = sqlx::query!(
        "update conversations
         set status = 'processing', keep = true, processing_attempts = 0, processing_error = null, updated_at = now()
         where uid = $1 and id = $2 and status in ('completed', 'failed')",
        uid,
        id
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn stale(db: &PgPool, before: DateTime<Utc>, limit: i64) -> Result<Vec<(String, Uuid)>> {
    let rows = sqlx::query!(
        "select uid, id from conversations where status = 'processing' and updated_at < $1 order by uid limit $2",
        before,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.uid, row.id)).collect())
}

pub async fn give_up(tx: &mut PgConnection, uid: &str, id: Uuid, attempts: i32) -> Result<bool> {
    let done = sqlx::query!(
        "update conversations
         set status = 'failed', updated_at = now(),
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

pub async fn expired(
    db: &PgPool,
    now: DateTime<Utc>,
    except: &[Uuid],
    limit: i64,
) -> Result<Vec<(String, Uuid, bool)>> {
    let rows = sqlx::query!(
        r#"select uid, id,
                  exists (select 1 from transcript_segments s where s.uid = c.uid and s.conversation_id = c.id) as "said!"
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

pub async fn renew_empty(db: &PgPool, uid: &str, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "update conversations c set created_at = $3, started_at = $3, finished_at = $3
         where uid = $1 and id = $2 and status = 'in_progress'
           and not exists (select 1 from transcript_segments s where s.uid = $1 and s.conversation_id = c.id)",
        uid,
        id,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn delete_if_empty(db: &PgPool, uid: &str, id: Uuid) -> Result<bool> {
    let done = sqlx::query!(
        "delete from conversations c
         where uid = $1 and id = $2 and status = 'in_progress'
           and not exists (select 1 from transcript_segments s where s.uid = $1 and s.conversation_id = c.id)",
        uid,
        id
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn begin_processing(db: &PgPool, uid: &str, id: Uuid) -> Result<bool> {
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

pub async fn complete_processing(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    structured: &Structured,
    understood_by: &str,
    discarded: bool,
) -> Result<bool> {
    let done = sqlx::query!(
        "update conversations
         set status = 'completed', title = $3, overview = $4, emoji = $5, category = $6, events = $7, understood_by = $8,
             discarded = $9, processing_error = null, updated_at = now()
         where uid = $1 and id = $2 and status = 'processing'",
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
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn fail_processing(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    why: &str,
    last: bool,
) -> Result<bool> {
    let done = sqlx::query!(
        "update conversations
         set processing_error = $3, status = case when $4 then 'failed' else status end, updated_at = now()
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
