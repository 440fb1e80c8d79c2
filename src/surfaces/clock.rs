//! What the Omi app's own clock says of a request, and the character set of what it is answered.

use axum::{
    Json,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use crate::platform::clock;

/// Seconds after which a request is too old.
const OLDEST: f64 = 600.0;

/// Refuses what was sent too long ago. JSON is told to be UTF-8, which some clients do not take for granted.
pub async fn check(request: Request, next: Next) -> Response {
    let now = clock::now().timestamp_millis() as f64 / 1000.0;
    let mut response = match too_old(request.headers(), now) {
        Some(sent) => refuse(sent, now),
        None => next.run(request).await,
    };
    if let Some(kind) = response.headers_mut().get_mut(header::CONTENT_TYPE)
        && kind == "application/json"
    {
        *kind = HeaderValue::from_static("application/json; charset=utf-8");
    }
    response
}

/// When it was sent, in epoch seconds; None also where nobody can tell.
fn too_old(headers: &HeaderMap, now: f64) -> Option<f64> {
    let text = headers.get("x-request-start-time")?.to_str().ok()?;
    let sent: f64 = text.trim().parse().ok()?;
    (sent.is_finite() && now - sent > OLDEST).then_some(sent)
}

fn refuse(sent: f64, now: f64) -> Response {
    let seconds = |time: f64| (time * 10.0).round() / 10.0;
    let body = json!({
        "error": "clock_skew",
        "message": "The request is older than 10 minutes by this device's clock.",
        "server_time": seconds(now),
        "client_time": seconds(sent),
        "skew_seconds": seconds(now - sent),
        "hint": "Set the date and time of the device automatically, then try again.",
    });
    (StatusCode::REQUEST_TIMEOUT, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_a_readable_and_old_time_is_refused() {
        let old = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-request-start-time", text.parse().unwrap());
            too_old(&headers, 10_000.0).is_some()
        };
        assert!(old("9399.9"));
        assert!(old("-1e9"));
        for text in ["9400", "9999.5", "20000", "", "soon", "NaN", "-inf"] {
            assert!(!old(text), "{text}");
        }
        assert!(too_old(&HeaderMap::new(), 10_000.0).is_none());
    }
}
