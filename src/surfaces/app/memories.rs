//! `/v3/memories`

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::StatusAnswer;
use crate::{
    app::App,
    features::{
        credentials::Caller,
        lenient,
        memories::{self, Existing, Memory, MemoryChanges, NewMemory, OF_APP},
    },
    surfaces::{
        extract::{Body, Id, Query, RawValue, bounded},
        guard,
        limits::Policy,
        respond::{ErrorBody, Result},
    },
};

/// The first page is always whole: the app pages only after it.
const FIRST_PAGE: i64 = 5000;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(list)))
        .routes(guard::user().once().on(routes!(create)))
        .routes(guard::user().once().on(routes!(create_batch)))
        .routes(guard::user().on(routes!(change)))
        .routes(guard::user().on(routes!(set_visibility)))
        .routes(guard::user().on(routes!(review)))
        .routes(guard::user().on(routes!(delete)))
        .routes(
            guard::user()
                .hourly(Policy::MemoriesDeletions)
                .on(routes!(delete_all)),
        )
}

/// A memory as the app reads it.
#[derive(Serialize, ToSchema)]
pub struct MemoryAnswer {
    #[serde(flatten)]
    #[schema(value_type = Object)]
    memory: Memory,
    uid: String,
    /// The conversation it came from, under its old name.
    memory_id: Option<Uuid>,
    data_protection_level: Option<String>,
    is_locked: bool,
    kg_extracted: bool,
}

impl MemoryAnswer {
    fn new(mut memory: Memory, uid: &str) -> Self {
        // The app knows three categories.
        let category = match memory.category.as_str() {
            known @ ("interesting" | "system" | "manual") => known,
            legacy if memories::CATEGORIES.contains(&legacy) => "system",
            _ => "interesting",
        };
        memory.category = category.to_string();
        Self {
            uid: uid.into(),
            memory_id: memory.conversation_id,
            memory,
            data_protection_level: None,
            is_locked: false,
            kg_extracted: false,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Counts only with an offset; 100 if left out. More than 5000 count as 5000.
    #[param(minimum = 1)]
    limit: Option<i64>,
    #[param(minimum = 0)]
    offset: Option<i64>,
}

/// The user's memories, most important first.
#[utoipa::path(get, path = "/v3/memories", tag = "memories", params(ListQuery),
    responses((status = 200, body = Vec<MemoryAnswer>)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Vec<MemoryAnswer>>> {
    let offset = bounded("offset", query.offset, 0, 0, i64::MAX)?;
    let limit = if offset == 0 {
        FIRST_PAGE
    } else {
        bounded("limit", query.limit, 100, 1, i64::MAX)?.min(FIRST_PAGE)
    };
    let found = memories::list(&app.db, &caller, None, limit, offset).await?;
    Ok(Json(
        found
            .into_iter()
            .map(|memory| MemoryAnswer::new(memory, &caller.uid))
            .collect(),
    ))
}

/// What the user states. A category does not count: what is stated is `manual`.
#[derive(Deserialize, ToSchema)]
pub struct StatedMemory {
    #[schema(
        min_length = 1,
        max_length = 5000,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    content: String,
    /// `private` if left out.
    #[serde(default)]
    #[schema(pattern = "^(private|public)$")]
    visibility: Option<String>,
    /// At most 50, of 1 to 100 characters each.
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^[^\x00]*$")]
    headline: Option<String>,
}

impl From<StatedMemory> for NewMemory {
    fn from(stated: StatedMemory) -> Self {
        let plain = Self::of(stated.content);
        Self {
            visibility: stated.visibility.unwrap_or(plain.visibility),
            tags: stated.tags.unwrap_or_default(),
            headline: stated.headline,
            content: plain.content,
            category: plain.category,
        }
    }
}

const fn manual(_: &str) -> &'static str {
    "manual"
}

/// State a memory. The same content again replaces the earlier one.
#[utoipa::path(post, path = "/v3/memories", tag = "memories", request_body = StatedMemory,
    responses((status = 200, body = MemoryAnswer)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<StatedMemory>,
) -> Result<Json<MemoryAnswer>> {
    let existing = Existing::Replaced;
    let stated = memories::state(&app.db, &caller, new.into(), manual, existing, OF_APP).await?;
    Ok(Json(MemoryAnswer::new(stated, &caller.uid)))
}

#[derive(Deserialize, ToSchema)]
pub struct StatedMemories {
    #[schema(max_items = 100)]
    memories: Vec<StatedMemory>,
}

#[derive(Serialize, ToSchema)]
pub struct StatedMemoriesAnswer {
    /// In the order of the request.
    memories: Vec<MemoryAnswer>,
    created_count: usize,
}

/// State several memories, all of them or none.
#[utoipa::path(post, path = "/v3/memories/batch", tag = "memories", request_body = StatedMemories,
    responses((status = 200, body = StatedMemoriesAnswer)))]
