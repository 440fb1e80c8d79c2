//! `/v2/integrations/{app_id}/memories` and `…/user/memories`

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    Accepted,
    input::{Body, Query, bounded},
};
use crate::{
    app::App,
    features::{
        credentials::Caller,
        memories::{self, Memory},
        processing::{self, NewMemories},
    },
    surfaces::respond::Result,
};

/// A memory as apps read it. What is unknown is left out.
#[derive(Serialize, ToSchema)]
pub struct ImportMemory {
    id: Uuid,
    uid: String,
    content: String,
    category: String,
    /// `private` or `public`.
    visibility: String,
    tags: Vec<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<Uuid>,
    /// The same as `conversation_id`, under its old name.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_id: Option<Uuid>,
    reviewed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_review: Option<bool>,
    manually_added: bool,
    edited: bool,
    scoring: String,
    /// The app that brought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<String>,
    is_locked: bool,
    kg_extracted: bool,
}

impl ImportMemory {
    fn new(memory: Memory, uid: &str) -> Self {
        Self {
            id: memory.id,
            uid: uid.into(),
            content: memory.content,
            category: memory.category,
            visibility: memory.visibility,
            tags: memory.tags,
            created_at: memory.created_at,
            updated_at: memory.updated_at,
            conversation_id: memory.conversation_id,
            memory_id: memory.conversation_id,
            reviewed: memory.reviewed,
            user_review: memory.user_review,
            manually_added: memory.manually_added,
            edited: memory.edited,
            scoring: memory.scoring,
            app_id: memory.app_id,
            is_locked: false,
            kg_extracted: false,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct ImportMemories {
    memories: Vec<ImportMemory>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    #[param(minimum = 0)]
    offset: Option<i64>,
}

/// The user's memories, most important first.
#[utoipa::path(get, path = "/v2/integrations/{app_id}/memories", tag = "memories", params(ListQuery),
    responses((status = 200, body = ImportMemories)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<ImportMemories>> {
    let limit = bounded("limit", query.limit, 100, 1, 1000)?;
    let offset = bounded("offset", query.offset, 0, 0, i64::MAX)?;
    let found = memories::list(&app.db, &caller, None, limit, offset).await?;
    let memories = found
        .into_iter()
        .map(|memory| ImportMemory::new(memory, &caller.uid))
        .collect();
    Ok(Json(ImportMemories { memories }))
}

/// Bring memories: some as they are, which are stored at once, or a text in which memories are found soon after.
#[utoipa::path(post, path = "/v2/integrations/{app_id}/user/memories", tag = "memories", request_body = NewMemories,
    responses((status = 200, body = Accepted)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewMemories>,
) -> Result<Json<Accepted>> {
    processing::bring_memories(&app, &caller, new).await?;
    Ok(Json(Accepted {}))
}
