//! How many live sessions hold in real time, what each takes in memory, and how long a sentence takes to become a segment
//! while others talk too.
//!
//! `OMI_BENCH_SESSIONS=100,300,500` sets how many sockets are held, `OMI_BENCH_SECONDS=30` for how long, and
//! `OMI_BENCH_PARTS=hold,delays,hostile` which parts are run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    unused_imports
)]

#[path = "api/process.rs"]
mod process;
#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{SinkExt as _, StreamExt as _};
use omi_server::platform::audio::{
    codec::{Codec, Encoder},
    file,
};
use process::server_seconds;
use serde_json::Value;
use support::{
    Server, ServerOptions,
    device::Device,
    ears::{Ears, Script},
    material,
    server::User,
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

/// Of one message.
const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: usize = 320;
/// Messages later than this are late: who speaks would notice.
const LATE: Duration = Duration::from_millis(500);

/// `cargo bench` also asks for the tests of a bench.
fn main() {
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let sentences = sentences();
        let pause = vec![0; 24_000];
        let speech: Vec<i16> = sentences
            .iter()
            .flat_map(|one| [&one[..], &pause].concat())
            .collect();
        let counts = std::env::var("OMI_BENCH_SESSIONS").unwrap_or_else(|_| "100,300,500".into());
        let seconds = std::env::var("OMI_BENCH_SECONDS").unwrap_or_else(|_| "30".into());
        let time = Duration::from_secs(seconds.parse().unwrap());
        let parts = std::env::var("OMI_BENCH_PARTS");
        let parts = parts.unwrap_or_else(|_| "hold,delays,hostile".into());
        let wanted = |part: &str| parts.split(',').any(|one| one.trim() == part);
        if wanted("hold") {
            for codec in [Codec::Pcm16, Codec::OpusFs320] {
                for count in counts.split(',') {
                    hold(codec, count.trim().parse().unwrap(), time, &speech).await;
                }
            }
        }
        if wanted("delays") {
            for talkers in [1, 2, 4, 6] {
                delays(talkers, &sentences).await;
            }
        }
        if wanted("hostile") {
            for limits in [true, false] {
                hostile(limits, time * 2, &sentences).await;
            }
        }
    });
}

/// Real ones.
fn sentences() -> Vec<Vec<i16>> {
    let folder = material::recordings().join("librivox");
    let mut recordings: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    recordings.retain(|path| path.extension().is_some_and(|extension| extension == "wav"));
    recordings.sort();
    recordings
        .iter()
        .map(|recording| file::read(recording).unwrap())
        .collect()
}

fn frames(codec: Codec, speech: &[i16]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(codec).unwrap();
    speech
        .chunks(FRAME_SAMPLES)
        .map(|frame| match codec {
            Codec::Pcm16 => frame
                .iter()
                .flat_map(|sample| sample.to_le_bytes())
                .collect(),
            _ => encoder.encode(frame).unwrap(),
        })
        .collect()
}

/// A server whose recogniser answers at once; with the limits on sockets of one user that it has by itself, or with none.
async fn stub(ears: &Ears, limits: bool) -> Server {
    ears.openai(Script::Says);
    let mut env = vec![
        ("OMI_STT__MAX_CONCURRENT", "32".into()),
        ("OMI_LISTENING__MAX_SOCKETS_PER_ADDRESS", "10000".into()),
    ];
    if !limits {
        env.push(("OMI_LISTENING__MAX_SOCKETS_PER_USER", "10000".into()));
    }
    Server::start_with(ServerOptions {
        deaf: true,
        env: [ears.settings("openai"), env].concat(),
        ..ServerOptions::default()
    })
    .await
}

/// A user of whose sound nothing is kept.
async fn quiet_user(server: &Server, name: &str) -> User {
    let user = server.user(&format!("{name}@example.org")).await;
    let path = "/v1/users/private-cloud-sync?value=false";
    server
        .post(path, &user.token, serde_json::json!({}))
        .await
        .ok();
    user
}

