//! The tools, resources and prompts that the conformance suite of MCP asks for, behind the product's own transport.

// What the newest revision has no more is still of the older ones.
#![allow(deprecated)]

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use omi_server::{
    features::credentials::{Caller, Kind},
    platform::{database::Db, mcp_sessions::McpSessions},
    surfaces::mcp::{self, Place},
};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::*,
    service::{RequestContext, ServiceError},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Server, server::User};

/// `tools`, `resources`, `templates` and `prompts` as they are listed; by tool, what it gives (`results`), the form that
/// it shows (`schemas`), what it wants to know before (`inputs`); by address the `contents`; by prompt what is `filled`.
static DATA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../clients/mcp_fixture.json")).unwrap());

fn made<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{error}: {value}"))
}

/// The same of a result, which by its type is the last word.
fn complete<T: DeserializeOwned>(mut result: Value) -> T {
    result["resultType"] = "complete".into();
    made(result)
}

/// Serves until it is dropped; `url` is that of the endpoint. It asks for no key: whoever comes is `user`.
pub struct FixtureServer {
    pub url: String,
    stop: CancellationToken,
}

impl FixtureServer {
    pub async fn start(server: &Server, user: &User) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bound: SocketAddr = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let place = Place {
            db: Db::new(server.pool().await),
            sessions: McpSessions::default(),
            public_url: format!("http://{bound}"),
            bound: bound.ip(),
            stop: stop.clone(),
        };
        let caller = Caller {
            uid: user.uid.as_str().into(),
            credential_id: Uuid::nil(),
            kind: Kind::Mcp,
            scopes: Arc::new([]),
            app: None,
        };
        let fixture = Fixture {
            key: Uuid::new_v4(),
        };
        let routes: axum::Router =
            mcp::transport(&place, mcp::PATH, fixture).layer(axum::Extension(caller));
        let ended = stop.clone();
        tokio::spawn(async move {
            axum::serve(listener, routes)
                .with_graceful_shutdown(async move { ended.cancelled().await })
                .await
        });
        Self {
            url: format!("http://{bound}{}", mcp::PATH),
            stop,
        }
    }
}

impl Drop for FixtureServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[derive(Clone)]
struct Fixture {
    /// Seals what clients bring back.
    key: Uuid,
}

fn text(text: impl std::fmt::Display) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(text.to_string())]).into()
}

fn broken(error: ServiceError) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

impl Fixture {
    fn seal(&self, content: &str) -> String {
        use sha2::{Digest as _, Sha256};
        let digest = Sha256::digest(format!("{}{content}", self.key));
        format!("{content}.{}", hex::encode(digest))
    }

    /// What a tool or a prompt has to ask before it gives what it gives. None: it was answered.
    fn asks(
        &self,
        name: &str,
        context: &RequestContext<RoleServer>,
        responses: Option<&BTreeMap<String, Value>>,
        state: Option<&str>,
    ) -> Result<Option<InputRequiredResult>, ErrorData> {
        let Some(inputs) = DATA["inputs"].get(name) else {
            return Ok(None);
        };
        let (first, second) = (self.seal(name), self.seal(&format!("{name} 2")));
        let stateful = ["state", "multiple_inputs", "multi_round"]
            .iter()
            .any(|word| name.contains(word));
        if stateful
            && let Some(state) = state
            && ![&first, &second].contains(&&state.to_string())
        {
            return Err(ErrorData::invalid_params("the state was changed", None));
        }
        let mut inputs: InputRequests = made(inputs.clone());
        if name.ends_with("capabilities") {
            let able = context.client_capabilities().unwrap_or_default();
            inputs.retain(|_, input| match input {
                InputRequest::CreateMessage(_) => able.sampling.is_some(),
                InputRequest::Elicitation(_) => able.elicitation.is_some(),
                _ => true,
            });
        }
        let answered = |inputs: &InputRequests| {
            inputs.keys().all(|key| {
                responses
                    .and_then(|all| all.get(key))
                    .is_some_and(Value::is_object)
            })
        };
        let mut sealed = first.clone();
        if name.ends_with("multi_round") {
            let further: InputRequests = made(DATA["inputs"][format!("{name} 2")].clone());
            if state == Some(&second) || (state == Some(&first) && answered(&inputs)) {
                (inputs, sealed) = (further, second.clone());
            }
        }
        let known = !stateful || state == Some(&sealed);
        if known && answered(&inputs) {
            return Ok(None);
        }
        let state = stateful.then_some(sealed);
        Ok(Some(InputRequiredResult::new(Some(inputs), state)))
    }

