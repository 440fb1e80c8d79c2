//! Query strings that more than one surface reads.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::features::{action_items::Filter, lenient};

/// Which action items a list shows; what is left out does not count, and bounds are inclusive.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ActionItems {
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    completed: Option<bool>,
    /// `null`: items of no conversation.
    conversation_id: Option<String>,
    /// Created at or after; without an offset UTC. Does not count beside a due bound.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    start_date: Option<DateTime<Utc>>,
    /// Created at or before.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    end_date: Option<DateTime<Utc>>,
    /// Due at or after.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    due_start_date: Option<DateTime<Utc>>,
    /// Due at or before.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    due_end_date: Option<DateTime<Utc>>,
}

impl ActionItems {
    /// `of_none`: whether an empty `conversation_id` asks for items of no conversation, as `null` does, or for all.
    pub fn filter(self, of_none: bool) -> Filter {
        let conversation_id = match self.conversation_id.as_deref() {
            None => None,
            Some("") => of_none.then_some(None),
            Some("null") => Some(None),
            // No UUID is the id of no conversation, and neither is the nil one: nothing matches.
            Some(id) => Some(Some(id.parse().unwrap_or(Uuid::nil()))),
        };
        let due = self.due_start_date.is_some() || self.due_end_date.is_some();
        Filter {
            completed: self.completed,
            conversation_id,
            created_from: self.start_date.filter(|_| !due),
            created_to: self.end_date.filter(|_| !due),
            due_from: self.due_start_date,
            due_to: self.due_end_date,
        }
    }
}
