//! Recognisers elsewhere: what they are told, what becomes of their words, and who stands in when they fail.

use std::time::Duration;

use serde_json::Value;

use super::{error_rate, query, speech};
use crate::support::{
    Server, ServerOptions,
    device::{Device, text},
    ears::{Ears, Script},
    material,
};

async fn server(env: Vec<(&'static str, String)>) -> Server {
    Server::start_with(ServerOptions {
        env,
        ..ServerOptions::default()
    })
    .await
}

/// Says these sentences of the recordings and waits until all that was heard is there.
async fn say(device: &mut Device, sentences: std::ops::Range<usize>) {
    let said = speech(5, 0.9);
    let start = match sentences.start {
        0 => 0,
        n => said.ends[n - 1] + 14_400,
    };
    let end = said.ends[sentences.end - 1] + 14_400;
    device.play_pcm16(&said.samples[start..end], 10.0).await;
    device.read_until_quiet(Duration::from_secs(3)).await;
}

/// Events since that many messages about who recognises.
fn changes(device: &Device, since: usize) -> Vec<Value> {
    let events = device.messages[since..].iter();
    events
        .filter(|message| message["type"] == "service_status" && message["provider"].is_string())
        .cloned()
        .collect()
}

async fn doctor(server: &Server) -> String {
    let output = server.command(&["doctor"]).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        !text.contains("sk-ears") && !text.contains("dg-ears"),
        "{text}"
    );
    text.lines()
        .filter(|line| line.contains(" speech "))
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_openai_compatible_endpoint_is_asked_utterance_by_utterance() {
    let ears = Ears::start().await;
    let server = server(ears.settings("openai")).await;
    let user = server.user("openai@example.org").await;
    let query = query("pcm16").replace("language=en", "language=multi");
    let mut device = Device::ready(&server, &user.token, &query).await;
    say(&mut device, 0..2).await;
    // It knows no times, is slow, or breaks off once: no word is lost, none comes twice.
    for (sentence, script) in [
        (2, Script::Plain),
        (3, Script::Slow(Duration::from_millis(1500))),
        (4, Script::Breaks(1)),
    ] {
        ears.openai(script);
        say(&mut device, sentence..sentence + 1).await;
    }
    let segments = device.segments();
    assert!(text(&segments).ends_with("Sentence 5."));
    assert_eq!(text(&segments), ears.text());
    for segment in &segments {
        assert_eq!(segment["stt_provider"], "openai");
        assert_eq!(segment["speaker"], "SPEAKER_00");
    }
    let seen = ears.seen();
    assert!(
        seen.keys.iter().all(|key| key == "Bearer sk-ears"),
        "{seen:?}"
    );
    assert!(seen.asked[0].contains("name=\"model\"\r\n\r\nscripted"));
    assert!(seen.asked[0].contains("verbose_json") && !seen.asked[0].contains("name=\"language\""));
    // After ten seconds of speech its language is settled, and told.
    assert!(
        seen.asked
            .last()
            .unwrap()
            .contains("name=\"language\"\r\n\r\nde")
    );
    let open = server
        .get("/v1/conversations?statuses=in_progress", &user.token)
        .await
        .ok();
    assert_eq!(open[0]["language"], "de");
    assert_eq!(open[0]["transcript_segments"], Value::Array(segments));
    assert!(changes(&device, 0).is_empty());
    device.close().await;

    let found = doctor(&server).await;
    assert!(
        found.starts_with("ok ") && found.contains("scripted at 127.0.0.1"),
        "{found}"
    );
    assert!(!server.log().contains("sk-ears"));
    let metrics = server.get("/metrics", "").await.body;
    let metrics = metrics.as_str().unwrap();
    for line in [
        "omi_speech_provider_in_use{provider=\"openai\"} 1",
        "omi_speech_provider_utterances_total{provider=\"openai\"} 5",
        "omi_speech_queue_length{class=\"live\"} 0",
    ] {
        assert!(metrics.contains(line), "{line}:\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deepgram_compatible_socket_keeps_voices_apart_and_is_replayed_when_it_breaks() {
    let ears = Ears::start().await;
    let server = server(ears.settings("deepgram")).await;
    let user = server.user("deepgram@example.org").await;
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    say(&mut device, 0..2).await;
    let seen = ears.seen();
    assert_eq!(seen.keys, ["Token dg-ears"], "one socket for the session");
    for parameter in [
        "model=scripted",
        "language=en",
        "encoding=linear16",
        "sample_rate=16000",
        "diarize=true",
    ] {
        assert!(seen.asked[0].contains(parameter), "{seen:?}");
    }
    // The socket breaks in the middle of the next utterance, and the one after.
    ears.deepgram(Script::Breaks(1));
    say(&mut device, 2..3).await;
    ears.deepgram(Script::Breaks(1));
    say(&mut device, 3..4).await;
    assert_eq!(text(&device.segments()), ears.text());
    ears.deepgram(Script::Answers);
    say(&mut device, 4..5).await;
    let segments = device.segments();
    let last = &segments[segments.len() - 1];
    assert_eq!(last["speaker"], "SPEAKER_01");
    assert_eq!(last["speaker_id"], 1);
    assert_eq!(last["stt_provider"], "deepgram");
    assert!(last["text"].as_str().unwrap().starts_with("Answer "));
    assert_eq!(segments[segments.len() - 2]["speaker"], "SPEAKER_00");
    assert_eq!(
        device
            .segments()
            .iter()
            .filter(|one| one["speaker_id"] == 1)
            .count(),
        1
    );
    // Times are the conversation's, whatever the socket counts.
    let times: Vec<f64> = segments
        .iter()
        .map(|segment| segment["start"].as_f64().unwrap())
        .collect();
    assert!(times.is_sorted() && times[0] < 0.01, "{times:?}");
    assert!(last["start"].as_f64().unwrap() > 20.0, "{times:?}");

    // In silence it hears that somebody is there, and goodbye at the end.
    ears.forget();
    device.read_for(Duration::from_secs(6)).await;
    assert!(
        ears.seen().told.contains(&"KeepAlive".to_string()),
        "{:?}",
        ears.seen()
    );
    device.close().await;
    for _ in 0..50 {
        if ears.seen().told.contains(&"CloseStream".to_string()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(
        ears.seen().told.contains(&"CloseStream".to_string()),
        "{:?}",
        ears.seen()
    );
    assert!(doctor(&server).await.starts_with("ok "));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_provider_takes_over_and_the_first_comes_back() {
    let ears = Ears::start().await;
    let server = server(ears.settings("deepgram,openai")).await;
    let user = server.user("failover@example.org").await;
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    let said = speech(5, 0.9).samples;
    let mut from = 0;
    let mut heard = String::new();
    for script in [
        Script::Refuses(500),
        Script::Hangs,
        Script::Garbage,
        Script::Breaks(3),
        Script::Refuses(429),
        Script::Refuses(401),
    ] {
        let since = device.messages.len();
        ears.deepgram(script.clone());
        // Sound that nobody heard before, each time.
        let mut part = said[from..from + 64_000].to_vec();
        part.extend([0; 14_400]);
        from += 32_000;
        device.play_pcm16(&part, 10.0).await;
        device
            .read_until(Duration::from_secs(30), |device| {
                !changes(device, since).is_empty()
            })
            .await;
        device.read_until_quiet(Duration::from_secs(1)).await;
        let told = changes(&device, since);
        assert_eq!(told.len(), 1, "{script:?}: {told:#?}");
        let refused = script == Script::Refuses(401);
        assert_eq!(told[0]["status"], "stt_degraded", "{script:?}");
        assert_eq!(told[0]["provider"], "openai");
        assert_eq!(
            told[0]["reason"],
            if refused { "refused" } else { "unavailable" }
        );
        assert_eq!(told[0]["retryable"], !refused);
        let last = device.segments().last().unwrap().clone();
        assert_eq!(last["stt_provider"], "openai", "{script:?}");
        if refused {
            break;
        }
        // The pause is a second, twice as long after each probe that fails.
        ears.deepgram(Script::Says);
        let since = device.messages.len();
        let start = std::time::Instant::now();
        while changes(&device, since).is_empty() {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "{script:?}: it does not come back"
            );
            let mut part = said[from..from + 32_000].to_vec();
            part.extend([0; 14_400]);
            from += 1600;
            device.play_pcm16(&part, 10.0).await;
            device.read_until_quiet(Duration::from_secs(1)).await;
        }
        let told = changes(&device, since);
        assert_eq!(told[0]["status"], "ready", "{script:?}");
        assert_eq!(told[0]["provider"], "deepgram");
        assert!(told[0].get("reason").is_none());
        heard = text(&device.segments());
        assert_eq!(heard, ears.text(), "{script:?}");
    }
    assert!(heard.len() > 100, "{heard}");
    assert_eq!(text(&device.segments()), ears.text());
    assert_eq!(device.closed, None);
    let log = server.log();
    let line = log.lines().find(|line| line.contains("ERROR")).unwrap();
    assert!(line.contains("stt.deepgram.api_key"), "{line}");
    assert!(
        !log.contains("dg-ears") && !log.contains("sk-ears"),
        "{log}"
    );
    let found = doctor(&server).await;
    let lines: Vec<_> = found.lines().collect();
    assert!(
        lines[0].starts_with("fail ") && lines[0].contains("stt.deepgram.api_key"),
        "{found}"
    );
    assert!(lines[1].starts_with("ok "), "{found}");
    let ready = server.get("/readyz", "").await.ok();
    let checks = ready["checks"].as_array().unwrap();
    let speech = checks
        .iter()
        .find(|check| check["name"] == "speech")
        .unwrap();
    assert_eq!(speech["state"], "warn");
    assert!(!speech.to_string().contains("127.0.0.1"), "{speech}");
    device.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recogniser_of_this_process_stands_in() {
    let ears = Ears::start().await;
    ears.openai(Script::Refuses(503));
    let mut env = ears.settings("openai,whisper");
    let model = material::model().to_str().unwrap().to_string();
    env.push(("OMI_STT__WHISPER__MODEL", model));
    let server = server(env).await;
    let user = server.user("home@example.org").await;
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    let said = speech(2, 0.9);
    device.play_pcm16(&said.samples, 10.0).await;
    device.read_until_quiet(Duration::from_secs(6)).await;
    let segments = device.segments();
    let errors = error_rate(&said.reference, &text(&segments));
    assert!(
        errors <= 0.15,
        "{:.1} %: {}",
        errors * 100.0,
        text(&segments)
    );
    assert!(segments[0]["stt_provider"].is_null());
    let told = changes(&device, 0);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0]["provider"], "whisper");
    device.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_every_provider_fails_the_device_is_told_and_the_audio_is_kept() {
    let ears = Ears::start().await;
    let server = server(ears.settings("openai")).await;
    let user = server.user("nobody@example.org").await;
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    ears.openai(Script::Refuses(500));
    let said = speech(2, 0.9);
    device.play_pcm16(&said.samples, 10.0).await;
    let (code, _) = device.read_close(Duration::from_secs(30)).await;
    assert_eq!(code, 1011);
    assert!(device.has_status("stt_failed"), "{:#?}", device.messages);
    assert!(device.segments().is_empty());
    ears.openai(Script::Says);
    let list = server
        .wait_for(
            "/v1/conversations?statuses=in_progress",
            &user.token,
            Duration::from_secs(60),
            |list| {
                let segments = list[0]["transcript_segments"].as_array();
                segments.is_some_and(|segments| text(segments).ends_with("Sentence 2."))
            },
        )
        .await;
    let segments = list[0]["transcript_segments"].as_array().unwrap().clone();
    assert_eq!(text(&segments), ears.text());
}
