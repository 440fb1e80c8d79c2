//! A recording from its beginning to its end, as Omi's app sees it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::speech;
use crate::support::{
    Server, ServerOptions,
    app_socket::{ASKS, App, Recording},
    ears::Ears,
    peer::{Peer, Script},
};

const PATIENCE: Duration = Duration::from_secs(60);
const QUIET: Duration = Duration::from_secs(3);
/// Seconds of silence that end a conversation where nobody wants to wait.
const SHORT: u32 = 4;

fn short() -> Recording {
    Recording {
        conversation_timeout: SHORT.into(),
        ..Recording::default()
    }
}

fn moment(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

fn starts(conversation: &Value) -> Vec<f64> {
    let segments = conversation["transcript_segments"].as_array().unwrap();
    let starts = segments.iter().map(|one| one["start"].as_f64().unwrap());
    starts.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_first_word_over_a_lost_link_to_the_stop_button() {
    let ears = Ears::start().await;
    let server = Server::start_with(ServerOptions {
        env: ears.settings("openai"),
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("app@example.org").await;
    let said = speech(5, 0.9);
    let end = |sentence: usize| said.ends[sentence] + 14_400;

    // It speaks as soon as the socket is open, whatever that has told.
    let own = Uuid::new_v4().to_string();
    let mut app = App::new(&server, &user, Recording::default());
    app.recording.client_conversation_id = Some(own.clone());
    app.connect().await.unwrap();
    let began = Utc::now();
    app.speak(&said.samples[..end(1)], 4.0).await;
    let ended = Utc::now();
    app.read_until(PATIENCE, |app| !app.segments.is_empty())
        .await;
    app.read_until_quiet(QUIET).await;
    assert_eq!(
        app.log[..6],
        [
            "ping",
            "service_status initiating",
            "service_status in_progress_conversations_processing",
            "conversation_session",
            "service_status stt_initiating",
            "service_status ready",
        ]
    );
    assert_eq!(app.log[6], "segments");
    let first = app.in_progress().await;
    app.shows(&first);
    assert_eq!(first["id"], json!(own));
    assert_eq!(app.sessions, std::slice::from_ref(&own));
    // A conversation begins with its first word, which was said after the socket was opened.
    let started = moment(&first["started_at"]);
    assert!(
        (began..ended).contains(&started),
        "{began} {started} {ended}"
    );
    assert!(starts(&first)[0] < 0.001);
    // Silence is no reason to hang up, and no answer to `ping` counts as sound.
    app.read_until(PATIENCE, |app| app.count("ping") == 2).await;

    // The link breaks in the middle of a sentence.
    app.speak(&said.samples[end(1)..(end(1) + end(2)) / 2], 4.0)
        .await;
    app.lose_link();
    tokio::time::sleep(Duration::from_secs(1)).await;
    app.connect().await.unwrap();
    let known = app.segments.len();
    assert!(known > 0, "what was heard is there before anything is said");
    app.speak(&said.samples[(end(1) + end(2)) / 2..end(3)], 4.0)
        .await;
    app.read_until_quiet(QUIET).await;
    let second = app.in_progress().await;
    app.shows(&second);
    assert_eq!(second["id"], first["id"]);
    assert_eq!(second["started_at"], first["started_at"]);
    assert_eq!(app.sessions, [own.clone(), own.clone()]);
    assert!(second["transcript_segments"].as_array().unwrap().len() >= known);
    let last = second["transcript_segments"].as_array().unwrap().last();
    let (last, so_far) = (last.unwrap(), (Utc::now() - started).as_seconds_f64());
    assert!(starts(&second).is_sorted());
    // Later than all that was said before the link broke, and where it was said: it was sent faster than it was heard.
    let before = (ended - started).as_seconds_f64();
    let end_of_last = last["end"].as_f64().unwrap();
    assert!(
        (before..so_far + 15.0).contains(&end_of_last),
        "{before} {end_of_last} {so_far}"
    );

    // The stop button, while the socket is open.
    let shown = app.segments.len();
    let finished = app.finish().await;
    assert_eq!(finished["id"], first["id"]);
    assert_eq!(
        (&finished["status"], &finished["discarded"]),
        (&json!("completed"), &json!(false))
    );
    let segments = &finished["transcript_segments"];
    assert_eq!(segments.as_array().unwrap().len(), shown);
    assert!(app.cards.is_empty());
    // The socket is on a new one at once, and the answer was all the news of the old one.
    app.read_until(Duration::from_secs(5), |app| app.sessions.len() == 3)
        .await;
    let next = app.sessions[2].clone();
    assert_ne!(next, own);
    let fresh = app.in_progress().await;
    assert_eq!((&fresh["id"], &starts(&fresh)[..]), (&json!(next), &[][..]));
    app.speak(&said.samples[end(3)..end(4)], 4.0).await;
    app.read_until(PATIENCE, |app| !app.segments.is_empty())
        .await;
    app.read_until_quiet(QUIET).await;
    let third = app.in_progress().await;
    assert_eq!(third["id"], json!(next));
    app.shows(&third);
    assert!(starts(&third)[0] < 0.001, "its own time base");
    assert_eq!(app.count("memory_processing_started"), 0);
    assert_eq!(
        app.conversation(&own).await["transcript_segments"],
        *segments
    );

    // Taking the device off does not end it.
    app.close().await;
    assert_eq!(app.closed.as_ref().unwrap().0, 1000);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let left = app.in_progress().await;
    assert_eq!(left["id"], third["id"]);
    app.shows(&left);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_ends_it_with_a_card_and_the_socket_goes_on() {
    let timeout = SHORT.to_string();
    let server = Server::start_with(ServerOptions {
        env: vec![("OMI_LISTENING__MINIMUM_TIMEOUT_SECONDS", timeout)],
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("silence@example.org").await;
    let said = speech(5, 0.9);
    let end = |sentence: usize| said.ends[sentence] + 14_400;
    let mut app = App::new(&server, &user, short());
    app.connect().await.unwrap();
    app.speak(&said.samples[..end(0)], 4.0).await;
    app.read_until(PATIENCE, |app| !app.segments.is_empty())
        .await;
    let shown: Vec<_> = app.segments.iter().map(|one| one["id"].clone()).collect();
    app.read_until(PATIENCE, |app| !app.cards.is_empty()).await;
    let one = app.cards[0].clone();
    assert_eq!(one, app.sessions[0]);
    // The card comes first, its conversation is the one that becomes known.
    app.read_until(PATIENCE, |app| app.ended.contains_key(&one))
        .await;
    assert!(app.cards.is_empty());
    let (told, stored) = (&app.ended[&one], app.conversation(&one).await);
    assert_eq!(told["status"], "completed");
    assert_eq!(told["transcript_segments"], stored["transcript_segments"]);
    let ids = told["transcript_segments"].as_array().unwrap().iter();
    let ids: Vec<_> = ids.map(|one| one["id"].clone()).collect();
    assert!(shown.iter().all(|id| ids.contains(id)), "{shown:?} {ids:?}");
    app.read_until(PATIENCE, |app| app.sessions.len() == 2)
        .await;
    assert!(app.segments.is_empty());

    // What is said next is another one; sound without a word does not keep it open.
    app.speak(&said.samples[end(0)..end(1)], 4.0).await;
    let two = app.sessions[1].clone();
    let mut noise = 0_u32;
    let hiss = |count: usize, noise: &mut u32| -> Vec<i16> {
        let mut next = || {
            *noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((*noise >> 16) as i16) / 256
        };
        (0..count).map(|_| next()).collect()
    };
    let deadline = std::time::Instant::now() + PATIENCE;
    while !app.ended.contains_key(&two) {
        assert!(std::time::Instant::now() < deadline, "{:#?}", app.log);
        app.speak(&hiss(4_800, &mut noise), 1.0).await;
    }
    assert_eq!(starts(&app.ended[&two])[0], 0.0);

    // Nobody comes back to the third, which is worth keeping: it ends all the same.
    app.speak(&said.samples[..end(4)], 4.0).await;
    app.read_until(PATIENCE, |app| !app.segments.is_empty())
        .await;
    let three = app.sessions.last().unwrap().clone();
    app.lose_link();
    server
        .wait_for(
            &format!("/v1/conversations/{three}"),
            &user.token,
            PATIENCE,
            |found| found["status"] == "completed",
        )
        .await;
    // The next recording hears of it, and the app fetches it.
    let mut app = App::new(&server, &user, short());
    app.connect().await.unwrap();
    app.read_until(PATIENCE, |app| app.ended.contains_key(&three))
        .await;
    assert_eq!(app.count("last_memory"), 1);
    assert!(!starts(&app.ended[&three]).is_empty());
    // One in which nothing is said leaves nothing, whether its socket is open or not.
    app.read_until(PATIENCE, |app| app.sessions.len() == 1)
        .await;
    app.speak(&hiss(16_000, &mut noise), 1.0).await;
    app.close().await;
    let path = "/v1/conversations?statuses=in_progress,processing,completed&include_discarded=true";
    let left = server
        .wait_for(path, &user.token, PATIENCE, |list| {
            let list = list.as_array().unwrap();
            list.iter().all(|one| one["status"] == "completed")
        })
        .await;
    let gone = format!("/v1/conversations/{}", app.sessions[0]);
    assert_eq!(server.get(&gone, &user.token).await.status, 404);
    let mut left: Vec<_> = left
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["id"])
        .collect();
    let mut expected = [json!(one), json!(two), json!(three)];
    expected.sort_by_key(Value::to_string);
    left.sort_by_key(|id| id.to_string());
    assert_eq!(left, expected.iter().collect::<Vec<_>>());
    assert_eq!(app.count("memory_processing_started"), 0);
}

/// One whose app recognises by itself, which needs no model here.
fn own() -> Recording {
    Recording {
        custom_stt: true,
        ..short()
    }
}

fn words(text: &str, start: f64) -> Value {
    let segment = json!({"text": text, "speaker": "SPEAKER_1", "speaker_id": 1, "is_user": false, "start": start,
        "end": start + 1.0, "person_id": null});
    json!({"type": "suggested_transcript", "stt_provider": "deepgramLive", "segments": [segment]})
}

fn jpeg(bytes: usize) -> Vec<u8> {
    [
        &[0xff, 0xd8, 0xff, 0xe0][..],
        &vec![7; bytes - 6],
        &[0xff, 0xd9],
    ]
    .concat()
}

fn quick(mut env: Vec<(&'static str, String)>) -> ServerOptions {
    let timeout = ("OMI_LISTENING__MINIMUM_TIMEOUT_SECONDS", SHORT.to_string());
    env.push(timeout);
    ServerOptions {
        deaf: true,
        env,
        ..ServerOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_of_a_discarded_one_goes_too() {
    let peer = Peer::start(Script::by_task(|task, _, _| match task {
        "discard" => Script::json(json!({"discard": true})),
        other => crate::processing::nothing(other),
    }))
    .await;
    let server = Server::start_with(quick(peer.settings())).await;
    let user = server.user("discarded@example.org").await;
    let mut app = App::new(&server, &user, own());
    app.connected().await;
    app.say(words("Well, hello.", 0.0));
    app.read_until(PATIENCE, |app| app.count("memory_created") == 1)
        .await;
    let id = &app.sessions[0];
    assert_eq!(app.ended[id]["discarded"], true);
    assert_eq!(app.ended[id]["status"], "completed");
    assert!(app.cards.is_empty());
    app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn news_of_a_conversation_with_many_pictures_fits_into_a_message() {
    let server = Server::start_with(quick(Vec::new())).await;
    let user = server.user("pictures@example.org").await;
    let mut app = App::new(&server, &user, own());
    app.connected().await;
    let image = jpeg(4 * 1024 * 1024);
    for name in ["temp_img_1", "temp_img_2", "temp_img_3", "temp_img_4"] {
        app.show(name, &image, 700_000);
    }
    app.read_until(PATIENCE, |app| app.count("memory_created") == 1)
        .await;
    let most = 16 * 1024 * 1024;
    assert!((most / 2..most).contains(&app.longest), "{}", app.longest);
    let told = app.ended[&app.sessions[0]]["photos"].clone();
    let told = told.as_array().unwrap();
    assert_eq!(told.len(), 4);
    let whole = app.conversation(&app.sessions[0]).await;
    let whole = whole["photos"].as_array().unwrap();
    assert!(
        whole
            .iter()
            .all(|one| one["base64"].as_str().unwrap().len() > image.len())
    );
    // Those that do not fit are told without their bytes; over HTTP they are whole.
    assert_eq!(told[0], whole[0]);
    assert_eq!(told[3]["base64"], "");
    assert_eq!(told[3]["id"], whole[3]["id"]);
    app.close().await;
}

/// Keeps the server's own database from running for so long.
fn keep_down(server: &Server, time: Duration) -> std::thread::JoinHandle<()> {
    let file = server.data_dir.join("postgres/postmaster.pid");
    std::thread::spawn(move || {
        let start = std::time::Instant::now();
        while start.elapsed() < time {
            let pid = std::fs::read_to_string(&file).ok();
            let pid = pid.and_then(|text| text.lines().next()?.parse().ok());
            if let Some(pid) = pid {
                let pid = nix::unistd::Pid::from_raw(pid);
                // It may have ended by itself.
                let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_shown_and_told_while_the_database_is_away_is_done_when_it_is_back() {
    let mut server = Server::start_with(ServerOptions {
        private_database: true,
        ..quick(Vec::new())
    })
    .await;
    let user = server.user("away@example.org").await;
    let mut app = App::new(&server, &user, own());
    app.recording.conversation_timeout = 120;
    app.connected().await;
    app.sound(vec![1; 3_200]);
    app.say(words("Good morning to you.", 0.0));
    app.read_until(PATIENCE, |app| app.segments.len() == 1)
        .await;

    // Twice as long as the app waits for an answer of the other side.
    let down = keep_down(&server, 2 * ASKS + Duration::from_secs(1));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let maya = Uuid::new_v4().to_string();
    app.say(json!({"type": "speaker_assigned", "speaker_id": 1, "person_id": maya, "person_name": "Maya",
        "segment_ids": [app.segments[0]["id"]]}));
    app.show("temp_img_1", &jpeg(30_000), 8_192);
    app.say(words("Shall we begin?", 20.0));
    app.show("temp_img_2", &jpeg(20_000), 8_192);
    while !down.is_finished() {
        app.read_until_quiet(Duration::from_millis(200)).await;
    }
    app.read_until(PATIENCE, |app| {
        app.segments.len() == 2
            && app.count("photo_described") == 2
            && app
                .segments
                .iter()
                .all(|one| one["person_id"] == json!(maya))
    })
    .await;
    // One after the other, as it was said.
    let after = app
        .log
        .iter()
        .skip_while(|one| *one != "service_status ready");
    let after: Vec<_> = after.filter(|one| *one != "ping").collect();
    let at = |what: &str| after.iter().rposition(|one| *one == what).unwrap();
    assert!(at("photo_processing") > at("segments"), "{after:?}");
    let shown = app.in_progress().await;
    app.shows(&shown);
    let stored = app.conversation(&app.sessions[0]).await;
    let photos = stored["photos"].as_array().unwrap().iter();
    let photos: Vec<_> = photos.map(|one| one["id"].clone()).collect();
    let told: Vec<_> = app.photos.iter().map(|one| one["id"].clone()).collect();
    assert_eq!(photos, told);
    assert!(photos.iter().all(Value::is_string) && photos.len() == 2);
    app.close().await;
    server.stop().await;
}
