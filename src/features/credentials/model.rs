//! Kinds of credential, scopes, and the Caller.

use std::{fmt, str::FromStr, sync::Arc};

use chrono::{DateTime, Utc};
use utoipa::ToSchema;
use uuid::Uuid;

/// Who is asking, whatever they showed.
#[derive(Clone, Debug)]
pub struct Caller {
    pub uid: Arc<str>,
    pub credential_id: Uuid,
    pub kind: Kind,
    pub scopes: Arc<[Scope]>,
    /// Of a key of an app: which. Its `uid` is the app's owner until the app has entered a user's account.
    pub app: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person's access token: the app-facing routes and `/v4/listen`.
    User,
    /// A Developer API key.
    Developer,
    /// A key for AI assistants.
    Mcp,
    /// A key of an app, for the import API.
    App,
    /// What a sign-in exchanges for the next access token. Opens nothing by itself.
    Refresh,
    /// The access token of an AI assistant that a user has let in, with the scopes that the user gave it.
    Connector,
    /// What such an assistant exchanges for its next access token. Opens nothing by itself.
    ConnectorRefresh,
    /// The cookie of a browser that is signed in to this server's own pages.
    Browser,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::User,
        Self::Developer,
        Self::Mcp,
        Self::App,
        Self::Refresh,
        Self::Browser,
        Self::Connector,
        Self::ConnectorRefresh,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Developer => "developer",
            Self::Mcp => "mcp",
            Self::App => "app",
            Self::Refresh => "refresh",
            Self::Browser => "browser",
            Self::Connector => "connector",
            Self::ConnectorRefresh => "connector_refresh",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    pub fn prefix(self) -> &'static str {
        match self {
            Self::User => "omi_user_",
            Self::Developer => "omi_dev_",
            Self::Mcp => "omi_mcp_",
            Self::App => "sk_",
            Self::Refresh => "omi_refresh_",
            Self::Browser => "omi_browser_",
            Self::Connector => "omi_at_",
            Self::ConnectorRefresh => "omi_rt_",
        }
    }

    /// It is for the next access token, and for nothing else.
    pub(super) fn is_for_exchange(self) -> bool {
        matches!(self, Self::Refresh | Self::ConnectorRefresh)
    }

    /// Omi's own clients check that keys end in 32 hex digits.
    pub(super) fn random_bytes(self) -> usize {
        match self {
            Self::User
            | Self::Refresh
            | Self::Browser
            | Self::Connector
            | Self::ConnectorRefresh => 32,
            Self::Developer | Self::Mcp | Self::App => 16,
        }
    }

    /// What lists show of a secret: enough to tell keys apart, too little to guess one.
    pub(super) fn shown(self, random: &str) -> String {
        match self {
            Self::App => format!("sk_{}...{}", &random[..4], &random[random.len() - 4..]),
            _ => format!("{}{}", self.prefix(), &random[..6]),
        }
    }

    /// The kind that a secret claims to be, and its random part.
    pub(super) fn of_secret(secret: &str) -> Option<(Self, &str)> {
        Self::ALL
            .into_iter()
            .find_map(|kind| Some((kind, secret.strip_prefix(kind.prefix())?)))
    }
}

/// What a developer key, or an assistant that a user has let in, may do. Write does not imply read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
pub enum Scope {
    #[schema(rename = "conversations:read")]
    ReadConversations,
    #[schema(rename = "conversations:write")]
    WriteConversations,
    #[schema(rename = "memories:read")]
    ReadMemories,
    #[schema(rename = "memories:write")]
    WriteMemories,
    #[schema(rename = "action_items:read")]
    ReadActionItems,
    #[schema(rename = "action_items:write")]
    WriteActionItems,
    #[schema(rename = "goals:read")]
    ReadGoals,
    #[schema(rename = "goals:write")]
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
                format!("Invalid scopes. Available: [{}]", all.join(", "))
            })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A key as lists show it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: Uuid,
    pub name: String,
    /// What is shown of the secret.
    pub prefix: String,
    /// Of developer keys only.
    pub scopes: Option<Vec<String>>,
    pub created_at: DateTime<Utc>,
    /// Exact to a minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// What a credential is made of.
pub struct NewCredential<'a> {
    pub uid: &'a str,
    pub kind: Kind,
    pub name: &'a str,
    /// Of developer keys only. None: the four read scopes.
    pub scopes: Option<Vec<Scope>>,
    pub app: Option<Uuid>,
}
