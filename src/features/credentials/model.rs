//! Kinds of credential, scopes, and the Caller.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// Who is asking, whatever they showed.
#[derive(Clone, Debug)]
pub struct Caller {
    pub uid: String,
    pub credential_id: Uuid,
    pub kind: Kind,
    pub scopes: Vec<Scope>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person's access token: the app-facing routes and `/v4/listen`.
    User,
    /// A Developer API key.
    Developer,
    /// A key for AI assistants.
    Mcp,
}

impl Kind {
    const ALL: [Self; 3] = [Self::User, Self::Developer, Self::Mcp];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Developer => "developer",
            Self::Mcp => "mcp",
        }
    }

    pub fn prefix(self) -> &'static str {
        match self {
            Self::User => "omi_user_",
            Self::Developer => "omi_dev_",
            Self::Mcp => "omi_mcp_",
        }
    }

    /// Omi's own clients check that keys end in 32 hex digits.
    pub(super) fn random_bytes(self) -> usize {
        match self {
            Self::User => 32,
            Self::Developer | Self::Mcp => 16,
        }
    }

    /// The kind that a secret claims to be, and its random part.
    pub(super) fn of_secret(secret: &str) -> Option<(Self, &str)> {
        Self::ALL
            .into_iter()
            .find_map(|kind| Some((kind, secret.strip_prefix(kind.prefix())?)))
    }
}

/// What a developer key may do. Write does not imply read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    ReadConversations,
    WriteConversations,
    ReadMemories,
    WriteMemories,
    ReadActionItems,
    WriteActionItems,
    ReadGoals,
    WriteGoals,
}

impl Scope {
    pub const ALL: [Self; 8] = [
        Self::ReadConversations,
        Self::WriteConversations,
        Self::ReadMemories,
        Self::WriteMemories,
        Self::ReadActionItems,
        Self::WriteActionItems,
        Self::ReadGoals,
        Self::WriteGoals,
    ];
    /// What a key gets that asked for nothing.
    pub const READ: [Self; 4] = [
        Self::ReadConversations,
        Self::ReadMemories,
        Self::ReadActionItems,
        Self::ReadGoals,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadConversations => "conversations:read",
            Self::WriteConversations => "conversations:write",
            Self::ReadMemories => "memories:read",
            Self::WriteMemories => "memories:write",
            Self::ReadActionItems => "action_items:read",
            Self::WriteActionItems => "action_items:write",
            Self::ReadGoals => "goals:read",
            Self::WriteGoals => "goals:write",
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| {
                let all: Vec<_> = Self::ALL.iter().map(|scope| scope.as_str()).collect();
                format!("Invalid scopes. Available: {}", all.join(", "))
            })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
