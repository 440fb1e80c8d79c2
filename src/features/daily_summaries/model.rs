//! What a daily summary holds.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// When a user wants their day summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Settings {
    pub enabled: bool,
    /// 0 to 23, of the user's time zone.
    #[schema(minimum = 0, maximum = 23)]
    pub hour: i32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            hour: 22,
        }
    }
}

/// Which days; bounds are inclusive.
#[derive(Clone, Copy, Debug, Default)]
pub struct Days {
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DailySummary {
    pub id: Uuid,
    /// The day that it is of, in the user's time zone.
    pub date: NaiveDate,
    /// UTC, without an offset.
    #[serde(serialize_with = "without_offset")]
    #[schema(value_type = String)]
    pub created_at: DateTime<Utc>,
    /// `rules`, or the name of the language model.
    pub understood_by: String,
    #[serde(flatten)]
    pub content: Content,
}

fn without_offset<S: serde::Serializer>(at: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&at.format("%Y-%m-%dT%H:%M:%S%.6f"))
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Content {
    #[serde(flatten)]
    pub told: Told,
    pub stats: DayStats,
    /// All tasks that were found in the conversations of the day.
    pub action_items: Vec<TaskOfDay>,
    pub locations: Vec<LocationPin>,
}

/// What the model or the rules have to say of a day.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Told {
    /// At most eight words.
    pub headline: String,
    pub overview: String,
    pub day_emoji: String,
    /// At most four.
    pub highlights: Vec<TopicHighlight>,
    /// At most three.
    pub unresolved_questions: Vec<UnresolvedQuestion>,
    /// At most three.
    pub decisions_made: Vec<DecisionMade>,
    /// At most three.
    pub knowledge_nuggets: Vec<KnowledgeNugget>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct DayStats {
    pub total_conversations: i64,
    pub total_duration_minutes: i64,
    pub action_items_count: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TopicHighlight {
    pub topic: String,
    pub emoji: String,
    pub summary: String,
    pub conversation_ids: Vec<Uuid>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TaskOfDay {
    pub description: String,
    /// `high` while it is open, else `medium`.
    pub priority: String,
    pub completed: bool,
    pub source_conversation_id: Uuid,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UnresolvedQuestion {
    pub question: String,
    #[schema(required)]
    pub conversation_id: Option<Uuid>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DecisionMade {
    pub decision: String,
    #[schema(required)]
    pub conversation_id: Option<Uuid>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct KnowledgeNugget {
    pub insight: String,
    #[schema(required)]
    pub conversation_id: Option<Uuid>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LocationPin {
    pub latitude: f64,
    pub longitude: f64,
    #[schema(required)]
    pub address: Option<String>,
    pub conversation_id: Uuid,
    /// `HH:MM`, in the user's time zone.
    #[schema(required)]
    pub time: Option<String>,
}
