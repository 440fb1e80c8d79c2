//! `/v2/voice-message/transcribe-stream`: push to talk. Words come back, no conversation begins.

use std::time::{Duration, Instant};

use axum::{
    extract::{
        RawQuery, State,
        ws::{CloseFrame, Message, WebSocket, close_code},
    },
    response::Response,
};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Places, Upgrade, opened};
use crate::{
    app::App,
    features::{
        credentials::Caller,
        identities,
        listening::{Dictated, Dictation, Refusal},
        preferences::Wanted,
    },
    surfaces::{client_address::ClientAddress, respond},
};

/// Without sound for so long it is over.
const IDLE: Duration = Duration::from_secs(60);
/// How long the last words may take when the other side has stopped.
const LAST_WORDS: Duration = Duration::from_secs(30);
/// A message that the other side does not take for so long ends it.
const WRITE: Duration = Duration::from_secs(30);
/// The word by which the other side asks for what it has said so far.
const FINALIZE: &str = "finalize";
/// Words that may be told to be expected.
const MOST_KEYWORDS: usize = 100;

struct Query {
    language: String,
    sample_rate: u32,
    channels: usize,
    keywords: Vec<String>,
}

fn read(raw: &str) -> Result<Query, &'static str> {
    let value = |name: &str| {
        form_urlencoded::parse(raw.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let number = |name: &str, default: u32| value(name).map_or(Ok(default), |text| text.parse());
    let sample_rate = number("sample_rate", 16_000).unwrap_or_default();
    if !(8_000..=48_000).contains(&sample_rate) {
        return Err("sample_rate must be between 8000 and 48000");
    }
    let channels = number("channels", 1).unwrap_or_default();
    if !(1..=2).contains(&channels) {
        return Err("channels must be 1 or 2");
    }
    if value("codec").is_some_and(|codec| codec != "linear16") {
        return Err("codec must be linear16");
    }
    let language = value("language").unwrap_or_else(|| "en".into());
    let keywords = value("keywords").unwrap_or_default();
    Ok(Query {
        keywords: keywords
            .split(',')
            .take(MOST_KEYWORDS)
            .map(str::to_string)
            .collect(),
        language: language.chars().take(35).collect(),
        sample_rate,
        channels: channels as usize,
    })
}

pub async fn listen(
    State(app): State<App>,
    caller: Caller,
    ClientAddress(address): ClientAddress,
    RawQuery(raw): RawQuery,
    upgrade: Upgrade,
) -> Response {
    let places = match Places::take(&app, address, Some(&caller.uid)) {
        Ok(places) => places,
        Err(limit) => return respond::too_many_sockets(limit),
    };
    let query = read(&raw.unwrap_or_default());
    opened(upgrade, move |mut socket| async move {
        let (code, reason) = match query {
            Ok(query) => serve(&app, &caller, query, &mut socket).await,
            Err(why) => (close_code::POLICY, why),
        };
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        let _ = socket.send(Message::Close(Some(frame))).await;
        drop(places);
    })
}

async fn serve(
    app: &App,
    caller: &Caller,
    query: Query,
    socket: &mut WebSocket,
) -> (u16, &'static str) {
    let (words, mut told) = mpsc::channel(8);
    let Query {
        language,
        sample_rate,
        channels,
        keywords,
    } = query;
    let wanted = Wanted {
        language: &language,
        words: &keywords,
        ..Wanted::default()
    };
    let started = Dictation::start(app, &caller.uid, wanted, sample_rate, channels, words).await;
    let dictation = match started {
        Ok(dictation) => dictation,
        Err(Refusal::Deaf(why)) => {
            tracing::warn!(why, "nothing can be dictated");
            return (close_code::ERROR, "speech cannot be recognised");
        }
        Err(_) => return (close_code::ERROR, "the server failed"),
    };
    let (mut sink, mut stream) = socket.split();
    let mut sound = Instant::now();
    // It ends with what it heard: then the recogniser does too.
    let listening = async move {
        let mut dictation = dictation;
        loop {
            let left = IDLE.saturating_sub(sound.elapsed());
            let message = tokio::select! {
                message = tokio::time::timeout(left, stream.next()) => message,
                () = app.stop.cancelled() => return (close_code::AWAY, "the server is stopping"),
            };
            let heard = match message {
                Err(_) => return (close_code::POLICY, "no sound for 60 s"),
                Ok(Some(Ok(Message::Binary(audio)))) if audio.len() > super::MESSAGE_LIMIT => {
                    return (close_code::SIZE, "a message may have 1 MiB at most");
                }
                Ok(Some(Ok(Message::Binary(audio)))) => {
                    sound = Instant::now();
                    dictation.hear(&audio).await
                }
                Ok(Some(Ok(Message::Text(text)))) if text.trim() == FINALIZE => {
                    dictation.finish().await
                }
                Ok(None | Some(Err(_) | Ok(Message::Close(_)))) => {
                    dictation.finish().await;
                    return (close_code::NORMAL, "");
                }
                Ok(Some(Ok(_))) => true,
            };
            if !heard {
                return (close_code::ERROR, "speech cannot be recognised");
            }
        }
    };
    tokio::pin!(listening);
    let revoked = identities::ended(&app.db, &app.known, caller);
    tokio::pin!(revoked);
    let mut ended = None;
    loop {
        tokio::select! {
            () = &mut revoked => return super::REVOKED,
            close = &mut listening, if ended.is_none() => ended = Some(close),
            words = told.recv() => match words {
                Some(Ok(words)) => {
                    let sent = sink.send(Message::text(array(&words).to_string()));
                    if !matches!(tokio::time::timeout(WRITE, sent).await, Ok(Ok(()))) {
                        return (close_code::AWAY, "");
                    }
                }
                Some(Err(_)) => return (close_code::ERROR, "speech cannot be recognised"),
                None => return ended.unwrap_or((close_code::ERROR, "speech cannot be recognised")),
            },
            () = tokio::time::sleep(LAST_WORDS), if ended.is_some() => return ended.unwrap_or_default(),
        }
    }
}

fn array(words: &[Dictated]) -> Value {
    words
        .iter()
        .map(|words| {
            json!({"speaker": "SPEAKER_00", "start": words.start, "end": words.end, "text": words.text,
                "is_user": true, "person_id": null})
        })
        .collect()
}
