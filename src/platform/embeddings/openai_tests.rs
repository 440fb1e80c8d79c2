//! Tests against a scripted endpoint on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse as _;
use axum::{Json, Router, routing::post};
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::super::{EmbedError, Embedder, Engine, Provider, Settings};
use super::*;

enum Reply {
    /// From last to first, by index.
    Shuffled,
    Base64,
    NoIndex,
    Dimension(usize),
    Status(u16, Option<&'static str>, Value),
    Other(Value),
}

#[derive(Clone, Default)]
struct Peer {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    /// Authorization and body of each request.
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

/// A text's vector: its length and its first byte, then zeros.
fn numbers(text: &str, dimension: usize) -> Vec<f32> {
    let mut numbers = vec![0.0; dimension];
    numbers[0] = text.len() as f32;
    numbers[1] = f32::from(text.as_bytes()[0]);
    numbers
}

async fn answer(
    State(peer): State<Peer>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> axum::response::Response {
    let reply = peer.replies.lock().unwrap().pop_front();
    let reply = reply.unwrap_or(Reply::Dimension(4));
    let texts: Vec<String> = serde_json::from_value(body["input"].clone()).unwrap();
    let authorization = headers
        .get("authorization")
        .map(|value| value.to_str().unwrap());
    let asked = (authorization.unwrap_or_default().to_owned(), body);
    peer.asked.lock().unwrap().push(asked);
    let items = |make: &dyn Fn(usize, &str) -> Value| -> Vec<Value> {
        let items = texts.iter().enumerate();
        items.map(|(index, text)| make(index, text)).collect()
    };
    let plain = |index: usize, text: &str| json!({"index": index, "embedding": numbers(text, 4)});
    let data = match reply {
        Reply::Shuffled => items(&plain).into_iter().rev().collect(),
        Reply::Base64 => items(&|index, text| {
            let bytes: Vec<u8> = numbers(text, 4)
                .iter()
                .flat_map(|x| x.to_le_bytes())
                .collect();
            json!({"index": index, "embedding": BASE64_STANDARD.encode(bytes)})
        }),
        Reply::NoIndex => items(&|_, text| json!({"embedding": numbers(text, 4)})),
        Reply::Dimension(dimension) => {
            items(&|index, text| json!({"index": index, "embedding": numbers(text, dimension)}))
        }
        Reply::Status(status, retry_after, body) => {
            let status = StatusCode::from_u16(status).unwrap();
            let headers = retry_after.map(|value| [(RETRY_AFTER, value)]);
            return match headers {
                Some(headers) => (status, headers, Json(body)).into_response(),
                None => (status, Json(body)).into_response(),
            };
        }
        Reply::Other(body) => return Json(body).into_response(),
    };
    Json(json!({"object": "list", "data": data, "model": "m"})).into_response()
}

async fn start(replies: impl IntoIterator<Item = Reply>) -> (Embedder, Peer) {
    let peer = Peer::default();
    peer.replies.lock().unwrap().extend(replies);
    let router = Router::new()
        .route("/v1/embeddings", post(answer))
        .with_state(peer.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (at(&url), peer)
}

fn at(url: &str) -> Embedder {
    let settings = Settings {
        provider: Provider::OpenAi,
        model: "m".into(),
        models_dir: "/nowhere".into(),
        url: url.into(),
        api_key: "sk-secret".to_owned().into(),
        batch: 64,
        timeout: Duration::from_secs(5),
    };
    Embedder::start(&settings).unwrap().unwrap()
}

fn of_length_one(text: &str) -> Vec<f32> {
    let mut vector = numbers(text, 4);
    assert!(normalise(&mut vector));
    vector
}

fn texts(numbers: std::ops::Range<usize>) -> Vec<String> {
    // Of different lengths, not in their order.
    numbers
        .map(|number| format!("{number}{}", "x".repeat(number * 7 % 50)))
        .collect()
}

#[tokio::test]
async fn every_dialect_gives_vectors_in_order() {
    for reply in [Reply::Shuffled, Reply::Base64, Reply::NoIndex] {
        let (embedder, peer) = start([reply]).await;
        assert_eq!(embedder.dimension(), None);
        let vectors = embedder.embed(texts(0..9)).await.unwrap();
        let expected: Vec<_> = texts(0..9).iter().map(|text| of_length_one(text)).collect();
        assert_eq!(vectors, expected);
        assert_eq!(embedder.dimension(), Some(4));
        let asked = peer.asked.lock().unwrap();
        assert_eq!(asked[0].0, "Bearer sk-secret");
        assert_eq!(asked[0].1["model"], "m");
    }
}

#[tokio::test]
async fn many_texts_go_in_batches() {
    let (embedder, peer) = start([]).await;
    let vectors = embedder.embed(texts(0..150)).await.unwrap();
    let expected: Vec<_> = texts(0..150)
        .iter()
        .map(|text| of_length_one(text))
        .collect();
    assert_eq!(vectors, expected);
    let sizes: Vec<usize> = {
        let asked = peer.asked.lock().unwrap();
        asked
            .iter()
            .map(|(_, body)| body["input"].as_array().unwrap().len())
            .collect()
    };
    assert_eq!(sizes, [64, 64, 22]);
    assert!(embedder.embed(Vec::new()).await.unwrap().is_empty());

    // Endpoints refuse an empty text and one that is too long.
    embedder
        .embed(vec![" \n".into(), "y".repeat(100_000)])
        .await
        .unwrap();
    let asked = peer.asked.lock().unwrap();
    let input = &asked.last().unwrap().1["input"];
    assert_eq!(input[0], ".");
    assert_eq!(input[1].as_str().unwrap().len(), 8_000);
}

#[tokio::test]
async fn a_busy_endpoint_is_asked_again() {
    let busy = || Reply::Status(429, Some("1"), json!({}));
    let (embedder, peer) = start([busy(), Reply::Status(503, None, json!({})), busy()]).await;
    let begun = Instant::now();
    embedder.embed(texts(0..1)).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(2));
    assert_eq!(peer.asked.lock().unwrap().len(), 4);

    // Nobody waits an hour for a search.
    let (embedder, peer) = start([Reply::Status(429, Some("3600"), json!({}))]).await;
    let error = embedder.embed_query("x").await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert!(error.to_string().contains("429"), "{error}");
    assert_eq!(peer.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_wrong_answer_is_an_error_that_lasts() {
    let one =
        |embedding: Value| Reply::Other(json!({"data": [{"index": 0, "embedding": embedding}]}));
    let refused = json!({"error": {"message": "no such key"}});
    for (reply, words) in [
        (
            Reply::Status(401, None, refused),
            "no such key; check embeddings.api_key",
        ),
        (
            Reply::Status(404, None, json!({"error": "m?"})),
            "m?; check embeddings.url",
        ),
        (Reply::Status(307, None, json!({})), "307"),
        (
            Reply::Other(json!({"data": []})),
            "one embedding for each of 1",
        ),
        (Reply::Other(json!({"answer": 42})), "no list of embeddings"),
        (
            Reply::Other(json!({"data": [{"index": 7, "embedding": [1, 2]}]})),
            "one embedding",
        ),
        (one(json!([0, 0])), "without a direction"),
        (one(json!([1e39, 1])), "direction"),
        (one(json!([])), "without a direction"),
        (one(json!("AAA=")), "base64"),
        (one(json!("*")), "base64"),
    ] {
        let (embedder, peer) = start([reply]).await;
        let error = embedder.embed_query("my private words").await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(words), "{words}: {text}");
        assert!(!error.is_temporary(), "{text}");
        assert!(
            !text.contains("secret") && !text.contains("private"),
            "{text}"
        );
        assert_eq!(peer.asked.lock().unwrap().len(), 1, "{text}");
    }
}

#[tokio::test]
async fn the_dimension_stays() {
    let (embedder, _) = start([Reply::Dimension(4), Reply::Dimension(5)]).await;
    embedder.embed_query("x").await.unwrap();
    let error = embedder.embed_query("x").await.unwrap_err();
    assert!(error.to_string().contains("5 numbers"), "{error}");
    assert_eq!(embedder.dimension(), Some(4));
    embedder.embed_query("x").await.unwrap();
}

#[tokio::test]
async fn an_endpoint_that_is_away_is_named_without_its_password() {
    let embedder = at("http://me:hidden@127.0.0.1:1/v1?key=hidden");
    let error = embedder.embed_query("x").await.unwrap_err();
    assert!(error.is_temporary());
    assert!(
        error.to_string().contains("http://127.0.0.1:1/v1"),
        "{error}"
    );
    assert!(!error.to_string().contains("hidden"), "{error}");
    let EmbedError::Endpoint { .. } = error else {
        panic!("{error}")
    };
}

#[tokio::test]
async fn one_that_hangs_is_not_asked_by_the_next_query() {
    // Takes connections, and never answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let embedder = at(&format!("http://{}/v1", listener.local_addr().unwrap()));
    let begun = Instant::now();
    let error = embedder.embed_query("x").await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert!(begun.elapsed() >= QUERY_TIMEOUT);
    assert!(begun.elapsed() < QUERY_TIMEOUT + Duration::from_secs(2));
    let begun = Instant::now();
    let error = embedder.embed_query("x").await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(1));
    // Until it was left alone for long enough.
    let Engine::Endpoint(endpoint) = &embedder.0.engine else {
        panic!("not an endpoint")
    };
    *endpoint.silent() = Instant::now().checked_sub(LEFT_ALONE);
    let begun = Instant::now();
    embedder.embed_query("x").await.unwrap_err();
    assert!(begun.elapsed() >= QUERY_TIMEOUT);
}

#[test]
fn another_place_is_another_model() {
    let (here, there) = (at("http://127.0.0.1:1/v1"), at("http://127.0.0.1:2/v1"));
    assert!(here.model_id().starts_with("openai:m@"));
    assert_ne!(here.model_id(), there.model_id());
    assert_eq!(here.model_id(), at("http://127.0.0.1:1/v1/").model_id());
}
