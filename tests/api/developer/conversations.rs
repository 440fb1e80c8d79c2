//! `/v1/dev/user/conversations`

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api::plant::{self, at},
    support::{
        Server,
        server::{Answer, User, client},
    },
};

const PATH: &str = "/v1/dev/user/conversations";

/// Stores a text; it must be understood by the time of the answer.
async fn create(server: &Server, user: &User, body: Value) -> String {
    let start = Instant::now();
    let outcome = server.post(PATH, &user.developer_key, body).await.ok();
    assert_eq!(
        outcome["status"],
        "completed",
        "{outcome}\n{}",
        server.log()
    );
    assert_eq!(outcome["discarded"], false, "an import is kept");
    assert!(start.elapsed() < Duration::from_secs(20));
    outcome["id"].as_str().unwrap().to_string()
}

async fn get(server: &Server, user: &User, rest: &str) -> Value {
    server
        .get(&format!("{PATH}{rest}"), &user.developer_key)
        .await
        .ok()
}

/// The titles that a filter lets through.
async fn titles(server: &Server, user: &User, query: &str) -> Vec<String> {
    let found = get(server, user, &format!("?{query}")).await;
    let titles = found
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["structured"]["title"].as_str().unwrap().to_string());
    titles.collect()
}

fn time(value: &Value) -> DateTime<Utc> {
    let text = value.as_str().unwrap();
    assert!(text.ends_with('Z'), "{text} should be UTC");
    text.parse().unwrap()
}

#[tokio::test]
async fn a_text_becomes_a_conversation() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    // A clock that stands, so that the snapshot can show it.
    let text = "The museum in Lisbon was wonderful. We walked along the river and ate grilled sardines. \
                Remind me to send Maria the photos.";
    let body = json!({
        "text": text,
        "text_source": "message",
        "text_source_spec": "chat",
        "started_at": "2026-01-31T09:30:00+01:00",
        "geolocation": {"latitude": 38.7223, "longitude": -9.1393, "address": "Lisbon"},
    });
    let id = create(&server, &user, body).await;

    let found = get(&server, &user, &format!("/{id}")).await;
    assert_eq!(found["id"], id);
    assert_ne!(found["structured"]["title"], "");
    assert_ne!(found["structured"]["overview"], "");
    assert_eq!(time(&found["started_at"]), at("2026-01-31T08:30:00Z"));
    assert_eq!(
        found["created_at"], found["started_at"],
        "imports sort by when they happened"
    );
    assert_eq!(time(&found["finished_at"]), at("2026-01-31T08:35:00Z"));
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("conversation", found, {
            ".id" => "[id]",
            ".folder_id" => "[id]",
            ".structured.action_items[].conversation_id" => "[id]",
            ".structured.action_items[].created_at" => "[time]",
            ".structured.action_items[].updated_at" => "[time]",
            // What is understood has tests of its own.
            ".structured.title" => "[title]",
            ".structured.overview" => "[overview]",
            ".structured.emoji" => "[emoji]",
            ".structured.category" => "[category]",
        });
    });
    assert_eq!(get(&server, &user, "").await, json!([found]));
    assert_eq!(titles(&server, &user, "limit=1000").await.len(), 1);

    // Defaults: now, five minutes, no place.
    let before = Utc::now();
    let id = create(
        &server,
        &user,
        json!({"text": "I bought a red bicycle for my sister."}),
    )
    .await;
    let found = get(&server, &user, &format!("/{id}")).await;
    let started = time(&found["started_at"]);
    assert!(started >= before - chrono::Duration::milliseconds(1) && started <= Utc::now());
    assert_eq!(
        time(&found["finished_at"]) - started,
        chrono::Duration::minutes(5)
    );
    assert_eq!(found["language"], "en");
    assert_eq!(found["geolocation"], Value::Null);

    // The text itself is the app's to see.
    let whole = server
        .get(&format!("/v1/conversations/{id}"), &user.token)
        .await
        .ok();
    assert_eq!(
        whole["external_data"]["text"],
        "I bought a red bicycle for my sister."
    );
    assert_eq!(whole["understood_by"], "rules");
}

