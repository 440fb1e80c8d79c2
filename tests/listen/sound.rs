//! The sound of a live session is kept, comes back as it was sent, and survives `kill -9`.

use std::{path::Path, time::Duration};

use reqwest::Method;
use serde_json::Value;

use super::{query, speech};
use crate::support::{
    Server,
    device::Device,
    server::{User, client},
};

const PATIENCE: Duration = Duration::from_secs(40);

/// Opus at its rate keeps so much of a voice's form; another sound, or the same a millisecond later, has less than half.
#[track_caller]
fn assert_same(heard: &[i16], sent: &[i16]) {
    let moved = |by: usize| {
        let later = likeness(&heard[by..], sent);
        later.max(likeness(heard, &sent[by..]))
    };
    let same = likeness(heard, sent);
    assert!(same > 0.75, "{same}");
    for by in [4, 8, 16, 160] {
        assert!(
            moved(by) < same,
            "it is {by} samples off: {} {same}",
            moved(by)
        );
    }
}

/// How alike, from -1 to 1.
fn likeness(one: &[i16], two: &[i16]) -> f64 {
    let product = |a: &[i16], b: &[i16]| -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    product(one, two) / (product(one, one) * product(two, two)).sqrt()
}

fn samples(bytes: &[u8]) -> Vec<i16> {
    let (pairs, _) = bytes.as_chunks::<2>();
    pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

/// Every file below a folder.
pub fn files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { files(&path) } else { 1 })
        .sum()
}

async fn with_sound(server: &Server, user: &User, statuses: &str, count: usize) -> Value {
    server
        .wait_for(
            &format!("/v1/conversations?statuses={statuses}"),
            &user.token,
            PATIENCE,
            |list| {
                let list = list.as_array().unwrap();
                list.len() == count
                    && list
                        .iter()
                        .all(|one| !one["audio_files"].as_array().unwrap().is_empty())
            },
        )
        .await
}

async fn download(server: &Server, user: &User, conversation: &Value) -> Vec<i16> {
    let files = conversation["audio_files"].as_array().unwrap();
    assert_eq!(files.len(), 1, "{files:#?}");
    let (id, file) = (&conversation["id"], &files[0]["id"]);
    let path = format!(
        "/v1/sync/audio/{}/{}?format=pcm",
        id.as_str().unwrap(),
        file.as_str().unwrap()
    );
    let answer = client()
        .get(format!("{}{path}", server.url))
        .bearer_auth(&user.token)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    samples(&answer.bytes().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_heard_can_be_played_unless_its_user_minds() {
    let server = Server::start().await;
    let user = server.user("sound@example.org").await;
    let said = speech(2, 0.9);
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    device.play_pcm16(&said.samples, 5.0).await;
    device
        .read_until(Duration::from_secs(30), |device| {
            !device.segments().is_empty()
        })
        .await;
    device.close().await;
    let list = with_sound(&server, &user, "in_progress", 1).await;
    let conversation = &list[0];
    assert_eq!(conversation["private_cloud_sync_enabled"], true);
    let heard = download(&server, &user, conversation).await;
    assert_eq!(heard.len(), said.samples.len());
    assert_same(&heard, &said.samples);
    let seconds = said.samples.len() as f64 / 16_000.0;
    let duration = conversation["audio_files"][0]["duration"].as_f64().unwrap();
    assert!((duration - seconds).abs() < 0.01, "{duration} {seconds}");

    // Its files go with it.
    let folder = server.data_dir.join("audio");
    assert!(files(&folder) > 0);
    let db = server.pool().await;
    let bytes: i64 = sqlx::query_scalar("select sum(bytes) from audio_chunks")
        .fetch_one(&db)
        .await
        .unwrap();
    let megabytes = bytes as f64 / seconds * 3600.0 / 1e6;
    println!("an hour takes {megabytes:.1} MB");
    assert!((3.0..12.0).contains(&megabytes), "{megabytes}");
    db.close().await;
    let path = format!(
        "/v1/dev/user/conversations/{}",
        conversation["id"].as_str().unwrap()
    );
    let gone = server
        .send(Method::DELETE, &path, Some(&user.developer_key), None)
        .await;
    assert!((200..300).contains(&gone.status), "{gone:#?}");
    let start = std::time::Instant::now();
    while files(&folder) > 0 {
        assert!(start.elapsed() < Duration::from_secs(15), "the files stay");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    // Not kept for who minds.
    let set = server
        .send(
            Method::POST,
            "/v1/users/private-cloud-sync?value=false",
            Some(&user.token),
            None,
        )
        .await;
    assert_eq!(set.ok()["private_cloud_sync_enabled"], false);
    let mut device = Device::ready(&server, &user.token, &query("opus")).await;
    device
        .play_opus(omi_server::platform::audio::Codec::Opus, &said.samples, 5.0)
        .await;
    device
        .read_until(Duration::from_secs(30), |device| {
            !device.segments().is_empty()
        })
        .await;
    device.close().await;
    let spool = server.data_dir.join("spool");
    while files(&spool) > 0 {
        assert!(start.elapsed() < Duration::from_secs(90), "the spool stays");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let open = server
        .get("/v1/conversations?statuses=in_progress", &user.token)
        .await
        .ok();
    assert_eq!(open[0]["audio_files"], serde_json::json!([]));
    assert_eq!(files(&folder), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_conversation_has_its_own_sound_and_kill_9_costs_none() {
    let mut server = Server::start().await;
    let user = server.user("cut@example.org").await;
    let said = speech(3, 0.9);
    let (first, second) = said.samples.split_at(said.ends[1] + 8_000);
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    device.play_pcm16(first, 3.0).await;
    device
        .read_until(Duration::from_secs(30), |device| {
            !device.segments().is_empty()
        })
        .await;
    let done = server
        .post("/v1/conversations", &user.token, Value::Null)
        .await
        .ok();
    let one = done["conversation"]["id"].as_str().unwrap().to_string();
    // While the device is still there.
    let list = with_sound(&server, &user, "completed", 1).await;
    assert_eq!(list[0]["id"], one.as_str());
    let before = device.segments().len();
    device.play_pcm16(second, 3.0).await;
    device
        .read_until(Duration::from_secs(30), |device| {
            device.segments().len() > before
        })
        .await;
    server.kill().await;
    server.run().await;
    let open = with_sound(&server, &user, "in_progress", 1).await;
    let heard_first = download(&server, &user, &list[0]).await;
    let heard_second = download(&server, &user, &open[0]).await;
    let mut heard = heard_first.clone();
    heard.extend(&heard_second);
    // What the killed server had not taken from the socket yet, at most.
    let missing = said.samples.len() as i64 - heard.len() as i64;
    assert!((0..16_000).contains(&missing), "{missing}");
    assert_same(&heard, &said.samples);
    let split = heard_first.len() as i64 - first.len() as i64;
    assert!(split.abs() <= 16_000, "{split}");
    let spool = server.data_dir.join("spool");
    let start = std::time::Instant::now();
    while files(&spool) > 0 {
        assert!(start.elapsed() < PATIENCE, "the spool stays");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
