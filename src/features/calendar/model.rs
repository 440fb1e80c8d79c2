//! What a meeting is.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A meeting as Omi's clients read it, also inside a conversation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Meeting {
    #[serde(skip)]
    pub id: Uuid,
    /// Of the calendar.
    pub calendar_event_id: String,
    pub title: String,
    pub participants: Vec<Participant>,
    #[schema(required)]
    pub platform: Option<String>,
    #[schema(required)]
    pub meeting_link: Option<String>,
    pub start_time: DateTime<Utc>,
    /// Whole minutes.
    #[schema(minimum = 0)]
    pub duration_minutes: i64,
    #[schema(required)]
    pub notes: Option<String>,
    pub calendar_source: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Participant {
    #[schema(required, max_length = 500, pattern = r"^[^\x00]*$")]
    pub name: Option<String>,
    #[schema(required, max_length = 500, pattern = r"^[^\x00]*$")]
    pub email: Option<String>,
}

/// Of a meeting that ends before it begins: 0.
pub(super) fn minutes(from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
    (to - from).num_minutes().max(0)
}
