//! The steps of processing: their names, and how each stands.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Title, overview, category and events, and whether it is kept. The others follow it, each a job of its own.
    Structure,
    ActionItems,
    Memories,
    Folder,
    Goals,
}

impl Step {
    /// Its name, and that of its kind of job.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Structure => "structure",
            Self::ActionItems => "find_action_items",
            Self::Memories => "find_conversation_memories",
            Self::Folder => "choose_folder",
            Self::Goals => "track_goals",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waiting,
    Done,
    Skipped,
    Failed,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// How a step of understanding a conversation stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StepStanding {
    /// `structure`, `find_action_items`, `find_conversation_memories`, `choose_folder` or `track_goals`.
    pub step: String,
    /// `waiting`, `done`, `skipped` or `failed`.
    pub state: String,
    /// `rules`, or the name of the language model.
    #[schema(required)]
    pub understood_by: Option<String>,
    pub attempts: i32,
    /// Why the last attempt failed.
    #[schema(required)]
    pub error: Option<String>,
    pub updated_at: DateTime<Utc>,
}

/// How a step came out.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    pub step: Step,
    pub state: State,
    pub by: Option<&'a str>,
    pub attempts: i32,
}
