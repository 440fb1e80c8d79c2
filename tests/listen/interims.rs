//! What a device is told of somebody who is still speaking, and what becomes of it.

use std::{collections::HashSet, time::Duration};

use serde_json::Value;

use super::{error_rate, query, speech};
use crate::support::{
    Server, ServerOptions,
    device::{Device, text},
    ears::{Ears, Script},
    server::User,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// Samples.
const SECOND: usize = 16_000;

/// A server that tells interims every second.
async fn server(mut env: Vec<(&'static str, String)>) -> Server {
    env.push(("OMI_LISTENING__INTERIM_SECONDS", "1".into()));
    Server::start_with(ServerOptions {
        env,
        ..ServerOptions::default()
    })
    .await
}

async fn stored(server: &Server, user: &User) -> Vec<Value> {
    let path = "/v1/conversations?statuses=in_progress&limit=1";
    let open = server.get(path, &user.token).await.ok();
    open[0]["transcript_segments"].as_array().unwrap().clone()
}

async fn count(server: &Server, name: &str) -> f64 {
    let metrics = server.get("/metrics", "").await.body;
    let mut lines = metrics.as_str().unwrap().lines();
    let line = lines.find(|line| line.starts_with(name));
    line.map_or(0.0, |line| {
        line.rsplit(' ').next().unwrap().parse().unwrap()
    })
}

/// How many interims of a provider became that.
async fn became(server: &Server, provider: &str, outcome: &str) -> f64 {
    let name =
        format!("omi_speech_interims_total{{provider=\"{provider}\",outcome=\"{outcome}\"}} ");
    count(server, &name).await
}

fn ids(segments: &[Value]) -> HashSet<&str> {
    let ids = segments.iter().map(|one| one["id"].as_str().unwrap());
    ids.collect()
}

/// Everything that was heard is stored, and the device holds just that: no interim is left of which nothing became.
async fn is_resolved(server: &Server, user: &User, device: &Device) {
    let stored = stored(server, user).await;
    assert_eq!(device.segments(), stored);
    let interims = device.interims();
    let deleted: Vec<_> = device
        .events("segments_deleted")
        .iter()
        .flat_map(|event| event["segment_ids"].as_array().unwrap().clone())
        .collect();
    for id in ids(&interims) {
        let replaced = ids(&stored).contains(id);
        let gone = deleted.iter().any(|one| one == id);
        assert!(replaced || gone, "{id}: {:#?}", device.messages);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_on_speaking_is_read_along() {
    let server = server(Vec::new()).await;
    let user = server.user("along@example.org").await;
    let said = speech(3, 0.9);
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    // The first sentence, whose end nobody knows yet.
    device.play_pcm16(&said.samples[..said.ends[0]], 1.0).await;
    let interims = device.interims();
    assert!(!interims.is_empty(), "{:#?}", device.messages);
    assert_eq!(ids(&interims).len(), 1, "one utterance, one id");
    assert_eq!(device.segments(), interims[interims.len() - 1..]);
    assert!(stored(&server, &user).await.is_empty());
    for interim in &interims {
        let (start, end) = (interim["start"].as_f64(), interim["end"].as_f64());
        assert!(start == Some(0.0) && end > start, "{interim}");
        assert_eq!(interim["speaker"], "SPEAKER_00");
        assert!(interim["translations"].is_array() && interim["stt_provider"].is_null());
    }
    let lengths: Vec<_> = interims
        .iter()
        .map(|one| one["text"].as_str().unwrap().len())
        .collect();
    assert!(lengths.is_sorted() && lengths[0] > 0, "{lengths:?}");

    // Its end is replaced in place; the next sentence follows it, and the last comes after a while.
    device
        .play_pcm16(&said.samples[said.ends[0]..said.ends[1]], 1.0)
        .await;
    device.play_pcm16(&vec![0; 4 * SECOND], 2.0).await;
    device.play_pcm16(&said.samples[said.ends[1]..], 1.0).await;
    device.read_until_quiet(Duration::from_secs(6)).await;
    is_resolved(&server, &user, &device).await;
    let segments = device.segments();
    assert_eq!(segments[0]["id"], interims[0]["id"]);
    assert!(segments.iter().all(|one| one.get("provisional").is_none()));
    let errors = error_rate(&said.reference, &text(&segments));
    assert!(errors <= 0.1, "{errors}: {}", text(&segments));
    assert!(device.interims().len() > interims.len());
    assert!(became(&server, "whisper", "done").await >= 3.0);
    assert!(
        count(
            &server,
            "omi_segment_delay_seconds_count{kind=\"interim\"} "
        )
        .await
            >= 3.0
    );
    assert!(count(&server, "omi_speech_utterances_total{kind=\"final\"} ").await >= 2.0);

    // Whoever leaves in mid-sentence leaves no interim behind.
    let before = stored(&server, &user).await;
    device.play_pcm16(&said.samples[..3 * SECOND], 1.0).await;
    device.close().await;
    let path = "/v1/conversations?statuses=in_progress&limit=1";
    let open = server
        .wait_for(path, &user.token, PATIENCE, |open| {
            text(open[0]["transcript_segments"].as_array().unwrap()) != text(&before)
        })
        .await;
    for segment in open[0]["transcript_segments"].as_array().unwrap() {
        assert!(segment.get("provisional").is_none());
    }
}

/// The scripted recogniser numbers what it hears, so each text tells which sound it is of.
#[tokio::test(flavor = "multi_thread")]
async fn an_interim_is_replaced_merged_or_taken_back() {
    let ears = Ears::start().await;
    let mut env = ears.settings("openai");
    env.push(("OMI_STT__INTERIM_REQUESTS", "true".into()));
    let server = server(env).await;
    let user = server.user("scripted@example.org").await;
    let said = speech(3, 0.0);
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    let pause = vec![0; SECOND * 3 / 2];

    // Replaced: nothing was said before.
    device.play_pcm16(&said.samples[..said.ends[0]], 1.0).await;
    let first = device.interims().last().unwrap().clone();
    device.play_pcm16(&pause, 1.0).await;
    device.read_until_quiet(Duration::from_secs(1)).await;
    is_resolved(&server, &user, &device).await;
    let segments = device.segments();
    assert_eq!(segments[0]["id"], first["id"]);
    assert_ne!(segments[0]["text"], first["text"]);
    assert!(device.events("segments_deleted").is_empty());

    // Merged with what was said just before: the device forgets it, then gets the longer segment.
    device
        .play_pcm16(&said.samples[said.ends[0]..said.ends[1]], 1.0)
        .await;
    let second = device.interims().last().unwrap().clone();
    assert_ne!(second["id"], first["id"]);
    assert!(second["start"].as_f64() > first["end"].as_f64());
    device.play_pcm16(&pause, 1.0).await;
    device.read_until_quiet(Duration::from_secs(1)).await;
    is_resolved(&server, &user, &device).await;
    assert_eq!(device.segments().len(), 1);
    let deleted = device.events("segments_deleted");
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0]["segment_ids"], serde_json::json!([second["id"]]));

    // Taken back: in the end no word was heard.
    device
        .play_pcm16(&said.samples[said.ends[1]..][..3 * SECOND], 1.0)
        .await;
    let third = device.interims().last().unwrap().clone();
    assert_ne!(third["id"], second["id"]);
    ears.openai(Script::Nothing);
    device.play_pcm16(&pause, 1.0).await;
    device.read_until_quiet(Duration::from_secs(1)).await;
    is_resolved(&server, &user, &device).await;
    assert_eq!(device.segments().len(), 1);
    let deleted = device.events("segments_deleted");
    assert_eq!(deleted[1]["segment_ids"], serde_json::json!([third["id"]]));

    // A socket that fails takes back what it told.
    ears.openai(Script::Says);
    device.play_pcm16(&said.samples[..3 * SECOND], 1.0).await;
    let fourth = device.interims().last().unwrap()["id"].clone();
    assert_ne!(fourth, third["id"]);
    ears.openai(Script::Refuses(500));
    device.play_pcm16(&pause, 1.0).await;
    assert_eq!(device.read_close(PATIENCE).await.0, 1011);
    assert_eq!(device.segments().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_that_has_ended_does_not_wait_for_an_interim() {
    let ears = Ears::start().await;
    let mut env = ears.settings("openai");
    env.push(("OMI_STT__INTERIM_REQUESTS", "true".into()));
    env.push(("OMI_STT__MAX_CONCURRENT", "1".into()));
    env.push(("OMI_STT__TIMEOUT_SECONDS", "60".into()));
    let server = server(env).await;
    let user = server.user("hangs@example.org").await;
    let said = speech(1, 0.0);
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    let path = format!("/v4/web/listen?{}", query("pcm16"));
    let mut browser = Device::connect_to(&server, "", &path).await.unwrap();
    browser
        .say(serde_json::json!({"type": "auth", "token": user.token}))
        .await;
    // The one place is held by an interim that never comes to its end.
    ears.openai(Script::Hangs);
    device.play_pcm16(&said.samples[..3 * SECOND], 1.0).await;
    assert!(ears.seen().asked.len() == 1, "one interim at a time");
    ears.openai(Script::Says);
    device.play_pcm16(&said.samples[3 * SECOND..], 1.0).await;
    device.play_pcm16(&vec![0; SECOND], 1.0).await;
    device
        .read_until(Duration::from_secs(5), |device| {
            !device.segments().is_empty()
        })
        .await;
    is_resolved(&server, &user, &device).await;
    assert_eq!(became(&server, "openai", "overtaken").await, 1.0);

    // A browser takes nothing back, so it is told only what is stored.
    let pause = vec![0; SECOND];
    tokio::join!(
        browser.play_pcm16(&said.samples, 1.0),
        device.play_pcm16(&pause, 1.0)
    );
    browser.play_pcm16(&vec![0; SECOND], 1.0).await;
    browser
        .read_until(PATIENCE, |device| !device.segments().is_empty())
        .await;
    assert!(browser.interims().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_may_cost_is_not_asked_for_interims_unless_the_operator_wants_it() {
    let ears = Ears::start().await;
    let server = server(ears.settings("openai")).await;
    let user = server.user("thrifty@example.org").await;
    let said = speech(1, 0.9);
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    device.play_pcm16(&said.samples, 1.0).await;
    device
        .read_until(PATIENCE, |device| !device.segments().is_empty())
        .await;
    assert!(device.interims().is_empty());
    assert_eq!(ears.seen().asked.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_interims_are_shed_and_no_word_is_lost() {
    let server = server(vec![("OMI_STT__WORKERS", "1".into())]).await;
    let said = speech(3, 0.9);
    let mut talks = Vec::new();
    for n in 0..4 {
        let user = server.user(&format!("talker{n}@example.org")).await;
        let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
        let samples = said.samples.clone();
        talks.push(tokio::spawn(async move {
            device.play_pcm16(&samples, 1.0).await;
            device.read_until_quiet(Duration::from_secs(6)).await;
            (user, device)
        }));
    }
    for talk in talks {
        let (user, device) = talk.await.unwrap();
        is_resolved(&server, &user, &device).await;
        let errors = error_rate(&said.reference, &text(&device.segments()));
        assert!(errors <= 0.1, "{errors}: {}", text(&device.segments()));
    }
    assert!(became(&server, "whisper", "shed").await > 0.0);
    for class in ["live", "backlog"] {
        let name = format!("omi_speech_queue_length{{class=\"{class}\"}} ");
        assert_eq!(count(&server, &name).await, 0.0);
    }
}
