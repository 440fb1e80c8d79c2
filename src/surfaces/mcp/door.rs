//! What stands before the transport: binds sessions to users, and takes clients as they are.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json, Router,
    body::{Body, Bytes, to_bytes},
    extract::{Extension, Request},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
    routing::any,
};
use rmcp::{
    ServerHandler,
    model::ErrorCode,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService,
        session::{local::LocalSessionManager, never::NeverSessionManager},
    },
};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    answers::Wanted,
    initialize, scopes,
    sessions::{Sessions, Standing},
};
use crate::{
    app::App,
    error::Error,
    features::credentials::Caller,
    platform::{database::Db, mcp_sessions::McpSessions},
    surfaces::respond::{ApiError, ErrorBody, ErrorSummary},
};

const SESSION: &str = "mcp-session-id";
pub const VERSION: &str = "mcp-protocol-version";

/// What the protocol assumes where no version is named.
pub const OLDEST: &str = "2025-03-26";

/// Largest message, in bytes.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
/// The transport demands both; the answer is then made into what the client does accept.
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// What the transport knows of the server that it belongs to.
#[derive(Clone)]
pub struct Place {
    pub db: Db,
    pub sessions: McpSessions,
    pub public_url: String,
    /// The address that is listened on.
    pub bound: IpAddr,
    /// Cancelled when the server is told to stop.
    pub stop: CancellationToken,
}

impl Place {
    pub fn of(app: &App) -> Self {
        Self {
            db: app.db.clone(),
            sessions: app.mcp_sessions.clone(),
            public_url: app.public_url.clone(),
            bound: app.bound.ip(),
            stop: app.stop.clone(),
        }
    }
}

/// The transport before a handler, at a path. Who asks must stand in the extensions of each request, as a `Caller`.
pub fn routes<S, H>(place: &Place, path: &str, handler: H) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    H: ServerHandler + Clone,
{
    Router::new()
        .route(path, any(serve::<H>))
        .route(&format!("{path}/"), any(serve::<H>))
        .layer(Extension(Arc::new(Door::new(place, handler))))
}

pub(super) struct Door<H> {
    public_url: String,
    sessions: Sessions,
    with_session: StreamableHttpService<H, LocalSessionManager>,
    /// For scripts that call a tool straight away, and for revisions without sessions.
    without: StreamableHttpService<H, NeverSessionManager>,
}

