//! `/v1/calendar/meetings`, `/v1/trends`

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api::plant,
    support::{Server, server::User},
};

const PATH: &str = "/v1/calendar/meetings";

async fn put(server: &Server, user: &User, event: &str, more: Value) -> Value {
    let mut body = json!({
        "calendar_event_id": event, "calendar_source": "system_calendar", "title": event,
        "start_time": "2026-01-31T09:00:00Z", "end_time": "2026-01-31T09:45:59+00:00",
    });
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    server.post(PATH, &user.token, body).await.ok()
}

async fn titles(server: &Server, user: &User, query: &str) -> String {
    let found = server
        .get(&format!("{PATH}?{query}"), &user.token)
        .await
        .ok();
    let titles: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|meeting| meeting["title"].as_str().unwrap())
        .collect();
    titles.join(" ")
}

#[tokio::test]
async fn meetings_are_stored_once_and_listed() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    assert_eq!(server.get(PATH, &user.token).await.ok(), json!([]));
    let more = json!({
        "platform": "Meet", "meeting_link": "https://meet.example/x", "notes": "Bring cake",
        "participants": [{"name": "Ben", "email": "ben@example.org"}, {"name": "Cleo"}],
    });
    let stored = put(&server, &user, "Standup", more).await;
    assert_eq!(stored["message"], "Meeting stored successfully");
    assert_eq!(stored["calendar_event_id"], "Standup");
    let path = format!("{PATH}/{}", stored["meeting_id"].as_str().unwrap());
    let found = server.get(&path, &user.token).await.ok();
    // Whole minutes.
    assert_eq!(found["duration_minutes"], 45);
    insta::with_settings!({sort_maps => true}, { insta::assert_json_snapshot!("meeting", found); });

    // The same event of the same calendar is the same meeting; of another calendar it is another.
    let again = put(&server, &user, "Standup", json!({"title": "Moved", "start_time": "2026-02-01T09:00:00", "end_time": "2026-02-01T08:00:00"})).await;
    assert_eq!(again["meeting_id"], stored["meeting_id"]);
    let moved = server.get(&path, &user.token).await.ok();
    assert_eq!(
        (&moved["title"], &moved["duration_minutes"]),
        (&json!("Moved"), &json!(0))
    );
    assert_eq!(
        (&moved["participants"], &moved["notes"]),
        (&json!([]), &Value::Null)
    );
    let elsewhere = put(
        &server,
        &user,
        "Standup",
        json!({"calendar_source": "google", "title": "Elsewhere"}),
    )
    .await;
    assert_ne!(elsewhere["meeting_id"], stored["meeting_id"]);
    put(
        &server,
        &user,
        "Lunch",
        json!({"start_time": "2026-02-02T12:00:00Z", "end_time": "2026-02-02T13:00:00Z"}),
    )
    .await;
    for (query, expected) in [
        ("", "Lunch Moved Elsewhere"),
        ("limit=1", "Lunch"),
        ("limit=100000", "Lunch Moved Elsewhere"),
        // Both bounds count.
        ("start_date=2026-02-01T09:00:00Z", "Lunch Moved"),
        ("end_date=2026-02-01T09:00:00Z", "Moved Elsewhere"),
        ("start_date=2026-02-01&end_date=2026-02-02", "Moved"),
    ] {
        assert_eq!(titles(&server, &user, query).await, expected, "{query}");
    }
    assert_eq!(titles(&server, &other, "").await, "");
    let absent = server.get(&format!("{PATH}/none"), &user.token).await;
    assert_eq!(
        (absent.status, &absent.body["detail"]),
        (404, &json!("Meeting not found"))
    );
    for bad in [
        json!({}),
        json!({"calendar_event_id": "", "calendar_source": "x", "title": "x", "start_time": "2026-01-31", "end_time": "2026-01-31"}),
        json!({"calendar_event_id": "x", "calendar_source": "x", "title": "x", "start_time": null, "end_time": "2026-01-31"}),
        json!({"calendar_event_id": "x", "calendar_source": "x", "title": "x", "start_time": "soon", "end_time": "2026-01-31"}),
    ] {
        assert_eq!(
            server.post(PATH, &user.token, bad.clone()).await.status,
            422,
            "{bad}"
        );
    }
    assert_eq!(
        server
            .get(&format!("{PATH}?limit=0"), &user.token)
            .await
            .status,
        422
    );

    let trends = server.send(Method::GET, "/v1/trends", None, None).await;
    assert_eq!(trends.ok(), json!([]));
}

/// What was heard at a desktop while a meeting of the calendar went on was heard in it; of several in the nearest one.
#[tokio::test]
async fn a_conversation_at_a_desktop_is_held_in_its_meeting() {
    let server = Server::unguarded().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let at = |from: &str, to: &str| json!({"start_time": from, "end_time": to});
    put(
        &server,
        &user,
        "Whole day",
        at("2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z"),
    )
    .await;
    // It began a minute before.
    put(
        &server,
        &user,
        "Review",
        at("2026-01-31T09:01:00Z", "2026-01-31T10:00:00Z"),
    )
    .await;
    put(
        &server,
        &user,
        "Later",
        at("2026-01-31T09:03:00Z", "2026-01-31T10:00:00Z"),
    )
    .await;
    let mut ids = Vec::new();
    for source in ["desktop", "omi"] {
        let id = plant::Conversation::default().put(&db, &user.uid).await;
        plant::segment(
            &db,
            &user.uid,
            id,
            0,
            true,
            0.0,
            "I will send the minutes to Ben tomorrow.",
        )
        .await;
        sqlx::query("update conversations set source = $3 where uid = $1 and id = $2")
            .bind(&user.uid)
            .bind(id)
            .bind(source)
            .execute(&db)
            .await
            .unwrap();
        let path = format!("/v1/conversations/{id}/reprocess");
        server.post(&path, &user.token, json!({})).await.ok();
        ids.push(id);
    }
    let context = async |id: &uuid::Uuid| {
        let path = format!("/v1/conversations/{id}");
        let found = server.get(&path, &user.token).await.ok();
        found["external_data"]["calendar_meeting_context"].clone()
    };
    let held = context(&ids[0]).await;
    assert_eq!(
        (&held["title"], &held["duration_minutes"]),
        (&json!("Review"), &json!(59))
    );
    assert_eq!(context(&ids[1]).await, Value::Null);
}
