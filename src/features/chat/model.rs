//! What a message is. Its serialised form is Omi's; every key is always present.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::features::conversations::Heading;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Sender {
    Human,
    Ai,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Message {
    pub id: Uuid,
    pub text: String,
    pub created_at: DateTime<Utc>,
    pub sender: Sender,
    pub app_id: Option<String>,
    /// Always the same as `app_id`; Omi's app reads this one.
    pub plugin_id: Option<String>,
    pub from_external_integration: bool,
    /// `text` or `day_summary`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Conversations that it cites.
    pub memories_id: Vec<Uuid>,
    /// Those of them that there are.
    pub memories: Vec<Cited>,
    pub reported: bool,
    pub report_reason: Option<String>,
    pub files_id: Vec<Uuid>,
    /// What came with it.
    pub files: Vec<File>,
    pub chat_session_id: Option<Uuid>,
    pub data_protection_level: Option<String>,
    pub langsmith_run_id: Option<String>,
    pub prompt_name: Option<String>,
    pub prompt_commit: Option<String>,
    /// 1, -1, or not rated.
    pub rating: Option<i16>,
    pub chart_data: Option<serde_json::Value>,
    /// Of the client that kept it.
    #[serde(skip)]
    pub metadata: Option<String>,
}

/// A file of a chat.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ChatFile)]
pub struct File {
    pub id: Uuid,
    pub name: String,
    /// Address of a small JPEG; empty: there is none.
    pub thumbnail: String,
    pub mime_type: String,
    /// The id again; Omi's app must find one here.
    pub openai_file_id: Uuid,
    pub created_at: DateTime<Utc>,
    /// Empty.
    pub thumb_name: &'static str,
}

/// A conversation beside a message.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Cited {
    pub id: Uuid,
    pub structured: CitedStructured,
    pub created_at: DateTime<Utc>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CitedStructured {
    pub title: String,
    pub emoji: String,
}

impl From<&Heading> for Cited {
    fn from(heading: &Heading) -> Self {
        Self {
            id: heading.id,
            structured: CitedStructured {
                title: heading.title.clone(),
                emoji: heading.emoji.clone(),
            },
            created_at: heading.created_at,
        }
    }
}

/// An answer at its end.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Answered {
    #[serde(flatten)]
    pub message: Message,
    /// Whether something was looked up for it.
    pub ask_for_nps: Option<bool>,
}

/// What the user looks at while asking.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct Context {
    #[serde(rename = "type")]
    pub kind: ContextKind,
    /// An id that is nothing of the user's counts as none.
    pub id: Option<String>,
    /// As the client shows it.
    #[serde(default)]
    pub title: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ContextKind {
    Conversation,
    Task,
    Memory,
    /// The summary of a day; its id, or the day.
    Recap,
}

/// Messages of a chat that a user shows to others.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SharedChat {
    /// First name of who shares, or `Someone`.
    pub sender_name: String,
    pub messages: Vec<SharedMessage>,
    pub count: usize,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SharedMessage {
    pub id: Uuid,
    pub text: String,
    pub sender: Sender,
    pub created_at: DateTime<Utc>,
}

/// A talk: opened by the user, or that of the thread of an app.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ChatSession)]
pub struct Session {
    pub id: Uuid,
    pub title: String,
    /// The beginning of its newest message.
    pub preview: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub app_id: Option<String>,
    /// Always the same as `app_id`.
    pub plugin_id: Option<String>,
    #[schema(minimum = 0)]
    pub message_count: i64,
    pub starred: bool,
}

/// What happens while a question is answered.
#[derive(Clone, Debug)]
pub enum Event {
    /// What is being done.
    Status(&'static str),
    /// The next words of the answer; they may hold `[n]`.
    Words(String),
    /// The answer as it is kept. Always the last.
    Done(Box<Answered>),
}