impl<H: ServerHandler + Clone> Door<H> {
    fn new(place: &Place, handler: H) -> Self {
        let sessions = Sessions::new(place.db.clone(), place.sessions.clone());
        let config = || {
            StreamableHttpServerConfig::default()
                .with_allowed_hosts(allowed_hosts(&place.public_url, place.bound))
                .with_allowed_origins(allowed_origins(&place.public_url))
                .enforce_origin_validation()
                .with_max_request_body_bytes(BODY_LIMIT)
                .with_cancellation_token(place.stop.child_token())
        };
        let mut resumable = config();
        resumable.session_store = Some(sessions.store());
        let same = handler.clone();
        Self {
            public_url: place.public_url.clone(),
            with_session: StreamableHttpService::new(
                move || Ok(handler.clone()),
                sessions.transport.clone(),
                resumable,
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

    async fn post(&self, caller: &Caller, session: Asked, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        let Ok(bytes) = to_bytes(body, BODY_LIMIT).await else {
            return refused(
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorCode::INVALID_REQUEST,
                "The message is too large; 2 MiB is the most.",
            );
        };
        let body = serde_json::from_slice(&bytes);
        let wanted = Wanted::by(&parts.headers);
        // Whoever sends JSON may name it otherwise.
        parts.headers.insert(header::CONTENT_TYPE, JSON);
        parts.headers.insert(header::ACCEPT, BOTH);
        parts.headers.remove(header::CONTENT_LENGTH);
        match body {
            Ok(Value::Object(message)) => {
                let response = self.one(caller, session, parts, message, bytes).await;
                wanted.shape(response).await
            }
            Ok(Value::Array(messages)) => {
                let response = self.batch(caller, session, parts, messages).await;
                wanted.shape(response).await
            }
            Ok(_) => refused(
                StatusCode::BAD_REQUEST,
                ErrorCode::INVALID_REQUEST,
                "The body must be a JSON-RPC message.",
            ),
            Err(_) => refused(
                StatusCode::BAD_REQUEST,
                ErrorCode::PARSE_ERROR,
                "Invalid JSON body",
            ),
        }
    }

    /// One message; `bytes` are what came of it.
    pub(super) async fn one(
        &self,
        caller: &Caller,
        session: Asked,
        parts: Parts,
        mut message: Map<String, Value>,
        mut bytes: Bytes,
    ) -> Response {
        if let Some(refused) = scopes::refused(&self.public_url, caller, &message) {
            return refused;
        }
        let begins = is_initialize(&message);
        let mut client = String::new();
        if begins {
            if initialize::is_of_stateless_client(&message) {
                return not_found(&message);
            }
            if let Err(reason) = initialize::complete(&mut message, &parts.headers) {
                return refused(StatusCode::BAD_REQUEST, ErrorCode::INVALID_PARAMS, &reason);
            }
            client = message["params"].to_string();
            bytes = Value::Object(message).to_string().into();
        }
        let request = Request::from_parts(parts, Body::from(bytes));
        let response = if session == Asked::Without && !begins {
            self.without.handle(request).await.map(Body::new)
        } else {
            self.in_session(session, request).await
        };
        if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            return refused(
                StatusCode::BAD_REQUEST,
                ErrorCode::INVALID_REQUEST,
                "That is no message of JSON-RPC 2.0: it needs jsonrpc, and id and method, or method, or id and result or error.",
            );
        }
        if begins
            && let Some(id) = named(response.headers())
            && let Err(error) = self.sessions.claim(id, &caller.uid, &client).await
        {
            return ApiError(error).into_response();
        }
        response
    }

    async fn in_session(&self, session: Asked, request: Request) -> Response {
        let _renewal = match session {
            Asked::Own(id) => self.sessions.renewal(id).await,
            _ => None,
        };
        self.with_session.handle(request).await.map(Body::new)
    }

    async fn get(&self, session: Asked, mut request: Request) -> Response {
        if session == Asked::Without {
            let message = "There is no stream without a session. Begin one with initialize, or send each message by POST.";
            let body = told(message, "method_not_allowed");
            let allow = [(header::ALLOW, "POST")];
            return (StatusCode::METHOD_NOT_ALLOWED, allow, Json(body)).into_response();
        }
        request.headers_mut().insert(header::ACCEPT, EVENTS);
        self.in_session(session, request).await
    }

    async fn delete(&self, caller: &Caller, session: Asked, request: Request) -> Response {
        if session == Asked::Unknown {
            return ApiError(Error::NotFound("Session")).into_response();
        }
        let mut response = self.with_session.handle(request).await.map(Body::new);
        if response.status() != StatusCode::ACCEPTED {
            return response;
        }
        if let Asked::Own(id) = session
            && let Err(error) = self.sessions.end(&caller.uid, id).await
        {
            return ApiError(error).into_response();
        }
        // Clients take any other success for a failure.
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    }
}

/// The session that a request names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Without,
    Own(Uuid),
    /// The transport says so in its own words.
    Unknown,
}

/// Every request of an authenticated caller.
async fn serve<H: ServerHandler + Clone>(
    caller: Caller,
    Extension(door): Extension<Arc<Door<H>>>,
    request: Request,
) -> Response {
    let session = match named(request.headers()) {
        None => Asked::Without,
        Some(id) => match door.sessions.standing(id, &caller.uid).await {
            Ok(Standing::Own(id)) => Asked::Own(id),
            Ok(Standing::Unknown) => Asked::Unknown,
            Ok(Standing::Foreign) => return foreign(),
            Err(error) => return ApiError(error).into_response(),
        },
    };
    match *request.method() {
        Method::POST => door.post(&caller, session, request).await,
        Method::GET => door.get(session, request).await,
        Method::DELETE => door.delete(&caller, session, request).await,
        _ => door.with_session.handle(request).await.map(Body::new),
    }
}

pub(super) fn is_initialize(message: &Map<String, Value>) -> bool {
    message
        .get("method")
        .is_some_and(|name| name == "initialize")
}

/// The session that headers name.
fn named(headers: &HeaderMap) -> Option<&str> {
    headers.get(SESSION)?.to_str().ok()
}

/// A JSON-RPC error that answers no message in particular.
pub(super) fn refused(status: StatusCode, code: ErrorCode, message: &str) -> Response {
    let error = json!({"code": code, "message": message});
    let body = json!({"jsonrpc": "2.0", "id": null, "error": error});
    (status, Json(body)).into_response()
}

/// As the stateless revisions have it: with the status, too.
fn not_found(message: &Map<String, Value>) -> Response {
    let error =
        json!({"code": ErrorCode::METHOD_NOT_FOUND, "message": "Method not found: initialize"});
    let body = json!({"jsonrpc": "2.0", "id": message.get("id"), "error": error});
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

fn foreign() -> Response {
    let message =
        "This MCP session belongs to another user. Begin one of your own with initialize.";
    (StatusCode::FORBIDDEN, Json(told(message, "forbidden"))).into_response()
}

fn told(message: &str, code: &'static str) -> ErrorBody {
    ErrorBody {
        detail: message.into(),
        error: ErrorSummary {
            message: message.into(),
            code,
        },
    }
}

/// The public name, and loopback. Any other Host is a rebound DNS name.
fn allowed_hosts(public_url: &str, bound: IpAddr) -> Vec<String> {
    let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(Into::into).into();
    if let Ok(url) = reqwest::Url::parse(public_url)
        && let Some(host) = url.host_str()
    {
        hosts.push(host.trim_matches(['[', ']']).into());
    }
    hosts.push(bound.to_string());
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
