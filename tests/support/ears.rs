//! Scripted recognisers: an endpoint of OpenAI's shape and a socket of Deepgram's. What they say follows from the sound:
//! the first utterance that was ever heard is "Sentence 1.", and stays so when it comes again.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{
        DefaultBodyLimit, RawQuery, State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

/// What a recogniser does with an utterance.
#[derive(Clone, Debug, PartialEq)]
pub enum Script {
    Says,
    /// Two voices: "Sentence 1." and "Answer 1."
    Answers,
    /// Waits so long before.
    Slow(Duration),
    Refuses(u16),
    Hangs,
    /// No JSON.
    Garbage,
    /// Ends the connection in the middle of so many utterances, then says.
    Breaks(usize),
    /// Knows `json` alone, without times.
    Plain,
    /// Hears no word.
    Nothing,
    /// A socket that refuses whoever names words to expect.
    KnowsNoWords,
}

pub struct Ears {
    /// Base address.
    pub url: String,
    shared: Arc<Mutex<Shared>>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    openai: Option<Script>,
    deepgram: Option<Script>,
    utterances: Vec<u64>,
    seen: Seen,
}

/// What came in so far.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Authorization of each request.
    pub keys: Vec<String>,
    /// Each form without the sound, or query.
    pub asked: Vec<String>,
    /// Types of text messages on sockets.
    pub told: Vec<String>,
}

type Handle = Arc<Mutex<Shared>>;

fn lock(shared: &Handle) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap()
}

impl Shared {
    fn number(&mut self, pcm: &[u8]) -> usize {
        let mut hasher = DefaultHasher::new();
        pcm.hash(&mut hasher);
        let hash = hasher.finish();
        let known = self.utterances.iter().position(|known| *known == hash);
        known.unwrap_or_else(|| {
            self.utterances.push(hash);
            self.utterances.len() - 1
        }) + 1
    }

