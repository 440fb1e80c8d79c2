//! What the desktop app calls for itself: scores, focus, advice; and what this server does not have.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    api::plant::{self, at},
    support::{
        Server,
        server::{Answer, User},
    },
};

async fn get(server: &Server, user: &User, path: &str) -> Value {
    server.get(path, &user.token).await.ok()
}

async fn send(server: &Server, user: &User, method: Method, path: &str, body: Value) -> Answer {
    let body = (!body.is_null()).then_some(body);
    server.send(method, path, Some(&user.token), body).await
}

/// Puts what is newest in a table to another time.
async fn moved(db: &PgPool, table: &str, user: &User, time: &str) {
    let sql = format!(
        "update {table} set created_at = $2 where uid = $1 and id = (select max(id::text)::uuid from {table} where uid = $1)"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(&user.uid)
        .bind(at(time))
        .execute(db)
        .await
        .unwrap();
}

#[tokio::test]
async fn scores_count_days_of_utc() {
    let server = Server::deaf().await;
    let user = server.user_in("ann@example.org", "Pacific/Auckland").await;
    let db = server.pool().await;
    let none = get(&server, &user, "/v1/scores?date=2026-01-31").await;
    assert_eq!(none["default_tab"], "weekly");
    assert_eq!(
        none["daily"],
        json!({"score": 0.0, "completed_tasks": 0, "total_tasks": 0})
    );
    for (created, due, completed) in [
        ("2026-01-24T00:00:00Z", Some("2026-01-31T00:00:00Z"), true),
        ("2026-01-23T23:59:59Z", Some("2026-01-31T23:59:59Z"), false),
        ("2026-01-31T23:59:59Z", Some("2026-02-01T00:00:00Z"), false),
        ("2026-02-01T00:00:00Z", None, true),
        ("2025-01-01T00:00:00Z", Some("2026-01-31T12:00:00Z"), true),
    ] {
        let item = plant::ActionItem {
            created_at: at(created),
            due_at: due.map(at),
            completed,
            ..Default::default()
        };
        item.put(&db, &user.uid).await;
    }
    assert_eq!(
        get(&server, &user, "/v1/scores?date=2026-01-31").await,
        json!({
            "daily": {"score": 66.7, "completed_tasks": 2, "total_tasks": 3},
            // Made on the day or in the seven before it.
            "weekly": {"score": 50.0, "completed_tasks": 1, "total_tasks": 2},
            "overall": {"score": 60.0, "completed_tasks": 3, "total_tasks": 5},
            "default_tab": "daily", "date": "2026-01-31",
        })
    );
    assert_eq!(
        get(&server, &user, "/v1/daily-score?date=2026-01-31").await,
        json!({"date": "2026-01-31", "score": 67, "completed_tasks": 2, "total_tasks": 3})
    );
    let today = chrono::Utc::now().date_naive().to_string();
    assert_eq!(get(&server, &user, "/v1/daily-score").await["date"], today);
    for date in [
        "",
        "2026-1-31",
        "2026-02-30",
        "today",
        "20260131",
        "%2B2026-1-1",
    ] {
        for path in [
            "/v1/scores",
            "/v1/daily-score",
            "/v1/focus-stats",
            "/v1/focus-sessions",
        ] {
            let answer = server
                .get(&format!("{path}?date={date}"), &user.token)
                .await;
            assert_eq!(answer.status, 422, "{path} {date}");
        }
    }
}

#[tokio::test]
async fn focus_is_noted_listed_and_summed_up() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let db = server.pool().await;
    const PATH: &str = "/v1/focus-sessions";
    let note = async |status: &str, place: &str, seconds: Value, time: &str| {
        let body = json!({"status": status, "app_or_site": place, "description": "At work", "duration_seconds": seconds});
        let noted = send(&server, &user, Method::POST, PATH, body).await.ok();
        moved(&db, "focus_sessions", &user, time).await;
        noted
    };
    let first = note("focused", "Editor", json!(119), "2026-01-30T23:59:59Z").await;
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("focus", first, {".id" => "[id]", ".created_at" => "[time]"});
    });
    note("focused", "Editor", Value::Null, "2026-01-31T00:00:00Z").await;
    for (place, seconds) in [
        ("A", 1),
        ("B", 200),
        ("C", 50),
        ("D", 300),
        ("E", 40),
        ("F", 10),
    ] {
        note("distracted", place, json!(seconds), "2026-01-31T12:00:00Z").await;
    }
    // One of unknown length counts a minute.
    note("distracted", "A", Value::Null, "2026-01-31T23:59:59Z").await;
    note("distracted", "A", json!(0), "2026-02-01T00:00:00Z").await;
    let list = async |query: &str| {
        let found = get(&server, &user, &format!("{PATH}?{query}")).await;
        let places = found.as_array().unwrap().iter();
        places
            .map(|one| one["app_or_site"].as_str().unwrap().to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(list("").await, "A A F E D C B A Editor Editor");
    assert_eq!(list("limit=2&offset=1").await, "A F");
    assert_eq!(list("date=2026-01-31").await, "A F E D C B A Editor");
    let day = get(&server, &user, "/v1/focus-stats?date=2026-01-31").await;
    assert_eq!(
        day,
        json!({
            "date": "2026-01-31", "focused_minutes": 0, "distracted_minutes": 11, "session_count": 8,
            "focused_count": 1, "distracted_count": 7,
            "top_distractions": [
                {"app_or_site": "D", "total_seconds": 300, "count": 1},
                {"app_or_site": "B", "total_seconds": 200, "count": 1},
                {"app_or_site": "A", "total_seconds": 61, "count": 2},
                {"app_or_site": "C", "total_seconds": 50, "count": 1},
                {"app_or_site": "E", "total_seconds": 40, "count": 1},
            ],
        })
    );
    let all = get(&server, &user, "/v1/focus-stats").await;
    assert_eq!(all["date"], chrono::Utc::now().date_naive().to_string());
    assert_eq!(
        (&all["session_count"], &all["focused_minutes"]),
        (&json!(10), &json!(1))
    );
    for bad in [
        json!({"status": "asleep", "app_or_site": "x", "description": "x"}),
        json!({"status": "focused", "app_or_site": "", "description": "x"}),
        json!({"status": "focused", "app_or_site": "x", "description": "x", "duration_seconds": 86401}),
        json!({"status": "focused", "app_or_site": "x", "description": "x", "message": "x".repeat(5001)}),
    ] {
        let answer = send(&server, &user, Method::POST, PATH, bad.clone()).await;
        assert_eq!(answer.status, 422, "{bad}");
    }
    // To forget is always done, and only one's own.
    let path = format!("{PATH}/{}", first["id"].as_str().unwrap());
    send(&server, &other, Method::DELETE, &path, Value::Null)
        .await
        .ok();
    assert_eq!(list("limit=1&offset=9").await, "Editor");
    for path in [path, format!("{PATH}/none")] {
        let done = send(&server, &user, Method::DELETE, &path, Value::Null).await;
        assert_eq!(done.ok(), json!({"status": "ok"}));
    }
    assert_eq!(list("limit=1&offset=9").await, "");
    assert_eq!(get(&server, &other, PATH).await, json!([]));
}

#[tokio::test]
async fn advice_is_kept_read_and_dismissed() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    const PATH: &str = "/v1/advice";
    let advise = async |body: Value| send(&server, &user, Method::POST, PATH, body).await;
    let first = advise(json!({"content": " Take a break "})).await.ok();
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("advice", first, {
            ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]"
        });
    });
    let second = advise(json!({"content": "Drink", "category": "health", "confidence": 1}))
        .await
        .ok();
    assert_eq!(second["confidence"].to_string(), "1.0");
    for bad in [
        json!({}),
        json!({"content": " "}),
        json!({"content": "x", "confidence": 1.1}),
        json!({"content": "x", "category": "x".repeat(101)}),
    ] {
        assert_eq!(advise(bad.clone()).await.status, 422, "{bad}");
    }
    let list = async |query: &str| {
        let found = get(&server, &user, &format!("{PATH}?{query}")).await;
        let contents = found.as_array().unwrap().iter();
        contents
            .map(|one| one["content"].as_str().unwrap().to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_eq!(list("").await, "Drink, Take a break");
    assert_eq!(list("category=health").await, "Drink");
    assert_eq!(list("limit=1&offset=1").await, "Take a break");
    let path = format!("{PATH}/{}", second["id"].as_str().unwrap());
    let read = send(
        &server,
        &user,
        Method::PATCH,
        &path,
        json!({"is_read": true}),
    )
    .await
    .ok();
    assert_eq!(
        (&read["is_read"], &read["is_dismissed"]),
        (&json!(true), &json!(false))
    );
    send(
        &server,
        &user,
        Method::PATCH,
        &path,
        json!({"is_dismissed": true}),
    )
    .await
    .ok();
    assert_eq!(list("").await, "Take a break");
    assert_eq!(list("include_dismissed=true").await, "Drink, Take a break");
    let all = format!("{PATH}/mark-all-read");
    for (user, count) in [(&other, 0), (&user, 1), (&user, 0)] {
        let marked = send(&server, user, Method::POST, &all, Value::Null)
            .await
            .ok();
        assert_eq!(marked, json!({"status": format!("marked {count} as read")}));
    }
    let theirs = send(
        &server,
        &other,
        Method::PATCH,
        &path,
        json!({"is_read": false}),
    )
    .await;
    assert_eq!(
        (theirs.status, &theirs.body["detail"]),
        (404, &json!("Advice not found"))
    );
    send(&server, &other, Method::DELETE, &path, Value::Null)
        .await
        .ok();
    assert_eq!(list("include_dismissed=true").await, "Drink, Take a break");
    send(&server, &user, Method::DELETE, &path, Value::Null)
        .await
        .ok();
    assert_eq!(list("include_dismissed=true").await, "Take a break");
}

#[tokio::test]
async fn what_this_server_does_not_have_is_said_politely() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    for list in ["changelogs", "features", "general"] {
        let path = format!("/v1/announcements/{list}?limit=5&version=1.0.0&version_type=app");
        assert_eq!(
            server.send(Method::GET, &path, None, None).await.ok(),
            json!([])
        );
    }
    let pending = "/v1/announcements/pending";
    let known = "app_version=1.0.0%2B5&platform=ios&trigger=app_launch";
    assert_eq!(
        get(&server, &user, &format!("{pending}?{known}")).await,
        json!([])
    );
    for (query, status) in [
        ("app_version=1&platform=beos&trigger=app_launch", 400),
        ("app_version=1&platform=ios&trigger=boredom", 400),
        ("platform=ios&trigger=app_launch", 422),
    ] {
        let answer = server.get(&format!("{pending}?{query}"), &user.token).await;
        assert_eq!(answer.status, status, "{query}");
    }
    let path = "/v1/announcements/x/dismiss";
    let none = send(
        &server,
        &user,
        Method::POST,
        path,
        json!({"cta_clicked": true}),
    )
    .await;
    assert_eq!(none.status, 404);

    assert_eq!(
        get(&server, &user, "/v1/wrapped/2025").await,
        json!({"status": "not_generated", "year": 2025, "result": null, "error": null, "progress": null})
    );
    let path = "/v1/wrapped/2025/generate";
    let asked = send(&server, &user, Method::POST, path, Value::Null)
        .await
        .ok();
    assert_eq!(asked["status"], "not_generated");
    let other = server.get("/v1/wrapped/2024", &user.token).await;
    assert_eq!(
        (other.status, &other.body["detail"]),
        (400, &json!("Only year 2025 is currently supported"))
    );
    assert_eq!(
        server.get("/v1/wrapped/soon", &user.token).await.status,
        422
    );
}

