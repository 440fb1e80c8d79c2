//! The other doors and shapes of live audio: browsers, calls, push to talk, AAC, chosen ids.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::{error_rate, query, speech};
use crate::support::{
    Server, ServerOptions,
    device::{Device, text},
    server::User,
};

const PATIENCE: Duration = Duration::from_secs(60);

async fn open(server: &Server, user: &User) -> Vec<Value> {
    let path = "/v1/conversations?statuses=in_progress";
    let found = server.get(path, &user.token).await.ok();
    found.as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_says_who_it_is_in_its_first_message() {
    let server = Server::start().await;
    let user = server.user("ann@example.org").await;
    let path = format!(
        "/v4/web/listen?{}",
        query("pcm16").replace("source=omi", "source=web")
    );
    let connect = async || Device::connect_to(&server, "", &path).await.unwrap();
    for (first, reason, answered) in [
        ("hello", "Expected auth message", false),
        (r#"{"type":"auth"}"#, "Expected auth message", false),
        (
            r#"{"type":"hello","token":"x"}"#,
            "Expected auth message",
            false,
        ),
        (
            r#"{"type":"auth","token":"omi_user_nobody"}"#,
            "Invalid token",
            true,
        ),
    ] {
        let mut device = connect().await;
        device.send(Message::text(first)).await;
        let closed = device.read_close(PATIENCE).await;
        assert_eq!(closed, (1008, reason.to_string()), "{first}");
        let answers = device.events("auth_response");
        assert_eq!(answers.len(), usize::from(answered), "{first}");
        assert!(answers.iter().all(|answer| answer["success"] == false));
    }
    let mut silent = connect().await;
    let developer = json!({"type": "auth", "token": user.developer_key}).to_string();
    let mut other = connect().await;
    other.send(Message::text(developer)).await;
    assert_eq!(other.read_close(PATIENCE).await.0, 1008);

    let mut device = connect().await;
    let token = json!({"type": "auth", "token": user.token});
    device.say(token).await;
    device
        .read_until(PATIENCE, |device| device.has_status("ready"))
        .await;
    assert_eq!(
        device.messages[0],
        json!({"type": "auth_response", "success": true})
    );
    let said = speech(1, 0.9);
    device.play_pcm16(&said.samples, 10.0).await;
    device
        .read_until(PATIENCE, |device| !device.segments().is_empty())
        .await;
    assert_eq!(open(&server, &user).await[0]["source"], "unknown");
    device.close().await;
    assert_eq!(
        silent.read_close(PATIENCE).await,
        (1008, "Auth timeout".into())
    );
}

/// Messages of one side of a call, 20 ms each.
fn side(channel: u8, samples: &[i16]) -> Vec<Vec<u8>> {
    let frames = samples.chunks(320);
    frames
        .map(|frame| {
            let sound = frame.iter().flat_map(|sample| sample.to_le_bytes());
            [channel].into_iter().chain(sound).collect()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_has_two_voices_and_is_over_when_it_hangs_up() {
    let mut server = Server::start_with(ServerOptions {
        private_database: true,
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("ann@example.org").await;
    // Something else is heard meanwhile.
    let beside = Device::ready(&server, &user.token, &query("pcm16")).await;
    let said = speech(2, 0.9);
    let (mine, theirs) = said.samples.split_at(said.ends[0] + 8_000);
    let call = "source=phone_call&call_id=CA123&sample_rate=16000&codec=pcm&language=en&channels=2";
    let mut device = Device::ready(&server, &user.token, call).await;
    let rows = open(&server, &user).await;
    assert_eq!(rows.len(), 2);
    // Both talk at once, somebody is on no channel, and there are messages without any sound.
    let quiet = vec![0; 40_000];
    let sides = [
        side(1, &[mine, &quiet].concat()),
        side(2, &[theirs, &quiet].concat()),
        side(7, mine),
    ];
    let longest = sides.iter().map(Vec::len).max().unwrap();
    for n in 0..longest {
        for side in &sides {
            if let Some(frame) = side.get(n) {
                device.send(Message::binary(frame.clone())).await;
            }
        }
        if n % 50 == 0 {
            device.send(Message::binary(vec![1])).await;
            device.send(Message::binary(vec![2, 0])).await;
            device.read_for(Duration::from_millis(50)).await;
        }
    }
    let both = |device: &Device| {
        let voices = device.segments();
        voices.iter().any(|one| one["speaker_id"] == 0)
            && voices.iter().any(|one| one["speaker_id"] == 1)
    };
    device.read_until(PATIENCE, both).await;
    device.close().await;
    let path = "/v1/conversations?statuses=completed";
    let list = server
        .wait_for(path, &user.token, PATIENCE, |list| {
            !list.as_array().unwrap().is_empty()
        })
        .await;
    assert_eq!(list[0]["source"], "phone_call");
    assert_eq!(list[0]["call_id"], "CA123");
    let segments = list[0]["transcript_segments"].as_array().unwrap();
    for (number, speaker, is_user) in [(0, "SPEAKER_00", true), (1, "SPEAKER_01", false)] {
        let voice: Vec<_> = segments
            .iter()
            .filter(|one| one["speaker_id"] == number)
            .cloned()
            .collect();
        assert!(!voice.is_empty(), "{segments:#?}");
        for segment in &voice {
            assert_eq!(
                (&segment["speaker"], &segment["is_user"]),
                (&json!(speaker), &json!(is_user))
            );
        }
    }
    // No word is lost between the voices; where they cut into each other the order may differ.
    let words = |text: &str| text.split_whitespace().count();
    let heard = words(&text(segments));
    assert!(
        heard + 3 >= words(&said.reference),
        "{heard}: {}",
        text(segments)
    );
    assert_eq!(open(&server, &user).await.len(), 1);

    // A call in which nothing was said leaves nothing.
    let mut device = Device::ready(&server, &user.token, call).await;
    device.send(Message::binary(vec![1; 3201])).await;
    device.close().await;
    let path = "/v1/conversations?statuses=in_progress";
    server
        .wait_for(path, &user.token, PATIENCE, |list| {
            list.as_array().unwrap().len() == 1
        })
        .await;

    // One whose server is killed is over when its sound has been recognised.
    let mut device = Device::ready(&server, &user.token, call).await;
    for frame in side(2, theirs) {
        device.send(Message::binary(frame)).await;
    }
    device.read_for(Duration::from_millis(200)).await;
    server.kill().await;
    server.run().await;
    let path = "/v1/conversations?statuses=completed";
    server
        .wait_for(path, &user.token, PATIENCE, |list| {
            list.as_array().unwrap().len() == 2
        })
        .await;
    drop(beside);
}

#[tokio::test(flavor = "multi_thread")]
async fn push_to_talk_gives_words_and_keeps_nothing() {
    let server = Server::start().await;
    let user = server.user("ann@example.org").await;
    let said = speech(2, 0.9);
    let address = |query: &str| format!("/v2/voice-message/transcribe-stream?{query}");
    for bad in [
        "sample_rate=1000",
        "sample_rate=x",
        "channels=3",
        "codec=opus",
    ] {
        let mut device = Device::connect_to(&server, &user.token, &address(bad))
            .await
            .unwrap();
        assert_eq!(device.read_close(PATIENCE).await.0, 1008, "{bad}");
    }
    assert!(Device::connect_to(&server, "", &address("")).await.is_err());
    for channels in [1, 2] {
        let path = address(&format!(
            "language=en&sample_rate=16000&codec=linear16&channels={channels}"
        ));
        let mut device = Device::connect_to(&server, &user.token, &path)
            .await
            .unwrap();
        // The last word is not followed by a pause.
        let sound = said.samples[..said.ends[1]].iter();
        let bytes: Vec<u8> = sound
            .flat_map(|sample| std::iter::repeat_n(sample.to_le_bytes(), channels))
            .flatten()
            .collect();
        for piece in bytes.chunks(4_001) {
            device.send(Message::binary(piece.to_vec())).await;
        }
        device.send(Message::text("finalize")).await;
        device.read_until_quiet(Duration::from_secs(6)).await;
        let heard: Vec<Value> = device
            .messages
            .iter()
            .flat_map(|message| message.as_array().unwrap().clone())
            .collect();
        let errors = error_rate(&said.reference, &text(&heard));
        assert!(errors < 0.15, "{errors}: {heard:#?}");
        let keys: Vec<_> = heard[0].as_object().unwrap().keys().collect();
        assert_eq!(
            keys,
            ["end", "is_user", "person_id", "speaker", "start", "text"]
        );
        device.close().await;
    }
    assert!(open(&server, &user).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn aac_is_heard() {
    let server = Server::start().await;
    let user = server.user("ann@example.org").await;
    let mut device = Device::ready(&server, &user.token, &query("aac")).await;
    let mut stream = &include_bytes!("material/go-forward.aac")[..];
    while let [first, .., _] = stream {
        assert_eq!(*first, 0xff);
        let length = usize::from(stream[3] & 3) << 11
            | usize::from(stream[4]) << 3
            | usize::from(stream[5] >> 5);
        device
            .send(Message::binary(stream[..length].to_vec()))
            .await;
        stream = &stream[length..];
    }
    device
        .read_until(PATIENCE, |device| !device.segments().is_empty())
        .await;
    let heard = text(&device.segments()).to_lowercase();
    assert!(
        heard.contains("go forward") && heard.contains("meters"),
        "{heard}"
    );
    device.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_may_choose_the_id_of_its_conversation() {
    let server = Server::start().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let id = Uuid::new_v4().to_string();
    let with_id = format!("{}&client_conversation_id={id}", query("pcm16"));
    let session =
        |device: &Device| device.events("conversation_session")[0]["conversation_id"].clone();
    let plain = Device::ready(&server, &user.token, &query("pcm16")).await;
    let first = Device::ready(&server, &user.token, &with_id).await;
    assert_ne!(session(&plain), json!(id));
    assert_eq!(session(&first), json!(id));
    first.close().await;
    // It comes back, also while another one is open; the same id of somebody else is another conversation.
    let mut again = Device::ready(&server, &user.token, &with_id).await;
    assert_eq!(session(&again), json!(id));
    let theirs = Device::ready(&server, &other.token, &with_id).await;
    assert_eq!(session(&theirs), json!(id));
    again.play_pcm16(&speech(1, 0.9).samples, 10.0).await;
    again
        .read_until(PATIENCE, |device| !device.segments().is_empty())
        .await;
    assert!(
        open(&server, &other).await[0]["transcript_segments"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    // Once it has ended the socket goes on with another, says so, and the id is not used again.
    let ended = server
        .send(
            reqwest::Method::POST,
            "/v1/conversations",
            Some(&user.token),
            None,
        )
        .await
        .ok();
    assert_eq!(ended["conversation"]["id"], json!(id));
    again
        .read_until(PATIENCE, |device| {
            device.events("conversation_session").len() > 1
        })
        .await;
    assert_ne!(
        again.events("conversation_session")[1]["conversation_id"],
        json!(id)
    );
    let late = Device::ready(&server, &user.token, &with_id).await;
    assert_ne!(session(&late), json!(id));
    let odd = format!("{}&client_conversation_id=none", query("pcm16"));
    Device::ready(&server, &user.token, &odd)
        .await
        .close()
        .await;
}
