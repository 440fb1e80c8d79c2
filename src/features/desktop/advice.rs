//! What the desktop app advised.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    features::lenient,
};

#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewAdvice {
    #[schema(
        min_length = 1,
        max_length = 10000,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    pub content: String,
    /// `other` if left out.
    #[serde(default)]
    #[schema(max_length = 100, pattern = r"^[^\x00]*$")]
    pub category: Option<String>,
    #[serde(default)]
    #[schema(max_length = 5000, pattern = r"^[^\x00]*$")]
    pub reasoning: Option<String>,
    #[serde(default)]
    #[schema(max_length = 200, pattern = r"^[^\x00]*$")]
    pub source_app: Option<String>,
    #[serde(default = "half")]
    #[schema(minimum = 0.0, maximum = 1.0, default = 0.5)]
    pub confidence: f64,
    #[serde(default)]
    #[schema(max_length = 5000, pattern = r"^[^\x00]*$")]
    pub context_summary: Option<String>,
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^[^\x00]*$")]
    pub current_activity: Option<String>,
}

fn half() -> f64 {
    0.5
}

impl NewAdvice {
    /// Trimmed, or refused.
    pub(super) fn checked(mut self) -> Result<Self> {
        self.content = lenient::text("content", &self.content, 10_000)?;
        for (field, text, most) in [
            ("category", &self.category, 100),
            ("reasoning", &self.reasoning, 5000),
            ("source_app", &self.source_app, 200),
            ("context_summary", &self.context_summary, 5000),
            ("current_activity", &self.current_activity, 500),
        ] {
            lenient::at_most(field, text.as_deref().unwrap_or_default(), most)?;
        }
        if !(0.0..=1.0).contains(&self.confidence) {
            return Err(Error::invalid(
                "confidence",
                "confidence must be between 0 and 1",
            ));
        }
        Ok(self)
    }
}

/// What is left out or null stays.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct AdviceChanges {
    #[serde(deserialize_with = "lenient::optional_bool")]
    pub is_read: Option<bool>,
    #[serde(deserialize_with = "lenient::optional_bool")]
    pub is_dismissed: Option<bool>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Advice {
    pub id: Uuid,
    pub content: String,
    pub category: String,
    #[schema(required)]
    pub reasoning: Option<String>,
    #[schema(required)]
    pub source_app: Option<String>,
    pub confidence: f64,
    #[schema(required)]
    pub context_summary: Option<String>,
    #[schema(required)]
    pub current_activity: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub is_read: bool,
    pub is_dismissed: bool,
}
