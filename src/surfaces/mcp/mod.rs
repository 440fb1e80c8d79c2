//! For AI assistants: MCP over streamable HTTP at `/v1/mcp/sse`, with an MCP key.

mod tools;

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::Response,
};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
};

use super::caller;
use crate::app::App;

/// Where assistants connect.
pub const PATH: &str = "/v1/mcp/sse";

/// What the transport demands and some clients leave out.
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

pub fn routes(app: &App) -> Router<App> {
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(allowed_hosts(app))
        .with_cancellation_token(app.stop.child_token());
    let handler = tools::Tools::new(app.clone());
    let service = StreamableHttpService::new(
        move || Ok(handler.clone()),
        Arc::new(LocalSessionManager::default()),
        config,
    );
    let state = (app.clone(), caller::MCP);
    Router::new()
        .nest_service(PATH, service)
        .layer(middleware::from_fn(tolerate))
        .layer(middleware::from_fn_with_state(state, caller::require))
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

/// Takes clients as they are: with an incomplete Accept header, and wanting 204 for an ended session.
async fn tolerate(mut request: Request, next: Next) -> Response {
    let accepted = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let complete = accepted.contains("application/json") && accepted.contains("text/event-stream");
    if request.method() == Method::POST && !complete {
        request.headers_mut().insert(header::ACCEPT, BOTH);
    }
    let ends_session = request.method() == Method::DELETE;
    let mut response = next.run(request).await;
    if ends_session && response.status() == StatusCode::ACCEPTED {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}
