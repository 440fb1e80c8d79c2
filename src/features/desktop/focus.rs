//! Where the user's attention was.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    features::lenient,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum FocusStatus {
    Focused,
    Distracted,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewFocusSession {
    pub status: FocusStatus,
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    pub app_or_site: String,
    #[schema(
        min_length = 1,
        max_length = 5000,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    pub description: String,
    #[serde(default)]
    #[schema(max_length = 5000, pattern = r"^[^\x00]*$")]
    pub message: Option<String>,
    #[serde(default)]
    #[schema(minimum = 0, maximum = 86400)]
    pub duration_seconds: Option<i32>,
}

impl NewFocusSession {
    /// Trimmed, or refused.
    pub(super) fn checked(mut self) -> Result<Self> {
        self.app_or_site = lenient::text("app_or_site", &self.app_or_site, 500)?;
        self.description = lenient::text("description", &self.description, 5000)?;
        lenient::at_most("message", self.message.as_deref().unwrap_or_default(), 5000)?;
        if self
            .duration_seconds
            .is_some_and(|seconds| !(0..=86_400).contains(&seconds))
        {
            return Err(Error::invalid(
                "duration_seconds",
                "duration_seconds must be between 0 and 86400",
            ));
        }
        Ok(self)
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FocusSession {
    pub id: Uuid,
    pub status: FocusStatus,
    pub app_or_site: String,
    pub description: String,
    #[schema(required)]
    pub message: Option<String>,
    pub created_at: DateTime<Utc>,
    #[schema(required)]
    pub duration_seconds: Option<i32>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FocusStats {
    pub date: NaiveDate,
    pub focused_minutes: i64,
    /// A distraction of unknown length counts a minute.
    pub distracted_minutes: i64,
    pub session_count: i64,
    pub focused_count: i64,
    pub distracted_count: i64,
    /// The longest first, at most five.
    pub top_distractions: Vec<Distraction>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Distraction {
    pub app_or_site: String,
    pub total_seconds: i64,
    pub count: i64,
}
