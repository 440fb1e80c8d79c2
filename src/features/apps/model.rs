//! What an app is, and what it may do for a user.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Longest name, in characters.
pub const MAXIMUM_NAME: usize = 100;
/// Longest description, in characters.
pub const MAXIMUM_DESCRIPTION: usize = 1000;

#[derive(Clone, Debug)]
pub struct App {
    /// Its owner.
    pub uid: String,
    pub id: Uuid,
    pub name: String,
    pub description: String,
    /// As they were asked for; see [`Action::among`].
    pub actions: Vec<String>,
    /// Only its owner can see and enable it.
    pub private: bool,
    pub created_at: DateTime<Utc>,
}

/// An app as a user sees it.
#[derive(Clone, Debug)]
pub struct Shown {
    pub id: Uuid,
    pub owner: String,
    /// The name of its owner.
    pub author: String,
    pub name: String,
    pub description: String,
    pub actions: Vec<String>,
    pub private: bool,
    pub created_at: DateTime<Utc>,
    /// By the user who looks.
    pub enabled: bool,
}

/// Which apps a list shows.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// A part of the name, whatever its case.
    pub name: Option<String>,
    pub owned: bool,
    pub enabled: bool,
    pub limit: i64,
    pub offset: i64,
}

pub struct NewApp {
    pub name: String,
    pub description: String,
    pub actions: Vec<ActionName>,
    pub private: bool,
}

/// What an app may do for a user who enabled it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    CreateConversation,
    CreateMemories,
    ReadMemories,
    ReadConversations,
    ReadTasks,
}

impl Action {
    /// The names that grant it: a memory has two.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::CreateConversation => &["create_conversation"],
            Self::CreateMemories => &["create_memories", "create_facts"],
            Self::ReadMemories => &["read_memories", "read_facts"],
            Self::ReadConversations => &["read_conversations"],
            Self::ReadTasks => &["read_tasks"],
        }
    }

    /// In words: "the capability to …".
    pub fn words(self) -> &'static str {
        match self {
            Self::CreateConversation => "create conversations",
            Self::CreateMemories => "create memories",
            Self::ReadMemories => "read memories",
            Self::ReadConversations => "read conversations",
            Self::ReadTasks => "read tasks",
        }
    }

    pub fn among(self, actions: &[String]) -> bool {
        self.names()
            .iter()
            .any(|name| actions.iter().any(|action| action == name))
    }
}

/// One of the names that an action has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionName(&'static str);

impl ActionName {
    pub const ALL: [&'static str; 7] = [
        "create_conversation",
        "create_memories",
        "create_facts",
        "read_memories",
        "read_facts",
        "read_conversations",
        "read_tasks",
    ];

    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl FromStr for ActionName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|name| *name == text)
            .map(Self)
            .ok_or_else(|| {
                format!(
                    "there is no such action; use some of: {}",
                    Self::ALL.join(", ")
                )
            })
    }
}

/// What the import API needs to know of an app and one user.
#[derive(Clone, Debug)]
pub struct Access {
    pub(super) actions: Vec<String>,
    pub(super) enabled: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn either_name_of_a_memory_action_grants_it() {
        for name in ActionName::ALL {
            let name: ActionName = name.parse().unwrap();
            let granted: Vec<_> = [
                Action::CreateConversation,
                Action::CreateMemories,
                Action::ReadMemories,
                Action::ReadConversations,
                Action::ReadTasks,
            ]
            .into_iter()
            .filter(|action| action.among(&[name.as_str().to_string()]))
            .collect();
            assert_eq!(granted.len(), 1, "{name:?}: {granted:?}");
        }
        assert!(Action::CreateMemories.among(&["create_facts".into()]));
        assert!(Action::ReadMemories.among(&["read_tasks".into(), "read_facts".into()]));
        assert!(!Action::ReadMemories.among(&["create_memories".into()]));
        assert!("read_everything".parse::<ActionName>().is_err());
    }
}
