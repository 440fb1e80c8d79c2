//! Accounts with something of each kind: an ordinary one, and one with whatever may be stored.

use chrono::Utc;
use omi_server::features::conversations::CATEGORIES;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::super::chat;
use crate::{
    api::plant,
    support::{Server, forms::Form, server::User},
};

const STATUSES: [&str; 5] = [
    "completed",
    "processing",
    "failed",
    "merging",
    "in_progress",
];
const VISIBILITIES: [&str; 3] = ["private", "shared", "public"];
const SOURCES: [&str; 19] = [
    "friend",
    "omi",
    "fieldy",
    "bee",
    "plaud",
    "frame",
    "friend_com",
    "apple_watch",
    "phone",
    "phone_call",
    "desktop",
    "openglass",
    "screenpipe",
    "workflow",
    "sdcard",
    "external_integration",
    "limitless",
    "onboarding",
    "unknown",
];

/// What somebody types.
pub struct Words {
    /// Fits everywhere.
    pub name: String,
    /// A line that fits into an address.
    pub line: String,
    /// As much as a memory holds.
    pub text: String,
}

impl Words {
    pub fn ordinary() -> Self {
        Self {
            name: "Herons".into(),
            line: "Herons at the pond".into(),
            text: "We saw two herons at the pond. One flew off.".into(),
        }
    }

    pub fn odd() -> Self {
        let line = "R&D = 100 % \"C++\" \u{202e}שלום עולם\u{202c} 👩‍👩‍👧‍👦 ?/\\ <b>e\u{301}</b>";
        Self {
            name: "👩‍👩‍👧‍👦 שלום & \"a\"".into(),
            line: line.into(),
            text: format!(
                "{line}\n\t\u{2028}{}{}",
                "long ".repeat(900),
                "🦩".repeat(200)
            ),
        }
    }
}

async fn post(server: &Server, user: &User, path: &str, body: Value) -> Value {
    server.post(path, &user.token, body).await.ok()
}

async fn run(db: &PgPool, statement: &str, user: &User, id: Uuid, value: &Value) {
    sqlx::query(sqlx::AssertSqlSafe(statement.to_string()))
        .bind(&user.uid)
        .bind(id)
        .bind(value)
        .execute(db)
        .await
        .unwrap();
}

/// A conversation with all that may belong to one: two voices of which one is a person's, translations, a picture, sound, an
/// event, a task, a place.
pub async fn talk(server: &Server, user: &User, db: &PgPool, words: &Words) -> Uuid {
    let id = plant::Conversation::default().put(db, &user.uid).await;
    dress(server, user, db, words, id).await;
    id
}

async fn dress(server: &Server, user: &User, db: &PgPool, words: &Words, id: Uuid) {
    let (uid, text) = (&user.uid, words.text.as_str());
    plant::segment(db, uid, id, 0, true, 0.0, text).await;
    plant::segment(db, uid, id, 1, false, 4.0, &words.line).await;
    let told = json!([{"lang": "de", "text": words.line}]);
    let statement = "update transcript_segments set translations = $3, stt_provider = 'deepgram', person_id = 'gone'
                     where uid = $1 and conversation_id = $2 and speaker_id = 1";
    run(db, statement, user, id, &told).await;
    let event = json!([{"title": words.line, "description": text, "start": "2026-02-01T09:00:00Z", "duration": 180}]);
    let statement = "update conversations set events = $3 where uid = $1 and id = $2";
    run(db, statement, user, id, &event).await;
    // Whole degrees.
    let place = json!({"latitude": 52, "longitude": -13, "address": words.line});
    let statement = "update conversations set geolocation = $3 where uid = $1 and id = $2";
    run(db, statement, user, id, &place).await;
    let picture =
        "insert into conversation_photos (uid, conversation_id, id, image, description, created_at)
                   values ($1, $2, gen_random_uuid(), 'jpeg', $3 ->> 0, now()),
                          ($1, $2, gen_random_uuid(), 'jpeg', null, now())";
    run(db, picture, user, id, &json!([words.line])).await;
    let begin = plant::at("2026-01-31T09:00:00Z");
    plant::sound(db, &server.data_dir, uid, id, begin, &[0; 16_000]).await;
    let task = json!({"description": words.line, "conversation_id": id, "due_at": "2026-02-01T09:00:00.123456Z"});
    post(server, user, "/v1/action-items", task).await;
    plant::memory(db, uid, &format!("{id}"), "interesting", Some(id), None).await;
}

