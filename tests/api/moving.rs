//! `omi-server export` and `omi-server import`: everything of an account as a folder, and back.

mod fates;
mod hostile;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use omi_server::features::{
    chat,
    moving::{Fate, TABLES},
    speech_profile,
};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use super::plant;
use crate::support::{
    Server,
    postgres::digests,
    server::{User, client},
};

const ANN: &str = "ann@example.org";
const BEN: &str = "ben@example.org";

/// What no request makes at once, with values that are easily lost: microseconds, floats that no decimal has, nulls of
/// SQL and of JSON, quotes, line ends, bytes, empty lists.
const ROWS: &str = r#"
update conversations set overview = E'a "quoted"\\ line\nand \u2028 another 👩‍👩‍👧‍👦', visibility = 'shared', geolocation = '{"latitude": 0.1, "longitude": -1e-7, "address": null}',
       external_data = '{"text": "", "big": 12345678901234567890.123456789}', created_at = '2026-01-31 09:00:00.123457+00',
       content_hash = '\x00ff10', processing_error = ''
where uid = :uid and title = 'Planted';
insert into shared_conversations (uid, conversation_id) select uid, id from conversations where uid = :uid and visibility = 'shared';
update transcript_segments set end_seconds = 0.1::float8 + 0.2::float8, translations = '[{"lang": "pt", "text": "Olá"}]' where uid = :uid;
insert into conversation_photos (uid, conversation_id, id, image, created_at)
    select uid, id, gen_random_uuid(), '\xffd8000a0dff', '2026-01-31 09:00:00.5+00' from conversations where uid = :uid limit 1;
insert into processing_steps (uid, conversation_id, step, run, state, updated_at)
    select uid, id, 'structure', 0, 'done', now() from conversations where uid = :uid limit 1 on conflict do nothing;
insert into summary_ratings (uid, conversation_id, value, rated_at) select uid, id, -1, now() from conversations where uid = :uid;
insert into goal_history (uid, goal_id, date, value, recorded_at) select uid, id, '2026-01-31', 1e-7, now() from goals where uid = :uid;
insert into daily_summary_settings (uid, enabled, hour, changed_at) values (:uid, false, 5, now()) on conflict do nothing;
insert into knowledge_graphs (uid, generation) values (:uid, 3) on conflict do nothing;
insert into knowledge_nodes (uid, id, label, label_lower, node_type, aliases, is_user, memory_ids, conversation_ids, created_at, updated_at)
    select :uid, gen_random_uuid(), name, lower(name), 'person', '{"a, b","\"c\""}', false, '{}', array[gen_random_uuid()], now(), now()
    from unnest(array['Ann', 'Ben']) name;
insert into knowledge_edges (uid, id, source_id, target_id, label, memory_ids, conversation_ids, created_at)
    select :uid, 'edge', min(id::text)::uuid, max(id::text)::uuid, 'knows', '{}', '{}', now() from knowledge_nodes where uid = :uid;
insert into knowledge_sources (uid, conversation_id, run) select uid, id, 1 from conversations where uid = :uid;
insert into advice (uid, id, content, category, confidence, created_at, updated_at)
    values (:uid, gen_random_uuid(), 'Rest.', 'health', 0.7, now(), now());
insert into focus_sessions (uid, id, status, app_or_site, description, created_at)
    values (:uid, gen_random_uuid(), 'focused', 'editor', '', now());
insert into staged_tasks (uid, id, description, created_at, updated_at) values (:uid, gen_random_uuid(), 'Sweep', now(), now());
insert into apple_health (uid, data, synced_at) values (:uid, '{"steps": 1}', now());
insert into user_platforms (uid, platform, first_used_at, last_used_at) values (:uid, 'ios', now(), now()) on conflict do nothing;
insert into message_shares (uid, token, sender_name, message_ids, created_at, expires_at) values (:uid, md5(:uid), 'Ann', '{}', now(), now());
insert into message_share_tokens (token, uid) values (md5(:uid), :uid);
insert into accepted_action_item_shares (uid, token, accepted_at) values (:uid, 'a token', now());
insert into preferences (uid, vocabulary, ai_profile) values (:uid, '{heron}', 'null')
    on conflict (uid) do update set vocabulary = '{heron}', assistant = 'null';
insert into memories (uid, id, content, category, visibility, manually_added, reviewed, scoring, created_at, updated_at)
    select :uid, gen_random_uuid(), 'Memory ' || n, 'system', 'private', true, true, '00', now(), now() from generate_series(1, 2500) n;
"#;

async fn put(db: &PgPool, uid: &str, rows: &str) {
    let statement = rows.replace(":uid", &format!("'{uid}'"));
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(db)
        .await
        .unwrap();
}

