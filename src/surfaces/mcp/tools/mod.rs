//! The tools, resources and prompts of the MCP server. Identity comes with each request, never with the session.

mod action_items;
mod conversations;
mod daily_summaries;
mod goals;
mod memories;
pub(super) mod reading;
mod search;

use std::{collections::HashMap, sync::Arc};

use axum::http::request::Parts;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::{router::tool::ToolRouter, tool::ToolCallContext},
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock,
        CustomRequest, CustomResult, ErrorCode, GetPromptRequestParams, GetPromptResponse,
        Implementation, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
        ListToolsResult, PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams,
        ReadResourceResponse, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{prompts, resources, results};
use crate::{
    app::App,
    features::{
        accounts,
        credentials::{
            Caller,
            Scope::{self, *},
        },
        search as finding,
    },
};
use reading::{Bounds, invalid, within};

pub use reading::BROKEN;

/// Most rows that one call gives.
const MOST: i64 = 500;
/// For so long an assistant need not ask again which tools, prompts and templates there are, in milliseconds: they change
/// only with the server.
const FRESH: u64 = 300_000;
const NO_QUERY: &str = "query is required";

const INSTRUCTIONS: &str = "What this person's Omi heard and remembers. To answer a question, begin with search, \
    which looks through everything, or with search_memories and search_conversations; ids in what they find lead to \
    get_conversation_by_id and its transcript. get_memories has lasting facts about the person, get_conversations what \
    they talked about and when, get_daily_summaries looks back at whole days, get_action_items and get_goals what they \
    have to do and want to reach. Keep a new fact with create_memory; correct one that is wrong or outdated with \
    edit_memory, and delete only what the person asked you to. Days are of UTC unless a tool says otherwise; long lists \
    and transcripts come in parts, and say so by has_more.";

/// The scopes that a tool needs, all of them. None: there is no such tool.
pub fn scopes_of(tool: &str) -> Option<&'static [Scope]> {
    Some(match tool {
        "get_memories" | "search_memories" => &[ReadMemories],
        "create_memory" | "edit_memory" | "delete_memory" => &[WriteMemories],
        "get_conversations"
        | "get_conversation_by_id"
        | "search_conversations"
        | "get_daily_summaries" => &[ReadConversations],
        "get_action_items" => &[ReadActionItems],
        "create_action_item"
        | "update_action_item"
        | "complete_action_item"
        | "delete_action_item" => &[WriteActionItems],
        "get_goals" => &[ReadGoals],
        "create_goal" | "update_goal_progress" | "delete_goal" => &[WriteGoals],
        "search" => &[ReadConversations, ReadMemories, ReadActionItems],
        _ => return None,
    })
}

#[derive(Clone)]
pub struct Tools {
    pub(super) app: App,
    router: Arc<ToolRouter<Self>>,
}

impl Tools {
    pub fn new(app: App) -> Self {
        let mut router = Self::all();
        for route in router.map.values_mut() {
            finish(&mut route.attr);
        }
        Self {
            app,
            router: Arc::new(router),
        }
    }

    fn all() -> ToolRouter<Self> {
        Self::memories()
            + Self::conversations()
            + Self::action_items()
            + Self::goals()
            + Self::everything()
            + Self::daily_summaries()
    }
}

/// Clients of older revisions look for the title among the annotations, and some take what is not said there for the worst;
/// and a schema holds nothing that JSON Schema does not know, such as the format int64.
fn finish(tool: &mut Tool) {
    if let Some(annotations) = &mut tool.annotations {
        annotations.title.clone_from(&tool.title);
        if annotations.read_only_hint == Some(true) {
            annotations.destructive_hint = Some(false);
            annotations.idempotent_hint = Some(true);
        }
    }
    let input = Value::Object(tool.input_schema.as_ref().clone());
    if let Value::Object(input) = results::plain(input, &HashMap::new()) {
        tool.input_schema = Arc::new(input);
    }
}

/// What is answered where there is nothing else to say.
#[derive(Serialize, ToSchema)]
struct Success {
    success: bool,
}

impl Success {
    const YES: Self = Self { success: true };
}

fn ten() -> i64 {
    10
}

fn twenty() -> i64 {
    20
}

fn hundred() -> i64 {
    100
}

fn question(query: &str) -> Result<&str, ErrorData> {
    match query.trim() {
        "" => Err(invalid(NO_QUERY)),
        query => Ok(query),
    }
}

/// How many hits are wanted.
fn hits(limit: i64) -> Result<usize, ErrorData> {
    let most = finding::MOST_HITS;
    within("limit", limit, i64::try_from(most).unwrap_or(i64::MAX))?;
    Ok(usize::try_from(limit).unwrap_or(most))
}

