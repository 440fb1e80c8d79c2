//! One open socket to Deepgram, and the task that keeps it: utterance after utterance, and a sign of life in between.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use super::super::{Piece, Transcript};
use crate::platform::audio::SAMPLE_RATE;

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Deepgram closes a socket on which nothing comes for 10 s.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// A line on which nobody speaks for so long is given up.
const IDLE: Duration = Duration::from_secs(600);
/// How long the other side may take to say goodbye.
const LINGER: Duration = Duration::from_secs(2);
/// Once all sound is accounted for, how long a last word may take.
const LAST_WORD: Duration = Duration::from_millis(500);
/// Results may be so much shorter than the sound that was sent.
const SLACK: f64 = 0.1;
/// Samples in a message.
const CHUNK: usize = 4000;

/// A handle; the socket is closed in order when the last one is dropped.
#[derive(Clone)]
pub struct Line(mpsc::Sender<Job>);

struct Job {
    samples: Arc<[i16]>,
    answer: oneshot::Sender<Transcript>,
}

#[derive(Deserialize)]
struct Results {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    is_final: bool,
    #[serde(default)]
    from_finalize: bool,
    #[serde(default)]
    start: f64,
    #[serde(default)]
    duration: f64,
    channel: Option<Channel>,
}

#[derive(Deserialize)]
struct Channel {
    #[serde(default)]
    alternatives: Vec<Alternative>,
    detected_language: Option<String>,
}

#[derive(Deserialize)]
struct Alternative {
    #[serde(default)]
    transcript: String,
    #[serde(default)]
    words: Vec<Word>,
    #[serde(default)]
    languages: Vec<String>,
}

#[derive(Deserialize)]
struct Word {
    #[serde(default)]
    word: String,
    punctuated_word: Option<String>,
    #[serde(default)]
    start: f64,
    #[serde(default)]
    end: f64,
    speaker: Option<u32>,
}

impl Line {
    pub fn start(socket: Socket) -> Self {
        let (sender, jobs) = mpsc::channel(1);
        tokio::spawn(keep(socket, jobs));
        Self(sender)
    }

    pub fn is_open(&self) -> bool {
        !self.0.is_closed()
    }

    /// What was said, relative to the first sample. `None`: the line broke.
    pub async fn say(&self, samples: Arc<[i16]>) -> Option<Transcript> {
        let (answer, said) = oneshot::channel();
        self.0.send(Job { samples, answer }).await.ok()?;
        said.await.ok()
    }
}

