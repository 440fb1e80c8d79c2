//! `/v1/users/export`, `/v1/users/delete-account`

use axum::{
    Json,
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    features::{credentials::Caller, leaving},
    surfaces::{extract::OptionalBody, guard, respond::Result},
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(export)))
        .routes(guard::user().on(routes!(delete_account)))
}

/// All that the user has, as a file: `profile`, `conversations` (with discarded ones), `memories`, `people`, `action_items`,
/// `chat_messages`.
#[utoipa::path(get, path = "/v1/users/export", tag = "users", responses((status = 200, body = Object)))]
pub async fn export(State(app): State<App>, caller: Caller) -> Result<Response> {
    let pieces = leaving::export(app, caller).await?;
    let pieces = pieces.map_err(|error| {
        tracing::error!(error = format!("{error:#}"), "an export broke off");
        std::io::Error::other("an export broke off")
    });
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"omi-export.json\"",
        ),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

#[derive(Default, Deserialize, ToSchema)]
pub struct Reason {
    #[serde(default)]
    #[schema(max_length = 2000)]
    reason: Option<String>,
    #[serde(default)]
    #[schema(max_length = 2000)]
    reason_details: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct DeletionStarted {
    /// `ok`
    status: &'static str,
    message: &'static str,
}

/// Delete the account with all it has. Every token and key ends at once, and the address can be used anew; the rest goes soon
/// after.
#[utoipa::path(delete, path = "/v1/users/delete-account", tag = "users", request_body = Option<Reason>,
    responses((status = 200, body = DeletionStarted)))]
pub async fn delete_account(
    State(app): State<App>,
    caller: Caller,
    OptionalBody(sent): OptionalBody<Reason>,
) -> Result<Json<DeletionStarted>> {
    let reason = sent.reason.unwrap_or_default();
    let details = sent.reason_details.unwrap_or_default();
    leaving::leave(&app, &caller, &reason, &details).await?;
    Ok(Json(DeletionStarted {
        status: "ok",
        message: "Account deletion started",
    }))
}
