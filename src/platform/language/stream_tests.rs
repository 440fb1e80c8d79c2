//! Streams of scripted endpoints.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use super::{
    Language, LanguageError, Message,
    peer_tests::{Peer, collect, refuses, said},
};

fn events(text: &str) -> Response {
    ([("content-type", "text/event-stream")], text.to_string()).into_response()
}

fn delta(text: &str) -> String {
    json!({"choices": [{"index": 0, "delta": {"content": text}}]}).to_string()
}

async fn talk(peer: &Peer) -> (Vec<String>, Option<LanguageError>) {
    let talk = [Message::system("Be short."), Message::user("hello")];
    match peer.language().stream("user", "chat", &talk).await {
        Ok(words) => collect(words).await,
        Err(error) => (Vec::new(), Some(error)),
    }
}

#[tokio::test]
async fn words_come_as_they_are_written() {
    let (one, two) = (delta("Grüße "), delta("aus 東京 🧠\0"));
    let role = json!({"choices": [{"delta": {"role": "assistant", "content": ""}}]});
    let thought = json!({"choices": [{"delta": {"reasoning_content": "hm"}}]});
    let stop = json!({"choices": [{"delta": {}, "finish_reason": "stop"}]});
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}});
    let tidy = format!(
        "data: {role}\n\ndata: {thought}\n\ndata: {one}\n\ndata: {two}\n\ndata: {stop}\n\ndata: {usage}\n\ndata: [DONE]\n\n"
    );
    let carriage = format!(
        ": keep alive\r\n\r\nevent: message\r\ndata:{role}\r\n\r\ndata:{one}\r\n\r\n: ping\r\n\r\ndata:{two}\r\n\r\ndata:{stop}\r\n\r\ndata:[DONE]\r\n\r\n"
    );
    let no_done = format!("data: {one}\n\ndata: {two}\n\ndata: {stop}");
    let no_stop = format!("data: {one}\n\ndata: {two}\n\ndata: [DONE]");
    let crowded = format!("data: {one}\ndata: {two}\ndata: {stop}\ndata: [DONE]\n");
    for text in [tidy, carriage, no_done, no_stop, crowded] {
        let whole = text.clone();
        let peer = Peer::start(move |_, _| events(&whole)).await;
        let (pieces, error) = talk(&peer).await;
        assert_eq!(pieces, ["Grüße ", "aus 東京 🧠"], "{text}");
        assert!(error.is_none(), "{error:?} {text}");
        let request = &peer.requests()[0];
        assert_eq!(request["stream"], true);
        assert_eq!(request["stream_options"]["include_usage"], true);

        // A byte at a time, so that characters are cut as well.
        let bytes = text.into_bytes();
        let peer = Peer::start(move |_, _| {
            let bytes = bytes.clone();
            let chunks = stream::iter(bytes).then(async |byte| {
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(vec![byte])
            });
            Body::from_stream(chunks).into_response()
        })
        .await;
        let (pieces, error) = talk(&peer).await;
        assert_eq!(pieces.concat(), "Grüße aus 東京 🧠");
        assert!(error.is_none(), "{error:?}");
    }
    // One that does not stream at all.
    let peer = Peer::start(|_, _| said("Hello.")).await;
    let (pieces, error) = talk(&peer).await;
    assert_eq!(pieces, ["Hello."]);
    assert!(error.is_none());
    // One that does not know how to count.
    let peer = Peer::start(|_, body| match body.get("stream_options") {
        Some(_) => refuses(400, "stream_options: extra field"),
        None => events(&format!("data: {}\n\ndata: [DONE]\n\n", delta("Hi"))),
    })
    .await;
    assert_eq!(talk(&peer).await.0, ["Hi"]);
}

#[tokio::test]
async fn a_stream_that_breaks_says_so_after_what_came() {
    let begun = format!("data: {}\n\n", delta("Once"));
    let broken = {
        let begun = begun.clone();
        Peer::start(move |_, _| {
            let begun = begun.clone();
            let chunks =
                stream::iter([Ok(begun), Err(std::io::Error::other("gone"))]).then(async |item| {
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    item
                });
            Body::from_stream(chunks).into_response()
        })
        .await
    };
    let cut = {
        let begun = begun.clone();
        Peer::start(move |_, _| events(&format!("{begun}data: {{\"choi"))).await
    };
    let failing = {
        let begun = begun.clone();
        Peer::start(move |_, _| {
            events(&format!(
                "{begun}data: {{\"error\": {{\"message\": \"out of memory\"}}}}\n\ndata: [DONE]\n\n"
            ))
        })
        .await
    };
    // Comments and empty deltas are no words.
    let dripping = {
        let begun = begun.clone();
        Peer::start(move |_, _| {
            let first = begun.clone();
            let drip = stream::unfold(0_u32, move |number| {
                let first = first.clone();
                async move {
                    tokio::time::sleep(Duration::from_millis(25)).await;
                    let empty = format!("data: {}\n\n", delta(""));
                    let text = match number {
                        0 => first,
                        _ if number % 2 == 0 => empty,
                        _ => ": wait\n\n".into(),
                    };
                    Some((Ok::<_, Infallible>(text), number + 1))
                }
            });
            Body::from_stream(drip).into_response()
        })
        .await
    };
    for (name, peer) in [
        ("broken", broken),
        ("cut", cut),
        ("failing", failing),
        ("dripping", dripping),
    ] {
        let begun = Instant::now();
        let (pieces, error) = talk(&peer).await;
        assert_eq!(pieces, ["Once"], "{name}");
        let error = error.unwrap();
        assert!(error.is_temporary(), "{name}: {error}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{name}");
    }
}

#[tokio::test]
async fn a_stream_gives_its_place_back() {
    let peer = Peer::start(|_, _| {
        let first = stream::iter([Ok::<_, Infallible>(format!("data: {}\n\n", delta("Once")))]);
        Body::from_stream(first.chain(stream::pending())).into_response()
    })
    .await;
    let mut settings = peer.settings();
    (settings.max_concurrent_per_user, settings.timeout) = (1, Duration::from_millis(200));
    let language = Language::new(settings).unwrap();
    let talk = [Message::user("hello")];
    let mut words = language.stream("user", "chat", &talk).await.unwrap();
    assert_eq!(words.next().await.unwrap().unwrap(), "Once");
    let second = language.stream("user", "chat", &talk).await;
    assert_eq!(second.unwrap_err().outcome(), "busy");
    drop(words);
    assert!(language.stream("user", "chat", &talk).await.is_ok());
}
