//! `/v1/action-items`

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api::plant::{self, at},
    support::{
        Server,
        server::{Answer, User},
    },
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

async fn send(server: &Server, user: &User, method: Method, below: &str, body: Value) -> Answer {
    let path = format!("{PATH}{below}");
    let body = (!body.is_null()).then_some(body);
    server.send(method, &path, Some(&user.token), body).await
}

async fn create(server: &Server, user: &User, body: Value) -> Value {
    send(server, user, Method::POST, "", body).await.ok()
}

fn below(item: &Value) -> String {
    format!("/{}", item["id"].as_str().unwrap())
}

#[tokio::test]
async fn an_item_is_created_changed_and_removed() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let conversation = plant::Conversation::default().put(&db, &user.uid).await;
    let made = create(
        &server,
        &user,
        json!({"description": " Call mum ", "due_at": "2026-02-01T10:00:00+02:00", "conversation_id": conversation}),
    )
    .await;
    assert_eq!(made["conversation_id"], conversation.to_string());
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("created", made, {
            ".id" => "[id]", ".conversation_id" => "[conversation]", ".created_at" => "[time]", ".updated_at" => "[time]"
        });
    });
    let id = below(&made);
    assert_eq!(
        send(&server, &user, Method::GET, &id, Value::Null)
            .await
            .ok(),
        made
    );
    // A conversation that there cannot be is none; done is done now.
    let done = create(
        &server,
        &user,
        json!({"description": "Done", "completed": true, "conversation_id": "none"}),
    )
    .await;
    assert_eq!(done["completed_at"], done["created_at"]);
    assert_eq!(done["conversation_id"], Value::Null);

    // The app repeats a request that failed: within seconds the same is the same, and anything else is not.
    let twins = futures_util::future::join_all(
        (0..3).map(|_| create(&server, &user, json!({"description": "Twin"}))),
    )
    .await;
    assert_eq!(twins[0], twins[1]);
    assert_eq!(twins[0], twins[2]);
    let due = create(
        &server,
        &user,
        json!({"description": "Twin", "due_at": "2026-02-01"}),
    )
    .await;
    assert_ne!(due["id"], twins[0]["id"]);
    sqlx::query(
        "update action_items set created_at = created_at - interval '11 seconds' where uid = $1",
    )
    .bind(&user.uid)
    .execute(&db)
    .await
    .unwrap();
    let later = create(&server, &user, json!({"description": "Twin"})).await;
    assert_ne!(later["id"], twins[0]["id"]);

    let change = async |body: Value| send(&server, &user, Method::PATCH, &id, body).await;
    // Null takes away the date, and nothing else.
    let kept = change(
        json!({"description": null, "completed": null, "sort_order": null, "export_date": null}),
    )
    .await
    .ok();
    assert_eq!(kept["due_at"], made["due_at"]);
    assert_eq!(kept["description"], "Call mum");
    assert!(kept["updated_at"].as_str() > made["updated_at"].as_str());
    let whole = json!({
        "description": "Call dad", "completed": true, "due_at": null, "exported": true,
        "export_date": "2026-02-02T00:00:00Z", "export_platform": "apple_reminders", "apple_reminder_id": "x-1",
        "sort_order": -7, "indent_level": 3,
    });
    let changed = change(whole.clone()).await.ok();
    for (field, value) in whole.as_object().unwrap() {
        assert_eq!(&changed[field], value, "{field}");
    }
    assert_eq!(changed["completed_at"], changed["updated_at"]);
    // Completing it again counts anew; an empty change is one, too.
    let path = format!("{id}/completed?completed=true");
    let again = send(&server, &user, Method::PATCH, &path, Value::Null)
        .await
        .ok();
    assert!(again["completed_at"].as_str() > changed["completed_at"].as_str());
    let nothing = change(json!({})).await.ok();
    assert!(nothing["updated_at"].as_str() > again["updated_at"].as_str());
    assert_eq!(nothing["completed_at"], again["completed_at"]);
    let path = format!("{id}/completed?completed=false");
    let open = send(&server, &user, Method::PATCH, &path, Value::Null)
        .await
        .ok();
    assert_eq!(
        (&open["completed"], &open["completed_at"]),
        (&json!(false), &Value::Null)
    );
    for body in [
        json!({"indent_level": 4}),
        json!({"indent_level": -1}),
        json!({"description": " "}),
        json!({"sort_order": "first"}),
        json!({"export_platform": "x".repeat(501)}),
    ] {
        assert_eq!(change(body.clone()).await.status, 422, "{body}");
    }
    let path = format!("{id}/completed");
    let unsaid = send(&server, &user, Method::PATCH, &path, Value::Null).await;
    assert_eq!(unsaid.status, 422);

    let removed = send(&server, &user, Method::DELETE, &id, Value::Null).await;
    assert_eq!((removed.status, removed.body), (204, json!("")));
    let gone = send(&server, &user, Method::DELETE, &id, Value::Null).await;
    assert_eq!(
        (gone.status, &gone.body["detail"]),
        (404, &json!("Action item not found"))
    );
}

