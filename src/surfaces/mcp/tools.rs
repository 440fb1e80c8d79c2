//! The tools. Identity comes with each request, never with the session.

use axum::http::request::Parts;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::{common::Extension, router::tool::ToolRouter, tool::ToolCallContext},
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CustomRequest,
        CustomResult, ErrorCode, Implementation, ServerCapabilities, ServerConfig,
    },
    schemars::{self, JsonSchema},
    service::RequestContext,
    tool, tool_handler, tool_router,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::arguments::Parameters;
use crate::{
    app::App,
    error::Error,
    features::{
        accounts,
        conversations::{self, Conversation, Filter},
        credentials::{Caller, Scope},
        memories::{self, Existing, Memory, NewMemory},
        people::{self, Speakers},
        processing, search,
    },
};

/// Most rows that one call gives.
const MOST: i64 = 500;

#[derive(Clone)]
pub struct Tools {
    app: App,
    tool_router: ToolRouter<Self>,
}

/// What a tool needs of its caller. None: there is no such tool.
pub fn scopes_of(name: &str) -> Option<&'static [Scope]> {
    Some(match name {
        "get_memories" | "search_memories" => &[Scope::ReadMemories],
        "create_memory" => &[Scope::WriteMemories],
        "get_conversations" | "get_conversation_by_id" | "search_conversations" => {
            &[Scope::ReadConversations]
        }
        _ => return None,
    })
}

type Answer = Result<CallToolResult, ErrorData>;

#[derive(Deserialize, JsonSchema)]
struct GetMemories {
    /// Only these categories; empty: all.
    #[serde(default)]
    categories: Vec<String>,
    /// 1 to 500.
    #[serde(default = "hundred")]
    limit: i64,
    #[serde(default)]
    offset: i64,
}

#[derive(Deserialize, JsonSchema)]
struct CreateMemory {
    /// One lasting fact about the user, 1 to 500 characters.
    content: String,
    /// Left out: chosen from the content, or left as it is.
    // Null is taken too, but some clients cannot read a schema that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    category: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct GetConversations {
    /// First day, yyyy-mm-dd (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    start_date: Option<String>,
    /// Last day, yyyy-mm-dd (UTC), inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    end_date: Option<String>,
    /// Only these categories; empty: all.
    #[serde(default)]
    categories: Vec<String>,
    /// 1 to 500.
    #[serde(default = "twenty")]
    limit: i64,
    #[serde(default)]
    offset: i64,
}

#[derive(Deserialize, JsonSchema)]
struct GetConversationById {
    conversation_id: String,
}

#[derive(Deserialize, JsonSchema)]
struct SearchMemories {
    /// A question or words, at most 500 characters.
    query: String,
    /// 1 to 100.
    #[serde(default = "ten")]
    limit: i64,
}

#[derive(Deserialize, JsonSchema)]
struct SearchConversations {
    /// A question or words, at most 500 characters; time in it ("last Tuesday evening") is understood.
    query: String,
    /// First day, yyyy-mm-dd (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    start_date: Option<String>,
    /// Last day, yyyy-mm-dd (UTC), inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    end_date: Option<String>,
    /// 1 to 100.
    #[serde(default = "ten")]
    limit: i64,
}

fn ten() -> i64 {
    10
}

fn hundred() -> i64 {
    100
}

fn twenty() -> i64 {
    20
}

#[tool_router]
impl Tools {
    pub fn new(app: App) -> Self {
        Self {
            app,
            tool_router: Self::tool_router(),
        }
    }

    /// Lasting facts about the user, most important first.
    #[tool(annotations(title = "Get memories", read_only_hint = true, open_world_hint = false))]
    async fn get_memories(
        &self,
        Parameters(wanted): Parameters<GetMemories>,
        Extension(request): Extension<Parts>,
    ) -> Answer {
        let caller = caller(&request)?;
        for category in &wanted.categories {
            if !memories::CATEGORIES.contains(&category.as_str()) {
                return Err(ErrorData::invalid_params(
                    format!("Invalid memory category: '{category}'"),
                    None,
                ));
            }
        }
        let categories = (!wanted.categories.is_empty()).then_some(wanted.categories.as_slice());
        let (limit, offset) = page(wanted.limit, wanted.offset)?;
        let found = memories::list(&self.app.db, caller, categories, limit, offset)
            .await
            .map_err(failed)?;
        answer(json!({"memories": found.iter().map(memory).collect::<Vec<_>>()}))
    }

