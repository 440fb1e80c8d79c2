//! Conversations that were not heard: a text or a transcript that a client brings. The same request again makes no
//! second one.

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::{
    FINISHED, Geolocation, MAXIMUM_LANGUAGE, NewSegment, NewText, NewTranscript, Status,
    TextSource, TranscriptSegment, event, known_source, speaker_number, store,
};
use crate::{
    error::{Error, Problem, Result},
    features::{credentials::Caller, lenient},
    platform::{clock, database::Db, ids, outbox::Outbox},
};

/// Longest imported text, in characters.
pub const MAXIMUM_TEXT: usize = 100_000;
/// Most segments of an imported transcript.
pub const MAXIMUM_SEGMENTS: usize = 500;
/// Longest text of an imported segment, in characters.
pub const MAXIMUM_SEGMENT_TEXT: usize = 10_000;

const MAXIMUM_SPEC: usize = 500;
const MAXIMUM_SPEAKER: usize = 100;
const MAXIMUM_PERSON: usize = 200;
const MAXIMUM_SESSION: usize = 200;
/// A year.
const MAXIMUM_SECONDS: f64 = 31_536_000.0;

/// What surfaces say about an import, beside what the client sent.
#[derive(Clone, Debug)]
pub struct Import {
    /// Of the new conversation, unless the client names a session. One that exists already is left as it is.
    pub id: Uuid,
    /// `id` follows from a key of the request: the same text under another key is meant.
    pub keyed: bool,
    /// The app that brings it.
    pub app_id: Option<String>,
    /// Of a text that does not say.
    pub text_source: TextSource,
}

/// Takes a text as a conversation of its own; it is understood by a job, and nobody waits for that here. Created when
/// it began, so that imports sort by when they happened. Without a session or a key, the same request again within ten
/// minutes gives the first conversation.
pub async fn import_text(
    db: &Db,
    outbox: &Outbox,
    caller: &Caller,
    new: NewText,
    import: Import,
) -> Result<Uuid> {
    let session = new.client_session_id.as_deref();
    check_length("client_session_id", session, MAXIMUM_SESSION)?;
    let guarded = session.is_none() && !import.keyed;
    let content_hash = guarded.then(|| hash(caller, &import, &new)).transpose()?;
    let text = lenient::text("text", &new.text, MAXIMUM_TEXT)?;
    let spec = new.text_source_spec.as_deref();
    check_length("text_source_spec", spec, MAXIMUM_SPEC)?;
    check_length("language", new.language.as_deref(), MAXIMUM_LANGUAGE)?;
    check_place(&new.geolocation)?;
    let started_at = new.started_at.unwrap_or_else(clock::now);
    let finished_at = new
        .finished_at
        .unwrap_or_else(|| later(started_at, Duration::seconds(300)));
    if finished_at < started_at {
        return Err(finished_too_early());
    }
    let external = serde_json::json!({
        "text": text,
        "text_source": new.text_source.unwrap_or(import.text_source),
        "text_source_spec": spec,
    });
    let row = store::NewRow {
        id: session.map_or(import.id, |session| session_id(caller, &import, session)),
        status: Status::Processing,
        source: "external_integration",
        language: Some(new.language.as_deref().unwrap_or("en")),
        started_at,
        finished_at,
        timeout_seconds: 0,
        // Somebody chose to bring it; the discard rule is for what a device happened to hear.
        keep: true,
        geolocation: new.geolocation,
        external_data: Some(external),
        app_id: import.app_id.as_deref(),
        content_hash: content_hash.as_ref().map(|hash| hash.as_slice()),
        call_id: None,
    };
    put(db, outbox, &caller.uid, row, &[]).await
}

