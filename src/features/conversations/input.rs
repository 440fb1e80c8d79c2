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
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "SentText")]
pub struct NewText {
    pub text: String,
    pub text_source: Option<TextSource>,
    pub text_source_spec: Option<String>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub language: Option<String>,
    pub geolocation: Option<Geolocation>,
    pub client_session_id: Option<String>,
}

/// A transcript that becomes a conversation.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "SentTranscript")]
pub struct NewTranscript {
    pub transcript_segments: Vec<NewSegment>,
    pub source: Option<String>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub language: Option<String>,
    pub geolocation: Option<Geolocation>,
    pub client_session_id: Option<String>,
}

/// A text that becomes a conversation.
#[derive(Deserialize, ToSchema)]
struct SentText {
    /// 1 to 100,000 characters.
    #[schema(
        min_length = 1,
        max_length = 100_000,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    text: String,
    #[serde(default)]
    text_source: Option<TextSource>,
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^[^\x00]*$")]
    text_source_spec: Option<String>,
    /// Left out: now.
    #[serde(default, deserialize_with = "lenient::optional_datetime::deserialize")]
    #[schema(value_type = Option<Moment>)]
    started_at: Option<DateTime<Utc>>,
    /// Not before `started_at`. Left out: five minutes after it.
    #[serde(default, deserialize_with = "lenient::optional_datetime::deserialize")]
    #[schema(value_type = Option<Moment>)]
    finished_at: Option<DateTime<Utc>>,
    /// Left out: `en`.
    #[serde(default)]
    #[schema(max_length = 35, pattern = r"^[^\x00]*$")]
    language: Option<String>,
    #[serde(default)]
    geolocation: Option<Geolocation>,
    /// The client's own name for the conversation: the same again makes no second one. A blank one is none.
    #[schema(max_length = 200, pattern = r"^[^\x00]*$")]
    client_session_id: Option<String>,
    /// Another name of `client_session_id`, and so are the next two; of several the first that is not blank counts.
    #[schema(max_length = 200, pattern = r"^[^\x00]*$")]
    session_id: Option<String>,
    #[schema(max_length = 200, pattern = r"^[^\x00]*$")]
    client_id: Option<String>,
    #[schema(max_length = 200, pattern = r"^[^\x00]*$")]
    client_conversation_id: Option<String>,
}

/// A transcript that becomes a conversation. The published omi-mcp sends `segments`.
#[derive(Deserialize, ToSchema)]
struct SentTranscript {
    /// 1 to 500.
    #[schema(nullable = false, min_items = 1, max_items = 500)]
    transcript_segments: Option<Vec<NewSegment>>,
    /// Another name of `transcript_segments`.
    #[schema(nullable = false, min_items = 1, max_items = 500)]
    segments: Option<Vec<NewSegment>>,
    /// What recorded it, such as `omi` or `phone`; a name that is not known counts as `unknown`. Left out:
    /// `external_integration`.
    #[serde(default)]
    source: Option<String>,
    /// Left out: now.
    #[serde(default, deserialize_with = "lenient::optional_datetime::deserialize")]
    #[schema(value_type = Option<Moment>)]
    started_at: Option<DateTime<Utc>>,
    /// After `started_at`. Left out: when the segment that ends last does.
    #[serde(default, deserialize_with = "lenient::optional_datetime::deserialize")]
    #[schema(value_type = Option<Moment>)]
    finished_at: Option<DateTime<Utc>>,
    #[serde(default)]
    #[schema(max_length = 35, pattern = r"^[^\x00]*$")]
    language: Option<String>,
    #[serde(default)]
    geolocation: Option<Geolocation>,
    /// The client's own name for the conversation: the same again makes no second one. A blank one is none.
    #[schema(max_length = 200, pattern = r"^[^\x00]*$")]
    client_session_id: Option<String>,
    /// Another name of `client_session_id`, and so are the next two; of several the first that is not blank counts.
    #[schema(max_length = 200, pattern = r"^[^\x00]*$")]
    session_id: Option<String>,
    #[schema(max_length = 200, pattern = r"^[^\x00]*$")]
    client_id: Option<String>,
    #[schema(max_length = 200, pattern = r"^[^\x00]*$")]
    client_conversation_id: Option<String>,
}

impl From<SentText> for NewText {
    fn from(sent: SentText) -> Self {
        Self {
            text: sent.text,
            text_source: sent.text_source,
            text_source_spec: sent.text_source_spec,
            started_at: sent.started_at,
            finished_at: sent.finished_at,
            language: sent.language,
            geolocation: sent.geolocation,
            client_session_id: session([
                sent.client_session_id,
                sent.session_id,
                sent.client_id,
                sent.client_conversation_id,
            ]),
        }
    }
}

impl TryFrom<SentTranscript> for NewTranscript {
    type Error = &'static str;

    fn try_from(sent: SentTranscript) -> Result<Self, Self::Error> {
        let lists = [sent.transcript_segments, sent.segments];
        Ok(Self {
            // In serde's words for what is missing.
            transcript_segments: lenient::first(lists, Vec::is_empty)
                .ok_or("missing field `transcript_segments`")?,
            source: sent.source,
            started_at: sent.started_at,
            finished_at: sent.finished_at,
            language: sent.language,
            geolocation: sent.geolocation,
            client_session_id: session([
                sent.client_session_id,
                sent.session_id,
                sent.client_id,
                sent.client_conversation_id,
            ]),
        })
    }
}

/// The first name that is not blank, trimmed.
fn session(names: [Option<String>; 4]) -> Option<String> {
    let name = lenient::first_text(names)?.trim().to_string();
    (!name.is_empty()).then_some(name)
}

impl PartialSchema for NewText {
    fn schema() -> RefOr<Schema> {
        SentText::schema()
    }
}

impl ToSchema for NewText {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        SentText::schemas(schemas);
    }
}

impl PartialSchema for NewTranscript {
    fn schema() -> RefOr<Schema> {
        schema::at_least_one(
            SentTranscript::schema(),
            &["transcript_segments", "segments"],
        )
    }
}

impl ToSchema for NewTranscript {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        SentTranscript::schemas(schemas);
    }
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
