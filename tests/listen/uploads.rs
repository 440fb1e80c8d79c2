//! Recordings made without a server, brought later: their words come once, whatever happens.

use std::time::Duration;

use omi_server::platform::audio::{Codec, Encoder};
use serde_json::{Value, json};

use super::{error_rate, query, sound::files, speech};
use crate::support::{
    Server, ServerOptions,
    device::{Device, text},
    forms::Form,
    server::{Answer, User, client},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Frames, each behind its length.
fn framed(frames: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        bytes.extend((frame.len() as u32).to_le_bytes());
        bytes.extend(frame);
    }
    bytes
}

pub fn opus(samples: &[i16]) -> Vec<u8> {
    let mut encoder = Encoder::new(Codec::OpusFs320).unwrap();
    framed(
        samples
            .chunks(320)
            .map(|frame| encoder.encode(frame).unwrap()),
    )
}

pub fn pcm16(samples: &[i16]) -> Vec<u8> {
    let bytes = |frame: &[i16]| frame.iter().flat_map(|s| s.to_le_bytes()).collect();
    framed(samples.chunks(1600).map(bytes))
}

async fn upload(server: &Server, user: &User, query: &str, files: &[(&str, Vec<u8>)]) -> Answer {
    send(server, user, &format!("/v2/sync-local-files{query}"), files).await
}

async fn send(server: &Server, user: &User, path: &str, files: &[(&str, Vec<u8>)]) -> Answer {
    let form = files.iter().fold(Form::default(), |form, (name, bytes)| {
        form.file(name, "application/octet-stream", bytes)
    });
    form.send(server, user, path).await
}

fn job_path(answer: &Answer) -> String {
    assert_eq!(answer.status, 202, "{answer:#?}");
    assert_eq!(answer.body["status"], "queued");
    assert_eq!(answer.body["poll_after_ms"], 3000);
    format!(
        "/v2/sync-local-files/{}",
        answer.body["job_id"].as_str().unwrap()
    )
}

/// How the job ended.
async fn ended(server: &Server, user: &User, path: &str) -> Value {
    server
        .wait_for(path, &user.token, PATIENCE, |job| {
            !["queued", "processing"].contains(&job["status"].as_str().unwrap())
        })
        .await
}

/// Brings a recording, and waits until it is recognised.
pub async fn bring(server: &Server, user: &User, samples: &[i16]) {
    let name = "audio_omi_opus_fs320_16000_1_fs320_1767225600.bin";
    let path = job_path(&upload(server, user, "", &[(name, opus(samples))]).await);
    assert_eq!(ended(server, user, &path).await["status"], "completed");
}

async fn conversations(server: &Server, user: &User) -> Vec<Value> {
    let path = "/v1/conversations?statuses=completed,processing,in_progress&include_discarded=true";
    let list = server.get(path, &user.token).await.ok();
    list.as_array().unwrap().clone()
}

