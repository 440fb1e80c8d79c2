//! `/v1/mcp/sse`: JSON-RPC as it goes over the wire, and the official Python client.

use std::path::PathBuf;

use reqwest::{
    Method, RequestBuilder,
    header::{ACCEPT, AUTHORIZATION, HOST},
};
use serde_json::{Value, json};
use tokio::process::Command;
use uuid::Uuid;

use crate::{
    api::plant::{self, at},
    support::{Server, server::client},
};

const BOTH: &str = "application/json, text/event-stream";

struct Reply {
    status: u16,
    session: Option<String>,
    /// The JSON-RPC message, out of its event if it came in one.
    message: Value,
}

/// One request; `dress` adds the headers.
async fn send(
    server: &Server,
    method: Method,
    message: Option<Value>,
    dress: impl FnOnce(RequestBuilder) -> RequestBuilder,
) -> Reply {
    let mut request = client().request(method, format!("{}/v1/mcp/sse", server.url));
    if let Some(message) = message {
        request = request.json(&message);
    }
    let response = dress(request).send().await.unwrap();
    let status = response.status().as_u16();
    let session = response
        .headers()
        .get("mcp-session-id")
        .map(|id| id.to_str().unwrap().to_string());
    let text = response.text().await.unwrap();
    let events = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let message = events
        .chain([text.as_str()])
        .find_map(|data| serde_json::from_str(data.trim()).ok())
        .unwrap_or(Value::String(text.clone()));
    Reply {
        status,
        session,
        message,
    }
}

/// A client with a session, as the protocol has it.
struct Assistant<'a> {
    server: &'a Server,
    key: String,
    session: String,
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}
    }})
}

impl<'a> Assistant<'a> {
    async fn connect(server: &'a Server, key: &str) -> Self {
        let reply = send(server, Method::POST, Some(initialize()), |request| {
            request.bearer_auth(key).header(ACCEPT, BOTH)
        })
        .await;
        assert_eq!(reply.status, 200, "{}", reply.message);
        let result = &reply.message["result"];
        assert_eq!(result["protocolVersion"], "2025-06-18");
        assert_eq!(result["serverInfo"]["name"], "omi-mcp-server");
        assert!(result["capabilities"]["tools"].is_object(), "{result}");
        assert!(result["instructions"].is_string(), "{result}");
        let session = reply.session.expect("initialize gives a session id");
        let assistant = Self {
            server,
            key: key.into(),
            session,
        };
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let reply = assistant.send(Method::POST, Some(ready)).await;
        assert_eq!((reply.status, reply.message), (202, json!("")));
        assistant
    }

    async fn send(&self, method: Method, message: Option<Value>) -> Reply {
        send(self.server, method, message, |request| {
            request
                .bearer_auth(&self.key)
                .header(ACCEPT, BOTH)
                .header("mcp-session-id", &self.session)
        })
        .await
    }

    async fn ask(&self, method: &str, params: Value) -> Value {
        let message = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let reply = self.send(Method::POST, Some(message)).await;
        assert_eq!(reply.status, 200, "{}", reply.message);
        assert_eq!(reply.message["id"], 7, "{}", reply.message);
        reply.message
    }

    /// What a tool answers, which is the same as data and as text.
    async fn call(&self, tool: &str, arguments: Value) -> Value {
        let message = self
            .ask("tools/call", json!({"name": tool, "arguments": arguments}))
            .await;
        let result = &message["result"];
        assert_ne!(result["isError"], true, "{message}");
        let text = result["content"][0]["text"]
            .as_str()
            .unwrap_or_else(|| panic!("{message}"));
        let data = &result["structuredContent"];
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), *data);
        data.clone()
    }

    /// The JSON-RPC error of a call.
    async fn refusal(&self, tool: &str, arguments: Value) -> Value {
        let message = self
            .ask("tools/call", json!({"name": tool, "arguments": arguments}))
            .await;
        assert!(message["error"]["code"].is_i64(), "{message}");
        message["error"].clone()
    }
}

