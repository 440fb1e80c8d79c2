//! `/v1/users/export`, `/v1/users/delete-account`

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};

use crate::{
    api::plant,
    support::{
        Server,
        forms::Form,
        server::{User, client},
    },
};

/// Something of a user in as many places as there are.
async fn fill(server: &Server, db: &PgPool, user: &User) {
    let conversation = plant::Conversation::default().put(db, &user.uid).await;
    plant::segment(db, &user.uid, conversation, 0, true, 0.0, "Hello there.").await;
    plant::memory(
        db,
        &user.uid,
        "User likes tea",
        "system",
        Some(conversation),
        None,
    )
    .await;
    plant::ActionItem::default().put(db, &user.uid).await;
    plant::Folder::default().put(db, &user.uid).await;
    plant::goal(db, &user.uid, "goal_0123456789ab").await;
    plant::daily_summary(db, &user.uid, "2026-01-31").await;
    plant::meeting(db, &user.uid).await;
    let begin = plant::at("2026-01-31T09:00:00Z");
    let sound = [0; 1600];
    plant::sound(db, &server.data_dir, &user.uid, conversation, begin, &sound).await;
    let upload = plant::upload(db, &user.uid).await;
    let folder = server.data_dir.join("uploads").join(upload.to_string());
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("0.bin"), b"sound").unwrap();
    for (method, path, body) in [
        (Method::POST, "/v1/users/people", json!({"name": "Carol"})),
        (
            Method::PATCH,
            "/v1/users/onboarding",
            json!({"completed": true}),
        ),
        (
            Method::PATCH,
            "/v1/users/geolocation",
            json!({"latitude": 1.0, "longitude": 2.0}),
        ),
        (
            Method::POST,
            "/v1/users/fcm-token",
            json!({"fcm_token": "t", "time_zone": "UTC"}),
        ),
        (
            Method::PUT,
            "/v1/integrations/apple-health/sync",
            json!({"total_steps": 1}),
        ),
        (
            Method::POST,
            "/v1/users/developer/webhook/day_summary",
            json!({"url": "https://example.org"}),
        ),
    ] {
        server
            .send(method, path, Some(&user.token), Some(body))
            .await
            .ok();
    }
    let coming = client()
        .get(format!("{}/v1/users/profile", server.url))
        .header("x-app-platform", "ios")
        .bearer_auth(&user.token);
    coming.send().await.unwrap();
    // As if they had signed in with it.
    sqlx::query("insert into identities (issuer, subject, uid, provider, email, created_at) values ('i', $1, $1, 'google', 'g@example.org', now())")
        .bind(&user.uid)
        .execute(db)
        .await
        .unwrap();
    let file = Form::default().file("a.txt", "text/plain", b"A file of a chat.");
    file.send(server, user, "/v2/files").await.ok();
    super::speech_profile::keep(server, user).await;
    // Kept for a day under its key.
    let kept = client()
        .post(format!("{}/v1/users/people", server.url))
        .header("Idempotency-Key", "once")
        .bearer_auth(&user.token)
        .json(&json!({"name": "Dave"}))
        .send()
        .await
        .unwrap();
    assert_eq!(kept.status(), 200);
}

/// Tables in which a user has rows.
async fn tables_of(db: &PgPool, uid: &str) -> BTreeSet<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.columns where table_schema = 'public' and column_name = 'uid'",
    )
    .fetch_all(db)
    .await
    .unwrap();
    let mut found = BTreeSet::new();
    for table in tables {
        let statement = AssertSqlSafe(format!(
            "select exists (select from \"{table}\" where uid = $1)"
        ));
        let some: bool = sqlx::query_scalar(statement)
            .bind(uid)
            .fetch_one(db)
            .await
            .unwrap();
        if some {
            found.insert(table);
        }
    }
    found
}

