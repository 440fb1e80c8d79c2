//! Conversations: what was heard or imported, its transcript and what was understood of it.

mod attaching;
mod edits;
mod imports;
mod input;
mod items;
mod meeting;
mod merging;
mod model;
mod opening;
mod photos;
mod sharing;
mod speakers;
mod store;

pub use attaching::{Target, create_later, hand_over, lock_near};
pub use edits::{
    MAXIMUM_OVERVIEW, count, empty_folder, put_into, set_events_created, set_segment_text,
    set_starred, set_summary, set_title,
};
pub use imports::{
    Import, MAXIMUM_SEGMENT_TEXT, MAXIMUM_SEGMENTS, MAXIMUM_TEXT, import_text, import_transcript,
};
pub use input::{Changes, NewSegment, NewText, NewTranscript, TextSource};
pub use items::{complete_items, delete_items, items, rename_item};
pub use meeting::{Meeting, Participant};
pub use merging::{
    MERGE_JOB, MERGED, MERGING, merge, release_stale as release_stale_merges, run_merge,
};
pub use model::{
    CATEGORIES, Conversation, EmbeddedActionItem, Event, Filter, Geolocation, Heading, STATUSES,
    Standing, Status, Structured, TranscriptSegment, Translation, Waiting, known_source,
    speaker_number,
};
pub use opening::{Opening, open, open_apart};
pub use photos::{
    LARGEST_PHOTO, Photo, add_photo, describe_photo, photo_image, photos, seen, with_photos,
    with_photos_within,
};
pub use sharing::{VISIBILITIES, set_visibility, shared};
pub use speakers::{Speaker, Spoken, Translated, assign, assign_by_hand, translate, voices};
pub use store::Open;

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    features::{action_items, audio, credentials::Caller, lenient, memories},
    platform::{
        clock,
        database::Db,
        outbox::{self, Outbox},
    },
};

/// A conversation waits to be understood. `detail` is why: `silence`, `requested`, `hung_up`, `imported`, `uploaded` …
pub const FINISHED: &str = "conversation.finished";
/// A conversation was understood, discarded or given up.
pub const PROCESSED: &str = "conversation.processed";
/// A conversation is gone. `detail` tells what went with it: `alone`, `cascade` or `merged`.
pub const DELETED: &str = "conversation.deleted";

/// A conversation whose processing began so often without an end is given up.
const MOST_ATTEMPTS: i32 = 40;

/// How long a client waits for an answer.
const LONGEST_WAIT: Duration = Duration::minutes(5);

/// Longest title, in characters.
pub const MAXIMUM_TITLE: usize = 500;

/// Longest code of a language, in characters.
const MAXIMUM_LANGUAGE: usize = 35;

/// Why a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nobody spoke for as long as its time-out.
    Silence,
    /// The user said so: it is kept, however little was said.
    Requested,
    /// A call, and nobody is on the line any more.
    HungUp,
}

impl Reason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Requested => "requested",
            Self::HungUp => "hung_up",
        }
    }
}

/// A page of the caller's conversations, newest first. Segments only when asked for.
pub async fn list(
    db: &Db,
    caller: &Caller,
    filter: &Filter,
    with_segments: bool,
) -> Result<Vec<Conversation>> {
    of_user(db, &caller.uid, filter, with_segments).await
}

/// The same for what works by itself.
pub async fn of_user(
    db: &Db,
    uid: &str,
    filter: &Filter,
    with_segments: bool,
) -> Result<Vec<Conversation>> {
    let conversations = store::list(db, uid, filter).await?;
    complete(db, uid, conversations, with_segments).await
}

/// The ids of that page, for a long list that is fetched in parts.
pub async fn ids(db: &Db, caller: &Caller, filter: &Filter) -> Result<Vec<Uuid>> {
    Ok(store::ids(db, &caller.uid, filter).await?)
}

/// Those of these ids that there are, newest first. Segments only when asked for.
pub async fn of_ids(
    db: &Db,
    uid: &str,
    ids: &[Uuid],
    with_segments: bool,
) -> Result<Vec<Conversation>> {
    let found = store::with_ids(db, uid, ids).await?;
    complete(db, uid, found, with_segments).await
}

/// One conversation with its segments, whatever its status.
pub async fn get(db: &Db, uid: &str, id: Uuid) -> Result<Conversation> {
    find(db, uid, id, true).await
}

/// One conversation, whatever its status. Segments only when asked for.
pub async fn find(db: &Db, uid: &str, id: Uuid, with_segments: bool) -> Result<Conversation> {
    let found = store::get(db, uid, id)
        .await?
        .ok_or(Error::NotFound("Conversation"))?;
    complete(db, uid, vec![found], with_segments)
        .await?
        .pop()
        .ok_or(Error::NotFound("Conversation"))
}

