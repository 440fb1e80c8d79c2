//! Changing and removing conversations, also while they are being understood.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgPool};
use uuid::Uuid;

use crate::{
    api::plant,
    support::{
        Server,
        server::{Answer, User, client},
    },
};

const PATH: &str = "/v1/dev/user/conversations";

async fn ask(
    server: &Server,
    user: &User,
    method: Method,
    rest: &str,
    body: Option<Value>,
) -> Answer {
    let path = format!("{PATH}{rest}");
    server
        .send(method, &path, Some(&user.developer_key), body)
        .await
}

/// How many rows of each kind the user has: conversations, segments, memories, action items.
async fn rows(db: &PgPool) -> (i64, i64, i64, i64) {
    sqlx::query_as(
        "select (select count(*) from conversations), (select count(*) from transcript_segments),
                (select count(*) from memories), (select count(*) from action_items)",
    )
    .fetch_one(db)
    .await
    .unwrap()
}

#[tokio::test]
async fn title_and_discarded_can_be_changed() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let id = plant::Conversation::default().put(&db, &user.uid).await;
    plant::segment(&db, &user.uid, id, 0, true, 1.5, "Hello, I am Ann.").await;
    let rest = format!("/{id}");
    let patch = async |body: Value| ask(&server, &user, Method::PATCH, &rest, Some(body)).await;

    let changed = patch(json!({"title": "  Met Ben \n", "discarded": null, "category": "work"}))
        .await
        .ok();
    assert_eq!(changed["structured"]["title"], "Met Ben");
    assert_eq!(
        changed["structured"]["category"], "other",
        "not for changing"
    );
    assert_eq!(changed["transcript_segments"][0]["speaker_name"], "User");
    let shown = ask(
        &server,
        &user,
        Method::GET,
        &format!("{rest}?include_transcript=1"),
        None,
    )
    .await;
    assert_eq!(shown.ok(), changed);

    let listed = async || {
        let found = ask(&server, &user, Method::GET, "", None).await.ok();
        found.as_array().unwrap().len()
    };
    assert_eq!(listed().await, 1);
    let hidden = patch(json!({"discarded": true})).await.ok();
    assert_eq!(hidden["structured"]["title"], "Met Ben");
    assert_eq!(listed().await, 0);
    let body = json!({"discarded": false, "title": "é".repeat(500)});
    patch(body).await.ok();
    assert_eq!(listed().await, 1);

    for (body, place, message) in [
        (
            json!({}),
            json!(["body"]),
            "At least one field (title or discarded) must be provided",
        ),
        (
            json!({"title": null, "discarded": null}),
            json!(["body"]),
            "At least one field (title or discarded) must be provided",
        ),
        (
            json!({"title": " "}),
            json!(["body", "title"]),
            "title cannot be empty",
        ),
        (
            json!({"title": "x".repeat(501), "discarded": true}),
            json!(["body", "title"]),
            "title must have at most 500 characters",
        ),
    ] {
        let answer = patch(body).await;
        assert_eq!(answer.status, 422, "{answer:#?}");
        assert_eq!(answer.body["detail"][0]["loc"], place);
        assert_eq!(answer.body["detail"][0]["msg"], message);
    }
    for body in [json!({"discarded": "yes"}), json!({"title": 1}), json!([])] {
        assert_eq!(patch(body.clone()).await.status, 422, "{body}");
    }
    assert_eq!(patch(json!({"title": "a\u{0}b"})).await.status, 400);
    assert_eq!(listed().await, 1, "nothing of a refused change is kept");
}