    async fn elicit(
        &self,
        name: &str,
        message: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<String, ErrorData> {
        let params =
            json!({"mode": "form", "message": message, "requestedSchema": DATA["schemas"][name]});
        let request = ElicitRequest::new(made(params));
        let answer = context
            .peer
            .send_request(ServerRequest::ElicitRequest(request))
            .await
            .map_err(broken)?;
        let ClientResult::ElicitResult(answer) = answer else {
            return Err(ErrorData::internal_error("that is no answer", None));
        };
        let content = json!(answer.content);
        Ok(format!(
            "action={}, content={content}",
            json!(answer.action)
        ))
    }

    async fn log(&self, context: &RequestContext<RoleServer>, words: &str) {
        let note: LoggingMessageNotificationParam =
            made(json!({"level": "info", "logger": "fixture", "data": words}));
        let told = context.peer.notify_logging_message(note).await;
        told.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl ServerHandler for Fixture {
    fn get_info(&self) -> ServerConfig {
        let able: ServerCapabilities = made(json!({
            "tools": {}, "prompts": {}, "resources": {"subscribe": true}, "logging": {}, "completions": {}
        }));
        ServerConfig::new(able).with_server_info(Implementation::new("fixture", "1"))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(made(DATA["tools"].clone())))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let tools: Vec<Tool> = made(DATA["tools"].clone());
        tools.into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = &*request.name;
        let responses = request.input_responses.as_ref();
        let state = request.request_state.as_deref();
        if let Some(asked) = self.asks(name, &context, responses, state)? {
            return Ok(asked.into());
        }
        let argument = |name: &str| {
            let arguments = request.arguments.as_ref()?;
            Some(arguments.get(name)?.as_str()?.to_string())
        };
        if let Some(result) = DATA["results"].get(name) {
            return Ok(complete::<CallToolResult>(result.clone()).into());
        }
        match name {
            "test_tool_with_logging" => {
                for words in ["started", "processing data", "completed"] {
                    self.log(&context, words).await;
                }
            }
            "test_logging_tool" if context.meta.log_level().is_some() => {
                self.log(&context, "a word").await;
            }
            "test_tool_with_progress" => {
                let token = context.meta.get_progress_token();
                for progress in [0, 50, 100] {
                    if let Some(token) = &token {
                        let note =
                            json!({"progressToken": token, "progress": progress, "total": 100});
                        context
                            .peer
                            .notify_progress(made(note))
                            .await
                            .map_err(broken)?;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            "test_missing_capability" => {
                let able = context.client_capabilities().unwrap_or_default();
                if able.sampling.is_none() {
                    let needed = made(json!({"sampling": {}}));
                    return Err(ErrorData::missing_required_client_capability(needed));
                }
            }
            "test_sampling" => {
                let words = argument("prompt").unwrap_or_default();
                let params = json!({"maxTokens": 100, "messages": [
                    {"role": "user", "content": {"type": "text", "text": words}}]});
                let answer = context.peer.create_message(made(params)).await;
                let answer = json!(answer.map_err(broken)?);
                return Ok(text(format_args!(
                    "LLM response: {}",
                    answer["content"]["text"]
                )));
            }
            "test_elicitation" => {
                let message = argument("message").unwrap_or_default();
                let answer = self.elicit(name, &message, &context).await?;
                return Ok(text(format_args!("User response: {answer}")));
            }
            "test_elicitation_sep1034_defaults" | "test_elicitation_sep1330_enums" => {
                let answer = self.elicit(name, "Please choose", &context).await?;
                return Ok(text(format_args!("Elicitation completed: {answer}")));
            }
            _ if self.get_tool(name).is_none() => {
                return Err(ErrorData::invalid_params("no such tool", None));
            }
            _ => {}
        }
        Ok(text(format_args!("state-ok: {name} is done")))
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(made(
            DATA["prompts"].clone(),
        )))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let responses = request.input_responses.as_ref();
        let state = request.request_state.as_deref();
        if let Some(asked) = self.asks(&request.name, &context, responses, state)? {
            return Ok(asked.into());
        }
        let Some(prompt) = DATA["filled"].get(&request.name) else {
            return Err(ErrorData::invalid_params("no such prompt", None));
        };
        let mut prompt = prompt.to_string();
        for (name, value) in request.arguments.unwrap_or_default() {
            let value = value.as_str().unwrap_or_default();
            prompt = prompt.replace(&format!("{{{name}}}"), value);
        }
        let prompt: GetPromptResult = complete(serde_json::from_str(&prompt).unwrap());
        Ok(prompt.into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let all = made(DATA["resources"].clone());
        Ok(ListResourcesResult::with_all_items(all))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let all = made(DATA["templates"].clone());
        Ok(ListResourceTemplatesResult::with_all_items(all))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri;
        let of_template = uri
            .strip_prefix("test://template/")
            .and_then(|rest| rest.strip_suffix("/data"));
        let mut content = match (DATA["contents"].get(&uri), of_template) {
            (Some(content), _) => content.clone(),
            (None, Some(id)) => {
                let data =
                    json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
                json!({"mimeType": "application/json", "text": data.to_string()})
            }
            (None, None) => {
                let about = Some(json!({"uri": uri}));
                return Err(ErrorData::invalid_params("Resource not found", about));
            }
        };
        content["uri"] = uri.into();
        Ok(ReadResourceResult::new(vec![made(content)]).into())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn subscribe(
        &self,
        _: SubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(
        &self,
        _: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn set_level(
        &self,
        _: SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }
}
