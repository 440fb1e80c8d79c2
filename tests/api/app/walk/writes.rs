//! What somebody does on the screens of the Omi app. Of each kind of thing one is left.

use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::{Value, json};

use super::{
    super::chat,
    Walk,
    fill::{self, Words},
};
use crate::{api::plant, support::server::User};

const PATIENCE: Duration = Duration::from_secs(60);

pub async fn screens(walk: &mut Walk<'_>, friend: &User, words: &Words) {
    introduction(walk, words).await;
    capture(walk, words).await;
    conversations(walk, words).await;
    memories(walk, words).await;
    tasks(walk, friend, words).await;
    goals(walk, words).await;
    talk(walk, words).await;
    apps(walk, words).await;
    settings(walk, words).await;
    days(walk).await;
}

/// The id that an answer has.
fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap_or_default().to_string()
}

/// Signing in, being shown around, coming home.
async fn introduction(walk: &mut Walk<'_>, words: &Words) {
    let token = json!({"fcm_token": "token", "time_zone": "Europe/Berlin"});
    walk.step("POST", "/v1/users/fcm-token", &[], "", token)
        .await;
    let language = json!({"language": "en"});
    walk.step("PATCH", "/v1/users/language", &[], "", language)
        .await;
    for body in [
        json!({"acquisition_source": words.line}),
        json!({"completed": true}),
    ] {
        walk.step("PATCH", "/v1/users/onboarding", &[], "", body)
            .await;
    }
    let path = "/v1/knowledge-graph/rebuild";
    let begun = walk.step("POST", path, &[], "", json!({})).await;
    // The app waits for an object.
    walk.expect("rebuilding", &json!(begun.is_object()), true);
    // Whole degrees, and what a phone does not know.
    let place = json!({"latitude": 52, "longitude": 13, "altitude": null, "accuracy": null, "time": Utc::now(),
        "googlePlaceId": null, "google_place_id": null, "address": words.line, "locationType": null, "location_type": null});
    walk.step("PATCH", "/v1/users/geolocation", &[], "", place)
        .await;
}

/// The stop button.
async fn capture(walk: &mut Walk<'_>, words: &Words) {
    let db = walk.server.pool().await;
    let open = plant::Conversation {
        title: "",
        status: "in_progress",
        created_at: Utc::now(),
        finished_at: Utc::now(),
        ..plant::Conversation::default()
    };
    let open = open.put(&db, &walk.user.uid).await;
    plant::segment(&db, &walk.user.uid, open, 0, true, 0.0, &words.text).await;
    let ended = walk
        .step("POST", "/v1/conversations", &[], "", json!({}))
        .await;
    let conversation = &ended["conversation"];
    walk.expect("what ended", &conversation["id"], open.to_string());
    let latitude = conversation["geolocation"]["latitude"].to_string();
    walk.expect("a whole degree", &json!(latitude), "52.0");
}

