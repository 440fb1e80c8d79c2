//! What a graph is made of, and what is found for it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub const NODE_TYPES: [&str; 5] = ["person", "place", "thing", "concept", "organization"];
/// What a node is of which nothing better is known.
pub const USUAL_TYPE: &str = "concept";
/// The user, in what is found.
pub const USER: &str = "User";

/// Characters of a label or an alias.
pub const LONGEST_LABEL: usize = 100;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GraphNode {
    pub id: Uuid,
    pub label: String,
    /// `person`, `place`, `thing`, `concept` or `organization`.
    pub node_type: String,
    pub aliases: Vec<String>,
    /// Memories that name it; they may be gone.
    pub memory_ids: Vec<Uuid>,
    /// Conversations that name it; they may be gone.
    pub conversation_ids: Vec<Uuid>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub label_lower: String,
    pub aliases_lower: Vec<String>,
    /// The user themself.
    pub is_user: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GraphEdge {
    /// `{source_id}_{label}_{target_id}`
    pub id: String,
    pub source_id: Uuid,
    pub target_id: Uuid,
    pub label: String,
    pub memory_ids: Vec<Uuid>,
    pub conversation_ids: Vec<Uuid>,
    pub created_at: DateTime<Utc>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Graph {
    pub nodes: Vec<GraphNode>,
    pub edges: Vec<GraphEdge>,
}

/// Where something was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    pub memories: Vec<Uuid>,
    pub conversations: Vec<Uuid>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct FoundNode {
    pub label: String,
    /// None: not known.
    pub node_type: Option<&'static str>,
    pub aliases: Vec<String>,
    pub origin: Origin,
}

/// Its ends are labels or aliases of nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundEdge {
    pub source: String,
    pub label: String,
    pub target: String,
    pub origin: Origin,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    pub nodes: Vec<FoundNode>,
    pub edges: Vec<FoundEdge>,
}

impl Found {
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.edges.is_empty()
    }

    pub fn add(&mut self, other: Self) {
        self.nodes.extend(other.nodes);
        self.edges.extend(other.edges);
    }
}
