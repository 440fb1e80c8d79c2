//! `/v1/mcp/sse`: JSON-RPC as it goes over the wire, and the official Python client.

mod nouns;
mod prompts;
mod resources;
mod rest;
mod tools;

use std::time::Duration;

use omi_server::{
    features::credentials::{self, Kind, NewCredential},
    platform::database::Db,
};
use reqwest::{
    Method, RequestBuilder,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN, WWW_AUTHENTICATE},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    api::plant::{self, at},
    support::{Server, clients, server::client},
};

pub const BOTH: &str = "application/json, text/event-stream";

pub struct Reply {
    pub status: u16,
    pub session: Option<String>,
    /// The content type, empty if there is none.
    pub form: String,
    pub text: String,
    /// The JSON-RPC message, out of its event if it came in one.
    pub message: Value,
}

/// One request; `dress` adds the headers.
pub async fn send(
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
    let form = response.headers().get(CONTENT_TYPE);
    let form = form.map_or("", |form| form.to_str().unwrap()).to_string();
    let text = response.text().await.unwrap();
    let events = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let message = events
        .chain([text.as_str()])
        .find_map(|data| serde_json::from_str(data.trim()).ok())
        .unwrap_or(Value::String(text.clone()));
    Reply {
        status,
        session,
        form,
        text,
        message,
    }
}

/// A client with a session, as the protocol has it.
pub struct Assistant<'a> {
    pub server: &'a Server,
    pub key: String,
    pub session: String,
}

pub fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}
    }})
}

impl<'a> Assistant<'a> {
    pub async fn connect(server: &'a Server, key: &str) -> Self {
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

    pub async fn send(&self, method: Method, message: Option<Value>) -> Reply {
        send(self.server, method, message, |request| {
            request
                .bearer_auth(&self.key)
                .header(ACCEPT, BOTH)
                .header("mcp-session-id", &self.session)
        })
        .await
    }

    pub async fn ask(&self, method: &str, params: Value) -> Value {
        let message = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let reply = self.send(Method::POST, Some(message)).await;
        assert_eq!(reply.status, 200, "{}", reply.message);
        assert_eq!(reply.message["id"], 7, "{}", reply.message);
        reply.message
    }

    /// What a tool answers, which is the same as data and as text.
    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        let message = self
            .ask("tools/call", json!({"name": tool, "arguments": arguments}))
            .await;
        let result = &message["result"];
        assert_ne!(result["isError"], true, "{message}");
        let text = result["content"][0]["text"]
            .as_str()
            .unwrap_or_else(|| panic!("{message}"));
        let data = &result["structuredContent"];
        assert_eq!(text, format!("{data:#}"));
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

async fn all_after(assistant: &Assistant<'_>) -> Value {
    assistant.call("get_memories", json!({})).await
}

#[tokio::test]
async fn tools_answer_over_raw_http() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let assistant = Assistant::connect(&server, &user.mcp_key).await;

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
            ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]", ".scoring" => "[order]"
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
        ("create_memory", json!({"content": " "}), -32000),
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
    for (tool, arguments, code, about) in [
        ("get_cats", json!({}), -32601, "get_cats"),
        ("create_memory", json!({}), -32000, "Content is required"),
        (
            "create_memory",
            json!({"content": null}),
            -32000,
            "Content is required",
        ),
        ("create_memory", json!({"content": 5}), -32602, "content"),
        ("create_memory", json!([]), -32602, "arguments"),
        ("create_memory", json!("tea"), -32602, "arguments"),
        ("get_memories", json!({"limit": "many"}), -32602, "limit"),
        ("get_memories", json!({"limit": 1.5}), -32602, "limit"),
        (
            "get_memories",
            json!({"categories": "work"}),
            -32602,
            "categories",
        ),
        ("get_conversation_by_id", Value::Null, -32602, "required"),
    ] {
        let refusal = assistant.refusal(tool, arguments.clone()).await;
        let message = refusal["message"].as_str().unwrap();
        assert_eq!(refusal["code"], code, "{tool} {arguments}: {refusal}");
        assert!(message.contains(about), "{tool} {arguments}: {refusal}");
    }
    let unknown = assistant.ask("tools/feed", json!({})).await;
    assert_eq!(unknown["error"]["code"], -32601, "{unknown}");
    // null is as good as nothing, and some clients know no integers.
    for arguments in [
        Value::Null,
        json!({"categories": null, "limit": null, "offset": null}),
        json!({"limit": 5.0, "offset": 0.0}),
    ] {
        let found = assistant.call("get_memories", arguments).await;
        assert_eq!(found, all_after(&assistant).await);
    }

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
}

