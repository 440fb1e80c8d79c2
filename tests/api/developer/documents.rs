//! Every request that Omi's documents show of the Developer API, answered in the shape that they show.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api::plant::{self, at},
    support::{Server, ServerOptions},
};

/// Every field of the sample is in the answer, with a value of its type. A sample's null stands for text that may be
/// absent, a date for a date in UTC; each element of a list is like the sample's first.
#[track_caller]
fn assert_like(sample: &Value, answer: &Value, place: &str) {
    match (sample, answer) {
        (Value::Object(sample), Value::Object(answer)) => {
            for (name, sample) in sample {
                let place = format!("{place}.{name}");
                let Some(value) = answer.get(name) else {
                    panic!("{place} is missing in {answer:#?}");
                };
                assert_like(sample, value, &place);
            }
        }
        (Value::Array(sample), Value::Array(answer)) => {
            let Some(sample) = sample.first() else { return };
            assert!(!answer.is_empty(), "{place} is empty");
            for (index, value) in answer.iter().enumerate() {
                assert_like(sample, value, &format!("{place}[{index}]"));
            }
        }
        (Value::String(sample), Value::String(answer)) => {
            if chrono::DateTime::parse_from_rfc3339(sample).is_ok() {
                assert!(answer.ends_with('Z'), "{place} should be UTC: {answer}");
                chrono::DateTime::parse_from_rfc3339(answer)
                    .unwrap_or_else(|error| panic!("{place}: {answer}: {error}"));
            }
        }
        (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Null, Value::Null | Value::String(_)) => (),
        _ => panic!("{place}: {answer} is not like {sample}"),
    }
}

fn memory() -> Value {
    json!({"id": "mem_789ghi", "content": "Discussed the plan", "category": "interesting"})
}

fn action_item() -> Value {
    json!({
        "id": "action_101",
        "description": "Review budget proposal",
        "completed": false,
        "created_at": "2025-01-20T10:15:00Z",
        "updated_at": "2025-01-20T10:15:00Z",
        "due_at": null,
        "completed_at": null,
        "conversation_id": null,
    })
}

fn conversation() -> Value {
    json!({
        "id": "conv_202",
        "created_at": "2025-01-20T13:50:00Z",
        "started_at": "2025-01-20T13:50:00Z",
        "finished_at": "2025-01-20T14:10:00Z",
        "language": "en",
        "source": "omi",
        "structured": {
            "title": "Feature Discussion",
            "overview": "Brainstorming session for new features",
            "emoji": "💼",
            "category": "business",
            "action_items": [{
                "description": "Create mockups for new UI",
                "completed": false,
                "created_at": "2025-01-20T14:10:00Z",
                "updated_at": "2025-01-20T14:10:00Z",
                "due_at": null,
                "completed_at": null,
            }],
            "events": [],
        },
    })
}

fn conversation_with_transcript() -> Value {
    let mut sample = conversation();
    sample["transcript_segments"] = json!([{
        "id": "seg_001",
        "text": "Let's discuss the new feature",
        "speaker_id": 0,
        "start": 0.0,
        "end": 2.5,
    }]);
    sample
}

#[tokio::test]
async fn every_sample_request_is_answered_as_documented() {
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: vec![("OMI_RATE_LIMIT__PER_MINUTE", "100".into())],
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let met = plant::Conversation {
        category: "business",
        ..Default::default()
    }
    .put(&db, &user.uid)
    .await;
    plant::segment(
        &db,
        &user.uid,
        met,
        0,
        true,
        0.0,
        "Let's discuss the new feature",
    )
    .await;
    plant::segment(&db, &user.uid, met, 1, false, 2.5, "I think so").await;
    for (description, completed, conversation_id) in [
        ("Create mockups for new UI", false, Some(met)),
        ("Call dentist for appointment", true, None),
        ("Review budget proposal", false, None),
    ] {
        plant::ActionItem {
            description,
            completed,
            conversation_id,
            due_at: Some(at("2026-02-25T00:00:00Z")),
            ..Default::default()
        }
        .put(&db, &user.uid)
        .await;
    }
    plant::memory(&db, &user.uid, "Leads the project", "work", None, None).await;

    let memory = memory();
    let memories = json!([memory]);
    let action_items = json!([action_item()]);
    let conversations = json!([conversation()]);
    let with_transcript = json!([conversation_with_transcript()]);
    // What the documents name in prose, they show no answer of.
    let success = json!({"success": true});
    let outcome = json!({"id": "conv_202", "status": "completed", "discarded": false});
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    let mut last = String::new();
    // `{id}` is the id in an answer before.
    for (method, path, body, sample) in [
        (&get, "/memories", None, &memories),
        (&get, "/memories?limit=10", None, &memories),
        (&get, "/memories?limit=50&offset=0&categories=personal,work", None, &memories),
        (&get, "/memories?limit=1000", None, &memories),
        (&post, "/memories", Some(json!({"content": "Likes tea"})), &memory),
        (&patch, "/memories/{id}", Some(json!({"content": "Likes coffee"})), &memory),
        (&delete, "/memories/{id}", None, &success),
        (
            &post,
            "/memories/batch",
            Some(json!({"memories": [{"content": "Has a cat"}, {"content": "Has a dog"}]})),
            &json!({"memories": memories, "created_count": 2}),
        ),
        (&get, "/action-items?completed=false&limit=50", None, &action_items),
        (&get, "/action-items?completed=false", None, &action_items),
        (&get, "/action-items?conversation_id=null", None, &action_items),
        (
            &get,
            "/action-items?start_date=2025-01-01T00:00:00Z&end_date=2026-12-31T23:59:59Z&offset=0",
            None,
            &action_items,
        ),
        (&post, "/action-items", Some(json!({"description": "Book a room"})), &action_item()),
        (&patch, "/action-items/{id}", Some(json!({"completed": true})), &action_item()),
        (&delete, "/action-items/{id}", None, &success),
        (
            &post,
            "/action-items/batch",
            Some(json!({"action_items": [{"description": "Book a flight"}]})),
            &json!({"action_items": action_items, "created_count": 1}),
        ),
        (&get, "/conversations", None, &conversations),
        (&get, "/conversations?limit=10&include_transcript=true", None, &with_transcript),
        (&get, "/conversations?limit=1000", None, &conversations),
        (&get, "/conversations?categories=personal,business", None, &conversations),
        (
            &get,
            "/conversations?start_date=2025-01-01T00:00:00Z&end_date=2026-12-31T23:59:59Z&offset=0",
            None,
            &conversations,
        ),
        (&post, "/conversations", Some(json!({"text": "Remind me to water the plants."})), &outcome),
        (&get, "/conversations/{id}", None, &conversation()),
        (&patch, "/conversations/{id}", Some(json!({"title": "Plants"})), &conversation()),
        (&delete, "/conversations/{id}", None, &success),
        (
            &post,
            "/conversations/from-segments",
            Some(json!({"transcript_segments": [{"text": "Good morning, Ann.", "start": 0.0, "end": 2.5}]})),
            &outcome,
        ),
    ]
    .map(|(method, path, body, sample)| (method.clone(), path, body, sample.clone()))
    {
        let key = &user.developer_key;
        request(&server, key, method, path, body, &sample, &mut last).await;
    }

    keys(&server, &user.token, &user.developer_key).await;
    refusals(&server).await;
}

