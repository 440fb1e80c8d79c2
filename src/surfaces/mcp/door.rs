//! What stands before the transport: binds sessions to users, and takes clients as they are.

use std::sync::Arc;

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::{Extension, Request},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use rmcp::{
    model::{ErrorCode, InitializeRequestParams},
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService,
        session::{local::LocalSessionManager, never::NeverSessionManager},
    },
};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::{
    answers::Wanted,
    scopes,
    sessions::{Sessions, Standing},
    tools::Tools,
};
use crate::{
    app::App,
    error::Error,
    features::credentials::Caller,
    surfaces::respond::{ApiError, ErrorBody, ErrorSummary},
};

const SESSION: &str = "mcp-session-id";
const VERSION: &str = "mcp-protocol-version";

/// What the protocol assumes where no version is named.
const OLDEST: &str = "2025-03-26";

/// Largest message, in bytes.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// The transport demands both; the answer is then made into what the client does accept.
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

pub struct Door {
    public_url: String,
    sessions: Sessions,
    with_session: StreamableHttpService<Tools, LocalSessionManager>,
    /// For scripts that call a tool straight away, and for revisions without sessions.
    without: StreamableHttpService<Tools, NeverSessionManager>,
}

impl Door {
    pub fn new(app: &App) -> Self {
        let sessions = Sessions::default();
        let config = || {
            StreamableHttpServerConfig::default()
                .with_allowed_hosts(allowed_hosts(app))
                .with_allowed_origins(allowed_origins(&app.public_url))
                .enforce_origin_validation()
                .with_max_request_body_bytes(BODY_LIMIT)
                .with_cancellation_token(app.stop.child_token())
        };
        let tools = Tools::new(app.clone());
        let same = tools.clone();
        Self {
            public_url: app.public_url.clone(),
            with_session: StreamableHttpService::new(
                move || Ok(tools.clone()),
                sessions.transport.clone(),
                config(),
            ),
            without: StreamableHttpService::new(
                move || Ok(same.clone()),
                Arc::default(),
                config()
                    .with_legacy_session_mode(false)
                    .with_json_response(true),
            ),
            sessions,
        }
    }

    async fn post(&self, caller: &Caller, in_session: bool, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        let Ok(mut bytes) = to_bytes(body, BODY_LIMIT).await else {
            return refused(
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorCode::INVALID_REQUEST,
                "The message is too large; 2 MiB is the most.",
            );
        };
        let mut message: Map<String, Value> = match serde_json::from_slice(&bytes) {
            Ok(Value::Object(message)) => message,
            Ok(_) => {
                return refused(
                    StatusCode::BAD_REQUEST,
                    ErrorCode::INVALID_REQUEST,
                    "The body must be one JSON-RPC message. Send those of a batch one by one.",
                );
            }
            Err(_) => {
                return refused(
                    StatusCode::BAD_REQUEST,
                    ErrorCode::PARSE_ERROR,
                    "Invalid JSON body",
                );
            }
        };
        if let Some(refused) = scopes::refused(&self.public_url, caller, &message) {
            return refused;
        }
        let begins = message
            .get("method")
            .is_some_and(|name| name == "initialize");
        if begins {
            if let Err(reason) = complete(&mut message, &parts.headers) {
                return refused(StatusCode::BAD_REQUEST, ErrorCode::INVALID_PARAMS, &reason);
            }
            bytes = Value::Object(message).to_string().into();
            parts.headers.remove(header::CONTENT_LENGTH);
        }
        let wanted = Wanted::by(&parts.headers);
        parts.headers.insert(header::ACCEPT, BOTH);
        let request = Request::from_parts(parts, Body::from(bytes));
        let response = if in_session || begins {
            self.with_session.handle(request).await.map(Body::new)
        } else {
            self.without.handle(request).await.map(Body::new)
        };
        if begins && let Some(id) = session(response.headers()) {
            self.sessions.claim(id, &caller.uid).await;
        }
        wanted.shape(response).await
    }

    async fn delete(&self, id: Option<&str>, request: Request) -> Response {
        let mut response = self.with_session.handle(request).await.map(Body::new);
        if response.status() == StatusCode::ACCEPTED {
            // Clients take any other success for a failure.
            *response.status_mut() = StatusCode::NO_CONTENT;
            if let Some(id) = id {
                self.sessions.forget(id);
            }
        }
        response
    }
}

/// Every request of an authenticated caller.
pub async fn serve(
    caller: Caller,
    Extension(door): Extension<Arc<Door>>,
    request: Request,
) -> Response {
    let id = session(request.headers()).map(str::to_string);
    if let Some(id) = &id {
        match door.sessions.standing(id, &caller.uid).await {
            Standing::Own => {}
            Standing::Foreign => return foreign(),
            Standing::Unknown if request.method() == Method::DELETE => {
                return ApiError(Error::NotFound("Session")).into_response();
            }
            // The transport says so in its own words.
            Standing::Unknown => {}
        }
    }
    match request.method().clone() {
        Method::POST => door.post(&caller, id.is_some(), request).await,
        Method::DELETE => door.delete(id.as_deref(), request).await,
        _ => door.with_session.handle(request).await.map(Body::new),
    }
}

