//! Changing and removing memories, and stating many at once.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Server,
    server::{Answer, User},
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

fn contents(memories: &[Value]) -> Vec<&str> {
    memories
        .iter()
        .map(|memory| memory["content"].as_str().unwrap())
        .collect()
}

async fn ask(server: &Server, user: &User, method: Method, rest: &str, body: Value) -> Answer {
    let path = format!("{PATH}{rest}");
    server
        .send(method, &path, Some(&user.developer_key), Some(body))
        .await
}

/// Refused, and the first problem is there.
#[track_caller]
fn assert_invalid(answer: &Answer, location: &[&str]) {
    assert_eq!(answer.status, 422, "{answer:#?}");
    assert_eq!(
        answer.body["detail"][0]["loc"],
        json!(location),
        "{answer:#?}"
    );
}

#[tokio::test]
async fn a_memory_is_changed_and_removed() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let first = json!({"content": "User likes tea", "category": "interesting", "tags": ["drinks"]});
    let first = create(&server, &user, first).await;
    let later = json!({"content": "User has a cat", "category": "interesting"});
    create(&server, &user, later).await;
    let rest = format!("/{}", first["id"].as_str().unwrap());
    let get = async || ask(&server, &user, Method::GET, &rest, json!({})).await;
    let patch = async |body: Value| ask(&server, &user, Method::PATCH, &rest, body).await;
    assert_eq!(get().await.ok(), first);

    // One field at a time: the others stay.
    let mut expected = first.clone();
    for (change, fields) in [
        (
            json!({"content": " User likes coffee\n"}),
            json!({"content": "User likes coffee", "edited": true}),
        ),
        (
            json!({"visibility": "public", "content": null}),
            json!({"visibility": "public"}),
        ),
        (
            json!({"tags": ["b", "a"], "id": "x"}),
            json!({"tags": ["b", "a"]}),
        ),
        (json!({"tags": []}), json!({"tags": []})),
        (
            json!({"category": "habits"}),
            json!({"category": "habits", "scoring": expected["scoring"].as_str().unwrap().replace("_998_", "_999_")}),
        ),
    ] {
        let changed = patch(change.clone()).await.ok();
        assert!(
            changed["updated_at"].as_str() > expected["updated_at"].as_str(),
            "{change}"
        );
        expected["updated_at"] = changed["updated_at"].clone();
        for (field, value) in fields.as_object().unwrap() {
            expected[field] = value.clone();
        }
        assert_eq!(changed, expected, "{change}");
        assert_eq!(get().await.ok(), expected, "{change}");
    }
    // The older one stands before the newer one now.
    assert_eq!(
        contents(&list(&server, &user, "").await),
        ["User likes coffee", "User has a cat"]
    );

    for nothing in [
        json!({}),
        json!({"content": null, "tags": null, "category": null, "visibility": null}),
        json!({"edited": false}),
    ] {
        let refusal = patch(nothing).await;
        assert_invalid(&refusal, &["body"]);
        assert_eq!(
            refusal.body["error"]["message"],
            "At least one field (content, visibility, tags, or category) must be provided"
        );
    }
    for (body, field) in [
        // What is right beside what is wrong is not stored.
        (
            json!({"content": "changed", "visibility": "shared"}),
            "visibility",
        ),
        (
            json!({"content": "changed", "category": "travel"}),
            "category",
        ),
        (json!({"content": "changed", "tags": [""]}), "tags"),
        (json!({"content": "  ", "tags": ["x"]}), "content"),
        (json!({"content": "é".repeat(501)}), "content"),
        (json!({"content": 7}), "content"),
        (json!({"tags": "x"}), "tags"),
    ] {
        assert_invalid(&patch(body).await, &["body", field]);
    }
    for body in [
        json!({"content": "a\u{0}b"}),
        json!({"content": "a", "tags": ["\u{0}"]}),
    ] {
        assert_eq!(patch(body).await.status, 400);
    }
    assert_eq!(get().await.ok(), expected);

    // Somebody else's, even under the same id, is another.
    let other = server.user("ben@example.org").await;
    create(&server, &other, json!({"content": "User likes tea"})).await;
    let deleted = ask(&server, &user, Method::DELETE, &rest, json!({})).await;
    assert_eq!(deleted.ok(), json!({"success": true}));
    for (method, body) in [
        (Method::GET, json!({})),
        (Method::PATCH, json!({"content": "x"})),
        (Method::DELETE, json!({})),
    ] {
        let gone = ask(&server, &user, method, &rest, body).await;
        assert_eq!(
            (gone.status, &gone.body["detail"]),
            (404, &json!("Memory not found"))
        );
    }
    assert_eq!(
        contents(&list(&server, &user, "").await),
        ["User has a cat"]
    );
    assert_eq!(
        contents(&list(&server, &other, "").await),
        ["User likes tea"]
    );
}