#[tokio::test]
async fn a_session_belongs_to_one_user() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let ann = Assistant::connect(&server, &user.mcp_key).await;
    let ben = Assistant {
        server: &server,
        key: other.mcp_key.clone(),
        session: ann.session.clone(),
    };
    let call = || {
        Some(
            json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {
                "name": "create_memory", "arguments": {"content": "Ann's secret"}}}),
        )
    };
    assert_eq!(ann.send(Method::POST, call()).await.status, 200);
    // An answer that is under way can be waited for again, by its owner only.
    let db = server.pool().await;
    let mut lock = db.begin().await.unwrap();
    sqlx::query("lock table memories in access exclusive mode")
        .execute(&mut *lock)
        .await
        .unwrap();
    let mut under_way = client()
        .post(format!("{}/v1/mcp/sse", server.url))
        .bearer_auth(&ann.key)
        .header(ACCEPT, BOTH)
        .header("mcp-session-id", &ann.session)
        .json(&call())
        .send()
        .await
        .unwrap();
    let primer = under_way.chunk().await.unwrap().unwrap();
    let primer = String::from_utf8(primer.to_vec()).unwrap();
    let first = primer.lines().find_map(|line| line.strip_prefix("id:"));
    let first = first.unwrap_or_else(|| panic!("{primer}")).trim();
    let resumed = async |assistant: &Assistant<'_>| {
        let asked = send(&server, Method::GET, None, |request| {
            request
                .bearer_auth(&assistant.key)
                .header(ACCEPT, "text/event-stream")
                .header("mcp-session-id", &assistant.session)
                .header("last-event-id", first)
        });
        tokio::time::timeout(Duration::from_secs(20), asked)
            .await
            .unwrap()
    };
    let thief = resumed(&ben).await;
    let (own, ()) = tokio::join!(resumed(&ann), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        lock.commit().await.unwrap();
    });
    assert_eq!(own.status, 200);
    assert!(own.text.contains("secret"), "{}", own.text);

    let foreign = [
        thief,
        resumed(&ben).await,
        ben.send(Method::GET, None).await,
        ben.send(Method::POST, call()).await,
        ben.send(Method::POST, Some(initialize())).await,
        ben.send(Method::DELETE, None).await,
    ];
    for reply in foreign {
        assert_eq!(reply.status, 403, "{}", reply.text);
        assert_eq!(reply.message["error"]["code"], "forbidden");
    }
    assert_eq!(ann.send(Method::POST, call()).await.status, 200);
    // Another key of the same user is as good.
    let second = NewCredential {
        uid: &user.uid,
        kind: Kind::Mcp,
        name: "second",
        scopes: None,
        app: None,
    };
    let second = credentials::create(&Db::new(db.clone()), second)
        .await
        .unwrap()
        .secret;
    let same = Assistant {
        server: &server,
        key: second,
        session: ann.session.clone(),
    };
    assert_eq!(same.send(Method::POST, call()).await.status, 200);

    assert_eq!(ann.send(Method::DELETE, None).await.status, 204);
    for assistant in [&ann, &ben] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let message = if method == Method::POST { call() } else { None };
            let reply = assistant.send(method.clone(), message).await;
            assert_eq!(reply.status, 404, "{method}: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn the_same_text_again_loses_nothing() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let assistant = Assistant::connect(&server, &user.mcp_key).await;
    let path = "/v1/dev/user/memories";
    let body = json!({"content": "User likes tea", "category": "hobbies", "visibility": "public", "tags": ["drinks"]});
    let key = Some(user.developer_key.as_str());
    let stated = server.send(Method::POST, path, key, Some(body)).await.body;
    let again =
        async |arguments: Value| assistant.call("create_memory", arguments).await["memory"].clone();
    assert_eq!(again(json!({"content": " User likes tea "})).await, stated);
    let work = again(json!({"content": "User likes tea", "category": "work"})).await;
    let mut expected = stated.clone();
    expected["category"] = json!("work");
    expected["updated_at"] = work["updated_at"].clone();
    assert_eq!(work, expected);
    assert_ne!(work["updated_at"], stated["updated_at"]);
    let listed = server.send(Method::GET, path, key, None).await.body;
    assert_eq!(listed, json!([expected]));

    // One that was found becomes a stated one, and one that was rejected comes back.
    sqlx::query("update memories set manually_added = false, user_review = false")
        .execute(&db)
        .await
        .unwrap();
    let none = json!({"memories": [], "has_more": false, "next_offset": null});
    assert_eq!(all_after(&assistant).await, none);
    let back = again(json!({"content": "User likes tea"})).await;
    expected["updated_at"] = back["updated_at"].clone();
    assert_eq!(back, expected);

    // The Developer API replaces.
    let body = json!({"content": "User likes tea"});
    let replaced = server.send(Method::POST, path, key, Some(body)).await.body;
    assert_eq!(replaced["tags"], json!([]));
    assert_eq!(replaced["visibility"], "private");
    assert_ne!(replaced["created_at"], stated["created_at"]);
}

