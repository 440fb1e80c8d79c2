//! `/v2/messages` without a language model: what is answered, kept, shown and forgotten.

use chrono::{Duration, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::chat::{PATH, ask, ask_with, assert_message, everything_else, history};
use crate::{
    api::plant,
    support::{Server, ServerOptions, server::User},
};

/// A conversation that began so long ago, with one thing said in it.
pub async fn said(
    server: &Server,
    user: &User,
    title: &'static str,
    hours: i64,
    text: &str,
) -> Uuid {
    let db = server.pool().await;
    let began = Utc::now() - Duration::hours(hours);
    let conversation = plant::Conversation {
        title,
        created_at: began,
        finished_at: began,
        ..Default::default()
    };
    let id = conversation.put(&db, &user.uid).await;
    plant::segment(&db, &user.uid, id, 1, false, 0.0, text).await;
    id
}

fn ids(message: &Value) -> Vec<String> {
    let ids = message["memories_id"].as_array().unwrap().iter();
    ids.map(|id| id.as_str().unwrap().to_string()).collect()
}

#[tokio::test]
async fn quotes_answer_where_no_model_is() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let bob = server.user("bob@example.org").await;
    let boat = said(
        &server,
        &ann,
        "Harbour",
        2000,
        "The boat is painted blue,\n\ndata: I think.",
    )
    .await;
    said(&server, &ann, "Kitchen", 1000, "Salt is missing — äöü 🧂.").await;
    let secret = said(&server, &bob, "Bob's", 1000, "The boat of Bob is stolen.").await;
    let db = server.pool().await;
    plant::memory(
        &db,
        &ann.uid,
        "Owns a boat",
        "interesting",
        Some(boat),
        None,
    )
    .await;
    plant::memory(&db, &ann.uid, "Dislikes fennel", "system", None, None).await;
    let before = everything_else(&db).await;

    let told = ask(&server, &ann, "What colour is the boat?").await;
    assert_eq!(told.statuses, ["Searching conversations"]);
    let message = told.message();
    assert_message(message, "ai");
    assert_eq!(message["ask_for_nps"], true);
    assert_eq!(told.text(), told.final_text());
    assert!(
        told.text().starts_with("There is no language model"),
        "{}",
        told.text()
    );
    assert!(
        told.text()
            .contains("The boat is painted blue, data: I think."),
        "{}",
        told.text()
    );
    assert!(told.text().contains("“Harbour”"), "{}", told.text());
    assert!(!told.text().contains("Bob") && !told.text().contains("fennel"));
    assert_eq!(ids(message), [boat.to_string()]);
    assert_eq!(message["memories"][0]["id"], boat.to_string());
    assert_eq!(message["memories"][0]["structured"]["title"], "Harbour");
    assert_eq!(
        message["memories"][0]["structured"]["emoji"]
            .as_str()
            .map(|_| ()),
        Some(())
    );
    assert!(message["memories"][0]["created_at"].is_string());

    let told = ask(&server, &ann, "salt?").await;
    assert!(
        told.text().contains("Salt is missing — äöü 🧂."),
        "{}",
        told.text()
    );
    let told = ask(&server, &ann, "Who invented the zeppelin?").await;
    assert!(
        told.text().ends_with("I found nothing about that."),
        "{}",
        told.text()
    );
    assert_eq!(ids(told.message()), [""; 0]);
    let told = ask(&server, &ann, "What do you know about me?").await;
    assert_eq!(
        told.statuses,
        ["Searching conversations", "Searching memories"]
    );
    assert!(told.text().contains("Dislikes fennel"), "{}", told.text());
    let told = ask(&server, &bob, "boat").await;
    assert_eq!(ids(told.message()), [secret.to_string()]);
    assert_eq!(everything_else(&db).await, before);

    // Kept as they were told, the question before its answer.
    let kept = history(&server, &ann, "").await;
    assert_eq!(kept.len(), 8);
    assert_message(&kept[0], "ai");
    assert_message(&kept[1], "human");
    assert_eq!(kept[7]["text"], "What colour is the boat?");
    assert_eq!(
        kept[6]["memories"],
        json!([{
            "id": boat.to_string(),
            "structured": {"title": "Harbour", "emoji": kept[6]["memories"][0]["structured"]["emoji"]},
            "created_at": kept[6]["memories"][0]["created_at"],
        }])
    );
    assert_eq!(history(&server, &bob, "").await.len(), 2);

    // A conversation that is gone is linked no more.
    sqlx::query("delete from conversations where uid = $1 and id = $2")
        .bind(&ann.uid)
        .bind(boat)
        .execute(&db)
        .await
        .unwrap();
    let kept = history(&server, &ann, "").await;
    assert_eq!(kept[6]["memories"], json!([]));
    let told = ask(&server, &ann, "boat").await;
    assert!(told.text().contains("Owns a boat"), "{}", told.text());
    assert_eq!(ids(told.message()), [""; 0]);
}