fn files(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn stored(server: &Server) -> usize {
    ["audio", "uploads", "spool", "files", "voices"]
        .iter()
        .map(|name| files(&server.data_dir.join(name)).len())
        .sum()
}

#[tokio::test]
async fn nothing_of_a_deleted_account_is_left_even_if_the_server_dies() {
    let mut server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let db = server.pool().await;
    fill(&server, &db, &ann).await;
    fill(&server, &db, &ben).await;
    // What searches look through is written soon after.
    let begin = Instant::now();
    let had = loop {
        let had = tables_of(&db, &ann.uid).await;
        if had.contains("search_items") || begin.elapsed() > Duration::from_secs(30) {
            break had;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    for table in [
        "users",
        "user_emails",
        "conversations",
        "transcript_segments",
        "memories",
        "people",
        "audio_chunks",
        "sync_jobs",
        "chat_files",
        "idempotency_keys",
        "search_items",
        "credentials",
        "identities",
    ] {
        assert!(had.contains(table), "nothing was in {table}: {had:?}");
    }
    assert_eq!(stored(&server), 8);

    let body = json!({"reason": "other", "reason_details": "I only tried it."});
    let path = "/v1/users/delete-account";
    let answer = server
        .send(Method::DELETE, path, Some(&ann.token), Some(body))
        .await;
    assert_eq!(
        answer.ok(),
        json!({"status": "ok", "message": "Account deletion started"})
    );
    // Every credential has ended already.
    assert_eq!(
        server.get("/v1/users/profile", &ann.token).await.status,
        401
    );
    let developer = server
        .get("/v1/dev/user/memories", &ann.developer_key)
        .await;
    assert_eq!(developer.status, 401);
    server.kill().await;
    server.run().await;
    let begin = Instant::now();
    loop {
        let left = tables_of(&db, &ann.uid).await;
        if left.is_empty() && stored(&server) == 4 {
            break;
        }
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "left: {left:?}, files: {}",
            stored(&server)
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Of the other nothing went.
    let kept = tables_of(&db, &ben.uid).await;
    let lost = had.difference(&kept);
    // Who waits for the index is soon through, and what somebody comes with may not be noted yet.
    let soon = ["search_changes", "user_platforms"];
    let lost: Vec<_> = lost
        .filter(|table| !soon.contains(&table.as_str()))
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert_eq!(
        server.get("/v1/users/profile", &ben.token).await.status,
        200
    );
    // The address is free.
    let again = server.user("ann@example.org").await;
    assert_ne!(again.uid, ann.uid);
    let people = server.get("/v1/users/people", &again.token).await.ok();
    assert_eq!(people, json!([]));
}

#[tokio::test]
async fn an_export_holds_everything_once() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let db = server.pool().await;
    fill(&server, &db, &ann).await;
    fill(&server, &db, &ben).await;
    // More than are read at a time; some were discarded, and one still goes on.
    for n in 0..119 {
        let conversation = plant::Conversation {
            discarded: n % 10 == 0,
            status: if n == 5 { "in_progress" } else { "completed" },
            ..plant::Conversation::default()
        };
        conversation.put(&db, &ann.uid).await;
    }
    // It is noted every few seconds.
    let begin = Instant::now();
    while !tables_of(&db, &ann.uid).await.contains("user_platforms") {
        assert!(begin.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let response = client()
        .get(format!("{}/v1/users/export", server.url))
        .bearer_auth(&ann.token)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(
        headers["content-disposition"],
        "attachment; filename=\"omi-export.json\""
    );
    let all: Value = response.json().await.unwrap();
    let keys: Vec<_> = all.as_object().unwrap().keys().collect();
    let sections = [
        "action_items",
        "chat_messages",
        "conversations",
        "memories",
        "people",
        "profile",
    ];
    assert_eq!(keys, sections);
    assert_eq!(all["profile"]["email"], "ann@example.org");
    assert_eq!(all["profile"]["identities"][0]["provider"], "google");
    assert_eq!(all["profile"]["platforms"][0]["platform"], "ios");
    let conversations = all["conversations"].as_array().unwrap();
    let ids: BTreeSet<_> = conversations
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert_eq!((conversations.len(), ids.len()), (120, 120));
    let said = conversations
        .iter()
        .flat_map(|one| one["transcript_segments"].as_array().unwrap());
    assert_eq!(said.count(), 1);
    for (section, count) in [
        ("memories", 1),
        ("people", 2),
        ("action_items", 1),
        ("chat_messages", 0),
    ] {
        assert_eq!(all[section].as_array().unwrap().len(), count, "{section}");
    }
    // Of nobody: empty lists.
    let empty = server.user("carol@example.org").await;
    let none = server.get("/v1/users/export", &empty.token).await.ok();
    assert_eq!(none["conversations"], json!([]));
}
