//! `/v1/mcp/memories`, `/v1/mcp/conversations`: what the tools do for programs without MCP, with an MCP key.

mod conversations;
mod memories;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    error::Error,
    features::{credentials::Scope, search},
    surfaces::{extract::bounded, guard::mcp, limits::Policy},
};

pub fn routes() -> OpenApiRouter<App> {
    let read_memories = mcp().needing(Scope::ReadMemories);
    let write_memories = mcp().needing(Scope::WriteMemories);
    let read_conversations = mcp().needing(Scope::ReadConversations);
    let stating = write_memories.hourly(Policy::McpMemories).once();
    OpenApiRouter::new()
        .routes(read_memories.on(routes!(memories::list)))
        .routes(read_memories.on(routes!(memories::search)))
        .routes(stating.on(routes!(memories::create)))
        .routes(write_memories.on(routes!(memories::update)))
        .routes(write_memories.on(routes!(memories::delete)))
        .routes(read_conversations.on(routes!(conversations::list)))
        .routes(read_conversations.on(routes!(conversations::search)))
        .routes(read_conversations.on(routes!(conversations::get)))
}

fn question(query: &str) -> Result<&str, Error> {
    let most = search::MAXIMUM_QUERY;
    match query.trim() {
        "" => Err(Error::invalid_parameter("query", "query cannot be empty")),
        query if query.chars().count() > most => {
            let text = format!("query must have at most {most} characters");
            Err(Error::invalid_parameter("query", text))
        }
        query => Ok(query),
    }
}

/// How many hits are wanted.
fn hits(limit: Option<i64>) -> Result<usize, Error> {
    let most = search::MOST_HITS;
    let limit = bounded(
        "limit",
        limit,
        10,
        1,
        i64::try_from(most).unwrap_or(i64::MAX),
    )?;
    Ok(usize::try_from(limit).unwrap_or(most))
}

/// That something was done.
#[derive(Serialize, ToSchema)]
pub struct Done {
    /// `ok`
    status: &'static str,
}

const DONE: Done = Done { status: "ok" };