fn titles(conversations: &Value) -> String {
    let all: Vec<_> = conversations["conversations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["structured"]["title"].as_str().unwrap())
        .collect();
    all.join(" ")
}

#[tokio::test]
async fn tools_answer_over_raw_http() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let assistant = Assistant::connect(&server, &user.mcp_key).await;

    let tools = assistant.ask("tools/list", json!({})).await;
    insta::with_settings!({sort_maps => true}, { insta::assert_json_snapshot!("tools", tools["result"]["tools"]) });

    let created = assistant
        .call("create_memory", json!({"content": "User likes tea"}))
        .await;
    assert_eq!(created["success"], true);
    assert_eq!(
        created["memory"]["id"],
        "e2f077a7-05af-4e99-8112-96cc0d3d9096"
    );
    let body = json!({"content": "User is a gardener", "category": "work"});
    assistant.call("create_memory", body).await;
    let all = assistant.call("get_memories", json!({})).await;
    assert_eq!(all["memories"].as_array().unwrap().len(), 2);
    let work = assistant
        .call("get_memories", json!({"categories": ["work"], "limit": 1}))
        .await;
    assert_eq!(work["memories"][0]["content"], "User is a gardener");
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("memory", work["memories"][0], {
            ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]"
        });
    });

    for (title, created_at) in [
        ("january", "2026-01-31T00:00:00Z"),
        ("evening", "2026-01-31T23:59:59.999999Z"),
        ("february", "2026-02-01T00:00:00Z"),
    ] {
        plant::Conversation {
            title,
            created_at: at(created_at),
            category: "work",
            ..Default::default()
        }
        .put(&db, &user.uid)
        .await;
    }
    plant::Conversation {
        title: "discarded",
        discarded: true,
        ..Default::default()
    }
    .put(&db, &user.uid)
    .await;
    plant::Conversation {
        title: "failed",
        status: "failed",
        ..Default::default()
    }
    .put(&db, &user.uid)
    .await;
    for (arguments, expected) in [
        (json!({}), "february evening january"),
        (json!({"limit": 1, "offset": 1}), "evening"),
        // Both days count, to their last moment.
        (
            json!({"start_date": "2026-01-31", "end_date": "2026-01-31"}),
            "evening january",
        ),
        (json!({"start_date": "2026-02-01"}), "february"),
        (json!({"end_date": "2026-01-30"}), ""),
        (
            json!({"start_date": null, "end_date": ""}),
            "february evening january",
        ),
        (json!({"categories": ["work"]}), "february evening january"),
        (json!({"categories": ["travel"]}), ""),
    ] {
        assert_eq!(
            titles(&assistant.call("get_conversations", arguments.clone()).await),
            expected,
            "{arguments}"
        );
    }

    let id = plant::Conversation {
        title: "talk",
        ..Default::default()
    }
    .put(&db, &user.uid)
    .await;
    plant::segment(&db, &user.uid, id, 0, true, 0.0, "Hello there.").await;
    let one = assistant
        .call("get_conversation_by_id", json!({"conversation_id": id}))
        .await;
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("conversation", one["conversation"], {
            ".id" => "[id]", ".transcript_segments[].id" => "[segment]"
        });
    });

    for (tool, arguments, code) in [
        (
            "get_conversation_by_id",
            json!({"conversation_id": Uuid::new_v4()}),
            -32001,
        ),
        (
            "get_conversation_by_id",
            json!({"conversation_id": "no-uuid"}),
            -32001,
        ),
        (
            "get_conversations",
            json!({"start_date": "31.01.2026"}),
            -32602,
        ),
        (
            "get_conversations",
            json!({"end_date": "2026-02-30"}),
            -32602,
        ),
        ("get_conversations", json!({"limit": 0}), -32602),
        ("get_conversations", json!({"limit": 501}), -32602),
        ("get_memories", json!({"categories": ["cats"]}), -32602),
        ("get_memories", json!({"offset": -1}), -32602),
        ("create_memory", json!({"content": " "}), -32602),
        ("create_memory", json!({"content": "x".repeat(501)}), -32602),
        (
            "create_memory",
            json!({"content": "x", "category": "cats"}),
            -32602,
        ),
        ("create_memory", json!({"content": "a\u{0}b"}), -32602),
    ] {
        let refusal = assistant.refusal(tool, arguments.clone()).await;
        assert_eq!(refusal["code"], code, "{tool} {arguments}: {refusal}");
    }
    assistant.refusal("get_cats", json!({})).await;

    assert_eq!(assistant.send(Method::DELETE, None).await.status, 204);
    let message = json!({"jsonrpc": "2.0", "id": 8, "method": "tools/list"});
    assert_eq!(
        assistant.send(Method::POST, Some(message)).await.status,
        404,
        "the session has ended"
    );
}

