//! Real recordings in, their words out.

use std::time::Duration;

use omi_server::platform::audio::codec::Codec;
use serde_json::Value;

use super::{error_rate, query, speech};
use crate::support::{
    Server, ServerOptions,
    device::{Device, text},
    material,
};

/// At most so many words wrong, of a hundred, with whisper's tiny.en.
pub const LIMIT: f64 = 0.10;
/// The same with base, the default.
const LIMIT_OF_BASE: f64 = 0.06;

#[tokio::test(flavor = "multi_thread")]
async fn real_speech_as_pcm_and_as_opus_is_recognised() {
    let server = Server::start().await;
    let user = server.user("ears@example.org").await;
    let said = speech(5, 0.9);
    for codec in ["pcm16", "pcm8", "opus", "opus_fs320"] {
        let mut device = Device::ready(&server, &user.token, &query(codec)).await;
        match codec {
            "opus" => device.play_opus(Codec::Opus, &said.samples, 10.0).await,
            "opus_fs320" => {
                device
                    .play_opus(Codec::OpusFs320, &said.samples, 10.0)
                    .await
            }
            _ => device.play_pcm16(&said.samples, 10.0).await,
        }
        device.read_until_quiet(Duration::from_secs(6)).await;
        let segments = device.segments();
        let errors = error_rate(&said.reference, &text(&segments));
        println!("{codec}: word error rate {:.1} %", errors * 100.0);
        assert!(
            errors <= LIMIT,
            "{codec}: {:.1} %: {}",
            errors * 100.0,
            text(&segments)
        );
        check_segments(&segments, said.samples.len() as f64 / 16_000.0);

        // What was sent is what is stored, under the same ids.
        let open = server
            .get(
                "/v1/conversations?statuses=in_progress&limit=1",
                &user.token,
            )
            .await
            .ok();
        assert_eq!(open[0]["transcript_segments"], Value::Array(segments));
        device.close().await;
        let finished = server
            .send(
                reqwest::Method::POST,
                "/v1/conversations",
                Some(&user.token),
                None,
            )
            .await
            .ok();
        assert_eq!(finished["conversation"]["status"], "completed");
        assert_ne!(finished["conversation"]["structured"]["title"], "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_model_hears_better() {
    let server = Server::start_with(ServerOptions {
        env: vec![(
            "OMI_STT__MODEL",
            material::base_model().to_str().unwrap().into(),
        )],
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("ears@example.org").await;
    let said = speech(5, 0.9);
    let mut device = Device::ready(&server, &user.token, &query("opus_fs320")).await;
    device
        .play_opus(Codec::OpusFs320, &said.samples, 10.0)
        .await;
    let words = said.reference.split_whitespace().count();
    let heard = |device: &Device| text(&device.segments()).split_whitespace().count();
    device
        .read_until(Duration::from_secs(60), |device| heard(device) + 5 > words)
        .await;
    device.read_until_quiet(Duration::from_secs(6)).await;
    let errors = error_rate(&said.reference, &text(&device.segments()));
    println!("base: word error rate {:.1} %", errors * 100.0);
    assert!(
        errors <= LIMIT_OF_BASE,
        "{errors}: {}",
        text(&device.segments())
    );
    device.close().await;
}

/// Every field that the app's parser needs, in order, inside the time that was played.
fn check_segments(segments: &[Value], seconds: f64) {
    let mut last = 0.0;
    for segment in segments {
        assert!(!segment["text"].as_str().unwrap().trim().is_empty());
        assert_eq!(segment["speaker"], "SPEAKER_00");
        assert_eq!(segment["speaker_id"], 0);
        assert!(segment["is_user"].is_boolean());
        assert!(segment["translations"].is_array());
        assert_eq!(segment["speech_profile_processed"], true);
        assert!(segment["person_id"].is_null() && segment["stt_provider"].is_null());
        let (start, end) = (
            segment["start"].as_f64().unwrap(),
            segment["end"].as_f64().unwrap(),
        );
        assert!(
            start >= last && end >= start && end <= seconds + 1.0,
            "{last} {start} {end} {seconds}"
        );
        last = start;
    }
    // The first word is where the conversation begins.
    assert!(segments[0]["start"].as_f64().unwrap() < 0.01);
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_kilohertz_is_understood_too() {
    let server = Server::start().await;
    let user = server.user("phone@example.org").await;
    let said = speech(2, 0.9);
    // Every second sample, after a mean of two as a crude low-pass.
    let halved: Vec<i16> = said
        .samples
        .chunks_exact(2)
        .map(|pair| ((i32::from(pair[0]) + i32::from(pair[1])) / 2) as i16)
        .collect();
    let mut device = Device::ready(
        &server,
        &user.token,
        "codec=pcm16&sample_rate=8000&language=en",
    )
    .await;
    device.play_pcm16(&halved, 10.0).await;
    device.read_until_quiet(Duration::from_secs(6)).await;
    let errors = error_rate(&said.reference, &text(&device.segments()));
    assert!(
        errors <= 0.25,
        "{:.1} %: {}",
        errors * 100.0,
        text(&device.segments())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_and_noise_give_no_words() {
    let server = Server::start().await;
    let user = server.user("quiet@example.org").await;
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    device.play_pcm16(&vec![0; 16_000 * 10], 0.0).await;
    // White noise at about -36 dBFS, from a fixed seed.
    let mut state = 0x2545_f491_u32;
    let noise: Vec<i16> = (0..16_000 * 10)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            ((state >> 16) as i16) / 64
        })
        .collect();
    device.play_pcm16(&noise, 0.0).await;
    device.read_until_quiet(Duration::from_secs(4)).await;
    assert_eq!(text(&device.segments()), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_language_falls_back_to_english() {
    let server = Server::start().await;
    let user = server.user("klingon@example.org").await;
    let said = speech(1, 0.9);
    let mut device = Device::ready(
        &server,
        &user.token,
        "codec=pcm16&sample_rate=16000&language=tlh-XX",
    )
    .await;
    device.play_pcm16(&said.samples, 10.0).await;
    device
        .read_until(Duration::from_secs(20), |device| {
            !device.segments().is_empty()
        })
        .await;
    device.read_until_quiet(Duration::from_secs(3)).await;
    let errors = error_rate(&said.reference, &text(&device.segments()));
    assert!(errors <= LIMIT, "{:.1} %", errors * 100.0);
}