fn session(headers: &HeaderMap) -> Option<&str> {
    headers.get(SESSION)?.to_str().ok()
}

/// Fills in what older clients leave out of `initialize`. The error is a sentence.
fn complete(message: &mut Map<String, Value>, headers: &HeaderMap) -> Result<(), String> {
    let version = headers
        .get(VERSION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or(OLDEST);
    let params = object(message, "params")?;
    fill(params, "protocolVersion", version.into());
    fill(params, "capabilities", json!({}));
    let client = object(params, "clientInfo")?;
    fill(client, "name", "unknown".into());
    fill(client, "version", "unknown".into());
    InitializeRequestParams::deserialize(&message["params"])
        .map(drop)
        .map_err(|error| format!("The params of initialize are wrong: {error}."))
}

fn fill(map: &mut Map<String, Value>, name: &str, default: Value) {
    let value = map.entry(name).or_insert(Value::Null);
    if value.is_null() {
        *value = default;
    }
}

fn object<'a>(
    map: &'a mut Map<String, Value>,
    name: &str,
) -> Result<&'a mut Map<String, Value>, String> {
    fill(map, name, json!({}));
    map.get_mut(name)
        .and_then(Value::as_object_mut)
        .ok_or_else(|| format!("The {name} of initialize must be an object."))
}

/// A JSON-RPC error that answers no message in particular.
fn refused(status: StatusCode, code: ErrorCode, message: &str) -> Response {
    let error = json!({"code": code, "message": message});
    let body = json!({"jsonrpc": "2.0", "id": null, "error": error});
    (status, Json(body)).into_response()
}

fn foreign() -> Response {
    let message =
        "This MCP session belongs to another user. Begin one of your own with initialize.";
    let body = ErrorBody {
        detail: message.into(),
        error: ErrorSummary {
            message: message.into(),
            code: "forbidden",
        },
    };
    (StatusCode::FORBIDDEN, Json(body)).into_response()
}

/// The public name, and loopback. Any other Host is a rebound DNS name.
fn allowed_hosts(app: &App) -> Vec<String> {
    let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(Into::into).into();
    if let Ok(url) = reqwest::Url::parse(&app.public_url)
        && let Some(host) = url.host_str()
    {
        hosts.push(host.trim_matches(['[', ']']).into());
    }
    hosts.push(app.bound.ip().to_string());
    hosts
}

/// The public name with its port, and loopback with any.
fn allowed_origins(public_url: &str) -> Vec<String> {
    let mut origins = Vec::new();
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        origins.extend(["http", "https"].map(|scheme| format!("{scheme}://{host}:*")));
    }
    if let Ok(url) = reqwest::Url::parse(public_url)
        && let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default())
    {
        origins.push(format!("{}://{host}:{port}", url.scheme()));
    }
    origins
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn completed(message: Value, version: Option<&'static str>) -> Result<Value, String> {
        let Value::Object(mut message) = message else {
            panic!("not an object")
        };
        let mut headers = HeaderMap::new();
        if let Some(version) = version {
            headers.insert(VERSION, HeaderValue::from_static(version));
        }
        complete(&mut message, &headers).map(|()| message["params"].clone())
    }

    #[test]
    fn an_empty_initialize_is_filled_in() {
        let filled = |version| {
            json!({"protocolVersion": version, "capabilities": {},
                   "clientInfo": {"name": "unknown", "version": "unknown"}})
        };
        for message in [
            json!({}),
            json!({"params": null}),
            json!({"params": {"clientInfo": null}}),
        ] {
            assert_eq!(
                completed(message.clone(), None).unwrap(),
                filled("2025-03-26")
            );
            assert_eq!(
                completed(message, Some("2025-11-25")).unwrap(),
                filled("2025-11-25")
            );
        }
        let whole = json!({"protocolVersion": "2025-06-18", "capabilities": {"roots": {}},
                           "clientInfo": {"name": "test", "version": "1"}});
        assert_eq!(completed(json!({"params": whole}), None).unwrap(), whole);
    }

    #[test]
    fn a_wrong_initialize_is_explained() {
        for (params, about) in [
            (json!([]), "The params of initialize"),
            (json!({"clientInfo": "x"}), "The clientInfo of initialize"),
            (json!({"protocolVersion": 3}), "invalid type"),
        ] {
            let reason = completed(json!({"params": params}), None).unwrap_err();
            assert!(reason.contains(about), "{reason}");
        }
    }

    #[test]
    fn origins_are_the_public_one_and_loopback() {
        for (url, origin) in [
            ("https://omi.example", "https://omi.example:443"),
            ("http://omi.example:8080/path", "http://omi.example:8080"),
            ("http://[2001:db8::1]:80", "http://[2001:db8::1]:80"),
        ] {
            let origins = allowed_origins(url);
            assert_eq!(origins.last().unwrap(), origin);
            assert!(origins.contains(&"http://[::1]:*".into()));
        }
    }
}