    /// Remember a fact about the user. The same text again creates nothing new: the memory stays as it is, but takes
    /// the category, if one is given.
    #[tool(annotations(
        title = "Create memory",
        destructive_hint = false,
        idempotent_hint = true,
        open_world_hint = false
    ))]
    async fn create_memory(
        &self,
        Parameters(wanted): Parameters<CreateMemory>,
        Extension(request): Extension<Parts>,
    ) -> Answer {
        let caller = caller(&request)?;
        let new = NewMemory {
            category: wanted.category,
            ..NewMemory::of(wanted.content)
        };
        let created = memories::state(
            &self.app.db,
            caller,
            new,
            processing::memory_category,
            Existing::Kept,
            memories::OF_PROGRAMS,
        )
        .await
        .map_err(failed)?;
        answer(json!({"success": true, "memory": memory(&created)}))
    }

    /// What the user talked about: title, overview and times, newest first. Transcripts come with
    /// get_conversation_by_id.
    #[tool(annotations(
        title = "Get conversations",
        read_only_hint = true,
        open_world_hint = false
    ))]
    async fn get_conversations(
        &self,
        Parameters(wanted): Parameters<GetConversations>,
        Extension(request): Extension<Parts>,
    ) -> Answer {
        let (limit, offset) = page(wanted.limit, wanted.offset)?;
        let mut categories = wanted.categories;
        categories.retain(|name| conversations::CATEGORIES.contains(&name.as_str()));
        let filter = Filter {
            statuses: vec!["completed".into()],
            include_discarded: false,
            categories: (!categories.is_empty()).then_some(categories),
            from: day("start_date", wanted.start_date.as_deref())?
                .map(|day| day.and_time(NaiveTime::MIN).and_utc()),
            to: day("end_date", wanted.end_date.as_deref())?.and_then(end_of),
            limit,
            offset,
            ..Filter::default()
        };
        let found = conversations::list(&self.app.db, caller(&request)?, &filter, false)
            .await
            .map_err(failed)?;
        answer(json!({"conversations": found.iter().map(summary).collect::<Vec<_>>()}))
    }

    /// One conversation with its transcript.
    #[tool(annotations(
        title = "Get conversation by id",
        read_only_hint = true,
        open_world_hint = false
    ))]
    async fn get_conversation_by_id(
        &self,
        Parameters(wanted): Parameters<GetConversationById>,
        Extension(request): Extension<Parts>,
    ) -> Answer {
        let caller = caller(&request)?;
        // No UUID is the id of no conversation.
        let id = wanted
            .conversation_id
            .parse()
            .map_err(|_| failed(Error::NotFound("Conversation")))?;
        let found = conversations::get(&self.app.db, &caller.uid, id)
            .await
            .map_err(failed)?;
        let user = accounts::profile(&self.app.db, &caller.uid)
            .await
            .map_err(failed)?
            .name;
        let ids = people::speaking(&found.transcript_segments);
        let speakers = Speakers::of(&self.app.db, &caller.uid, &user, &ids)
            .await
            .map_err(failed)?;
        let mut shown = summary(&found);
        shown["created_at"] = json!(found.created_at);
        shown["source"] = json!(found.source);
        shown["status"] = json!(found.status);
        shown["discarded"] = json!(found.discarded);
        shown["external_data"] = json!(found.external_data);
        shown["transcript_segments"] = found
            .transcript_segments
            .iter()
            .map(|segment| {
                json!({
                    "id": segment.id,
                    "text": segment.text,
                    "speaker_id": segment.speaker_id,
                    "speaker_name": speakers.name(segment),
                    "start": segment.start,
                    "end": segment.end,
                })
            })
            .collect();
        answer(json!({"conversation": shown}))
    }

    /// Facts about the user that answer a question, best first, with a relevance_score of 0 to 1.
    #[tool(annotations(
        title = "Search memories",
        read_only_hint = true,
        open_world_hint = false
    ))]
    async fn search_memories(
        &self,
        Parameters(wanted): Parameters<SearchMemories>,
        Extension(request): Extension<Parts>,
    ) -> Answer {
        let caller = caller(&request)?;
        let query = question(&wanted.query, ErrorCode(-32000))?;
        let found = search::memories(&self.app, caller, query, hits(wanted.limit)?)
            .await
            .map_err(failed)?;
        let found: Vec<_> = found
            .iter()
            .map(|(found, score)| {
                let mut shown = memory(found);
                shown["relevance_score"] = json!((score * 10_000.0).round() / 10_000.0);
                shown
            })
            .collect();
        answer(json!({"memories": found}))
    }

    /// Conversations that answer a question, best first: title, overview and times. Transcripts come with
    /// get_conversation_by_id.
    #[tool(annotations(
        title = "Search conversations",
        read_only_hint = true,
        open_world_hint = false
    ))]
    async fn search_conversations(
        &self,
        Parameters(wanted): Parameters<SearchConversations>,
        Extension(request): Extension<Parts>,
    ) -> Answer {
        let caller = caller(&request)?;
        let query = question(&wanted.query, ErrorCode::INVALID_PARAMS)?;
        let from = day("start_date", wanted.start_date.as_deref())?
            .map(|day| day.and_time(NaiveTime::MIN).and_utc());
        let to = day("end_date", wanted.end_date.as_deref())?.and_then(end_of);
        let limit = hits(wanted.limit)?;
        let found = search::best_conversations(&self.app, caller, query, from, to, limit)
            .await
            .map_err(failed)?;
        answer(json!({"conversations": found.iter().map(summary).collect::<Vec<_>>()}))
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Tools {
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if !self.tool_router.has_route(&request.name) {
            return Err(unknown(format!("Unknown tool: {}", request.name)));
        }
        let call = ToolCallContext::new(self, request, context);
        self.tool_router.call(call).await
    }

    /// Besides unknown methods, a known one whose params have the wrong shape.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(match request.method.as_str() {
            "tools/call" => ErrorData::invalid_params(
                "The params of tools/call must be {name: text, arguments: object}.",
                None,
            ),
            method => unknown(format!("Method not found: {method}")),
        })
    }

    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("omi-mcp-server", env!("CARGO_PKG_VERSION")))
            .with_instructions(
                "What this person's Omi heard and remembers. Use get_memories for facts about them, \
                 get_conversations for what they talked about and when, search_memories and search_conversations to answer a question, create_memory to keep a fact for later.",
            )
    }
}

