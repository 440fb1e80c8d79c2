//! What goes wrong easily between a phone and a server: sound that is none, disks that are full, phones that come again and again.

use std::{os::unix::fs::symlink, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{query, sound::files, speech};
use crate::support::{
    Server, ServerOptions,
    device::{Device, text},
    ears::Ears,
    server::User,
};

const PATIENCE: Duration = Duration::from_secs(60);

async fn open(server: &Server, user: &User) -> Vec<Value> {
    let path = "/v1/conversations?statuses=in_progress";
    let found = server.get(path, &user.token).await.ok();
    found.as_array().unwrap().clone()
}

fn suggestion(text: &str) -> Value {
    json!({"type": "suggested_transcript", "segments": [{"text": text, "start": 0.0, "end": 1.0}]})
}

/// The only `stt_failed` of a device that was turned away, without its sentence.
#[track_caller]
fn failure(device: &Device) -> Value {
    let told = device.events("service_status");
    let mut told: Vec<_> = told
        .into_iter()
        .filter(|one| one["status"] == "stt_failed")
        .collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    let mut told = told.remove(0);
    let text = told["status_text"].take();
    assert!(text.as_str().is_some_and(|text| !text.is_empty()));
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_ping_are_no_sound() {
    let server = Server::deaf().await;
    let user = server.user("ping@example.org").await;
    let query = format!("{}&custom_stt=enabled", query("opus"));
    let mut device = Device::ready(&server, &user.token, &query).await;
    for _ in 0..20 {
        device.send(Message::binary(vec![0x8A, 0x00])).await;
    }
    device.read_for(Duration::from_secs(3)).await;
    // Nothing was decoded and nothing kept: in the folder of the session is what describes it.
    let spool = server.data_dir.join("spool");
    assert_eq!(files(&spool), 1);
    let metrics = server.get("/metrics", "").await.body;
    let dropped = metrics.as_str().unwrap().lines();
    let dropped: Vec<_> = dropped
        .filter(|line| line.starts_with("omi_audio_frames_dropped_total"))
        .filter(|line| !line.ends_with(" 0"))
        .collect();
    assert!(dropped.is_empty(), "{dropped:?}");
    // Times count from the first sound, which comes only now.
    let now = Utc::now();
    let sound = vec![0; 16_000];
    let codec = omi_server::platform::audio::Codec::Opus;
    device.play_opus(codec, &sound, 0.0).await;
    device.say(suggestion("Good morning.")).await;
    device
        .read_until(PATIENCE, |device| !device.segments().is_empty())
        .await;
    let started: DateTime<Utc> = open(&server, &user).await[0]["started_at"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(started >= now, "{started} {now}");
    device.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sound_beside_a_transcript_of_the_device_is_kept_and_not_written_down() {
    let ears = Ears::start().await;
    let server = Server::start_with(ServerOptions {
        env: ears.settings("openai"),
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("beside@example.org").await;
    let query = format!("{}&custom_stt=enabled", query("pcm16"));
    let said = speech(1, 0.9);
    let mut device = Device::ready(&server, &user.token, &query).await;
    device.play_pcm16(&said.samples, 4.0).await;
    device.say(suggestion("Good morning.")).await;
    device
        .read_until(PATIENCE, |device| !device.segments().is_empty())
        .await;
    device.close().await;
    let path = "/v1/conversations?statuses=in_progress";
    let list = server
        .wait_for(path, &user.token, PATIENCE, |list| {
            !list[0]["audio_files"].as_array().unwrap().is_empty()
        })
        .await;
    let seconds = said.samples.len() as f64 / 16_000.0;
    let kept = list[0]["audio_files"][0]["duration"].as_f64().unwrap();
    assert!((kept - seconds).abs() < 0.1, "{kept} {seconds}");
    let segments = list[0]["transcript_segments"].as_array().unwrap();
    assert_eq!(text(segments), "Good morning.");
    assert!(ears.seen().asked.is_empty(), "{:?}", ears.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn phones_that_come_again_and_again_are_let_in() {
    let server = Server::deaf().await;
    let user = server.user("again@example.org").await;
    let query = format!("{}&custom_stt=enabled", query("pcm16"));
    // Its token has expired, and it does not know.
    let mut statuses = Vec::new();
    for _ in 0..40 {
        match Device::connect(&server, "omi_user_expired", &query).await {
            Err(Error::Http(response)) => statuses.push(response.status().as_u16()),
            _ => panic!("a bad token was let in"),
        }
    }
    assert_eq!(statuses[0], 401);
    assert!(
        statuses.iter().all(|status| [401, 429].contains(status)),
        "{statuses:?}"
    );
    // From the same address, with a new one, over a bad line.
    for _ in 0..40 {
        let device = Device::ready(&server, &user.token, &query).await;
        drop(device);
    }
    let mut device = Device::ready(&server, &user.token, &query).await;
    device.say(suggestion("Good morning.")).await;
    device
        .read_until(PATIENCE, |device| !device.segments().is_empty())
        .await;
    assert_eq!(open(&server, &user).await.len(), 1);
    device.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_told_why_it_has_to_keep_its_sound() {
    let server = Server::deaf().await;
    let user = server.user("why@example.org").await;
    for (codec, expected) in [
        (
            "lc3_fs1030",
            json!({"reason": "unsupported_codec", "retryable": false}),
        ),
        (
            "pcm16",
            json!({"reason": "unavailable", "retryable": false, "provider": "whisper"}),
        ),
    ] {
        let mut device = Device::connect(&server, &user.token, &query(codec))
            .await
            .unwrap();
        assert_eq!(device.read_close(PATIENCE).await.0, 1011, "{codec}");
        let mut whole = json!({"type": "service_status", "status": "stt_failed", "status_text": null,
            "outcome": "failed"});
        let fields = expected.as_object().unwrap().clone();
        whole.as_object_mut().unwrap().extend(fields);
        assert_eq!(failure(&device), whole);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_turns_sockets_away() {
    let mut server = Server::start_with(ServerOptions {
        deaf: true,
        env: vec![("OMI_LISTENING__MINIMUM_FREE_MEGABYTES", "0".into())],
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("full@example.org").await;
    let query = format!("{}&custom_stt=enabled", query("pcm16"));
    Device::ready(&server, &user.token, &query)
        .await
        .close()
        .await;
    // More than any disk has.
    server.set("OMI_LISTENING__MINIMUM_FREE_MEGABYTES", "1000000000000");
    server.stop().await;
    server.run().await;
    let before = open(&server, &user).await;
    let mut device = Device::connect(&server, &user.token, &query).await.unwrap();
    assert_eq!(device.read_close(PATIENCE).await.0, 1011);
    let told = failure(&device);
    assert_eq!(
        (&told["outcome"], &told["reason"], &told["retryable"]),
        (&json!("failed"), &json!("disk_full"), &json!(true))
    );
    assert!(told.get("provider").is_none());
    assert!(!device.has_status("ready"));
    // It began nothing, and left nothing in the spool.
    assert_eq!(open(&server, &user).await, before);
    assert_eq!(files(&server.data_dir.join("spool")), 0);
    let ready = server.get("/readyz", "").await;
    assert_eq!(ready.status, 503);
    let checks = ready.body["checks"].as_array().unwrap();
    let disk = checks.iter().find(|check| check["name"] == "disk").unwrap();
    assert_eq!(disk["state"], "fail");
    let output = server.command(&["doctor"]).output().await.unwrap();
    let found = String::from_utf8(output.stdout).unwrap();
    assert!(
        found.contains("listening.minimum_free_megabytes"),
        "{found}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_ends_the_session_and_nothing_is_acknowledged() {
    let ears = Ears::start().await;
    let server = Server::start_with(ServerOptions {
        env: ears.settings("openai"),
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("fills@example.org").await;
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    let spool = server.data_dir.join("spool");
    let session = std::fs::read_dir(&spool).unwrap().next().unwrap().unwrap();
    // Where its first minute goes: a file that is always full.
    symlink("/dev/full", session.path().join(format!("{:015}.pcm", 0))).unwrap();
    device
        .play_while_it_lasts(&speech(2, 0.9).samples, 4.0)
        .await;
    assert_eq!(device.read_close(PATIENCE).await.0, 1011);
    let told = failure(&device);
    assert_eq!(
        (&told["outcome"], &told["reason"], &told["retryable"]),
        (&json!("failed"), &json!("disk_full"), &json!(true))
    );
    assert!(device.segments().is_empty());
    assert!(ears.seen().asked.is_empty(), "{:?}", ears.seen());
    // The next one finds room.
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    device.play_pcm16(&speech(1, 0.9).samples, 4.0).await;
    device
        .read_until(PATIENCE, |device| !device.segments().is_empty())
        .await;
    device.close().await;
}