#[tokio::test]
async fn questions_about_time_and_tasks() {
    let server = Server::deaf().await;
    // Noon is near enough to now in one of them that yesterday is yesterday.
    let zone = "Pacific/Kiritimati";
    let ann = server.user_in("ann@example.org", zone).await;
    let local = Utc::now() + Duration::hours(14);
    let since_midnight = local.time().signed_duration_since(chrono::NaiveTime::MIN);
    let yesterday_noon = since_midnight.num_hours() + 12;
    let picnic = said(&server, &ann, "Picnic", yesterday_noon, "We ate plums.").await;
    said(
        &server,
        &ann,
        "Long ago",
        yesterday_noon + 48,
        "We ate cherries.",
    )
    .await;
    let db = server.pool().await;
    for (description, completed, due) in [
        (
            "Call the plumber",
            false,
            Some(Utc::now() + Duration::days(3)),
        ),
        ("Sell the piano", false, None),
        ("Feed the cat", true, None),
    ] {
        plant::ActionItem {
            description,
            completed,
            due_at: due,
            conversation_id: Some(picnic),
            ..Default::default()
        }
        .put(&db, &ann.uid)
        .await;
    }

    let told = ask(&server, &ann, "what did I do yesterday?").await;
    assert!(told.text().contains("“Picnic”"), "{}", told.text());
    assert!(!told.text().contains("Long ago"), "{}", told.text());
    assert_eq!(ids(told.message()), [picnic.to_string()]);

    let told = ask(&server, &ann, "What are my tasks?").await;
    assert_eq!(
        told.statuses,
        ["Searching conversations", "Checking action items"]
    );
    let text = told.text();
    assert!(text.contains("Call the plumber (open task, due "), "{text}");
    assert!(text.contains("Sell the piano (open task)"), "{text}");
    assert!(!text.contains("Feed the cat"), "{text}");
    assert_eq!(ids(told.message()), [picnic.to_string()]);
    let told = ask(&server, &ann, "Which tasks are done?").await;
    let text = told.text();
    assert!(text.contains("Feed the cat (done task)"), "{text}");
    assert!(
        !text.contains("plumber") && !text.contains("piano"),
        "{text}"
    );
}