async fn keep(mut socket: Socket, mut jobs: mpsc::Receiver<Job>) {
    // Seconds of sound that were sent on this socket.
    let mut sent = 0.0;
    let mut spoken = Instant::now();
    let mut next_sign = Instant::now() + KEEP_ALIVE;
    loop {
        tokio::select! {
            job = jobs.recv() => {
                let Some(mut job) = job else { break };
                let said = tokio::select! {
                    said = hear(&mut socket, &job.samples, sent) => said,
                    // Nobody waits any more, and what is still to come would be taken for the next.
                    () = job.answer.closed() => None,
                };
                // Dropped, the answer says that the line broke.
                let Some(said) = said else { return };
                let _ = job.answer.send(said);
                sent += job.samples.len() as f64 / f64::from(SAMPLE_RATE);
                spoken = Instant::now();
                next_sign = spoken + KEEP_ALIVE;
            }
            () = sleep_until(next_sign) => {
                if spoken.elapsed() > IDLE {
                    break;
                }
                let alive = Message::text(r#"{"type":"KeepAlive"}"#);
                if socket.send(alive).await.is_err() {
                    return;
                }
                next_sign = Instant::now() + KEEP_ALIVE;
            }
            // Between utterances there is nothing to say.
            message = socket.next() => match message {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
    // Nobody is to use it while it says goodbye.
    jobs.close();
    let _ = timeout(LINGER, async {
        let close = Message::text(r#"{"type":"CloseStream"}"#);
        if socket.send(close).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
        socket.close(None).await.ok();
    })
    .await;
}

/// Sends the sound and collects what is final of it. `before` is how much was sent earlier, in seconds.
async fn hear(socket: &mut Socket, samples: &[i16], before: f64) -> Option<Transcript> {
    for chunk in samples.chunks(CHUNK) {
        let bytes: Vec<u8> = chunk
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        socket.feed(Message::binary(bytes)).await.ok()?;
    }
    let finalize = Message::text(r#"{"type":"Finalize"}"#);
    socket.send(finalize).await.ok()?;
    let end = before + samples.len() as f64 / f64::from(SAMPLE_RATE);
    let mut heard = Heard::default();
    let mut last = None;
    loop {
        let message = match last {
            None => socket.next().await,
            Some(deadline) => match tokio::time::timeout_at(deadline, socket.next()).await {
                Ok(message) => message,
                Err(_) => return Some(heard.transcript()),
            },
        };
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => continue,
        };
        // Words of another shape cannot be believed to be whole.
        let results: Results = serde_json::from_str(&text).ok()?;
        match results.kind.as_deref() {
            Some("Results") => {}
            Some("Error") => return None,
            _ => continue,
        }
        let (until, done) = (results.start + results.duration, results.from_finalize);
        // The end of the utterance before may be told late.
        if until > 0.0 && until <= before {
            continue;
        }
        if results.is_final || results.from_finalize {
            heard.take(results, before);
            if until >= end - SLACK {
                last = Some(Instant::now() + LAST_WORD);
            }
        }
        if done {
            return Some(heard.transcript());
        }
    }
}

#[derive(Default)]
struct Heard {
    pieces: Vec<Piece>,
    /// Words in each language.
    languages: BTreeMap<String, usize>,
}

impl Heard {
    fn take(&mut self, results: Results, before: f64) {
        let Some(channel) = results.channel else {
            return;
        };
        let Some(best) = channel.alternatives.into_iter().next() else {
            return;
        };
        if best.transcript.trim().is_empty() && best.words.is_empty() {
            return;
        }
        if let Some(language) = best
            .languages
            .into_iter()
            .next()
            .or(channel.detected_language)
        {
            let code = language.split(['-', '_']).next().unwrap_or_default();
            *self.languages.entry(code.to_ascii_lowercase()).or_default() +=
                best.words.len().max(1);
        }
        let from = self.pieces.len();
        for word in best.words {
            let text = word.punctuated_word.unwrap_or(word.word);
            match self.pieces[from..].last_mut() {
                Some(piece) if piece.speaker == word.speaker => {
                    piece.text.push(' ');
                    piece.text.push_str(&text);
                    piece.end_seconds = word.end - before;
                }
                _ => self.pieces.push(Piece {
                    text,
                    start_seconds: word.start - before,
                    end_seconds: word.end - before,
                    speaker: word.speaker,
                }),
            }
        }
        // Not every dialect tells words apart.
        if self.pieces.len() == from {
            self.pieces.push(Piece {
                text: best.transcript,
                start_seconds: results.start - before,
                end_seconds: results.start + results.duration - before,
                speaker: None,
            });
        }
    }

    fn transcript(self) -> Transcript {
        let languages = self.languages.into_iter();
        Transcript {
            pieces: self.pieces,
            language: languages
                .max_by_key(|(_, words)| *words)
                .map(|(code, _)| code),
            doubtful: false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn words_of_one_voice_are_one_piece() {
        let results: Results = serde_json::from_str(
            r#"{"type": "Results", "is_final": true, "start": 10.0, "duration": 3.0, "channel": {"alternatives": [
                {"transcript": "Hello there. Hi.", "confidence": 0.9, "languages": ["en-US"], "words": [
                    {"word": "hello", "punctuated_word": "Hello", "start": 10.5, "end": 11.0, "speaker": 0},
                    {"word": "there", "punctuated_word": "there.", "start": 11.0, "end": 11.5, "speaker": 0},
                    {"word": "hi", "start": 12.0, "end": 12.5, "speaker": 1}]}]}}"#,
        )
        .unwrap();
        let mut heard = Heard::default();
        heard.take(results, 10.0);
        let said = heard.transcript();
        assert_eq!(said.language.as_deref(), Some("en"));
        let piece = |text: &str, start_seconds, end_seconds, speaker| Piece {
            text: text.into(),
            start_seconds,
            end_seconds,
            speaker: Some(speaker),
        };
        assert_eq!(
            said.pieces,
            [piece("Hello there.", 0.5, 1.5, 0), piece("hi", 2.0, 2.5, 1)]
        );
    }

    #[test]
    fn a_dialect_without_words_is_understood() {
        let results: Results = serde_json::from_str(
            r#"{"type": "Results", "is_final": true, "start": 2.0, "duration": 1.0,
                "channel": {"alternatives": [{"transcript": "Hello."}]}}"#,
        )
        .unwrap();
        let mut heard = Heard::default();
        heard.take(results, 2.0);
        let said = heard.transcript();
        assert_eq!(said.pieces[0].text, "Hello.");
        assert_eq!(said.pieces[0].end_seconds, 1.0);
        assert_eq!(said.language, None);
    }
}
