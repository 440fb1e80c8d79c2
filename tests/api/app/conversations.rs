//! `/v1/conversations`

use std::time::Duration;

use chrono::Utc;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api::plant::{self, at},
    processing::settled,
    support::{Server, server::User},
};

const PATH: &str = "/v1/conversations";

async fn titles(server: &Server, user: &User, query: &str) -> String {
    let found = server
        .get(&format!("{PATH}?{query}"), &user.token)
        .await
        .ok();
    let titles: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["structured"]["title"].as_str().unwrap())
        .collect();
    titles.join(" ")
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
            starred: true,
            ..Default::default()
        },
        plant::Conversation {
            title: "february",
            created_at: at("2026-02-01T00:00:00Z"),
            folder_id: Some("trips"),
            ..Default::default()
        },
        plant::Conversation {
            title: "discarded",
            created_at: at("2026-03-01T00:00:00Z"),
            discarded: true,
            ..Default::default()
        },
        plant::Conversation {
            title: "processing",
            created_at: at("2026-04-01T00:00:00Z"),
            status: "processing",
            ..Default::default()
        },
        plant::Conversation {
            title: "failed",
            created_at: at("2026-05-01T00:00:00Z"),
            status: "failed",
            ..Default::default()
        },
        plant::Conversation {
            title: "open",
            created_at: at("2026-06-01T00:00:00Z"),
            finished_at: Utc::now(),
            status: "in_progress",
            ..Default::default()
        },
    ] {
        one.put(&db, &user.uid).await;
    }
    for (query, expected) in [
        ("", "processing discarded february january"),
        ("statuses=", "processing discarded february january"),
        ("statuses=completed", "discarded february january"),
        ("statuses=in_progress", "open"),
        ("statuses=in_progress,failed", "open failed"),
        ("statuses=nonsense", ""),
        ("include_discarded=false", "processing february january"),
        ("include_discarded=False&limit=1&offset=1", "february"),
        ("limit=2", "processing discarded"),
        ("limit=1000&offset=3", "january"),
        ("limit=99999999&offset=3", "january"),
        ("starred=true", "january"),
        ("starred=false", "processing discarded february"),
        ("folder_id=trips", "february"),
        (
            "start_date=2026-02-01&end_date=2026-03-01",
            "discarded february",
        ),
        (
            "start_date=2026-02-01T01:00:00%2B01:00&include_discarded=0",
            "processing february",
        ),
        ("end_date=2026-01-31T08:59:59.999999", ""),
    ] {
        assert_eq!(titles(&server, &user, query).await, expected, "{query}");
    }
    for query in ["limit=0", "offset=-1", "starred=perhaps", "start_date=soon"] {
        let answer = server.get(&format!("{PATH}?{query}"), &user.token).await;
        assert_eq!(answer.status, 422, "{query}: {answer:#?}");
    }
    for query in ["statuses=%00", "folder_id=%00"] {
        let answer = server.get(&format!("{PATH}?{query}"), &user.token).await;
        assert!(answer.status < 500, "{query}: {answer:#?}");
    }
    let other = server.user("ben@example.org").await;
    assert_eq!(titles(&server, &other, "").await, "");
}

#[tokio::test]
async fn a_conversation_is_whole() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let id = plant::Conversation::default().put(&db, &user.uid).await;
    plant::segment(&db, &user.uid, id, 1, false, 4.0, "Nice to meet you.").await;
    plant::segment(&db, &user.uid, id, 0, true, 1.5, "Hello, I am Ann.").await;
    plant::ActionItem {
        description: "Call Ben",
        conversation_id: Some(id),
        ..Default::default()
    }
    .put(&db, &user.uid)
    .await;
    let found = server.get(&format!("{PATH}/{id}"), &user.token).await.ok();
    assert_eq!(server.get(PATH, &user.token).await.ok(), json!([found]));
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("conversation", found, {
            ".id" => "[id]",
            ".transcript_segments[].id" => "[segment]",
            ".structured.action_items[].conversation_id" => "[id]",
        });
    });
    for (status, discarded) in [
        ("processing", false),
        ("failed", false),
        ("completed", true),
    ] {
        let id = plant::Conversation {
            status,
            discarded,
            ..Default::default()
        }
        .put(&db, &user.uid)
        .await;
        let found = server.get(&format!("{PATH}/{id}"), &user.token).await.ok();
        assert_eq!(
            (&found["status"], &found["discarded"]),
            (&json!(status), &json!(discarded))
        );
    }
}