fn said(conversation: &Value) -> String {
    text(conversation["transcript_segments"].as_array().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_becomes_a_conversation_once_and_adds_what_was_missing() {
    let server = Server::start().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let speech = speech(3, 0.9);
    let whole = opus(&speech.samples);
    let name = "audio_omi_opus_fs320_16000_1_fs320_1767225600.bin";
    let answer = upload(&server, &user, "", &[(name, whole.clone())]).await;
    let path = job_path(&answer);
    assert_eq!(answer.body["total_files"], 1);
    assert_eq!(answer.body["total_segments"], 1);
    let absent = "/v2/sync-local-files/01890000-0000-7000-8000-000000000000";
    let foreign = server.get(&path, &other.token).await;
    assert_eq!(foreign.status, 404);
    assert_eq!(foreign.body, server.get(absent, &other.token).await.body);
    let job = ended(&server, &user, &path).await;
    assert_eq!(job["status"], "completed", "{job:#}\n{}", server.log());
    assert_eq!(job["successful_segments"], 1);
    assert_eq!(job["failed_segments"], 0);
    let id = job["result"]["new_memories"][0].clone();
    assert_eq!(job["result"]["updated_memories"], json!([]));
    let list = conversations(&server, &user).await;
    assert_eq!(list.len(), 1);
    assert_eq!(list[0]["id"], id);
    assert_eq!(list[0]["source"], "omi");
    let begun = list[0]["started_at"].as_str().unwrap();
    assert!(begun.starts_with("2026-01-01T00:00:0"), "{begun}");
    let wrong = error_rate(&speech.reference, &said(&list[0]));
    assert!(wrong <= 0.2, "{wrong}: {}", said(&list[0]));
    let segments = list[0]["transcript_segments"].clone();

    // The same again, also in another coding, is known.
    for (name, bytes) in [
        (name, whole),
        (
            "audio_omi_pcm16_16000_1_fs160_1767225600000.bin",
            pcm16(&speech.samples),
        ),
    ] {
        let path = job_path(&upload(&server, &user, "", &[(name, bytes)]).await);
        let job = ended(&server, &user, &path).await;
        assert_eq!(job["status"], "completed");
        let nothing = json!({"new_memories": [], "updated_memories": [], "failed_segments": 0,
                             "total_segments": 1, "errors": []});
        assert_eq!(job["result"], nothing);
    }
    let list = conversations(&server, &user).await;
    assert_eq!(list.len(), 1);
    assert_eq!(list[0]["transcript_segments"], segments);

    // A minute later it goes on, cut into two files; named from outside, it goes there whatever its time is.
    let (one, two) = speech.samples.split_at(speech.ends[1]);
    let parts = [
        ("audio_omi_opus_16000_1_fs320_1767225660.bin", opus(one)),
        ("audio_omi_opus_16000_1_fs320_1767225675.bin", opus(two)),
    ];
    let answer = upload(&server, &user, "", &parts).await;
    assert_eq!(answer.body["total_files"], 2);
    assert_eq!(answer.body["total_segments"], 1);
    let job = ended(&server, &user, &job_path(&answer)).await;
    assert_eq!(job["result"]["updated_memories"], json!([id]));
    let wanted = format!("?conversation_id={}", id.as_str().unwrap());
    let late = [(
        "audio_limitless_opus_16000_1_fs320_r1_1767312000123.bin",
        opus(one),
    )];
    let job = ended(
        &server,
        &user,
        &job_path(&upload(&server, &user, &wanted, &late).await),
    )
    .await;
    assert_eq!(job["result"]["updated_memories"], json!([id]));
    let list = conversations(&server, &user).await;
    assert_eq!(list.len(), 1);
    let starts: Vec<_> = list[0]["transcript_segments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|segment| segment["start"].as_f64().unwrap())
        .collect();
    assert!(starts.is_sorted());
    assert!(
        (starts.last().unwrap() - 86_400.0).abs() < 60.0,
        "{starts:?}"
    );
    // Another's conversation counts as left out.
    let job = ended(
        &server,
        &other,
        &job_path(&upload(&server, &other, &wanted, &late).await),
    )
    .await;
    let made = &job["result"]["new_memories"][0];
    assert_ne!(*made, id);
    assert_eq!(
        conversations(&server, &other).await[0]["source"],
        "limitless"
    );
    assert_eq!(files(&server.data_dir.join("uploads")), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_heard_live_is_known_and_kill_9_costs_and_doubles_nothing() {
    let mut server = Server::start().await;
    let user = server.user("ann@example.org").await;
    let speech = speech(5, 0.9);
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    let begun = chrono::Utc::now();
    device
        .play_pcm16(&speech.samples[..speech.ends[1]], 4.0)
        .await;
    device
        .read_until(PATIENCE, |device| {
            device.segments().len() > 1 || {
                error_rate(&speech.reference, &text(&device.segments())) < 0.7
            }
        })
        .await;
    device.read_until_quiet(Duration::from_secs(3)).await;
    device.close().await;
    let heard = conversations(&server, &user).await;
    assert_eq!(heard.len(), 1);
    let name = format!(
        "audio_phone_pcm16_16000_1_fs160_{}.bin",
        begun.timestamp_millis()
    );
    let live = pcm16(&speech.samples[..speech.ends[1]]);
    let path = job_path(&upload(&server, &user, "", &[(&name, live)]).await);
    let job = ended(&server, &user, &path).await;
    assert_eq!(job["result"]["new_memories"], json!([]), "{job:#}");
    let list = conversations(&server, &user).await;
    assert_eq!(list.len(), 1);
    let words = |list: &[Value]| said(&list[0]).split_whitespace().count();
    assert!(
        words(&list) <= words(&heard) + 2,
        "{} / {}",
        said(&list[0]),
        said(&heard[0])
    );

    // Killed in the middle, several times.
    let name = "audio_omi_opus_16000_1_fs320_1767225600.bin";
    let path = job_path(&upload(&server, &user, "", &[(name, opus(&speech.samples))]).await);
    for wait in [300, 1500] {
        tokio::time::sleep(Duration::from_millis(wait)).await;
        server.kill().await;
        server.run().await;
    }
    let job = ended(&server, &user, &path).await;
    assert_eq!(job["status"], "completed", "{job:#}\n{}", server.log());
    let id = &job["result"]["new_memories"][0];
    let list = conversations(&server, &user).await;
    assert_eq!(list.len(), 2);
    let made = list.iter().find(|one| one["id"] == *id).unwrap();
    let wrong = error_rate(&speech.reference, &said(made));
    assert!(wrong <= 0.2, "{wrong}: {}", said(made));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_and_leaves_nothing() {
    let env = vec![("OMI_AUDIO__UPLOAD_MEGABYTES", "1".to_string())];
    let options = ServerOptions {
        env,
        ..ServerOptions::default()
    };
    let server = Server::start_with(options).await;
    let user = server.user("ann@example.org").await;
    let good = "audio_omi_opus_16000_1_fs320_1767225600.bin";
    let quiet = opus(&[0; 32_000]);
    for name in [
        "audio.wav",
        "../../../etc/passwd",
        "audio_1.bin",
        "audio_9999999999.bin",
        "..%2f_1767225600.bin/",
    ] {
        let answer = upload(
            &server,
            &user,
            "",
            &[(good, quiet.clone()), (name, quiet.clone())],
        )
        .await;
        assert_eq!(answer.status, 400, "{name}: {answer:#?}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.starts_with("Invalid file format"), "{detail}");
    }
    let silent = json!({"new_memories": [], "updated_memories": []});
    for name in [good, "../../escape_1767225600.bin", "/etc/x_1767225600.bin"] {
        let answer = upload(&server, &user, "", &[(name, quiet.clone())]).await;
        assert_eq!(answer.ok(), silent, "{name}");
    }
    assert!(!server.data_dir.join("escape_1767225600.bin").exists());
    // Cut, empty, noise.
    for bytes in [
        quiet[..quiet.len() - 5].to_vec(),
        vec![],
        vec![0xff; 5000],
        vec![7; 3],
    ] {
        assert_eq!(
            upload(&server, &user, "", &[(good, bytes)]).await.ok(),
            silent
        );
    }
    let answer = upload(&server, &user, "", &[(good, vec![0; 1_100_000])]).await;
    assert_eq!(answer.status, 413, "{answer:#?}");
    assert_eq!(upload(&server, &user, "", &[]).await.status, 422);
    let path = "/v2/sync-local-files";
    assert_eq!(server.post(path, &user.token, json!({})).await.status, 422);
    let half = client()
        .post(format!("{}{path}", server.url))
        .bearer_auth(&user.token)
        .header("content-type", "multipart/form-data; boundary=edge")
        .body(Form::default().file(good, "a/b", &quiet).bytes()[..300].to_vec());
    assert_eq!(Answer::of(half.send().await.unwrap()).await.status, 400);
    assert_eq!(files(&server.data_dir.join("uploads")), 0);
    assert!(conversations(&server, &user).await.is_empty());

    // What cannot be recognised is told, and forgotten after an hour.
    let db = server.pool().await;
    let job = uuid::Uuid::now_v7();
    sqlx::query("insert into sync_jobs (uid, id, source) values ($1, $2, 'omi')")
        .bind(&user.uid)
        .bind(job)
        .execute(&db)
        .await
        .unwrap();
    for (number, state, attempts) in [(0, "done", 1), (1, "waiting", 3)] {
        sqlx::query(
            "insert into sync_segments (uid, job_id, number, state, attempts, utterances)
             values ($1, $2, $3, $4, $5, '[{\"file\": 0, \"from\": 0, \"to\": 9, \"at\": \"2026-01-01T00:00:00Z\"}]')",
        )
        .bind(&user.uid)
        .bind(job)
        .bind(number)
        .bind(state)
        .bind(attempts)
        .execute(&db)
        .await
        .unwrap();
    }
    sqlx::query("select 1 from graphile_worker.add_job('sync_local_files', json_build_object('uid', $1, 'id', $2))")
        .bind(&user.uid)
        .bind(job)
        .execute(&db)
        .await
        .unwrap();
    let path = format!("/v2/sync-local-files/{job}");
    let told = ended(&server, &user, &path).await;
    assert_eq!(told["status"], "partial_failure");
    assert_eq!(told["processed_segments"], 2);
    assert_eq!(told["failed_segments"], 1);
    assert_eq!(told["result"]["errors"], json!(["the recogniser crashed"]));
    sqlx::query("update sync_jobs set ended_at = now() - interval '2 hours'")
        .execute(&db)
        .await
        .unwrap();
    assert_eq!(server.get(&path, &user.token).await.status, 404);
    db.close().await;

    let deaf = Server::deaf().await;
    let user = deaf.user("ann@example.org").await;
    let answer = upload(&deaf, &user, "", &[(good, opus(&speech(1, 0.5).samples))]).await;
    assert_eq!(answer.status, 503, "{answer:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_ask_again_may_wait_for_the_words() {
    let server = Server::start().await;
    let user = server.user("ann@example.org").await;
    let said = speech(1, 0.9);
    let name = "audio_omi_opus_fs320_16000_1_fs320_1767225600.bin";
    let path = "/v1/sync-local-files";
    let found = send(&server, &user, path, &[(name, opus(&said.samples))]).await;
    let list = conversations(&server, &user).await;
    assert_eq!(list.len(), 1);
    assert_eq!(
        found.ok(),
        json!({"new_memories": [list[0]["id"]], "updated_memories": []})
    );
    let silent = send(&server, &user, path, &[(name, opus(&[0; 48_000]))]).await;
    let nothing = json!({"new_memories": [], "updated_memories": []});
    assert_eq!(silent.ok(), nothing);
}
