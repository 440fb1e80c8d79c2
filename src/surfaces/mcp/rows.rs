//! Memories and conversations as assistants see them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::App,
    error::Result,
    features::{
        accounts,
        conversations::{self, Conversation, Structured, TranscriptSegment},
        credentials::Caller,
        memories::Memory,
        people::{self, Speakers},
    },
};

/// A memory, as the Developer API shows it.
#[derive(Serialize, ToSchema)]
pub struct MemoryRow {
    pub id: Uuid,
    pub content: String,
    pub category: String,
    /// `private` or `public`.
    pub visibility: String,
    pub tags: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Stated, not found in a conversation.
    pub manually_added: bool,
    /// The place in the list: the greater, the earlier.
    pub scoring: String,
    pub reviewed: bool,
    /// Whether the user finds it right; null: not judged.
    pub user_review: Option<bool>,
    pub edited: bool,
}

impl From<Memory> for MemoryRow {
    fn from(memory: Memory) -> Self {
        Self {
            id: memory.id,
            content: memory.content,
            category: memory.category,
            visibility: memory.visibility,
            tags: memory.tags,
            created_at: memory.created_at,
            updated_at: memory.updated_at,
            manually_added: memory.manually_added,
            scoring: memory.scoring,
            reviewed: memory.reviewed,
            user_review: memory.user_review,
            edited: memory.edited,
        }
    }
}

/// How well something answers a question, 0 to 1, with four decimals.
pub fn relevance(score: f64) -> f64 {
    (score * 10_000.0).round() / 10_000.0
}

/// A conversation as lists show it.
#[derive(Serialize, ToSchema)]
pub struct ConversationRow {
    pub id: Uuid,
    pub started_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
    pub structured: Structured,
    /// A code such as `en`.
    pub language: Option<String>,
}

impl From<Conversation> for ConversationRow {
    fn from(conversation: Conversation) -> Self {
        Self {
            id: conversation.id,
            started_at: conversation.started_at,
            finished_at: conversation.finished_at,
            structured: conversation.structured,
            language: conversation.language,
        }
    }
}

/// A conversation with what was said in it.
#[derive(Serialize, ToSchema)]
pub struct WholeConversation {
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
    pub started_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
    /// What recorded or brought it, such as `omi` or `phone`.
    pub source: String,
    /// A code such as `en`.
    pub language: Option<String>,
    /// `in_progress`, `processing`, `merging`, `completed` or `failed`.
    pub status: String,
    pub discarded: bool,
    pub structured: Structured,
    /// What its source tells besides.
    #[schema(value_type = Option<Object>)]
    pub external_data: Option<Value>,
    pub transcript_segments: Vec<SegmentRow>,
}

impl WholeConversation {
    pub fn new(conversation: Conversation, speakers: &Speakers) -> Self {
        Self {
            id: conversation.id,
            created_at: conversation.created_at,
            started_at: conversation.started_at,
            finished_at: conversation.finished_at,
            source: conversation.source,
            language: conversation.language,
            status: conversation.status,
            discarded: conversation.discarded,
            structured: conversation.structured,
            external_data: conversation.external_data,
            transcript_segments: SegmentRow::all(conversation.transcript_segments, speakers),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct SegmentRow {
    pub id: Uuid,
    pub text: String,
    pub speaker_id: i32,
    /// The name of the user or of the person, or `Speaker <n>`.
    pub speaker_name: String,
    /// Seconds from `started_at`.
    pub start: f64,
    pub end: f64,
}

impl SegmentRow {
    pub fn all(segments: Vec<TranscriptSegment>, speakers: &Speakers) -> Vec<Self> {
        let row = |segment: TranscriptSegment| Self {
            speaker_name: speakers.name(&segment),
            id: segment.id,
            text: segment.text,
            speaker_id: segment.speaker_id,
            start: segment.start,
            end: segment.end,
        };
        segments.into_iter().map(row).collect()
    }
}

/// One of the caller's conversations with its transcript, and the names of who speaks in it.
pub async fn conversation(
    app: &App,
    caller: &Caller,
    id: Uuid,
) -> Result<(Conversation, Speakers)> {
    let found = conversations::get(&app.db, &caller.uid, id).await?;
    let user = accounts::profile(&app.db, &caller.uid).await?.name;
    let ids = people::speaking(&found.transcript_segments);
    let speakers = Speakers::of(&app.db, &caller.uid, &user, &ids).await?;
    Ok((found, speakers))
}