/// What those of these ids that there are look like in a list.
pub async fn headings(db: &Db, uid: &str, ids: &[Uuid]) -> Result<Vec<Heading>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(store::headings(db, uid, ids).await?)
}

/// Events of conversations that begin within a time, its end excluded, the soonest first, with the conversation of each.
pub async fn planned(
    db: &Db,
    uid: &str,
    time: (DateTime<Utc>, DateTime<Utc>),
    limit: i64,
) -> Result<Vec<(Uuid, Event)>> {
    Ok(store::planned(db, uid, time, limit).await?)
}

/// How far the understanding of a conversation has come.
pub async fn standing(db: &Db, uid: &str, id: Uuid) -> Result<Standing> {
    store::standing(db, uid, id)
        .await?
        .ok_or(Error::NotFound("Conversation"))
}

/// Changes what a user may change, and gives the whole conversation. One that is not to be discarded is kept from then on,
/// however little was said.
pub async fn change(db: &Db, caller: &Caller, id: Uuid, changes: Changes) -> Result<Conversation> {
    if changes.title.is_none() && changes.discarded.is_none() {
        return Err(Error::invalid_body(
            "At least one field (title or discarded) must be provided",
        ));
    }
    let title = changes
        .title
        .map(|title| lenient::text("title", &title, MAXIMUM_TITLE))
        .transpose()?;
    if !store::change(db, &caller.uid, id, title.as_deref(), changes.discarded).await? {
        return Err(Error::NotFound("Conversation"));
    }
    get(db, &caller.uid, id).await
}

/// Removes a conversation, whatever its status. What was made of it stays, unless it goes too with `cascade`:
/// action items, and memories that the user did not state themself.
pub async fn delete(
    db: &Db,
    outbox: &Outbox,
    caller: &Caller,
    id: Uuid,
    cascade: bool,
) -> Result<()> {
    let uid = &caller.uid;
    let mut tx = db.begin().await?;
    // First: it waits for whoever is writing to the conversation, who then finds nothing to write to.
    if !store::delete(&mut tx, uid, id).await? {
        return Err(Error::NotFound("Conversation"));
    }
    if cascade {
        action_items::delete_of_conversation(&mut tx, uid, id).await?;
        memories::delete_of_conversation(&mut tx, uid, id).await?;
    }
    let detail = if cascade { "cascade" } else { "alone" };
    outbox
        .publish(&mut tx, &event(DELETED, uid, id, detail))
        .await?;
    tx.commit().await?;
    Ok(())
}

/// The newest completed conversation that was not discarded.
pub async fn newest_completed(db: &Db, uid: &str) -> Result<Option<Uuid>> {
    Ok(store::newest_completed(db, uid).await?)
}

/// Adds action items, segments and files of sound, a statement each for any number of conversations.
async fn complete(
    db: &Db,
    uid: &str,
    mut conversations: Vec<Conversation>,
    with_segments: bool,
) -> Result<Vec<Conversation>> {
    let wanted: Vec<_> = conversations
        .iter()
        .map(|conversation| conversation.id)
        .collect();
    if wanted.is_empty() {
        return Ok(conversations);
    }
    let mut items: HashMap<Uuid, Vec<_>> = HashMap::new();
    for item in action_items::of_conversations(db, uid, &wanted).await? {
        if let Some(id) = item.conversation_id {
            items.entry(id).or_default().push(item.into());
        }
    }
    let mut segments: HashMap<Uuid, Vec<_>> = HashMap::new();
    if with_segments {
        for (id, segment) in store::segments(db, uid, &wanted).await? {
            segments.entry(id).or_default().push(segment);
        }
    }
    let sounding: Vec<_> = conversations
        .iter()
        .filter(|one| with_segments && one.private_cloud_sync_enabled)
        .map(|one| one.id)
        .collect();
    let mut sound = audio::of_conversations(db, uid, &sounding).await?;
    for conversation in &mut conversations {
        conversation.audio_files = sound.remove(&conversation.id).unwrap_or_default();
        conversation.structured.action_items = items.remove(&conversation.id).unwrap_or_default();
        conversation.transcript_segments = segments.remove(&conversation.id).unwrap_or_default();
    }
    Ok(conversations)
}

/// Locks an open conversation until the end of `tx`. None: it is gone or was finished.
pub async fn lock_open(tx: &mut PgConnection, uid: &str, id: Uuid) -> Result<Option<Open>> {
    Ok(store::lock_open(tx, uid, id).await?)
}