#[tokio::test]
async fn many_memories_are_stated_at_once() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let batch = async |body: Value| ask(&server, &user, Method::POST, "/batch", body).await;
    assert_eq!(
        batch(json!({"memories": []})).await.ok(),
        json!({"memories": [], "created_count": 0})
    );

    let one = |content: &str| json!({"content": content});
    let full: Vec<_> = (0..25).map(|n| one(&format!("fact {n}"))).collect();
    let answer = batch(json!({"memories": full})).await.ok();
    assert_eq!(answer["created_count"], 25);
    let stated = answer["memories"].as_array().unwrap();
    assert_eq!(stated.len(), 25);
    for (n, memory) in stated.iter().enumerate() {
        assert_eq!(memory["content"], format!("fact {n}"));
        assert_eq!(memory["user_review"], true);
    }
    let mut listed = list(&server, &user, "limit=1000").await;
    listed.sort_by_key(|memory| {
        let content = memory["content"].as_str().unwrap();
        content["fact ".len()..].parse::<usize>().unwrap()
    });
    assert_eq!(&listed, stated);

    // All or nothing, and the item is named.
    let too_many: Vec<_> = (0..26).map(|n| one(&format!("more {n}"))).collect();
    assert_invalid(
        &batch(json!({"memories": too_many})).await,
        &["body", "memories"],
    );
    for (bad, field) in [
        (json!({"content": " "}), "content"),
        (json!({"content": "x".repeat(501)}), "content"),
        (json!({}), "content"),
        (json!({"content": 1}), "content"),
        (json!({"content": "x", "category": "cats"}), "category"),
        (
            json!({"content": "x", "visibility": "shared"}),
            "visibility",
        ),
    ] {
        let items = [one("more"), one("more"), one("yet more"), bad, one("last")];
        let refusal = batch(json!({"memories": items})).await;
        assert_invalid(&refusal, &["body", "memories", "3", field]);
    }
    let zero = json!({"memories": [one("more"), one("a\u{0}b")]});
    assert_eq!(batch(zero).await.status, 400);
    let missing = batch(json!({})).await;
    assert_invalid(&missing, &["body", "memories"]);
    assert_eq!(missing.body["detail"][0]["type"], "missing");
    assert_invalid(&batch(json!({"memories": {}})).await, &["body", "memories"]);
    assert_eq!(list(&server, &user, "limit=1000").await.len(), 25);

    // The same text twice is one memory, and the later one is right.
    let twice = json!({"memories": [
        {"content": "User likes tea", "category": "work", "tags": ["a", "b"]},
        {"content": "User walks, they say \"a lot\"", "category": "habits", "visibility": "public"},
        {"content": " User likes tea ", "category": "hobbies", "tags": ["z", "c"]},
    ]});
    let answer = batch(twice).await.ok();
    assert_eq!(answer["created_count"], 3);
    let [tea, walk, again] = answer["memories"].as_array().unwrap().as_slice() else {
        panic!("{answer:#}");
    };
    assert_eq!(tea, again);
    assert_eq!(tea["category"], "hobbies");
    assert_eq!(tea["tags"], json!(["z", "c"]));
    assert_eq!(walk["visibility"], "public");
    assert_eq!(
        &list(&server, &user, "categories=hobbies,habits").await,
        &[walk.clone(), tea.clone()]
    );

    // As the published MCP server writes it.
    let answer = batch(json!({"contents": ["User skis", "User sails"]}))
        .await
        .ok();
    assert_eq!(
        contents(answer["memories"].as_array().unwrap()),
        ["User skis", "User sails"]
    );
    assert_invalid(
        &batch(json!({"contents": ["x", ""]})).await,
        &["body", "memories", "1", "content"],
    );

    // Two that write the same rows from both ends do not stop each other.
    let backwards: Vec<_> = full.iter().rev().cloned().collect();
    for _ in 0..5 {
        let (one, other) = tokio::join!(
            batch(json!({"memories": full})),
            batch(json!({"memories": backwards}))
        );
        assert_eq!(
            (one.status, other.status),
            (200, 200),
            "{one:#?} {other:#?}"
        );
    }
}
