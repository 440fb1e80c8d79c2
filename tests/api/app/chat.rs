//! What tests of chat share: a reader of its stream that takes nothing but what Omi's app takes.

use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{
    Server,
    postgres::digests,
    server::{User, client},
};

pub const PATH: &str = "/v2/messages";

/// All of an answer.
#[derive(Debug, Default)]
pub struct Told {
    /// A question that was spoken.
    pub asked: Option<Value>,
    pub statuses: Vec<String>,
    pub words: Vec<String>,
    pub done: Option<Value>,
}

impl Told {
    pub fn text(&self) -> String {
        self.words.concat()
    }

    #[track_caller]
    pub fn message(&self) -> &Value {
        self.done.as_ref().unwrap_or_else(|| panic!("{self:#?}"))
    }

    #[track_caller]
    pub fn final_text(&self) -> &str {
        self.message()["text"].as_str().unwrap()
    }
}

/// Reads a stream piece by piece, wherever it is cut.
#[derive(Default)]
pub struct Reader {
    buffer: Vec<u8>,
    pub told: Told,
}

impl Reader {
    #[track_caller]
    pub fn take(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        while let Some(at) = self.buffer.windows(2).position(|two| two == b"\n\n") {
            let frame: Vec<u8> = self.buffer.drain(..at + 2).collect();
            self.frame(std::str::from_utf8(&frame[..at]).unwrap());
        }
    }

    #[track_caller]
    fn frame(&mut self, frame: &str) {
        assert!(self.told.done.is_none(), "after the last frame: {frame:?}");
        assert!(!frame.contains(['\n', '\r']), "{frame:?}");
        if let Some(text) = frame.strip_prefix("message: ") {
            let first = self.told.asked.is_none() && self.told.statuses.is_empty();
            assert!(first, "not the first frame: {frame:?}");
            self.told.asked = Some(serde_json::from_slice(&unbase64(text)).unwrap());
        } else if let Some(text) = frame.strip_prefix("think: ") {
            assert!(
                self.told.words.is_empty(),
                "thinking after words: {frame:?}"
            );
            self.told.statuses.push(text.into());
        } else if let Some(text) = frame.strip_prefix("data: ") {
            assert!(!text.is_empty());
            self.told.words.push(text.replace("__CRLF__", "\n"));
        } else if let Some(text) = frame.strip_prefix("done: ") {
            self.told.done = Some(serde_json::from_slice(&unbase64(text)).unwrap());
        } else {
            panic!("no frame that Omi's app knows: {frame:?}");
        }
    }

    #[track_caller]
    pub fn end(self) -> Told {
        assert!(
            self.buffer.is_empty(),
            "{:?}",
            String::from_utf8_lossy(&self.buffer)
        );
        assert!(self.told.done.is_some(), "no last frame: {:#?}", self.told);
        self.told
    }
}

/// Standard alphabet, padded.
pub fn unbase64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    assert_eq!(text.len() % 4, 0, "{text}");
    let digits = text.trim_end_matches('=');
    assert!(text.len() - digits.len() <= 2, "{text}");
    let (mut bits, mut count, mut bytes) = (0u32, 0, Vec::new());
    for digit in digits.bytes() {
        let value = ALPHABET.iter().position(|known| *known == digit);
        bits = bits << 6 | value.unwrap_or_else(|| panic!("{text}")) as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// The response to a question, not yet read.
pub async fn open(server: &Server, user: &User, query: &str, body: &Value) -> reqwest::Response {
    let response = client()
        .request(Method::POST, format!("{}{PATH}{query}", server.url))
        .bearer_auth(&user.token)
        .json(body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200, "{}", server.log());
    let kind = response.headers()["content-type"].to_str().unwrap();
    assert_eq!(kind, "text/event-stream; charset=utf-8");
    response
}

/// Asks and reads to the end; what came is read again in other cuts.
pub async fn ask_with(server: &Server, user: &User, query: &str, body: Value) -> Told {
    let response = open(server, user, query, &body).await;
    let mut pieces = response.bytes_stream();
    let (mut reader, mut all) = (Reader::default(), Vec::new());
    while let Some(piece) = pieces.next().await {
        let piece = piece.unwrap();
        reader.take(&piece);
        all.extend_from_slice(&piece);
    }
    let told = reader.end();
    for size in [1, 2, 7, all.len()] {
        let mut reader = Reader::default();
        all.chunks(size).for_each(|cut| reader.take(cut));
        let again = reader.end();
        assert_eq!(format!("{again:?}"), format!("{told:?}"));
    }
    told
}

pub async fn ask(server: &Server, user: &User, text: &str) -> Told {
    ask_with(server, user, "", json!({"text": text, "file_ids": []})).await
}

/// Newest first.
pub async fn history(server: &Server, user: &User, query: &str) -> Vec<Value> {
    let answer = server.get(&format!("{PATH}{query}"), &user.token).await;
    answer.ok().as_array().unwrap().clone()
}

/// A digest of all rows besides those that a chat writes, that any request may count, and that the index of search makes of
/// the others.
pub async fn everything_else(db: &PgPool) -> Vec<(String, Option<String>)> {
    digests(
        db,
        &["messages", "rate_windows", "search_%", "_sqlx_migrations"],
    )
    .await
}

/// Every key that Omi's app and web client read, and nothing else.
#[track_caller]
pub fn assert_message(message: &Value, sender: &str) {
    let keys: Vec<_> = message.as_object().unwrap().keys().collect();
    let mut expected = vec![
        "app_id",
        "chart_data",
        "chat_session_id",
        "created_at",
        "data_protection_level",
        "files",
        "files_id",
        "from_external_integration",
        "id",
        "langsmith_run_id",
        "memories",
        "memories_id",
        "plugin_id",
        "prompt_commit",
        "prompt_name",
        "rating",
        "report_reason",
        "reported",
        "sender",
        "text",
        "type",
    ];
    if message.get("ask_for_nps").is_some() {
        expected.insert(0, "ask_for_nps");
        expected.sort();
    }
    assert_eq!(keys, expected);
    assert_eq!(message["sender"], sender);
    assert_eq!(message["type"], "text");
    assert_eq!(message["plugin_id"], message["app_id"]);
    assert_eq!(message["chart_data"], Value::Null);
    assert!(message["created_at"].as_str().unwrap().ends_with('Z'));
}