/// Something in every table that goes along. Gives the conversation that has sound.
async fn fill(server: &Server, db: &PgPool, user: &User, email: &str) -> Uuid {
    let conversation = plant::Conversation::default().put(db, &user.uid).await;
    let said = "We saw a heron by the river.";
    plant::segment(db, &user.uid, conversation, 0, true, 0.0, said).await;
    let begin = plant::at("2026-01-31T09:00:00Z");
    for second in 0..3 {
        let sound: Vec<i16> = (0..16_000).map(|n| (n * 37 % 4000) as i16).collect();
        let at = begin + chrono::Duration::seconds(second);
        plant::sound(db, &server.data_dir, &user.uid, conversation, at, &sound).await;
    }
    let discarded = plant::Conversation {
        title: "Nothing",
        discarded: true,
        ..plant::Conversation::default()
    };
    discarded.put(db, &user.uid).await;
    plant::goal(db, &user.uid, "goal_0123456789ab").await;
    plant::daily_summary(db, &user.uid, "2026-01-31").await;
    plant::meeting(db, &user.uid).await;
    let item = plant::ActionItem::default().put(db, &user.uid).await;
    // Those of the system are made with the first look.
    server.get("/v1/folders", &user.token).await.ok();
    for (method, path, body) in [
        (Method::POST, "/v1/users/people", json!({"name": "Carol"})),
        (Method::POST, "/v1/folders", json!({"name": "Birds"})),
        (
            Method::PATCH,
            "/v1/users/onboarding",
            json!({"completed": true}),
        ),
        (
            Method::POST,
            "/v1/users/fcm-token",
            json!({"fcm_token": "t", "time_zone": "Europe/Lisbon"}),
        ),
        (
            Method::POST,
            "/v1/users/developer/webhook/day_summary",
            json!({"url": "https://example.org"}),
        ),
        (
            Method::POST,
            "/v2/messages",
            json!({"text": "What did we see?"}),
        ),
        (Method::POST, "/v2/initial-message", json!({})),
        (
            Method::POST,
            "/v1/action-items/share",
            json!({"task_ids": [item]}),
        ),
        (
            Method::PATCH,
            "/v1/users/language",
            json!({"language": "pt"}),
        ),
    ] {
        let answer = server
            .send(method, path, Some(&user.token), Some(body))
            .await;
        assert!(answer.status < 300, "{path}: {answer:#?}");
    }
    let app = server
        .cli(&["app", "create", "--email", email, "--name", "Birds"])
        .await;
    server
        .cli(&["app", "enable", "--app", &app, "--email", email])
        .await;
    for (root, folder) in [
        (
            "voices",
            speech_profile::folder_of as fn(&Path, &str) -> PathBuf,
        ),
        ("files", chat::folder_of),
    ] {
        let id = Uuid::now_v7();
        let folder = folder(&server.data_dir.join(root), &user.uid);
        fs::create_dir_all(&folder).unwrap();
        let (name, row) = match root {
            "voices" => (
                format!("{id}.opus"),
                "insert into speech_profiles (uid, id, samples, recorded_at, link_key) values (:uid, :id, 160, now(), 'key')",
            ),
            _ => (
                id.to_string(),
                "insert into chat_files (uid, id, state, name, mime_type, kind, bytes, token, created_at)
                 values (:uid, :id, 'there', 'a', 'text/plain', 'text', 5, md5(:uid), now());
                 insert into chat_file_tokens (token, uid, file_id) values (md5(:uid), :uid, :id)",
            ),
        };
        fs::write(folder.join(name), "bytes").unwrap();
        put(db, &user.uid, &row.replace(":id", &format!("'{id}'"))).await;
    }
    put(db, &user.uid, ROWS).await;
    conversation
}

async fn export(server: &Server, email: &str, name: &str) -> (PathBuf, String) {
    let folder = server.data_dir.with_file_name(name);
    let told = server
        .cli(&["export", "--email", email, folder.to_str().unwrap()])
        .await;
    (folder, told)
}

async fn import(server: &Server, email: &str, folder: &Path) -> String {
    server
        .cli(&["import", "--email", email, folder.to_str().unwrap()])
        .await
}

/// Every file by its path, the manifest without what is of the server and the moment.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        let name = path.strip_prefix(folder).unwrap().display().to_string();
        let mut bytes = fs::read(&path).unwrap();
        if name == "manifest.json" {
            let mut manifest: Value = serde_json::from_slice(&bytes).unwrap();
            let manifest_of = manifest.as_object_mut().unwrap();
            manifest_of.remove("account").unwrap();
            manifest_of.remove("exported_at").unwrap();
            bytes = serde_json::to_vec_pretty(&manifest).unwrap();
        }
        found.insert(name, bytes);
    }
    found
}

