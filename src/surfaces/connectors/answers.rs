//! Refusals in the form of OAuth.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use crate::{
    error::Error,
    features::connectors::Refusal,
    surfaces::respond::{ApiError, private},
};

/// Name and sentence, for the address that a client is answered at.
pub fn told(refusal: Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::Told(name, sentence) => (name, plain(&sentence)),
        Refusal::Failed(error) => {
            let name = name(&error);
            drop(ApiError(error).into_response());
            (
                name,
                "The server cannot answer right now. Try again.".into(),
            )
        }
    }
}

fn name(error: &Error) -> &'static str {
    match error {
        Error::Internal(_) => "server_error",
        Error::Unavailable(_) | Error::RateLimited { .. } => "temporarily_unavailable",
        _ => "invalid_request",
    }
}

/// As an answer to the client itself. `by_header`: it has shown itself by `Authorization`.
pub fn refused(refusal: Refusal, by_header: bool) -> Response {
    let (name, sentence) = match refusal {
        Refusal::Told(name, sentence) => (name, sentence),
        Refusal::Failed(error) => return failed(error),
    };
    let status = match name {
        "invalid_client" => StatusCode::UNAUTHORIZED,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut response = answer(status, name, &sentence);
    if status == StatusCode::UNAUTHORIZED && by_header {
        let basic = HeaderValue::from_static("Basic realm=\"omi-server\"");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, basic);
    }
    response
}

/// The status and the headers of the error as others are told it.
fn failed(error: Error) -> Response {
    let name = name(&error);
    let sentence = match &error {
        Error::Internal(_) => "Something went wrong on the server; its log says what.".into(),
        error => error.to_string(),
    };
    let usual = ApiError(error).into_response();
    let mut response = answer(usual.status(), name, &sentence);
    if let Some(wait) = usual.headers().get(header::RETRY_AFTER) {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, wait.clone());
    }
    response
}

fn answer(status: StatusCode, name: &str, sentence: &str) -> Response {
    let body = json!({"error": name, "error_description": plain(sentence)});
    private((status, Json(body)))
}

/// The characters that the standard allows a description (RFC 6749, 5.2).
fn plain(sentence: &str) -> String {
    let plain = |c| match c {
        '"' | '\\' => '\'',
        ' '..='~' => c,
        _ => '?',
    };
    sentence.chars().map(plain).collect()
}