#[tokio::test]
async fn proposals_are_staged_once_and_promoted_best_first() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let db = server.pool().await;
    const PATH: &str = "/v1/staged-tasks";
    let post = async |below: &str, body: Value| {
        let path = format!("{PATH}{below}");
        send(&server, &user, Method::POST, &path, body).await.ok()
    };
    let list = async || {
        let found = get(&server, &user, PATH).await;
        let tasks = found["items"].as_array().unwrap().iter();
        tasks
            .map(|one| one["description"].as_str().unwrap().to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let milk = post(
        "",
        json!({"description": " Buy milk ", "relevance_score": 20, "source": "screenshot", "priority": "high",
               "metadata": "{}", "category": "home", "due_at": "2026-02-01T00:00:00Z"}),
    )
    .await;
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("staged", milk, {
            ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]"
        });
    });
    // The same words, whatever their case, are the one that is there, unchanged.
    assert_eq!(
        post("", json!({"description": "BUY MILK", "relevance_score": 1})).await,
        milk
    );
    post("", json!({"description": "Unscored"})).await;
    let boat = post(
        "",
        json!({"description": "Paint the boat", "relevance_score": 30}),
    )
    .await;
    assert_eq!(list().await, "Buy milk, Paint the boat, Unscored");
    let page = get(&server, &user, &format!("{PATH}?limit=1&offset=1")).await;
    assert_eq!(
        (&page["items"][0]["id"], &page["has_more"]),
        (&boat["id"], &json!(true))
    );
    let scores = json!({"scores": [
        {"id": boat["id"], "relevance_score": 999}, {"id": boat["id"], "relevance_score": 5},
        {"id": "none", "relevance_score": 1}, {"id": uuid::Uuid::new_v4(), "relevance_score": 1},
    ]});
    let path = format!("{PATH}/batch-scores");
    for user in [&other, &user] {
        let scored = send(&server, user, Method::PATCH, &path, scores.clone()).await;
        assert_eq!(scored.ok(), json!({"status": "ok"}));
    }
    assert_eq!(list().await, "Paint the boat, Buy milk, Unscored");
    let bad = json!({"scores": [{"id": boat["id"], "relevance_score": 1001}]});
    assert_eq!(
        send(&server, &user, Method::PATCH, &path, bad).await.status,
        422
    );

    let promoted = post("/promote", Value::Null).await;
    assert_eq!(
        (&promoted["promoted"], &promoted["reason"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(promoted["promoted_task"]["description"], "Paint the boat");
    let promoted = post("/promote", Value::Null).await["promoted_task"].clone();
    for field in [
        "description",
        "due_at",
        "source",
        "priority",
        "metadata",
        "category",
        "relevance_score",
    ] {
        assert_eq!(promoted[field], milk[field], "{field}");
    }
    assert_eq!(promoted["from_staged"], true);
    assert_ne!(promoted["id"], milk["id"]);
    let items = get(&server, &user, "/v1/action-items").await;
    assert_eq!(items["action_items"].as_array().unwrap().len(), 2);
    // Also once it was promoted.
    assert_eq!(
        post("", json!({"description": "buy milk"})).await["completed"],
        true
    );
    post("/promote", Value::Null).await;
    assert_eq!(
        post("/promote", Value::Null).await,
        json!({"promoted": false, "reason": "No staged tasks available", "promoted_task": null})
    );

    // Of what was found on the screen the best three stay; what was found in conversations goes, and nothing else.
    for n in 0..4 {
        post("", json!({"description": format!("Screen {n}"), "relevance_score": 100 + n, "source": "a screenshot"})).await;
        post("/promote", Value::Null).await;
    }
    assert_eq!(
        post("/migrate", Value::Null).await,
        json!({"status": "moved 2, kept 3"})
    );
    let conversation = plant::Conversation::default().put(&db, &user.uid).await;
    for (description, completed) in [("Heard", false), ("Heard and done", true)] {
        let item = plant::ActionItem {
            description,
            completed,
            conversation_id: Some(conversation),
            ..Default::default()
        };
        item.put(&db, &user.uid).await;
    }
    let migrated = post("/migrate-conversation-items", Value::Null).await;
    assert_eq!(
        migrated,
        json!({"status": "ok", "migrated": 1, "deleted": 0})
    );
    // What was promoted before is open again.
    assert_eq!(list().await, "Screen 2, Screen 3, Heard");
    let heard = get(&server, &user, PATH).await["items"][2].clone();
    assert_eq!(heard["source"], "conversation_migration");
    let path = format!("{PATH}/{}", heard["id"].as_str().unwrap());
    send(&server, &other, Method::DELETE, &path, Value::Null)
        .await
        .ok();
    assert_eq!(list().await, "Screen 2, Screen 3, Heard");
    for _ in 0..2 {
        let gone = send(&server, &user, Method::DELETE, &path, Value::Null).await;
        assert_eq!(gone.ok(), json!({"status": "ok"}));
    }
    assert_eq!(list().await, "Screen 2, Screen 3");
    assert_eq!(
        get(&server, &other, PATH).await,
        json!({"items": [], "has_more": false})
    );
}