fn caller(request: &Parts) -> Result<&Caller, ErrorData> {
    request
        .extensions
        .get::<Caller>()
        .ok_or_else(|| ErrorData::internal_error("the request has no caller", None))
}

/// JSON as structured content and, for clients that read text only, as indented text.
fn answer(value: Value) -> Answer {
    let text = format!("{value:#}");
    let mut result = CallToolResult::structured(value);
    result.content = vec![ContentBlock::text(text)];
    Ok(result)
}

fn unknown(message: String) -> ErrorData {
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, message, None)
}

/// The documented codes of the errors that a client can act upon.
fn failed(error: Error) -> ErrorData {
    match &error {
        Error::NotFound(_) => ErrorData::new(ErrorCode(-32001), error.to_string(), None),
        Error::Invalid(_) | Error::BadRequest(_) => {
            ErrorData::invalid_params(error.to_string(), None)
        }
        Error::Internal(cause) => {
            tracing::error!(error = format!("{cause:#}"), "an MCP tool failed");
            ErrorData::internal_error(
                "Something went wrong on the server; its log says what.",
                None,
            )
        }
        _ => ErrorData::internal_error(error.to_string(), None),
    }
}

fn question(query: &str, code: ErrorCode) -> Result<&str, ErrorData> {
    match query.trim() {
        "" => Err(ErrorData::new(code, "query is required", None)),
        query => Ok(query),
    }
}

/// How many hits are wanted.
fn hits(limit: i64) -> Result<usize, ErrorData> {
    usize::try_from(limit)
        .ok()
        .filter(|limit| (1..=search::MOST_HITS).contains(limit))
        .ok_or_else(|| {
            let most = search::MOST_HITS;
            ErrorData::invalid_params(format!("limit must be between 1 and {most}"), None)
        })
}

fn page(limit: i64, offset: i64) -> Result<(i64, i64), ErrorData> {
    if !(1..=MOST).contains(&limit) {
        return Err(ErrorData::invalid_params(
            format!("limit must be between 1 and {MOST}"),
            None,
        ));
    }
    if offset < 0 {
        return Err(ErrorData::invalid_params(
            "offset must not be negative",
            None,
        ));
    }
    Ok((limit, offset))
}

fn day(name: &str, text: Option<&str>) -> Result<Option<NaiveDate>, ErrorData> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| {
        ErrorData::invalid_params(
            format!("{name} must be a date like 2026-01-31, not '{text}'"),
            None,
        )
    })
}

/// The last microsecond of a day.
fn end_of(day: NaiveDate) -> Option<DateTime<Utc>> {
    let next = day
        .checked_add_days(Days::new(1))?
        .and_time(NaiveTime::MIN)
        .and_utc();
    Some(next - chrono::Duration::microseconds(1))
}

fn memory(memory: &Memory) -> Value {
    json!({
        "id": memory.id,
        "content": memory.content,
        "category": memory.category,
        "visibility": memory.visibility,
        "tags": memory.tags,
        "created_at": memory.created_at,
        "updated_at": memory.updated_at,
        "manually_added": memory.manually_added,
        "scoring": memory.scoring,
        "reviewed": memory.reviewed,
        "user_review": memory.user_review,
        "edited": memory.edited,
    })
}

fn summary(conversation: &Conversation) -> Value {
    json!({
        "id": conversation.id,
        "started_at": conversation.started_at,
        "finished_at": conversation.finished_at,
        "structured": conversation.structured,
        "language": conversation.language,
    })
}
