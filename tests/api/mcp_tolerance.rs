//! What trips real clients of MCP, a test for each.

use std::time::Duration;

use reqwest::{
    Method, RequestBuilder,
    header::{ACCEPT, ALLOW, CONTENT_TYPE, HOST, ORIGIN},
};
use serde_json::{Value, json};

use super::mcp::{Assistant, BOTH, Reply, initialize, send};
use crate::support::{
    Server,
    connector::Connector,
    server::{User, client},
    visitor::Visitor,
};

async fn started() -> (Server, User) {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    (server, user)
}

fn request(id: impl Into<Value>, method: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method})
}

fn note() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
}

/// A message without a session.
async fn post(server: &Server, user: &User, message: Value) -> Reply {
    let dress = |request: RequestBuilder| request.bearer_auth(&user.mcp_key).header(ACCEPT, BOTH);
    send(server, Method::POST, Some(message), dress).await
}

/// A session whose client has said no more than initialize.
async fn begun<'a>(server: &'a Server, user: &User) -> Assistant<'a> {
    let reply = post(server, user, initialize()).await;
    Assistant {
        server,
        key: user.mcp_key.clone(),
        session: reply.session.unwrap(),
    }
}

#[tokio::test]
async fn tools_may_be_listed_before_initialized() {
    let (server, user) = started().await;
    let ann = begun(&server, &user).await;
    let reply = ann.send(Method::POST, Some(request(2, "tools/list"))).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(reply.message["result"]["tools"].is_array());
    let reply = ann.send(Method::POST, Some(note())).await;
    assert_eq!((reply.status, reply.text.as_str()), (202, ""));
    let reply = ann.send(Method::POST, Some(request(3, "ping"))).await;
    assert_eq!(reply.message["result"], json!({}), "{}", reply.text);
}

#[tokio::test]
async fn a_get_without_a_stream_is_answered_405() {
    let (server, user) = started().await;
    let url = format!("{}/v1/mcp/sse", server.url);
    let get = async |accept: &str, session: Option<&str>| {
        let mut request = client()
            .get(&url)
            .bearer_auth(&user.mcp_key)
            .header(ACCEPT, accept);
        if let Some(session) = session {
            request = request.header("mcp-session-id", session);
        }
        request.send().await.unwrap()
    };
    // Clients go on without a stream after this status and after no other.
    for accept in ["text/event-stream", "*/*"] {
        let response = get(accept, None).await;
        assert_eq!(response.status(), 405, "{accept}");
        assert_eq!(response.headers()[ALLOW], "POST");
    }
    // With a session there is one, whatever is accepted; it begins at once.
    let ann = begun(&server, &user).await;
    for accept in ["text/event-stream", "*/*", "application/json"] {
        let mut response = get(accept, Some(&ann.session)).await;
        assert_eq!(response.status(), 200, "{accept}");
        assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
        let first = tokio::time::timeout(Duration::from_secs(10), response.chunk()).await;
        let first = first.unwrap().unwrap().unwrap();
        let first = String::from_utf8(first.to_vec()).unwrap();
        assert!(first.contains("id: 0\n"), "{first:?}");
    }
    let absent = "00000000-0000-4000-8000-000000000000";
    let response = get("text/event-stream", Some(absent)).await;
    assert_eq!(response.status(), 404);
}

#[tokio::test]
async fn unknown_methods_are_told_by_their_code() {
    let (server, user) = started().await;
    let ann = begun(&server, &user).await;
    for method in ["tools/feed", "", "sampling/createMessage", "server/mystery"] {
        let in_session = ann.send(Method::POST, Some(request(7, method))).await;
        let alone = post(&server, &user, request(7, method)).await;
        for reply in [in_session, alone] {
            assert_eq!(reply.status, 200, "{method}: {}", reply.text);
            assert_eq!(
                reply.message["error"]["code"], -32601,
                "{method}: {}",
                reply.text
            );
            assert_eq!(reply.message["id"], 7);
        }
    }
    // An unknown notification is taken.
    let unknown = json!({"jsonrpc": "2.0", "method": "notifications/mystery"});
    let in_session = ann.send(Method::POST, Some(unknown.clone())).await;
    let alone = post(&server, &user, unknown).await;
    assert_eq!((in_session.status, alone.status), (202, 202));
}

