//! What the server says of itself: as what is asked for (RFC 9728), and as who gives tokens (RFC 8414). Clients look in several
//! places.

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::{authorize, register, token};
use crate::{
    app::App,
    features::{connectors::WAYS, credentials::Scope},
    surfaces::challenges,
};

/// At the root, and with the path of the MCP server behind it, which older clients take for the address of the one who gives
/// tokens.
pub const PATHS: [&str; 6] = [
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/v1/mcp/sse",
    "/.well-known/oauth-protected-resource/v1/mcp/sse/",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server/v1/mcp/sse",
    "/.well-known/oauth-authorization-server/v1/mcp/sse/",
];

pub fn routes() -> Router<App> {
    PATHS.into_iter().fold(Router::new(), |router, path| {
        if path.contains("oauth-protected-resource") {
            router.route(path, get(resource))
        } else {
            router.route(path, get(server))
        }
    })
}

fn answer(metadata: Value) -> Response {
    let hour = HeaderValue::from_static("public, max-age=3600");
    ([(header::CACHE_CONTROL, hour)], Json(metadata)).into_response()
}

fn names(scopes: &[Scope]) -> Vec<&'static str> {
    scopes.iter().map(|scope| scope.as_str()).collect()
}

async fn resource(State(app): State<App>) -> Response {
    answer(json!({
        "resource": challenges::resource(&app.public_url),
        "resource_name": "Omi",
        "authorization_servers": [app.public_url],
        // What to ask for at first; a tool that needs more says so.
        "scopes_supported": names(&Scope::READ),
        "bearer_methods_supported": ["header"],
    }))
}

async fn server(State(app): State<App>) -> Response {
    let at = |path: &str| format!("{}{path}", app.public_url);
    answer(json!({
        "issuer": app.public_url,
        "authorization_endpoint": at(authorize::PATH),
        "token_endpoint": at(token::PATH),
        "registration_endpoint": at(register::PATH),
        "revocation_endpoint": at(token::REVOKE),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": WAYS,
        "revocation_endpoint_auth_methods_supported": WAYS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "scopes_supported": names(&Scope::ALL),
    }))
}
