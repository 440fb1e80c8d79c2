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
