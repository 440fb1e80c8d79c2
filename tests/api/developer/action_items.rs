//! `/v1/dev/user/action-items`

use chrono::{DateTime, Days, NaiveTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    api::plant::{self, at},
    support::{Server, server::User},
};

const PATH: &str = "/v1/dev/user/action-items";

async fn list(server: &Server, user: &User, query: &str) -> Vec<Value> {
    let answer = server
        .get(&format!("{PATH}?{query}"), &user.developer_key)
        .await;
    answer.ok().as_array().unwrap().clone()
}

fn descriptions(items: &[Value]) -> String {
    let all: Vec<_> = items
        .iter()
        .map(|item| item["description"].as_str().unwrap())
        .collect();
    all.join(" ")
}

/// Says something to be reminded of for tomorrow, this evening by UTC, and gives when it was said and what is due.
async fn dentist(server: &Server, user: &User) -> (DateTime<Utc>, Value) {
    let evening = NaiveTime::from_hms_opt(20, 0, 0).unwrap();
    let said = Utc::now().date_naive().and_time(evening).and_utc();
    let body = json!({"text": "Remind me to call the dentist tomorrow.", "started_at": said});
    let outcome = server
        .post("/v1/dev/user/conversations", &user.developer_key, body)
        .await
        .ok();
    assert_eq!(
        outcome["status"],
        "completed",
        "{outcome}\n{}",
        server.log()
    );
    let id = outcome["id"].as_str().unwrap();
    let items = list(server, user, &format!("conversation_id={id}")).await;
    assert_eq!(items.len(), 1, "{items:#?}");
    let path = format!("/v1/dev/user/conversations/{id}");
    let embedded = server.get(&path, &user.developer_key).await.ok();
    let embedded = &embedded["structured"]["action_items"][0];
    assert_eq!(embedded["description"], items[0]["description"]);
    assert_eq!(embedded["due_at"], items[0]["due_at"]);
    (said, items[0].clone())
}

#[tokio::test]
async fn tomorrow_is_the_users_tomorrow() {
    let server = Server::deaf().await;
    // 20:00 UTC is the next morning in Auckland and noon of the same day in Los Angeles.
    for zone in [Tz::UTC, Tz::Pacific__Auckland, Tz::America__Los_Angeles] {
        let email = format!("{}@example.org", zone.name().replace('/', "."));
        let user = server.user_in(&email, zone.name()).await;
        let (said, item) = dentist(&server, &user).await;
        let description = item["description"].as_str().unwrap().to_lowercase();
        assert!(description.contains("call the dentist"), "{description}");
        assert!(!description.contains("tomorrow"), "{description}");
        let due: DateTime<Utc> = item["due_at"].as_str().unwrap().parse().unwrap();
        let tomorrow = said.with_timezone(&zone).date_naive() + Days::new(1);
        assert_eq!(
            due.with_timezone(&zone).date_naive(),
            tomorrow,
            "{zone}: {due}"
        );
        if zone == Tz::UTC {
            insta::with_settings!({sort_maps => true}, {
                insta::assert_json_snapshot!("action_item", item, {
                    ".id" => "[id]",
                    ".conversation_id" => "[id]",
                    ".created_at" => "[time]",
                    ".updated_at" => "[time]",
                    ".due_at" => "[tomorrow]",
                });
            });
        }
    }
}

#[tokio::test]
async fn lists_filter_and_order() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let db = server.pool().await;
    let conversation = plant::Conversation::default().put(&db, &user.uid).await;
    let foreign = plant::Conversation::default().put(&db, &other.uid).await;
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
    plant::ActionItem {
        description: "foreign",
        conversation_id: Some(foreign),
        ..Default::default()
    }
    .put(&db, &other.uid)
    .await;
    let of_conversation = format!("conversation_id={conversation}");
    let of_foreign = format!("conversation_id={foreign}");
    let of_nothing = format!("conversation_id={}", Uuid::new_v4());
    for (query, expected) in [
        // Due soonest first, those without a date last and newest first.
        ("", "soon late done oldest"),
        ("limit=1000", "soon late done oldest"),
        // The page is cut by creation, then sorted.
        ("limit=2", "soon done"),
        ("limit=2&offset=1", "soon late"),
        ("offset=4", ""),
        ("completed=True", "done"),
        ("completed=false", "soon late oldest"),
        ("completed=0", "soon late oldest"),
        (&of_conversation, "soon"),
        (&of_foreign, ""),
        (&of_nothing, ""),
        ("conversation_id=no-uuid", ""),
        ("conversation_id=%00", ""),
        ("conversation_id=null", "late done oldest"),
        ("conversation_id=", "late done oldest"),
        ("start_date=2026-01-03", "soon done"),
        ("start_date=2026-01-03T00:00:00.000001Z", "done"),
        ("end_date=2026-01-02T00:00:00", "late oldest"),
        (
            "start_date=2026-01-02T01:00:00+01:00&end_date=1767398400",
            "soon late",
        ),
    ] {
        assert_eq!(
            descriptions(&list(&server, &user, query).await),
            expected,
            "{query}"
        );
    }
    for query in [
        "limit=0",
        "limit=1001",
        "offset=-1",
        "completed=maybe",
        "start_date=soon",
        "end_date=9e99",
    ] {
        let answer = server
            .get(&format!("{PATH}?{query}"), &user.developer_key)
            .await;
        assert_eq!(answer.status, 422, "{query}: {answer:#?}");
    }
    let done = &list(&server, &user, "completed=1").await[0];
    assert_eq!(done["completed_at"], "2026-01-04T00:00:00Z");
    for _ in 0..100 {
        plant::ActionItem::default().put(&db, &user.uid).await;
    }
    assert_eq!(list(&server, &user, "").await.len(), 100, "the default");
    assert_eq!(list(&server, &user, "limit=1000").await.len(), 104);
}
