//! `/v1/dev/user/goals`

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    app::App,
    features::{
        credentials::Caller,
        goals::{self, Goal, GoalChanges, NewGoal, Progress, Twins},
        lenient,
    },
    surfaces::{
        developer::Success,
        extract::{Body, Filters, Query, TextId, bounded},
        guard::NewIds,
        respond::{ErrorBody, Result},
    },
};

/// Most goals of one answer.
const MOST: i64 = 1000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// 1 to 1000, 10 if left out. With `include_inactive` it does not count: the newest 1000 come.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    include_inactive: Option<bool>,
}

/// The active goals, oldest first; with `include_inactive` all, newest first.
#[utoipa::path(get, path = "/v1/dev/user/goals", tag = "goals", params(Page, Which),
    responses((status = 200, body = Vec<Goal>), (status = 400, body = ErrorBody)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
    Filters(which): Filters<Which>,
) -> Result<Json<Vec<Goal>>> {
    let all = which.include_inactive.unwrap_or(false);
    let limit = bounded("limit", page.limit, 10, 1, MOST)?;
    // The published command-line client always sends a limit, and still means all.
    let limit = if all { MOST } else { limit };
    let found = goals::list(&app.db, &caller, all, limit).await?;
    Ok(Json(found))
}

/// One goal, active or not.
#[utoipa::path(get, path = "/v1/dev/user/goals/{id}", tag = "goals", params(("id" = String, Path)),
    responses((status = 200, body = Goal)))]
pub async fn get(State(app): State<App>, caller: Caller, TextId(id): TextId) -> Result<Json<Goal>> {
    let found = goals::get(&app.db, &caller, &id).await?;
    Ok(Json(found))
}

/// Set a goal. With more active goals than the server allows, the oldest becomes inactive.
#[utoipa::path(post, path = "/v1/dev/user/goals", tag = "goals", request_body = NewGoal,
    responses((status = 200, body = Goal)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    mut ids: NewIds,
    Body(new): Body<NewGoal>,
) -> Result<Json<Goal>> {
    let most = app.config.goals.max_active;
    let goal = goals::create(&app.db, &caller, ids.next(), new, most, Twins::AreTwo).await?;
    Ok(Json(goal))
}

/// Change a goal. The history stays as it is.
#[utoipa::path(patch, path = "/v1/dev/user/goals/{id}", tag = "goals", params(("id" = String, Path)),
    request_body = GoalChanges,
    responses((status = 200, body = Goal),
              (status = 400, body = ErrorBody, description = "A text holds the character U+0000")))]
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    TextId(id): TextId,
    Body(changes): Body<GoalChanges>,
) -> Result<Json<Goal>> {
    let changed = goals::update(&app.db, &caller, &id, changes).await?;
    Ok(Json(changed))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProgressQuery {
    current_value: f64,
}

/// Note how far a goal is. The history keeps the last value of each day of UTC.
#[utoipa::path(patch, path = "/v1/dev/user/goals/{id}/progress", tag = "goals",
    params(("id" = String, Path), ProgressQuery), responses((status = 200, body = Goal)))]
pub async fn progress(
    State(app): State<App>,
    caller: Caller,
    TextId(id): TextId,
    Query(query): Query<ProgressQuery>,
) -> Result<Json<Goal>> {
    let noted = goals::progress(&app.db, &caller, &id, query.current_value).await?;
    Ok(Json(noted))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// How many days with an entry, 1 to 365; 30 if left out.
    #[param(minimum = 1, maximum = 365)]
    days: Option<i64>,
}

/// How far a goal was, day by day, the newest first. Empty also when there is no such goal.
#[utoipa::path(get, path = "/v1/dev/user/goals/{id}/history", tag = "goals",
    params(("id" = String, Path), HistoryQuery), responses((status = 200, body = Vec<Progress>)))]
pub async fn history(
    State(app): State<App>,
    caller: Caller,
    TextId(id): TextId,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<Vec<Progress>>> {
    let days = bounded("days", query.days, 30, 1, 365)?;
    Ok(Json(goals::history(&app.db, &caller, &id, days).await?))
}

/// Delete a goal and its history.
#[utoipa::path(delete, path = "/v1/dev/user/goals/{id}", tag = "goals", params(("id" = String, Path)),
    responses((status = 200, body = Success)))]
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    TextId(id): TextId,
) -> Result<Json<Success>> {
    goals::delete(&app.db, &caller, &id).await?;
    Ok(Json(Success { success: true }))
}
