//! A finished conversation becomes a title, an overview, action items, events and memories. `rules` is
//! the engine that does it without a language model.

mod rules;
mod texts;

pub use texts::{
    BroughtText, MEMORIES_JOB, NewMemories, TextSource, bring_memories, find_memories,
};

use std::time::Duration;

use tokio::sync::broadcast;
use uuid::Uuid;

use crate::{
    app::Handles,
    error::{Error, Result},
    features::{
        accounts::{self, Profile},
        action_items,
        conversations::{
            self, Conversation, Event, Standing, Status, Structured, TranscriptSegment,
        },
        lenient, memories,
    },
    platform::{clock, database::Db, outbox::Notice},
};

/// The kind of job that a finished conversation causes.
pub const JOB: &str = "process_conversation";
/// How what the rule engine found is marked.
pub const RULES: &str = "rules";

/// Understands one conversation that waits for it; does nothing if none does. `last` is the job's last
/// attempt: after it the conversation counts as failed, with the reason.
pub async fn process(app: &Handles, uid: &str, id: Uuid, last: bool) -> Result<()> {
    let Some(conversation) = conversations::begin_processing(&app.db, uid, id).await? else {
        return Ok(());
    };
    let outcome = understand(app, uid, conversation).await;
    if let Err(error) = &outcome
        && !error.is_unavailable()
    {
        // The user sees the reason; what broke inside is for the log, where the job runner puts it.
        let why = match error {
            Error::Internal(_) => {
                "something went wrong on the server; its log says what".to_string()
            }
            other => other.to_string(),
        };
        conversations::fail_processing(&app.db, &app.outbox, uid, id, &why, last).await?;
    }
    outcome
}

async fn understand(app: &Handles, uid: &str, conversation: Conversation) -> Result<()> {
    let profile = accounts::profile(&app.db, uid).await?;
    let id = conversation.id;
    let understood = tokio::task::spawn_blocking(move || by_rules(&conversation, &profile))
        .await
        .map_err(|error| anyhow::Error::new(error).context("the rule engine failed"))?;
    let now = clock::now();
    let mut tx = app.db.begin().await?;
    // What the user decided meanwhile counts, not how it was when the work began.
    let Some(waiting) = conversations::lock_processing(&mut tx, uid, id).await? else {
        return Ok(());
    };
    let worth_keeping = waiting.keep || understood.worth_keeping;
    let structured = if worth_keeping {
        understood.structured
    } else {
        structured(
            String::new(),
            String::new(),
            "🧠".into(),
            "other".into(),
            Vec::new(),
        )
    };
    let discarded = waiting.discarded || !worth_keeping;
    conversations::complete_processing(&mut tx, uid, id, &structured, RULES, discarded).await?;
    if !discarded {
        action_items::replace_found(&mut tx, uid, id, understood.action_items, now).await?;
        memories::replace_found(&mut tx, uid, id, understood.memories, now).await?;
    }
    let event = conversations::event(conversations::PROCESSED, uid, id, "completed");
    app.outbox.publish(&mut tx, &event).await?;
    tx.commit().await?;
    Ok(())
}

/// The seam where a language model comes in: whoever fills it returns this.
struct Understood {
    structured: Structured,
    action_items: Vec<action_items::Found>,
    memories: Vec<memories::Found>,
    /// False: there is nothing in it, unless the user says so.
    worth_keeping: bool,
}

fn by_rules(conversation: &Conversation, profile: &Profile) -> Understood {
    let imported = conversation
        .external_data
        .as_ref()
        .and_then(|data| data["text"].as_str());
    let speakers: Vec<_> = conversation
        .transcript_segments
        .iter()
        .map(|segment| speaker_name(segment, &profile.name))
        .collect();
    let lines: Vec<_> = match imported {
        Some(text) => vec![rules::Line {
            speaker: "User",
            is_user: true,
            text,
        }],
        None => conversation
            .transcript_segments
            .iter()
            .zip(&speakers)
            .map(|(segment, speaker)| rules::Line {
                speaker,
                is_user: segment.is_user,
                text: &segment.text,
            })
            .collect(),
    };
    let seconds = conversation
        .transcript_segments
        .iter()
        .map(|segment| segment.end)
        .fold(0.0, f64::max);
    let setting = rules::Setting {
        reference: conversation.started_at,
        now: clock::now(),
        time_zone: profile.time_zone,
    };
    let found = rules::understand(&lines, &setting);
    let events = found
        .events
        .into_iter()
        .filter(|event| event.start <= lenient::LATEST)
        .map(|event| Event {
            title: event.title,
            description: event.description,
            start: event.start,
            duration: event.duration_minutes,
            created: false,
        })
        .collect();
    // A kept conversation has a title, whatever was said in it; one that it had already stays.
    let known = &conversation.structured.title;
    let title = [known.as_str(), &found.title, "Conversation"]
        .into_iter()
        .find(|title| !title.is_empty());
    let title = title.unwrap_or_default().to_string();
    Understood {
        structured: structured(title, found.overview, found.emoji, found.category, events),
        action_items: found
            .action_items
            .into_iter()
            .map(|item| action_items::Found {
                description: item.description,
                due_at: item.due_at.filter(|due| *due <= lenient::LATEST),
            })
            .collect(),
        memories: found
            .memories
            .into_iter()
            .map(|memory| memories::Found {
                content: memory.content,
                category: memory.category,
            })
            .collect(),
        worth_keeping: conversation.keep || rules::worth_keeping(&lines, seconds),
    }
}

fn structured(
    title: String,
    overview: String,
    emoji: String,
    category: String,
    events: Vec<Event>,
) -> Structured {
    Structured {
        title,
        overview,
        emoji,
        category,
        action_items: Vec::new(),
        events,
    }
}

/// `system` for what is about the user's life, `interesting` for other knowledge.
pub fn memory_category(content: &str) -> &'static str {
    rules::memory_category(content)
}

/// What to call who said it: the user's own name, or `Speaker <n>`.
pub fn speaker_name(segment: &TranscriptSegment, user: &str) -> String {
    match (segment.is_user, user) {
        (true, "") => "User".into(),
        (true, name) => name.into(),
        (false, _) => format!("Speaker {}", segment.speaker_id),
    }
}

/// Waits until a conversation is understood, at most `patience`; then it is answered as it stands.
/// `news` must have been listened to since before it was finished.
pub async fn outcome(
    db: &Db,
    news: broadcast::Receiver<Notice>,
    uid: &str,
    id: Uuid,
    patience: Duration,
) -> Result<Conversation> {
    settled(db, news, uid, id, patience).await?;
    conversations::get(db, uid, id).await
}

/// The same, for who needs no more than how it stands.
pub async fn settled(
    db: &Db,
    mut news: broadcast::Receiver<Notice>,
    uid: &str,
    id: Uuid,
    patience: Duration,
) -> Result<Standing> {
    let deadline = tokio::time::Instant::now() + patience;
    let over = [conversations::PROCESSED, conversations::DELETED];
    loop {
        let standing = conversations::standing(db, uid, id).await?;
        if standing.status != Status::Processing.as_str() || tokio::time::Instant::now() >= deadline
        {
            return Ok(standing);
        }
        loop {
            match tokio::time::timeout_at(deadline, news.recv()).await {
                Ok(Ok(Notice::Event(event)))
                    if event.id != id || !over.contains(&event.topic.as_str()) => {}
                Ok(Err(broadcast::error::RecvError::Closed)) => {
                    return Err(Error::Unavailable("the server is stopping".into()));
                }
                _ => break,
            }
        }
    }
}
