//! Words said into a phone that waits for them, with real speech: questions asked aloud, and dictation in a file.

use serde_json::{Value, json};

use super::{
    error_rate,
    sound::files,
    speech,
    uploads::{opus, pcm16},
};
use crate::{
    api::app::chat::{Reader, assert_message, history},
    support::{
        Server, ServerOptions,
        ears::{Ears, Script},
        forms::Form,
        server::{Answer, User, client},
    },
};

const ASK: &str = "/v2/voice-messages";
const TRANSCRIBE: &str = "/v2/voice-message/transcribe";

fn wav(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let data = bytes(samples);
    let mut file = b"RIFF".to_vec();
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(channels) * 2).to_le_bytes());
    file.extend((channels * 2).to_le_bytes());
    file.extend(b"\x10\0data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

fn file(name: &str, bytes: &[u8]) -> Form {
    Form::default().file(name, "application/octet-stream", bytes)
}

async fn raw(server: &Server, user: &User, query: &str, body: Vec<u8>) -> Answer {
    let request = client()
        .post(format!("{}{TRANSCRIBE}{query}", server.url))
        .bearer_auth(&user.token)
        .header("content-type", "application/octet-stream")
        .body(body);
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_in_a_file_is_written_down_or_asked() {
    let server = Server::start().await;
    let ann = server.user("ann@example.org").await;
    let speech = speech(2, 0.6);
    let close = |answer: Answer| {
        let answer = answer.ok();
        let heard = answer["transcript"].as_str().unwrap();
        let wrong = error_rate(&speech.reference, heard);
        assert!(wrong < 0.15, "{wrong}: {heard}");
        answer["language"].clone()
    };
    // As the phone and its devices record: opus frames, WAV, and the samples alone, of two channels too.
    let opus_name = "audio_omi_opus_fs320_16000_1_fs320_1767225600.bin";
    let form = file(opus_name, &opus(&speech.samples)).field("language", "en");
    assert_eq!(
        close(form.send(&server, &ann, TRANSCRIBE).await),
        Value::Null
    );
    let form = file(
        "audio_phone_pcm16_16000_1_fs160_1767225600.bin",
        &pcm16(&speech.samples),
    );
    // Left to be found out, it is told.
    assert_eq!(close(form.send(&server, &ann, TRANSCRIBE).await), "en");
    let (one, two) = speech.samples.split_at(speech.ends[0]);
    let form = file("recording.wav", &wav(16_000, 1, one))
        .file("more.WAV", "audio/wav", &wav(16_000, 1, two))
        .field("language", "en-US");
    assert_eq!(
        close(form.send(&server, &ann, TRANSCRIBE).await),
        Value::Null
    );
    let both: Vec<i16> = speech.samples.iter().flat_map(|s| [*s, *s]).collect();
    let query = "?language=en&encoding=linear16&sample_rate=16000&channels=2&keywords=boat,mast";
    close(raw(&server, &ann, query, bytes(&both)).await);

    // Nothing said, and nothing kept.
    let silence = json!({"transcript": ""});
    for quiet in [
        file(opus_name, &opus(&[0; 32_000])),
        file("a.wav", &wav(44_100, 2, &[0; 88_200])),
        file(opus_name, b""),
        file("not_even_a_time.bin", &[0xff; 3000]),
    ] {
        assert_eq!(quiet.send(&server, &ann, TRANSCRIBE).await.ok(), silence);
    }
    assert_eq!(raw(&server, &ann, "", vec![0; 32_001]).await.ok(), silence);
    assert_eq!(files(&server.data_dir.join("uploads")), 0);
    assert!(
        server
            .get("/v1/conversations", &ann.token)
            .await
            .ok()
            .as_array()
            .unwrap()
            .is_empty()
    );

    let first = super::speech(1, 0.6);
    // A question: first what was heard, as it was kept, then the answer. Only the first file counts.
    let form = file(opus_name, &opus(&first.samples))
        .file(
            "audio_omi_opus_16000_1_fs320_1767225601.bin",
            "a/b",
            &opus(two),
        )
        .field("language", "en");
    let answer = form.post(&server, &ann, ASK).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["content-type"],
        "text/event-stream; charset=utf-8"
    );
    let all = answer.bytes().await.unwrap();
    assert!(
        all.starts_with(b"message: "),
        "{:?}",
        String::from_utf8_lossy(&all)
    );
    for size in [1, 5, all.len()] {
        let mut reader = Reader::default();
        all.chunks(size).for_each(|cut| reader.take(cut));
        let told = reader.end();
        let asked = told.asked.as_ref().unwrap();
        assert_message(asked, "human");
        let heard = asked["text"].as_str().unwrap();
        let wrong = error_rate(&first.reference, heard);
        assert!(wrong < 0.15, "{wrong}: {heard}");
        assert_eq!(told.statuses[0], "Searching conversations");
        assert_message(told.message(), "ai");
        let kept = history(&server, &ann, "").await;
        assert_eq!((&kept[1], &kept[0]["id"]), (asked, &told.message()["id"]));
    }
    // To say nothing is no question: not a byte comes.
    let form = file(opus_name, &opus(&[0; 32_000]));
    let answer = form.post(&server, &ann, ASK).await;
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.bytes().await.unwrap().len()
        ),
        (200, 0)
    );
    assert_eq!(history(&server, &ann, "").await.len(), 2);
}