#[tokio::test]
async fn transcripts_come_when_asked_for() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let id = plant::Conversation::default().put(&db, &user.uid).await;
    plant::segment(&db, &user.uid, id, 1, false, 4.0, "Nice to meet you.").await;
    plant::segment(&db, &user.uid, id, 0, true, 1.5, "Hello, I am Ann.").await;

    let one = format!("/{id}");
    for quiet in [
        "",
        "?include_transcript=false",
        "?include_transcript=False",
        "?include_transcript=",
        "?include_transcript=false&transcript=true",
    ] {
        let found = get(&server, &user, &format!("{one}{quiet}")).await;
        assert!(
            !found
                .as_object()
                .unwrap()
                .contains_key("transcript_segments"),
            "{quiet}"
        );
        let found = get(&server, &user, quiet).await;
        assert!(
            !found[0]
                .as_object()
                .unwrap()
                .contains_key("transcript_segments"),
            "{quiet}"
        );
    }
    for loud in [
        "include_transcript=true",
        "include_transcript=True",
        "include_transcript=1",
        "include_transcript=yes",
        "include_transcript=ON",
        "transcript=true",
        "include_transcript=true&transcript=false",
        "include_transcript=&transcript=true",
    ] {
        let query = format!("?{loud}");
        let found = get(&server, &user, &format!("{one}{query}")).await;
        assert_eq!(get(&server, &user, &query).await[0], found);
        let segments = found["transcript_segments"].as_array().unwrap();
        let said: Vec<_> = segments
            .iter()
            .map(|s| {
                (
                    s["speaker_name"].as_str().unwrap(),
                    s["start"].as_f64().unwrap(),
                )
            })
            .collect();
        assert_eq!(said, [("User", 1.5), ("Speaker 1", 4.0)]);
    }
    let found = get(&server, &user, &format!("{one}?include_transcript=1")).await;
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("transcript", found, {
            ".id" => "[id]", ".transcript_segments[].id" => "[id]"
        });
    });
    for bad in ["include_transcript=maybe", "transcript=maybe"] {
        for rest in [one.as_str(), ""] {
            let answer = server
                .get(&format!("{PATH}{rest}?{bad}"), &user.developer_key)
                .await;
            assert_eq!(answer.status, 400, "{rest} {bad}: {answer:#?}");
        }
    }

    // A name that is known is used.
    let email = "maria@example.org";
    let uid = server
        .cli(&["user", "create", "--email", email, "--name", "Maria"])
        .await
        .lines()
        .next()
        .unwrap()
        .to_string();
    let key = server
        .cli(&[
            "key",
            "create",
            "--email",
            email,
            "--kind",
            "developer",
            "--name",
            "k",
            "--scopes",
            "conversations:read",
        ])
        .await;
    let id = plant::Conversation::default().put(&db, &uid).await;
    plant::segment(&db, &uid, id, 0, true, 0.0, "Hello.").await;
    let path = format!("{PATH}/{id}?include_transcript=t");
    let found = server.get(&path, &key).await.ok();
    assert_eq!(found["transcript_segments"][0]["speaker_name"], "Maria");
}

#[tokio::test]
async fn lists_filter_and_page() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    for one in [
        plant::Conversation {
            title: "january",
            created_at: at("2026-01-31T09:00:00Z"),
            category: "work",
            starred: true,
            ..Default::default()
        },
        plant::Conversation {
            title: "february",
            created_at: at("2026-02-28T23:59:59.5Z"),
            category: "travel",
            folder_id: Some("trips"),
            ..Default::default()
        },
        plant::Conversation {
            title: "march",
            created_at: at("2026-03-01T00:00:00Z"),
            ..Default::default()
        },
        plant::Conversation {
            title: "discarded",
            discarded: true,
            ..Default::default()
        },
        plant::Conversation {
            title: "processing",
            status: "processing",
            ..Default::default()
        },
        plant::Conversation {
            title: "failed",
            status: "failed",
            ..Default::default()
        },
        plant::Conversation {
            title: "open",
            status: "in_progress",
            finished_at: Utc::now(),
            ..Default::default()
        },
    ] {
        one.put(&db, &user.uid).await;
    }
    for (query, expected) in [
        ("", "march february january"),
        ("limit=1", "march"),
        ("limit=1&offset=1", "february"),
        ("limit=1000", "march february january"),
        ("categories=work,travel", "february january"),
        ("categories=health", ""),
        ("starred=True", "january"),
        ("starred=0", "march february"),
        ("starred=", "march february january"),
        ("folder_id=trips", "february"),
        ("folder_id=none", ""),
        // Inclusive at both ends, and in every spelling that clients use.
        ("start_date=2026-03-01T00:00:00Z", "march"),
        ("start_date=2026-03-01", "march"),
        ("start_date=2026-03-01T00:00:00", "march"),
        ("start_date=2026-03-01%2000:00:00", "march"),
        ("start_date=2026-03-01T01:00:00%2B01:00", "march"),
        ("start_date=2026-03-01T01:00:00+01:00", "march"),
        ("start_date=1772323200", "march"),
        ("end_date=2026-01-31T09:00:00.000000%2B00:00", "january"),
        ("end_date=2026-01-31T08:59:59.999999Z", ""),
        (
            "start_date=2026-02-01&end_date=2026-02-28T23:59:59.5",
            "february",
        ),
        ("start_date=&end_date=", "march february january"),
        ("unknown=1", "march february january"),
    ] {
        assert_eq!(
            titles(&server, &user, query).await.join(" "),
            expected,
            "{query}"
        );
    }
    for (query, status) in [
        ("categories=cats", 400),
        ("limit=0", 422),
        ("limit=1001", 422),
        ("offset=-1", 422),
        ("offset=x", 422),
        ("folder_id=", 422),
        ("starred=perhaps", 400),
        ("start_date=yesterday", 400),
        ("end_date=2026-02-30", 400),
        ("start_date=-8000000000000", 400),
        ("end_date=8000000000000", 400),
        ("start_date=%2B250000-01-01T00:00:00Z", 400),
    ] {
        let answer = server
            .get(&format!("{PATH}?{query}"), &user.developer_key)
            .await;
        assert_eq!(answer.status, status, "{query}: {answer:#?}");
    }
    let nul = server
        .get(&format!("{PATH}?folder_id=%00"), &user.developer_key)
        .await;
    assert!(nul.status < 500, "{nul:#?}");

    // By its id, whatever became of it.
    let ids: Vec<uuid::Uuid> = sqlx::query_scalar("select id from conversations where uid = $1")
        .bind(&user.uid)
        .fetch_all(&db)
        .await
        .unwrap();
    assert_eq!(ids.len(), 7);
    for id in ids {
        get(&server, &user, &format!("/{id}")).await;
    }
}

