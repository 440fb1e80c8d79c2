//! `/v1/staged-tasks`

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::StatusAnswer;
use crate::{
    app::App,
    features::{
        credentials::Caller,
        desktop::{self, NewStagedTask, PromotedTask, StagedTask},
    },
    surfaces::{
        extract::{Body, Id, Query},
        queries::LongPage,
        respond::Result,
    },
};

/// Propose a task. The same words again, whatever their case, are the proposal that is there.
#[utoipa::path(post, path = "/v1/staged-tasks", tag = "desktop", request_body = NewStagedTask,
    responses((status = 200, body = StagedTask)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewStagedTask>,
) -> Result<Json<StagedTask>> {
    Ok(Json(desktop::stage(&app.db, &caller, new).await?))
}

#[derive(Serialize, ToSchema)]
pub struct StagedTasks {
    items: Vec<StagedTask>,
    has_more: bool,
}

/// Open proposals, the best first.
#[utoipa::path(get, path = "/v1/staged-tasks", tag = "desktop", params(LongPage),
    responses((status = 200, body = StagedTasks)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<LongPage>,
) -> Result<Json<StagedTasks>> {
    let (limit, offset) = page.bounds()?;
    let (items, has_more) = desktop::staged(&app.db, &caller, limit, offset).await?;
    Ok(Json(StagedTasks { items, has_more }))
}

/// Forget a proposal.
#[utoipa::path(delete, path = "/v1/staged-tasks/{id}", tag = "desktop", params(("id" = String, Path)),
    responses((status = 200, body = StatusAnswer)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<StatusAnswer>> {
    if let Id(Some(id)) = id {
        desktop::delete_staged(&app.db, &caller, id).await?;
    }
    Ok(StatusAnswer::ok())
}

#[derive(Deserialize, ToSchema)]
pub struct Relevance {
    id: String,
    /// The lower, the better.
    #[schema(minimum = 0, maximum = 1000)]
    relevance_score: i32,
}

#[derive(Deserialize, ToSchema)]
pub struct Relevances {
    #[schema(max_items = 500)]
    scores: Vec<Relevance>,
}

/// Score open proposals. Those that there are not are skipped.
#[utoipa::path(patch, path = "/v1/staged-tasks/batch-scores", tag = "desktop", request_body = Relevances,
    responses((status = 200, body = StatusAnswer)))]
pub async fn score(
    State(app): State<App>,
    caller: Caller,
    Body(given): Body<Relevances>,
) -> Result<Json<StatusAnswer>> {
    let score = |one: &Relevance| (one.id.parse().unwrap_or(Uuid::nil()), one.relevance_score);
    let scores: Vec<_> = given.scores.iter().map(score).collect();
    desktop::score_staged(&app.db, &caller, &scores).await?;
    Ok(StatusAnswer::ok())
}

#[derive(Serialize, ToSchema)]
pub struct Promotion {
    promoted: bool,
    /// Why nothing was.
    #[schema(required)]
    reason: Option<&'static str>,
    #[schema(required)]
    promoted_task: Option<PromotedTask>,
}

/// Make an action item of the best proposal.
#[utoipa::path(post, path = "/v1/staged-tasks/promote", tag = "desktop",
    responses((status = 200, body = Promotion)))]
pub async fn promote(State(app): State<App>, caller: Caller) -> Result<Json<Promotion>> {
    let promoted_task = desktop::promote(&app.db, &caller).await?;
    let promoted = promoted_task.is_some();
    Ok(Json(Promotion {
        promoted,
        reason: (!promoted).then_some("No staged tasks available"),
        promoted_task,
    }))
}

#[derive(Serialize, ToSchema)]
pub struct Migrated {
    /// `moved X, kept Y`
    status: String,
}

/// Make proposals again of open action items that were found on the screen, but for the best three.
#[utoipa::path(post, path = "/v1/staged-tasks/migrate", tag = "desktop",
    responses((status = 200, body = Migrated)))]
pub async fn migrate(State(app): State<App>, caller: Caller) -> Result<Json<Migrated>> {
    let (moved, kept) = desktop::stage_of_screen(&app.db, &caller).await?;
    Ok(Json(Migrated {
        status: format!("moved {moved}, kept {kept}"),
    }))
}

#[derive(Serialize, ToSchema)]
pub struct ItemsMigrated {
    /// `ok`
    status: &'static str,
    migrated: usize,
    /// 0
    deleted: usize,
}

/// Make proposals of open action items that were found in conversations.
#[utoipa::path(post, path = "/v1/staged-tasks/migrate-conversation-items", tag = "desktop",
    responses((status = 200, body = ItemsMigrated)))]
pub async fn migrate_of_conversations(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<ItemsMigrated>> {
    Ok(Json(ItemsMigrated {
        status: "ok",
        migrated: desktop::stage_of_conversations(&app.db, &caller).await?,
        deleted: 0,
    }))
}