/// Of both accounts.
async fn common(server: &Server, user: &User, db: &PgPool, words: &Words) {
    for (path, body) in [
        (
            "/v1/folders",
            json!({"name": words.name, "description": words.line}),
        ),
        ("/v1/users/people", json!({"name": words.name})),
        (
            "/v3/memories",
            json!({"content": words.text, "visibility": "public", "tags": [words.name]}),
        ),
        ("/v1/dev/keys", json!({"name": words.name})),
        (
            "/v1/users/fcm-token",
            json!({"fcm_token": "a", "time_zone": "Asia/Kathmandu"}),
        ),
        (
            "/v1/users/developer/webhook/audio_bytes",
            json!({"url": "https://example.org/sound,5"}),
        ),
    ] {
        post(server, user, path, body).await;
    }
    for (kind, target) in [("boolean", 1.0), ("scale", 10.0), ("numeric", 1e300)] {
        let goal = json!({"title": words.line, "goal_type": kind, "target_value": target, "min_value": -1, "unit": words.name});
        let goal = post(server, user, "/v1/goals", goal).await;
        let path = format!(
            "/v1/goals/{}/progress?current_value=0.5",
            goal["id"].as_str().unwrap()
        );
        let noted = server.send(Method::PATCH, &path, Some(&user.token), None);
        noted.await.ok();
    }
    // Open, done, sent to another app; late and without a date.
    for change in [
        json!({}),
        json!({"completed": true, "due_at": null}),
        json!({"exported": true, "export_platform": "apple_reminders", "export_date": "2026-01-31T09:00:00Z",
               "apple_reminder_id": words.name, "sort_order": -3, "indent_level": 3}),
    ] {
        let task = json!({"description": format!("{} {change}", words.name), "due_at": "2026-02-01T09:00:00+01:00"});
        let task = post(server, user, "/v1/action-items", task).await;
        let path = format!("/v1/action-items/{}", task["id"].as_str().unwrap());
        let changed = server.send(Method::PATCH, &path, Some(&user.token), Some(change));
        changed.await.ok();
    }
    let email = email_of(server, user).await;
    let app = ["app", "create", "--email", &email, "--name", &words.name];
    let app = server.cli(&app).await;
    post(
        server,
        user,
        &format!("/v1/apps/enable?app_id={app}"),
        json!({}),
    )
    .await;
    let key = format!("/v1/apps/{app}/keys");
    post(server, user, &key, json!({})).await;
    plant::daily_summary(db, &user.uid, "2026-01-30").await;
    plant::meeting(db, &user.uid).await;
    graph(user, db, words).await;
    let file = file(server, user).await;
    let question = json!({"text": "What did we see?", "file_ids": [file[0]["id"]]});
    chat::ask_with(server, user, "", question).await;
}

/// One that is sent in a chat.
pub async fn file(server: &Server, user: &User) -> Value {
    let file = Form::default().file("a \u{202e}.txt", "text/plain", b"A heron.");
    file.send(server, user, "/v2/files").await.ok()
}

pub async fn email_of(server: &Server, user: &User) -> String {
    let profile = server.get("/v1/users/profile", &user.token).await.ok();
    profile["email"].as_str().unwrap().to_string()
}

/// A node of each type, in a row.
pub async fn graph(user: &User, db: &PgPool, words: &Words) {
    let statement = "
        with nodes as (
            insert into knowledge_nodes (uid, id, label, label_lower, node_type, aliases, is_user, memory_ids, conversation_ids,
                                         created_at, updated_at)
            select $1, gen_random_uuid(), $2 || n, lower($2 || n), kind, array[$2], n = 1, '{}', '{}', now(), now()
            from unnest(array['person', 'place', 'thing', 'concept', 'organization']) with ordinality as kinds (kind, n)
            returning id, node_type)
        insert into knowledge_edges (uid, id, source_id, target_id, label, memory_ids, conversation_ids, created_at)
        select $1, 'edge' || t.id, s.id, t.id, $2, '{}', '{}', now()
        from nodes s, nodes t where s.node_type = 'person' and t.node_type <> 'person'";
    sqlx::query(statement)
        .bind(&user.uid)
        .bind(&words.name)
        .execute(db)
        .await
        .unwrap();
}