/// The page of a conversation, the list with its folders, and its people.
async fn conversations(walk: &mut Walk<'_>, words: &Words) {
    let (server, user) = (walk.server, walk.user);
    let db = server.pool().await;
    let talk = fill::talk(server, user, &db, words).await.to_string();
    let talk = talk.as_str();
    for value in [-1, 1] {
        let query = format!("?memory_id={talk}&value={value}&reason=null");
        let path = "/v1/users/analytics/memory_summary";
        walk.step("POST", path, &[], &query, Value::Null).await;
    }
    let path = "/v1/sync/audio/{conversation}/precache";
    walk.step("POST", path, &[talk], "", Value::Null).await;

    let person = json!({"name": format!("{} 2", words.name)});
    let person = walk.step("POST", "/v1/users/people", &[], "", person).await;
    let gone = json!({"name": "Somebody"});
    let gone = walk.step("POST", "/v1/users/people", &[], "", gone).await;
    let path = "/v1/users/people/{id}";
    walk.step("DELETE", path, &[&id(&gone)], "", Value::Null)
        .await;
    // As it is in the address: the app encodes no more than it must.
    let query = format!("?value={}", words.line);
    let path = "/v1/users/people/{id}/name";
    walk.step("PATCH", path, &[&id(&person)], &query, Value::Null)
        .await;
    let people = walk
        .step("GET", "/v1/users/people", &[], "", Value::Null)
        .await;
    let mut people = people.as_array().into_iter().flatten();
    let called = people.find(|one| one["id"] == person["id"]);
    let called = called.map_or(Value::Null, |one| one["name"].clone());
    walk.expect("a person's name", &called, words.line.trim());

    let path = "/v1/conversations/{id}";
    let before = walk.step("GET", path, &[talk], "", Value::Null).await;
    let segments = before["transcript_segments"].as_array();
    let segments: Vec<_> = segments.into_iter().flatten().map(id).collect();
    let change = |rest: &str| format!("{path}/{rest}");
    let query = format!("?title={}", words.line);
    walk.step("PATCH", &change("title"), &[talk], &query, Value::Null)
        .await;
    for (query, rest) in [
        ("?value=shared", "visibility"),
        ("?starred=true", "starred"),
    ] {
        walk.step("PATCH", &change(rest), &[talk], query, Value::Null)
            .await;
    }
    let folder =
        json!({"name": words.name, "description": words.line, "color": "#6B7280", "icon": "🦩"});
    let folder = walk.step("POST", "/v1/folders", &[], "", folder).await;
    let folder = id(&folder);
    for (rest, body) in [
        (
            "segments/text",
            json!({"segment_id": segments[0], "text": words.text}),
        ),
        ("summary", json!({"app_id": null, "content": words.text})),
        (
            "segments/assign-bulk",
            json!({"segment_ids": segments, "assign_type": "person_id", "value": person["id"]}),
        ),
        (
            "segments/assign-bulk",
            json!({"segment_ids": [segments[0]], "assign_type": "is_user", "value": "true"}),
        ),
        ("action-items", json!({"items_idx": [0], "values": [true]})),
        ("folder", json!({"folder_id": folder})),
    ] {
        walk.step("PATCH", &change(rest), &[talk], "", body).await;
    }
    let body = json!({"old_description": words.line, "description": words.name});
    walk.step(
        "PATCH",
        &change("action-items/{idx}"),
        &[talk, "0"],
        "",
        body,
    )
    .await;
    let after = walk.step("GET", path, &[talk], "", Value::Null).await;
    let (structured, said) = (&after["structured"], &after["transcript_segments"]);
    walk.expect("title", &structured["title"], words.line.trim());
    walk.expect("overview", &structured["overview"], words.text.trim());
    walk.expect("star", &after["starred"], true);
    walk.expect("visibility", &after["visibility"], "shared");
    walk.expect("folder", &after["folder_id"], folder.clone());
    walk.expect("the user's words", &said[0]["is_user"], true);
    let person = person["id"].clone();
    walk.expect("a person's words", &said[1]["person_id"], person);
    let item = &structured["action_items"][0];
    walk.expect("task", &item["description"], words.name.clone());
    walk.expect("task", &item["completed"], true);
    let body = json!({"completed": true, "description": words.name});
    walk.step("DELETE", &change("action-items"), &[talk], "", body)
        .await;
    let body = json!({"prompt": words.line});
    walk.step("POST", &change("test-prompt"), &[talk], "", body)
        .await;
    let done = walk
        .step("POST", &change("reprocess"), &[talk], "", Value::Null)
        .await;
    walk.expect("reprocessed", &done["status"], "completed");

    for query in [words.line.as_str(), "", "heron"] {
        let body = json!({"query": query, "page": 1, "per_page": 10, "include_discarded": true});
        walk.step("POST", "/v1/conversations/search", &[], "", body)
            .await;
    }
    let mut pair = Vec::new();
    for _ in 0..2 {
        pair.push(fill::talk(server, user, &db, words).await.to_string());
    }
    let body = json!({"conversation_ids": pair, "reprocess": true});
    walk.step("POST", "/v1/conversations/merge", &[], "", body)
        .await;
    // It is done in the background.
    let begun = Instant::now();
    let source = format!("/v1/conversations/{}", pair[0]);
    while server.get(&source, &user.token).await.status != 404 {
        assert!(begun.elapsed() < PATIENCE, "{}", server.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let gone = fill::talk(server, user, &db, words).await.to_string();
    walk.step("DELETE", path, &[&gone], "?cascade=true", Value::Null)
        .await;
    folders(walk, words, &folder, talk).await;
}

async fn folders(walk: &mut Walk<'_>, words: &Words, kept: &str, talk: &str) {
    let gone = json!({"name": "Gone", "description": null, "color": null, "icon": null});
    let gone = id(&walk.step("POST", "/v1/folders", &[], "", gone).await);
    let path = "/v1/folders/{id}";
    let body = json!({"name": words.line, "order": 7});
    walk.step("PATCH", path, &[&gone], "", body).await;
    let body = json!({"conversation_ids": [talk]});
    let into = "/v1/folders/{id}/conversations/bulk-move";
    let moved = walk.step("POST", into, &[&gone], "", body).await;
    walk.expect("moved", &moved["moved_count"], 1);
    let body = json!({"folder_ids": [gone, kept]});
    walk.step("POST", "/v1/folders/reorder", &[], "", body)
        .await;
    let query = format!("?move_to_folder_id={kept}");
    walk.step("DELETE", path, &[&gone], &query, Value::Null)
        .await;
    let query = format!("?include_discarded=false&limit=50&offset=0&statuses=&folder_id={kept}");
    let found = walk
        .step("GET", "/v1/conversations", &[], &query, Value::Null)
        .await;
    walk.expect("in the folder", &found[0]["id"], talk);
}

async fn memories(walk: &mut Walk<'_>, words: &Words) {
    let path = "/v3/memories";
    let body = json!({"content": words.text, "visibility": "private", "category": "manual"});
    let made = walk.step("POST", path, &[], "", body).await;
    let gone = json!({"content": "Goes", "visibility": "public", "category": "interesting"});
    let gone = walk.step("POST", path, &[], "", gone).await;
    let path = "/v3/memories/{id}";
    walk.step("DELETE", path, &[&id(&gone)], "", Value::Null)
        .await;
    let made = id(&made);
    let query = format!("?value={}", words.line);
    walk.step("PATCH", path, &[&made], &query, Value::Null)
        .await;
    let path = "/v3/memories/{id}/visibility";
    walk.step("PATCH", path, &[&made], "?value=public", Value::Null)
        .await;
    let list = walk.step("GET", "/v3/memories", &[], "", Value::Null).await;
    let mut memories = list.as_array().into_iter().flatten();
    let memory = memories.find(|one| one["id"] == made);
    let memory = memory.cloned().unwrap_or_default();
    walk.expect("a memory", &memory["content"], words.line.trim());
    walk.expect("a memory", &memory["visibility"], "public");
}

async fn tasks(walk: &mut Walk<'_>, friend: &User, words: &Words) {
    let path = "/v1/action-items";
    let mut made = Vec::new();
    for name in [&words.line, &words.name, &"Goes".to_string()] {
        let body = json!({"description": name, "completed": false, "due_at": "2026-02-01T09:00:00.000Z",
                          "conversation_id": null});
        made.push(id(&walk.step("POST", path, &[], "", body).await));
    }
    let path = "/v1/action-items/{id}";
    for body in [
        json!({"completed": true}),
        json!({"description": words.text, "due_at": null, "indent_level": 2}),
    ] {
        walk.step("PATCH", path, &[&made[0]], "", body).await;
    }
    let body = json!({"items": [{"id": made[1], "sort_order": 2, "indent_level": 1}, {"id": made[0], "sort_order": 1}]});
    walk.step("PATCH", "/v1/action-items/batch", &[], "", body)
        .await;
    let body = json!({"items": [{"id": made[1], "exported": true, "export_platform": "apple_reminders",
                                 "apple_reminder_id": words.name}]});
    walk.step("PATCH", "/v1/action-items/sync-batch", &[], "", body)
        .await;
    let body = json!({"task_ids": [made[0], made[1]]});
    walk.step("POST", "/v1/action-items/share", &[], "", body)
        .await;
    walk.step("DELETE", path, &[&made[2]], "", Value::Null)
        .await;
    // What a friend shares.
    let task = json!({"description": format!("{} for {}", words.line, walk.user.uid)});
    let task = walk
        .server
        .post("/v1/action-items", &friend.token, task)
        .await
        .ok();
    let body = json!({"task_ids": [task["id"]]});
    let link = walk
        .server
        .post("/v1/action-items/share", &friend.token, body)
        .await
        .ok();
    let token = link["token"].as_str().unwrap();
    let path = "/v1/action-items/shared/{token}";
    walk.step("GET", path, &[token], "", Value::Null).await;
    let body = json!({"token": token});
    walk.step("POST", "/v1/action-items/accept", &[], "", body)
        .await;
}

async fn goals(walk: &mut Walk<'_>, words: &Words) {
    let goal = |title: &str| {
        json!({"title": title, "goal_type": "numeric", "target_value": 10, "current_value": 0, "min_value": 0,
               "max_value": 100, "unit": words.name})
    };
    let path = "/v1/goals";
    let kept = walk.step("POST", path, &[], "", goal(&words.line)).await;
    let gone = walk.step("POST", path, &[], "", goal("Goes")).await;
    let path = "/v1/goals/{id}";
    let body = json!({"title": words.line, "target_value": 1.5, "unit": null});
    walk.step("PATCH", path, &[&id(&kept)], "", body).await;
    let query = "?current_value=3";
    walk.step(
        "PATCH",
        "/v1/goals/{id}/progress",
        &[&id(&kept)],
        query,
        Value::Null,
    )
    .await;
    walk.step("DELETE", path, &[&id(&gone)], "", Value::Null)
        .await;
}

/// The chat.
async fn talk(walk: &mut Walk<'_>, words: &Words) {
    walk.step("POST", "/v2/initial-message", &[], "?app_id=", Value::Null)
        .await;
    let file = fill::file(walk.server, walk.user).await;
    walk.note("POST", "/v2/files", &file);
    let body = json!({"text": words.line, "file_ids": [file[0]["id"]]});
    let told = chat::ask_with(walk.server, walk.user, "", body).await;
    walk.note("POST", "/v2/messages", told.message());
    let answer = id(told.message());
    let query = format!("?message_id={answer}&value=-1&reason={}", words.name);
    let path = "/v1/users/analytics/chat_message";
    walk.step("POST", path, &[], &query, Value::Null).await;
    let path = "/v2/messages/{id}/report";
    walk.step("POST", path, &[&answer], "", Value::Null).await;
}

async fn apps(walk: &mut Walk<'_>, words: &Words) {
    let path = "/v2/apps/search";
    let email = fill::email_of(walk.server, walk.user).await;
    let app = ["app", "create", "--email", &email, "--name", &words.name];
    let app = walk.server.cli(&app).await;
    let query = format!("?app_id={app}");
    for path in ["/v1/apps/enable", "/v1/apps/disable", "/v1/apps/enable"] {
        walk.step("POST", path, &[], &query, Value::Null).await;
    }
    let path_of_choice = "/v1/users/preferences/app";
    walk.step("PUT", path_of_choice, &[], &query, Value::Null)
        .await;
    let query = format!("?q={}&installed_apps=true&limit=50", words.name);
    walk.step("GET", path, &[], &query, Value::Null).await;
}

async fn settings(walk: &mut Walk<'_>, words: &Words) {
    for kind in [
        "audio_bytes",
        "realtime_transcript",
        "memory_created",
        "day_summary",
    ] {
        let path = "/v1/users/developer/webhook/{type}";
        let body = json!({"url": "https://example.org/hook"});
        walk.step("POST", path, &[kind], "", body).await;
        for rest in ["enable", "disable"] {
            let path = format!("{path}/{rest}");
            walk.step("POST", &path, &[kind], "", Value::Null).await;
        }
    }
    for (keys, body) in [
        ("/v1/dev/keys", json!({"name": words.name, "scopes": null})),
        ("/v1/mcp/keys", json!({"name": words.name})),
    ] {
        let made = walk.step("POST", keys, &[], "", body).await;
        // Null where that is planned.
        let made = made["id"].as_str().unwrap_or_default();
        let path = format!("{keys}/{{id}}");
        walk.step("DELETE", &path, &[made], "", Value::Null).await;
    }
    for (method, path, query, body) in [
        (
            "PATCH",
            "/v1/users/daily-summary-settings",
            "",
            json!({"enabled": false, "hour": 21}),
        ),
        (
            "PATCH",
            "/v1/users/mentor-notification-settings",
            "",
            json!({"frequency": 3}),
        ),
        (
            "PATCH",
            "/v1/users/transcription-preferences",
            "",
            json!({"single_language_mode": true, "vocabulary": [words.name]}),
        ),
        (
            "PUT",
            "/v1/task-integrations/default",
            "",
            json!({"app_key": "apple_reminders"}),
        ),
        (
            "POST",
            "/v1/users/private-cloud-sync",
            "?value=true",
            Value::Null,
        ),
        (
            "POST",
            "/v1/users/store-recording-permission",
            "?value=true",
            Value::Null,
        ),
        (
            "DELETE",
            "/v3/speech-profile/expand",
            "?memory_id=a&segment_idx=0&person_id=null",
            Value::Null,
        ),
        ("POST", "/v1/users/training-data-opt-in", "", Value::Null),
    ] {
        walk.step(method, path, &[], query, body).await;
    }
}

/// A summary of a day, and how an upload stands.
async fn days(walk: &mut Walk<'_>) {
    let path = "/v1/users/daily-summary-settings/test";
    let body = json!({"date": "2026-01-31"});
    walk.step("POST", path, &[], "", body).await;
    let db = walk.server.pool().await;
    let job = plant::upload(&db, &walk.user.uid).await.to_string();
    let path = "/v2/sync-local-files/{job}";
    walk.step("GET", path, &[&job], "", Value::Null).await;
    fill::graph(walk.user, &db, &fill::Words::ordinary()).await;
}

/// What takes everything of a kind away, and in the end the account.
pub async fn leave(walk: &mut Walk<'_>) {
    for (method, path) in [
        ("DELETE", "/v3/memories"),
        ("DELETE", "/v1/knowledge-graph"),
        ("DELETE", "/v1/users/store-recording-permission"),
        ("DELETE", "/v2/messages"),
    ] {
        walk.step(method, path, &[], "", Value::Null).await;
    }
    let body = json!({"reason": "other", "reason_details": "A test"});
    walk.step("DELETE", "/v1/users/delete-account", &[], "", body)
        .await;
}
