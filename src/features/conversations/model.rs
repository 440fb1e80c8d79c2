//! What a conversation is. Its serialised form is Omi's full conversation object.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Photo;

use crate::{
    error::{Error, Result},
    features::{action_items::ActionItem, audio::AudioFile},
};

/// Every category; an unknown one is `other`.
pub const CATEGORIES: [&str; 33] = [
    "personal",
    "education",
    "health",
    "finance",
    "legal",
    "philosophy",
    "spiritual",
    "science",
    "entrepreneurship",
    "parenting",
    "romantic",
    "travel",
    "inspiration",
    "technology",
    "business",
    "social",
    "work",
    "sports",
    "politics",
    "literature",
    "history",
    "architecture",
    "music",
    "weather",
    "news",
    "entertainment",
    "psychology",
    "real",
    "design",
    "family",
    "economics",
    "environment",
    "other",
];

const SOURCES: [&str; 18] = [
    "friend",
    "omi",
    "fieldy",
    "bee",
    "plaud",
    "frame",
    "friend_com",
    "apple_watch",
    "phone",
    "phone_call",
    "desktop",
    "openglass",
    "screenpipe",
    "workflow",
    "sdcard",
    "external_integration",
    "limitless",
    "onboarding",
];

/// The source of that name; any other text is `unknown`.
pub fn known_source(name: &str) -> &'static str {
    SOURCES
        .into_iter()
        .find(|source| *source == name)
        .unwrap_or("unknown")
}

/// Every status that a stored conversation may have.
pub const STATUSES: [&str; 5] = [
    "in_progress",
    "processing",
    "merging",
    "completed",
    "failed",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    InProgress,
    Processing,
    Completed,
    Failed,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, ToSchema)]
pub struct TranscriptSegment {
    pub id: Uuid,
    pub text: String,
    /// `SPEAKER_<n>`
    pub speaker: String,
    /// The number in `speaker`, unless an import gave another.
    pub speaker_id: i32,
    pub is_user: bool,
    pub person_id: Option<String>,
    /// Seconds from the conversation's `started_at`.
    pub start: f64,
    pub end: f64,
    pub translations: Vec<Translation>,
    pub speech_profile_processed: bool,
    pub stt_provider: Option<String>,
}

impl Default for TranscriptSegment {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            text: String::new(),
            speaker: "SPEAKER_00".into(),
            speaker_id: 0,
            is_user: false,
            person_id: None,
            start: 0.0,
            end: 0.0,
            translations: Vec::new(),
            speech_profile_processed: true,
            stt_provider: None,
        }
    }
}

/// The number in `SPEAKER_<n>`, 0 if there is none.
pub fn speaker_number(speaker: &str) -> i32 {
    speaker
        .split_once('_')
        .filter(|(_, number)| number.starts_with(|first: char| first.is_ascii_digit()))
        .and_then(|(_, number)| number.parse().ok())
        .unwrap_or(0)
}

#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, ToSchema)]
pub struct Translation {
    pub lang: String,
    pub text: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Event {
    pub title: String,
    #[serde(default)]
    pub description: String,
    pub start: DateTime<Utc>,
    /// Minutes.
    pub duration: i32,
    /// Whether it was put into a calendar.
    #[serde(default)]
    pub created: bool,
}

/// The copy of an action item inside a conversation, which has no id.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EmbeddedActionItem {
    pub description: String,
    pub completed: bool,
    pub created_at: Option<DateTime<Utc>>,
    pub updated_at: Option<DateTime<Utc>>,
    pub due_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    pub conversation_id: Option<Uuid>,
    /// Sent to another task app: when, and which.
    #[serde(skip)]
    pub exported: Option<(Option<DateTime<Utc>>, Option<String>)>,
}

