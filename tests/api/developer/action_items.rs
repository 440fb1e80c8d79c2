//! `/v1/dev/user/action-items`

use chrono::{DateTime, Days, NaiveTime, Utc};
use chrono_tz::Tz;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    api::plant::{self, at},
    support::{
        Server,
        server::{Answer, User},
    },
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
        // A due bound leaves out what has no date; all bounds count together.
        ("due_start_date=2026-02-01", "soon late"),
        ("due_start_date=2026-01-01&start_date=2026-01-03", "soon"),
        ("due_end_date=2026-03-01&end_date=2026-01-02", "late"),
        ("due_end_date=2026-03-01&start_date=2026-01-04", ""),
    ] {
        assert_eq!(
            descriptions(&list(&server, &user, query).await),
            expected,
            "{query}"
        );
    }
    // Numbers are invalid, other values are bad requests; the sentence names the parameter.
    for (query, status, sentence) in [
        ("limit=0", 422, "limit must be between 1 and 1000"),
        ("limit=1001", 422, "limit must be between 1 and 1000"),
        ("limit=ten", 422, "limit should be a whole number"),
        (
            "offset=-1",
            422,
            "offset must be between 0 and 9223372036854775807",
        ),
        (
            "completed=maybe",
            400,
            "completed should be a valid boolean, such as true or false",
        ),
        (
            "start_date=soon",
            400,
            "start_date should be a valid datetime, such as 2026-01-31T09:30:00Z",
        ),
        (
            "end_date=9e99",
            400,
            "end_date should be a valid datetime, such as 2026-01-31T09:30:00Z",
        ),
        (
            "due_start_date=2026-02-30",
            400,
            "due_start_date should be a valid datetime, such as 2026-01-31T09:30:00Z",
        ),
        (
            "due_end_date=x",
            400,
            "due_end_date should be a valid datetime, such as 2026-01-31T09:30:00Z",
        ),
    ] {
        let answer = server
            .get(&format!("{PATH}?{query}"), &user.developer_key)
            .await;
        assert_eq!(answer.status, status, "{query}: {answer:#?}");
        assert_eq!(answer.body["error"]["message"], sentence);
        let name = query.split('=').next().unwrap();
        assert_eq!(answer.body["detail"][0]["loc"], json!(["query", name]));
    }
    let done = &list(&server, &user, "completed=1").await[0];
    assert_eq!(done["completed_at"], "2026-01-04T00:00:00Z");
    for _ in 0..100 {
        plant::ActionItem::default().put(&db, &user.uid).await;
    }
    assert_eq!(list(&server, &user, "").await.len(), 100, "the default");
    assert_eq!(list(&server, &user, "limit=1000").await.len(), 104);
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
async fn an_item_is_created_in_many_spellings() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let create = async |body: Value| ask(&server, &user, Method::POST, "", body).await;

    let plain = create(json!({"description": " Buy milk\n", "conversation_id": Uuid::new_v4()}))
        .await
        .ok();
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("created", plain, {
            ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]"
        });
    });
    let rest = format!("/{}", plain["id"].as_str().unwrap());
    let found = ask(&server, &user, Method::GET, &rest, json!({})).await;
    assert_eq!(found.ok(), plain);
    assert_eq!(list(&server, &user, "conversation_id=null").await, [plain]);

    for body in [
        json!({"description": "Call Ann", "due_at": "2026-12-01T10:00:00Z", "completed": true}),
        json!({"description": "Call Ann", "due_at": "2026-12-01T10:00:00", "completed": "True"}),
        json!({"content": "Call Ann", "due_date": "2026-12-01T11:00:00+01:00", "completed": 1}),
        json!({"description": "Call Ann", "due_at": 1796119200, "completed": "on"}),
    ] {
        let item = create(body.clone()).await.ok();
        assert_eq!(item["description"], "Call Ann", "{body}");
        assert_eq!(item["due_at"], "2026-12-01T10:00:00Z", "{body}");
        assert_eq!(item["completed"], true, "{body}");
        assert_eq!(item["completed_at"], item["created_at"], "{body}");
    }
    // Of several names the first that says something counts.
    let both = json!({"description": " ", "content": "Call Ann", "due_at": null, "due_date": "2026-12-01T10:00:00Z"});
    let item = create(both).await.ok();
    assert_eq!(
        (&item["description"], &item["due_at"]),
        (&json!("Call Ann"), &json!("2026-12-01T10:00:00Z"))
    );
    let both = json!({"description": "Call Ann", "content": " ", "due_at": "2026-12-01", "due_date": "2027-01-01"});
    let item = create(both).await.ok();
    assert_eq!(
        (&item["description"], &item["due_at"]),
        (&json!("Call Ann"), &json!("2026-12-01T00:00:00Z"))
    );
    let longest = "é".repeat(500);
    let kept = create(json!({"description": longest, "due_at": null, "completed": null})).await;
    let kept = kept.ok();
    assert_eq!(kept["description"], longest);
    assert_eq!(
        (&kept["completed"], &kept["due_at"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(list(&server, &user, "").await.len(), 8);

    for (body, field) in [
        (json!({}), "description"),
        (json!({"description": null}), "description"),
        (json!({"description": " \t"}), "description"),
        (json!({"description": "é".repeat(501)}), "description"),
        (
            json!({"description": "x", "completed": "maybe"}),
            "completed",
        ),
        (json!({"description": "x", "due_at": "soon"}), "due_at"),
        (json!({"description": "x", "due_at": true}), "due_at"),
        (
            json!({"description": "x", "due_at": "10000-01-01T00:00:00Z"}),
            "due_at",
        ),
    ] {
        assert_invalid(&create(body).await, &["body", field]);
    }
    let zero = create(json!({"description": "a\u{0}b"})).await;
    assert_eq!(zero.status, 400, "{zero:#?}");
    assert_eq!(list(&server, &user, "").await.len(), 8);
}

#[tokio::test]
async fn an_item_is_changed_and_removed() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let due = json!({"description": "Buy milk", "due_at": "2026-12-01T10:00:00Z"});
    let mut expected = ask(&server, &user, Method::POST, "", due).await.ok();
    let rest = format!("/{}", expected["id"].as_str().unwrap());
    let get = async || ask(&server, &user, Method::GET, &rest, json!({})).await;
    let patch = async |body: Value| ask(&server, &user, Method::PATCH, &rest, body).await;

    for (change, fields) in [
        (
            json!({"description": " Buy oat milk "}),
            json!({"description": "Buy oat milk"}),
        ),
        (
            json!({"completed": true, "description": null}),
            json!({"completed": true, "completed_at": "now"}),
        ),
        // Done is done: the time stays.
        (json!({"completed": "true"}), json!({})),
        (
            json!({"due_at": "2026-12-02T10:00:00"}),
            json!({"due_at": "2026-12-02T10:00:00Z"}),
        ),
        (
            json!({"completed": false}),
            json!({"completed": false, "completed_at": null}),
        ),
        (json!({"completed": false}), json!({})),
        (
            json!({"completed": null, "due_at": null}),
            json!({"due_at": null}),
        ),
        (
            json!({"completed": true}),
            json!({"completed": true, "completed_at": "now"}),
        ),
        (
            json!({"content": "Buy rice", "due_date": "2027-01-01"}),
            json!({"description": "Buy rice", "due_at": "2027-01-01T00:00:00Z"}),
        ),
        (json!({"due_date": null}), json!({"due_at": null})),
        (
            json!({"description": "", "content": "Buy figs", "due_at": null, "due_date": "2027-01-02"}),
            json!({"description": "Buy figs", "due_at": "2027-01-02T00:00:00Z"}),
        ),
    ] {
        let changed = patch(change.clone()).await.ok();
        assert!(
            changed["updated_at"].as_str() > expected["updated_at"].as_str(),
            "{change}"
        );
        expected["updated_at"] = changed["updated_at"].clone();
        for (field, value) in fields.as_object().unwrap() {
            let now = value == "now";
            expected[field] = if now {
                changed["updated_at"].clone()
            } else {
                value.clone()
            };
        }
        assert_eq!(changed, expected, "{change}");
    }
    assert_eq!(get().await.ok(), expected);

    for nothing in [
        json!({}),
        json!({"description": null, "completed": null}),
        json!({"x": 1}),
    ] {
        let refusal = patch(nothing).await;
        assert_invalid(&refusal, &["body"]);
        assert_eq!(
            refusal.body["error"]["message"],
            "At least one field must be provided"
        );
    }
    for (body, field) in [
        (
            json!({"completed": false, "description": ""}),
            "description",
        ),
        (
            json!({"completed": false, "description": "x".repeat(501)}),
            "description",
        ),
        (json!({"description": "x", "completed": []}), "completed"),
        (json!({"description": "x", "due_at": "soon"}), "due_at"),
    ] {
        assert_invalid(&patch(body).await, &["body", field]);
    }
    assert_eq!(patch(json!({"description": "\u{0}x"})).await.status, 400);
    assert_eq!(get().await.ok(), expected);

    let deleted = ask(&server, &user, Method::DELETE, &rest, json!({})).await;
    assert_eq!(deleted.ok(), json!({"success": true}));
    for (method, body) in [
        (Method::GET, json!({})),
        (Method::PATCH, json!({"completed": true})),
        (Method::DELETE, json!({})),
    ] {
        let gone = ask(&server, &user, method, &rest, body).await;
        assert_eq!(
            (gone.status, &gone.body["detail"]),
            (404, &json!("Action item not found"))
        );
    }
}

#[tokio::test]
async fn many_items_are_created_at_once() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let batch = async |body: Value| ask(&server, &user, Method::POST, "/batch", body).await;
    assert_eq!(
        batch(json!({"action_items": []})).await.ok(),
        json!({"action_items": [], "created_count": 0})
    );
    let full: Vec<_> = (0..50)
        .map(|n| json!({"description": format!("item {n}"), "completed": n % 2 == 0}))
        .collect();
    let answer = batch(json!({"action_items": full})).await.ok();
    assert_eq!(answer["created_count"], 50);
    let created = answer["action_items"].as_array().unwrap();
    for (n, item) in created.iter().enumerate() {
        assert_eq!(item["description"], format!("item {n}"));
        assert_eq!(item["completed_at"].is_string(), n % 2 == 0);
    }
    assert_eq!(list(&server, &user, "limit=1000").await.len(), 50);

    let mut too_many = full.clone();
    too_many.push(json!({"description": "one more"}));
    assert_invalid(
        &batch(json!({"action_items": too_many})).await,
        &["body", "action_items"],
    );
    for (bad, field) in [
        (json!({"description": ""}), "description"),
        (json!({}), "description"),
        (json!({"description": "x", "due_at": "soon"}), "due_at"),
    ] {
        let items = [json!({"description": "good"}), bad];
        let refusal = batch(json!({"action_items": items})).await;
        assert_invalid(&refusal, &["body", "action_items", "1", field]);
    }
    let missing = batch(json!({})).await;
    assert_invalid(&missing, &["body", "action_items"]);
    assert_eq!(missing.body["detail"][0]["type"], "missing");
    assert_eq!(list(&server, &user, "limit=1000").await.len(), 50);

    // As the published MCP server writes it; the same twice is two.
    let items = json!([{"content": "Ski"}, {"content": "Ski", "due_date": "2026-12-01"}]);
    let answer = batch(json!({"items": items})).await.ok();
    assert_eq!(
        descriptions(answer["action_items"].as_array().unwrap()),
        "Ski Ski"
    );
    let due = list(
        &server,
        &user,
        "due_start_date=2026-12-01&due_end_date=2026-12-01",
    )
    .await;
    assert_eq!(due, [answer["action_items"][1].clone()]);
}
