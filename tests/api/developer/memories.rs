//! `/v1/dev/user/memories`

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api::plant,
    support::{Server, server::User},
};

const PATH: &str = "/v1/dev/user/memories";

async fn create(server: &Server, user: &User, body: Value) -> Value {
    server.post(PATH, &user.developer_key, body).await.ok()
}

async fn list(server: &Server, user: &User, query: &str) -> Vec<Value> {
    let answer = server
        .get(&format!("{PATH}?{query}"), &user.developer_key)
        .await;
    answer.ok().as_array().unwrap().clone()
}

/// Creation or listing must answer so.
async fn assert_status(
    server: &Server,
    user: &User,
    status: u16,
    query: &str,
    body: Option<Value>,
) -> Value {
    let method = if body.is_some() {
        Method::POST
    } else {
        Method::GET
    };
    let path = format!("{PATH}?{query}");
    let answer = server
        .send(method, &path, Some(&user.developer_key), body)
        .await;
    assert_eq!(answer.status, status, "{query}: {answer:#?}");
    answer.body
}

fn contents(memories: &[Value]) -> Vec<&str> {
    memories
        .iter()
        .map(|memory| memory["content"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_memory_is_stated_listed_and_replaced() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    assert!(list(&server, &user, "").await.is_empty());

    let stated = json!({"content": " User likes tea\n", "category": "interesting", "tags": ["drinks"], "unknown": 1});
    let first = create(&server, &user, stated).await;
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("memory", first, {
            ".created_at" => "[time]", ".updated_at" => "[time]", ".scoring" => "[scoring]"
        });
    });
    assert_eq!(list(&server, &user, "").await, std::slice::from_ref(&first));

    // The id follows from the content, so the same text replaces the memory.
    let again = json!({"content": "User likes tea", "category": "work", "visibility": "public"});
    let second = create(&server, &user, again).await;
    assert_eq!(second["id"], first["id"]);
    assert_eq!(second["tags"], json!([]));
    assert_eq!(second["visibility"], "public");
    assert!(second["created_at"].as_str() > first["created_at"].as_str());
    assert_eq!(list(&server, &user, "").await, [second]);

    // For each user by themselves.
    let other = server.user("ben@example.org").await;
    let theirs = create(&server, &other, json!({"content": "User likes tea"})).await;
    assert_eq!(theirs["id"], first["id"]);
    assert!(["system", "interesting"].contains(&theirs["category"].as_str().unwrap()));
    assert_eq!(list(&server, &user, "").await[0]["category"], "work");
    assert_eq!(list(&server, &other, "").await, [theirs]);
}

#[tokio::test]
async fn categories_are_kept_filtered_and_checked() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    // Today's three, and those of older clients.
    let all = [
        "interesting",
        "system",
        "manual",
        "core",
        "hobbies",
        "lifestyle",
        "interests",
        "habits",
        "work",
        "skills",
        "learnings",
        "other",
        "auto",
    ];
    for category in all {
        let body = json!({"content": format!("About {category}"), "category": category});
        assert_eq!(create(&server, &user, body).await["category"], category);
    }
    let filtered = |query: &'static str| {
        let (server, user) = (&server, &user);
        async move {
            let found = list(server, user, query).await;
            let mut found: Vec<_> = found
                .iter()
                .map(|m| m["category"].as_str().unwrap().to_string())
                .collect();
            found.sort();
            found
        }
    };
    assert_eq!(filtered("categories=work").await, ["work"]);
    assert_eq!(
        filtered("categories=work,%20skills%20,").await,
        ["skills", "work"]
    );
    // A category of conversations matches nothing here.
    assert_eq!(filtered("categories=personal,work").await, ["work"]);
    assert!(filtered("categories=personal").await.is_empty());
    assert_eq!(filtered("categories=").await.len(), all.len());
    for query in ["categories=cats", "categories=work,%00", "categories=Work"] {
        assert_status(&server, &user, 400, query, None).await;
    }
    let body = json!({"content": "x", "category": "cats"});
    let refusal = assert_status(&server, &user, 422, "", Some(body)).await;
    assert_eq!(refusal["detail"][0]["loc"], json!(["body", "category"]));
    // One of conversations is none of memories.
    let body = json!({"content": "x", "category": "travel"});
    assert_status(&server, &user, 422, "", Some(body)).await;
}

