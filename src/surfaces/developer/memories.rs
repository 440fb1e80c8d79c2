//! `/v1/dev/user/memories`

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{RefOr, Schema},
};
use uuid::Uuid;

use super::Success;
use crate::{
    app::App,
    error::Error,
    features::{
        conversations,
        credentials::Caller,
        lenient,
        memories::{self, Existing, Memory, MemoryChanges, NewMemory, OF_PROGRAMS},
        processing, schema,
    },
    surfaces::{
        extract::{Body, Id, Query, bounded, known_names},
        respond::{ErrorBody, Result},
    },
};

/// A memory as the Developer API shows it.
#[derive(Serialize, ToSchema)]
pub struct MemoryAnswer {
    id: Uuid,
    content: String,
    category: String,
    visibility: String,
    tags: Vec<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    manually_added: bool,
    scoring: String,
    reviewed: bool,
    user_review: Option<bool>,
    edited: bool,
}

impl From<Memory> for MemoryAnswer {
    fn from(memory: Memory) -> Self {
        Self {
            id: memory.id,
            content: memory.content,
            category: memory.category,
            visibility: memory.visibility,
            tags: memory.tags,
            created_at: memory.created_at,
            updated_at: memory.updated_at,
            manually_added: memory.manually_added,
            scoring: memory.scoring,
            reviewed: memory.reviewed,
            user_review: memory.user_review,
            edited: memory.edited,
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
    /// Comma-separated; any of them matches. Categories of conversations match nothing.
    #[param(schema_with = categories)]
    categories: Option<String>,
}

/// Clients also ask with categories of conversations, which match nothing here.
fn known_categories() -> Vec<&'static str> {
    let mut known = memories::CATEGORIES.to_vec();
    let more = conversations::CATEGORIES;
    known.extend(
        more.iter()
            .filter(|name| !memories::CATEGORIES.contains(name)),
    );
    known
}

fn categories() -> RefOr<Schema> {
    schema::list_of(&known_categories())
}

/// The user's memories, most important first.
#[utoipa::path(get, path = "/v1/dev/user/memories", tag = "memories", params(ListQuery),
    responses((status = 200, body = Vec<MemoryAnswer>), (status = 400, body = ErrorBody)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Vec<MemoryAnswer>>> {
    let limit = bounded("limit", query.limit, 25, 1, 1000)?;
    let offset = bounded("offset", query.offset, 0, 0, i64::MAX)?;
    let categories = query.categories.as_deref();
    let categories = known_names("categories", "category", categories, &known_categories())?;
    let found = memories::list(&app.db, &caller, categories.as_deref(), limit, offset).await?;
    Ok(Json(found.into_iter().map(Into::into).collect()))
}

/// One memory, also if the user rejected it.
#[utoipa::path(get, path = "/v1/dev/user/memories/{id}", tag = "memories", params(("id" = String, Path)),
    responses((status = 200, body = MemoryAnswer)))]
pub async fn get(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<MemoryAnswer>> {
    let id = id.or_absent("Memory")?;
    let found = memories::get(&app.db, &caller, id).await?;
    Ok(Json(found.into()))
}

/// State a memory. The same content again replaces the earlier one.
#[utoipa::path(post, path = "/v1/dev/user/memories", tag = "memories", request_body = NewMemory,
    responses((status = 200, body = MemoryAnswer)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewMemory>,
) -> Result<Json<MemoryAnswer>> {
    let guess = processing::memory_category;
    let stated = memories::state(
        &app.db,
        &caller,
        new,
        guess,
        Existing::Replaced,
        OF_PROGRAMS,
    )
    .await?;
    Ok(Json(stated.into()))
}

#[derive(Deserialize, ToSchema)]
pub struct MemoryBatch {
    /// At most 25.
    #[schema(value_type = Vec<NewMemory>, required, max_items = 25)]
    memories: Option<Vec<NewMemory>>,
    /// Instead of `memories`, where only the contents are known.
    #[schema(nullable = false, max_items = 25)]
    contents: Option<Vec<String>>,
}

#[derive(Serialize, ToSchema)]
pub struct MemoryBatchAnswer {
    /// In the order of the request.
    memories: Vec<MemoryAnswer>,
    created_count: usize,
}

/// State several memories, all of them or none.
#[utoipa::path(post, path = "/v1/dev/user/memories/batch", tag = "memories", request_body = MemoryBatch,
    responses((status = 200, body = MemoryBatchAnswer)))]
pub async fn create_batch(
    State(app): State<App>,
    caller: Caller,
    Body(batch): Body<MemoryBatch>,
) -> Result<Json<MemoryBatchAnswer>> {
    let texts = |texts: Vec<String>| texts.into_iter().map(NewMemory::of).collect();
    let new = lenient::first([batch.memories, batch.contents.map(texts)], Vec::is_empty)
        .ok_or_else(|| Error::missing("memories"))?;
    let stated = memories::state_all(
        &app.db,
        &caller,
        new,
        processing::memory_category,
        OF_PROGRAMS,
    )
    .await?;
    Ok(Json(MemoryBatchAnswer {
        created_count: stated.len(),
        memories: stated.into_iter().map(Into::into).collect(),
    }))
}

/// Change a memory.
#[utoipa::path(patch, path = "/v1/dev/user/memories/{id}", tag = "memories", params(("id" = String, Path)),
    request_body = MemoryChanges,
    responses((status = 200, body = MemoryAnswer), (status = 400, body = ErrorBody)))]
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Body(changes): Body<MemoryChanges>,
) -> Result<Json<MemoryAnswer>> {
    let id = id.or_absent("Memory")?;
    let changed = memories::update(&app.db, &caller, id, changes, OF_PROGRAMS).await?;
    Ok(Json(changed.into()))
}

/// Remove a memory.
#[utoipa::path(delete, path = "/v1/dev/user/memories/{id}", tag = "memories", params(("id" = String, Path)),
    responses((status = 200, body = Success)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<Success>> {
    let id = id.or_absent("Memory")?;
    memories::delete(&app.db, &caller, id).await?;
    Ok(Json(Success { success: true }))
}