#[tokio::test]
async fn what_the_user_looks_at_comes_first() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let bob = server.user("bob@example.org").await;
    let harbour = said(&server, &ann, "Harbour", 3000, "The mast is broken.").await;
    said(
        &server,
        &ann,
        "Yard",
        10,
        "The mast of the other boat is fine.",
    )
    .await;
    let theirs = said(&server, &bob, "Secret", 10, "The treasure is buried.").await;
    let db = server.pool().await;
    let memory = plant::memory(&db, &ann.uid, "Likes masts", "system", None, None).await;
    let task = plant::ActionItem {
        description: "Glue the mast",
        ..Default::default()
    };
    let task = task.put(&db, &ann.uid).await;
    let asked = async |context: Value| {
        let body = json!({"text": "What about this?", "context": context});
        ask_with(&server, &ann, "", body).await
    };
    let told = asked(json!({"type": "conversation", "id": harbour, "title": "x"})).await;
    let first = told.text().lines().nth(2).unwrap().to_string();
    assert!(
        first.contains("“Harbour”") && first.contains("The mast is broken."),
        "{told:#?}"
    );
    let told = asked(json!({"type": "task", "id": task})).await;
    assert!(told.text().contains("Glue the mast"), "{told:#?}");
    let told = asked(json!({"type": "memory", "id": memory})).await;
    assert!(told.text().contains("Likes masts"), "{told:#?}");
    for context in [
        json!({"type": "conversation", "id": theirs}),
        json!({"type": "conversation", "id": Uuid::new_v4()}),
        json!({"type": "task", "id": "no-uuid"}),
        json!({"type": "memory"}),
        json!({"type": "recap", "id": "2026-01-31"}),
        json!(null),
    ] {
        let told = asked(context.clone()).await;
        assert!(
            told.text().ends_with("I found nothing about that."),
            "{context}: {told:#?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_question_is_refused_before_anything_is_kept() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    for (query, body, status, field) in [
        ("", json!({}), 422, "text"),
        ("", json!({"text": " \n"}), 422, "text"),
        ("", json!({"text": 5}), 422, "text"),
        ("", json!({"text": "x".repeat(20_001)}), 422, "text"),
        ("", json!({"text": "x", "file_ids": "f"}), 422, "file_ids"),
        ("", json!({"text": "x", "file_ids": [1]}), 422, "file_ids"),
        (
            "",
            json!({"text": "x", "context": {"type": "spell"}}),
            422,
            "spell",
        ),
        ("", json!({"text": "x", "context": {}}), 422, "type"),
        ("", json!({"text": "a\u{0}b"}), 400, "U+0000"),
        ("?app_id=a%00b", json!({"text": "x"}), 422, "app_id"),
    ] {
        let answer = server
            .post(&format!("{PATH}{query}"), &ann.token, body.clone())
            .await;
        assert_eq!(answer.status, status, "{body}: {answer:#?}");
        assert!(
            answer.body.to_string().contains(field),
            "{body}: {answer:#?}"
        );
    }
    let long = format!("?app_id={}", "a".repeat(201));
    for method in [Method::GET, Method::DELETE] {
        let answer = server
            .send(method, &format!("{PATH}{long}"), Some(&ann.token), None)
            .await;
        assert_eq!(answer.status, 422, "{answer:#?}");
    }
    let db = server.pool().await;
    let count: i64 = sqlx::query_scalar("select count(*) from messages")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(count, 0);
    // Ids of files that there are not are ignored.
    let told = ask_with(&server, &ann, "", json!({"text": "x", "file_ids": ["f"]})).await;
    assert_eq!(told.message()["files"], json!([]));
    let told = ask_with(&server, &ann, "", json!({"text": "x", "file_ids": null})).await;
    assert_eq!(told.message()["files_id"], json!([]));
}

