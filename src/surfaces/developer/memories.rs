//! `/v1/dev/user/memories`

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    app::App,
    error::Error,
    features::{
        conversations,
        credentials::Caller,
        memories::{self, Existing, Memory, NewMemory},
        processing,
    },
    surfaces::{
        extract::{Body, Query, bounded, names},
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
    limit: Option<i64>,
    offset: Option<i64>,
    /// Comma-separated; any of them matches.
    categories: Option<String>,
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
    let categories = names(query.categories.as_deref());
    // Clients also ask with categories of conversations, which match nothing here.
    let known = |name: &str| {
        memories::CATEGORIES.contains(&name) || conversations::CATEGORIES.contains(&name)
    };
    if let Some(unknown) = categories.iter().flatten().find(|name| !known(name)) {
        return Err(Error::BadRequest(format!("Invalid category: {unknown}")).into());
    }
    let found = memories::list(&app.db, &caller, categories.as_deref(), limit, offset).await?;
    Ok(Json(found.into_iter().map(Into::into).collect()))
}

/// State a memory. The same content again replaces the earlier one.
#[utoipa::path(post, path = "/v1/dev/user/memories", tag = "memories", request_body = NewMemory,
    responses((status = 200, body = MemoryAnswer)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewMemory>,
) -> Result<Json<MemoryAnswer>> {
    let guess = processing::memory_category(&new.content);
    let stated = memories::state(&app.db, &caller, new, guess, Existing::Replaced).await?;
    Ok(Json(stated.into()))
}