#[tokio::test]
async fn clips_are_bounded_and_what_makes_no_sense_is_refused() {
    let ears = Ears::start().await;
    let mut env = ears.settings("openai");
    env.extend([
        ("OMI_AUDIO__CLIP_MEGABYTES", "1".into()),
        ("OMI_RATE_LIMIT__VOICE_MESSAGES_PER_HOUR", "3".into()),
        ("OMI_RATE_LIMIT__TRANSCRIPTIONS_PER_HOUR", "30".into()),
    ]);
    let server = Server::start_with(ServerOptions {
        env,
        ..ServerOptions::default()
    })
    .await;
    let ann = server.user("ann@example.org").await;
    for (query, body, status, word) in [
        ("", vec![], 400, "No audio data provided"),
        ("?sample_rate=7999", vec![0; 10], 422, "sample_rate"),
        ("?sample_rate=48001", vec![0; 10], 422, "sample_rate"),
        ("?sample_rate=loud", vec![0; 10], 422, "sample_rate"),
        ("?channels=3", vec![0; 10], 422, "channels"),
        ("?channels=0", vec![0; 10], 422, "channels"),
        ("?encoding=opus", vec![0; 10], 422, "encoding"),
        ("", vec![0; 1_000_001], 413, "at most 1 MB"),
    ] {
        let refused = raw(&server, &ann, query, body).await;
        assert_eq!(refused.status, status, "{query}: {refused:#?}");
        assert!(refused.body.to_string().contains(word), "{refused:#?}");
    }
    let eleven = (0..11).fold(Form::default(), |form, n| {
        form.file(&format!("{n}.bin"), "a/b", b"")
    });
    for (form, status, word) in [
        (Form::default(), 400, "No files provided"),
        (
            Form::default().field("language", "en"),
            400,
            "No files provided",
        ),
        (file("notes.txt", b"words, no sound"), 400, "notes.txt"),
        (file("a.wav", &wav(1, 1, &[0; 100])), 400, "a.wav"),
        (file("a.bin", &vec![0; 1_000_001]), 413, "at most 1 MB"),
        (eleven, 413, "at most 10"),
    ] {
        let refused = form.send(&server, &ann, TRANSCRIBE).await;
        assert_eq!(refused.status, status, "{refused:#?}");
        assert!(refused.body.to_string().contains(word), "{refused:#?}");
    }

    // The language: what is asked for; else the user's, if they want only that one; else whatever is spoken.
    let speech = speech(1, 0.0);
    let said = file("a_pcm16_16000_.bin", &pcm16(&speech.samples));
    let asked_for = async |form: Form| {
        ears.forget();
        let answer = form.send(&server, &ann, TRANSCRIBE).await.ok();
        assert!(
            answer["transcript"]
                .as_str()
                .unwrap()
                .starts_with("Sentence")
        );
        let form = ears.seen().asked.concat();
        let (_, rest) = form.split_once("name=\"language\"").unwrap_or_default();
        let language = rest
            .trim_start()
            .lines()
            .next()
            .unwrap_or_default()
            .to_string();
        (language, answer["language"].clone())
    };
    assert_eq!(asked_for(said.clone()).await, (String::new(), json!("de")));
    assert_eq!(
        asked_for(said.clone().field("language", "auto")).await,
        (String::new(), json!("de"))
    );
    assert_eq!(
        asked_for(said.clone().field("language", "fr")).await,
        ("fr".into(), Value::Null)
    );
    let alone = json!({"single_language_mode": true});
    let own = json!({"language": "nl"});
    for (path, body) in [
        ("/v1/users/language", own),
        ("/v1/users/transcription-preferences", alone),
    ] {
        let path = server.send(reqwest::Method::PATCH, path, Some(&ann.token), Some(body));
        path.await.ok();
    }
    assert_eq!(asked_for(said.clone()).await, ("nl".into(), Value::Null));
    assert_eq!(
        asked_for(said.clone().field("language", "multi")).await,
        (String::new(), json!("de"))
    );

    // A recogniser that fails is no fault of the phone's.
    ears.openai(Script::Refuses(401));
    for path in [TRANSCRIBE, ASK] {
        let refused = said.clone().send(&server, &ann, path).await;
        assert_eq!(refused.status, 503, "{refused:#?}");
    }
    assert!(
        history(&server, &ann, "").await.len() == 1,
        "nothing was asked"
    );
    let refused = Form::default().send(&server, &ann, ASK).await;
    assert_eq!(refused.status, 400, "{refused:#?}");
    let refused = file("a.wav", b"no sound").send(&server, &ann, ASK).await;
    assert_eq!(refused.status, 400, "{refused:#?}");
    let refused = file("a.bin", b"").send(&server, &ann, ASK).await;
    assert_eq!(refused.status, 429, "{refused:#?}");
    assert!(
        refused.body["detail"]
            .as_str()
            .unwrap()
            .contains("voice:message")
    );
    assert_eq!(files(&server.data_dir.join("uploads")), 0);
}