/// Takes a transcript as a conversation of its own, like a text; then it goes the way of a recorded one.
pub async fn import_transcript(
    db: &Db,
    outbox: &Outbox,
    caller: &Caller,
    new: NewTranscript,
    import: Import,
) -> Result<Uuid> {
    let session = new.client_session_id.as_deref();
    check_length("client_session_id", session, MAXIMUM_SESSION)?;
    check_length("language", new.language.as_deref(), MAXIMUM_LANGUAGE)?;
    check_place(&new.geolocation)?;
    let segments = segments(new.transcript_segments)?;
    let seconds = segments.iter().map(|one| one.end).fold(0.0, f64::max);
    let started_at = new.started_at.unwrap_or_else(clock::now);
    if new.finished_at.is_some_and(|end| end <= started_at) {
        return Err(finished_too_early());
    }
    let length = Duration::microseconds((seconds * 1e6) as i64);
    let row = store::NewRow {
        id: session.map_or(import.id, |session| session_id(caller, &import, session)),
        status: Status::Processing,
        source: new
            .source
            .as_deref()
            .map_or("external_integration", known_source),
        language: new.language.as_deref(),
        started_at,
        finished_at: new.finished_at.unwrap_or_else(|| later(started_at, length)),
        timeout_seconds: 0,
        // As an imported text.
        keep: true,
        geolocation: new.geolocation,
        external_data: None,
        app_id: import.app_id.as_deref(),
        content_hash: None,
        call_id: None,
    };
    put(db, outbox, &caller.uid, row, &segments).await
}

/// Stores an import and has it understood, unless it is there already; one that could not be understood gets
/// another chance. Gives the id of the one that is there.
async fn put(
    db: &Db,
    outbox: &Outbox,
    uid: &str,
    row: store::NewRow<'_>,
    segments: &[TranscriptSegment],
) -> Result<Uuid> {
    let mut id = row.id;
    let mut tx = db.begin().await?;
    let known = match row.content_hash {
        Some(hash) => {
            store::lock_content(&mut tx, uid, hash).await?;
            store::received_lately(&mut tx, uid, hash).await?
        }
        None => None,
    };
    let stored = match known {
        Some(known) => {
            id = known;
            false
        }
        None => store::insert(&mut tx, uid, row).await?,
    };
    if stored && !segments.is_empty() {
        store::upsert_segments(&mut tx, uid, id, segments).await?;
    }
    if stored || store::reprocess(&mut tx, uid, id, &[Status::Failed], None).await? {
        let event = event(FINISHED, uid, id, "imported");
        outbox.publish(&mut tx, &event).await?;
    }
    tx.commit().await?;
    Ok(id)
}

/// Always the same for one session of one user, and of one app.
fn session_id(caller: &Caller, import: &Import, session: &str) -> Uuid {
    let whole = serde_json::json!(["session", &*caller.uid, import.app_id, session]);
    ids::from_content(&whole.to_string())
}

/// Of all that was sent, before anything left out is filled in.
fn hash(caller: &Caller, import: &Import, new: &NewText) -> Result<[u8; 32]> {
    let whole = serde_json::to_string(&("text", &*caller.uid, &import.app_id, new))
        .map_err(anyhow::Error::new)?;
    Ok(ids::digest(&whole))
}

fn segments(new: Vec<NewSegment>) -> Result<Vec<TranscriptSegment>> {
    if new.is_empty() {
        return Err(Error::invalid(
            "transcript_segments",
            "transcript_segments cannot be empty",
        ));
    }
    if new.len() > MAXIMUM_SEGMENTS {
        return Err(Error::invalid(
            "transcript_segments",
            format!("Maximum {MAXIMUM_SEGMENTS} transcript segments allowed"),
        ));
    }
    new.into_iter()
        .enumerate()
        .map(|(index, new)| segment(index, new))
        .collect()
}