#[tokio::test]
async fn pages_are_cut_in_order() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    for (content, category) in [
        ("first", "interesting"),
        ("second", "system"),
        ("third", "manual"),
        ("fourth", "habits"),
        ("fifth", "work"),
    ] {
        create(
            &server,
            &user,
            json!({"content": content, "category": category}),
        )
        .await;
    }
    let db = server.pool().await;
    plant::memory(&db, &user.uid, "found", "interesting", None, None).await;
    plant::memory(&db, &user.uid, "rejected", "interesting", None, Some(false)).await;
    // Stated before found; then the rank of the category, which has `system` and its like first; then the newest.
    let order = ["fourth", "second", "fifth", "third", "first", "found"];
    assert_eq!(contents(&list(&server, &user, "").await), order);
    assert_eq!(contents(&list(&server, &user, "limit=1000").await), order);
    assert_eq!(
        contents(&list(&server, &user, "limit=2&offset=3").await),
        order[3..5]
    );
    // What is rejected or of another category takes no place in a page.
    assert_eq!(
        contents(&list(&server, &user, "limit=2&categories=system,manual").await),
        ["second", "third"]
    );
    assert!(list(&server, &user, "offset=6").await.is_empty());
    assert!(
        list(&server, &user, "offset=9223372036854775807")
            .await
            .is_empty()
    );
    for query in [
        "limit=0",
        "limit=-1",
        "limit=1001",
        "limit=ten",
        "limit=1.5",
        "limit=",
        "limit=1&limit=2",
        "offset=-1",
        "offset=x",
        "offset=9223372036854775808",
    ] {
        let refusal = assert_status(&server, &user, 422, query, None).await;
        let name = query.split('=').next().unwrap();
        if query != "limit=1&limit=2" {
            assert_eq!(
                refusal["detail"][0]["loc"],
                json!(["query", name]),
                "{query}"
            );
        }
    }
    for n in 0..24 {
        create(&server, &user, json!({"content": format!("more {n}")})).await;
    }
    assert_eq!(list(&server, &user, "").await.len(), 25, "the default");
    assert_eq!(list(&server, &user, "limit=1000").await.len(), 30);
}

#[tokio::test]
async fn bad_input_is_refused_and_never_breaks_the_server() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let longest = "é".repeat(500);
    let kept = create(&server, &user, json!({"content": longest})).await;
    assert_eq!(kept["content"], longest);
    // Trimmed first, then measured.
    create(&server, &user, json!({"content": format!("  {longest}  ")})).await;

    let too_long = "é".repeat(501);
    for (body, field) in [
        (json!({"content": ""}), "content"),
        (json!({"content": " \n\t"}), "content"),
        (json!({"content": too_long}), "content"),
        (json!({"content": null}), "content"),
        (json!({"content": 7}), "content"),
        (json!({"content": {}}), "content"),
        (json!({}), "content"),
        (
            json!({"content": "x", "visibility": "secret"}),
            "visibility",
        ),
        (
            json!({"content": "x", "visibility": "shared"}),
            "visibility",
        ),
        (json!({"content": "x", "tags": "one"}), "tags"),
        (json!({"content": "x", "category": 1}), "category"),
    ] {
        let refusal = assert_status(&server, &user, 422, "", Some(body)).await;
        assert_eq!(refusal["detail"][0]["loc"], json!(["body", field]));
        assert_eq!(
            refusal["error"]["message"], refusal["detail"][0]["msg"],
            "{refusal}"
        );
    }

    let refused = async |body: Vec<u8>| {
        let response = crate::support::server::client()
            .post(format!("{}{PATH}", server.url))
            .bearer_auth(&user.developer_key)
            .body(body)
            .send()
            .await
            .unwrap();
        let answer = crate::support::server::Answer::of(response).await;
        assert!((400..500).contains(&answer.status), "{answer:#?}");
        assert!(answer.body["error"]["code"].is_string(), "{answer:#?}");
        answer.body["error"]["message"]
            .as_str()
            .unwrap()
            .to_string()
    };
    for body in [
        "",
        "{",
        "null",
        "[]",
        "[\"an array is no memory\"]",
        "\"text\"",
        "{\"content\": \"x\"} trailing",
        "{\"content\": \"\\ud800\"}",
        "{\"content\": \"x\", \"content\": \"y\"}",
        "content=x",
    ] {
        refused(body.into()).await;
    }
    refused(b"{\"content\": \"\xff\"}".to_vec()).await;
    refused(
        format!(
            "{{\"content\": {}1{}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        )
        .into(),
    )
    .await;
    refused(format!("{{\"content\": \"{}\"}}", "x".repeat(3 * 1024 * 1024)).into()).await;
    // Postgres cannot keep the character zero.
    for body in [
        json!({"content": "a\u{0}b"}),
        json!({"content": "x", "tags": ["\u{0}"]}),
        json!({"content": "x", "category": "\u{0}"}),
    ] {
        let message = refused(body.to_string().into()).await;
        assert!(!message.contains("went wrong"), "{message}");
    }

    let tags = |count| (0..count).map(|n: usize| n.to_string()).collect::<Vec<_>>();
    let kept = create(
        &server,
        &user,
        json!({"content": "many tags", "tags": tags(50)}),
    )
    .await;
    assert_eq!(kept["tags"].as_array().unwrap().len(), 50);
    refused(
        json!({"content": "too many tags", "tags": tags(51)})
            .to_string()
            .into(),
    )
    .await;
    assert_eq!(
        list(&server, &user, "").await.len(),
        2,
        "what was refused was not stored"
    );
}
