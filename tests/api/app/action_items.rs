//! `/v1/action-items`

use serde_json::{Value, json};

use crate::{
    api::plant::{self, at},
    support::{Server, server::User},
};

const PATH: &str = "/v1/action-items";

async fn page(server: &Server, user: &User, query: &str) -> Value {
    server
        .get(&format!("{PATH}?{query}"), &user.token)
        .await
        .ok()
}

/// What a page holds, with a `+` if more follow.
fn short(page: &Value) -> String {
    let mut words: Vec<_> = page["action_items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["description"].as_str().unwrap())
        .collect();
    if page["has_more"].as_bool().unwrap() {
        words.push("+");
    }
    words.join(" ")
}

#[tokio::test]
async fn pages_filter_and_order() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    assert_eq!(
        page(&server, &user, "").await,
        json!({"action_items": [], "has_more": false})
    );
    let conversation = plant::Conversation::default().put(&db, &user.uid).await;
    for item in [
        plant::ActionItem {
            description: "oldest",
            created_at: at("2026-01-01T00:00:00Z"),
            ..Default::default()
        },
        plant::ActionItem {
            description: "late",
            created_at: at("2026-01-02T00:00:00Z"),
            due_at: Some(at("2026-03-01T00:00:00Z")),
            ..Default::default()
        },
        plant::ActionItem {
            description: "soon",
            created_at: at("2026-01-03T00:00:00Z"),
            due_at: Some(at("2026-02-01T00:00:00Z")),
            conversation_id: Some(conversation),
            ..Default::default()
        },
        plant::ActionItem {
            description: "done",
            created_at: at("2026-01-04T00:00:00Z"),
            completed: true,
            ..Default::default()
        },
    ] {
        item.put(&db, &user.uid).await;
    }
    let of_conversation = format!("conversation_id={conversation}");
    for (query, expected) in [
        ("", "soon late done oldest"),
        ("limit=4", "soon late done oldest"),
        // The page is cut by creation, then sorted.
        ("limit=3", "soon late done +"),
        ("limit=1", "done +"),
        ("limit=2&offset=2", "late oldest"),
        ("limit=1&offset=2", "late +"),
        ("offset=4", ""),
        ("completed=true", "done"),
        ("completed=False", "soon late oldest"),
        (&of_conversation, "soon"),
        ("conversation_id=no-uuid", ""),
        ("conversation_id=", "soon late done oldest"),
        ("start_date=2026-01-02&end_date=2026-01-03", "soon late"),
        // A due bound leaves out what has no date, counts inclusively and puts the bounds of creation aside.
        ("due_start_date=2026-02-01", "soon late"),
        ("due_start_date=2026-02-01&limit=1", "late +"),
        ("due_start_date=2026-02-01&limit=1&offset=1", "soon"),
        ("due_end_date=2026-02-01T00:00:00Z", "soon"),
        ("due_end_date=2026-02-28&start_date=2027-01-01", "soon"),
        ("due_start_date=2026-02-02&completed=true", ""),
        ("include_completed=true", "soon late done oldest"),
    ] {
        assert_eq!(
            short(&page(&server, &user, query).await),
            expected,
            "{query}"
        );
    }
    for query in [
        "limit=0",
        "limit=501",
        "offset=-1",
        "completed=maybe",
        "due_end_date=soon",
    ] {
        let answer = server.get(&format!("{PATH}?{query}"), &user.token).await;
        assert_eq!(answer.status, 422, "{query}: {answer:#?}");
    }
    let soon =
        page(&server, &user, "limit=2&offset=1&completed=false").await["action_items"][0].clone();
    assert_eq!(soon["description"], "late");
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("action_item", soon, {".id" => "[id]"});
    });
    for _ in 0..50 {
        plant::ActionItem::default().put(&db, &user.uid).await;
    }
    let first = page(&server, &user, "").await;
    assert_eq!(
        first["action_items"].as_array().unwrap().len(),
        50,
        "the default"
    );
    assert_eq!(first["has_more"], true);
    assert_eq!(
        page(&server, &user, "limit=500").await["action_items"]
            .as_array()
            .unwrap()
            .len(),
        54
    );
    let other = server.user("ben@example.org").await;
    assert_eq!(short(&page(&server, &other, &of_conversation).await), "");
}