pub async fn create_batch(
    State(app): State<App>,
    caller: Caller,
    Body(batch): Body<StatedMemories>,
) -> Result<Json<StatedMemoriesAnswer>> {
    let new = batch.memories.into_iter().map(Into::into).collect();
    let stated = memories::state_all(&app.db, &caller, new, manual, OF_APP).await?;
    Ok(Json(StatedMemoriesAnswer {
        created_count: stated.len(),
        memories: stated
            .into_iter()
            .map(|memory| MemoryAnswer::new(memory, &caller.uid))
            .collect(),
    }))
}

/// Change what a memory says. It keeps its id.
#[utoipa::path(patch, path = "/v3/memories/{id}", tag = "memories",
    params(("id" = String, Path),
           ("value" = String, Query, min_length = 1, max_length = 5000, description = "The new content.")),
    responses((status = 200, body = StatusAnswer), (status = 400, body = ErrorBody)))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    RawValue(value): RawValue,
) -> Result<Json<StatusAnswer>> {
    let id = id.or_absent("Memory")?;
    let changes = MemoryChanges {
        content: Some(value),
        ..MemoryChanges::default()
    };
    memories::update(&app.db, &caller, id, changes, OF_APP).await?;
    Ok(StatusAnswer::ok())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Visibility {
    #[param(pattern = "^(private|public)$")]
    value: String,
}

/// Show a memory to others, or not.
#[utoipa::path(patch, path = "/v3/memories/{id}/visibility", tag = "memories",
    params(("id" = String, Path), Visibility),
    responses((status = 200, body = StatusAnswer), (status = 400, body = ErrorBody)))]
pub async fn set_visibility(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Query(query): Query<Visibility>,
) -> Result<Json<StatusAnswer>> {
    let id = id.or_absent("Memory")?;
    memories::set_visibility(&app.db, &caller, id, &query.value).await?;
    Ok(StatusAnswer::ok())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Review {
    #[serde(deserialize_with = "lenient::boolean")]
    value: bool,
}

/// Say whether a memory is right. A rejected one is hidden from then on.
#[utoipa::path(post, path = "/v3/memories/{id}/review", tag = "memories", params(("id" = String, Path), Review),
    responses((status = 200, body = StatusAnswer)))]
pub async fn review(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Query(query): Query<Review>,
) -> Result<Json<StatusAnswer>> {
    let id = id.or_absent("Memory")?;
    memories::review(&app.db, &caller, id, query.value).await?;
    Ok(StatusAnswer::ok())
}

/// Forget a memory.
#[utoipa::path(delete, path = "/v3/memories/{id}", tag = "memories", params(("id" = String, Path)),
    responses((status = 200, body = StatusAnswer)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<StatusAnswer>> {
    let id = id.or_absent("Memory")?;
    memories::delete(&app.db, &caller, id).await?;
    Ok(StatusAnswer::ok())
}

/// Forget all memories.
#[utoipa::path(delete, path = "/v3/memories", tag = "memories", responses((status = 200, body = StatusAnswer)))]
pub async fn delete_all(State(app): State<App>, caller: Caller) -> Result<Json<StatusAnswer>> {
    memories::delete_all(&app.db, &caller).await?;
    Ok(StatusAnswer::ok())
}