#[tokio::test]
async fn many_are_created_arranged_found_and_exchanged() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let db = server.pool().await;
    let batch = async |body: Value| send(&server, &user, Method::POST, "/batch", body).await;
    assert_eq!(
        batch(json!([])).await.ok(),
        json!({"action_items": [], "created_count": 0})
    );
    // A list and not an object around one; what is done is open here.
    let made = batch(
        json!([{"description": "Buy milk"}, {"description": "Paint the boat", "completed": true}]),
    )
    .await
    .ok();
    assert_eq!(made["created_count"], 2);
    let (milk, boat) = (&made["action_items"][0], &made["action_items"][1]);
    assert_eq!(milk["description"], "Buy milk");
    assert_eq!(
        (&boat["completed"], &boat["completed_at"]),
        (&json!(false), &Value::Null)
    );
    for body in [
        json!({"action_items": []}),
        json!([{"description": ""}]),
        json!(["x"]),
    ] {
        assert_eq!(batch(body.clone()).await.status, 422, "{body}");
    }

    // By words; what is done is found as well.
    let path = format!("{}/completed?completed=true", below(boat));
    send(&server, &user, Method::PATCH, &path, Value::Null)
        .await
        .ok();
    let find = async |query: &str| {
        let below = format!("/search?{query}");
        send(&server, &user, Method::GET, &below, Value::Null).await
    };
    let found = find("query=boat").await.ok();
    assert_eq!(found["action_items"][0]["id"], boat["id"]);
    assert_eq!(found["action_items"][0]["completed"], true);
    assert_eq!(
        find("query=milk%20boat&limit=1").await.ok()["action_items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let path = "/search?query=boat";
    let theirs = send(&server, &other, Method::GET, path, Value::Null)
        .await
        .ok();
    assert_eq!(theirs, json!({"action_items": []}));
    let long = format!("query={}", "x".repeat(501));
    for query in ["", "query=", "query=x&limit=0", "query=x&limit=51", &long] {
        assert_eq!(find(query).await.status, 422, "{query}");
    }

    // Ids that there are not are skipped, and counted; entries that say nothing change nothing.
    let arrange = async |items: Value| {
        send(
            &server,
            &user,
            Method::PATCH,
            "/batch",
            json!({"items": items}),
        )
        .await
    };
    let absent = uuid::Uuid::new_v4();
    let arranged = arrange(json!([
        {"id": milk["id"], "sort_order": 5}, {"id": milk["id"], "sort_order": 6, "indent_level": 1},
        {"id": boat["id"]}, {"id": absent, "sort_order": 1}, {"id": "none", "sort_order": 1},
    ]))
    .await
    .ok();
    assert_eq!(arranged, json!({"status": "ok", "updated_count": 5}));
    let item = async |item: &Value| {
        send(&server, &user, Method::GET, &below(item), Value::Null)
            .await
            .ok()
    };
    let now = item(milk).await;
    assert_eq!(
        (&now["sort_order"], &now["indent_level"]),
        (&json!(6), &json!(1))
    );
    assert_eq!(
        arrange(json!([{"id": milk["id"], "indent_level": 4}]))
            .await
            .status,
        422
    );
    let many: Vec<_> = (0..501).map(|_| json!({"id": absent})).collect();
    assert_eq!(arrange(json!(many)).await.status, 422);
    // Nobody arranges another's.
    let theirs = json!({"items": [{"id": milk["id"], "sort_order": 99}]});
    send(&server, &other, Method::PATCH, "/batch", theirs)
        .await
        .ok();
    assert_eq!(item(milk).await, now);

    // The phone's task app: what waits for it, what it has, and what became of it there.
    let pending = async || {
        let found = send(&server, &user, Method::GET, "/pending-sync", Value::Null)
            .await
            .ok();
        let ids = |list: &str| {
            let items = found[list].as_array().unwrap();
            items
                .iter()
                .map(|item| item["id"].clone())
                .collect::<Vec<_>>()
        };
        (ids("pending_export"), ids("synced_items"))
    };
    assert_eq!(pending().await, (vec![], vec![]));
    sqlx::query("update action_items set sync_requested = true where uid = $1")
        .bind(&user.uid)
        .execute(&db)
        .await
        .unwrap();
    assert_eq!(pending().await.0.len(), 2);
    let sync = async |items: Value| {
        send(
            &server,
            &user,
            Method::PATCH,
            "/sync-batch",
            json!({"items": items}),
        )
        .await
    };
    let synced = sync(json!([
        {"id": milk["id"], "exported": true, "export_platform": "apple_reminders", "apple_reminder_id": "r-1",
         "due_at": "2026-03-01T00:00:00Z"},
        {"id": boat["id"]}, {"id": absent, "completed": true},
    ]))
    .await
    .ok();
    assert_eq!(synced, json!({"status": "ok", "updated_count": 1}));
    assert_eq!(
        pending().await,
        (vec![boat["id"].clone()], vec![milk["id"].clone()])
    );
    // Null takes nothing away.
    let synced =
        sync(json!([{"id": milk["id"], "completed": true, "due_at": null, "description": null}]))
            .await
            .ok();
    assert_eq!(synced["updated_count"], 1);
    let now = item(milk).await;
    assert_eq!(now["due_at"], "2026-03-01T00:00:00Z");
    assert_eq!(
        (&now["completed"], &now["apple_reminder_id"]),
        (&json!(true), &json!("r-1"))
    );
    assert_eq!(now["completed_at"], now["updated_at"]);
    assert_eq!(
        sync(json!([{"id": milk["id"], "description": " "}]))
            .await
            .status,
        422
    );
    let theirs = json!({"items": [{"id": milk["id"], "description": "Stolen"}]});
    let theirs = send(&server, &other, Method::PATCH, "/sync-batch", theirs)
        .await
        .ok();
    assert_eq!(theirs["updated_count"], 0);
    assert_eq!(item(milk).await, now);
}