impl From<ActionItem> for EmbeddedActionItem {
    fn from(item: ActionItem) -> Self {
        Self {
            description: item.description,
            completed: item.completed,
            created_at: Some(item.created_at),
            updated_at: Some(item.updated_at),
            due_at: item.due_at,
            completed_at: item.completed_at,
            conversation_id: item.conversation_id,
            exported: item
                .exported
                .then_some((item.export_date, item.export_platform)),
        }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Structured {
    pub title: String,
    pub overview: String,
    pub emoji: String,
    /// One of 33, `other` if none fits.
    pub category: String,
    pub action_items: Vec<EmbeddedActionItem>,
    pub events: Vec<Event>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Geolocation {
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^[^\x00]*$")]
    pub google_place_id: Option<String>,
    #[schema(minimum = -90, maximum = 90)]
    pub latitude: f64,
    #[schema(minimum = -180, maximum = 180)]
    pub longitude: f64,
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^[^\x00]*$")]
    pub address: Option<String>,
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^[^\x00]*$")]
    pub location_type: Option<String>,
}

impl Geolocation {
    pub fn check(&self) -> Result<()> {
        if !(-90.0..=90.0).contains(&self.latitude) {
            return Err(Error::invalid(
                "geolocation",
                "latitude must be between -90 and 90",
            ));
        }
        if !(-180.0..=180.0).contains(&self.longitude) {
            return Err(Error::invalid(
                "geolocation",
                "longitude must be between -180 and 180",
            ));
        }
        let texts = [&self.google_place_id, &self.address, &self.location_type];
        if texts
            .into_iter()
            .flatten()
            .any(|text| text.chars().count() > 500)
        {
            return Err(Error::invalid(
                "geolocation",
                "a text of a place must have at most 500 characters",
            ));
        }
        Ok(())
    }
}

/// Every key is always present: Omi's app stops at a missing one.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Conversation {
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
    pub started_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
    pub source: String,
    pub language: Option<String>,
    pub structured: Structured,
    pub transcript_segments: Vec<TranscriptSegment>,
    pub transcript_segments_compressed: bool,
    pub geolocation: Option<Geolocation>,
    /// Empty in lists.
    pub photos: Vec<Photo>,
    pub audio_files: Vec<AudioFile>,
    /// Whether its sound is kept.
    pub private_cloud_sync_enabled: bool,
    pub apps_results: Vec<serde_json::Value>,
    pub suggested_summarization_apps: Vec<String>,
    pub plugins_results: Vec<serde_json::Value>,
    pub external_data: Option<serde_json::Value>,
    pub app_id: Option<String>,
    pub discarded: bool,
    /// `private`, `shared` or `public`.
    pub visibility: String,
    pub starred: bool,
    pub processing_memory_id: Option<String>,
    pub processing_conversation_id: Option<String>,
    /// `in_progress`, `processing`, `merging`, `completed` or `failed`.
    pub status: String,
    /// Why the last attempt to understand it failed.
    pub processing_error: Option<String>,
    /// `rules`, or the name of the language model; null until it was understood.
    pub understood_by: Option<String>,
    pub is_locked: bool,
    pub data_protection_level: Option<String>,
    pub folder_id: Option<String>,
    pub call_id: Option<String>,
    /// The discard rule does not apply.
    #[serde(skip)]
    pub keep: bool,
    #[serde(skip)]
    pub processing_attempts: i32,
}

/// Enough of a conversation to point to it.
#[derive(Clone, Debug)]
pub struct Heading {
    pub id: Uuid,
    pub title: String,
    pub emoji: String,
    pub created_at: DateTime<Utc>,
}

/// How far the understanding of a conversation has come.
#[derive(Clone, Debug)]
pub struct Standing {
    pub status: String,
    pub discarded: bool,
}

/// What the user decided of a conversation that waits to be understood.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// The discard rule does not apply.
    pub keep: bool,
    /// By the user: nothing else discards while it waits.
    pub discarded: bool,
}

/// Bounds on `created_at` are inclusive.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub statuses: Vec<String>,
    pub include_discarded: bool,
    pub categories: Option<Vec<String>>,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    pub folder_id: Option<String>,
    pub starred: Option<bool>,
    pub limit: i64,
    pub offset: i64,
}
