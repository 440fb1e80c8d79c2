//! For AI assistants: MCP over streamable HTTP at `/v1/mcp/sse`, with an MCP key or the token of an assistant that a user has let in.

mod answers;
mod arguments;
mod door;
mod info;
mod markdown;
mod prompts;
mod resources;
pub mod rest;
mod results;
mod rows;
mod scopes;
mod sessions;
mod tools;

use std::sync::Arc;

use axum::{
    Router,
    extract::Extension,
    middleware,
    routing::{any, get},
};

use super::guard;
use crate::app::App;

/// Where assistants connect.
pub const PATH: &str = "/v1/mcp/sse";

/// Paths that answer without a key.
pub const PUBLIC: [&str; 1] = ["/v1/mcp/sse/info"];

pub fn routes(app: &App) -> Router<App> {
    let door = Arc::new(door::Door::new(app));
    let guard = |request, next| guard::mcp().pass(request, next);
    let [info] = PUBLIC;
    Router::new()
        .route(PATH, any(door::serve))
        .route(&format!("{PATH}/"), any(door::serve))
        .layer(Extension(door))
        .layer(middleware::from_fn(guard))
        // After the layers, so outside of them.
        .route(info, get(info::info))
}