#[tokio::test]
async fn scripts_need_no_session_and_get_what_they_accept() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let key = &user.mcp_key;
    let post = async |accept: Option<&str>, session: Option<&str>, message: Value| {
        send(&server, Method::POST, Some(message), |mut request| {
            if let Some(accept) = accept {
                request = request.header(ACCEPT, accept);
            }
            if let Some(session) = session {
                request = request.header("mcp-session-id", session);
            }
            request.bearer_auth(key)
        })
        .await
    };
    let bare = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}});
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"});
    let call = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {
        "name": "get_memories", "arguments": {}}});
    let json_form = "application/json";
    let events = "text/event-stream";
    for (accept, form) in [
        (None, json_form),
        (Some(""), json_form),
        (Some("*/*"), json_form),
        (Some(json_form), json_form),
        (Some("application/json;q=0.9"), json_form),
        (Some(events), events),
    ] {
        let begun = post(accept, None, bare.clone()).await;
        assert_eq!(begun.status, 200, "{accept:?}: {}", begun.text);
        assert_eq!(begun.form, form, "{accept:?}");
        assert_eq!(begun.message["result"]["protocolVersion"], "2025-03-26");
        let session = begun.session.expect("a session id");
        for session in [None, Some(session.as_str())] {
            for message in [&list, &call] {
                let reply = post(accept, session, message.clone()).await;
                let what = format!("{accept:?} {session:?}: {}", reply.text);
                assert_eq!(reply.status, 200, "{what}");
                assert_eq!(reply.form, form, "{what}");
                assert_eq!(reply.message["id"], message["id"], "{what}");
                assert!(reply.message["result"].is_object(), "{what}");
                if form == json_form {
                    serde_json::from_str::<Value>(&reply.text).unwrap();
                }
            }
            let note = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
            let reply = post(accept, session, note).await;
            assert_eq!((reply.status, reply.text.as_str()), (202, ""));
        }
    }
    // Without a session, too, the caller is the one whose key it is, and errors are errors.
    let unknown =
        json!({"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "get_cats"}});
    let reply = post(None, None, unknown).await;
    assert_eq!(reply.message["error"]["code"], -32601, "{}", reply.text);
    for (body, code) in [
        (json!("hello"), -32600),
        (Value::Null, -32600),
        (
            json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": []}),
            -32602,
        ),
    ] {
        let reply = post(None, None, body).await;
        assert_eq!(reply.status, 400, "{}", reply.text);
        assert_eq!(reply.message["error"]["code"], code, "{}", reply.text);
    }
    let large = json!({"jsonrpc": "2.0", "id": 1, "method": "x".repeat(2 * 1024 * 1024)});
    assert_eq!(post(None, None, large).await.status, 413);
}

#[tokio::test]
async fn anybody_may_ask_how_to_connect() {
    let server = Server::deaf().await;
    let answer = server
        .send(Method::GET, "/v1/mcp/sse/info", None, None)
        .await;
    assert_eq!(answer.status, 200);
    insta::assert_json_snapshot!("info", answer.body);
}

#[tokio::test]
async fn foreign_pages_are_refused_and_strangers_challenged() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let key = &user.mcp_key;
    let port = server.url.rsplit(':').next().unwrap();
    let list = || Some(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    for (origin, status) in [
        ("https://evil.example", 403),
        ("https://localhost.evil.example", 403),
        ("null", 403),
        ("http://localhost:6274", 200),
        ("http://127.0.0.1", 200),
        ("https://[::1]:8443", 200),
        (server.url.as_str(), 200),
    ] {
        // With a session begun, and without one.
        for message in [Some(initialize()), list()] {
            let reply = send(&server, Method::POST, message, |request| {
                request.bearer_auth(key).header(ORIGIN, origin)
            })
            .await;
            assert_eq!(reply.status, status, "{origin}: {}", reply.text);
        }
    }
    let evil = send(&server, Method::POST, list(), |request| {
        request
            .bearer_auth(key)
            .header(HOST, format!("evil.example:{port}"))
    })
    .await;
    assert_eq!(evil.status, 403, "no session: {}", evil.text);

    let status = async |dress: &dyn Fn(RequestBuilder) -> RequestBuilder| {
        send(&server, Method::POST, list(), dress).await.status
    };
    let basic = |request: RequestBuilder| request.basic_auth("proxy", Some("password"));
    assert_eq!(
        status(&|request| basic(request).header("X-API-Key", key)).await,
        200
    );
    assert_eq!(status(&basic).await, 401);
    assert_eq!(
        status(&|request| basic(request).header("X-API-Key", "")).await,
        401
    );
    assert_eq!(
        status(&|request| request.bearer_auth("omi_mcp_0").header("X-API-Key", key)).await,
        401,
        "the first key counts"
    );
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let url = format!("{}/v1/mcp/sse", server.url);
        let response = client().request(method, url).send().await.unwrap();
        assert_eq!(response.status(), 401);
        let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        assert!(
            challenge.starts_with("Bearer resource_metadata="),
            "{challenge}"
        );
    }
}

#[tokio::test]
async fn the_official_python_client_works() {
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

    let home = tempfile::tempdir().unwrap();
    let output = clients::python("mcp_client.py", home.path())
        .arg(format!("{}/v1/mcp/sse", server.url))
        .env("OMI_MCP_KEY", &user.mcp_key)
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
            "complete_action_item",
            "create_action_item",
            "create_goal",
            "create_memory",
            "delete_action_item",
            "delete_goal",
            "delete_memory",
            "edit_memory",
            "get_action_items",
            "get_conversation_by_id",
            "get_conversations",
            "get_daily_summaries",
            "get_goals",
            "get_memories",
            "search",
            "search_conversations",
            "search_memories",
            "update_action_item",
            "update_goal_progress"
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
