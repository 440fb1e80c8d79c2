//! `/v2/integrations/{app_id}/conversations`, `…/search/conversations` and `…/user/conversations`

use axum::{Json, extract::State, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{ArrayBuilder, RefOr, Schema},
};
use uuid::Uuid;

use super::{
    Accepted,
    input::{Body, Query, bounded, bounded_field, from, to},
};
use crate::{
    app::App,
    features::{
        conversations::{
            self, Conversation, EmbeddedActionItem, Event, Filter, Geolocation, Import, NewText,
            TextSource, TranscriptSegment,
        },
        credentials::Caller,
        lenient,
        schema::{self, Moment},
        search::{self, Search, Spelling},
    },
    surfaces::{extract::known_names, guard::NewIds, parts, respond::Result},
};

/// Most pages that a search can be asked for.
const PAGES: i64 = 1_000_000_000;

/// A conversation as apps read it. What is unknown is left out.
#[derive(Serialize, ToSchema)]
pub struct ImportConversation {
    id: Uuid,
    created_at: DateTime<Utc>,
    started_at: DateTime<Utc>,
    finished_at: DateTime<Utc>,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// The imported text, or all that was said, a line a segment.
    text: String,
    structured: ImportStructured,
    transcript_segments: Vec<ImportSegment>,
    discarded: bool,
    /// The app that brought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    external_data: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    geolocation: Option<ImportPlace>,
    /// `in_progress`, `processing`, `merging`, `completed` or `failed`.
    status: String,
}

#[derive(Serialize, ToSchema)]
pub struct ImportStructured {
    title: String,
    overview: String,
    emoji: String,
    category: String,
    action_items: Vec<ImportActionItem>,
    events: Vec<Event>,
}

