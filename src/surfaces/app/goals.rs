//! `/v1/goals`

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    error::Error,
    features::{
        coaching::{self, Moved, Noted, Suggestion},
        credentials::Caller,
        goals::{self, Goal, GoalChanges, NewGoal, Progress, Twins},
    },
    surfaces::{
        extract::{Body, Query, TextId, bounded},
        guard::{self, NewIds},
        limits::Policy,
        respond::{ErrorBody, Result},
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(current)))
        .routes(guard::user().once().on(routes!(create)))
        .routes(guard::user().on(routes!(all)))
        .routes(
            guard::user()
                .hourly(Policy::GoalSuggestions)
                .on(routes!(suggest)),
        )
        .routes(
            guard::user()
                .hourly(Policy::GoalAdvice)
                .on(routes!(advise_on_first)),
        )
        .routes(
            guard::user()
                .hourly(Policy::GoalProgress)
                .on(routes!(extract_progress)),
        )
        .routes(guard::user().on(routes!(update, delete)))
        .routes(guard::user().on(routes!(progress)))
        .routes(guard::user().on(routes!(history)))
        .routes(guard::user().hourly(Policy::GoalAdvice).on(routes!(advise)))
}

/// A goal as the app reads it.
#[derive(Serialize, ToSchema)]
pub struct AppGoal {
    #[serde(flatten)]
    goal: Goal,
    /// Only once newer goals have taken its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<DateTime<Utc>>,
}

impl From<Goal> for AppGoal {
    fn from(goal: Goal) -> Self {
        Self {
            ended_at: goal.ended_at,
            goal,
        }
    }
}

/// The oldest active goal, or null.
#[utoipa::path(get, path = "/v1/goals", tag = "goals", responses((status = 200, body = Option<AppGoal>)))]
pub async fn current(State(app): State<App>, caller: Caller) -> Result<Json<Option<AppGoal>>> {
    let found = goals::list(&app.db, &caller, false, 1).await?;
    Ok(Json(found.into_iter().next().map(Into::into)))
}

/// The active goals, oldest first.
#[utoipa::path(get, path = "/v1/goals/all", tag = "goals", responses((status = 200, body = Vec<AppGoal>)))]
pub async fn all(State(app): State<App>, caller: Caller) -> Result<Json<Vec<AppGoal>>> {
    let most = i64::from(app.config.goals.max_active);
    let found = goals::list(&app.db, &caller, false, most).await?;
    Ok(Json(found.into_iter().map(Into::into).collect()))
}

/// Set a goal. With more active goals than the server allows, the oldest becomes inactive. The same again within ten
/// seconds is the one that is there.
#[utoipa::path(post, path = "/v1/goals", tag = "goals", request_body = NewGoal,
    responses((status = 200, body = AppGoal)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    mut ids: NewIds,
    Body(new): Body<NewGoal>,
) -> Result<Json<AppGoal>> {
    let most = app.config.goals.max_active;
    let goal = goals::create(&app.db, &caller, ids.next(), new, most, Twins::AreOne).await?;
    Ok(Json(goal.into()))
}

/// Change a goal. The history stays as it is.
#[utoipa::path(patch, path = "/v1/goals/{id}", tag = "goals", params(("id" = String, Path)),
    request_body = GoalChanges,
    responses((status = 200, body = AppGoal), (status = 400, body = ErrorBody, description = "Nothing is changed")))]
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    TextId(id): TextId,
    Body(changes): Body<GoalChanges>,
) -> Result<Json<AppGoal>> {
    if changes.is_empty() {
        return Err(Error::BadRequest("No updates provided".into()).into());
    }
    let changed = goals::update(&app.db, &caller, &id, changes).await?;
    Ok(Json(changed.into()))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CurrentValue {
    current_value: f64,
}

/// Note how far a goal is. The history keeps the last value of each day of UTC.
#[utoipa::path(patch, path = "/v1/goals/{id}/progress", tag = "goals", params(("id" = String, Path), CurrentValue),
    responses((status = 200, body = AppGoal)))]
