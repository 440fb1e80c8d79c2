//! What clients send: entries of calendars.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Participant;
use crate::{
    error::{Error, Result},
    features::{lenient, schema::Moment},
};

/// Longest name, address or id, in characters.
const MAXIMUM_NAME: usize = 500;
/// Longest title and longest link.
const MAXIMUM_LINE: usize = 2000;
const MAXIMUM_NOTES: usize = 20_000;
const MAXIMUM_PARTICIPANTS: usize = 500;

#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewMeeting {
    /// Of the calendar. The same again replaces what is known of the meeting.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    pub calendar_event_id: String,
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    pub calendar_source: String,
    #[schema(max_length = 2000, pattern = r"^[^\x00]*$")]
    pub title: String,
    #[serde(deserialize_with = "lenient::moment")]
    #[schema(value_type = Moment)]
    pub start_time: DateTime<Utc>,
    #[serde(deserialize_with = "lenient::moment")]
    #[schema(value_type = Moment)]
    pub end_time: DateTime<Utc>,
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^[^\x00]*$")]
    pub platform: Option<String>,
    #[serde(default)]
    #[schema(max_length = 2000, pattern = r"^[^\x00]*$")]
    pub meeting_link: Option<String>,
    #[serde(default)]
    #[schema(max_items = 500)]
    pub participants: Vec<Participant>,
    #[serde(default)]
    #[schema(max_length = 20000, pattern = r"^[^\x00]*$")]
    pub notes: Option<String>,
}

impl NewMeeting {
    pub(super) fn checked(mut self) -> Result<Self> {
        self.calendar_event_id =
            lenient::text("calendar_event_id", &self.calendar_event_id, MAXIMUM_NAME)?;
        self.calendar_source =
            lenient::text("calendar_source", &self.calendar_source, MAXIMUM_NAME)?;
        lenient::at_most("title", &self.title, MAXIMUM_LINE)?;
        for (field, text, most) in [
            ("platform", &self.platform, MAXIMUM_NAME),
            ("meeting_link", &self.meeting_link, MAXIMUM_LINE),
            ("notes", &self.notes, MAXIMUM_NOTES),
        ] {
            lenient::at_most(field, text.as_deref().unwrap_or_default(), most)?;
        }
        if self.participants.len() > MAXIMUM_PARTICIPANTS {
            return Err(Error::invalid(
                "participants",
                format!("participants must hold at most {MAXIMUM_PARTICIPANTS}"),
            ));
        }
        for (index, one) in self.participants.iter().enumerate() {
            for (field, text) in [("name", &one.name), ("email", &one.email)] {
                lenient::at_most(field, text.as_deref().unwrap_or_default(), MAXIMUM_NAME)
                    .map_err(|error| error.in_item("participants", index))?;
            }
        }
        Ok(self)
    }
}
