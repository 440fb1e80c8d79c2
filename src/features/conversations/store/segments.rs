//! SQL of transcript segments.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Result, types::Json};
use uuid::Uuid;

use super::super::{Speaker, TranscriptSegment, Translated, Translation};
use crate::platform::database::Db;

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
    db: &Db,
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

pub async fn heard_until(db: &Db, uid: &str, id: Uuid) -> Result<Option<DateTime<Utc>>> {
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
            end_seconds = excluded.end_seconds,
            translations = case when transcript_segments.text = excluded.text then transcript_segments.translations
                           else '[]' end",
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

/// The segment that begins last.
pub async fn last(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
) -> Result<Option<TranscriptSegment>> {
    let row = sqlx::query_as!(
        SegmentRow,
        r#"select conversation_id, id, text, speaker, speaker_id, is_user, person_id, start_seconds, end_seconds,
                  translations as "translations: Json<Vec<Translation>>", speech_profile_processed, stt_provider
           from transcript_segments
           where uid = $1 and conversation_id = $2
           order by start_seconds desc, id desc limit 1"#,
        uid,
        conversation_id
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Into::into))
}

pub async fn assign(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    segments: &[Uuid],
    label: Option<i32>,
    speaker: &Speaker,
) -> Result<Vec<TranscriptSegment>> {
    let rows = sqlx::query_as!(
        SegmentRow,
        r#"update transcript_segments set is_user = $5, person_id = $6
           where uid = $1 and conversation_id = $2
             and (id = any($3) or (speaker_id = $4 and not is_user and person_id is null))
           returning conversation_id, id, text, speaker, speaker_id, is_user, person_id, start_seconds, end_seconds,
                     translations as "translations: Json<Vec<Translation>>", speech_profile_processed, stt_provider"#,
        uid,
        conversation_id,
        segments,
        label,
        speaker.is_user(),
        speaker.person_id()
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// In the order in which a conversation shows them, counted from 0.
pub async fn segment_at(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    place: i64,
) -> Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "select id from transcript_segments
         where uid = $1 and conversation_id = $2
         order by start_seconds, id limit 1 offset $3",
        uid,
        conversation_id,
        place
    )
    .fetch_optional(tx)
    .await
}

pub async fn labelled(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    label: Option<i32>,
) -> Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select id from transcript_segments where uid = $1 and conversation_id = $2 and speaker_id = $3",
        uid,
        conversation_id,
        label
    )
    .fetch_all(tx)
    .await
}

/// Those of these ids that there are.
pub async fn known_segments(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select id from transcript_segments where uid = $1 and conversation_id = $2 and id = any($3)",
        uid,
        conversation_id,
        ids
    )
    .fetch_all(tx)
    .await
}

pub async fn set_speaker(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    ids: &[Uuid],
    is_user: bool,
    person_id: Option<&str>,
) -> Result<()> {
    sqlx::query!(
        "update transcript_segments set is_user = $4, person_id = $5
         where uid = $1 and conversation_id = $2 and id = any($3)",
        uid,
        conversation_id,
        ids,
        is_user,
        person_id
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Label, whether it is the user, and id of a person; of each label the newest that is somebody's.
pub async fn voices(
    db: &Db,
    uid: &str,
    conversation_id: Uuid,
) -> Result<Vec<(i32, bool, Option<String>)>> {
    let rows = sqlx::query!(
        "select distinct on (speaker_id) speaker_id, is_user, person_id from transcript_segments
         where uid = $1 and conversation_id = $2 and (is_user or person_id is not null)
         order by speaker_id, start_seconds desc, id desc limit 100",
        uid,
        conversation_id
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.speaker_id, row.is_user, row.person_id))
        .collect())
}

pub async fn translate(
    db: &Db,
    uid: &str,
    conversation_id: Uuid,
    found: &Translated<'_>,
) -> Result<Vec<TranscriptSegment>> {
    let rows = sqlx::query_as!(
        SegmentRow,
        r#"update transcript_segments s
           set translations = jsonb_build_array(jsonb_build_object('lang', $6::text, 'text', new.translation))
           from unnest($3::uuid[], $4::text[], $5::text[]) as new (id, text, translation)
           where s.uid = $1 and s.conversation_id = $2 and s.id = new.id and s.text = new.text
           returning s.conversation_id, s.id, s.text, s.speaker, s.speaker_id, s.is_user, s.person_id, s.start_seconds,
                     s.end_seconds, s.translations as "translations: Json<Vec<Translation>>",
                     s.speech_profile_processed, s.stt_provider"#,
        uid,
        conversation_id,
        &found.ids,
        &found.texts,
        &found.translations,
        found.language
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}
