//! `/v4/listen` with real speech: recognition, life cycle, crashes, and devices that misbehave.

mod app;
mod clips;
mod crash;
mod hostile;
mod interims;
mod lifecycle;
mod long;
mod made_up;
mod pitfalls;
mod protocol;
mod providers;
mod recognition;
mod revoked;
pub mod sound;
mod uploads;
mod vocabulary;
mod words;

use omi_server::platform::audio::file;

use crate::support::{material, wer};

/// Real read speech, LibriVox, with what is said in it.
struct Speech {
    samples: Vec<i16>,
    reference: String,
    /// Where each sentence ends, in samples.
    ends: Vec<usize>,
}

/// The first `count` of five sentences, 4 to 7 s each, with a pause of `pause_seconds` behind each.
fn speech(count: usize, pause_seconds: f64) -> Speech {
    let folder = material::recordings().join("librivox");
    let transcripts = std::fs::read_to_string(folder.join("transcription")).unwrap();
    let mut speech = Speech {
        samples: Vec::new(),
        reference: String::new(),
        ends: Vec::new(),
    };
    for line in transcripts.lines().take(count) {
        let (words, name) = line.rsplit_once('(').unwrap();
        // An obvious slip in the transcript.
        let words = words
            .replace("<s>", "")
            .replace("</s>", "")
            .replace("a more a amiable", "a more amiable");
        let recording = folder.join(format!("{}.wav", name.trim_end_matches(')')));
        speech.samples.extend(file::read(&recording).unwrap());
        speech.ends.push(speech.samples.len());
        speech
            .samples
            .extend(std::iter::repeat_n(0, (pause_seconds * 16_000.0) as usize));
        speech.reference.push_str(&words);
    }
    speech
}

/// The query that the app sends, for a codec at 16 kHz.
fn query(codec: &str) -> String {
    format!(
        "language=en&sample_rate=16000&codec={codec}&uid=somebody-else&include_speech_profile=true\
         &stt_service=soniox&conversation_timeout=120&source=omi&speaker_auto_assign=enabled"
    )
}

/// Words wrong, of the words said.
fn error_rate(said: &str, heard: &str) -> f64 {
    wer::score(said, heard).rate()
}
