//! Any endpoint that transcribes a file as OpenAI's does: `POST …/audio/transcriptions`.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{
    StreamExt as _,
    future::{BoxFuture, FutureExt as _},
};
use reqwest::{
    Client, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, RETRY_AFTER},
};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    Class, Language, Piece, Provider, Remote, Request, SpeechError, Transcript,
    remote::{Endpoint, message_of, mistrust, usual},
    turns::{Spare, Turn, Turns},
    whisper,
};
use crate::platform::audio::SAMPLE_RATE;

const USUAL_URL: &str = "https://api.openai.com/v1";
const USUAL_MODEL: &str = "whisper-1";
/// Repetitions, and the pause before one. A longer wait is the next provider's chance.
const AGAIN: u32 = 1;
const PAUSE: Duration = Duration::from_millis(300);
/// Bytes of an answer that are read.
const LONGEST_ANSWER: usize = 1024 * 1024;
/// Bytes of the words that are told to be expected; Whispers read so many tokens at most.
const LONGEST_PROMPT: usize = 600;
/// How long an endpoint that refused times is asked without them.
const FORGET_REFUSAL: Duration = Duration::from_secs(3600);
/// As the recogniser of this process has it.
const SILENCE: f64 = 0.8;
const LIKELY_SILENCE: f64 = 0.5;
const UNSURE: f64 = 0.5;

pub struct OpenAi {
    client: Client,
    endpoint: Endpoint,
    model: String,
    timeout: Duration,
    turns: Turns,
    interims: bool,
    /// When it refused to tell times.
    refused_times: Mutex<Option<Instant>>,
}

#[derive(Deserialize)]
struct Answer {
    text: Option<String>,
    /// A name or a code.
    language: Option<String>,
    #[serde(default)]
    segments: Vec<Segment>,
}

#[derive(Deserialize)]
struct Segment {
    #[serde(default)]
    start: f64,
    #[serde(default)]
    end: f64,
    #[serde(default)]
    text: String,
    no_speech_prob: Option<f64>,
    avg_logprob: Option<f64>,
}

impl Segment {
    fn is_made_up(&self) -> bool {
        let silence = self.no_speech_prob.unwrap_or(0.0);
        let sure = self.avg_logprob.map_or(1.0, f64::exp);
        silence > SILENCE || (silence > LIKELY_SILENCE && sure < UNSURE)
    }
}

impl OpenAi {
    /// Errors name the setting.
    pub fn endpoint(remote: &Remote) -> anyhow::Result<Endpoint> {
        let endpoint = Endpoint::new(
            "stt.openai",
            usual(&remote.url, USUAL_URL),
            "/audio/transcriptions",
            "Bearer",
            &remote.api_key,
        )?;
        if !matches!(endpoint.url.scheme(), "http" | "https") {
            anyhow::bail!("stt.openai.url must start with http:// or https://");
        }
        Ok(endpoint)
    }

    /// Connects to nothing yet. Errors name the setting.
    pub fn new(remote: &Remote) -> anyhow::Result<Self> {
        let endpoint = Self::endpoint(remote)?;
        let mut client = Client::builder()
            // Neither speech nor the key go where the operator did not send them.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(remote.timeout.min(Duration::from_secs(10)))
            .user_agent(concat!("omi-server/", env!("CARGO_PKG_VERSION")));
        if endpoint.is_loopback() {
            client = client.no_proxy();
        }
        Ok(Self {
            client: client.build()?,
            endpoint,
            model: usual(&remote.model, USUAL_MODEL).to_owned(),
            timeout: remote.timeout,
            turns: Turns::new(remote.max_concurrent),
            interims: remote.interims,
            refused_times: Mutex::default(),
        })
    }

    fn wants_times(&self) -> bool {
        let mut refused = self
            .refused_times
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if refused.is_some_and(|since| since.elapsed() > FORGET_REFUSAL) {
            *refused = None;
        }
        refused.is_none()
    }