#[tokio::test]
async fn clients_are_taken_as_they_are_and_strangers_refused() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let key = &user.mcp_key;
    let initialized = async |dress: &dyn Fn(RequestBuilder) -> RequestBuilder| {
        send(&server, Method::POST, Some(initialize()), dress)
            .await
            .status
    };
    // The bare key, as configurations of assistants have it, and the header of others.
    assert_eq!(
        initialized(&|request| request.header(AUTHORIZATION, key)).await,
        200
    );
    assert_eq!(
        initialized(&|request| request.header("X-API-Key", key)).await,
        200
    );
    assert_eq!(
        initialized(&|request| request.header(AUTHORIZATION, format!("bearer {key}"))).await,
        200
    );
    assert_eq!(
        initialized(&|request| request.header("X-API-Key", &user.token)).await,
        401
    );
    for accept in ["", "*/*", "application/json", "text/event-stream"] {
        let status = initialized(&|request| request.bearer_auth(key).header(ACCEPT, accept)).await;
        assert_eq!(status, 200, "Accept: {accept}");
    }
    let port = server.url.rsplit(':').next().unwrap();
    for (host, status) in [
        ("evil.example", 403),
        ("evil.example:80", 403),
        ("127.0.0.1.evil.example", 403),
        (&format!("localhost:{port}"), 200),
    ] {
        let answered = initialized(&|request| request.bearer_auth(key).header(HOST, host)).await;
        assert_eq!(answered, status, "Host: {host}");
    }
    for method in [Method::GET, Method::DELETE] {
        let reply = send(&server, method.clone(), None, |request| {
            request.bearer_auth(key)
        })
        .await;
        assert!(
            (400..500).contains(&reply.status),
            "{method} without a session: {}",
            reply.message
        );
    }
    let garbage = client()
        .post(format!("{}/v1/mcp/sse", server.url))
        .bearer_auth(key)
        .header("content-type", "application/json")
        .body("{")
        .send()
        .await
        .unwrap();
    assert!(garbage.status().is_client_error(), "{garbage:?}");

    // Who is asking comes with each request: another's session shows nothing of theirs.
    let ann = Assistant::connect(&server, key).await;
    ann.call("create_memory", json!({"content": "Ann's secret"}))
        .await;
    let db = server.pool().await;
    let id = plant::Conversation::default().put(&db, &user.uid).await;
    let other = server.user("ben@example.org").await;
    let ben = Assistant::connect(&server, &other.mcp_key).await;
    let foreign = ben
        .refusal("get_conversation_by_id", json!({"conversation_id": id}))
        .await;
    let absent = ben
        .refusal(
            "get_conversation_by_id",
            json!({"conversation_id": Uuid::new_v4()}),
        )
        .await;
    assert_eq!(foreign, absent);
    let borrowed = Assistant {
        server: &server,
        key: other.mcp_key.clone(),
        session: ann.session.clone(),
    };
    let message = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
                         "params": {"name": "get_memories", "arguments": {}}});
    let reply = borrowed.send(Method::POST, Some(message)).await;
    assert!(
        !reply.message.to_string().contains("secret"),
        "{}",
        reply.message
    );
}

/// The Python of the published clients, which `make test` installs.
async fn python() -> PathBuf {
    let folder = match std::env::var_os("OMI_TEST_CLIENTS") {
        Some(folder) => PathBuf::from(folder),
        None => {
            // Where tools/test-clients puts them: a folder named after the list of their versions.
            let pins = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/test-clients.txt");
            let sum = Command::new("sh")
                .args(["-c", "cksum < \"$0\"", pins])
                .output()
                .await
                .unwrap();
            let sum = String::from_utf8(sum.stdout).unwrap();
            let home = PathBuf::from(std::env::var_os("HOME").unwrap());
            home.join(".cache/omi-server/clients")
                .join(sum.split(' ').next().unwrap())
        }
    };
    let python = folder.join("bin/python");
    assert!(
        python.exists(),
        "{} is missing: run `make test`, which installs it",
        python.display()
    );
    python
}

#[tokio::test]
async fn the_official_python_client_works() {
    let python = python().await;
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let id = plant::Conversation {
        title: "Garden plans",
        ..Default::default()
    }
    .put(&db, &user.uid)
    .await;
    plant::segment(&db, &user.uid, id, 0, true, 0.0, "Let us plant tomatoes.").await;

    let output = Command::new(python)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/api/mcp_client.py"
        ))
        .arg(format!("{}/v1/mcp/sse", server.url))
        .env("OMI_MCP_KEY", &user.mcp_key)
        .env("NO_PROXY", "*")
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n{}", server.log());
    assert!(!errors.contains("Session termination failed"), "{errors}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["server"], "omi-mcp-server");
    assert_eq!(
        told["tools"],
        json!([
            "create_memory",
            "get_conversation_by_id",
            "get_conversations",
            "get_memories"
        ])
    );
    assert_eq!(told["created"]["success"], true);
    assert_eq!(
        told["memories"]["memories"],
        json!([told["created"]["memory"]])
    );
    assert_eq!(
        told["memories"]["memories"][0]["content"],
        "User grows tomatoes"
    );
    assert_eq!(titles(&told["conversations"]), "Garden plans");
    let conversation = &told["conversation"]["conversation"];
    assert_eq!(conversation["id"], id.to_string());
    assert_eq!(
        conversation["transcript_segments"][0]["text"],
        "Let us plant tomatoes."
    );
    assert_eq!(told["absent"], -32001);
}
