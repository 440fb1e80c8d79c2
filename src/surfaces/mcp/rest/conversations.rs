//! `/v1/mcp/conversations`

use axum::{Json, extract::State};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{RefOr, Schema},
};
use uuid::Uuid;

use crate::{
    app::App,
    error::{Error, Result as Outcome},
    features::{
        conversations::{self, Conversation, Filter},
        credentials::Caller,
        lenient, schema, search as finding,
    },
    surfaces::{
        extract::{Filters, Id, Query, bounded, known_names},
        mcp::rows::{self, SegmentRow},
        respond::{ErrorBody, Result},
    },
};

/// A conversation as lists show it.
#[derive(Serialize, ToSchema)]
pub struct ShortConversation {
    id: Uuid,
    started_at: DateTime<Utc>,
    finished_at: DateTime<Utc>,
    structured: ShortStructured,
    #[schema(required)]
    language: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ShortStructured {
    title: String,
    overview: String,
    /// One of 33, `other` if none fits.
    category: String,
}

impl From<Conversation> for ShortConversation {
    fn from(conversation: Conversation) -> Self {
        Self {
            id: conversation.id,
            started_at: conversation.started_at,
            finished_at: conversation.finished_at,
            structured: ShortStructured {
                title: conversation.structured.title,
                overview: conversation.structured.overview,
                category: conversation.structured.category,
            },
            language: conversation.language,
        }
    }
}

/// A conversation with what was said in it.
#[derive(Serialize, ToSchema)]
pub struct LongConversation {
    #[serde(flatten)]
    about: ShortConversation,
    transcript_segments: Vec<SegmentRow>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// 1 to 1000, 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    #[param(minimum = 0)]
    offset: Option<i64>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Created at or after; without an offset UTC.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    start_date: Option<DateTime<Utc>>,
    /// Created at or before.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    end_date: Option<DateTime<Utc>>,
    /// Comma-separated; any of them matches.
    #[param(schema_with = categories)]
    categories: Option<String>,
}

fn categories() -> RefOr<Schema> {
    schema::list_of(&conversations::CATEGORIES)
}

/// Completed conversations without their transcripts, newest first.
#[utoipa::path(get, path = "/v1/mcp/conversations", tag = "assistants", params(Page, Which),
    responses((status = 200, body = Vec<ShortConversation>),
              (status = 400, body = ErrorBody, description = "A category is unknown, or a date is none")))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
    Filters(which): Filters<Which>,
) -> Result<Json<Vec<ShortConversation>>> {
    let (names, known) = (which.categories.as_deref(), &conversations::CATEGORIES);
    let filter = Filter {
        statuses: vec!["completed".into()],
        categories: known_names("categories", "category", names, known)?,
        from: which.start_date,
        to: which.end_date,
        limit: bounded("limit", page.limit, 100, 1, 1000)?,
        offset: bounded("offset", page.offset, 0, 0, i64::MAX)?,
        ..Filter::default()
    };
    let found = conversations::list(&app.db, &caller, &filter, false).await?;
    Ok(Json(found.into_iter().map(Into::into).collect()))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// A question or words; time in it ("last Tuesday evening") is understood.
    #[param(min_length = 1, max_length = 500)]
    query: String,
    /// 1 to 100, 10 if left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// First day, a day of UTC.
    #[param(format = Date)]
    start_date: Option<String>,
    /// Last day, a day of UTC, inclusive.
    #[param(format = Date)]
    end_date: Option<String>,
}

/// Conversations that answer a question, best first, without their transcripts.
#[utoipa::path(get, path = "/v1/mcp/conversations/search", tag = "assistants", params(SearchQuery),
    responses((status = 200, body = Vec<ShortConversation>),
              (status = 400, body = ErrorBody, description = "A date is none")))]
pub async fn search(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<SearchQuery>,
) -> Result<Json<Vec<ShortConversation>>> {
    let query = super::question(&asked.query)?;
    let limit = super::hits(asked.limit)?;
    let first = day("start_date", asked.start_date.as_deref())?;
    let last = day("end_date", asked.end_date.as_deref())?;
    let begin = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let from = first.map(begin);
    let next = last.and_then(|day| day.checked_add_days(Days::new(1)));
    let to = next.map(|day| begin(day) - chrono::Duration::microseconds(1));
    let found = finding::best_conversations(&app, &caller, query, from, to, limit).await?;
    Ok(Json(found.into_iter().map(Into::into).collect()))
}

/// An empty text is no date.
fn day(name: &str, text: Option<&str>) -> Outcome<Option<NaiveDate>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let found = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let found = found.filter(|_| text.len() == 10 && text.as_bytes()[0].is_ascii_digit());
    found
        .map(Some)
        .ok_or_else(|| Error::BadRequest(format!("{name} must be a day such as 2026-01-31")))
}

/// One conversation with its transcript.
#[utoipa::path(get, path = "/v1/mcp/conversations/{id}", tag = "assistants", params(("id" = String, Path)),
    responses((status = 200, body = LongConversation)))]
pub async fn get(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<LongConversation>> {
    let id = id.or_absent("Conversation")?;
    let (mut found, speakers) = rows::conversation(&app, &caller, id).await?;
    let segments = std::mem::take(&mut found.transcript_segments);
    Ok(Json(LongConversation {
        about: found.into(),
        transcript_segments: SegmentRow::all(segments, &speakers),
    }))
}