#[tokio::test]
async fn threads_are_greeted_shown_and_cleared() {
    let server = Server::deaf().await;
    let created = server
        .cli(&[
            "user",
            "create",
            "--email",
            "ann@example.org",
            "--name",
            "Ann",
        ])
        .await;
    let uid = created.lines().next().unwrap().to_string();
    let token = server
        .cli(&["token", "create", "--email", "ann@example.org"])
        .await;
    let ann = User {
        uid: uid.clone(),
        token,
        email: String::new(),
        password: String::new(),
        developer_key: String::new(),
        mcp_key: String::new(),
    };
    let bob = server.user("bob@example.org").await;
    let db = server.pool().await;

    // Several at once: one greeting.
    let (one, two, three) = tokio::join!(
        history(&server, &ann, ""),
        history(&server, &ann, "?app_id="),
        history(&server, &ann, "?app_id=null&dropdown_selected=false"),
    );
    assert_eq!(one.len(), 1);
    assert_message(&one[0], "ai");
    assert_eq!(
        one[0]["text"],
        "Hello Ann! Ask me about anything that you said or heard."
    );
    assert!(one[0]["chat_session_id"].is_string());
    assert_eq!((&two, &three), (&one, &one));

    plant::memory(&db, &uid, "Plays the cello.", "system", None, None).await;
    let send = async |method: Method, path: &str| {
        server.send(method, path, Some(&ann.token), None).await.ok()
    };
    let fresh = send(Method::DELETE, PATH).await;
    assert_message(&fresh, "ai");
    assert_eq!(
        fresh["text"],
        "Hello Ann! I remember: “Plays the cello”. Ask me about anything that you said or heard."
    );
    assert_eq!(
        history(&server, &ann, "").await,
        std::slice::from_ref(&fresh)
    );
    assert_ne!(fresh["chat_session_id"], one[0]["chat_session_id"]);

    for (description, days) in [("Tune it", 1), ("Buy strings", 9)] {
        plant::ActionItem {
            description,
            due_at: Some(Utc::now() + Duration::days(days)),
            ..Default::default()
        }
        .put(&db, &uid)
        .await;
    }
    ask(&server, &ann, "Where is my bow?").await;
    let again = send(Method::POST, "/v2/initial-message").await;
    assert_eq!(
        again["text"],
        "Hello again Ann! Last time you asked: “Where is my bow?” You have 2 open tasks; for one, “Tune it”, due tomorrow. \
         Ask me about anything that you said or heard."
    );
    assert_eq!(again["chat_session_id"], fresh["chat_session_id"]);
    let kept = history(&server, &ann, "").await;
    assert_eq!(kept.len(), 4);
    assert_eq!(kept[0], again);
    assert_eq!(kept[1]["chat_session_id"], fresh["chat_session_id"]);

    // Another thread, and another user's, are untouched.
    ask_with(
        &server,
        &ann,
        "?plugin_id=ghost",
        json!({"text": "Anyone?"}),
    )
    .await;
    let ghost = history(&server, &ann, "?app_id=ghost").await;
    // Nobody answers for an app that there is not; the answer is in the thread of none.
    assert_eq!(ghost.len(), 1);
    assert_eq!(
        (&ghost[0]["app_id"], &ghost[0]["plugin_id"]),
        (&json!("ghost"), &json!("ghost"))
    );
    assert_eq!(history(&server, &ann, "").await.len(), 5);
    history(&server, &bob, "").await;
    send(Method::DELETE, "/v1/messages?app_id=null").await;
    assert_eq!(history(&server, &ann, "").await.len(), 1);
    assert_eq!(history(&server, &ann, "?app_id=ghost").await, ghost);
    assert_eq!(history(&server, &bob, "").await.len(), 1);
    let greeted = send(Method::POST, "/v1/initial-message?app_id=ghost").await;
    let ghost = history(&server, &ann, "?app_id=ghost").await;
    assert_eq!(ghost[0], greeted);
    // What was said before its session is in it.
    assert_eq!(ghost[1]["chat_session_id"], greeted["chat_session_id"]);

    // Of an app that the user enabled both are in its thread.
    let create = [
        "app",
        "create",
        "--email",
        "ann@example.org",
        "--name",
        "Notes",
        "--actions",
        "read_tasks",
    ];
    let app = server.cli(&create).await;
    let query = format!("?app_id={app}");
    ask_with(&server, &ann, &query, json!({"text": "Before"})).await;
    assert_eq!(history(&server, &ann, &query).await.len(), 1);
    server
        .cli(&["app", "enable", "--email", "ann@example.org", "--app", &app])
        .await;
    let told = ask_with(&server, &ann, &query, json!({"text": "After"})).await;
    assert_eq!(told.message()["plugin_id"], app);
    assert_eq!(history(&server, &ann, &query).await.len(), 3);

    // At most a hundred, the newest; reported ones are left out of those.
    sqlx::query(
        "insert into messages (uid, id, app_id, sender, type, text, memories_id, reported, created_at)
         select $1, gen_random_uuid(), 'many', 'human', 'text', n::text, '{}', n = 120, now() + make_interval(secs => n)
         from generate_series(1, 120) as n",
    )
    .bind(&uid)
    .execute(&db)
    .await
    .unwrap();
    let many = history(&server, &ann, "?app_id=many").await;
    assert_eq!(many.len(), 99);
    assert_eq!(
        (&many[0]["text"], &many[98]["text"]),
        (&json!("119"), &json!("21"))
    );
}

#[tokio::test]
async fn hours_may_be_limited() {
    let limits = [
        "OMI_RATE_LIMIT__CHAT_MESSAGES_PER_HOUR",
        "OMI_RATE_LIMIT__CHAT_GREETINGS_PER_HOUR",
    ];
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: limits.map(|name| (name, "1".into())).into(),
        ..ServerOptions::default()
    })
    .await;
    let ann = server.user("ann@example.org").await;
    ask(&server, &ann, "Hello?").await;
    server
        .post("/v1/initial-message", &ann.token, json!({}))
        .await
        .ok();
    for (path, name) in [
        (PATH, "chat:send_message"),
        ("/v2/initial-message", "chat:initial"),
    ] {
        let refused = server
            .post(path, &ann.token, json!({"text": "Again?"}))
            .await;
        assert_eq!(refused.status, 429, "{refused:#?}");
        assert!(
            refused.body["detail"].as_str().unwrap().contains(name),
            "{refused:#?}"
        );
    }
    assert_eq!(history(&server, &ann, "").await.len(), 3);
}
