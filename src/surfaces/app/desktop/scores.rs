//! `/v1/scores`, `/v1/daily-score`

use axum::{Json, extract::State};
use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    features::{
        action_items::{self, Scores},
        credentials::Caller,
    },
    surfaces::{extract::Query, queries::Day, respond::Result},
};

#[derive(Serialize, ToSchema)]
pub struct DailyScore {
    date: NaiveDate,
    /// In per cent.
    score: i64,
    completed_tasks: i64,
    total_tasks: i64,
}

/// How much of what is due on a day is done.
#[utoipa::path(get, path = "/v1/daily-score", tag = "desktop", params(Day),
    responses((status = 200, body = DailyScore)))]
pub async fn daily(
    State(app): State<App>,
    caller: Caller,
    Query(day): Query<Day>,
) -> Result<Json<DailyScore>> {
    let scores = action_items::scores(&app.db, &caller, day.date()?).await?;
    Ok(Json(DailyScore {
        date: scores.date,
        score: scores.daily.score.round() as i64,
        completed_tasks: scores.daily.completed_tasks,
        total_tasks: scores.daily.total_tasks,
    }))
}

/// How much is done of what is due on a day, of what was made in the week before it, and of all.
#[utoipa::path(get, path = "/v1/scores", tag = "desktop", params(Day), responses((status = 200, body = Scores)))]
pub async fn all(
    State(app): State<App>,
    caller: Caller,
    Query(day): Query<Day>,
) -> Result<Json<Scores>> {
    let day = day.date()?;
    Ok(Json(action_items::scores(&app.db, &caller, day).await?))
}
