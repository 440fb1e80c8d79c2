//! What the screens of the Omi app read.

use serde_json::{Value, json};

use super::{CALLS, Walk, left_out};

/// What the app adds; of one path several times, if it asks in several ways.
const QUERIES: [(&str, &str); 22] = [
    (
        "/v1/conversations",
        "?include_discarded=false&limit=50&offset=0&statuses=",
    ),
    (
        "/v1/conversations",
        "?include_discarded=true&limit=1&offset=0&statuses=in_progress",
    ),
    (
        "/v1/conversations",
        "?include_discarded=true&limit=50&offset=0&statuses=&starred=true&start_date=2026-01-31T00:00:00.000Z&end_date=2026-02-01T00:00:00.000Z",
    ),
    ("/v1/users/people", "?include_speech_samples=true"),
    ("/v1/users/daily-summaries", "?limit=3&offset=0"),
    ("/v1/users/daily-summaries", "?limit=1&offset=0"),
    ("/v3/memories", "?limit=100&offset=0"),
    ("/v1/action-items", "?limit=100&offset=0"),
    ("/v1/action-items", "?limit=100&offset=0&completed=false"),
    ("/v1/action-items/pending-sync", "?platform=apple_reminders"),
    (
        "/v1/announcements/pending",
        "?app_version=1.0.520%2B700&platform=ios&trigger=app_launch",
    ),
    ("/v1/users/analytics/memory_summary", "?memory_id=a"),
    ("/v1/users/me/usage", "?period=today"),
    ("/v1/users/me/usage", "?period=monthly"),
    ("/v1/users/me/usage", "?period=yearly"),
    ("/v1/users/me/usage", "?period=all_time"),
    ("/v2/messages", "?app_id=&dropdown_selected=false"),
    ("/v1/users/migration/requests", "?target_level=enhanced"),
    ("/v2/apps", "?offset=0&limit=20&include_reviews=true"),
    (
        "/v2/apps",
        "?category=other&offset=0&limit=20&include_reviews=true",
    ),
    ("/v2/apps/search", "?installed_apps=true&offset=0&limit=100"),
    ("/v2/apps/search", "?my_apps=true&q=&offset=0&limit=20"),
];

/// Lists that somebody with an account in use has something in, and where in the answer.
const FILLED: [(&str, &str); 14] = [
    ("/v1/conversations", ""),
    ("/v1/users/people", ""),
    ("/v1/folders", ""),
    ("/v3/memories", ""),
    ("/v1/goals/all", ""),
    ("/v2/messages", ""),
    ("/v1/apps/enabled", ""),
    ("/v1/dev/keys", ""),
    ("/v1/action-items", "/action_items"),
    ("/v1/action-items/pending-sync", "/synced_items"),
    ("/v1/users/daily-summaries", "/summaries"),
    ("/v1/knowledge-graph", "/nodes"),
    ("/v1/knowledge-graph", "/edges"),
    ("/v2/apps/search", "/data"),
];

/// All that is read without an id, in the order of the screens; then each thing of which there is one.
pub async fn screens(walk: &mut Walk<'_>) {
    for call in CALLS.iter() {
        let path = call.path.as_str();
        if call.method != "GET" || path.contains('{') || left_out(call) {
            continue;
        }
        let mut queries: Vec<_> = QUERIES
            .iter()
            .filter(|(known, _)| *known == path)
            .map(|(_, query)| *query)
            .collect();
        if queries.is_empty() {
            queries.push("");
        }
        for (number, query) in queries.into_iter().enumerate() {
            let body = walk.step("GET", path, &[], query, Value::Null).await;
            let filled = FILLED.iter().filter(|(known, _)| *known == path);
            for (_, place) in filled.filter(|_| walk.full && number == 0) {
                let list = body.pointer(place).and_then(Value::as_array);
                if list.is_none_or(Vec::is_empty) {
                    walk.faults.push(format!("{path}{query}: empty"));
                }
            }
        }
    }
    conversations(walk).await;
    let body = walk
        .step("GET", "/v1/users/daily-summaries", &[], "", Value::Null)
        .await;
    for id in ids(&body["summaries"]) {
        let path = "/v1/users/daily-summaries/{id}";
        walk.step("GET", path, &[&id], "", Value::Null).await;
    }
    for query in ["?installed_apps=true", "?my_apps=true"] {
        let body = walk
            .step("GET", "/v2/apps/search", &[], query, Value::Null)
            .await;
        for id in ids(&body["data"]) {
            let app = walk
                .step("GET", "/v1/apps/{id}", &[&id], "", Value::Null)
                .await;
            if app["uid"] == walk.user.uid {
                walk.step("GET", "/v1/apps/{id}/keys", &[&id], "", Value::Null)
                    .await;
            }
        }
    }
    for capability in ["chat", "memories", "external_integration", "popular"] {
        let path = "/v2/apps/capability/{id}/grouped";
        let query = "?include_reviews=true";
        walk.step("GET", path, &[capability], query, Value::Null)
            .await;
    }
    for service in ["google_calendar", "apple_health"] {
        let path = "/v1/integrations/{app}";
        walk.step("GET", path, &[service], "", Value::Null).await;
    }
}

fn ids(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.map(|one| one["id"].as_str().unwrap_or_default().to_string())
        .collect()
}

/// Each conversation by itself, whatever its status, with what its page asks for.
async fn conversations(walk: &mut Walk<'_>) {
    let query = "?limit=1000&statuses=in_progress,processing,merging,completed,failed";
    let list = walk
        .step("GET", "/v1/conversations", &[], query, Value::Null)
        .await;
    for id in ids(&list) {
        let id = id.as_str();
        let path = "/v1/conversations/{id}";
        let one = walk.step("GET", path, &[id], "", Value::Null).await;
        for part in ["transcripts", "suggested-apps"] {
            let path = format!("{path}/{part}");
            walk.step("GET", &path, &[id], "", Value::Null).await;
        }
        let query = format!("?memory_id={id}");
        let path = "/v1/users/analytics/memory_summary";
        walk.step("GET", path, &[], &query, Value::Null).await;
        let path = "/v1/sync/audio/{conversation}/urls";
        let urls = walk.step("GET", path, &[id], "", Value::Null).await;
        let files = ids(&urls["audio_files"]);
        walk.expect(
            "the files of a conversation",
            &json!(files),
            ids(&one["audio_files"]),
        );
        for file in files {
            let path = "/v1/sync/audio/{conversation}/{file}";
            walk.step("GET", path, &[id, &file], "?format=wav", Value::Null)
                .await;
        }
    }
}
