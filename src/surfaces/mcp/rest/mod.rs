//! `/v1/mcp/memories`, `/v1/mcp/conversations`: what the tools do for programs without MCP, with an MCP key.

mod conversations;
mod memories;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    features::credentials::Scope,
    surfaces::{guard::mcp, limits::Policy},
};

pub fn routes() -> OpenApiRouter<App> {
    let read_memories = mcp().needing(Scope::ReadMemories);
    let write_memories = mcp().needing(Scope::WriteMemories);
    let read_conversations = mcp().needing(Scope::ReadConversations);
    let stating = write_memories.hourly(Policy::McpMemories).once();
    OpenApiRouter::new()
        .routes(read_memories.on(routes!(memories::list)))
        .routes(stating.on(routes!(memories::create)))
        .routes(write_memories.on(routes!(memories::update)))
        .routes(write_memories.on(routes!(memories::delete)))
        .routes(read_conversations.on(routes!(conversations::list)))
        .routes(read_conversations.on(routes!(conversations::search)))
        .routes(read_conversations.on(routes!(conversations::get)))
}

/// That something was done.
#[derive(Serialize, ToSchema)]
pub struct Done {
    /// `ok`
    status: &'static str,
}

const DONE: Done = Done { status: "ok" };
