//! Errors as HTTP answers: Omi's `detail` and, beside it, an `error` object with a stable code.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::error::Error;

/// The body of every refusal.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    #[schema(value_type = Detail)]
    pub detail: serde_json::Value,
    pub error: ErrorSummary,
}

/// What is wrong.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)] // The shape of `ErrorBody::detail`, for the documents.
pub enum Detail {
    Sentence(String),
    /// Of invalid input: one for each value.
    Problems(Vec<InvalidValue>),
}

#[derive(Serialize, ToSchema)]
#[allow(dead_code)]
pub struct InvalidValue {
    /// `missing` for what is required and absent, else `value_error`.
    #[serde(rename = "type")]
    kind: String,
    /// Where, outermost first: `["body", "content"]`, `["query", "limit"]`.
    loc: Vec<String>,
    msg: String,
}

#[derive(Serialize, ToSchema)]
pub struct ErrorSummary {
    pub message: String,
    /// One of missing_api_key, invalid_api_key, insufficient_scope, forbidden, invalid_request, validation_error,
    /// not_found, method_not_allowed, conflict, rate_limited, unavailable, internal_error.
    pub code: &'static str,
}

pub struct ApiError(pub Error);

pub type Result<T> = std::result::Result<T, ApiError>;

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// Status and stable code of an error.
fn classify(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Unauthenticated(message)
            if message.starts_with("Missing") || *message == super::caller::NO_HEADER =>
        {
            (StatusCode::UNAUTHORIZED, "missing_api_key")
        }
        Error::Unauthenticated(_) => (StatusCode::UNAUTHORIZED, "invalid_api_key"),
        Error::MissingScope(_) => (StatusCode::FORBIDDEN, "insufficient_scope"),
        Error::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
        Error::NotFound(_) | Error::Absent(_) | Error::NotThere(_) => {
            (StatusCode::NOT_FOUND, "not_found")
        }
        Error::BadRequest(_) | Error::Malformed(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
        Error::Invalid(_) | Error::Unprocessable(_) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "validation_error")
        }
        Error::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request"),
        Error::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
        Error::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
        Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
    }
}

/// For an answer in another form.
pub fn status(error: &Error) -> StatusCode {
    classify(error).0
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = classify(&self.0);
        let message = match &self.0 {
            // What broke inside is logged here, once, and never told.
            Error::Internal(cause) => {
                tracing::error!(error = format!("{cause:#}"), "a request failed");
                "Something went wrong on the server; its log says what.".to_string()
            }
            other => other.to_string(),
        };
        let detail = match &self.0 {
            Error::Invalid(problems) | Error::Malformed(problems) => problems
                .iter()
                .map(|problem| json!({"type": problem.kind, "loc": problem.location, "msg": problem.message}))
                .collect(),
            _ => message.clone().into(),
        };
        let mut response = answer(status, detail, message, code);
        let headers = response.headers_mut();
        match self.0 {
            Error::Unauthenticated(_) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Error::Unavailable(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Error::RateLimited { retry_after, .. } => {
                headers.insert(header::RETRY_AFTER, retry_after.into());
            }
            _ => {}
        }
        response
    }
}

fn answer(
    status: StatusCode,
    detail: serde_json::Value,
    message: String,
    code: &'static str,
) -> Response {
    (
        status,
        Json(ErrorBody {
            detail,
            error: ErrorSummary { message, code },
        }),
    )
        .into_response()
}

/// An answer with a secret, which nothing on the way keeps.
pub fn private(body: impl IntoResponse) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    ([(header::CACHE_CONTROL, no_store)], body).into_response()
}

pub async fn not_found() -> Response {
    answer(
        StatusCode::NOT_FOUND,
        "Not Found".into(),
        "Not Found".into(),
        "not_found",
    )
}

pub async fn method_not_allowed() -> Response {
    let text = "Method Not Allowed";
    answer(
        StatusCode::METHOD_NOT_ALLOWED,
        text.into(),
        text.into(),
        "method_not_allowed",
    )
}

/// Of so many bytes.
pub fn no_such_range(whole: u64) -> Response {
    let message = format!("The range begins behind the end: there are {whole} bytes.");
    let mut response = answer(
        StatusCode::RANGE_NOT_SATISFIABLE,
        message.clone().into(),
        message,
        "invalid_request",
    );
    if let Ok(value) = HeaderValue::try_from(format!("bytes */{whole}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

/// The operator has not set it up; to try again makes no difference.
pub fn not_set_up(message: &str) -> Response {
    answer(
        StatusCode::SERVICE_UNAVAILABLE,
        message.into(),
        message.into(),
        "unavailable",
    )
}

pub fn too_many_sockets(limit: usize) -> Response {
    let message =
        format!("This account already has {limit} live sockets. Close one and try again.");
    answer(
        StatusCode::TOO_MANY_REQUESTS,
        message.clone().into(),
        message,
        "rate_limited",
    )
}