pub async fn progress(
    State(app): State<App>,
    caller: Caller,
    TextId(id): TextId,
    Query(query): Query<CurrentValue>,
) -> Result<Json<AppGoal>> {
    let noted = goals::progress(&app.db, &caller, &id, query.current_value).await?;
    Ok(Json(noted.into()))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Days {
    /// How many days with an entry, at most 365; 30 if left out.
    #[param(maximum = 365)]
    days: Option<i64>,
}

/// How far a goal was, day by day, the newest first. Empty also when there is no such goal.
#[utoipa::path(get, path = "/v1/goals/{id}/history", tag = "goals", params(("id" = String, Path), Days),
    responses((status = 200, body = Vec<Progress>)))]
pub async fn history(
    State(app): State<App>,
    caller: Caller,
    TextId(id): TextId,
    Query(query): Query<Days>,
) -> Result<Json<Vec<Progress>>> {
    let days = bounded("days", query.days, 30, i64::MIN, 365)?.max(0);
    Ok(Json(goals::history(&app.db, &caller, &id, days).await?))
}

#[derive(Serialize, ToSchema)]
pub struct GoalDeleted {
    /// True.
    success: bool,
    deleted_id: String,
}

/// Delete a goal and its history.
#[utoipa::path(delete, path = "/v1/goals/{id}", tag = "goals", params(("id" = String, Path)),
    responses((status = 200, body = GoalDeleted)))]
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    TextId(id): TextId,
) -> Result<Json<GoalDeleted>> {
    goals::delete(&app.db, &caller, &id).await?;
    Ok(Json(GoalDeleted {
        success: true,
        deleted_id: id,
    }))
}

/// A goal that would suit the user. Without a language model: one that suits everybody.
#[utoipa::path(get, path = "/v1/goals/suggest", tag = "goals", responses((status = 200, body = Suggestion)))]
pub async fn suggest(State(app): State<App>, caller: Caller) -> Result<Json<Suggestion>> {
    Ok(Json(coaching::suggest(&app, &caller).await?))
}

#[derive(Serialize, ToSchema)]
pub struct GoalAdvice {
    advice: String,
}

/// What to do next for the oldest active goal.
#[utoipa::path(get, path = "/v1/goals/advice", tag = "goals", responses((status = 200, body = GoalAdvice)))]
pub async fn advise_on_first(State(app): State<App>, caller: Caller) -> Result<Json<GoalAdvice>> {
    let advice = coaching::advise_on_first(&app, &caller).await?;
    Ok(Json(GoalAdvice { advice }))
}

/// What to do next for a goal. For one that is not active, or not there, the same words for everybody.
#[utoipa::path(get, path = "/v1/goals/{id}/advice", tag = "goals", params(("id" = String, Path)),
    responses((status = 200, body = GoalAdvice)))]
pub async fn advise(
    State(app): State<App>,
    caller: Caller,
    TextId(id): TextId,
) -> Result<Json<GoalAdvice>> {
    let advice = coaching::advise(&app, &caller, &id).await?;
    Ok(Json(GoalAdvice { advice }))
}

#[derive(Deserialize, ToSchema)]
pub struct TextOfProgress {
    /// The first 500 characters count.
    text: String,
}

#[derive(Serialize, ToSchema)]
pub struct ProgressFound {
    updated: bool,
    /// Goals that moved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    updates: Vec<Moved>,
    /// Why none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// Note what a text tells of the progress of goals. Only a language model can.
#[utoipa::path(post, path = "/v1/goals/extract-progress", tag = "goals", request_body = TextOfProgress,
    responses((status = 200, body = ProgressFound)))]
pub async fn extract_progress(
    State(app): State<App>,
    caller: Caller,
    Body(TextOfProgress { text }): Body<TextOfProgress>,
) -> Result<Json<ProgressFound>> {
    let (updates, reason) = match coaching::note_progress(&app, &caller, &text).await? {
        Noted::Moved(moved) => (moved, None),
        Noted::Nothing(why) => (Vec::new(), Some(why)),
    };
    Ok(Json(ProgressFound {
        updated: reason.is_none(),
        updates,
        reason,
    }))
}
