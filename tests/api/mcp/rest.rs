//! `/v1/mcp/memories`, `/v1/mcp/conversations`: as the published mcp-server-omi asks, and what it leaves out.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::tools::server;
use crate::{
    api::plant::{self, at},
    support::{Server, ServerOptions},
};

const MEMORIES: &str = "/v1/mcp/memories";
const CONVERSATIONS: &str = "/v1/mcp/conversations";

fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> = object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn memories_without_mcp() {
    let (server, user) = server().await;
    let key = Some(user.mcp_key.as_str());
    let send = async |method: Method, path: &str, body: Option<Value>| {
        server.send(method, path, key, body).await
    };
    let body = json!({"content": "User likes tea", "category": "hobbies"});
    let made = send(Method::POST, MEMORIES, Some(body)).await.ok();
    assert_eq!(
        names(&made),
        [
            "category",
            "content",
            "headline",
            "id",
            "tags",
            "visibility"
        ]
    );
    assert_eq!(
        (
            &made["category"],
            &made["visibility"],
            &made["tags"],
            &made["headline"]
        ),
        (
            &json!("hobbies"),
            &json!("private"),
            &json!([]),
            &Value::Null
        )
    );
    let id = made["id"].as_str().unwrap();
    let body =
        json!({"content": "User works at a bank", "visibility": "public", "tags": ["money"]});
    let second = send(Method::POST, MEMORIES, Some(body)).await.ok();
    assert_eq!(
        (&second["visibility"], &second["tags"]),
        (&json!("public"), &json!(["money"]))
    );

    let list = async |query: &str| {
        let path = format!("{MEMORIES}?{query}");
        let found = send(Method::GET, &path, None).await.ok();
        let rows = found.as_array().unwrap();
        rows.iter()
            .for_each(|row| assert_eq!(names(row), ["category", "content", "id"]));
        rows.iter()
            .map(|row| row["content"].as_str().unwrap().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(list("offset=0&limit=2").await.len(), 2);
    assert_eq!(list("limit=1&offset=1").await.len(), 1);
    assert_eq!(
        list("offset=0&limit=2&categories=hobbies,skills").await,
        ["User likes tea"]
    );
    for (query, status) in [
        ("categories=cats", 400),
        ("limit=0", 422),
        ("limit=1001", 422),
        ("offset=-1", 422),
        ("limit=x", 422),
    ] {
        let path = format!("{MEMORIES}?{query}");
        assert_eq!(
            send(Method::GET, &path, None).await.status,
            status,
            "{query}"
        );
    }
    for body in [
        json!({}),
        json!({"content": " "}),
        json!({"content": "x", "category": "cats"}),
        json!({"content": "x".repeat(501)}),
    ] {
        assert_eq!(send(Method::POST, MEMORIES, Some(body)).await.status, 422);
    }

    let found = send(
        Method::GET,
        &format!("{MEMORIES}/search?query=bank&limit=10"),
        None,
    )
    .await
    .ok();
    assert_eq!(
        names(&found[0]),
        ["category", "content", "id", "relevance_score"]
    );
    assert_eq!(found[0]["content"], "User works at a bank");
    for query in ["", "?query=", "?query=x&limit=0", "?query=x&limit=101"] {
        let path = format!("{MEMORIES}/search{query}");
        assert_eq!(send(Method::GET, &path, None).await.status, 422, "{query}");
    }

    let ok = json!({"status": "ok"});
    let path = format!("{MEMORIES}/{id}");
    let new = format!("{path}?value=User+likes+coffee+%26+cake");
    assert_eq!(send(Method::PATCH, &new, None).await.ok(), ok);
    assert_eq!(
        list("categories=hobbies").await,
        ["User likes coffee & cake"]
    );
    for (path, status) in [
        (path.clone(), 422),
        (format!("{path}?value="), 422),
        (format!("{MEMORIES}/{}?value=x", Uuid::new_v4()), 404),
        (format!("{MEMORIES}/no-uuid?value=x"), 404),
    ] {
        let refused = send(Method::PATCH, &path, None).await;
        assert_eq!(refused.status, status, "{path}: {refused:#?}");
    }
    assert_eq!(send(Method::DELETE, &path, None).await.ok(), ok);
    let gone = send(Method::DELETE, &path, None).await;
    assert_eq!(
        (gone.status, &gone.body["detail"]),
        (404, &json!("Memory not found"))
    );
    assert_eq!(list("").await, ["User works at a bank"]);
}

#[tokio::test]
async fn conversations_without_mcp() {
    let (server, user) = server().await;
    let db = server.pool().await;
    let mut ids = Vec::new();
    for (title, created_at, category) in [
        ("Garden", "2026-01-01T09:00:00Z", "family"),
        ("Boiler", "2026-01-02T23:59:59Z", "work"),
        ("Lake", "2026-01-03T09:00:00Z", "travel"),
    ] {
        let talk = plant::Conversation {
            title,
            created_at: at(created_at),
            category,
            ..plant::Conversation::default()
        };
        ids.push(talk.put(&db, &user.uid).await);
    }
    plant::Conversation {
        title: "Discarded",
        discarded: true,
        ..plant::Conversation::default()
    }
    .put(&db, &user.uid)
    .await;
    plant::segment(&db, &user.uid, ids[1], 0, true, 0.0, "The boiler leaks.").await;
    let get = async |path: &str| server.get(path, &user.mcp_key).await;
    let titles = async |path: String| {
        let found = get(&path).await.ok();
        let rows = found.as_array().unwrap();
        for row in rows {
            assert_eq!(
                names(row),
                ["finished_at", "id", "language", "started_at", "structured"]
            );
            assert_eq!(names(&row["structured"]), ["category", "overview", "title"]);
        }
        let titles: Vec<_> = rows
            .iter()
            .map(|row| row["structured"]["title"].as_str().unwrap())
            .collect();
        titles.join(" ")
    };
    for (query, expected) in [
        ("", "Lake Boiler Garden"),
        ("limit=20&offset=0", "Lake Boiler Garden"),
        ("limit=1&offset=1", "Boiler"),
        // Dates without an offset, as the published client writes them.
        (
            "limit=20&offset=0&start_date=2026-01-02T00:00:00&end_date=2026-01-02T23:59:59",
            "Boiler",
        ),
        ("start_date=2026-01-02", "Lake Boiler"),
        ("categories=family,work", "Boiler Garden"),
    ] {
        assert_eq!(
            titles(format!("{CONVERSATIONS}?{query}")).await,
            expected,
            "{query}"
        );
    }
    for (query, expected) in [
        ("query=boiler&limit=10", "Boiler"),
        (
            "query=boiler&start_date=2026-01-02&end_date=2026-01-02",
            "Boiler",
        ),
        ("query=boiler&start_date=2026-01-03", ""),
        ("query=boiler&end_date=2026-01-01", ""),
    ] {
        assert_eq!(
            titles(format!("{CONVERSATIONS}/search?{query}")).await,
            expected,
            "{query}"
        );
    }
    for (path, status) in [
        ("?categories=cats", 400),
        ("?start_date=soon", 400),
        ("?limit=0", 422),
        ("/search", 422),
        ("/search?query=", 422),
        ("/search?query=x&limit=101", 422),
        ("/search?query=x&start_date=soon", 400),
        ("/search?query=x&end_date=2026-1-2", 400),
        ("/no-uuid", 404),
        (&format!("/{}", Uuid::new_v4()), 404),
    ] {
        let refused = get(&format!("{CONVERSATIONS}{path}")).await;
        assert_eq!(refused.status, status, "{path}: {refused:#?}");
    }
    let one = get(&format!("{CONVERSATIONS}/{}", ids[1])).await.ok();
    assert_eq!(
        names(&one),
        [
            "finished_at",
            "id",
            "language",
            "started_at",
            "structured",
            "transcript_segments"
        ]
    );
    let said = &one["transcript_segments"][0];
    assert_eq!(
        names(said),
        ["end", "id", "speaker_id", "speaker_name", "start", "text"]
    );
    assert_eq!(
        (&said["text"], &said["speaker_name"]),
        (&json!("The boiler leaks."), &json!("User"))
    );
}

#[tokio::test]
async fn a_name_in_a_header_is_no_key_and_stating_has_a_limit() {
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: vec![("OMI_RATE_LIMIT__MCP_MEMORIES_PER_HOUR", "2".into())],
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("ann@example.org").await;
    // As older releases of the published client ask.
    let nameless = crate::support::server::client()
        .get(format!("{}{MEMORIES}", server.url))
        .header("uid", &user.uid)
        .send()
        .await
        .unwrap();
    assert_eq!(nameless.status(), 401);
    let state = async |content: &str| {
        server
            .post(MEMORIES, &user.mcp_key, json!({"content": content}))
            .await
    };
    for content in ["likes tea", "likes milk"] {
        assert_eq!(state(content).await.status, 200);
    }
    let refused = state("likes rain").await;
    assert_eq!(refused.status, 429, "{refused:#?}");
    assert!(
        refused.body["detail"]
            .as_str()
            .unwrap()
            .contains("mcp:memories"),
        "{refused:#?}"
    );
    assert!(refused.headers.contains_key("retry-after"));
}
