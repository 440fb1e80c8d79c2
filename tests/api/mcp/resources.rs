//! Resources: conversations and memories to read, page by page.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Assistant, BOTH, send, tools::server};
use crate::{
    api::plant::{self, at},
    support::Server,
};

/// A question of the newest revision, which has no sessions.
pub async fn newest(server: &Server, key: &str, method: &str, params: Value) -> Value {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let name = params.get("uri").or(params.get("name")).cloned();
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let reply = send(server, Method::POST, Some(message), |request| {
        let request = request
            .bearer_auth(key)
            .header("accept", BOTH)
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method);
        match name.as_ref().and_then(Value::as_str) {
            Some(name) => request.header("mcp-name", name),
            None => request,
        }
    })
    .await;
    reply.message
}

#[tokio::test]
async fn conversations_and_memories_are_listed_and_read() {
    let (server, user) = server().await;
    let db = server.pool().await;
    let talk = plant::Conversation {
        title: "Garden plans",
        category: "family",
        ..plant::Conversation::default()
    };
    let talk = talk.put(&db, &user.uid).await;
    let item = plant::ActionItem {
        description: "Buy seeds",
        due_at: Some(at("2026-02-01T12:00:00Z")),
        conversation_id: Some(talk),
        ..plant::ActionItem::default()
    };
    item.put(&db, &user.uid).await;
    plant::segment(
        &db,
        &user.uid,
        talk,
        0,
        true,
        75.0,
        "Let us plant tomatoes.",
    )
    .await;
    plant::segment(&db, &user.uid, talk, 1, false, 80.0, "And beans.").await;
    let failed = plant::Conversation {
        status: "failed",
        ..plant::Conversation::default()
    };
    failed.put(&db, &user.uid).await;
    let fact = plant::memory(&db, &user.uid, "Grows tomatoes", "hobbies", None, None).await;
    plant::memory(&db, &user.uid, "Rejected", "hobbies", None, Some(false)).await;
    let assistant = Assistant::connect(&server, &user.mcp_key).await;

    let listed = assistant.ask("resources/list", json!({})).await;
    let resources = &listed["result"]["resources"];
    let (conversation, memory) = (
        format!("omi://conversation/{talk}"),
        format!("omi://memory/{fact}"),
    );
    let told = |n: usize, name: &str| resources[n][name].as_str().unwrap_or_default().to_string();
    assert_eq!(resources.as_array().unwrap().len(), 2, "{listed:#}");
    assert_eq!(
        [told(0, "uri"), told(1, "uri")],
        [conversation.clone(), memory.clone()]
    );
    assert_eq!(
        [told(0, "title"), told(1, "title")],
        ["Garden plans", "Grows tomatoes"]
    );
    assert_eq!(told(0, "description"), "An overview.");
    assert_eq!(told(0, "mimeType"), "text/markdown");
    assert_eq!(
        resources[0]["annotations"]["lastModified"],
        "2026-01-31T09:10:00+00:00"
    );
    assert!(listed["result"].get("nextCursor").is_none(), "{listed:#}");
    assert!(
        listed["result"].get("ttlMs").is_none(),
        "an older revision knows no caches"
    );

    let templates = assistant.ask("resources/templates/list", json!({})).await;
    let templates = &templates["result"]["resourceTemplates"];
    assert_eq!(templates[0]["uriTemplate"], "omi://conversation/{id}");
    assert_eq!(templates[1]["uriTemplate"], "omi://memory/{id}");

    let read = async |uri: &str| assistant.ask("resources/read", json!({"uri": uri})).await;
    let text = async |uri: &str| {
        let answer = read(uri).await;
        let contents = &answer["result"]["contents"];
        assert_eq!(contents.as_array().map(Vec::len), Some(1), "{answer:#}");
        assert_eq!(
            (&contents[0]["uri"], &contents[0]["mimeType"]),
            (&json!(uri), &json!("text/markdown"))
        );
        contents[0]["text"].as_str().unwrap().to_string()
    };
    insta::assert_snapshot!("conversation", text(&conversation).await);
    insta::assert_snapshot!("memory", text(&memory).await);

    // Absent, another's and made up are the same.
    let ben = server.user("ben@example.org").await;
    let other = Assistant::connect(&server, &ben.mcp_key).await;
    for uri in [
        conversation.as_str(),
        memory.as_str(),
        &format!("omi://conversation/{}", Uuid::new_v4()),
        "omi://conversation/no-uuid",
        "omi://memory/",
        "omi://memory/\u{0}",
        "omi://cat/1",
        "file:///etc/passwd",
        "",
    ] {
        let answer = other.ask("resources/read", json!({"uri": uri})).await;
        assert_eq!(answer["error"]["code"], -32002, "{uri}: {answer:#}");
        assert_eq!(answer["error"]["data"]["uri"], uri, "{answer:#}");
        // What no header can hold.
        if uri.is_empty() || uri.contains('\u{0}') {
            continue;
        }
        let newer = newest(&server, &ben.mcp_key, "resources/read", json!({"uri": uri})).await;
        assert_eq!(newer["error"]["code"], -32602, "{uri}: {newer:#}");
    }
    let listed = other.ask("resources/list", json!({})).await;
    assert_eq!(listed["result"]["resources"], json!([]));
    let wrong = assistant.ask("resources/read", json!({})).await;
    assert_eq!(wrong["error"]["code"], -32602, "{wrong:#}");
}

#[tokio::test]
async fn lists_have_pages_and_tell_how_long_they_hold() {
    let (server, user) = server().await;
    let db = server.pool().await;
    sqlx::query(
        "insert into conversations (uid, id, title, status, category, source, created_at, started_at, finished_at)
         select $1, gen_random_uuid(), 'Talk ' || n, 'completed', 'other', 'omi', at, at, at
         from generate_series(1, 60) n, lateral (select now() - n * interval '1 hour') as times (at)",
    )
    .bind(&user.uid)
    .execute(&db)
    .await
    .unwrap();
    plant::memory(&db, &user.uid, "Grows tomatoes", "hobbies", None, None).await;
    let assistant = Assistant::connect(&server, &user.mcp_key).await;
    let page = async |params: Value| {
        let answer = assistant.ask("resources/list", params).await["result"].clone();
        let titles = answer["resources"].as_array().unwrap();
        let titles = titles
            .iter()
            .map(|one| one["title"].as_str().unwrap().to_string());
        (titles.collect::<Vec<_>>(), answer["nextCursor"].clone())
    };
    let (first, cursor) = page(json!({})).await;
    assert_eq!(
        (first.len(), first[0].as_str(), first[50].as_str()),
        (51, "Talk 1", "Grows tomatoes")
    );
    let (second, end) = page(json!({"cursor": cursor})).await;
    assert_eq!(
        (second.len(), second[9].as_str(), end),
        (10, "Talk 60", Value::Null)
    );
    for cursor in ["0", "-1", "200", "soon"] {
        let answer = assistant
            .ask("resources/list", json!({"cursor": cursor}))
            .await;
        assert_eq!(answer["error"]["code"], -32602, "{cursor}: {answer:#}");
    }

    for (method, fresh) in [
        ("tools/list", true),
        ("prompts/list", true),
        ("resources/templates/list", true),
        ("resources/list", false),
    ] {
        let answer = newest(&server, &user.mcp_key, method, json!({})).await;
        let result = &answer["result"];
        assert_eq!(result["cacheScope"], "private", "{method}: {answer:#}");
        assert_eq!(
            result["ttlMs"].as_u64().unwrap() > 0,
            fresh,
            "{method}: {result:#}"
        );
    }
}
