//! One socket: frames in, frames out, and every reason to close.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use tokio::{sync::mpsc, time::timeout};

use super::{MESSAGE_LIMIT, events};
use crate::{
    app::App,
    features::{
        credentials::Caller,
        identities,
        listening::{Command, Failure, Refusal, Session, Settings, Update},
    },
};

const PING_INTERVAL: Duration = Duration::from_secs(10);
/// A device that does not take what it is sent for so long is gone.
const WRITE: Duration = Duration::from_secs(30);
/// How long a closing socket waits for the other side.
const LINGER: Duration = Duration::from_secs(2);
/// Database and model may be slow to start with.
const START: Duration = Duration::from_secs(60);
/// Binary messages up to this size answer a ping and hold no audio.
const PONG_BYTES: usize = 2;

type Outgoing = mpsc::UnboundedSender<Update>;

/// Why a socket closes: code and reason.
type Close = (u16, &'static str);

pub async fn serve(app: App, caller: Caller, settings: Settings, socket: WebSocket) {
    let (sink, mut stream) = socket.split();
    let (updates, outgoing) = mpsc::unbounded_channel();
    let (closing, close) = mpsc::channel(1);
    let writer = write(sink, outgoing, close);
    let reader = async {
        let (reason, session) = listen(&app, &caller, settings, &mut stream, updates).await;
        // The writer may have ended first.
        let _ = closing.send(reason).await;
        // What is on its way counts as delivered; and unread, it would reset the connection before the
        // other side has read why it was closed.
        let linger = async {
            loop {
                match stream.next().await {
                    Some(Ok(Message::Binary(audio)))
                        if (PONG_BYTES + 1..=MESSAGE_LIMIT).contains(&audio.len()) =>
                    {
                        if let Some(session) = &session {
                            session.hear(audio).await;
                        }
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None if reason.0 == close_code::SIZE => {
                        std::future::pending().await
                    }
                    Some(Err(_)) | None => break,
                }
            }
        };
        let _ = timeout(LINGER, linger).await;
    };
    // The reader ends soon after the writer: what it sends is not taken any more.
    tokio::join!(writer, reader);
}

/// Runs the session until one side has enough; returns how to close, and the session if it still hears.
async fn listen(
    app: &App,
    caller: &Caller,
    settings: Settings,
    stream: &mut SplitStream<WebSocket>,
    updates: Outgoing,
) -> (Close, Option<Session>) {
    let deaf = |why: Failure| {
        drop(updates.send(Update::Failed(why)));
        ((close_code::ERROR, "speech cannot be recognised"), None)
    };
    let starting = timeout(
        START,
        Session::start(app, &caller.uid, settings, updates.clone()),
    );
    let session = tokio::select! {
        started = starting => match started {
            Ok(Ok(session)) => session,
            Ok(Err(Refusal::Codec(why))) => return deaf(Failure::codec(why)),
            Ok(Err(Refusal::Deaf(why))) => return deaf(Failure::deaf(app, why)),
            Ok(Err(Refusal::Full)) => {
                tracing::warn!("a live session was refused: the disk is nearly full");
                return deaf(Failure::full());
            }
            Ok(Err(Refusal::Error(error))) => {
                tracing::error!(error = format!("{error:#}"), "a live session could not start");
                let why = "The server cannot start a session right now.";
                return deaf(Failure::unavailable(why));
            }
            Err(_) => {
                let why = "The server takes too long to start a session.";
                return deaf(Failure::unavailable(why));
            }
        },
        () = app.stop.cancelled() => return (STOPPING, None),
    };
    let idle = Duration::from_secs(app.config.listening.idle_seconds.into());
    let reason = tokio::select! {
        reason = hear(&session, stream, idle) => reason,
        () = identities::ended(&app.db, &app.known, caller) => {
            // What comes behind it is not heard.
            return (super::REVOKED, None);
        }
        // The writer ends when the device does not take what it is sent, or the session fails.
        () = updates.closed() => (close_code::ERROR, "the session ended"),
        () = app.stop.cancelled() => STOPPING,
    };
    (reason, Some(session))
}

/// `idle`: a device that sends nothing at all for so long is gone.
async fn hear(session: &Session, stream: &mut SplitStream<WebSocket>, idle: Duration) -> Close {
    loop {
        let message = match timeout(idle, stream.next()).await {
            Err(_) => return (close_code::AWAY, "nothing was heard for too long"),
            Ok(None) => return (close_code::NORMAL, ""),
            Ok(Some(Err(error))) => return broken(&error),
            Ok(Some(Ok(message))) => message,
        };
        match message {
            Message::Binary(audio) if audio.len() > MESSAGE_LIMIT => return TOO_BIG,
            Message::Binary(audio) if audio.len() > PONG_BYTES => {
                if !session.hear(audio).await {
                    return (close_code::ERROR, "the session failed");
                }
            }
            Message::Text(text) if text.len() > MESSAGE_LIMIT => return TOO_BIG,
            // One that is not known never closes a socket.
            Message::Text(text) => {
                if let Ok(command) = serde_json::from_str::<Command>(&text)
                    && !session.obey(command).await
                {
                    return (close_code::ERROR, "the session failed");
                }
            }
            Message::Close(_) => return (close_code::NORMAL, ""),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => {}
        }
    }
}

const STOPPING: Close = (close_code::AWAY, "the server is stopping");
const TOO_BIG: Close = (close_code::SIZE, "a message may have 1 MiB at most");

fn broken(error: &axum::Error) -> Close {
    let text =
        std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    if text.contains("too long") || text.contains("Space limit") {
        TOO_BIG
    } else {
        (close_code::PROTOCOL, "the connection broke")
    }
}

/// Sends pings and updates until told to close, then what is left, then the close frame.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut outgoing: mpsc::UnboundedReceiver<Update>,
    mut close: mpsc::Receiver<Close>,
) {
    let mut ping =
        tokio::time::interval_at(tokio::time::Instant::now() + PING_INTERVAL, PING_INTERVAL);
    let mut failed = false;
    if !send(&mut sink, Message::text(events::PING)).await {
        return;
    }
    let (code, reason) = loop {
        let message = tokio::select! {
            biased;
            Some(update) = outgoing.recv() => {
                failed |= matches!(update, Update::Failed(_));
                events::message(&update)
            }
            _ = ping.tick() => Message::text(events::PING),
            close = close.recv() => break close.unwrap_or((close_code::AWAY, "")),
        };
        if !send(&mut sink, message).await {
            return;
        }
        if failed {
            break (close_code::ERROR, "the session failed");
        }
    };
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    send(&mut sink, Message::Close(Some(frame))).await;
    let _ = timeout(WRITE, sink.close()).await;
}

async fn send(sink: &mut SplitSink<WebSocket, Message>, message: Message) -> bool {
    matches!(timeout(WRITE, sink.send(message)).await, Ok(Ok(())))
}
