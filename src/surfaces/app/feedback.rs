//! `/v1/users/analytics`

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::StatusAnswer;
use crate::{
    app::App,
    features::{credentials::Caller, feedback},
    surfaces::{extract::Query, guard, respond::Result},
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(rate_summary, summary_rating)))
        .routes(guard::user().on(routes!(rate_message)))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SummaryRating {
    /// Of the conversation.
    memory_id: String,
    /// 1 or 0; -1: it was only seen.
    #[param(minimum = -1, maximum = 1)]
    value: i64,
}

/// Rate the summary of a conversation. Nothing happens where there is none.
#[utoipa::path(post, path = "/v1/users/analytics/memory_summary", tag = "users", params(SummaryRating),
    responses((status = 200, body = StatusAnswer)))]
pub async fn rate_summary(
    State(app): State<App>,
    caller: Caller,
    Query(rating): Query<SummaryRating>,
) -> Result<Json<StatusAnswer>> {
    let id = rating.memory_id.parse().ok();
    feedback::rate_summary(&app.db, &caller, id, rating.value).await?;
    Ok(StatusAnswer::ok())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WhichSummary {
    /// Of the conversation.
    memory_id: String,
}

#[derive(Serialize, ToSchema)]
pub struct HasRating {
    /// False also where the summary was only seen.
    has_rating: bool,
    /// Left out where it was not even seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<i16>,
}

/// How the summary of a conversation was rated.
#[utoipa::path(get, path = "/v1/users/analytics/memory_summary", tag = "users", params(WhichSummary),
    responses((status = 200, body = HasRating)))]
pub async fn summary_rating(
    State(app): State<App>,
    caller: Caller,
    Query(which): Query<WhichSummary>,
) -> Result<Json<HasRating>> {
    let rating = feedback::of_summary(&app.db, &caller, which.memory_id.parse().ok()).await?;
    Ok(Json(HasRating {
        has_rating: rating.is_some_and(|value| value != -1),
        rating,
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessageRating {
    message_id: String,
    /// 1 or -1; 0 takes it back.
    #[param(minimum = -1, maximum = 1)]
    value: i64,
}

/// Rate an answer of the chat. Nothing happens where there is none.
#[utoipa::path(post, path = "/v1/users/analytics/chat_message", tag = "users", params(MessageRating),
    responses((status = 200, body = StatusAnswer)))]
pub async fn rate_message(
    State(app): State<App>,
    caller: Caller,
    Query(rating): Query<MessageRating>,
) -> Result<Json<StatusAnswer>> {
    let id = rating.message_id.parse().ok();
    feedback::rate_message(&app.db, &caller, id, rating.value).await?;
    Ok(StatusAnswer::ok())
}