#[tokio::test]
async fn finishing_wants_a_conversation_in_progress() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let finish = async || {
        server
            .send(Method::POST, PATH, Some(&user.token), None)
            .await
    };
    let open = || plant::Conversation {
        title: "",
        status: "in_progress",
        created_at: Utc::now(),
        finished_at: Utc::now(),
        ..Default::default()
    };

    let absent = finish().await;
    assert_eq!(absent.status, 404, "{absent:#?}");
    assert_eq!(absent.body["detail"], "Conversation in progress not found");
    plant::Conversation::default().put(&db, &user.uid).await;
    assert_eq!(finish().await.status, 404, "a completed one does not count");
    open().put(&db, &user.uid).await;
    assert_eq!(
        finish().await.status,
        404,
        "nor does one in which nothing was said"
    );
    let other = server.user("ben@example.org").await;
    let theirs = open().put(&db, &other.uid).await;
    plant::segment(&db, &other.uid, theirs, 0, true, 0.0, "Hello?").await;
    assert_eq!(finish().await.status, 404, "nor does another's");

    let id = open().put(&db, &user.uid).await;
    plant::segment(&db, &user.uid, id, 0, true, 0.0, "Yes.").await;
    // The calendar entry must be one; nothing is finished with half of it.
    let meeting = json!({"calendar_event_id": "e1", "title": "Stand-up", "start_time": "2026-01-31T09:00:00+01:00",
                         "duration_minutes": 15, "participants": [{"name": "Ben", "email": null}]});
    let finish_with = async |meeting: &Value| {
        let body = json!({"calendar_meeting_context": meeting});
        server.post(PATH, &user.token, body).await
    };
    for (key, value) in [
        ("title", json!(null)),
        ("start_time", json!("soon")),
        ("start_time", json!(null)),
        ("duration_minutes", json!(-1)),
        ("participants", json!(["Ben"])),
        ("notes", json!("n".repeat(20_001))),
    ] {
        let mut wrong = meeting.clone();
        wrong[key] = value;
        let refused = finish_with(&wrong).await;
        assert_eq!(refused.status, 422, "{wrong}: {refused:#?}");
    }
    let answer = finish_with(&meeting).await.ok();
    assert_eq!(
        answer["conversation"]["external_data"]["calendar_meeting_context"],
        json!({"calendar_event_id": "e1", "title": "Stand-up", "start_time": "2026-01-31T08:00:00Z",
               "duration_minutes": 15, "participants": [{"name": "Ben", "email": null}], "platform": null,
               "meeting_link": null, "notes": null, "calendar_source": "system_calendar"})
    );
    assert_eq!(answer["messages"], json!([]));
    let conversation = &answer["conversation"];
    assert_eq!(conversation["id"], id.to_string());
    assert_eq!(
        conversation["status"],
        "completed",
        "{conversation}\n{}",
        server.log()
    );
    assert_eq!(
        conversation["discarded"], false,
        "what the user ends is kept, however short"
    );
    assert_ne!(conversation["structured"]["title"], "");
    assert_eq!(
        conversation["transcript_segments"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // The app asks again when it had no answer: for some seconds it gets the same one, then there is none in progress.
    let again = finish().await.ok();
    assert_eq!(again["conversation"]["id"], id.to_string());
    settled(&server, &user, &id.to_string(), Duration::from_secs(30)).await;
    let later = "update conversations set updated_at = updated_at - interval '11 seconds' where uid = $1 and id = $2";
    let moved = sqlx::query(later).bind(&user.uid).bind(id).execute(&db);
    moved.await.unwrap();
    assert_eq!(finish().await.status, 404, "it is not in progress any more");
    // What is in progress comes first, whatever was ended just before.
    let next = open().put(&db, &user.uid).await;
    plant::segment(&db, &user.uid, next, 0, true, 0.0, "And more.").await;
    assert_eq!(finish().await.ok()["conversation"]["id"], next.to_string());
}