#[tokio::test]
async fn a_client_reconnects_after_its_connection_broke() {
    let (server, user) = started().await;
    let ann = begun(&server, &user).await;
    let stream = async |last: Option<&str>| {
        let mut request = client()
            .get(format!("{}/v1/mcp/sse", server.url))
            .bearer_auth(&ann.key)
            .header("mcp-session-id", &ann.session);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        request.send().await.unwrap()
    };
    // Opened and broken off, again and again, with and without what was seen last.
    for last in [None, Some("0"), None, Some("7/99"), Some("nonsense"), None] {
        let response = stream(last).await;
        assert_eq!(response.status(), 200, "{last:?}");
        drop(response);
        let reply = ann.send(Method::POST, Some(request(3, "ping"))).await;
        assert_eq!(reply.status, 200, "{last:?}: {}", reply.text);
    }
    // A request that nobody waits for any more harms no other.
    let call = json!({"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": {
        "name": "create_memory", "arguments": {"content": "User hangs up"}}});
    let hasty = client()
        .post(format!("{}/v1/mcp/sse", server.url))
        .bearer_auth(&ann.key)
        .header(ACCEPT, BOTH)
        .header("mcp-session-id", &ann.session)
        .json(&call)
        .send()
        .await
        .unwrap();
    drop(hasty);
    let reply = ann.send(Method::POST, Some(call)).await;
    assert_eq!(
        reply.message["result"]["structuredContent"]["success"],
        true
    );
    // To begin anew is as good.
    let again = begun(&server, &user).await;
    assert_ne!(again.session, ann.session);
    let reply = again.send(Method::POST, Some(request(9, "ping"))).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn the_end_of_a_session_is_answered_204() {
    let (server, user) = started().await;
    let ann = begun(&server, &user).await;
    let reply = ann.send(Method::DELETE, None).await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    assert_eq!(ann.send(Method::DELETE, None).await.status, 404);
    let none = send(&server, Method::DELETE, None, |request| {
        request.bearer_auth(&user.mcp_key)
    })
    .await;
    assert_eq!(none.status, 400, "{}", none.text);
    let after = ann.send(Method::POST, Some(request(2, "tools/list"))).await;
    assert_eq!(after.status, 404, "so that the client begins anew");
}

#[tokio::test]
async fn the_address_may_end_in_a_slash() {
    let (server, user) = started().await;
    for path in ["/v1/mcp/sse", "/v1/mcp/sse/"] {
        let response = client()
            .post(format!("{}{path}", server.url))
            .bearer_auth(&user.mcp_key)
            .json(&request(1, "tools/list"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let reply: Value = response.json().await.unwrap();
        assert!(reply["result"]["tools"].is_array(), "{path}: {reply}");
    }
}

#[tokio::test]
async fn empty_params_are_as_good_as_none() {
    let (server, user) = started().await;
    let ann = begun(&server, &user).await;
    for method in ["tools/list", "ping"] {
        for params in [None, Some(json!({})), Some(Value::Null)] {
            let mut message = request("text", method);
            if let Some(params) = params {
                message["params"] = params;
            }
            let in_session = ann.send(Method::POST, Some(message.clone())).await;
            let alone = post(&server, &user, message.clone()).await;
            for reply in [in_session, alone] {
                assert_eq!(reply.status, 200, "{message}: {}", reply.text);
                assert!(
                    reply.message["result"].is_object(),
                    "{message}: {}",
                    reply.text
                );
                assert_eq!(reply.message["id"], "text");
            }
        }
    }
    for params in [json!({}), Value::Null] {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
        let reply = post(&server, &user, message).await;
        assert_eq!(reply.message["result"]["protocolVersion"], "2025-03-26");
        assert!(reply.session.is_some());
    }
}

#[tokio::test]
async fn what_is_no_message_is_told_so() {
    let (server, user) = started().await;
    for body in [
        json!({}),
        json!({"jsonrpc": "2.0"}),
        json!({"jsonrpc": "1.0", "id": 1, "method": "ping"}),
        json!({"jsonrpc": "2.0", "id": null, "method": "ping"}),
        json!({"jsonrpc": "2.0", "id": [1], "method": "ping"}),
        json!({"jsonrpc": "2.0", "id": 1, "method": 5}),
        json!("ping"),
    ] {
        let reply = post(&server, &user, body.clone()).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text);
        assert_eq!(
            reply.message["error"]["code"], -32600,
            "{body}: {}",
            reply.text
        );
    }
}

#[tokio::test]
async fn a_body_is_json_whatever_it_is_called() {
    let (server, user) = started().await;
    let body = request(1, "tools/list").to_string();
    for form in [
        None,
        Some("application/x-www-form-urlencoded"),
        Some("text/plain"),
        Some("application/json; charset=utf-8"),
    ] {
        let mut request = client()
            .post(format!("{}/v1/mcp/sse", server.url))
            .bearer_auth(&user.mcp_key)
            .body(body.clone());
        if let Some(form) = form {
            request = request.header(CONTENT_TYPE, form);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{form:?}");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    }
}

#[tokio::test]
async fn revisions_are_agreed_upon() {
    let (server, user) = started().await;
    for (asked, given) in [
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        // Without initialize: the newest that has it.
        ("2026-07-28", "2025-11-25"),
        ("2099-01-01", "2025-11-25"),
    ] {
        let mut message = initialize();
        message["params"]["protocolVersion"] = asked.into();
        let reply = post(&server, &user, message).await;
        assert_eq!(reply.message["result"]["protocolVersion"], given, "{asked}");
    }
    // One that speaks the newest has nothing to begin.
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    let message =
        json!({"jsonrpc": "2.0", "id": 5, "method": "initialize", "params": {"_meta": meta}});
    let reply = post(&server, &user, message).await;
    assert_eq!((reply.status, &reply.message["id"]), (404, &json!(5)));
    assert_eq!(reply.message["error"]["code"], -32601);
    let dressed = async |version: &str, message: Value| {
        send(&server, Method::POST, Some(message), |request| {
            request
                .bearer_auth(&user.mcp_key)
                .header("mcp-protocol-version", version)
        })
        .await
    };
    let reply = dressed("1999-01-01", request(1, "tools/list")).await;
    assert_eq!(reply.status, 400, "{}", reply.text);
    let reply = dressed("2025-06-18", request(1, "tools/list")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

#[tokio::test]
async fn batches_are_answered_in_one() {
    let (server, user) = started().await;
    let ann = begun(&server, &user).await;
    let call = json!({"jsonrpc": "2.0", "id": "b", "method": "tools/call", "params": {
        "name": "create_memory", "arguments": {"content": "User batches"}}});
    let batch = json!([
        request(1, "ping"),
        note(),
        call,
        request(null(), "ping"),
        5,
        request(3, "tools/feed"),
        initialize()
    ]);
    for reply in [
        post(&server, &user, batch.clone()).await,
        ann.send(Method::POST, Some(batch.clone())).await,
    ] {
        assert_eq!(
            (reply.status, reply.form.as_str()),
            (200, "application/json")
        );
        let replies = reply.message.as_array().unwrap();
        let of = |id: Value| -> Vec<&Value> {
            replies.iter().filter(|reply| reply["id"] == id).collect()
        };
        assert_eq!(
            of(json!("b"))[0]["result"]["structuredContent"]["success"],
            true
        );
        assert_eq!(of(json!(3))[0]["error"]["code"], -32601);
        // Both have the id 1.
        assert_eq!(of(json!(1))[0]["result"], json!({}));
        assert_eq!(of(json!(1))[1]["error"]["code"], -32600);
        assert!(
            of(Value::Null)
                .iter()
                .all(|reply| reply["error"]["code"].is_i64())
        );
    }
    let notes = post(&server, &user, json!([note(), note()])).await;
    assert_eq!((notes.status, notes.text.as_str()), (202, ""));
    let most: Vec<_> = (0..50).map(|id| request(id, "ping")).collect();
    let reply = post(&server, &user, json!(most)).await;
    assert_eq!(reply.message.as_array().unwrap().len(), 50);
    for refused in [json!([]), json!(vec![note(); 51])] {
        let reply = post(&server, &user, refused).await;
        assert_eq!(reply.status, 400, "{}", reply.text);
        assert_eq!(reply.message["error"]["code"], -32600);
    }
    // Other revisions have none.
    for (version, status) in [
        ("2025-03-26", 200),
        ("2025-06-18", 400),
        ("2026-07-28", 400),
    ] {
        let batch = Some(json!([request(1, "ping")]));
        let reply = send(&server, Method::POST, batch, |request| {
            request
                .bearer_auth(&user.mcp_key)
                .header("mcp-protocol-version", version)
        })
        .await;
        assert_eq!(reply.status, status, "{version}: {}", reply.text);
    }
    // What is wrong with the request is wrong with all of it.
    let foreign = send(&server, Method::POST, Some(batch), |request| {
        request
            .bearer_auth(&user.mcp_key)
            .header(ORIGIN, "https://evil.example")
            .header(HOST, "evil.example")
    })
    .await;
    assert_eq!(foreign.status, 403, "{}", foreign.text);
    assert_eq!(ann.send(Method::DELETE, None).await.status, 204);
    let ended = ann
        .send(Method::POST, Some(json!([request(1, "ping")])))
        .await;
    assert_eq!(ended.status, 404, "{}", ended.text);
}

#[tokio::test]
async fn a_batch_leads_around_no_scope() {
    let (server, user) = started().await;
    let visitor = Visitor::signed_in(&server, &user).await;
    let assistant = Connector::new(&server).await;
    let (token, _) = assistant.tokens(&visitor, &[]).await;
    let call = |id: u32, tool: &str, arguments: Value| {
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {
            "name": tool, "arguments": arguments}})
    };
    let batch = json!([
        call(1, "get_memories", json!({})),
        call(2, "create_memory", json!({"content": "User never said so"})),
    ]);
    let reply = send(&server, Method::POST, Some(batch), |request| {
        request.bearer_auth(&token)
    })
    .await;
    assert_eq!(
        reply.message[0]["result"]["isError"], false,
        "{}",
        reply.text
    );
    assert_eq!(reply.message[1]["error"]["code"], -32003, "{}", reply.text);
    let list = call(3, "get_memories", json!({}));
    let reply = post(&server, &user, list).await;
    let memories = &reply.message["result"]["structuredContent"]["memories"];
    assert_eq!(memories, &json!([]));
}

fn null() -> Value {
    Value::Null
}
