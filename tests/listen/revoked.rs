//! Sockets end soon after whoever opened them is not let in any more.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use super::{query, speech};
use crate::support::{
    Server, ServerOptions,
    device::Device,
    ears::{Ears, Script},
    firebase::{Key, KeysServer},
};

const PATIENCE: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(10);
/// As the listen protocol closes where a credential does not count.
const REFUSED: u16 = 1008;

async fn browser(server: &Server, token: &str) -> Device {
    let path = format!("/v4/web/listen?{}", query("pcm16"));
    let mut device = Device::connect_to(server, "", &path).await.unwrap();
    device.say(json!({"type": "auth", "token": token})).await;
    device
        .read_until(PATIENCE, |device| device.has_status("ready"))
        .await;
    device
}

async fn dictating(server: &Server, token: &str) -> Device {
    let path = "/v2/voice-message/transcribe-stream?language=en&sample_rate=16000";
    Device::connect_to(server, token, path).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_ends_its_sockets_and_no_others() {
    let ears = Ears::start().await;
    let server = Server::start_with(ServerOptions {
        env: ears.settings("openai"),
        ..ServerOptions::default()
    })
    .await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let create = ["token", "create", "--email", "ann@example.org"];
    let other = server.cli(&create).await;
    let mut ended = [
        Device::ready(&server, &ann.token, &query("pcm16")).await,
        browser(&server, &ann.token).await,
        dictating(&server, &ann.token).await,
    ];
    let mut staying = [
        Device::ready(&server, &other, &query("pcm16")).await,
        Device::ready(&server, &ben.token, &query("pcm16")).await,
    ];
    let said = speech(1, 0.9);
    ended[0].play_pcm16(&said.samples, 0.0).await;
    ended[0]
        .read_until(PATIENCE, |device| !device.segments().is_empty())
        .await;

    // Another credential of hers is none of theirs.
    let keys = server.get("/v1/dev/keys", &ann.token).await.ok();
    let path = format!("/v1/dev/keys/{}", keys[0]["id"].as_str().unwrap());
    let gone = server
        .send(Method::DELETE, &path, Some(&ann.token), None)
        .await;
    assert_eq!(gone.status, 204);
    for device in &mut ended {
        device.read_for(Duration::from_millis(700)).await;
        assert_eq!(device.closed, None);
    }

    // On the command line, which is another process.
    let list = ["key", "list", "--email", "ann@example.org"];
    let listed = server.cli(&list).await;
    let own = listed
        .lines()
        .find(|line| line.contains(&ann.token[..15]))
        .unwrap_or_else(|| panic!("{listed}"));
    let id = own
        .split_whitespace()
        .find(|word| word.parse::<uuid::Uuid>().is_ok())
        .unwrap();
    server
        .cli(&["key", "revoke", "--email", "ann@example.org", "--id", id])
        .await;
    for device in &mut ended {
        let closed = device.read_close(SOON).await;
        assert_eq!(closed, (REFUSED, "Invalid authorization token".into()));
    }
    for device in &mut staying {
        device.read_for(Duration::from_millis(700)).await;
        assert_eq!(device.closed, None);
    }
    // What was heard before stays.
    let path = "/v1/conversations?statuses=in_progress";
    let found = server.get(path, &other).await.ok();
    assert!(
        !found[0]["transcript_segments"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    // Nobody comes in with it again.
    assert!(
        Device::connect(&server, &ann.token, &query("pcm16"))
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_user_is_not_heard_any_more_and_leaves_nothing() {
    let ears = Ears::start().await;
    let key = Key::new("first");
    let keys = KeysServer::start(200, json!({"keys": [key.jwk()]})).await;
    let mut env = ears.settings("openai");
    env.extend(keys.settings());
    let server = Server::start_with(ServerOptions {
        env,
        ..ServerOptions::default()
    })
    .await;
    let ann = server.user("ann@example.org").await;
    let db = server.pool().await;
    // Of a token of Firebase there is nothing to revoke: it ends with the account.
    for (uid, token) in [
        (ann.uid.clone(), ann.token.clone()),
        ("fire".into(), key.token("fire")),
    ] {
        let mut device = Device::ready(&server, &token, &query("pcm16")).await;
        let mut dictation = dictating(&server, &token).await;
        let said = speech(2, 0.9);
        device.play_pcm16(&said.samples[..said.ends[0]], 0.0).await;
        device.read_for(Duration::from_millis(500)).await;
        // It is being recognised, and written down later.
        ears.openai(Script::Slow(Duration::from_secs(1)));
        device.play_pcm16(&said.samples[said.ends[0]..], 0.0).await;
        let left = server
            .send(
                Method::DELETE,
                "/v1/users/delete-account",
                Some(&token),
                None,
            )
            .await;
        left.ok();
        for device in [&mut device, &mut dictation] {
            let closed = device.read_close(SOON).await;
            assert_eq!(closed.0, REFUSED, "{uid}: {closed:?}");
        }
        let begun = Instant::now();
        loop {
            let rows: i64 = sqlx::query_scalar(
                "select (select count(*) from users where uid = $1) + (select count(*) from conversations where uid = $1)
                      + (select count(*) from listen_sessions where uid = $1)",
            )
            .bind(&uid)
            .fetch_one(&db)
            .await
            .unwrap();
            let spooled =
                std::fs::read_dir(server.data_dir.join("spool")).map_or(0, Iterator::count);
            if rows == 0 && spooled == 0 {
                break;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{uid}: {rows} rows, {spooled} spools\n{}",
                server.log()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        ears.openai(Script::Says);
    }
    // Nothing comes back later.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for table in [
        "conversations",
        "transcript_segments",
        "listen_sessions",
        "audio_chunks",
    ] {
        let statement = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        let rows: i64 = sqlx::query_scalar(statement).fetch_one(&db).await.unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    db.close().await;
}