#[derive(Serialize, ToSchema)]
pub struct ImportActionItem {
    description: String,
    completed: bool,
    /// Sent to another task app.
    exported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    export_date: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    export_platform: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ImportSegment {
    text: String,
    /// `SPEAKER_<n>`
    speaker: String,
    is_user: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    person_id: Option<String>,
    /// Seconds from `started_at`; also as `start_time` and `end_time`.
    start: f64,
    end: f64,
    start_time: f64,
    end_time: f64,
}

#[derive(Serialize, ToSchema)]
pub struct ImportPlace {
    latitude: f64,
    longitude: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    google_place_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location_type: Option<String>,
}

impl From<EmbeddedActionItem> for ImportActionItem {
    fn from(item: EmbeddedActionItem) -> Self {
        let exported = item.exported.is_some();
        let (export_date, export_platform) = item.exported.unwrap_or_default();
        Self {
            description: item.description,
            completed: item.completed,
            exported,
            export_date,
            export_platform,
        }
    }
}

impl From<TranscriptSegment> for ImportSegment {
    fn from(segment: TranscriptSegment) -> Self {
        Self {
            text: segment.text,
            speaker: segment.speaker,
            is_user: segment.is_user,
            person_id: segment.person_id,
            start: segment.start,
            end: segment.end,
            start_time: segment.start,
            end_time: segment.end,
        }
    }
}

impl From<Geolocation> for ImportPlace {
    fn from(place: Geolocation) -> Self {
        Self {
            latitude: place.latitude,
            longitude: place.longitude,
            google_place_id: place.google_place_id,
            address: place.address,
            location_type: place.location_type,
        }
    }
}

impl ImportConversation {
    /// With the first `most` segments; -1: all.
    fn new(conversation: Conversation, most: i64) -> Self {
        let mut external_data = conversation.external_data;
        if let Some(serde_json::Value::Object(fields)) = &mut external_data {
            fields.retain(|_, value| !value.is_null());
        }
        let imported = external_data
            .as_ref()
            .and_then(|data| data["text"].as_str());
        let text = imported.map(str::to_string).unwrap_or_else(|| {
            let lines: Vec<_> = conversation
                .transcript_segments
                .iter()
                .map(|segment| segment.text.as_str())
                .collect();
            lines.join("\n")
        });
        let structured = conversation.structured;
        Self {
            id: conversation.id,
            created_at: conversation.created_at,
            started_at: conversation.started_at,
            finished_at: conversation.finished_at,
            source: conversation.source,
            language: conversation.language,
            text,
            structured: ImportStructured {
                title: structured.title,
                overview: structured.overview,
                emoji: structured.emoji,
                category: structured.category,
                action_items: structured
                    .action_items
                    .into_iter()
                    .map(Into::into)
                    .collect(),
                events: structured.events,
            },
            transcript_segments: conversation
                .transcript_segments
                .into_iter()
                .take(usize::try_from(most).unwrap_or(usize::MAX))
                .map(Into::into)
                .collect(),
            discarded: conversation.discarded,
            app_id: conversation.app_id,
            external_data,
            geolocation: conversation.geolocation.map(Into::into),
            status: conversation.status,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[allow(dead_code)] // The shape of a list that is answered in parts, for the document.
pub struct ImportConversations {
    conversations: Vec<ImportConversation>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    #[param(minimum = 0)]
    offset: Option<i64>,
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    include_discarded: Option<bool>,
    /// `in_progress`, `processing`, `merging`, `completed`, `failed`: several times, or comma-separated. All if left out.
    #[param(schema_with = statuses)]
    statuses: Option<String>,
    /// Created at or after; a date alone is the start of the day, UTC.
    #[param(value_type = Option<DateTime<Utc>>)]
    start_date: Option<String>,
    /// Created at or before; a date alone is the end of the day, UTC.
    #[param(value_type = Option<DateTime<Utc>>)]
    end_date: Option<String>,
    /// How many segments of each conversation are given, from the first; -1: all. 100 if left out.
    #[param(minimum = -1, maximum = 1000)]
    max_transcript_segments: Option<i64>,
}

fn statuses() -> RefOr<Schema> {
    ArrayBuilder::new()
        .items(schema::one_of(&conversations::STATUSES))
        .into()
}

/// The user's conversations, newest first.
#[utoipa::path(get, path = "/v2/integrations/{app_id}/conversations", tag = "conversations", params(ListQuery),
    responses((status = 200, body = ImportConversations)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Response> {
    let most = segments(query.max_transcript_segments)?;
    let known = &conversations::STATUSES;
    let statuses = known_names("statuses", "status", query.statuses.as_deref(), known)?;
    let filter = Filter {
        statuses: statuses.unwrap_or_else(|| known.map(str::to_string).into()),
        include_discarded: query.include_discarded.unwrap_or(false),
        from: from("start_date", query.start_date.as_deref())?,
        to: to("end_date", query.end_date.as_deref())?,
        limit: bounded("limit", query.limit, 100, 1, 1000)?,
        offset: bounded("offset", query.offset, 0, 0, i64::MAX)?,
        ..Filter::default()
    };
    let ids = conversations::ids(&app.db, &caller, &filter).await?;
    in_parts(app, caller, ids, "}".into(), most).await
}

/// A list of conversations, and what comes after it.
async fn in_parts(
    app: App,
    caller: Caller,
    ids: Vec<Uuid>,
    after: String,
    most: i64,
) -> Result<Response> {
    parts::answer(r#"{"conversations":"#, ids, after, move |ids| {
        let (app, uid) = (app.clone(), caller.uid.clone());
        async move {
            let found = conversations::of_ids(&app.db, &uid, &ids, true).await?;
            Ok(found
                .into_iter()
                .map(|conversation| ImportConversation::new(conversation, most))
                .collect())
        }
    })
    .await
}

fn segments(most: Option<i64>) -> Result<i64> {
    bounded("max_transcript_segments", most, 100, -1, 1000)
}

#[derive(Deserialize, ToSchema)]
pub struct SearchRequest {
    /// Each of its words (the first 20) must be found: in the title, the overview, the imported text or the transcript.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    query: String,
    /// From 1; 1 if left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    page: Option<i64>,
    /// 10 if left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000)]
    per_page: Option<i64>,
    /// True if left out.
    #[serde(default)]
    include_discarded: Option<bool>,
    /// Created at or after; a date alone is the start of the day, UTC.
    #[serde(default)]
    #[schema(value_type = Option<Moment>)]
    start_date: Option<String>,
    /// Created at or before; a date alone is the end of the day, UTC.
    #[serde(default)]
    #[schema(value_type = Option<Moment>)]
    end_date: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// How many segments of each conversation are given, from the first; -1: all. 100 if left out.
    #[param(minimum = -1, maximum = 1000)]
    max_transcript_segments: Option<i64>,
}

#[derive(Serialize, ToSchema)]
#[allow(dead_code)] // As ImportConversations.
pub struct SearchPage {
    conversations: Vec<ImportConversation>,
    total_pages: i64,
    current_page: i64,
    per_page: i64,
}

/// Conversations in which all words of a query occur, newest first.
#[utoipa::path(post, path = "/v2/integrations/{app_id}/search/conversations", tag = "conversations",
    params(SearchQuery), request_body = SearchRequest, responses((status = 200, body = SearchPage)))]
pub async fn search(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<SearchQuery>,
    Body(wanted): Body<SearchRequest>,
) -> Result<Response> {
    let most = segments(query.max_transcript_segments)?;
    let current_page = bounded_field("page", wanted.page, 1, 1, PAGES)?;
    let per_page = bounded_field("per_page", wanted.per_page, 10, 1, 1000)?;
    let search = Search {
        query: wanted.query,
        include_discarded: wanted.include_discarded.unwrap_or(true),
        from: from("start_date", wanted.start_date.as_deref())?,
        to: to("end_date", wanted.end_date.as_deref())?,
        limit: per_page,
        offset: (current_page - 1) * per_page,
    };
    let (ids, total) = search::conversations(&app, &caller, &search, Spelling::Exact).await?;
    let total_pages = (total + per_page - 1) / per_page;
    let after = format!(
        r#","total_pages":{total_pages},"current_page":{current_page},"per_page":{per_page}}}"#
    );
    in_parts(app, caller, ids, after, most).await
}

/// Bring a text that becomes a conversation. It is understood soon after the answer.
#[utoipa::path(post, path = "/v2/integrations/{app_id}/user/conversations", tag = "conversations",
    request_body = NewText, responses((status = 200, body = Accepted)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    mut ids: NewIds,
    Body(new): Body<NewText>,
) -> Result<Json<Accepted>> {
    let import = Import {
        id: ids.next(),
        keyed: ids.repeatable(),
        app_id: caller.app.map(|id| id.to_string()),
        text_source: TextSource::AudioTranscript,
    };
    conversations::import_text(&app.db, &app.outbox, &caller, new, import).await?;
    Ok(Json(Accepted {}))
}