#[track_caller]
fn assert_equal(one: &Path, two: &Path) {
    let (one, two) = (content(one), content(two));
    let names = |map: &BTreeMap<String, Vec<u8>>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&one), names(&two));
    for (name, bytes) in &one {
        assert!(
            *bytes == two[name],
            "{name}:\n{}\n{}",
            String::from_utf8_lossy(bytes),
            String::from_utf8_lossy(&two[name])
        );
    }
}

/// Half of a second of a file, by a range of bytes.
async fn played(server: &Server, user: &User, conversation: Uuid) -> Vec<u8> {
    let urls = format!("/v1/sync/audio/{conversation}/urls");
    let urls = server.get(&urls, &user.token).await.ok();
    let file = urls["audio_files"][0]["id"].as_str().unwrap();
    let path = format!("{}/v1/sync/audio/{conversation}/{file}", server.url);
    let answer = client()
        .get(path)
        .bearer_auth(&user.token)
        .header("range", "bytes=40000-59999")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 206);
    answer.bytes().await.unwrap().to_vec()
}

async fn found(server: &Server, user: &User) -> bool {
    let hits = server
        .get("/v1/search?q=heron&kinds=segment", &user.token)
        .await
        .ok();
    hits.to_string().contains("by the river")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_moves_to_a_fresh_server_whole() {
    let (old, new) = (Server::deaf().await, Server::private().await);
    let (db, there) = (old.pool().await, new.pool().await);
    let ann = old.user(ANN).await;
    let ben = old.user(BEN).await;
    let conversation = fill(&old, &db, &ann, ANN).await;
    fill(&old, &db, &ben, BEN).await;
    let before = digests(&db, &["search%", "rate_windows"]).await;
    let (first, told) = export(&old, ANN, "first").await;
    assert!(told.contains("tables and 5 files"), "{told}");
    assert_eq!(
        digests(&db, &["search%", "rate_windows"]).await,
        before,
        "an export changes nothing"
    );

    // All that was planted is there, nothing of the other user, no secret; and nobody else can read it.
    let manifest: Value =
        serde_json::from_slice(&fs::read(first.join("manifest.json")).unwrap()).unwrap();
    let tables: Vec<_> = manifest["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    let planted = TABLES
        .iter()
        .filter(|table| table.fate == Fate::Exported && tables.contains(&table.name));
    assert!(planted.count() >= 42, "{tables:?}");
    let all = content(&first);
    for (name, bytes) in &all {
        let text = String::from_utf8_lossy(bytes);
        for secret in [&ben.uid, &ann.token, "argon2", "omi_user_"] {
            assert!(!text.contains(secret), "{name} holds {secret}");
        }
    }
    let bens: Vec<String> = sqlx::query_scalar(
        "select id::text from conversations where uid = $1 union select id::text from action_items where uid = $1
         union select id::text from audio_chunks where uid = $1 union select id::text from messages where uid = $1",
    )
    .bind(&ben.uid)
    .fetch_all(&db)
    .await
    .unwrap();
    assert!(bens.len() > 6);
    let text: String = all
        .iter()
        .map(|(name, bytes)| format!("{name}{}", String::from_utf8_lossy(bytes)))
        .collect();
    assert!(bens.iter().all(|id| !text.contains(id)));
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(first.clone()), mode(first.join("memories.jsonl"))),
        (0o700, 0o600)
    );

    // Folders of the system that the new account has been shown already give way.
    let moved = new.user("ann.new@example.org").await;
    new.get("/v1/folders", &moved.token).await.ok();
    let other = new.user(BEN).await;
    import(&new, "ann.new@example.org", &first).await;
    let (second, _) = export(&new, "ann.new@example.org", "second").await;
    assert_equal(&first, &second);

    // It is in use at once.
    assert_eq!(
        played(&new, &moved, conversation).await,
        played(&old, &ann, conversation).await
    );
    let begun = Instant::now();
    while !found(&new, &moved).await {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", new.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!found(&new, &other).await);
    let messages = new.get("/v2/messages", &moved.token).await.ok();
    assert!(
        messages.to_string().contains("What did we see?"),
        "{messages:#}"
    );
    for path in [
        "/v1/conversations?limit=100",
        "/v1/folders",
        "/v1/goals/all",
        "/v1/users/people",
    ] {
        let then = old.get(path, &ann.token).await;
        let now = new.get(path, &moved.token).await;
        assert_eq!(then.status, 200, "{path}");
        let at_home = |text: String, uid: &str| text.replace(uid, "uid");
        assert_eq!(
            (now.status, at_home(now.body.to_string(), &moved.uid)),
            (then.status, at_home(then.body.to_string(), &ann.uid)),
            "{path}"
        );
    }

    // Again: nothing changes, not even the times.
    let quiet = ["search%", "rate_windows"];
    let before = digests(&there, &quiet).await;
    let told = import(&new, "ann.new@example.org", &first).await;
    assert!(told.starts_with("0 rows and 0 files came; "), "{told}");
    assert_eq!(digests(&there, &quiet).await, before);
}