#[tokio::test]
async fn what_was_made_of_a_conversation_stays_unless_it_goes_too() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let kept = plant::Conversation::default().put(&db, &user.uid).await;
    plant::memory(&db, &user.uid, "User is Ann", "core", Some(kept), None).await;
    for (cascade, left) in [
        ("", (1, 0, 3, 1)),
        ("?cascade=false", (1, 0, 3, 1)),
        ("?cascade=True", (1, 0, 2, 0)),
    ] {
        let id = plant::Conversation::default().put(&db, &user.uid).await;
        plant::segment(&db, &user.uid, id, 0, true, 0.0, "I like tea.").await;
        plant::memory(&db, &user.uid, "User likes tea", "core", Some(id), None).await;
        plant::memory(&db, &user.uid, "User likes milk", "core", Some(id), None).await;
        // Stated by the user as well.
        sqlx::query("update memories set manually_added = true where content = 'User likes milk'")
            .execute(&db)
            .await
            .unwrap();
        let item = plant::ActionItem {
            conversation_id: Some(id),
            ..Default::default()
        };
        item.put(&db, &user.uid).await;
        let rest = format!("/{id}");
        let removed = ask(
            &server,
            &user,
            Method::DELETE,
            &format!("{rest}{cascade}"),
            None,
        )
        .await;
        assert_eq!(removed.ok(), json!({"success": true}));
        assert_eq!(rows(&db).await, left, "{cascade}");
        assert_eq!(
            ask(&server, &user, Method::GET, &rest, None).await.status,
            404
        );
        assert_eq!(
            ask(&server, &user, Method::DELETE, &rest, None)
                .await
                .status,
            404
        );
        sqlx::raw_sql(
            "delete from action_items; delete from memories where content <> 'User is Ann'",
        )
        .execute(&db)
        .await
        .unwrap();
    }
    let bad = ask(
        &server,
        &user,
        Method::DELETE,
        &format!("/{kept}?cascade=perhaps"),
        None,
    )
    .await;
    assert_eq!(bad.status, 400);
    assert_eq!(rows(&db).await.0, 1);
}

/// Holds the action items: `mode` says whether its job is stopped before or after it has written the conversation.
async fn removed_while_processed(mode: &str, cascade: bool) {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let mut holder = db.acquire().await.unwrap().detach();
    let mut held = holder.begin().await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "lock table action_items in {mode} mode"
    )))
    .execute(&mut *held)
    .await
    .unwrap();
    let post = |body: &Value| {
        let request = client()
            .post(format!("{}{PATH}", server.url))
            .bearer_auth(&user.developer_key)
            .json(body);
        tokio::spawn(async move { Answer::of(request.send().await.unwrap()).await })
    };
    let body = json!({"text": "I live in Lisbon. Remind me to call the dentist tomorrow.", "session_id": "walk"});
    let first = post(&body);
    let id: Uuid = until(async || {
        sqlx::query_scalar(
            "select id from conversations
             where status = 'processing'
               and exists (select from pg_locks where relation = 'action_items'::regclass and not granted)",
        )
        .fetch_optional(&db)
        .await
        .unwrap()
    })
    .await;
    let request = client()
        .delete(format!("{}{PATH}/{id}?cascade={cascade}", server.url))
        .bearer_auth(&user.developer_key);
    let delete = tokio::spawn(async move { Answer::of(request.send().await.unwrap()).await });
    if !cascade {
        // Nothing holds it up.
        assert_eq!(delete.await.unwrap().ok(), json!({"success": true}));
        held.rollback().await.unwrap();
        assert_eq!(first.await.unwrap().status, 404, "it was removed");
    } else {
        // It waits for the row that the job has written; what the job found goes too.
        until(async || {
            let waits: bool = sqlx::query_scalar(
                "select exists (select from pg_stat_activity where wait_event_type = 'Lock' and query like 'delete from conv%'
                                and datname = current_database())",
            )
            .fetch_one(&db)
            .await
            .unwrap();
            waits.then_some(())
        })
        .await;
        held.rollback().await.unwrap();
        assert_eq!(delete.await.unwrap().ok(), json!({"success": true}));
        let answer = first.await.unwrap();
        assert!([200, 404].contains(&answer.status), "{answer:#?}");
    }
    until(async || {
        let jobs: i64 = sqlx::query_scalar("select count(*) from graphile_worker._private_jobs")
            .fetch_one(&db)
            .await
            .unwrap();
        (jobs == 0).then_some(())
    })
    .await;
    assert_eq!(rows(&db).await, (0, 0, 0, 0), "it does not come back");
    let again = post(&body).await.unwrap().ok();
    assert_eq!(
        (&again["id"], &again["status"]),
        (&json!(id), &json!("completed"))
    );
    assert_eq!(rows(&db).await, (1, 0, 1, 1));
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

#[tokio::test]
async fn removed_before_it_is_understood_it_does_not_come_back() {
    removed_while_processed("access exclusive", false).await;
}

#[tokio::test]
async fn removed_as_it_is_understood_it_does_not_come_back() {
    removed_while_processed("exclusive", true).await;
}

async fn until<T>(found: impl AsyncFn() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = found().await {
            return value;
        }
        assert!(start.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
