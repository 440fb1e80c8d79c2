//! `/v1/sync/audio`, `/v1/users/private-cloud-sync`

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::{Method, Response, header};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::super::plant;
use crate::{
    listen::sound::files,
    support::{
        Server,
        server::{User, client},
    },
};

/// A tone of so many seconds.
fn tone(seconds: f64) -> Vec<i16> {
    (0..(seconds * 16_000.0) as usize)
        .map(|n| ((n as f64 * 0.1).sin() * 9_000.0) as i16)
        .collect()
}

async fn talk(db: &PgPool, user: &User, at: &str) -> Uuid {
    let created_at: DateTime<Utc> = plant::at(at);
    let talk = plant::Conversation {
        created_at,
        finished_at: created_at + chrono::Duration::minutes(2),
        ..plant::Conversation::default()
    };
    let id = talk.put(db, &user.uid).await;
    plant::segment(db, &user.uid, id, 0, true, 0.0, "Hello.").await;
    id
}

async fn ask(
    server: &Server,
    user: &User,
    method: Method,
    path: &str,
    range: Option<&str>,
) -> Response {
    let mut request = client()
        .request(method, format!("{}{path}", server.url))
        .bearer_auth(&user.token);
    if let Some(range) = range {
        request = request.header(header::RANGE, range);
    }
    request.send().await.unwrap()
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !done().await {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn sound_is_listed_played_in_part_and_goes_where_its_conversation_goes() {
    let mut server = Server::unguarded().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let db = server.pool().await;
    let one = talk(&db, &user, "2026-01-31T09:00:00Z").await;
    let two = talk(&db, &user, "2026-01-31T10:00:00Z").await;
    let put = async |conversation, at: &str, seconds| {
        let samples = tone(seconds);
        plant::sound(
            &db,
            &server.data_dir,
            &user.uid,
            conversation,
            plant::at(at),
            &samples,
        )
        .await
    };
    let first = put(one, "2026-01-31T09:00:00Z", 3.0).await;
    put(one, "2026-01-31T09:00:05.5Z", 2.0).await;
    let later = put(one, "2026-01-31T09:01:40Z", 1.0).await;
    let third = put(two, "2026-01-31T10:00:00Z", 1.0).await;

    let seen = server
        .get(&format!("/v1/conversations/{one}"), &user.token)
        .await
        .ok();
    assert_eq!(
        seen["audio_files"],
        json!([
            {"id": first, "uid": user.uid, "conversation_id": one, "provider": "local", "duration": 7.5,
             "chunk_timestamps": [1769850000.0, 1769850005.5], "started_at": "2026-01-31T09:00:00Z"},
            {"id": later, "uid": user.uid, "conversation_id": one, "provider": "local", "duration": 1.0,
             "chunk_timestamps": [1769850100.0], "started_at": "2026-01-31T09:01:40Z"},
        ])
    );
    let urls = server
        .get(&format!("/v1/sync/audio/{one}/urls"), &user.token)
        .await
        .ok();
    assert_eq!(urls["audio_files"][0]["id"], json!(first));
    assert_eq!(urls["audio_files"][0]["status"], "cached");
    assert_eq!(urls["audio_files"][1]["duration"], 1.0);
    let precache = async |id: Uuid| {
        let path = format!("/v1/sync/audio/{id}/precache");
        server.post(&path, &user.token, Value::Null).await.ok()
    };
    assert_eq!(
        precache(one).await,
        json!({"status": "started", "audio_file_count": 2})
    );
    let silent = talk(&db, &user, "2026-01-31T11:00:00Z").await;
    assert_eq!(precache(silent).await["status"], "no_audio");

    // The whole, with the silence between.
    let path = format!("/v1/sync/audio/{one}/{first}");
    let answer = ask(&server, &user, Method::GET, &path, None).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "audio/wav");
    assert_eq!(answer.headers()["accept-ranges"], "bytes");
    assert_eq!(answer.headers()["content-length"], "240044");
    assert!(
        answer.headers()["content-disposition"]
            .to_str()
            .unwrap()
            .starts_with("attachment")
    );
    let whole = answer.bytes().await.unwrap();
    assert_eq!(whole.len(), 240_044);
    assert_eq!(&whole[..4], b"RIFF");
    assert!(
        whole[44 + 96_000..44 + 176_000]
            .iter()
            .all(|byte| *byte == 0)
    );
    let pcm = ask(
        &server,
        &user,
        Method::GET,
        &format!("{path}?format=pcm"),
        None,
    )
    .await;
    assert_eq!(pcm.bytes().await.unwrap(), whole[44..]);

    for (range, from, to) in [
        ("bytes=0-9", 0, 10),
        ("bytes=40-49", 40, 50),
        ("bytes=44-", 44, 240_044),
        ("bytes=95999-176101", 95_999, 176_102),
        ("bytes=-101", 239_943, 240_044),
        ("bytes=240043-999999", 240_043, 240_044),
    ] {
        let answer = ask(&server, &user, Method::GET, &path, Some(range)).await;
        assert_eq!(answer.status(), 206, "{range}");
        let told = format!("bytes {from}-{}/240044", to - 1);
        assert_eq!(answer.headers()["content-range"], told.as_str());
        assert_eq!(answer.bytes().await.unwrap(), whole[from..to], "{range}");
    }
    let answer = ask(&server, &user, Method::GET, &path, Some("bytes=240044-")).await;
    assert_eq!(answer.status(), 416);
    assert_eq!(answer.headers()["content-range"], "bytes */240044");
    let answer = ask(&server, &user, Method::HEAD, &path, Some("bytes=10-19")).await;
    assert_eq!(answer.status(), 206);
    assert_eq!(answer.headers()["content-length"], "10");
    let answer = ask(
        &server,
        &user,
        Method::GET,
        &format!("{path}?format=mp3"),
        None,
    )
    .await;
    assert_eq!(answer.status(), 422);
    for (who, path) in [
        (&other, path.clone()),
        (&user, format!("/v1/sync/audio/{one}/{third}")),
        (&user, format!("/v1/sync/audio/{two}/{first}")),
        (
            &user,
            format!("/v1/sync/audio/{one}/..%2F..%2Fsecrets%2Fmetrics_token"),
        ),
    ] {
        let answer = ask(&server, who, Method::GET, &path, None).await;
        assert_eq!(answer.status(), 404, "{path}");
    }

    // A merge takes it along.
    let merge = json!({"conversation_ids": [one, two], "reprocess": false});
    server
        .post("/v1/conversations/merge", &user.token, merge)
        .await
        .ok();
    let list = server
        .wait_for(
            "/v1/conversations?statuses=completed",
            &user.token,
            Duration::from_secs(30),
            |list| list.as_array().unwrap().len() == 2,
        )
        .await;
    let whole = list
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["id"] != json!(silent))
        .unwrap();
    assert_eq!(whole["audio_files"].as_array().unwrap().len(), 3);
    assert_eq!(whole["private_cloud_sync_enabled"], true);
    let into = whole["id"].as_str().unwrap();
    let path = format!("/v1/sync/audio/{into}/{third}");
    let answer = ask(&server, &user, Method::GET, &path, None).await;
    assert_eq!(answer.status(), 200);

    // Old sound goes, and so does what nobody knows.
    let folder = server.data_dir.join("audio");
    assert_eq!(files(&folder), 4);
    sqlx::query("update audio_chunks set started_at = now() where id = $1")
        .bind(third)
        .execute(&db)
        .await
        .unwrap();
    let stray =
        omi_server::features::audio::write(&folder, &user.uid, Uuid::now_v7(), &[1; 16_000]);
    stray.unwrap();
    omi_server::features::audio::write(&folder, "nobody", Uuid::now_v7(), &[1; 16_000]).unwrap();
    let old = std::time::SystemTime::now() - Duration::from_secs(7200);
    for user in std::fs::read_dir(&folder).unwrap() {
        for file in std::fs::read_dir(user.unwrap().path()).unwrap() {
            let file = std::fs::File::open(file.unwrap().path()).unwrap();
            file.set_modified(old).unwrap();
        }
    }
    assert_eq!(files(&folder), 6);
    server.set("OMI_AUDIO__RETENTION_DAYS", "1");
    server.stop().await;
    server.run().await;
    until("old files stay", async || files(&folder) == 1).await;
    let path = format!("/v1/conversations/{into}");
    until("old sound is still listed", async || {
        let seen = server.get(&path, &user.token).await.ok();
        seen["audio_files"].as_array().unwrap().len() == 1
    })
    .await;
    let path = format!("/v1/dev/user/conversations/{into}");
    server
        .send(Method::DELETE, &path, Some(&user.developer_key), None)
        .await;
    until("the file stays", async || files(&folder) == 0).await;
    db.close().await;
}

#[tokio::test]
async fn the_switch_is_a_users_own() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let path = "/v1/users/private-cloud-sync";
    let on = json!({"private_cloud_sync_enabled": true});
    assert_eq!(server.get(path, &user.token).await.ok(), on);
    for bad in ["", "?value=", "?value=maybe"] {
        let answer = server
            .post(&format!("{path}{bad}"), &user.token, Value::Null)
            .await;
        assert_eq!(answer.status, 422, "{answer:#?}");
    }
    let set = server
        .post(&format!("{path}?value=false"), &user.token, Value::Null)
        .await;
    assert_eq!(set.ok()["status"], "ok");
    let off = json!({"private_cloud_sync_enabled": false});
    assert_eq!(server.get(path, &user.token).await.ok(), off);
    assert_eq!(server.get(path, &other.token).await.ok(), on);
}