/// From the first moment of the first day to the last one of the last.
fn dates(start: &Option<String>, end: &Option<String>) -> Result<Bounds, ErrorData> {
    reading::days(
        ("start_date", start.as_deref()),
        ("end_date", end.as_deref()),
    )
}

/// The same for days of the person's own time zone.
async fn own_dates(
    app: &App,
    caller: &Caller,
    (start, end): (&Option<String>, &Option<String>),
) -> Result<Bounds, ErrorData> {
    let profile = accounts::profile(&app.db, &caller.uid);
    let zone = profile.await.map_err(reading::failed)?.time_zone;
    reading::days_in(
        zone,
        ("start_date", start.as_deref()),
        ("end_date", end.as_deref()),
    )
}

/// Only the newest revision knows of caches.
fn knows_caches(context: &RequestContext<RoleServer>) -> bool {
    let version = context.protocol_version();
    version.is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

/// The HTTP request that a message came with, which tells who asks.
fn parts(context: &RequestContext<RoleServer>) -> Result<&Parts, ErrorData> {
    context
        .extensions
        .get::<Parts>()
        .ok_or_else(|| ErrorData::internal_error("the message came without a request", None))
}

/// Says for how long a list stays as it is, to this user alone.
macro_rules! told_fresh {
    ($result:expr, $context:expr) => {{
        let result = $result;
        if knows_caches($context) {
            result
                .with_ttl_ms(FRESH)
                .with_cache_scope(CacheScope::Private)
        } else {
            result
        }
    }};
}

impl ServerHandler for Tools {
    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = ListToolsResult::with_all_items(self.router.list_all());
        Ok(told_fresh!(tools, &context))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.router.get(name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(scopes) = scopes_of(&request.name) else {
            return Err(unknown(format!("Unknown tool: {}", request.name)));
        };
        reading::caller(parts(&context)?, scopes)?;
        let call = ToolCallContext::new(self, request, context);
        match self.router.call(call).await {
            // A model can tell its user, or try again later.
            Err(error) if error.code == ErrorCode::INTERNAL_ERROR => {
                Ok(CallToolResult::error(vec![ContentBlock::text(error.message)]).into())
            }
            answer => answer,
        }
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let caller = reading::asking(parts(&context)?)?;
        let cursor = request.and_then(|request| request.cursor);
        resources::list(&self.app, caller, cursor.as_deref()).await
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let templates = ListResourceTemplatesResult::with_all_items(resources::templates());
        Ok(told_fresh!(templates, &context))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let scopes = resources::scopes_of(&request.uri).unwrap_or_default();
        let caller = reading::caller(parts(&context)?, scopes)?;
        let read = resources::read(&self.app, caller, &request.uri).await?;
        Ok(read.into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let prompts = ListPromptsResult::with_all_items(prompts::all());
        Ok(told_fresh!(prompts, &context))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let Some(scopes) = prompts::scopes_of(&request.name) else {
            return Err(invalid(format!("Unknown prompt: {}", request.name)));
        };
        let caller = reading::caller(parts(&context)?, scopes)?;
        let arguments = request.arguments.unwrap_or_default();
        let prompt = prompts::get(&self.app, caller, &request.name, &arguments).await?;
        Ok(prompt.into())
    }

    /// Besides unknown methods, a known one whose params have the wrong shape.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(match request.method.as_str() {
            "tools/call" => {
                invalid("The params of tools/call must be {name: text, arguments: object}.")
            }
            "prompts/get" => {
                invalid("The params of prompts/get must be {name: text, arguments: object}.")
            }
            "resources/read" => invalid("The params of resources/read must be {uri: text}."),
            "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list" => {
                invalid(format!(
                    "The params of {} must be {{cursor: text}}.",
                    request.method
                ))
            }
            method => unknown(format!("Method not found: {method}")),
        })
    }

    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_prompts()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(
                Implementation::new("omi-mcp-server", env!("CARGO_PKG_VERSION")).with_title("Omi"),
            )
            .with_instructions(INSTRUCTIONS)
    }
}

fn unknown(message: String) -> ErrorData {
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, message, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_and_nothing_else_has_scopes() {
        for tool in Tools::all().list_all() {
            let scopes = scopes_of(&tool.name).unwrap_or_default();
            let reads = tool.annotations.and_then(|about| about.read_only_hint);
            let write = scopes.iter().any(|scope| !Scope::READ.contains(scope));
            assert!(!scopes.is_empty(), "{}", tool.name);
            assert_eq!(reads, Some(!write), "{}", tool.name);
        }
        assert_eq!(scopes_of("get_cats"), None);
    }
}
