//! What devices say in words: transcripts of their own, pictures, whose voice it is; and what the server answers.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::query;
use crate::support::{
    Server, ServerOptions,
    device::{Device, text},
    peer::{Peer, Script},
    server::User,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// The query of a device that recognises by itself.
fn own() -> String {
    format!("{}&custom_stt=enabled", query("pcm16"))
}

fn suggestion(said: &[(&str, &str, f64, f64)]) -> Value {
    let segments: Vec<_> = said
        .iter()
        .map(|(speaker, text, start, end)| {
            json!({"text": text, "speaker": speaker, "speaker_id": 77, "is_user": false, "start": start, "end": end,
                "person_id": null})
        })
        .collect();
    json!({"type": "suggested_transcript", "stt_provider": "deepgramLive", "segments": segments})
}

async fn present(server: &Server, user: &User) -> Value {
    let path = "/v1/conversations?statuses=in_progress";
    server.get(path, &user.token).await.ok()[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_with_a_recogniser_of_its_own_is_believed() {
    // It needs no model here.
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let mut device = Device::ready(&server, &user.token, &own()).await;
    // Sound is not listened to.
    device.send(Message::binary(vec![1; 32_000])).await;
    device
        .say(suggestion(&[
            ("SPEAKER_1", "How are you?", 3.0, 4.5),
            ("SPEAKER_0", "Hello there.", 0.0, 1.0),
        ]))
        .await;
    device
        .read_until(PATIENCE, |device| device.segments().len() == 2)
        .await;
    for bad in [
        json!({"type": "suggested_transcript", "segments": [{"text": "No times"}]}),
        json!({"type": "suggested_transcript", "segments": "none"}),
        json!({"type": "suggested_transcript", "segments": [{"text": "Back", "start": 5, "end": 4}]}),
        json!({"type": "suggested_transcript", "segments": [{"text": "Far", "start": 1e300, "end": 1e300}]}),
        json!({"type": "suggested_transcript", "segments": [{"text": "  \u{0} ", "start": 1, "end": 2}]}),
        json!([]),
        json!("words"),
        json!({"type": "unheard_of"}),
        json!({"type": "speaker_assigned", "speaker_id": 1, "person_id": null, "person_name": "x"}),
    ] {
        device.say(bad).await;
    }
    device.send(Message::text("")).await;
    device
        .say(json!({"type": "suggested_transcript", "segments": [
            {"text": "I am fine.", "start": 7, "end": 9, "person_id": "user"}]}))
        .await;
    device
        .read_until(PATIENCE, |device| device.segments().len() == 3)
        .await;
    let segments = device.segments();
    assert_eq!(text(&segments), "Hello there. How are you? I am fine.");
    assert_eq!(segments[0]["stt_provider"], "deepgramLive");
    assert_eq!(
        (&segments[1]["speaker"], &segments[1]["speaker_id"]),
        (&json!("SPEAKER_1"), &json!(1))
    );
    assert_eq!(
        (&segments[2]["is_user"], &segments[2]["person_id"]),
        (&json!(true), &Value::Null)
    );
    let gaps: Vec<_> = segments
        .windows(2)
        .map(|pair| pair[1]["start"].as_f64().unwrap() - pair[0]["start"].as_f64().unwrap())
        .collect();
    assert!(
        (gaps[0] - 3.0).abs() < 0.01 && (gaps[1] - 4.0).abs() < 0.01,
        "{gaps:?}"
    );
    assert_eq!(
        present(&server, &user).await["transcript_segments"],
        Value::Array(segments)
    );

    // Without custom_stt nobody listens to suggestions; here nothing could be recognised either.
    let mut other = Device::connect(&server, &user.token, &query("pcm16"))
        .await
        .unwrap();
    assert_eq!(other.read_close(PATIENCE).await.0, 1011);
    assert!(other.has_status("stt_failed"));
    device.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_voice_it_is_is_remembered() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let mut device = Device::ready(&server, &user.token, &own()).await;
    device
        .say(suggestion(&[
            ("SPEAKER_0", "Good morning.", 0.0, 1.0),
            ("SPEAKER_1", "Good morning to you.", 5.0, 6.0),
            ("SPEAKER_0", "Shall we begin?", 10.0, 11.0),
        ]))
        .await;
    device
        .read_until(PATIENCE, |device| device.segments().len() == 3)
        .await;
    let maya = Uuid::new_v4().to_string();
    let ids: Vec<_> = device
        .segments()
        .iter()
        .map(|one| one["id"].clone())
        .collect();
    device
        .say(json!({"type": "speaker_assigned", "speaker_id": 1, "person_id": maya, "person_name": "Maya",
            "segment_ids": [ids[1]]}))
        .await;
    device
        .say(json!({"type": "speaker_assigned", "speaker_id": 0, "person_id": "user", "person_name": "User",
            "segment_ids": [ids[0]]}))
        .await;
    device
        .read_until(PATIENCE, |device| {
            let segments = device.segments();
            segments[1]["person_id"] == json!(maya) && segments[2]["is_user"] == true
        })
        .await;
    device.close().await;
    // Also by the next socket of the conversation.
    let mut device = Device::ready(&server, &user.token, &own()).await;
    device
        .say(suggestion(&[
            ("SPEAKER_1", "Yes, let us begin.", 20.0, 21.0),
            ("SPEAKER_2", "Not without me!", 30.0, 31.0),
            ("SPEAKER_0", "Welcome to you all.", 40.0, 41.0),
        ]))
        .await;
    device
        .read_until(PATIENCE, |device| device.segments().len() == 3)
        .await;
    let stored = present(&server, &user).await;
    let segments = stored["transcript_segments"].as_array().unwrap();
    assert_eq!(segments.len(), 6);
    for one in segments {
        let who = (one["is_user"].as_bool().unwrap(), one["person_id"].as_str());
        let expected = match one["speaker_id"].as_i64().unwrap() {
            0 => (true, None),
            1 => (false, Some(maya.as_str())),
            _ => (false, None),
        };
        assert_eq!(who, expected, "{one:#}");
    }
    device.close().await;
}

fn slices(id: &str, image: &[u8], size: usize) -> Vec<Value> {
    let text = STANDARD.encode(image);
    let pieces: Vec<_> = text.as_bytes().chunks(size).collect();
    pieces
        .iter()
        .enumerate()
        .map(|(index, data)| {
            json!({"type": "image_chunk", "id": id, "index": index, "total": pieces.len(),
                "data": std::str::from_utf8(data).unwrap()})
        })
        .collect()
}

fn jpeg(fill: u8) -> Vec<u8> {
    [
        &[0xff, 0xd8, 0xff, 0xe0][..],
        &vec![fill; 30_000],
        &[0xff, 0xd9],
    ]
    .concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_kept_and_looked_at() {
    let peer = Peer::start(Script::by_task(|task, before, _| match (task, before) {
        ("describe_photo", 0) => {
            Script::json(json!({"description": "A whiteboard with a timeline."}))
        }
        ("describe_photo", 1) => Script::json(json!({"description": ""})),
        ("describe_photo", _) => Script::says(&["I cannot see pictures."]),
        (other, _) => crate::processing::nothing(other),
    }))
    .await;
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: peer.settings(),
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("ann@example.org").await;
    let mut device = Device::ready(&server, &user.token, &own()).await;
    for (n, expected) in [
        ("A whiteboard with a timeline.", false),
        ("", true),
        ("Could not generate description.", true),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("temp_img_{n}");
        let mut pieces = slices(&name, &jpeg(n as u8), 8192);
        pieces.reverse();
        for piece in pieces {
            device.say(piece).await;
        }
        device
            .read_until(PATIENCE, |device| {
                device.events("photo_described").len() == n + 1
            })
            .await;
        let taken = &device.events("photo_processing")[n];
        assert_eq!(taken["temp_id"], json!(name));
        let told = &device.events("photo_described")[n];
        assert_eq!(told["photo_id"], taken["photo_id"]);
        assert_eq!(
            (&told["description"], &told["discarded"]),
            (&json!(expected.0), &json!(expected.1))
        );
    }
    let asked = &peer.asked()[0]["messages"];
    let picture = asked[1]["content"][1]["image_url"]["url"].as_str().unwrap();
    assert_eq!(
        picture,
        format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg(0)))
    );
    // Neither an incomplete one nor what is no picture becomes one.
    let mut pieces = slices("half", &jpeg(9), 8192);
    pieces.pop();
    pieces.extend(slices("text", b"no picture at all", 8));
    pieces.push(json!({"type": "image_chunk", "id": "huge", "index": 0, "total": 1_000_000_000, "data": "/9j/"}));
    for piece in pieces {
        device.say(piece).await;
    }
    device.read_for(Duration::from_millis(500)).await;
    assert_eq!(device.events("photo_processing").len(), 3);

    let open = present(&server, &user).await;
    assert_eq!(open["photos"], json!([]), "lists are without");
    let path = format!("/v1/conversations/{}", open["id"].as_str().unwrap());
    let one = server.get(&path, &user.token).await.ok();
    let photos = one["photos"].as_array().unwrap();
    assert_eq!(photos.len(), 3);
    assert_eq!(photos[0]["base64"], json!(STANDARD.encode(jpeg(0))));
    assert_eq!(photos[0]["description"], "A whiteboard with a timeline.");
    // One with pictures only can be ended, and the model is told what is on them.
    let ended = server
        .send(
            reqwest::Method::POST,
            "/v1/conversations",
            Some(&user.token),
            None,
        )
        .await
        .ok();
    assert_eq!(ended["conversation"]["id"], open["id"]);
    let (_, material) = &peer.asked_for("structure")[0];
    assert!(
        material.contains("A whiteboard with a timeline."),
        "{material}"
    );
    let foreign = server.user("ben@example.org").await;
    assert_eq!(server.get(&path, &foreign.token).await.status, 404);
    device.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_in_another_language_is_translated() {
    let peer = Peer::start(Script::by_task(|task, _, _| match task {
        "translate" => Script::json(json!({"translations": [
            {"line": 0, "text": "Good morning."}, {"line": 9, "text": "of no line"}, {"line": 1, "text": ""}]})),
        other => crate::processing::nothing(other),
    }))
    .await;
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: peer.settings(),
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("ann@example.org").await;
    let multi = own().replace("language=en", "language=multi");
    let say = suggestion(&[("SPEAKER_1", "Guten Morgen.", 0.0, 1.0)]);
    // Nobody knows what to translate into.
    let mut device = Device::ready(&server, &user.token, &multi).await;
    device.say(say.clone()).await;
    device.read_for(Duration::from_secs(3)).await;
    assert!(peer.asked_for("translate").is_empty());
    device.close().await;
    let db = server.pool().await;
    sqlx::query("update users set language = 'en' where uid = $1")
        .bind(&user.uid)
        .execute(&db)
        .await
        .unwrap();
    db.close().await;
    let mut device = Device::ready(&server, &user.token, &multi).await;
    device
        .say(suggestion(&[("SPEAKER_2", "Guten Morgen.", 30.0, 31.0)]))
        .await;
    device
        .read_until(PATIENCE, |device| !device.events("translating").is_empty())
        .await;
    let told = device.events("translating")[0]["segments"].clone();
    assert_eq!(
        told[0]["translations"],
        json!([{"lang": "en", "text": "Good morning."}])
    );
    assert_eq!(told[0]["text"], "Guten Morgen.");
    let stored = present(&server, &user).await;
    let segments = stored["transcript_segments"].as_array().unwrap();
    let translated: Vec<_> = segments
        .iter()
        .filter(|one| one["id"] == told[0]["id"])
        .collect();
    assert_eq!(
        translated[0]["translations"], told[0]["translations"],
        "{segments:#?}"
    );
    // What the user speaks is not.
    device.close().await;
    peer.forget();
    let mut device = Device::ready(&server, &user.token, &own()).await;
    device.say(say).await;
    device.read_for(Duration::from_secs(3)).await;
    assert!(peer.asked_for("translate").is_empty());
    device.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_new_is_asked_six_questions() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let query = format!("{}&onboarding=enabled", own());
    let mut device = Device::ready(&server, &user.token, &query).await;
    for n in 0..6 {
        device
            .read_until(PATIENCE, |device| {
                device.events("onboarding_question").len() == n + 1
            })
            .await;
        let question = &device.events("onboarding_question")[n];
        assert_eq!(
            (&question["question_index"], &question["total_questions"]),
            (&json!(n), &json!(6))
        );
        let segments = device.segments();
        let asked = segments
            .iter()
            .find(|one| one["id"] == question["question_segment_id"])
            .unwrap();
        assert_eq!(asked["text"], question["question"]);
        assert_eq!(
            (&asked["speaker_id"], &asked["is_user"]),
            (&json!(99), &json!(false))
        );
        if n == 2 {
            device.say(json!({"type": "skip_question"})).await;
            device
                .read_until(PATIENCE, |device| {
                    !device.events("question_skipped").is_empty()
                })
                .await;
        } else {
            let at = 10.0 * (n + 1) as f64;
            device
                .say(suggestion(&[("SPEAKER_0", "Yes.", at, at + 0.5)]))
                .await;
            device
                .say(suggestion(&[(
                    "SPEAKER_0",
                    "Just an answer.",
                    at + 1.0,
                    at + 2.0,
                )]))
                .await;
        }
    }
    device
        .read_until(PATIENCE, |device| {
            !device.events("onboarding_complete").is_empty()
        })
        .await;
    assert_eq!(device.events("onboarding_complete")[0]["answers_count"], 5);
    assert_eq!(device.events("question_answered").len(), 5);
    device.close().await;
}