/// Notes the language that is spoken in a locked conversation.
pub async fn tell_language(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    language: &str,
) -> Result<()> {
    Ok(store::tell_language(tx, uid, id, language).await?)
}

/// Whether segments still go to this conversation.
pub async fn is_open(db: &Db, uid: &str, id: Uuid) -> Result<bool> {
    Ok(store::is_open(db, uid, id).await?)
}

/// When the first stored word of an open conversation was said; Some(None): nothing is stored yet.
pub async fn begun(db: &Db, uid: &str, id: Uuid) -> Result<Option<Option<DateTime<Utc>>>> {
    Ok(store::begun(db, uid, id).await?)
}

/// When the last stored word of a conversation ends. It can lie ahead of the clock: a device may send
/// faster than it hears.
pub async fn heard_until(db: &Db, uid: &str, id: Uuid) -> Result<Option<DateTime<Utc>>> {
    Ok(store::heard_until(db, uid, id).await?)
}

/// Moves every stored segment of a locked conversation, for a start that lies earlier than was known.
pub async fn shift_segments(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    seconds: f64,
) -> Result<()> {
    Ok(store::shift_segments(tx, uid, id, seconds).await?)
}

/// When a conversation began, which only its first segment or an earlier one changes, and until when
/// it was heard, from which its silence counts.
#[derive(Clone, Copy)]
pub struct Heard {
    pub started_at: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

/// Writes segments of a locked conversation.
pub async fn write_segments(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    heard: Heard,
    stored: &[TranscriptSegment],
    removed: &[Uuid],
) -> Result<()> {
    store::delete_segments(tx, uid, id, removed).await?;
    store::upsert_segments(tx, uid, id, stored).await?;
    store::heard(tx, uid, id, heard).await?;
    Ok(())
}

/// The caller's newest open conversation that holds something.
pub async fn newest_open(db: &Db, uid: &str) -> Result<Option<Uuid>> {
    Ok(store::newest_open(db, uid).await?)
}

/// Notes the calendar entry that a conversation belongs to, in its external data.
pub async fn attach_meeting(db: &Db, uid: &str, id: Uuid, meeting: &Meeting) -> Result<()> {
    let meeting = meeting.checked()?;
    Ok(store::attach_meeting(db, uid, id, meeting).await?)
}

/// The same of an entry that this server's calendar holds.
pub async fn link_meeting(db: &Db, uid: &str, id: Uuid, meeting: serde_json::Value) -> Result<()> {
    Ok(store::attach_meeting(db, uid, id, meeting).await?)
}

/// Notes where a conversation that has not been understood yet was held, unless that is known.
pub async fn attach_place(db: &Db, uid: &str, id: Uuid, place: &Geolocation) -> Result<()> {
    place.check()?;
    Ok(store::attach_place(db, uid, id, place).await?)
}

/// Hands an open conversation over to processing. False: somebody else did, it is gone, or it is not
/// silent after all.
pub async fn finish(db: &Db, outbox: &Outbox, uid: &str, id: Uuid, reason: Reason) -> Result<bool> {
    let mut tx = db.begin().await?;
    if !store::finish(&mut tx, uid, id, reason, clock::now()).await? {
        return Ok(false);
    }
    outbox
        .publish(&mut tx, &event(FINISHED, uid, id, reason.as_str()))
        .await?;
    tx.commit().await?;
    Ok(true)
}

/// The conversation that the user had ended just now, or whose end they still wait for: the app repeats a request that had
/// no answer.
pub async fn ended_on_request(db: &Db, uid: &str) -> Result<Option<Uuid>> {
    let now = clock::now();
    Ok(store::ended_on_request(db, uid, now - LONGEST_WAIT, now - lenient::AGAIN).await?)
}

/// Has a conversation understood again, for good: it is kept, and so is its title if it has one. `language`: what it is in,
/// if that is not what it was taken for.
pub async fn reprocess(
    db: &Db,
    outbox: &Outbox,
    uid: &str,
    id: Uuid,
    language: Option<&str>,
) -> Result<()> {
    let language = language.map(str::trim).filter(|code| !code.is_empty());
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if language.is_some_and(|code| code.len() > MAXIMUM_LANGUAGE || !code.bytes().all(known)) {
        return Err(Error::invalid_parameter(
            "language_code",
            format!(
                "language_code must be like en or pt-BR, of at most {MAXIMUM_LANGUAGE} characters"
            ),
        ));
    }
    let from = [Status::Completed, Status::Failed];
    let mut tx = db.begin().await?;
    if !store::reprocess(&mut tx, uid, id, &from, language).await? {
        drop(tx);
        let known = store::get(db, uid, id)
            .await?
            .ok_or(Error::NotFound("Conversation"))?;
        return Err(Error::Conflict(format!(
            "The conversation cannot be processed again while it is {}. Wait for it to complete.",
            known.status
        )));
    }
    outbox
        .publish(&mut tx, &event(FINISHED, uid, id, "reprocess"))
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Gives conversations that have waited to be understood for an hour a new job: theirs was lost with
/// servers that were killed in the middle of it, time after time.
pub async fn requeue_stale(db: &Db, outbox: &Outbox, limit: i64) -> Result<usize> {
    let before = clock::now() - Duration::hours(1);
    let stale = store::stale(db, before, limit).await?;
    for (uid, id) in &stale {
        let mut tx = db.begin().await?;
        if store::give_up(&mut tx, uid, *id, MOST_ATTEMPTS).await? {
            outbox
                .publish(&mut tx, &event(PROCESSED, uid, *id, "failed"))
                .await?;
        } else if store::touch_stale(&mut tx, uid, *id, before).await? {
            outbox
                .publish(&mut tx, &event(FINISHED, uid, *id, "stale"))
                .await?;
        }
        tx.commit().await?;
    }
    Ok(stale.len())
}

/// Conversations of anyone that nobody has added to for longer than their time-out, `except` some
/// that are being recognised right now. The flag tells whether anything was said.
pub async fn expired(db: &Db, except: &[Uuid], limit: i64) -> Result<Vec<(String, Uuid, bool)>> {
    Ok(store::expired(db, clock::now(), except, limit).await?)
}

/// An open conversation in which nothing was said yet begins now, because its device is still there.
pub async fn renew_empty(db: &Db, uid: &str, id: Uuid) -> Result<()> {
    Ok(store::renew_empty(db, uid, id, clock::now()).await?)
}

/// Removes an open conversation in which nothing was said.
pub async fn delete_if_empty(db: &Db, uid: &str, id: Uuid) -> Result<bool> {
    Ok(store::delete_if_empty(db, uid, id).await?)
}

/// Locks a conversation that waits to be understood and counts the attempt. None: nothing to do.
pub async fn begin_processing(db: &Db, uid: &str, id: Uuid) -> Result<Option<Conversation>> {
    if !store::begin_processing(db, uid, id).await? {
        return Ok(None);
    }
    match get(db, uid, id).await {
        Err(Error::NotFound(_)) => Ok(None),
        found => found.map(Some),
    }
}

/// Locks a conversation that waits to be understood until the end of `tx`. None: it is not waiting any more.
pub async fn lock_processing(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
) -> Result<Option<Waiting>> {
    Ok(store::lock_processing(tx, uid, id).await?)
}

/// Stores what was understood of a locked conversation, and gives the number of this run. None: it does not wait.
pub async fn complete_processing(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    structured: &Structured,
    understood_by: &str,
    discarded: bool,
) -> Result<Option<i32>> {
    Ok(store::complete_processing(tx, uid, id, structured, understood_by, discarded).await?)
}

/// Locks a conversation until the end of `tx`, if it is completed, not discarded, and was not understood again since `run`.
pub async fn lock_run(tx: &mut PgConnection, uid: &str, id: Uuid, run: i32) -> Result<bool> {
    Ok(store::lock_run(tx, uid, id, run).await?)
}

/// Puts a conversation that is in no folder into one.
pub async fn file(tx: &mut PgConnection, uid: &str, id: Uuid, folder_id: &str) -> Result<()> {
    Ok(store::file(tx, uid, id, folder_id).await?)
}

/// When those of the conversations that there are began.
pub async fn began(db: &Db, uid: &str, ids: &[Uuid]) -> Result<HashMap<Uuid, DateTime<Utc>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(store::began(db, uid, ids).await?.into_iter().collect())
}

/// Notes why an attempt failed; after the last one the conversation is `failed` and can be retried.
pub async fn fail_processing(
    db: &Db,
    outbox: &Outbox,
    uid: &str,
    id: Uuid,
    why: &str,
    last: bool,
) -> Result<()> {
    let mut tx = db.begin().await?;
    let changed = store::fail_processing(&mut tx, uid, id, why, last).await?;
    if changed && last {
        outbox
            .publish(&mut tx, &event(PROCESSED, uid, id, "failed"))
            .await?;
    }
    tx.commit().await?;
    Ok(())
}

pub fn event(topic: &str, uid: &str, id: Uuid, detail: &str) -> outbox::Event {
    outbox::Event {
        topic: topic.into(),
        uid: uid.into(),
        id,
        detail: detail.into(),
    }
}
