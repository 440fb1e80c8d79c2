//! Requests made up from the OpenAPI documents, well formed and not: no answer is a server's error, and each is of a
//! status, type and shape that its document promises.

use std::collections::BTreeMap;

use chrono::{Duration, Utc};
use serde_json::{Value, json};

use super::plant;
use crate::support::{Server, ServerOptions, clients, rounds};

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,ignored_auth,\
                      unsupported_method,allow_header_conformance";

/// Nothing that is made up opens these: a password, a token, live audio, what there never is.
const NEVER_SUCCEED: [&str; 39] = [
    "POST /v1/auth/login",
    "POST /v1/auth/refresh",
    "POST /v1/auth/token",
    "POST /v1/conversations",
    "POST /v1/sync-local-files",
    "POST /v2/sync-local-files",
    "POST /v2/voice-messages",
    "POST /v3/upload-audio",
    "GET /v4/speech-profile/{owner}/{link}",
    "POST /v1/announcements/{id}/dismiss",
    // They want words or ids of what is inside, something shared, or a language model.
    "PATCH /v1/conversations/{id}/segments/text",
    "PATCH /v1/conversations/{id}/action-items/{idx}",
    "GET /v1/conversations/{id}/shared",
    "GET /v2/messages/shared/{token}",
    "GET /chat/{token}",
    "GET /v2/files/thumbnails/{token}",
    "POST /v1/conversations/{id}/test-prompt",
    "POST /v1/payments/checkout-session",
    "POST /v1/payments/upgrade-subscription",
    "POST /v1/payments/customer-portal",
    "DELETE /v1/payments/subscription",
    "POST /v1/stripe/connect-accounts",
    "POST /v1/phone/numbers/verify",
    "POST /v1/phone/numbers/verify/check",
    "POST /v1/phone/token",
    "PUT /v1/integrations/{app_key}",
    "DELETE /v1/integrations/{app_key}",
    "GET /v1/integrations/{app_key}/oauth-url",
    "PUT /v1/task-integrations/{app_key}",
    "DELETE /v1/task-integrations/{app_key}",
    "GET /v1/task-integrations/{app_key}/oauth-url",
    "DELETE /v1/users/people/{id}/speech-samples/{index}",
    "POST /v1/users/me/identities/{provider}",
    "DELETE /v1/users/me/identities/{provider}",
    "GET /v2/firmware/latest",
    "GET /v2/firmware/stable",
    "GET /v2/desktop/appcast.xml",
    "GET /v2/desktop/download/latest",
    "GET /v2/desktop/download/beta",
];

/// Gives what is wrong. `exists`: see tests/clients/property_hooks.py.
async fn run(
    server: &Server,
    surface: &str,
    secret: &str,
    mut exists: Value,
) -> Result<(), String> {
    let home = tempfile::tempdir().unwrap();
    exists["url"] = json!(server.url);
    exists["secret"] = json!(secret);
    let examples = rounds(20, 200).to_string();
    let phases = ["fuzzing", "examples,coverage,fuzzing"][rounds(0, 1)];
    let output = clients::program("python", home.path())
        .args(["-m", "schemathesis.cli", "run"])
        .arg(format!("{}/openapi/{surface}.json", server.url))
        .args(["--url", &server.url])
        .args(["--phases", phases, "--mode", "all"])
        .args(["--seed", "20260131", "--max-examples", &examples])
        .args(["--generation-database", "none", "--no-shrink"])
        .args(["--suppress-health-check", "all", "--no-color"])
        .args(["--checks", CHECKS, "--continue-on-failure"])
        // What they erase, others need.
        .args(["--exclude-path", "/v1/users/delete-account"])
        .args(["--exclude-path", "/v1/users/store-recording-permission"])
        // Nothing speaks: it says so with 503.
        .args(["--exclude-path", "/v2/tts/synthesize"])
        .args(["--header", &format!("Authorization: Bearer {secret}")])
        .env("OMI_PROPERTY", exists.to_string())
        .env(
            "SCHEMATHESIS_HOOKS",
            clients::script_path("property_hooks.py"),
        )
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{surface}: {told}{errors}"));
    }
    // All that proves little unless well-formed requests came through.
    let statuses = std::fs::read(home.path().join("statuses.json")).unwrap();
    let statuses: BTreeMap<String, BTreeMap<u16, usize>> =
        serde_json::from_slice(&statuses).unwrap();
    println!("{told}\n{statuses:?}");
    let failed = statuses.iter().filter(|(operation, statuses)| {
        !statuses.keys().any(|status| (200..300).contains(status))
            && !NEVER_SUCCEED.contains(&operation.as_str())
    });
    match failed.collect::<Vec<_>>() {
        failed if failed.is_empty() => Ok(()),
        failed => Err(format!("{surface}: never succeeded: {failed:?}")),
    }
}

