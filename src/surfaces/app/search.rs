//! `/v1/search` and `/v1/conversations/search`

use axum::{Json, extract::State, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::App,
    error::Error,
    features::{
        conversations::{self, Conversation},
        credentials::Caller,
        lenient,
        schema::Moment,
        search::{self, Hit, Kind, Search, Spelling},
    },
    surfaces::{
        extract::{Body, Query, bounded, names},
        parts,
        respond::{ErrorBody, Result},
    },
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// A question or words; time in it ("last Tuesday evening") is understood.
    #[param(max_length = 500)]
    q: String,
    /// Comma-separated: `segment`, `conversation`, `memory`, `action_item`; all if left out.
    kinds: Option<String>,
    /// Said, begun or made at or after; without an offset UTC.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<DateTime<Utc>>,
    /// … at or before.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    to: Option<DateTime<Utc>>,
    /// Only what belongs to a conversation of this folder.
    folder_id: Option<String>,
    /// Only what this person said, and conversations in which they speak.
    person_id: Option<String>,
    /// False if left out.
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    include_discarded: Option<bool>,
    /// 20 if left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub struct Hits {
    /// Best first.
    hits: Vec<Hit>,
    /// What time words in the question were understood as.
    period: Option<Period>,
    /// A time to come that it names: open action items that are due then count as hits of that time.
    ahead: Option<Period>,
}

/// The end is not part of it.
#[derive(Serialize, ToSchema)]
pub struct Period {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

/// Search everything: what was said, conversations, memories, action items; by words, meaning and time.
#[utoipa::path(get, path = "/v1/search", tag = "search", params(SearchQuery),
    responses((status = 200, body = Hits), (status = 400, body = ErrorBody)))]
pub async fn everything(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<SearchQuery>,
) -> Result<Json<Hits>> {
    if query.q.chars().count() > search::MAXIMUM_QUERY {
        let most = search::MAXIMUM_QUERY;
        let text = format!("q must have at most {most} characters");
        return Err(Error::invalid_parameter("q", text).into());
    }
    let kinds = names(query.kinds.as_deref()).unwrap_or_default();
    let query = search::Query {
        text: query.q,
        kinds: kinds
            .iter()
            .map(|name| Kind::named(name))
            .collect::<std::result::Result<_, _>>()?,
        from: query.from,
        to: query.to,
        folder_id: query.folder_id.filter(|id| !id.is_empty()),
        person_id: query.person_id.filter(|id| !id.is_empty()),
        include_discarded: query.include_discarded.unwrap_or(false),
        limit: bounded("limit", query.limit, 20, 1, 100)?
            .try_into()
            .unwrap_or(search::MOST_HITS),
    };
    let found = search::search(&app, &caller.uid, &query).await?;
    Ok(Json(Hits {
        hits: found.hits,
        period: found.period.map(|(from, to)| Period { from, to }),
        ahead: found.ahead.map(|(from, to)| Period { from, to }),
    }))
}

const MOST_PER_PAGE: i64 = 100;

#[derive(Deserialize, ToSchema)]
pub struct ConversationSearch {
    /// All its words must be found somewhere in a conversation; empty or `*`: all conversations.
    #[schema(max_length = 500, pattern = r"^[^\x00]*$")]
    query: String,
    /// 1 if left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    page: Option<i64>,
    /// 10 if left out; more than 100 counts as 100.
    #[serde(default)]
    #[schema(minimum = 1)]
    per_page: Option<i64>,
    /// True if left out.
    #[serde(default)]
    include_discarded: Option<bool>,
    /// Created at or after.
    #[serde(default)]
    #[schema(value_type = Option<Moment>)]
    start_date: Option<String>,
    /// Created at or before.
    #[serde(default)]
    #[schema(value_type = Option<Moment>)]
    end_date: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[allow(dead_code)] // The shape of a list that is answered in parts, for the document.
pub struct ConversationPage {
    items: Vec<Conversation>,
    /// The next page if this one is full, else this one.
    total_pages: i64,
    current_page: i64,
    per_page: i64,
}

/// Conversations by their words, newest first.
#[utoipa::path(post, path = "/v1/conversations/search", tag = "search", request_body = ConversationSearch,
    responses((status = 200, body = ConversationPage), (status = 400, body = ErrorBody)))]
pub async fn conversations(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<ConversationSearch>,
) -> Result<Response> {
    let current_page = in_body("page", wanted.page, 1, 1_000_000_000)?;
    let per_page = wanted.per_page.map(|wanted| wanted.min(MOST_PER_PAGE));
    let per_page = in_body("per_page", per_page, 10, MOST_PER_PAGE)?;
    let search = Search {
        query: wanted.query,
        include_discarded: wanted.include_discarded.unwrap_or(true),
        from: date("start_date", wanted.start_date.as_deref())?,
        to: date("end_date", wanted.end_date.as_deref())?,
        limit: per_page,
        offset: (current_page - 1) * per_page,
    };
    let (ids, _) = search::conversations(&app, &caller, &search, Spelling::Lenient).await?;
    let full = i64::try_from(ids.len()).is_ok_and(|found| found == per_page);
    let total_pages = current_page + i64::from(full);
    let after = format!(
        r#","total_pages":{total_pages},"current_page":{current_page},"per_page":{per_page}}}"#
    );
    parts::answer(r#"{"items":"#, ids, after, move |ids| {
        let (app, uid) = (app.clone(), caller.uid.clone());
        async move { Ok(conversations::of_ids(&app.db, &uid, &ids, true).await?) }
    })
    .await
}

fn in_body(name: &str, value: Option<i64>, default: i64, most: i64) -> Result<i64> {
    let value = value.unwrap_or(default);
    if (1..=most).contains(&value) {
        Ok(value)
    } else {
        Err(Error::invalid(name, format!("{name} must be between 1 and {most}")).into())
    }
}

fn date(name: &str, text: Option<&str>) -> Result<Option<DateTime<Utc>>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    lenient::datetime(text).map(Some).ok_or_else(|| {
        Error::BadRequest(format!(
            "{name} must be a date in ISO format, such as 2026-01-31T09:30:00Z"
        ))
        .into()
    })
}
