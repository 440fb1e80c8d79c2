//! `/v1/dev/user/action-items`

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Success;
use crate::{
    app::App,
    error::Error,
    features::{
        action_items::{self, ActionItem, ActionItemChanges, Manner, NewActionItem},
        credentials::Caller,
        lenient,
    },
    surfaces::{
        extract::{Body, Filters, Id, Query, bounded},
        guard::NewIds,
        queries::{self, Reading},
        respond::{ErrorBody, Result},
    },
};

/// An action item as the Developer API shows it.
#[derive(Serialize, ToSchema)]
pub struct ActionItemAnswer {
    id: Uuid,
    description: String,
    completed: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    due_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
    conversation_id: Option<Uuid>,
}

impl From<ActionItem> for ActionItemAnswer {
    fn from(item: ActionItem) -> Self {
        Self {
            id: item.id,
            description: item.description,
            completed: item.completed,
            created_at: item.created_at,
            updated_at: item.updated_at,
            due_at: item.due_at,
            completed_at: item.completed_at,
            conversation_id: item.conversation_id,
        }
    }
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

/// How a key's list reads its query.
const READING: Reading = Reading {
    empty_is_none: true,
    due_alone: false,
};

/// A page of action items, newest first, then sorted: due soonest first, those without a date last.
///
/// A bound of the due date cuts the page by due date, latest first, and leaves out what has none. All filters
/// count together.
#[utoipa::path(get, path = "/v1/dev/user/action-items", tag = "action items", params(Page, queries::ActionItems),
    responses((status = 200, body = Vec<ActionItemAnswer>), (status = 400, body = ErrorBody)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
    Filters(query): Filters<queries::ActionItems>,
) -> Result<Json<Vec<ActionItemAnswer>>> {
    let limit = bounded("limit", page.limit, 100, 1, 1000)?;
    let offset = bounded("offset", page.offset, 0, 0, i64::MAX)?;
    let filter = query.filter(READING);
    let (items, _) = action_items::list(&app.db, &caller, &filter, limit, offset).await?;
    Ok(Json(items.into_iter().map(Into::into).collect()))
}

/// One action item.
#[utoipa::path(get, path = "/v1/dev/user/action-items/{id}", tag = "action items", params(("id" = String, Path)),
    responses((status = 200, body = ActionItemAnswer)))]
pub async fn get(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<ActionItemAnswer>> {
    let id = id.or_absent("Action item")?;
    let found = action_items::get(&app.db, &caller, id).await?;
    Ok(Json(found.into()))
}

/// Create an action item of no conversation.
#[utoipa::path(post, path = "/v1/dev/user/action-items", tag = "action items", request_body = NewActionItem,
    responses((status = 200, body = ActionItemAnswer)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    mut ids: NewIds,
    Body(new): Body<NewActionItem>,
) -> Result<Json<ActionItemAnswer>> {
    let created = action_items::create(&app.db, &caller, ids.next(), new, Manner::Strict).await?;
    Ok(Json(created.into()))
}

#[derive(Deserialize, ToSchema)]
pub struct ActionItemBatch {
    /// At most 50.
    #[schema(value_type = Vec<NewActionItem>, required, max_items = 50)]
    action_items: Option<Vec<NewActionItem>>,
    /// Another name of `action_items`.
    #[schema(nullable = false, max_items = 50)]
    items: Option<Vec<NewActionItem>>,
}

#[derive(Serialize, ToSchema)]
pub struct ActionItemBatchAnswer {
    /// In the order of the request.
    action_items: Vec<ActionItemAnswer>,
    created_count: usize,
}

/// Create several action items, all of them or none.
#[utoipa::path(post, path = "/v1/dev/user/action-items/batch", tag = "action items", request_body = ActionItemBatch,
    responses((status = 200, body = ActionItemBatchAnswer)))]
pub async fn create_batch(
    State(app): State<App>,
    caller: Caller,
    mut ids: NewIds,
    Body(batch): Body<ActionItemBatch>,
) -> Result<Json<ActionItemBatchAnswer>> {
    let new = lenient::first([batch.action_items, batch.items], Vec::is_empty)
        .ok_or_else(|| Error::missing("action_items"))?;
    let new = new.into_iter().map(|item| (ids.next(), item)).collect();
    let created = action_items::create_all(&app.db, &caller, new, Manner::Strict).await?;
    Ok(Json(ActionItemBatchAnswer {
        created_count: created.len(),
        action_items: created.into_iter().map(Into::into).collect(),
    }))
}

/// Change an action item, or complete it.
#[utoipa::path(patch, path = "/v1/dev/user/action-items/{id}", tag = "action items", params(("id" = String, Path)),
    request_body = ActionItemChanges,
    responses((status = 200, body = ActionItemAnswer), (status = 400, body = ErrorBody)))]
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Body(changes): Body<ActionItemChanges>,
) -> Result<Json<ActionItemAnswer>> {
    let id = id.or_absent("Action item")?;
    let changed = action_items::update(&app.db, &caller, id, changes, Manner::Strict).await?;
    Ok(Json(changed.into()))
}

/// Remove an action item.
#[utoipa::path(delete, path = "/v1/dev/user/action-items/{id}", tag = "action items", params(("id" = String, Path)),
    responses((status = 200, body = Success)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<Success>> {
    let id = id.or_absent("Action item")?;
    action_items::delete(&app.db, &caller, id).await?;
    Ok(Json(Success { success: true }))
}
