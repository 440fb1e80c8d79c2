//! What listening costs, as ratios measured in one run: recognition time to audio time, the delay from
//! the end of a sentence to its segment, and resident memory idle and with one live session.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    unused_imports
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use omi_server::platform::audio::file;
use support::{Server, ServerOptions, device::Device, material};

/// `cargo bench` also asks for the tests of a bench.
fn main() {
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    tokio::runtime::Runtime::new().unwrap().block_on(measure());
}

async fn measure() {
    let options = ServerOptions {
        private_database: true,
        ..ServerOptions::default()
    };
    let start = Instant::now();
    let mut server = Server::start_with(options).await;
    println!(
        "first start, database included   {:8.2} s",
        start.elapsed().as_secs_f64()
    );
    let user = server.user("bench@example.org").await;
    server.stop().await;
    let start = Instant::now();
    server.run().await;
    println!(
        "warm start                       {:8.2} s",
        start.elapsed().as_secs_f64()
    );
    tokio::time::sleep(Duration::from_secs(3)).await;
    println!(
        "resident, idle, model loaded     {:8.1} MiB",
        server.resident_mib()
    );

    let folder = material::recordings().join("librivox");
    let mut recordings: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    recordings.retain(|path| path.extension().is_some_and(|extension| extension == "wav"));
    recordings.sort();
    let query = "codec=pcm16&sample_rate=16000&language=en";
    let mut device = Device::ready(&server, &user.token, query).await;
    let mut delays = Vec::new();
    let mut seconds = 0.0;
    for recording in &recordings {
        let samples = file::read(recording).unwrap();
        seconds += samples.len() as f64 / 16_000.0;
        device.play_pcm16(&samples, 1.0).await;
        let ended = Instant::now();
        let before = device.messages.len();
        // The device goes on sending, silence now, until the segment is there.
        while !device.messages[before..]
            .iter()
            .any(|message| message.is_array() && message[0]["provisional"] != true)
        {
            device.play_pcm16(&[0; 1600], 1.0).await;
            assert!(ended.elapsed() < Duration::from_secs(30), "no segment came");
        }
        delays.push(ended.elapsed().as_secs_f64());
        device.play_pcm16(&[0; 16_000], 1.0).await;
    }
    println!(
        "resident, one live session       {:8.1} MiB",
        server.resident_mib()
    );
    delays.sort_by(f64::total_cmp);
    println!(
        "end of sentence to segment, p50  {:8.2} s",
        delays[delays.len() / 2]
    );
    println!(
        "end of sentence to segment, max  {:8.2} s",
        delays[delays.len() - 1]
    );
    let metrics = server.get("/metrics", "").await;
    let text = metrics.body.as_str().unwrap_or_default().to_string();
    let counter = |name: &str| -> f64 {
        let line = text
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default();
        line.rsplit(' ')
            .next()
            .and_then(|value| value.parse().ok())
            .unwrap_or(f64::NAN)
    };
    for kind in ["final", "interim"] {
        let busy = counter(&format!(
            "omi_speech_busy_milliseconds_total{{kind=\"{kind}\"}} "
        ));
        let sound = counter(&format!(
            "omi_speech_audio_milliseconds_total{{kind=\"{kind}\"}} "
        ));
        println!("{kind:>7}: recognition to audio time {:6.3}", busy / sound);
    }
    println!("audio played                     {seconds:8.1} s");
    device.close().await;
    server.stop().await;
}
