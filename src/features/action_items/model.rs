//! What an action item is.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct ActionItem {
    pub id: Uuid,
    pub description: String,
    pub completed: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub due_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    pub conversation_id: Option<Uuid>,
    /// Sent to another task app.
    pub exported: bool,
    pub export_date: Option<DateTime<Utc>>,
    pub export_platform: Option<String>,
    pub apple_reminder_id: Option<String>,
    pub sort_order: i32,
    /// 0 to 3.
    pub indent_level: i32,
}

/// Bounds are inclusive.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub completed: Option<bool>,
    /// Some(None): items of no conversation.
    pub conversation_id: Option<Option<Uuid>>,
    pub created_from: Option<DateTime<Utc>>,
    pub created_to: Option<DateTime<Utc>>,
    pub due_from: Option<DateTime<Utc>>,
    pub due_to: Option<DateTime<Utc>>,
}

/// How a surface is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// A change changes something, and what is completed again keeps the time of the first time.
    Strict,
    /// As the app needs it: longer descriptions, changes of nothing, a completion counts anew, and what is created again
    /// within seconds is there already.
    Lenient,
}

impl Manner {
    /// Longest description, in characters.
    pub fn longest(self) -> usize {
        match self {
            Self::Strict => super::MAXIMUM_DESCRIPTION,
            Self::Lenient => 5000,
        }
    }

    /// Most that one request creates.
    pub(super) fn most(self) -> usize {
        match self {
            Self::Strict => 50,
            Self::Lenient => 500,
        }
    }
}

/// Where an item stands in the app's list.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    pub id: Uuid,
    pub sort_order: Option<i32>,
    /// 0 to 3.
    pub indent_level: Option<i32>,
}

/// What another user shared.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Shared {
    /// Their first name, or `Someone`.
    pub sender_name: String,
    pub tasks: Vec<SharedTask>,
    pub count: usize,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SharedTask {
    #[serde(skip)]
    pub id: Uuid,
    pub description: String,
    #[schema(required)]
    pub due_at: Option<DateTime<Utc>>,
}