fn segment(index: usize, new: NewSegment) -> Result<TranscriptSegment> {
    let refuse = |field: &str, message: &str| {
        Err(Error::Invalid(vec![Problem {
            location: ["body", "transcript_segments", &index.to_string(), field]
                .map(String::from)
                .into(),
            message: format!("Segment {index}: {message}"),
            kind: "value_error",
        }]))
    };
    let text = new.text.trim();
    if text.is_empty() {
        return refuse("text", "text cannot be empty");
    }
    for (field, text, most) in [
        ("text", Some(text), MAXIMUM_SEGMENT_TEXT),
        ("speaker", new.speaker.as_deref(), MAXIMUM_SPEAKER),
        ("person_id", new.person_id.as_deref(), MAXIMUM_PERSON),
    ] {
        if text.is_some_and(|text| text.chars().count() > most) {
            return refuse(
                field,
                &format!("{field} must have at most {most} characters"),
            );
        }
    }
    if new.start < 0.0 {
        return refuse("start", "start time cannot be negative");
    }
    if new.end <= new.start {
        return refuse("end", "end time must be after start time");
    }
    if new.end > MAXIMUM_SECONDS {
        return refuse("end", "end time must be within a year, 31536000 seconds");
    }
    if new.speaker_id.is_some_and(|id| id < 0) {
        return refuse("speaker_id", "speaker_id cannot be negative");
    }
    let named = new
        .speaker
        .map(|name| name.trim().to_string())
        .filter(|name| !name.is_empty());
    let speaker_id = new
        .speaker_id
        .unwrap_or_else(|| named.as_deref().map_or(0, speaker_number));
    Ok(TranscriptSegment {
        id: ids::new(),
        text: text.into(),
        speaker: named.unwrap_or_else(|| format!("SPEAKER_{speaker_id:02}")),
        speaker_id,
        is_user: new.is_user,
        person_id: new.person_id,
        start: new.start,
        end: new.end,
        ..TranscriptSegment::default()
    })
}

fn check_length(field: &str, text: Option<&str>, most: usize) -> Result<()> {
    text.map_or(Ok(()), |text| lenient::at_most(field, text, most))
}

fn check_place(place: &Option<Geolocation>) -> Result<()> {
    place.as_ref().map_or(Ok(()), Geolocation::check)
}

/// Not beyond what RFC 3339 can write, nor before `time`.
fn later(time: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    (time + by).min(lenient::LATEST).max(time)
}

fn finished_too_early() -> Error {
    Error::invalid("finished_at", "finished_at must be after started_at")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn one(body: serde_json::Value) -> Result<TranscriptSegment> {
        segment(3, serde_json::from_value(body).unwrap())
    }

    #[test]
    fn a_speaker_has_a_number() {
        for (given, speaker, number) in [
            (serde_json::json!({}), "SPEAKER_00", 0),
            (
                serde_json::json!({"speaker": "SPEAKER_07"}),
                "SPEAKER_07",
                7,
            ),
            (serde_json::json!({"speaker": "Ann"}), "Ann", 0),
            (serde_json::json!({"speaker": " "}), "SPEAKER_00", 0),
            (
                serde_json::json!({"speaker": "SPEAKER_-3"}),
                "SPEAKER_-3",
                0,
            ),
            (
                serde_json::json!({"speaker": "SPEAKER_99999999999"}),
                "SPEAKER_99999999999",
                0,
            ),
            (serde_json::json!({"speaker_id": 4}), "SPEAKER_04", 4),
            (
                serde_json::json!({"speaker": "SPEAKER_01", "speaker_id": 4}),
                "SPEAKER_01",
                4,
            ),
        ] {
            let mut body = serde_json::json!({"text": " hi ", "start": 0, "end": 1.5});
            body.as_object_mut()
                .unwrap()
                .extend(given.as_object().unwrap().clone());
            let segment = one(body).unwrap();
            assert_eq!(
                (segment.speaker.as_str(), segment.speaker_id),
                (speaker, number)
            );
            assert_eq!(segment.text, "hi");
        }
    }

    #[test]
    fn a_refusal_names_the_segment() {
        for (body, field, message) in [
            (
                serde_json::json!({"text": " ", "start": 0, "end": 1}),
                "text",
                "Segment 3: text cannot be empty",
            ),
            (
                serde_json::json!({"text": "a", "start": -0.1, "end": 1}),
                "start",
                "Segment 3: start time cannot be negative",
            ),
            (
                serde_json::json!({"text": "a", "start": 1, "end": 1}),
                "end",
                "Segment 3: end time must be after start time",
            ),
        ] {
            match one(body).unwrap_err() {
                Error::Invalid(problems) => {
                    assert_eq!(
                        problems[0].location,
                        ["body", "transcript_segments", "3", field]
                    );
                    assert_eq!(problems[0].message, message);
                }
                other => panic!("{other}"),
            }
        }
    }
}
