//! Tests of fetching against a small server on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse as _;

use reqwest::StatusCode;
use reqwest::header::CONTENT_RANGE;
use sha1::{Digest as _, Sha1};

use super::*;
use crate::platform::model_files::open_part;

const BYTES: usize = 300_000;

fn content() -> Vec<u8> {
    (0..BYTES).map(|n| (n * n / 7) as u8).collect()
}

/// The SHA-1 of `content()`, as a model of that content.
fn model() -> Model {
    let sha1 = hex::encode(Sha1::digest(content()));
    Model {
        name: "test",
        bytes: BYTES as u64,
        sha1: sha1.leak(),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Good,
    /// Takes no notice of ranges.
    NoRanges,
    /// Sends other bytes.
    Wrong,
    /// Sends more bytes than it should.
    TooLong,
    Missing,
}

#[derive(Clone)]
struct Peer {
    kind: Kind,
    /// The `Range` of each request, empty if there was none.
    ranges: Arc<Mutex<Vec<String>>>,
}

async fn answer(State(peer): State<Peer>, headers: HeaderMap) -> axum::response::Response {
    let range = headers
        .get("range")
        .map(|value| value.to_str().unwrap().to_owned());
    peer.ranges
        .lock()
        .unwrap()
        .push(range.clone().unwrap_or_default());
    let mut body = content();
    match peer.kind {
        Kind::Missing => return StatusCode::NOT_FOUND.into_response(),
        Kind::Wrong => body[5] ^= 1,
        Kind::TooLong => body.push(0),
        Kind::Good | Kind::NoRanges => {}
    }
    match range {
        Some(range) if peer.kind != Kind::NoRanges => {
            let from: usize = range["bytes=".len()..]
                .trim_end_matches('-')
                .parse()
                .unwrap();
            let header = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
            let headers = [(CONTENT_RANGE, header)];
            (StatusCode::PARTIAL_CONTENT, headers, body.split_off(from)).into_response()
        }
        _ => body.into_response(),
    }
}

/// Starts the peer; gives its address and the ranges it was asked for.
async fn peer(kind: Kind) -> (String, Arc<Mutex<Vec<String>>>) {
    let peer = Peer {
        kind,
        ranges: Arc::default(),
    };
    let ranges = peer.ranges.clone();
    let router = Router::new()
        .route("/models/ggml-test.bin", axum::routing::get(answer))
        .with_state(peer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/models/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, ranges)
}

async fn fetched(source: &str, dir: &Path) -> Result<PathBuf, ModelError> {
    fetch_from(source, &model(), dir, |_, _| ()).await
}

#[tokio::test]
async fn a_model_is_fetched_once() {
    let (url, ranges) = peer(Kind::Good).await;
    let dir = tempfile::tempdir().unwrap();
    let models = dir.path().join("deep/models");
    let seen = Mutex::new(Vec::new());
    let note = |done, total| seen.lock().unwrap().push((done, total));
    let path = fetch_from(&url, &model(), &models, note).await.unwrap();
    assert_eq!(path, models.join("ggml-test.bin"));
    assert!(std::fs::read(&path).unwrap() == content());
    assert!(!models.join("ggml-test.bin.part").exists());
    let seen = seen.into_inner().unwrap();
    assert!(seen.is_sorted());
    assert_eq!(seen.last(), Some(&(BYTES as u64, BYTES as u64)));

    fetched(&url, &models).await.unwrap();
    assert_eq!(*ranges.lock().unwrap(), [""]);
    assert_eq!(locate(&models, "test"), Some(path));
}

#[tokio::test]
async fn an_interrupted_download_goes_on() {
    let (url, ranges) = peer(Kind::Good).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ggml-test.bin.part"), &content()[..100_000]).unwrap();
    let path = fetched(&url, dir.path()).await.unwrap();
    assert!(std::fs::read(&path).unwrap() == content());
    assert_eq!(*ranges.lock().unwrap(), ["bytes=100000-"]);
}

#[tokio::test]
async fn a_server_without_ranges_sends_all_again() {
    let (url, _) = peer(Kind::NoRanges).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ggml-test.bin.part"), &content()[..100_000]).unwrap();
    let path = fetched(&url, dir.path()).await.unwrap();
    assert!(std::fs::read(&path).unwrap() == content());
}

#[tokio::test]
async fn a_complete_part_needs_no_server() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ggml-test.bin.part"), content()).unwrap();
    fetched("http://127.0.0.1:1", dir.path()).await.unwrap();
}

#[tokio::test]
async fn wrong_bytes_are_deleted() {
    for kind in [Kind::Wrong, Kind::TooLong] {
        let (url, _) = peer(kind).await;
        let dir = tempfile::tempdir().unwrap();
        let error = fetched(&url, dir.path()).await.unwrap_err();
        assert!(matches!(error, ModelError::Wrong { .. }), "{error}");
        assert_eq!(
            error.to_string().contains("SHA-1"),
            kind == Kind::Wrong,
            "{error}"
        );
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_damaged_model_is_replaced() {
    let (url, _) = peer(Kind::Good).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ggml-test.bin"), vec![0; BYTES]).unwrap();
    let path = fetched(&url, dir.path()).await.unwrap();
    assert!(std::fs::read(&path).unwrap() == content());
}

#[tokio::test]
async fn refusals_say_where_and_what_next() {
    let (url, _) = peer(Kind::Missing).await;
    let dir = tempfile::tempdir().unwrap();
    for source in [url.as_str(), "http://127.0.0.1:1/models"] {
        let error = fetched(source, dir.path()).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, ModelError::Download { .. }), "{text}");
        assert!(
            text.contains("/ggml-test.bin") && text.contains("fetch again"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn two_at_once_do_not_write_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let _held = open_part(&dir.path().join("ggml-test.bin.part")).unwrap();
    let error = fetched("http://127.0.0.1:1", dir.path()).await.unwrap_err();
    assert!(matches!(error, ModelError::Busy { .. }), "{error}");
}

#[test]
fn models_are_found_by_name_and_by_path() {
    assert_eq!(find("base").unwrap().file_name(), "ggml-base.bin");
    assert!(find("enormous").is_none());
    for model in MODELS.iter() {
        assert_eq!(hex::decode(model.sha1).unwrap().len(), 20);
    }
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("own.bin");
    std::fs::write(&own, b"x").unwrap();
    std::fs::write(dir.path().join("ggml-large-v3.bin"), b"x").unwrap();
    assert_eq!(locate(dir.path(), own.to_str().unwrap()), Some(own));
    assert!(locate(dir.path(), "large-v3").is_some());
    assert!(locate(dir.path(), "base").is_none());
}
