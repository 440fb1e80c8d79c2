//! `/oauth/register`: clients introduce themselves (RFC 7591).

use axum::{
    Json, Router,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::StatusCode,
    response::Response,
    routing::post,
};
use serde_json::json;

use super::answers::refused;
use crate::{
    app::App,
    error::Error,
    features::connectors::{self, NewClient, Refusal, Registered},
    surfaces::{client_address::ClientAddress, limits, respond::private},
};

pub const PATH: &str = "/oauth/register";
/// Where clients go that have read nothing.
pub const ALIAS: &str = "/register";

pub fn routes() -> Router<App> {
    Router::new()
        .route(PATH, post(register))
        .route(ALIAS, post(register))
}

async fn register(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let registered = async {
        let new = read(body)?;
        limits::count_departure(&app, address)?;
        connectors::register(&app.db, new).await
    };
    match registered.await {
        Ok(registered) => answer(&registered),
        Err(refusal) => refused(refusal, false),
    }
}

fn read(body: Result<Bytes, BytesRejection>) -> Result<NewClient, Refusal> {
    let bytes = body.map_err(|_| {
        let text = "The body could not be read, or is larger than 64 KiB.";
        Refusal::Failed(Error::TooLarge(text.into()))
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let text = format!("The body must be a JSON object of client metadata: {error}.");
        Refusal::new("invalid_client_metadata", text)
    })
}

fn answer(registered: &Registered) -> Response {
    let client = &registered.client;
    let mut body = json!({
        "client_id": client.id,
        "client_id_issued_at": registered.registered_at.timestamp(),
        "client_name": client.name,
        "redirect_uris": client.redirect_uris,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": registered.way,
    });
    if let Some(secret) = &registered.secret {
        body["client_secret"] = secret.as_str().into();
        // Never.
        body["client_secret_expires_at"] = 0.into();
    }
    private((StatusCode::CREATED, Json(body)))
}
