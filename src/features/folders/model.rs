//! What a folder is.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Folder {
    pub id: String,
    pub name: String,
    #[schema(required)]
    pub description: Option<String>,
    /// `#` and six hex digits.
    pub color: String,
    /// An emoji.
    pub icon: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Its place in the list; the least comes first.
    pub order: i32,
    pub is_default: bool,
    /// Made by the server, not by the user.
    pub is_system: bool,
    #[schema(required)]
    pub category_mapping: Option<String>,
    /// Completed conversations in it, without discarded ones: those that a list of the folder shows.
    #[schema(minimum = 0)]
    pub conversation_count: i64,
}