    async fn recognise(&self, request: &Request) -> Result<Transcript, SpeechError> {
        let mut tries = 0;
        loop {
            let error = match self.ask(request).await {
                Err(error) => error,
                done => return done,
            };
            let soon = match &error {
                SpeechError::Unavailable { retry_after, .. } => {
                    retry_after.is_none_or(|wait| wait <= PAUSE)
                }
                _ => false,
            };
            if !soon || tries >= AGAIN {
                return Err(error);
            }
            tries += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn ask(&self, request: &Request) -> Result<Transcript, SpeechError> {
        if self.wants_times() {
            match self.post(request, "verbose_json").await {
                Err(SpeechError::Declined(_)) => {
                    let plain = self.post(request, "json").await?;
                    *self
                        .refused_times
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                    tracing::info!(
                        "the transcription endpoint tells no times; it is asked for text alone"
                    );
                    return Ok(plain);
                }
                done => return done,
            }
        }
        self.post(request, "json").await
    }

    async fn post(&self, request: &Request, format: &str) -> Result<Transcript, SpeechError> {
        let seconds = request.samples.len() as f64 / f64::from(SAMPLE_RATE);
        let boundary = format!("omi-{}", Uuid::new_v4().simple());
        let language = request.language.known().unwrap_or_default();
        let prompt = request.vocabulary.as_said(LONGEST_PROMPT);
        let fields = [
            ("model", self.model.as_str()),
            ("response_format", format),
            ("temperature", "0"),
            ("language", language),
            ("prompt", &prompt),
        ];
        let mut sent = self
            .client
            .post(self.endpoint.url.clone())
            .timeout(self.timeout)
            .header(
                CONTENT_TYPE,
                format!("multipart/form-data; boundary={boundary}"),
            )
            .body(form(&boundary, &fields, &request.samples));
        if let Some(authorization) = &self.endpoint.authorization {
            sent = sent.header(AUTHORIZATION, authorization);
        }
        let response = sent.send().await.map_err(|error| self.broken(&error))?;
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let body = self.read(response).await;
        if !status.is_success() {
            let body = body.unwrap_or_default();
            let told = message_of(&body).unwrap_or_default();
            return Err(self.endpoint.refusal(status, &told, retry_after));
        }
        let body = body?;
        match serde_json::from_slice::<Answer>(&body) {
            Ok(answer) if answer.text.is_some() || !answer.segments.is_empty() => {
                Ok(transcript(answer, &request.language, seconds))
            }
            _ => {
                let told = message_of(&body).map_or_else(
                    || "answers what is no transcription; check stt.openai.url".to_owned(),
                    |told| format!("gave up: {}", self.endpoint.clean(&told)),
                );
                Err(self.endpoint.unavailable(&told))
            }
        }
    }

    async fn read(&self, response: Response) -> Result<Vec<u8>, SpeechError> {
        let mut chunks = response.bytes_stream();
        let mut body = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| self.broken(&error))?;
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(self.endpoint.unavailable("answers too much"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn broken(&self, error: &reqwest::Error) -> SpeechError {
        if error.is_timeout() {
            // As long again would be too long for whoever waits for the words.
            return SpeechError::Unavailable {
                reason: self.endpoint.too_slow(self.timeout).to_string(),
                retry_after: Some(PAUSE * 2),
            };
        }
        self.endpoint.unavailable(if error.is_connect() {
            "cannot be reached"
        } else {
            "broke the connection off"
        })
    }
}

/// The pieces of an answer that are speech.
fn transcript(answer: Answer, wanted: &Language, seconds: f64) -> Transcript {
    let mut transcript = Transcript {
        language: answer
            .language
            .as_deref()
            .and_then(whisper::code_of_language)
            .or(wanted.known())
            .map(str::to_owned),
        ..Transcript::default()
    };
    if answer.segments.is_empty() {
        transcript.pieces.push(Piece {
            text: answer.text.unwrap_or_default(),
            end_seconds: seconds,
            ..Piece::default()
        });
    }
    for segment in answer.segments {
        if segment.is_made_up() {
            transcript.doubtful = true;
            continue;
        }
        transcript.pieces.push(Piece {
            text: segment.text,
            start_seconds: segment.start,
            end_seconds: segment.end,
            speaker: None,
        });
    }
    mistrust(transcript, seconds)
}

/// A form with the samples as a WAV file; empty fields are left out.
fn form(boundary: &str, fields: &[(&str, &str)], samples: &[i16]) -> Vec<u8> {
    let mut body = Vec::with_capacity(samples.len() * 2 + 1024);
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        let part = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        body.extend_from_slice(part.as_bytes());
    }
    let part = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"speech.wav\"\r\n\
         Content-Type: audio/wav\r\n\r\n"
    );
    body.extend_from_slice(part.as_bytes());
    body.extend(wav(samples));
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    body
}

/// 16-bit mono PCM.
fn wav(samples: &[i16]) -> impl Iterator<Item = u8> {
    let bytes = samples.len() as u32 * 2;
    let mut head = Vec::with_capacity(44);
    head.extend_from_slice(b"RIFF");
    head.extend_from_slice(&(36 + bytes).to_le_bytes());
    head.extend_from_slice(b"WAVEfmt ");
    head.extend_from_slice(&16u32.to_le_bytes());
    head.extend_from_slice(&1u16.to_le_bytes());
    head.extend_from_slice(&1u16.to_le_bytes());
    head.extend_from_slice(&SAMPLE_RATE.to_le_bytes());
    head.extend_from_slice(&(SAMPLE_RATE * 2).to_le_bytes());
    head.extend_from_slice(&2u16.to_le_bytes());
    head.extend_from_slice(&16u16.to_le_bytes());
    head.extend_from_slice(b"data");
    head.extend_from_slice(&bytes.to_le_bytes());
    head.into_iter()
        .chain(samples.iter().flat_map(|sample| sample.to_le_bytes()))
}

/// In seconds; a date is passed over.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

impl Provider for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn status(&self) -> Result<String, String> {
        Ok(format!("openai: {} at {}", self.model, self.endpoint.host))
    }

    fn transcribe<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Transcript, SpeechError>> {
        async {
            let _turn = self.turns.take(request.session, request.class).await?;
            self.recognise(request).await
        }
        .boxed()
    }

    fn spare(&self) -> Spare {
        match self.interims {
            true => self.turns.spare(),
            false => Spare::Never,
        }
    }

    fn interim<'a>(
        &'a self,
        request: &'a Request,
        turn: Turn,
    ) -> BoxFuture<'a, Result<Transcript, SpeechError>> {
        async move {
            tokio::select! {
                asked = self.ask(request) => asked,
                () = turn.needed().cancelled_owned() => Err(SpeechError::Overtaken),
            }
        }
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<String, SpeechError>> {
        async {
            let silence = Request {
                session: Uuid::nil(),
                class: Class::Live,
                samples: vec![0; SAMPLE_RATE as usize].into(),
                language: Language::from_omi("en"),
                vocabulary: Default::default(),
            };
            self.ask(&silence).await?;
            Ok(format!(
                "openai: {} at {} answers",
                self.model, self.endpoint.host
            ))
        }
        .boxed()
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        async { self.turns.close() }.boxed()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn a_form_holds_the_fields_and_a_wav_file() {
        let body = form("b", &[("model", "m"), ("language", "")], &[1, -1]);
        let text = String::from_utf8_lossy(&body);
        assert!(text.starts_with(
            "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b\r\n"
        ));
        assert!(!text.contains("language"));
        assert!(body.ends_with(b"\x01\x00\xff\xff\r\n--b--\r\n"));
        let head: Vec<u8> = wav(&[1, -1]).collect();
        assert_eq!(head.len(), 48);
        assert_eq!(head[4..8], 40u32.to_le_bytes());
    }

    #[test]
    fn segments_keep_their_times_and_silence_is_no_speech() {
        let answer = |text: &str| serde_json::from_str::<Answer>(text).unwrap();
        let read = transcript(
            answer(
                r#"{"task": "transcribe", "language": "german", "text": "Ja. Danke.", "segments": [
                    {"id": 0, "start": 0.2, "end": 1.0, "text": " Ja.", "no_speech_prob": 0.1, "avg_logprob": -0.2},
                    {"id": 1, "start": 1.0, "end": 2.0, "text": " Danke.", "no_speech_prob": 0.9, "avg_logprob": -0.2},
                    {"id": 2, "start": 2.0, "end": 3.0, "text": " Danke.", "no_speech_prob": 0.6, "avg_logprob": -1.0}]}"#,
            ),
            &Language::from_omi("multi"),
            3.0,
        );
        assert_eq!(read.language.as_deref(), Some("de"));
        assert!(read.doubtful);
        assert_eq!(read.pieces.len(), 1);
        assert_eq!(read.pieces[0].text, "Ja.");
        assert_eq!(read.pieces[0].start_seconds, 0.2);
        let plain = transcript(answer(r#"{"text": "Ja."}"#), &Language::from_omi("de"), 3.0);
        assert_eq!(plain.pieces[0].end_seconds, 3.0);
        assert_eq!(plain.language.as_deref(), Some("de"));
        let empty = transcript(answer(r#"{"text": ""}"#), &Language::from_omi("de"), 3.0);
        assert_eq!(empty, Transcript::default());
    }
}
