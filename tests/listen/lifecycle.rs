//! How conversations begin, go on and end.

use std::time::Duration;

use serde_json::Value;

use super::{error_rate, query, speech};
use crate::support::{
    Server, ServerOptions,
    device::{Device, text},
};

const SHORT: u64 = 4;

/// A server on which a few seconds of silence end a conversation.
async fn impatient() -> Server {
    let env = vec![("OMI_LISTENING__MINIMUM_TIMEOUT_SECONDS", SHORT.to_string())];
    Server::start_with(ServerOptions {
        env,
        ..ServerOptions::default()
    })
    .await
}

fn short(codec: &str) -> String {
    query(codec).replace(
        "conversation_timeout=120",
        &format!("conversation_timeout={SHORT}"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_starts_in_the_order_that_the_app_knows() {
    let server = Server::start().await;
    let user = server.user("order@example.org").await;
    let device = Device::ready(&server, &user.token, &query("pcm16")).await;
    let statuses: Vec<_> = device
        .events("service_status")
        .iter()
        .map(|event| event["status"].clone())
        .collect();
    assert_eq!(
        statuses,
        [
            "initiating",
            "in_progress_conversations_processing",
            "stt_initiating",
            "ready"
        ]
    );
    let texts: Vec<_> = device
        .events("service_status")
        .iter()
        .map(|event| event["status_text"].clone())
        .collect();
    assert_eq!(texts[0], "Service Starting");
    assert_eq!(texts[3], Value::Null);
    // The first ping precedes everything.
    assert_eq!(device.pings, 1);
    assert!(device.events("last_memory").is_empty());
    // The conversation is there before anything was said.
    let open = server
        .get("/v1/conversations?statuses=in_progress", &user.token)
        .await
        .ok();
    assert_eq!(open.as_array().unwrap().len(), 1);
    assert_eq!(open[0]["source"], "omi");
    device.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_ends_a_conversation_and_the_device_is_told() {
    let server = impatient().await;
    let user = server.user("silence@example.org").await;
    let said = speech(2, 0.9);
    let mut device = Device::ready(&server, &user.token, &short("pcm16")).await;
    device.play_pcm16(&said.samples, 10.0).await;
    device
        .read_until(Duration::from_secs(40), |device| {
            !device.events("memory_created").is_empty()
        })
        .await;
    let started = &device.events("memory_processing_started")[0]["memory"];
    let created = &device.events("memory_created")[0]["memory"];
    assert_eq!(started["id"], created["id"]);
    assert_eq!(started["status"], "processing");
    assert_eq!(created["status"], "completed");
    assert_eq!(
        device.events("memory_created")[0]["messages"],
        Value::Array(vec![])
    );
    for field in ["title", "overview", "emoji", "category"] {
        assert!(created["structured"][field].is_string(), "{field}");
    }
    assert_eq!(created["understood_by"], "rules");
    assert!(
        !created["transcript_segments"]
            .as_array()
            .unwrap()
            .is_empty()
    );

    // The socket goes on with a conversation of its own.
    let again = speech(1, 0.9);
    device.play_pcm16(&again.samples, 10.0).await;
    device
        .read_until(Duration::from_secs(40), |device| {
            device.events("memory_created").len() == 2
        })
        .await;
    let second = &device.events("memory_created")[1]["memory"];
    assert_ne!(second["id"], created["id"]);
    let words: Vec<_> = second["transcript_segments"].as_array().unwrap().clone();
    assert!(error_rate(&again.reference, &text(&words)) <= 0.2);

    // A new connection hears of the last one.
    let reader = Device::ready(&server, &user.token, &short("pcm16")).await;
    let known = reader.events("last_memory");
    assert_eq!(known.len(), 1);
    assert!([&second["id"], &created["id"]].contains(&&known[0]["memory_id"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_dropped_in_mid_sentence_and_resumed_loses_nothing() {
    let server = Server::start().await;
    let user = server.user("drop@example.org").await;
    let said = speech(5, 0.9);
    // In the middle of the third sentence.
    let cut = (said.ends[1] + said.ends[2]) / 2;
    let mut first = Device::ready(&server, &user.token, &query("pcm16")).await;
    first.play_pcm16(&said.samples[..cut], 10.0).await;
    let before = first.stored_segments();
    // No close frame: as when a phone leaves the network.
    drop(first);
    let mut second = Device::ready(&server, &user.token, &query("pcm16")).await;
    second.play_pcm16(&said.samples[cut..], 10.0).await;
    second.read_until_quiet(Duration::from_secs(6)).await;
    let open = server
        .get("/v1/conversations?statuses=in_progress", &user.token)
        .await
        .ok();
    assert_eq!(
        open.as_array().unwrap().len(),
        1,
        "one conversation across both sockets"
    );
    let stored = open[0]["transcript_segments"].as_array().unwrap().clone();
    for segment in before {
        let kept = stored.iter().find(|kept| kept["id"] == segment["id"]);
        let kept = kept.unwrap_or_else(|| panic!("{segment} was sent and is gone:\n{stored:#?}"));
        assert!(
            kept["text"]
                .as_str()
                .unwrap()
                .starts_with(segment["text"].as_str().unwrap())
        );
    }
    // One word may be cut in two.
    let errors = error_rate(&said.reference, &text(&stored));
    assert!(errors <= 0.2, "{:.1} %: {}", errors * 100.0, text(&stored));
    let starts: Vec<_> = stored
        .iter()
        .map(|segment| segment["start"].as_f64().unwrap())
        .collect();
    assert!(
        starts.is_sorted(),
        "times go on after a reconnect: {starts:?}"
    );
    second.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_nobody_comes_back_to_is_ended() {
    let server = impatient().await;
    let user = server.user("gone@example.org").await;
    let said = speech(1, 0.0);
    let mut device = Device::ready(&server, &user.token, &short("pcm16")).await;
    // The last word is not followed by any silence.
    device.play_pcm16(&said.samples, 10.0).await;
    device.close().await;
    let list = server
        .wait_for(
            "/v1/conversations?statuses=completed",
            &user.token,
            Duration::from_secs(40),
            |list| !list.as_array().unwrap().is_empty(),
        )
        .await;
    let words = list[0]["transcript_segments"].as_array().unwrap().clone();
    assert!(
        error_rate(&said.reference, &text(&words)) <= 0.2,
        "{}",
        text(&words)
    );
    // A socket on which nothing was said leaves nothing.
    Device::ready(&server, &user.token, &short("pcm16"))
        .await
        .close()
        .await;
    server
        .wait_for(
            "/v1/conversations?statuses=in_progress",
            &user.token,
            Duration::from_secs(30),
            |list| list.as_array().unwrap().is_empty(),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn finishing_by_hand_takes_the_last_words_along() {
    let server = Server::start().await;
    let user = server.user("finish@example.org").await;
    let path = "/v1/conversations";
    let none = server
        .send(reqwest::Method::POST, path, Some(&user.token), None)
        .await;
    assert_eq!(none.status, 404);
    assert_eq!(none.body["detail"], "Conversation in progress not found");

    let said = speech(2, 0.0);
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    device.play_pcm16(&said.samples, 5.0).await;
    let place = serde_json::json!({"latitude": 52.5, "longitude": 13.4});
    let (patch, at) = (reqwest::Method::PATCH, "/v1/users/geolocation");
    let located = server.send(patch, at, Some(&user.token), Some(place)).await;
    assert_eq!(located.status, 200);
    let finished = server
        .post(path, &user.token, serde_json::json!({}))
        .await
        .ok();
    let conversation = &finished["conversation"];
    assert_eq!(conversation["status"], "completed");
    assert_eq!(conversation["discarded"], false);
    assert_eq!(conversation["geolocation"]["latitude"], 52.5);
    assert_eq!(finished["messages"], Value::Array(vec![]));
    let words = conversation["transcript_segments"]
        .as_array()
        .unwrap()
        .clone();
    assert!(
        error_rate(&said.reference, &text(&words)) <= 0.2,
        "{}",
        text(&words)
    );

    // The open socket goes on with the next conversation; its end was not announced there.
    let more = speech(1, 0.9);
    device.play_pcm16(&more.samples, 10.0).await;
    device.read_until_quiet(Duration::from_secs(5)).await;
    assert!(device.events("memory_processing_started").is_empty());
    let open = server
        .get("/v1/conversations?statuses=in_progress", &user.token)
        .await
        .ok();
    assert_eq!(open.as_array().unwrap().len(), 1);
    assert_ne!(open[0]["id"], conversation["id"]);
    assert!(
        open[0]["transcript_segments"][0]["start"].as_f64().unwrap() < 0.01,
        "its own time base"
    );
    device.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_removed_while_it_is_heard_does_not_come_back() {
    let server = Server::start().await;
    let user = server.user("removed@example.org").await;
    let said = speech(2, 0.9);
    let (first, second) = said.samples.split_at(said.ends[0] + 14_400);
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    device.play_pcm16(first, 10.0).await;
    device
        .read_until(Duration::from_secs(30), |device| {
            !device.segments().is_empty()
        })
        .await;
    let open = async || {
        server
            .get("/v1/conversations?statuses=in_progress", &user.token)
            .await
            .ok()
    };
    let before = open().await;
    let path = format!(
        "/v1/dev/user/conversations/{}",
        before[0]["id"].as_str().unwrap()
    );
    server
        .send(
            reqwest::Method::DELETE,
            &path,
            Some(&user.developer_key),
            None,
        )
        .await
        .ok();

    // The socket goes on with another one.
    let known = device.segments().len();
    device.play_pcm16(second, 10.0).await;
    device
        .read_until(Duration::from_secs(30), |device| {
            device.segments().len() > known
        })
        .await;
    let after = open().await;
    assert_eq!(after.as_array().unwrap().len(), 1);
    assert_ne!(after[0]["id"], before[0]["id"]);
    let gone = server.get(&path, &user.developer_key).await;
    assert_eq!(gone.status, 404);
    assert!(device.closed.is_none());
    device.close().await;
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_right_after_the_last_word_loses_nothing() {
    let server = Server::start().await;
    let user = server.user("stopbutton@example.org").await;
    let said = speech(3, 0.0);
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    device.play_pcm16(&said.samples, 0.0).await;
    // The app's stop button: close the socket, then ask for the end.
    device.close().await;
    let finished = server
        .post("/v1/conversations", &user.token, serde_json::json!({}))
        .await
        .ok();
    let words = finished["conversation"]["transcript_segments"]
        .as_array()
        .unwrap()
        .clone();
    assert!(
        error_rate(&said.reference, &text(&words)) <= 0.2,
        "{}",
        text(&words)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_falls_mute_in_mid_sentence_is_understood_and_times_stay_true() {
    let server = impatient().await;
    let user = server.user("mute@example.org").await;
    let said = speech(1, 0.0);
    let query = query("pcm16").replace("conversation_timeout=120", "conversation_timeout=60");
    let mut device = Device::ready(&server, &user.token, &query).await;
    let began = std::time::Instant::now();
    device.play_pcm16(&said.samples, 4.0).await;
    // Nothing is sent any more, not even silence; pings are answered.
    device
        .read_until(Duration::from_secs(20), |device| {
            !device.segments().is_empty()
        })
        .await;
    device
        .read_for(Duration::from_secs(16).saturating_sub(began.elapsed()))
        .await;
    let pause = began.elapsed().as_secs_f64();
    device.play_pcm16(&said.samples, 4.0).await;
    device
        .read_until(Duration::from_secs(30), |device| {
            device.segments().len() == 2
        })
        .await;
    let second = device.segments()[1]["start"].as_f64().unwrap();
    assert!(
        (pause - 2.0..pause + 2.0).contains(&second),
        "said after {pause:.1} s, stored at {second:.1} s"
    );
    device.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sockets_of_one_user_share_a_conversation() {
    let server = impatient().await;
    let user = server.user("two@example.org").await;
    let said = speech(1, 0.9);
    let query = short("pcm16");
    let (mut first, second) = tokio::join!(
        Device::ready(&server, &user.token, &query),
        Device::ready(&server, &user.token, &query)
    );
    let open = server
        .get("/v1/conversations?statuses=in_progress", &user.token)
        .await
        .ok();
    assert_eq!(open.as_array().unwrap().len(), 1);
    first.play_pcm16(&said.samples, 10.0).await;
    first
        .read_until(Duration::from_secs(40), |device| {
            !device.events("memory_created").is_empty()
        })
        .await;
    // Both have moved on, to the same one.
    let open = server
        .get("/v1/conversations?statuses=in_progress", &user.token)
        .await
        .ok();
    assert_eq!(open.as_array().unwrap().len(), 1, "{open:#}");
    second.close().await;
    first.close().await;
}
