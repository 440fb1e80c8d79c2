//! What is published as examples of the import API works as it stands, but for the address.

use std::time::Duration;

use serde_json::{Value, json};

use super::importer::{ALL, Importer};
use crate::support::Server;

/// Bodies of conversations: the request body that is described, a call, messages, a mail, a post.
fn conversations() -> [Value; 5] {
    [
        json!({
            "text": "The full text content of the conversation",
            "started_at": "2024-07-21T22:34:43.384323+00:00",
            "finished_at": "2024-07-21T22:35:43.384323+00:00",
            "text_source": "audio_transcript",
            "text_source_spec": "phone_call",
            "language": "en",
            "geolocation": {"latitude": 37.7749, "longitude": -122.4194}
        }),
        json!({
            "started_at": chrono::Utc::now().to_rfc3339(),
            "finished_at": chrono::Utc::now().to_rfc3339(),
            "text": "John: Hi Sarah, how was your weekend?\n\nSarah: It was great! I went hiking.",
            "text_source": "audio_transcript",
            "text_source_spec": "phone_call"
        }),
        json!({
            "text": "Mom: Don't forget to pick up milk\n\nMe: Will do!",
            "text_source": "message",
            "text_source_spec": "sms"
        }),
        json!({
            "text": "From: mum@example.org\nSubject: Dinner Plans\n\nWould you like to grab dinner Friday at 7pm?",
            "text_source": "other_text",
            "text_source_spec": "email"
        }),
        json!({
            "text": "Just finished my first marathon! 26.2 miles in 4:15. #running",
            "text_source": "other_text",
            "text_source_spec": "social_post",
            "geolocation": {"latitude": 40.7128, "longitude": -74.0060}
        }),
    ]
}

#[tokio::test]
async fn conversations_are_created_and_read() {
    let server = Server::deaf().await;
    let owner = server.user("ann@example.org").await;
    let user = server.user("ben@example.org").await;
    let app = Importer::new(&server, "ann@example.org", ALL).await;
    app.enabled_by(&user).await;
    for body in conversations() {
        let answer = app.post("user/conversations", &user.uid, body).await;
        assert_eq!(answer.ok(), json!({}));
    }
    let path = app.path("conversations?limit=50&offset=0", &user.uid);
    let body = server
        .wait_for(&path, &app.key, Duration::from_secs(30), |body| {
            let all = body["conversations"].as_array().unwrap();
            all.len() == 5 && all.iter().all(|one| one["status"] == "completed")
        })
        .await;
    let found = body["conversations"].as_array().unwrap();
    for conversation in found {
        for field in ["id", "created_at", "started_at", "finished_at"] {
            assert!(conversation[field].is_string(), "{field}: {conversation:#}");
        }
        assert!(conversation["created_at"].as_str().unwrap().ends_with('Z'));
        assert_ne!(conversation["structured"]["title"], "");
        assert!(conversation["structured"]["overview"].is_string());
        assert_eq!(conversation["source"], "external_integration");
        assert_eq!(conversation["app_id"], app.id.as_str());
        assert_eq!(conversation["transcript_segments"], json!([]));
        assert_eq!(conversation["text"], conversation["external_data"]["text"]);
        assert_no_null(conversation);
    }
    // The oldest is the one that says when it was.
    let oldest = &found[4];
    assert_eq!(oldest["text"], "The full text content of the conversation");
    assert_eq!(oldest["created_at"], "2024-07-21T22:34:43.384323Z");
    assert_eq!(oldest["finished_at"], "2024-07-21T22:35:43.384323Z");
    assert_eq!(
        oldest["geolocation"],
        json!({"latitude": 37.7749, "longitude": -122.4194})
    );
    assert_eq!(oldest["external_data"]["text_source_spec"], "phone_call");
    let sms = found
        .iter()
        .find(|one| one["text"].as_str().unwrap().starts_with("Mom"))
        .unwrap();
    assert_eq!(sms["external_data"]["text_source"], "message");
    // Nothing of it became the owner's.
    let own = server.get("/v1/conversations", &owner.token).await.ok();
    assert_eq!(own, json!([]));
    let theirs = server.get("/v1/conversations", &user.token).await.ok();
    assert_eq!(theirs.as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn memories_are_created_and_read() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let app = Importer::new(&server, "ann@example.org", ALL).await;
    app.enabled_by(&user).await;
    for body in [
        json!({
            "text": "Your flight to Paris has been confirmed for May 15th, 2024. Departure: JFK at 9:30 PM.",
            "text_source": "email",
            "text_source_spec": "travel_confirmation"
        }),
        json!({
            "text": "Your flight to Paris confirmed for May 15th. Departure: JFK 9:30 PM. Hotel de Paris: May 16-20.",
            "text_source": "email",
            "text_source_spec": "travel_confirmation"
        }),
        json!({
            "memories": [
                {"content": "User prefers window seats when flying", "tags": ["preferences", "travel"]},
                {"content": "User is vegetarian", "tags": ["preferences", "food"]}
            ]
        }),
    ] {
        let answer = app.post("user/memories", &user.uid, body).await;
        assert_eq!(answer.ok(), json!({}));
    }
    // The explicit ones are there at once.
    let found = app.list("memories?limit=100", &user.uid).await;
    for (content, tags) in [
        (
            "User prefers window seats when flying",
            json!(["preferences", "travel"]),
        ),
        ("User is vegetarian", json!(["preferences", "food"])),
    ] {
        let memory = found
            .iter()
            .find(|memory| memory["content"] == content)
            .unwrap_or_else(|| panic!("{content} is missing: {found:#?}"));
        assert_eq!(memory["tags"], tags);
    }
    let path = app.path("memories", &user.uid);
    let body = server
        .wait_for(&path, &app.key, Duration::from_secs(30), |body| {
            body["memories"].as_array().unwrap().len() == 4
        })
        .await;
    for memory in body["memories"].as_array().unwrap() {
        assert_eq!(memory["app_id"], app.id.as_str());
        assert_no_null(memory);
    }
    let contents = body.to_string();
    for content in [
        "User's flight to Paris has been confirmed for May 15th, 2024",
        "User's flight to Paris confirmed for May 15th",
    ] {
        assert!(contents.contains(content), "{contents}");
    }
}

/// What a published plugin sends, to the older name.
#[tokio::test]
async fn facts_are_memories() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let app = Importer::new(&server, "ann@example.org", "create_facts,read_facts").await;
    app.enabled_by(&user).await;
    let fact = json!({
        "text": "I live in Berlin.",
        "text_source": "other",
        "text_source_spec": "notion_fact_extraction"
    });
    assert_eq!(
        app.post("user/facts", &user.uid, fact).await.ok(),
        json!({})
    );
    let path = app.path("facts", &user.uid);
    server
        .wait_for(&path, &app.key, Duration::from_secs(30), |body| {
            body["memories"][0]["content"] == "User lives in Berlin"
        })
        .await;
}

#[track_caller]
pub fn assert_no_null(value: &Value) {
    assert!(!value.to_string().contains(":null"), "{value:#}");
}
