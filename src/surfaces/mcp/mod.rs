//! For AI assistants: MCP over streamable HTTP at `/v1/mcp/sse`, with an MCP key or the token of an assistant that a user has let in.

mod answers;
mod arguments;
mod batches;
mod door;
mod info;
mod initialize;
mod markdown;
mod prompts;
mod resources;
pub mod rest;
mod results;
mod rows;
mod scopes;
mod sessions;
mod tools;

pub use door::{Place, routes as transport};

use axum::{Router, middleware, routing::get};

use super::guard;
use crate::app::App;

/// Where assistants connect.
pub const PATH: &str = "/v1/mcp/sse";

/// Paths that answer without a key.
pub const PUBLIC: [&str; 1] = ["/v1/mcp/sse/info"];

pub fn routes(app: &App) -> Router<App> {
    let guard = |request, next| guard::mcp().pass(request, next);
    let [info] = PUBLIC;
    let tools = tools::Tools::new(app.clone());
    transport(&Place::of(app), PATH, tools)
        .layer(middleware::from_fn(guard))
        // After the layers, so outside of them.
        .route(info, get(info::info))
}
