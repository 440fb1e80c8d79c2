//! What clients send: texts and segments to import, changes of a conversation.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

use super::Geolocation;
use crate::features::{
    lenient,
    schema::{self, Moment},
};

/// What kind of text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TextSource {
    AudioTranscript,
    Message,
    OtherText,
}

/// A text that becomes a conversation.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewText {
    /// 1 to 100,000 characters.
    #[schema(
        min_length = 1,
        max_length = 100_000,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    pub text: String,
    #[serde(default)]
    pub text_source: Option<TextSource>,
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^[^\x00]*$")]
    pub text_source_spec: Option<String>,
    /// Left out: now.
    #[serde(default, deserialize_with = "lenient::optional_datetime::deserialize")]
    #[schema(value_type = Option<Moment>)]
    pub started_at: Option<DateTime<Utc>>,
    /// Not before `started_at`. Left out: five minutes after it.
    #[serde(default, deserialize_with = "lenient::optional_datetime::deserialize")]
    #[schema(value_type = Option<Moment>)]
    pub finished_at: Option<DateTime<Utc>>,
    /// Left out: `en`.
    #[serde(default)]
    #[schema(max_length = 35, pattern = r"^[^\x00]*$")]
    pub language: Option<String>,
    #[serde(default)]
    pub geolocation: Option<Geolocation>,
    /// The client's own name for the conversation: the same again makes no second one. Also called `session_id`,
    /// `client_id` or `client_conversation_id`.
    #[serde(
        default,
        alias = "session_id",
        alias = "client_id",
        alias = "client_conversation_id"
    )]
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    pub client_session_id: Option<String>,
}

/// A transcript that becomes a conversation.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewTranscript {
    /// 1 to 500. Also called `segments`.
    #[serde(alias = "segments")]
    #[schema(min_items = 1, max_items = 500)]
    pub transcript_segments: Vec<NewSegment>,
    /// What recorded it, such as `omi` or `phone`; a name that is not known counts as `unknown`. Left out:
    /// `external_integration`.
    #[serde(default)]
    pub source: Option<String>,
    /// Left out: now.
    #[serde(default, deserialize_with = "lenient::optional_datetime::deserialize")]
    #[schema(value_type = Option<Moment>)]
    pub started_at: Option<DateTime<Utc>>,
    /// After `started_at`. Left out: when the segment that ends last does.
    #[serde(default, deserialize_with = "lenient::optional_datetime::deserialize")]
    #[schema(value_type = Option<Moment>)]
    pub finished_at: Option<DateTime<Utc>>,
    #[serde(default)]
    #[schema(max_length = 35, pattern = r"^[^\x00]*$")]
    pub language: Option<String>,
    #[serde(default)]
    pub geolocation: Option<Geolocation>,
    /// The client's own name for the conversation: the same again makes no second one. Also called `session_id`,
    /// `client_id` or `client_conversation_id`.
    #[serde(
        default,
        alias = "session_id",
        alias = "client_id",
        alias = "client_conversation_id"
    )]
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    pub client_session_id: Option<String>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewSegment {
    /// 1 to 10,000 characters.
    #[schema(
        min_length = 1,
        max_length = 10_000,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    pub text: String,
    /// `SPEAKER_<n>`; left out: from `speaker_id`, else `SPEAKER_00`.
    #[serde(default)]
    #[schema(max_length = 100, pattern = r"^[^\x00]*$")]
    pub speaker: Option<String>,
    /// Left out: the number in `speaker`.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 2_147_483_647)]
    pub speaker_id: Option<i32>,
    /// The user said it.
    #[serde(default)]
    pub is_user: bool,
    #[serde(default)]
    #[schema(max_length = 200, pattern = r"^[^\x00]*$")]
    pub person_id: Option<String>,
    /// Seconds from `started_at`, at most a year.
    #[schema(minimum = 0, maximum = 31_536_000)]
    pub start: f64,
    /// After `start`.
    #[schema(exclusive_minimum = 0, maximum = 31_536_000)]
    pub end: f64,
}

/// What of a conversation is changed; what is left out or null stays.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Changes {
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub discarded: Option<bool>,
}

impl PartialSchema for Changes {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("title", schema::text(super::MAXIMUM_TITLE))
            .property("discarded", ObjectBuilder::new().schema_type(Type::Boolean));
        schema::at_least_one(object.build(), &["title", "discarded"])
    }
}

impl ToSchema for Changes {
    fn name() -> std::borrow::Cow<'static, str> {
        "ConversationChanges".into()
    }
}