#[tokio::test]
async fn bad_texts_are_refused_and_long_ones_understood() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    for (body, field) in [
        (json!({}), "text"),
        (json!({"text": ""}), "text"),
        (json!({"text": " \n "}), "text"),
        (json!({"text": 1}), "text"),
        (json!({"text": "x".repeat(100_001)}), "text"),
        (json!({"text": "x", "text_source": "dream"}), "text_source"),
        (json!({"text": "x", "started_at": "soon"}), "started_at"),
        (json!({"text": "x", "started_at": true}), "started_at"),
        (json!({"text": "x", "started_at": 8e12}), "started_at"),
        (
            json!({"text": "x", "started_at": "+262142-12-31T23:59:59Z"}),
            "started_at",
        ),
        (json!({"text": "x", "started_at": -8e12}), "started_at"),
        (
            json!({"text": "x", "started_at": "2026-01-01T10:00:00Z", "finished_at": "2026-01-01T09:59:59Z"}),
            "finished_at",
        ),
        (
            json!({"text": "x", "geolocation": {"latitude": 1}}),
            "geolocation",
        ),
        (
            json!({"text": "x", "geolocation": {"latitude": "north", "longitude": 1}}),
            "geolocation",
        ),
        (json!({"text": "x", "language": 1}), "language"),
        (
            json!({"text": "x", "client_session_id": "x".repeat(201)}),
            "client_session_id",
        ),
    ] {
        let shown = body.to_string().chars().take(80).collect::<String>();
        let answer = server.post(PATH, &user.developer_key, body).await;
        assert_eq!(answer.status, 422, "{shown}: {answer:#?}");
        let place = &answer.body["detail"][0]["loc"];
        assert_eq!(place[0], "body", "{shown}");
        assert_eq!(place[1], field, "{shown}");
    }
    let nul = "a\u{0}b";
    for body in [
        json!({"text": nul}),
        json!({"text": "x", "text_source_spec": nul}),
        json!({"text": "x", "language": nul}),
        json!({"text": "x", "geolocation": {"latitude": 1, "longitude": 1, "address": nul}}),
    ] {
        let answer = server.post(PATH, &user.developer_key, body.clone()).await;
        assert!((400..500).contains(&answer.status), "{body}: {answer:#?}");
    }
    let huge = client()
        .request(Method::POST, format!("{}{PATH}", server.url))
        .bearer_auth(&user.developer_key)
        .json(&json!({"text": "x".repeat(3 * 1024 * 1024)}))
        .send()
        .await
        .unwrap();
    let huge = Answer::of(huge).await;
    assert!((400..500).contains(&huge.status), "{huge:#?}");
    let stored: i64 = sqlx::query_scalar("select count(*) from conversations")
        .fetch_one(&server.pool().await)
        .await
        .unwrap();
    assert_eq!(stored, 0);

    // The longest text; a moment without length; seconds since 1970; the language of the text.
    let sentence = "We talked about the new garden and what to plant in it. ";
    let long: String = sentence.chars().cycle().take(99_999).chain(['x']).collect();
    create(&server, &user, json!({"text": long})).await;
    create(&server, &user, json!({"text": "x".repeat(100_000)})).await;
    for started_at in [
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59.5Z",
        "9999-12-31T23:59:60Z",
    ] {
        let text = "Remind me to call Ben tomorrow. The meeting is next week on Friday.";
        let id = create(
            &server,
            &user,
            json!({"text": text, "started_at": started_at}),
        )
        .await;
        let found = get(&server, &user, &format!("/{id}")).await;
        assert!(
            time(&found["finished_at"]) >= time(&found["started_at"]),
            "{found:#}"
        );
        let year = &started_at[..5];
        for field in ["created_at", "started_at", "finished_at"] {
            assert!(
                found[field].as_str().unwrap().starts_with(year),
                "{found:#}"
            );
        }
    }
    let body = json!({
        "text": "Wir haben lange über den Garten gesprochen.",
        "language": "de",
        "started_at": 1_769_850_000,
        "finished_at": "2026-01-31 09:00:00",
    });
    let id = create(&server, &user, body).await;
    let found = get(&server, &user, &format!("/{id}")).await;
    assert_eq!(found["language"], "de");
    assert_eq!(found["started_at"], "2026-01-31T09:00:00Z");
    assert_eq!(found["finished_at"], "2026-01-31T09:00:00Z");
}