    /// Notes the request; gives what is to be done.
    fn begin(&mut self, headers: &HeaderMap, asked: String, script: Script) -> Script {
        let key = headers
            .get("authorization")
            .map(|key| key.to_str().unwrap());
        self.seen.keys.push(key.unwrap_or_default().into());
        self.seen.asked.push(asked);
        script
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Ears {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Handle::default();
        let router = Router::new()
            .route("/v1/audio/transcriptions", post(transcribe))
            .route("/v1/listen", get(listen))
            .layer(DefaultBodyLimit::max(8 * 1024 * 1024))
            .with_state(shared.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            shared,
            server,
        }
    }

    pub fn openai(&self, script: Script) {
        lock(&self.shared).openai = Some(script);
    }

    pub fn deepgram(&self, script: Script) {
        lock(&self.shared).deepgram = Some(script);
    }

    pub fn seen(&self) -> Seen {
        lock(&self.shared).seen.clone()
    }

    pub fn forget(&self) {
        lock(&self.shared).seen = Seen::default();
    }

    /// Every utterance so far, once and in order.
    pub fn text(&self) -> String {
        let count = lock(&self.shared).utterances.len();
        let sentences: Vec<_> = (1..=count).map(|n| format!("Sentence {n}.")).collect();
        sentences.join(" ")
    }

    /// Settings of a server that asks them in this order.
    pub fn settings(&self, providers: &str) -> Vec<(&'static str, String)> {
        vec![
            ("OMI_STT__PROVIDER", providers.into()),
            ("OMI_STT__MODEL", "scripted".into()),
            ("OMI_STT__TIMEOUT_SECONDS", "2".into()),
            ("OMI_STT__PAUSE_SECONDS", "1".into()),
            ("OMI_STT__OPENAI__URL", self.url.clone()),
            ("OMI_STT__OPENAI__API_KEY", "sk-ears".into()),
            ("OMI_STT__DEEPGRAM__URL", self.url.clone()),
            ("OMI_STT__DEEPGRAM__API_KEY", "dg-ears".into()),
        ]
    }
}

/// Tells what it was sent, as some do.
fn refusal(status: u16, headers: &HeaderMap) -> Response {
    let key = headers
        .get("authorization")
        .map(|key| key.to_str().unwrap());
    let body =
        Json(json!({"error": {"message": format!("not today, {}", key.unwrap_or_default())}}));
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

fn find(body: &[u8], wanted: &[u8]) -> Option<usize> {
    body.windows(wanted.len()).position(|part| part == wanted)
}

async fn transcribe(State(shared): State<Handle>, headers: HeaderMap, body: Bytes) -> Response {
    let file = find(&body, b"RIFF").unwrap();
    let fields = String::from_utf8(body[..file].to_vec()).unwrap();
    let boundary = &body[..find(&body, b"\r\n").unwrap()];
    let end = file + find(&body[file..], boundary).unwrap() - 2;
    let pcm = &body[file + 44..end];
    let wants_times = fields.contains("verbose_json");
    let script = {
        let mut shared = lock(&shared);
        let script = shared.openai.clone().unwrap_or(Script::Says);
        shared.begin(&headers, fields, script)
    };
    match script {
        Script::Refuses(status) => return refusal(status, &headers),
        Script::Garbage => return "<html>Welcome</html>".into_response(),
        Script::Plain if wants_times => return refusal(400, &headers),
        Script::Hangs => tokio::time::sleep(Duration::from_secs(60)).await,
        Script::Slow(delay) => tokio::time::sleep(delay).await,
        Script::Breaks(left) if left > 0 => {
            lock(&shared).openai = Some(Script::Breaks(left - 1));
            // Half of a chunked body.
            let broken = futures_util::stream::iter([
                Ok(Bytes::from("{\"te")),
                Err(std::io::Error::other("broken")),
            ]);
            return axum::body::Body::from_stream(broken).into_response();
        }
        _ => {}
    }
    // Silence is no sentence.
    if script == Script::Nothing || pcm.iter().all(|byte| *byte == 0) {
        return Json(json!({"text": "", "segments": []})).into_response();
    }
    let text = format!(" Sentence {}.", lock(&shared).number(pcm));
    if !wants_times {
        return Json(json!({"text": text})).into_response();
    }
    let seconds = pcm.len() as f64 / 32_000.0;
    Json(json!({
        "task": "transcribe", "language": "german", "duration": seconds, "text": text,
        "segments": [{"id": 0, "start": 0.5, "end": seconds - 0.3, "text": text,
                      "avg_logprob": -0.2, "no_speech_prob": 0.01}],
    }))
    .into_response()
}

async fn listen(
    State(shared): State<Handle>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response {
    let query = query.unwrap_or_default();
    let names_words = query.contains("&keyterm=") || query.contains("&keywords=");
    let script = {
        let mut shared = lock(&shared);
        let script = shared.deepgram.clone().unwrap_or(Script::Says);
        shared.begin(&headers, query, script)
    };
    match script {
        Script::KnowsNoWords if names_words => refusal(400, &headers),
        Script::Refuses(status) => refusal(status, &headers),
        _ => upgrade.on_upgrade(move |socket| hear(shared, socket)),
    }
}

async fn hear(shared: Handle, mut socket: WebSocket) {
    // Seconds before the utterance in progress, and its sound.
    let mut before = 0.0;
    let mut pcm: Vec<u8> = Vec::new();
    while let Some(Ok(message)) = socket.recv().await {
        let text = match message {
            Message::Binary(bytes) => {
                pcm.extend_from_slice(&bytes);
                let script = lock(&shared).deepgram.clone();
                match script {
                    Some(Script::Breaks(left)) if left > 0 && pcm.len() > 32_000 => {
                        lock(&shared).deepgram = Some(Script::Breaks(left - 1));
                        return;
                    }
                    _ => continue,
                }
            }
            Message::Text(text) => text,
            _ => continue,
        };
        let told: Value = serde_json::from_str(&text).unwrap();
        let told = told["type"].as_str().unwrap().to_owned();
        lock(&shared).seen.told.push(told.clone());
        match told.as_str() {
            "Finalize" => {
                let script = lock(&shared).deepgram.clone().unwrap_or(Script::Says);
                if matches!(script, Script::Refuses(_)) {
                    return;
                }
                for answer in answers(&shared, script, &pcm, before).await {
                    if socket.send(Message::text(answer)).await.is_err() {
                        return;
                    }
                }
                before += pcm.len() as f64 / 32_000.0;
                pcm.clear();
            }
            "CloseStream" => {
                let metadata = json!({"type": "Metadata", "duration": before});
                let _ = socket.send(Message::text(metadata.to_string())).await;
                return;
            }
            _ => {}
        }
    }
}

async fn answers(shared: &Handle, script: Script, pcm: &[u8], before: f64) -> Vec<String> {
    match script {
        Script::Garbage => return vec!["{nonsense".into()],
        Script::Hangs => return Vec::new(),
        Script::Slow(delay) => tokio::time::sleep(delay).await,
        _ => {}
    }
    let number = lock(shared).number(pcm);
    let (middle, end) = (before + 1.0, before + pcm.len() as f64 / 32_000.0);
    let word = |word: String, start: f64, speaker: u32| {
        json!({"word": word.to_lowercase(), "punctuated_word": word, "start": start, "end": start + 0.2,
               "confidence": 0.9, "speaker": speaker})
    };
    let results = |start: f64, end: f64, last: bool, words: Vec<Value>| {
        let transcript: Vec<_> = words
            .iter()
            .map(|word| word["punctuated_word"].as_str().unwrap())
            .collect();
        let alternative =
            json!({"transcript": transcript.join(" "), "confidence": 0.9, "words": words});
        json!({"type": "Results", "start": start, "duration": end - start, "is_final": true, "speech_final": last,
               "from_finalize": last, "channel": {"alternatives": [alternative]}})
        .to_string()
    };
    let mut rest = vec![word(format!("{number}."), middle + 0.1, 0)];
    if script == Script::Answers {
        rest.push(word("Answer".into(), middle + 0.5, 1));
        rest.push(word(format!("{number}."), middle + 0.7, 1));
    }
    vec![
        json!({"type": "SpeechStarted", "timestamp": before}).to_string(),
        results(
            before,
            middle,
            false,
            vec![word("Sentence".into(), before + 0.5, 0)],
        ),
        results(middle, end, true, rest),
    ]
}