async fn hold(codec: Codec, count: usize, time: Duration, speech: &[i16]) {
    let ears = Ears::start().await;
    let server = stub(&ears, false).await;
    let mut users = Vec::new();
    for n in 0..10 {
        users.push(quiet_user(&server, &format!("user{n}")).await);
    }
    let idle = server.resident_mib();
    let frames = Arc::new(frames(codec, speech));
    let latest: Arc<AtomicU64> = Arc::default();
    let segments: Arc<AtomicU64> = Arc::default();
    let cpu = server_seconds(&server);
    let begun = Instant::now();
    let mut talks = Vec::new();
    for n in 0..count {
        let url = format!(
            "{}/v4/listen?language=en&sample_rate=16000&codec={}",
            server.url.replacen("http", "ws", 1),
            codec.name()
        );
        let token = users[n % users.len()].token.clone();
        let talk = Talk {
            url,
            token,
            // So that they do not all pause at once.
            offset: n * 37,
            frames: frames.clone(),
            latest: latest.clone(),
            segments: segments.clone(),
        };
        talks.push(tokio::spawn(talk.hold(time)));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(time / 2).await;
    let resident = server.resident_mib();
    let mut broken = 0;
    for talk in talks {
        broken += usize::from(!talk.await.unwrap());
    }
    let seconds = begun.elapsed().as_secs_f64();
    let dropped = counter(&server, "omi_audio_frames_dropped_total").await;
    let late = Duration::from_micros(latest.load(Ordering::Relaxed));
    println!(
        "{:>10} {count:4} sessions: latest message {:5} ms, broken {broken}, frames dropped {dropped:.0}, segments {}, \
         server CPU {:.2} cores, {:.0} KiB a session{}",
        codec.name(),
        late.as_millis(),
        segments.load(Ordering::Relaxed),
        (server_seconds(&server) - cpu) / seconds,
        (resident - idle) * 1024.0 / count as f64,
        if late > LATE || broken > 0 || dropped > 0.0 {
            "  <- does not hold"
        } else {
            ""
        }
    );
}

struct Talk {
    url: String,
    token: String,
    offset: usize,
    frames: Arc<Vec<Vec<u8>>>,
    latest: Arc<AtomicU64>,
    segments: Arc<AtomicU64>,
}

impl Talk {
    /// False: the socket broke.
    async fn hold(self, time: Duration) -> bool {
        let mut request = self.url.into_client_request().unwrap();
        let bearer = format!("Bearer {}", self.token).parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        let Ok((socket, _)) = connect_async(request).await else {
            return false;
        };
        let (mut sink, mut stream) = socket.split();
        let heard = self.segments.clone();
        let reader = tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                match message {
                    Message::Text(text) if text.starts_with('[') => {
                        heard.fetch_add(1, Ordering::Relaxed);
                    }
                    Message::Close(_) => return,
                    _ => {}
                }
            }
        });
        let begun = tokio::time::Instant::now();
        let count = (time.as_secs_f64() / FRAME.as_secs_f64()) as usize;
        for n in 0..count {
            let due = begun + FRAME * n as u32;
            tokio::time::sleep_until(due).await;
            let frame = &self.frames[(self.offset + n) % self.frames.len()];
            if sink.send(Message::binary(frame.clone())).await.is_err() {
                return false;
            }
            let late = tokio::time::Instant::now() - due;
            self.latest
                .fetch_max(late.as_micros() as u64, Ordering::Relaxed);
        }
        let whole = !reader.is_finished();
        let _ = sink.close().await;
        reader.abort();
        whole
    }
}

/// With whisper's tiny.en, from the last sound of a sentence to its segment.
async fn delays(talkers: usize, sentences: &[Vec<i16>]) {
    let server = Server::start().await;
    let mut talks = Vec::new();
    for n in 0..talkers {
        let user = server.user(&format!("user{n}@example.org")).await;
        let query = "codec=pcm16&sample_rate=16000&language=en";
        let mut device = Device::ready(&server, &user.token, query).await;
        let sentences: Vec<Vec<i16>> = sentences.to_vec();
        talks.push(tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1300 * n as u64)).await;
            let mut delays = Vec::new();
            for sentence in sentences {
                delays.push(delay(&mut device, &sentence).await);
            }
            device.close().await;
            delays
        }));
    }
    let mut all = Vec::new();
    for talk in talks {
        all.extend(talk.await.unwrap());
    }
    all.sort_by(f64::total_cmp);
    let share = |percent: usize| all[(all.len() - 1) * percent / 100];
    println!(
        "{talkers} who talk, tiny.en: last sound of a sentence to its segment p50 {:.2} s, p95 {:.2} s",
        share(50),
        share(95)
    );
}

/// A message with stored segments.
fn is_final(message: &Value) -> bool {
    message.is_array() && message[0]["provisional"] != true
}

