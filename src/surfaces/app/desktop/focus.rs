//! `/v1/focus-sessions`, `/v1/focus-stats`

use axum::{Json, extract::State};

use super::super::StatusAnswer;
use crate::{
    app::App,
    features::{
        credentials::Caller,
        desktop::{self, FocusSession, FocusStats, NewFocusSession},
    },
    surfaces::{
        extract::{Body, Id, Query},
        guard::NewIds,
        queries::{Day, LongPage},
        respond::Result,
    },
};

/// Note where the user's attention was.
#[utoipa::path(post, path = "/v1/focus-sessions", tag = "desktop", request_body = NewFocusSession,
    responses((status = 200, body = FocusSession)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    mut ids: NewIds,
    Body(new): Body<NewFocusSession>,
) -> Result<Json<FocusSession>> {
    let noted = desktop::note_focus(&app.db, &caller, ids.next(), new).await?;
    Ok(Json(noted))
}

/// Where the user's attention was, newest first.
#[utoipa::path(get, path = "/v1/focus-sessions", tag = "desktop", params(LongPage, Day),
    responses((status = 200, body = Vec<FocusSession>)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<LongPage>,
    Query(day): Query<Day>,
) -> Result<Json<Vec<FocusSession>>> {
    let (limit, offset) = page.bounds()?;
    let day = day.date()?;
    let found = desktop::focus_sessions(&app.db, &caller, day, limit, offset).await?;
    Ok(Json(found))
}

/// Forget where the user's attention was.
#[utoipa::path(delete, path = "/v1/focus-sessions/{id}", tag = "desktop", params(("id" = String, Path)),
    responses((status = 200, body = StatusAnswer)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<StatusAnswer>> {
    if let Id(Some(id)) = id {
        desktop::delete_focus(&app.db, &caller, id).await?;
    }
    Ok(StatusAnswer::ok())
}

/// How long the user was focused and distracted, on a day of UTC or in all.
#[utoipa::path(get, path = "/v1/focus-stats", tag = "desktop", params(Day),
    responses((status = 200, body = FocusStats)))]
pub async fn stats(
    State(app): State<App>,
    caller: Caller,
    Query(day): Query<Day>,
) -> Result<Json<FocusStats>> {
    Ok(Json(
        desktop::focus_stats(&app.db, &caller, day.date()?).await?,
    ))
}
