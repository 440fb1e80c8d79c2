//! What users think of answers: `/v2/messages/{id}/report`, `/v2/messages/{id}/rating`

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::StatusAnswer;
use crate::{
    app::App,
    error::Error,
    features::{chat, credentials::Caller},
    surfaces::{
        extract::{Body, Id},
        respond::{ErrorBody, Result},
    },
};

#[derive(Serialize, ToSchema)]
pub struct Reported {
    message: &'static str,
}

/// Report an answer; it is shown no more.
#[utoipa::path(post, path = "/v2/messages/{id}/report", tag = "chat", params(("id" = String, Path)),
    responses((status = 200, body = Reported),
              (status = 400, body = ErrorBody, description = "It is no answer, or was reported before")))]
pub async fn report(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<Reported>> {
    chat::report(&app.db, &caller, id.or_absent("Message")?).await?;
    Ok(Json(Reported {
        message: "Message reported",
    }))
}

#[derive(Deserialize, ToSchema)]
pub struct AnswerRating {
    /// 1 or -1; null takes it back.
    #[serde(default)]
    #[schema(minimum = -1, maximum = 1)]
    rating: Option<i64>,
}

/// Rate an answer. Nothing happens where there is none.
#[utoipa::path(patch, path = "/v2/messages/{id}/rating", tag = "chat", params(("id" = String, Path)),
    request_body = AnswerRating, responses((status = 200, body = StatusAnswer)))]
pub async fn rate(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Body(sent): Body<AnswerRating>,
) -> Result<Json<StatusAnswer>> {
    let rating = match sent.rating {
        None | Some(0) => None,
        Some(1) => Some(1),
        Some(-1) => Some(-1),
        Some(_) => return Err(Error::invalid("rating", "rating must be 1, -1 or null").into()),
    };
    if let Some(id) = id.0 {
        chat::rate(&app.db, &caller, id, rating).await?;
    }
    Ok(StatusAnswer::ok())
}
