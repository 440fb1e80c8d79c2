//! `/v1/mcp/memories`

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{RefOr, Schema},
};
use uuid::Uuid;

use super::{DONE, Done};
use crate::{
    app::App,
    features::{
        credentials::Caller,
        memories::{self, Existing, Memory, MemoryChanges, NewMemory, OF_PROGRAMS},
        processing, schema, search as finding,
    },
    surfaces::{
        extract::{Body, Id, Query, RawValue, bounded, known_names},
        mcp::rows::relevance,
        respond::{ErrorBody, Result},
    },
};

/// As much of a memory as an assistant needs.
#[derive(Serialize, ToSchema)]
pub struct ShortMemory {
    id: Uuid,
    content: String,
    category: String,
}

impl From<Memory> for ShortMemory {
    fn from(memory: Memory) -> Self {
        Self {
            id: memory.id,
            content: memory.content,
            category: memory.category,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// 1 to 1000, 25 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    #[param(minimum = 0)]
    offset: Option<i64>,
    /// Comma-separated; any of them matches.
    #[param(schema_with = categories)]
    categories: Option<String>,
}

fn categories() -> RefOr<Schema> {
    schema::list_of(&memories::CATEGORIES)
}

/// The user's memories, most important first.
#[utoipa::path(get, path = "/v1/mcp/memories", tag = "assistants",
    params(ListQuery),
    responses((status = 200, body = Vec<ShortMemory>),
              (status = 400, body = ErrorBody, description = "A category is unknown")))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Vec<ShortMemory>>> {
    let limit = bounded("limit", query.limit, 25, 1, 1000)?;
    let offset = bounded("offset", query.offset, 0, 0, i64::MAX)?;
    let (names, known) = (query.categories.as_deref(), &memories::CATEGORIES);
    let categories = known_names("categories", "category", names, known)?;
    let found = memories::list(&app.db, &caller, categories.as_deref(), limit, offset).await?;
    Ok(Json(found.into_iter().map(Into::into).collect()))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// A question or words.
    #[param(min_length = 1, max_length = 500)]
    query: String,
    /// 1 to 100, 10 if left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub struct FoundMemory {
    #[serde(flatten)]
    memory: ShortMemory,
    /// How well it answers the query, with four decimals.
    #[schema(minimum = 0, maximum = 1)]
    relevance_score: f64,
}

/// Memories that answer a question, best first.
#[utoipa::path(get, path = "/v1/mcp/memories/search", tag = "assistants", params(SearchQuery),
    responses((status = 200, body = Vec<FoundMemory>),
              (status = 400, body = ErrorBody, description = "The query holds the character U+0000")))]
pub async fn search(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<SearchQuery>,
) -> Result<Json<Vec<FoundMemory>>> {
    let query = super::question(&asked.query)?;
    let limit = super::hits(asked.limit)?;
    let found = finding::memories(&app, &caller, query, limit).await?;
    let rows = found.into_iter().map(|(memory, score)| FoundMemory {
        memory: memory.into(),
        relevance_score: relevance(score),
    });
    Ok(Json(rows.collect()))
}

/// A memory that was just stated.
#[derive(Serialize, ToSchema)]
pub struct StatedMemory {
    id: Uuid,
    content: String,
    category: String,
    /// `private` or `public`.
    visibility: String,
    tags: Vec<String>,
    #[schema(required)]
    headline: Option<String>,
}

/// State a memory. The same content again replaces the earlier one.
#[utoipa::path(post, path = "/v1/mcp/memories", tag = "assistants",
    request_body = NewMemory, responses((status = 200, body = StatedMemory)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewMemory>,
) -> Result<Json<StatedMemory>> {
    let (guess, replaced) = (processing::memory_category, Existing::Replaced);
    let stated = memories::state(&app.db, &caller, new, guess, replaced, OF_PROGRAMS).await?;
    Ok(Json(StatedMemory {
        id: stated.id,
        content: stated.content,
        category: stated.category,
        visibility: stated.visibility,
        tags: stated.tags,
        headline: stated.headline,
    }))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)] // The document of `RawValue`.
pub struct NewContent {
    /// 1 to 500 characters.
    #[param(min_length = 1, max_length = 500)]
    value: String,
}

/// Replace what a memory says.
#[utoipa::path(patch, path = "/v1/mcp/memories/{id}", tag = "assistants",
    params(("id" = String, Path), NewContent),
    responses((status = 200, body = Done),
              (status = 400, body = ErrorBody, description = "The text holds the character U+0000")))]
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    RawValue(value): RawValue,
) -> Result<Json<Done>> {
    let changes = MemoryChanges {
        content: Some(value),
        ..MemoryChanges::default()
    };
    memories::update(
        &app.db,
        &caller,
        id.or_absent("Memory")?,
        changes,
        OF_PROGRAMS,
    )
    .await?;
    Ok(Json(DONE))
}

/// Remove a memory.
#[utoipa::path(delete, path = "/v1/mcp/memories/{id}", tag = "assistants",
    params(("id" = String, Path)), responses((status = 200, body = Done)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<Done>> {
    memories::delete(&app.db, &caller, id.or_absent("Memory")?).await?;
    Ok(Json(DONE))
}