#[tokio::test]
async fn answers_keep_the_promises_of_their_documents() {
    let unlimited = [
        "OMI_RATE_LIMIT__PER_MINUTE",
        "OMI_RATE_LIMIT__PER_DAY",
        "OMI_RATE_LIMIT__USER_PER_MINUTE",
        "OMI_RATE_LIMIT__FAILURES_PER_MINUTE",
        "OMI_RATE_LIMIT__REPROCESSINGS_PER_HOUR",
        "OMI_RATE_LIMIT__MERGES_PER_HOUR",
        "OMI_RATE_LIMIT__SEARCHES_PER_HOUR",
        "OMI_RATE_LIMIT__MCP_MEMORIES_PER_HOUR",
        "OMI_RATE_LIMIT__GOAL_QUESTIONS_PER_HOUR",
    ];
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: unlimited.map(|name| (name, "0".into())).into(),
        ..ServerOptions::default()
    })
    .await;
    let (developer, user, integration, mcp) = tokio::join!(
        developer(&server),
        user(&server),
        integration(&server),
        mcp(&server)
    );
    let wrong: Vec<_> = [developer, user, integration, mcp]
        .into_iter()
        .filter_map(Result::err)
        .collect();
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), server.log());
}

async fn developer(server: &Server) -> Result<(), String> {
    let user = server.user("dev@example.org").await;
    let exists = json!({
        "parameters": {},
        "things": {},
        "bodies": {
            "/v1/dev/keys": {"name": "Script", "scopes": []},
            "/v1/dev/user/memories": {"content": "Likes tea"},
            "/v1/dev/user/action-items": {"description": "Buy milk"},
            "/v1/dev/user/conversations": {"text": "We walked to the lake."},
            "/v1/dev/user/goals": {"title": "Run", "target_value": 10},
        },
        "once": {},
    });
    run(server, "developer", &user.developer_key, exists).await
}