/// `last` is the id in the last answer that had one.
async fn request(
    server: &Server,
    key: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
    sample: &Value,
    last: &mut String,
) {
    let path = path.replace("{id}", last);
    let what = format!("{method} {path}");
    let path = format!("/v1/dev/user{path}");
    let answer = server.send(method, &path, Some(key), body).await;
    let number = |name: &str| -> u64 {
        let value = answer.headers.get(name);
        let value = value.unwrap_or_else(|| panic!("{what}: no {name}"));
        value.to_str().unwrap().parse().unwrap()
    };
    assert_eq!(number("x-ratelimit-limit"), 100, "{what}");
    assert!(number("x-ratelimit-remaining") < 100, "{what}");
    assert!(number("x-ratelimit-reset") > 1_600_000_000, "{what}");
    assert_eq!(answer.status, 200, "{what}: {answer:#?}");
    assert_like(sample, &answer.body, &what);
    let plain = !path.contains("include_transcript");
    if plain && let Some(first) = answer.body.get(0) {
        assert!(
            first.get("transcript_segments").is_none(),
            "{what}: {first}"
        );
    }
    if let Some(id) = answer.body["id"].as_str() {
        *last = id.to_string();
    }
}

async fn keys(server: &Server, token: &str, developer_key: &str) {
    const PATH: &str = "/v1/dev/keys";
    let name = "My New Integration";
    let created = server.post(PATH, token, json!({"name": name})).await.ok();
    let sample = json!({
        "id": "key_456def",
        "name": name,
        "key_prefix": "omi_dev_def456",
        "key": "omi_dev_def456_full_secret_key_here",
        "created_at": "2025-01-20T15:00:00Z",
        "last_used_at": null,
    });
    assert_like(&sample, &created, "POST /keys");
    assert_eq!(created["name"], name);
    assert_eq!(created["last_used_at"], Value::Null);
    let key = created["key"].as_str().unwrap();
    let prefix = created["key_prefix"].as_str().unwrap();
    assert_eq!((prefix.len(), &key[..14]), (14, prefix));
    server.get("/v1/dev/user/memories", key).await.ok();

    let mut sample = sample;
    sample.as_object_mut().unwrap().remove("key");
    // With a session, and with a key of one's own.
    for secret in [token, developer_key] {
        let list = server.get(PATH, secret).await.ok();
        assert_like(&json!([sample]), &list, "GET /keys");
        assert_eq!(list[0]["id"], created["id"], "the newest first");
        assert!(list[0].get("key").is_none(), "{list}");
    }
    // Uses are written down every few seconds.
    let patience = Duration::from_secs(20);
    let used = |list: &Value| list[0]["last_used_at"].is_string();
    server.wait_for(PATH, token, patience, used).await;
    let path = format!("{PATH}/{}", created["id"].as_str().unwrap());
    let revoked = server.send(Method::DELETE, &path, Some(token), None).await;
    assert_eq!((revoked.status, revoked.body), (204, json!("")));
    let answer = server.get("/v1/dev/user/memories", key).await;
    assert_eq!(answer.status, 401, "{answer:#?}");
}

async fn refusals(server: &Server) {
    let sample = json!({
        "detail": "Invalid API Key",
        "error": {"message": "Invalid API key", "code": "invalid_api_key"},
    });
    let answer = server
        .get("/v1/dev/user/memories", "omi_dev_your_api_key")
        .await;
    assert_eq!(answer.status, 401, "{answer:#?}");
    assert_like(&sample, &answer.body, "401");
    assert_eq!(answer.body["error"]["code"], "invalid_api_key");
}