/// Seconds from the last sound of a sentence to its segment.
async fn delay(device: &mut Device, sentence: &[i16]) -> f64 {
    device.play_pcm16(sentence, 1.0).await;
    let (ended, before) = (Instant::now(), device.messages.len());
    let mut delay = None;
    // The device goes on sending, silence now.
    while ended.elapsed() < Duration::from_secs(6) {
        device.play_pcm16(&[0; 1600], 1.0).await;
        if delay.is_none() && device.messages[before..].iter().any(is_final) {
            delay = Some(ended.elapsed().as_secs_f64());
        }
        if delay.is_some() && ended.elapsed() > Duration::from_millis(1500) {
            break;
        }
    }
    delay.unwrap_or(f64::INFINITY)
}

async fn sentence_delay(server: &Server, user: &User, sentence: &[i16]) -> f64 {
    let query = "codec=pcm16&sample_rate=16000&language=en";
    let mut device = Device::ready(server, &user.token, query).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(delay(&mut device, sentence).await);
    }
    device.close().await;
    all.into_iter().fold(0.0, f64::max)
}

async fn counter(server: &Server, name: &str) -> f64 {
    let metrics = server.get("/metrics", "").await;
    let text = metrics.body.as_str().unwrap_or_default().to_string();
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or(0.0)
}

/// Many that misbehave at once, and what a good device and the other routes notice of it.
/// `limits`: on the sockets of one user; those that are turned away try again every second.
async fn hostile(limits: bool, time: Duration, sentences: &[Vec<i16>]) {
    let ears = Ears::start().await;
    let server = stub(&ears, limits).await;
    let good = quiet_user(&server, "good").await;
    let bad = quiet_user(&server, "bad").await;
    let (calm, calm_delay) = tokio::join!(
        requests(&server, &good, time / 2),
        sentence_delay(&server, &good, &sentences[0])
    );
    let idle = server.resident_mib();
    let until = tokio::time::Instant::now() + time;
    let address = format!(
        "{}/v4/listen?language=en&sample_rate=16000&codec=",
        server.url.replacen("http", "ws", 1)
    );
    let mut tasks = Vec::new();
    for n in 0..650 {
        let (codec, message, pause) = match n {
            // Three bytes that become 120 ms of sound.
            0..50 => ("opus", vec![0x59, 0, 0], Duration::ZERO),
            50..150 => ("pcm16", vec![0; 64 * 1024], Duration::ZERO),
            _ => ("pcm16", vec![0; 3], Duration::from_secs(1)),
        };
        let mut request = format!("{address}{codec}").into_client_request().unwrap();
        let bearer = format!("Bearer {}", bad.token).parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        tasks.push(tokio::spawn(tokio::time::timeout_at(until, async move {
            loop {
                if let Ok((mut socket, _)) = connect_async(request.clone()).await {
                    // Nothing is ever read.
                    while socket.send(Message::binary(message.clone())).await.is_ok() {
                        tokio::time::sleep(pause).await;
                    }
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        })));
    }
    let (busy, busy_delay) = tokio::join!(
        requests(&server, &good, time),
        sentence_delay(&server, &good, &sentences[0])
    );
    let grown = server.resident_mib() - idle;
    for task in tasks {
        let _ = task.await.unwrap();
    }
    println!(
        "{}, 500 slow, 100 flooding, 50 with tiny packets of long sound: GET p99 {:.1} ms instead of {:.1} ms (ratio {:.1}), \
         sentence to segment {busy_delay:.2} s instead of {calm_delay:.2} s, memory {grown:+.0} MiB",
        if limits {
            "8 sockets a user"
        } else {
            "no limits"
        },
        busy * 1000.0,
        calm * 1000.0,
        busy / calm
    );
}

/// Seconds of the 99th of a hundred requests.
async fn requests(server: &Server, user: &User, time: Duration) -> f64 {
    let begun = Instant::now();
    let mut all = Vec::new();
    let client = support::server::client();
    let url = format!("{}/v1/conversations", server.url);
    while begun.elapsed() < time {
        let start = Instant::now();
        let answer = client.get(&url).bearer_auth(&user.token).send().await;
        let answer = answer.unwrap().error_for_status().unwrap();
        answer.bytes().await.unwrap();
        all.push(start.elapsed().as_secs_f64());
        // Fewer than a user may ask in a minute.
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    all.sort_by(f64::total_cmp);
    all[(all.len() - 1) * 99 / 100]
}
