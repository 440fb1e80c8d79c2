//! `/v2/messages`, `/v2/initial-message`

use std::convert::Infallible;

use axum::{
    Json,
    body::{Body as HttpBody, Bytes},
    extract::State,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures_util::{Stream, StreamExt as _};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::App,
    features::{
        chat::{self, Asked, Context, Event, Message, Thread},
        credentials::Caller,
    },
    surfaces::{
        extract::{Body, Query},
        respond::Result,
    },
};

/// What stands for the end of a line inside a frame.
const LINE_END: &str = "__CRLF__";

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// The app that is talked to; left out, empty or `null`: none.
    #[param(max_length = 200)]
    app_id: Option<String>,
    /// The same, under its old name.
    #[param(max_length = 200)]
    plugin_id: Option<String>,
}

impl Which {
    pub(super) fn thread(&self) -> Result<Thread> {
        let named = |id: &&String| !matches!(id.trim(), "" | "null");
        let app_id = self.app_id.as_ref().filter(named);
        let id = app_id.or(self.plugin_id.as_ref().filter(named));
        Ok(Thread::of_app(id.map(String::as_str))?)
    }
}

#[derive(Deserialize, ToSchema)]
pub struct Question {
    #[schema(min_length = 1, max_length = 20_000, pattern = r"[^\s\x00]")]
    text: String,
    /// Of files that go with it. Those that are not there, or went with another question, do not count.
    #[serde(default)]
    file_ids: Option<Vec<String>>,
    /// What the user looks at.
    #[serde(default)]
    context: Option<Context>,
}

/// As a reader of server-sent events sees the stream: `think` and `done` are no fields that it knows.
#[derive(ToSchema)]
#[allow(dead_code)] // For the documents.
pub struct AnswerEvent {
    /// The next words.
    data: String,
}

/// Ask a question. The answer is streamed in frames with a blank line after each: `think: ` and what is being done,
/// `data: ` and the next words, at last `done: ` and the whole message as JSON in base64: a `Message` with `ask_for_nps`,
/// whether something was looked up for it. `__CRLF__` inside a frame stands for the end of a line. Marks such as `[1]` in the words are citations; the whole message has none.
#[utoipa::path(post, path = "/v2/messages", tag = "chat", params(Which), request_body = Question,
    responses((status = 200, body = AnswerEvent, content_type = "text/event-stream; charset=utf-8")))]
pub async fn ask(
    State(app): State<App>,
    caller: Caller,
    Query(which): Query<Which>,
    Body(question): Body<Question>,
) -> Result<Response> {
    let ids = question.file_ids.unwrap_or_default();
    let asked = Asked {
        text: question.text,
        files: ids.iter().filter_map(|id| id.parse().ok()).collect(),
        context: question.context,
    };
    let answering = chat::ask(&app, &caller, which.thread()?, asked).await?;
    Ok(told(answering.events.map(|event| frame(&event))))
}

/// A response of frames.
pub(super) fn told(frames: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let frames = frames.map(Ok::<_, Infallible>);
    let told = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream; charset=utf-8"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // Reverse proxies are not to collect the words.
        (
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ];
    (told, HttpBody::from_stream(frames)).into_response()
}

/// The frame of a question that was spoken.
pub(super) fn heard(message: &Message) -> Bytes {
    let json = serde_json::to_vec(message).unwrap_or_default();
    Bytes::from(format!("message: {}\n\n", base64(&json)))
}

/// Anything else on this stream, a comment too, has Omi's app stop reading.
pub(super) fn frame(event: &Event) -> Bytes {
    let (prefix, text) = match event {
        Event::Status(text) => ("think", on_one_line(text)),
        Event::Words(text) => ("data", on_one_line(text)),
        Event::Done(answered) => {
            let json = serde_json::to_vec(answered).unwrap_or_default();
            ("done", base64(&json))
        }
    };
    Bytes::from(format!("{prefix}: {text}\n\n"))
}

fn on_one_line(text: &str) -> String {
    text.replace("\r\n", LINE_END)
        .replace(['\n', '\r'], LINE_END)
}

/// The standard alphabet, padded (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |n: usize| u32::from(three.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            let digit = (bits >> (18 - 6 * n)) as usize & 63;
            text.push(if n > three.len() {
                '='
            } else {
                char::from(ALPHABET[digit])
            });
        }
    }
    text
}

/// The newest messages of a thread, newest first, at most 100. A thread without messages begins with a greeting.
#[utoipa::path(get, path = "/v2/messages", tag = "chat", params(Which),
    responses((status = 200, body = Vec<Message>)))]
pub async fn history(
    State(app): State<App>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Vec<Message>>> {
    Ok(Json(chat::history(&app, &caller, &which.thread()?).await?))
}

/// Forget a thread; it begins anew with the greeting that is answered.
#[utoipa::path(delete, path = "/v2/messages", tag = "chat", params(Which),
    responses((status = 200, body = Message)))]
pub async fn clear(
    State(app): State<App>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Message>> {
    Ok(Json(chat::clear(&app, &caller, &which.thread()?).await?))
}

/// Have a thread greeted, following on what was said last.
#[utoipa::path(post, path = "/v2/initial-message", tag = "chat", params(Which),
    responses((status = 200, body = Message)))]
pub async fn greet(
    State(app): State<App>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Message>> {
    Ok(Json(chat::greet(&app, &caller, &which.thread()?).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
            ("ÿþ~?", "w7/Dvn4/"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_frame_is_one_line() {
        let words = Event::Words(" a\r\nb\n\nc\rdone: d".into());
        let expected = "data:  a__CRLF__b__CRLF____CRLF__c__CRLF__done: d\n\n";
        assert_eq!(frame(&words), expected.as_bytes());
        let status = Event::Status("Searching conversations");
        assert_eq!(
            frame(&status),
            "think: Searching conversations\n\n".as_bytes()
        );
    }
}
