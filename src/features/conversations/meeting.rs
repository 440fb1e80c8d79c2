//! The calendar entry that a conversation belongs to.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    error::{Error, Result},
    features::{lenient, schema::Moment},
};

/// Longest text but for the notes, in characters.
const MAXIMUM_TEXT: usize = 2000;
const MAXIMUM_NOTES: usize = 20_000;
const MAXIMUM_PARTICIPANTS: usize = 500;

/// Kept in the conversation's external data as `calendar_meeting_context`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Meeting {
    #[schema(max_length = 2000, pattern = r"^[^\x00]*$")]
    pub calendar_event_id: String,
    #[schema(max_length = 2000, pattern = r"^[^\x00]*$")]
    pub title: String,
    #[serde(default)]
    #[schema(max_items = 500)]
    pub participants: Vec<Participant>,
    /// Such as `Zoom`.
    #[schema(max_length = 2000, pattern = r"^[^\x00]*$")]
    pub platform: Option<String>,
    #[schema(max_length = 2000, pattern = r"^[^\x00]*$")]
    pub meeting_link: Option<String>,
    #[serde(deserialize_with = "lenient::moment")]
    #[schema(value_type = Moment)]
    pub start_time: DateTime<Utc>,
    #[schema(minimum = 0)]
    pub duration_minutes: u32,
    #[schema(max_length = 20_000, pattern = r"^[^\x00]*$")]
    pub notes: Option<String>,
    /// `system_calendar` if left out.
    #[serde(default = "system_calendar")]
    #[schema(max_length = 2000, pattern = r"^[^\x00]*$")]
    pub calendar_source: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Participant {
    #[schema(max_length = 2000, pattern = r"^[^\x00]*$")]
    pub name: Option<String>,
    #[schema(max_length = 2000, pattern = r"^[^\x00]*$")]
    pub email: Option<String>,
}

fn system_calendar() -> Option<String> {
    Some("system_calendar".into())
}

impl Meeting {
    /// What is stored of it.
    pub(super) fn checked(&self) -> Result<serde_json::Value> {
        let refuse = |text: String| Err(Error::invalid("calendar_meeting_context", text));
        if self.participants.len() > MAXIMUM_PARTICIPANTS {
            return refuse(format!(
                "participants must hold at most {MAXIMUM_PARTICIPANTS}"
            ));
        }
        let people = self.participants.iter();
        let texts = people.flat_map(|one| [("name", &one.name), ("email", &one.email)]);
        let texts = texts.chain([
            ("platform", &self.platform),
            ("meeting_link", &self.meeting_link),
            ("calendar_source", &self.calendar_source),
        ]);
        let texts = texts.filter_map(|(name, text)| Some((name, text.as_ref()?)));
        let texts = texts.chain([
            ("calendar_event_id", &self.calendar_event_id),
            ("title", &self.title),
        ]);
        let notes = self
            .notes
            .iter()
            .map(|notes| ("notes", notes, MAXIMUM_NOTES));
        for (name, text, most) in texts
            .map(|(name, text)| (name, text, MAXIMUM_TEXT))
            .chain(notes)
        {
            if text.chars().count() > most {
                return refuse(format!("{name} must have at most {most} characters"));
            }
        }
        Ok(serde_json::to_value(self).map_err(anyhow::Error::new)?)
    }
}
