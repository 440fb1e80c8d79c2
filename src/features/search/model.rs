//! What is searched, asked and found.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something that was said.
    Segment,
    /// Title, overview and imported text.
    Conversation,
    Memory,
    ActionItem,
}

impl Kind {
    pub const ALL: [Self; 4] = [
        Self::Segment,
        Self::Conversation,
        Self::Memory,
        Self::ActionItem,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::Conversation => "conversation",
            Self::Memory => "memory",
            Self::ActionItem => "action_item",
        }
    }

    pub fn named(name: &str) -> Result<Self> {
        Self::known(name).ok_or_else(|| {
            Error::invalid_parameter(
                "kinds",
                "kinds must be a comma-separated list of segment, conversation, memory, action_item",
            )
        })
    }

    pub(super) fn known(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

#[derive(Clone, Debug, Default)]
pub struct Query {
    /// At most 500 characters.
    pub text: String,
    /// Empty: all.
    pub kinds: Vec<Kind>,
    /// Said, begun or made at or after.
    pub from: Option<DateTime<Utc>>,
    /// … at or before.
    pub to: Option<DateTime<Utc>>,
    /// Only what belongs to a conversation of this folder.
    pub folder_id: Option<String>,
    /// Only what this person said, and conversations in which they speak.
    pub person_id: Option<String>,
    pub include_discarded: bool,
    pub limit: usize,
}

/// Why something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Matched {
    Words,
    Meaning,
    Time,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Hit {
    pub kind: Kind,
    pub id: Uuid,
    pub conversation_id: Option<Uuid>,
    /// Of a segment: it and its neighbours, whose text is shown, in their order. Else empty.
    pub segment_ids: Vec<Uuid>,
    /// Who says each of these, by name; null: nobody said whose voice that is.
    pub speakers: Vec<Option<String>>,
    /// A line a segment; of a conversation title and overview. Cut after some 2,000 characters.
    pub text: String,
    /// When it was said, began or was made.
    pub at: DateTime<Utc>,
    /// 0 to 1.
    pub score: f64,
    /// Empty: what was said beside it did.
    pub matched: Vec<Matched>,
}

#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Best first.
    pub hits: Vec<Hit>,
    /// What time words in the text meant, in the user's zone; the end is not part of it.
    pub period: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The same of a time to come.
    pub ahead: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// Words, each of which a conversation must hold somewhere. Bounds on `created_at` are inclusive.
#[derive(Clone, Debug)]
pub struct Search {
    pub query: String,
    pub include_discarded: bool,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    pub limit: i64,
    pub offset: i64,
}

/// How many conversations there are on all pages, and one page of them.
pub type Page<T> = (Vec<T>, i64);

/// An item of one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub kind: Kind,
    pub id: Uuid,
}

impl Key {
    pub fn segment(id: Uuid) -> Self {
        Self {
            kind: Kind::Segment,
            id,
        }
    }

    pub fn action_item(id: Uuid) -> Self {
        Self {
            kind: Kind::ActionItem,
            id,
        }
    }
}

/// Where an item stands, in how many different words, and when it was said, began or was made.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub conversation_id: Option<Uuid>,
    pub length: i32,
    pub at: DateTime<Utc>,
}
