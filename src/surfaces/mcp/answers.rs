//! The form of an answer: a stream of events, or plain JSON, as the client accepts.

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

use crate::{error::Error, surfaces::respond::ApiError};

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Json,
    Events,
    Either,
}

impl Wanted {
    /// Whoever does not name events gets JSON, whatever else is accepted.
    pub fn by(headers: &HeaderMap) -> Self {
        let accepted: Vec<String> = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter(|entry| !is_refused(entry))
            .filter_map(|entry| entry.split(';').next())
            .map(|name| name.trim().to_ascii_lowercase())
            .collect();
        let named = |name: &str| accepted.iter().any(|entry| entry == name);
        match (named(EVENTS), named(JSON)) {
            (true, true) => Self::Either,
            (true, false) => Self::Events,
            (false, _) => Self::Json,
        }
    }

    pub async fn shape(self, response: Response) -> Response {
        let form = response.headers().get(header::CONTENT_TYPE);
        let form = form.map_or(&b""[..], HeaderValue::as_bytes);
        let is_events = form.starts_with(EVENTS.as_bytes());
        let is_reply = form.starts_with(JSON.as_bytes()) && response.status() == StatusCode::OK;
        match self {
            Self::Json if is_events => remade(response, JSON, reply).await,
            Self::Events if is_reply => remade(response, EVENTS, event).await,
            _ => response,
        }
    }
}

/// `;q=0`
fn is_refused(entry: &str) -> bool {
    entry
        .split(';')
        .filter_map(|parameter| parameter.trim().strip_prefix("q="))
        .any(|weight| weight.parse() == Ok(0.0))
}

/// The whole answer, in the other form.
async fn remade(
    response: Response,
    form: &'static str,
    make: impl FnOnce(&str) -> Option<String>,
) -> Response {
    let (mut parts, body) = response.into_parts();
    // The server's own words: no limit.
    let made = to_bytes(body, usize::MAX)
        .await
        .ok()
        .and_then(|bytes| make(std::str::from_utf8(&bytes).ok()?));
    let Some(text) = made else {
        // Events end without a reply when the server stops.
        return ApiError(Error::Unavailable("it is stopping".into())).into_response();
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts
        .headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(form));
    Response::from_parts(parts, Body::from(text))
}

/// The reply among the events of one request: each event has its message on one line.
fn reply(events: &str) -> Option<String> {
    events
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(str::trim)
        .rfind(|data| {
            serde_json::from_str::<Value>(data).is_ok_and(|message| {
                message.get("result").is_some() || message.get("error").is_some()
            })
        })
        .map(str::to_string)
}

/// JSON on one line as an event.
fn event(json: &str) -> Option<String> {
    Some(format!("event: message\ndata: {}\n\n", json.trim()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn events_must_be_named() {
        for (accept, wanted) in [
            ("", Wanted::Json),
            ("*/*", Wanted::Json),
            ("application/json", Wanted::Json),
            ("application/json, text/event-stream;q=0", Wanted::Json),
            ("text/event-stream", Wanted::Events),
            ("Text/Event-Stream; q=0.5, */*", Wanted::Events),
            ("application/json, text/event-stream", Wanted::Either),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
            assert_eq!(Wanted::by(&headers), wanted, "{accept}");
        }
        assert_eq!(Wanted::by(&HeaderMap::new()), Wanted::Json);
        let mut lines = HeaderMap::new();
        lines.append(header::ACCEPT, HeaderValue::from_static(JSON));
        lines.append(header::ACCEPT, HeaderValue::from_static(EVENTS));
        assert_eq!(Wanted::by(&lines), Wanted::Either);
    }

    #[test]
    fn the_reply_is_found_among_other_events() {
        let events = "id: 0\nretry: 3000\ndata:\n\n: \n\ndata: {\"method\":\"notifications/progress\"}\n\n\
                      data: {\"id\":1,\"result\":{}}\n\n";
        assert_eq!(reply(events).unwrap(), r#"{"id":1,"result":{}}"#);
        assert_eq!(reply("data:\n\n"), None);
        assert_eq!(event("{}").unwrap(), "event: message\ndata: {}\n\n");
    }
}