async fn user(server: &Server) -> Result<(), String> {
    let user = server.user("app@example.org").await;
    let db = server.pool().await;
    let mut conversations = Vec::new();
    for _ in 0..30 {
        let id = plant::Conversation::default().put(&db, &user.uid).await;
        plant::segment(&db, &user.uid, id, 0, true, 0.0, "We walked to the lake.").await;
        conversations.push(id);
    }
    let mut pairs = Vec::new();
    for _ in 0..30 {
        let one = plant::Conversation::default().put(&db, &user.uid).await;
        let two = plant::Conversation::default().put(&db, &user.uid).await;
        pairs.push([one, two]);
    }
    // Today and yesterday, of which one is summed up.
    for hours in [0, 24] {
        let created_at = Utc::now() - Duration::hours(hours);
        let talk = plant::Conversation {
            created_at,
            finished_at: created_at,
            ..plant::Conversation::default()
        };
        talk.put(&db, &user.uid).await;
    }
    let mut summaries = Vec::new();
    for date in ["2026-01-29", "2026-01-30", "2026-01-31"] {
        summaries.push(plant::daily_summary(&db, &user.uid, date).await);
    }
    let folders = ["trips", "house", "club", "garden"];
    for id in folders {
        let folder = plant::Folder {
            id,
            ..plant::Folder::default()
        };
        folder.put(&db, &user.uid).await;
    }
    let sounding = plant::Conversation::default().put(&db, &user.uid).await;
    let upload = plant::upload(&db, &user.uid).await;
    let begin = plant::at("2026-01-31T09:00:00Z");
    let (folder, uid) = (&server.data_dir, &user.uid);
    plant::sound_with_id(&db, folder, uid, sounding, sounding, begin, &[0; 1600]).await;
    let app = app(server, "app@example.org").await;
    let enable = ["app", "enable", "--email", "app@example.org", "--app"];
    server.cli(&[&enable[..], &[&app]].concat()).await;
    let mut items = Vec::new();
    for _ in 0..10 {
        items.push([plant::ActionItem::default().put(&db, &user.uid).await]);
    }
    let meeting = plant::meeting(&db, &user.uid).await;
    // What another shares.
    let other = server.user("other@example.org").await;
    let theirs = plant::ActionItem::default().put(&db, &other.uid).await;
    let mut tokens = Vec::new();
    for _ in 0..4 {
        let offer = json!({"task_ids": [theirs]});
        let link = server
            .post("/v1/action-items/share", &other.token, offer)
            .await
            .ok();
        tokens.push(link["token"].clone());
    }
    let (mut sessions, mut answers) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        for (path, body, made) in [
            ("/v2/chat-sessions", json!({}), &mut sessions),
            (
                "/v2/desktop/messages",
                json!({"text": "Yes.", "sender": "ai"}),
                &mut answers,
            ),
        ] {
            let kept = server.post(path, &user.token, body).await.ok();
            made.push(kept["id"].clone());
        }
    }
    let shown: Vec<_> = answers.iter().map(|id| json!([id])).collect();
    let exists = json!({
        "parameters": {"app_id": app, "file_id": sounding, "token": tokens[0], "year": 2025,
                       "segment_idx": "0", "speaker_id": "0", "idx": "0", "wtype": "day_summary"},
        "things": {"/v1/conversations": conversations, "/v1/folders": folders, "/v1/users/daily-summaries": summaries,
                   "/v1/sync/audio": [sounding], "/v2/sync-local-files": [upload],
                   "/v1/calendar/meetings": [meeting], "/v2/apps/capability": ["chat"],
                   "/v2/messages": answers, "/v2/desktop/messages": answers},
        "bodies": {
            "/v3/memories": {"content": "Likes tea"},
            "/v1/action-items": {"description": "Buy milk"},
            "/v1/goals": {"title": "Run", "target_value": 10},
            "/v1/focus-sessions": {"status": "focused", "app_or_site": "x", "description": "x"},
            "/v1/advice": {"content": "x"},
            "/v1/staged-tasks": {"description": "x"},
            "/v1/users/people": {"name": "Planted"},
            "/v2/chat-sessions": {"title": "Planted"},
        },
        "once": {"conversation_ids": pairs, "folder_ids": vec![folders; 10], "task_ids": items, "token": tokens[1..],
                 "session_id": sessions, "message_ids": shown,
                 // A made-up app has summed nothing up.
                 "app_id": vec![Value::Null; 200]},
    });
    run(server, "user", &user.token, exists).await
}

async fn integration(server: &Server) -> Result<(), String> {
    const EMAIL: &str = "integration@example.org";
    let user = server.user(EMAIL).await;
    let app = app(server, EMAIL).await;
    server
        .cli(&["app", "enable", "--app", &app, "--email", EMAIL])
        .await;
    let key = server.cli(&["app", "key", "--app", &app]).await;
    let exists = json!({
        "parameters": {"app_id": app, "uid": user.uid},
        "things": {},
        "bodies": {},
        "once": {},
    });
    run(server, "integration", &key, exists).await
}

async fn mcp(server: &Server) -> Result<(), String> {
    let user = server.user("mcp@example.org").await;
    let talk = plant::Conversation::default();
    let talk = talk.put(&server.pool().await, &user.uid).await;
    let exists = json!({
        "parameters": {},
        "things": {"/v1/mcp/conversations": [talk]},
        "bodies": {"/v1/mcp/memories": {"content": "Likes tea"}},
        "once": {},
    });
    run(server, "mcp", &user.mcp_key, exists).await
}

/// An app that may do all.
async fn app(server: &Server, owner: &str) -> String {
    let all = "create_conversation,create_memories,read_conversations,read_memories,read_tasks";
    server
        .cli(&[
            "app",
            "create",
            "--email",
            owner,
            "--name",
            "Notes",
            "--actions",
            all,
        ])
        .await
}