pub async fn ordinary(server: &Server, user: &User, words: &Words) {
    let db = server.pool().await;
    talk(server, user, &db, words).await;
    for (title, starred, discarded, status) in [
        ("Lunch", true, false, "completed"),
        ("A walk", false, false, "completed"),
        ("Noise", false, true, "completed"),
        ("Still thinking", false, false, "processing"),
    ] {
        let one = plant::Conversation {
            title,
            starred,
            discarded,
            status,
            category: "social",
            ..plant::Conversation::default()
        };
        let id = one.put(&db, &user.uid).await;
        plant::segment(&db, &user.uid, id, 0, true, 0.0, "It was a fine day.").await;
    }
    plant::memory(&db, &user.uid, "Likes tea", "system", None, Some(true)).await;
    common(server, user, &db, words).await;
}

/// Every status, category, source and visibility; titles and overviews that are empty, huge, foreign; what other versions of
/// a server have left.
pub async fn odd(server: &Server, user: &User, words: &Words) {
    let db = server.pool().await;
    let texts = [
        String::new(),
        words.line.clone(),
        "a\"b\\c\n\u{2028}d\u{feff}".into(),
        "long ".repeat(20_000),
    ];
    for (n, category) in CATEGORIES.into_iter().enumerate() {
        let one = plant::Conversation {
            status: STATUSES[n % STATUSES.len()],
            category,
            finished_at: Utc::now(),
            discarded: n % 7 == 0,
            starred: n % 2 == 0,
            folder_id: (n % 3 == 0).then_some("gone"),
            ..plant::Conversation::default()
        };
        let id = one.put(&db, &user.uid).await;
        let more = [json!({}), json!({"text": texts[1], "more": [1, null]})];
        let emoji = ["", "🧠", "👩‍👩‍👧‍👦"];
        let told = json!({
            "text": texts[n % texts.len()], "source": SOURCES[n % SOURCES.len()],
            "visibility": VISIBILITIES[n % VISIBILITIES.len()], "emoji": emoji[n % 3], "external_data": more[n % 2],
        });
        let statement = "update conversations
            set title = $3 ->> 'text', overview = $3 ->> 'text', emoji = $3 ->> 'emoji', source = $3 ->> 'source',
                visibility = $3 ->> 'visibility', language = null, external_data = $3 -> 'external_data'
            where uid = $1 and id = $2";
        run(&db, statement, user, id, &told).await;
        // Some without a word.
        if n % 4 != 3 {
            plant::segment(&db, &user.uid, id, n as i32, false, 0.0, &texts[n % 3]).await;
        }
    }
    talk(server, user, &db, words).await;
    for (n, category) in [
        "interesting",
        "system",
        "manual",
        "core",
        "learnings",
        "romance",
        "",
    ]
    .into_iter()
    .enumerate()
    {
        let content = &texts[n % texts.len()];
        plant::memory(&db, &user.uid, content, category, None, None).await;
    }
    plant::ActionItem {
        description: "",
        ..plant::ActionItem::default()
    }
    .put(&db, &user.uid)
    .await;
    common(server, user, &db, words).await;
    // Of each sender and type; a conversation that is gone is cited.
    let statement = "insert into messages (uid, id, app_id, sender, type, text, memories_id, rating, created_at)
        select $1, gen_random_uuid(), '', sender, type, $3 ->> 0, array[$2], rating, now()
        from unnest(array['human', 'ai', 'ai', 'ai'], array['text', 'text', 'day_summary', 'text'],
                    array[null, 1, -1, null]::smallint[]) as messages (sender, type, rating)";
    run(&db, statement, user, Uuid::now_v7(), &json!([words.text])).await;
}
