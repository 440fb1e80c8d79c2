//! What the Omi app reads as its screens open, each answer checked as its parsers take it: of somebody new, and of somebody
//! with a full and odd account. `tests/omi_app/calls.json` has the calls.

use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::{super::plant, operations::operations};
use crate::support::{
    Server,
    app_models::{faults, faults_in_list},
    forms::Form,
    server::User,
};

#[derive(Deserialize)]
struct Call {
    method: String,
    path: String,
    model: Option<String>,
    list: bool,
    status: Vec<u16>,
}

/// What the app adds, where it must.
const QUERIES: [(&str, &str); 7] = [
    (
        "/v1/conversations",
        "?include_discarded=false&limit=50&offset=0&statuses=",
    ),
    (
        "/v1/announcements/pending",
        "?app_version=1.0.0&platform=ios&trigger=app_launch",
    ),
    ("/v1/users/analytics/memory_summary", "?memory_id=a"),
    ("/v1/users/me/usage", "?period=all_time"),
    ("/v2/messages", "?app_id=&dropdown_selected=false"),
    ("/v1/users/migration/requests", "?target_level=enhanced"),
    ("/v2/apps", "?offset=0&limit=20&include_reviews=true"),
];
/// No JSON, or refused here as by Omi's own server where it has none.
const LEFT_OUT: [&str; 4] = [
    "/v1/auth/authorize",
    "/v1/users/export",
    "/v2/firmware/latest",
    "/v2/firmware/stable",
];

/// Whether the table of operations says that it is not built.
fn planned(path: &str) -> bool {
    operations()
        .iter()
        .any(|one| (one.method, one.path, one.standing) == ("GET", path, "planned"))
}

/// Reads all that needs no id; gives how many answers were checked.
async fn screens(server: &Server, user: &User) -> usize {
    let calls: Vec<Call> = serde_json::from_str(include_str!("../../omi_app/calls.json")).unwrap();
    let mut checked = 0;
    for call in calls {
        let path = call.path.as_str();
        if call.method != "GET" || path.contains('{') || LEFT_OUT.contains(&path) || planned(path) {
            continue;
        }
        let query = QUERIES.iter().find(|(known, _)| *known == path);
        let asked = format!("{path}{}", query.map_or("", |(_, query)| query));
        let answer = server.get(&asked, &user.token).await;
        assert!(call.status.contains(&answer.status), "{asked}: {answer:#?}");
        let Some(model) = &call.model else {
            continue;
        };
        // The one goal of somebody without goals.
        if answer.body.is_null() && path == "/v1/goals" {
            continue;
        }
        let faults = match (call.list, answer.body[0].is_string()) {
            // Bare ids.
            (true, true) => Vec::new(),
            (true, false) => faults_in_list(model, &answer.body),
            (false, _) => faults(model, &answer.body),
        };
        assert!(faults.is_empty(), "{asked}: {faults:#?}\n{:#}", answer.body);
        checked += 1;
    }
    checked
}

/// An account with something of each kind, and odd words in it.
async fn fill(server: &Server, user: &User, db: &PgPool) {
    let odd = [
        String::new(),
        "שלום עולם".into(),
        "👩‍👩‍👧‍👦 \u{202e}right to left".into(),
        "a\"b\\c\n\u{2028}d".into(),
        "long ".repeat(2000),
    ];
    for (n, words) in odd.iter().enumerate() {
        let id = plant::Conversation {
            status: ["completed", "processing", "failed", "merging", "completed"][n],
            discarded: n == 4,
            ..plant::Conversation::default()
        }
        .put(db, &user.uid)
        .await;
        let said = if words.is_empty() {
            "So."
        } else {
            "We saw a heron."
        };
        plant::segment(db, &user.uid, id, 0, n % 2 == 0, 0.0, said).await;
        sqlx::query(
            "update conversations set title = $3, overview = $3 where uid = $1 and id = $2",
        )
        .bind(&user.uid)
        .bind(id)
        .bind(words)
        .execute(db)
        .await
        .unwrap();
        let sound = plant::at("2026-01-31T09:00:00Z");
        plant::sound(db, &server.data_dir, &user.uid, id, sound, &[0; 1600]).await;
    }
    let post = async |path: &str, body: Value| {
        let answer = server.post(path, &user.token, body).await;
        assert!(answer.status < 300, "{path}: {answer:#?}");
    };
    for words in odd.iter().skip(1).take(3) {
        post(
            "/v3/memories",
            json!({"content": words, "visibility": "public"}),
        )
        .await;
        post(
            "/v1/action-items",
            json!({"description": words, "due_at": "2026-02-01T09:00:00Z"}),
        )
        .await;
        post("/v1/goals", json!({"title": words, "target_value": 10})).await;
        post(
            "/v1/folders",
            json!({"name": words.chars().take(20).collect::<String>()}),
        )
        .await;
        post(
            "/v1/users/people",
            json!({"name": words.chars().take(20).collect::<String>()}),
        )
        .await;
    }
    let file = Form::default().file("a \u{202e}.txt", "text/plain", b"A heron.");
    let file = file.send(server, user, "/v2/files").await.ok();
    let question = json!({"text": "What did we see?", "file_ids": [file[0]["id"]]});
    post("/v2/messages", question).await;
    post(
        "/v1/users/fcm-token",
        json!({"fcm_token": "a", "time_zone": "Europe/Berlin"}),
    )
    .await;
    plant::daily_summary(db, &user.uid, "2026-01-31").await;
    plant::goal(db, &user.uid, "goal_a").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_opens() {
    let server = Server::deaf().await;
    let db = server.pool().await;
    let user = server.user("walk@example.org").await;
    let new = screens(&server, &user).await;
    assert!(new > 40, "{new}");
    fill(&server, &user, &db).await;
    // There is a goal now.
    assert_eq!(screens(&server, &user).await, new + 1);
    // Each conversation by itself, and its parts.
    let path = "/v1/conversations?limit=1000&statuses=processing,completed,failed,merging";
    let list = server.get(path, &user.token).await.ok();
    assert_eq!(list.as_array().unwrap().len(), 5);
    for conversation in list.as_array().unwrap() {
        let path = format!("/v1/conversations/{}", conversation["id"].as_str().unwrap());
        let one = server.get(&path, &user.token).await.ok();
        let faults = [
            faults("ServerConversation", &one),
            faults(
                "TranscriptsResponse",
                &server
                    .get(&format!("{path}/transcripts"), &user.token)
                    .await
                    .ok(),
            ),
            faults(
                "SuggestedAppsResponse",
                &server
                    .get(&format!("{path}/suggested-apps"), &user.token)
                    .await
                    .ok(),
            ),
        ];
        assert!(faults.iter().all(Vec::is_empty), "{faults:#?}\n{one:#}");
    }
}
