//! What a goal is.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::platform::ids;

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema, sqlx::Type,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum GoalType {
    Boolean,
    #[default]
    Scale,
    Numeric,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Goal {
    /// `goal_` and 12 hex digits.
    #[schema(pattern = "^goal_[0-9a-f]{12}$")]
    pub id: String,
    pub title: String,
    pub goal_type: GoalType,
    pub target_value: f64,
    pub current_value: f64,
    pub min_value: f64,
    pub max_value: f64,
    #[schema(required)]
    pub unit: Option<String>,
    /// False once newer goals have taken its place.
    pub is_active: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// When newer goals took its place among the active; not every surface shows it.
    #[serde(skip)]
    pub ended_at: Option<DateTime<Utc>>,
}

/// How far a goal was on a day.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Progress {
    /// A day of UTC.
    pub date: NaiveDate,
    /// The last one of the day.
    pub value: f64,
    pub recorded_at: DateTime<Utc>,
}

/// The id of the goal that is made with this UUID.
pub(super) fn id(uuid: Uuid) -> String {
    format!("goal_{}", ids::short(uuid))
}

/// Whether a goal can have this id.
pub(super) fn is_id(text: &str) -> bool {
    text.strip_prefix("goal_").is_some_and(|digits| {
        digits.len() == 12
            && digits
                .bytes()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_follows_from_its_uuid() {
        let made = id(Uuid::nil());
        assert_eq!(made, id(Uuid::nil()));
        assert_ne!(made, id(Uuid::max()));
        assert!(is_id(&made), "{made}");
        for other in [
            "",
            "goal_",
            "goal_0123456789a",
            "goal_0123456789abc",
            "goal_0123456789AB",
            "goal_0123456789a\0",
            "0123456789ab",
        ] {
            assert!(!is_id(other), "{other}");
        }
    }
}
