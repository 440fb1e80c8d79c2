//! A device on `/v4/listen`, as Omi's app behaves.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use omi_server::platform::audio::codec::{Codec, Encoder};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        self, Message,
        client::IntoClientRequest as _,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use super::Server;

pub struct Device {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Every JSON message so far.
    pub messages: Vec<Value>,
    /// Pings so far.
    pub pings: usize,
    /// The close frame, once there was one: code and reason.
    pub closed: Option<(u16, String)>,
}

impl Device {
    /// Connects without waiting for anything.
    pub async fn connect(
        server: &Server,
        token: &str,
        query: &str,
    ) -> Result<Self, tungstenite::Error> {
        Self::connect_to(server, token, &format!("/v4/listen?{query}")).await
    }

    /// The same at another address.
    pub async fn connect_to(
        server: &Server,
        token: &str,
        path: &str,
    ) -> Result<Self, tungstenite::Error> {
        let url = format!("{}{path}", server.url.replacen("http", "ws", 1));
        let mut request = url.into_client_request()?;
        if !token.is_empty() {
            request
                .headers_mut()
                .insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        let (socket, _) = connect_async(request).await?;
        Ok(Self {
            socket,
            messages: Vec::new(),
            pings: 0,
            closed: None,
        })
    }

    /// Connects and waits for `ready`.
    pub async fn ready(server: &Server, token: &str, query: &str) -> Self {
        let mut device = Self::connect(server, token, query).await.unwrap();
        device
            .read_until(Duration::from_secs(60), |device| device.has_status("ready"))
            .await;
        device
    }

    pub fn has_status(&self, status: &str) -> bool {
        self.messages
            .iter()
            .any(|message| message["type"] == "service_status" && message["status"] == status)
    }

    pub async fn send(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Says something in words.
    pub async fn say(&mut self, command: Value) {
        self.send(Message::text(command.to_string())).await;
    }

    /// Sends samples in messages of 10 ms, at `speed` times real time (0: at once), reading meanwhile.
    pub async fn play_pcm16(&mut self, samples: &[i16], speed: f64) {
        let frames = samples
            .chunks(160)
            .map(|frame| frame.iter().flat_map(|s| s.to_le_bytes()).collect());
        self.play(frames.collect(), 0.01, speed).await;
    }

    /// The same as Opus packets of `codec`.
    pub async fn play_opus(&mut self, codec: Codec, samples: &[i16], speed: f64) {
        let mut encoder = Encoder::new(codec).unwrap();
        let size = encoder.frame_samples();
        let frames = samples
            .chunks(size)
            .map(|frame| encoder.encode(frame).unwrap())
            .collect();
        self.play(frames, size as f64 / 16_000.0, speed).await;
    }

    async fn play(&mut self, frames: Vec<Vec<u8>>, seconds: f64, speed: f64) {
        let start = tokio::time::Instant::now();
        for (n, frame) in frames.into_iter().enumerate() {
            self.socket.feed(Message::binary(frame)).await.unwrap();
            if n % 10 == 9 {
                self.socket.flush().await.unwrap();
                if speed > 0.0 {
                    let due = start + Duration::from_secs_f64((n + 1) as f64 * seconds / speed);
                    self.read_for(due.saturating_duration_since(tokio::time::Instant::now()))
                        .await;
                }
            }
        }
        self.socket.flush().await.unwrap();
    }

    /// Sends samples in messages of 10 ms until the socket breaks, at `speed` times real time.
    pub async fn play_while_it_lasts(&mut self, samples: &[i16], speed: f64) {
        let start = tokio::time::Instant::now();
        for (n, chunk) in samples.chunks(1600).enumerate() {
            for frame in chunk.chunks(160) {
                let bytes: Vec<u8> = frame.iter().flat_map(|s| s.to_le_bytes()).collect();
                if self.socket.feed(Message::binary(bytes)).await.is_err() {
                    return;
                }
            }
            if self.socket.flush().await.is_err() || self.closed.is_some() {
                return;
            }
            let due = start + Duration::from_secs_f64((n + 1) as f64 * 0.1 / speed);
            let left = due.saturating_duration_since(tokio::time::Instant::now());
            self.read_for(left).await;
        }
    }

    /// Reads whatever comes for so long.
    pub async fn read_for(&mut self, time: Duration) {
        let deadline = tokio::time::Instant::now() + time;
        while self.closed.is_none() && self.read_one(deadline).await {}
    }

    /// Reads until `done`; fails after `patience`.
    pub async fn read_until(&mut self, patience: Duration, done: impl Fn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + patience;
        while !done(self) {
            assert!(
                self.closed.is_none(),
                "closed: {:?}\n{:#?}",
                self.closed,
                self.messages
            );
            assert!(
                self.read_one(deadline).await,
                "nothing more came:\n{:#?}",
                self.messages
            );
        }
    }

    /// Reads until no segment has come for so long.
    pub async fn read_until_quiet(&mut self, quiet: Duration) {
        loop {
            let before = self.messages.len();
            self.read_for(quiet).await;
            if self.closed.is_some() || !self.messages[before..].iter().any(Value::is_array) {
                return;
            }
        }
    }

    /// Reads until the server closes; gives code and reason.
    pub async fn read_close(&mut self, patience: Duration) -> (u16, String) {
        let deadline = tokio::time::Instant::now() + patience;
        while self.closed.is_none() {
            assert!(
                self.read_one(deadline).await,
                "it does not close:\n{:#?}",
                self.messages
            );
        }
        self.closed.clone().unwrap()
    }

    /// False: the time is over.
    async fn read_one(&mut self, deadline: tokio::time::Instant) -> bool {
        let Ok(next) = tokio::time::timeout_at(deadline, self.socket.next()).await else {
            return false;
        };
        match next {
            Some(Ok(Message::Text(text))) if text.as_str() == "ping" => {
                self.pings += 1;
                let _ = self.socket.send(Message::binary(vec![0x8A, 0x00])).await;
            }
            Some(Ok(Message::Text(text))) => {
                self.messages.push(serde_json::from_str(&text).unwrap())
            }
            Some(Ok(Message::Binary(_))) => panic!("the server sent a binary message"),
            Some(Ok(Message::Close(frame))) => {
                let frame = frame.map(|frame| (u16::from(frame.code), frame.reason.to_string()));
                self.closed = Some(frame.unwrap_or((1005, String::new())));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => self.closed = Some((1006, String::new())),
        }
        true
    }

    /// The segments as the app holds them: later ones replace earlier ones with the same id.
    pub fn segments(&self) -> Vec<Value> {
        let mut segments: Vec<Value> = Vec::new();
        for message in &self.messages {
            if let Some(incoming) = message.as_array() {
                for segment in incoming {
                    match segments
                        .iter_mut()
                        .find(|known| known["id"] == segment["id"])
                    {
                        Some(known) => *known = segment.clone(),
                        None => segments.push(segment.clone()),
                    }
                }
            } else if message["type"] == "segments_deleted" {
                let gone = message["segment_ids"].as_array().unwrap();
                segments.retain(|segment| !gone.contains(&segment["id"]));
            }
        }
        segments
    }

    /// The same without those of somebody who was still speaking, which are not stored.
    pub fn stored_segments(&self) -> Vec<Value> {
        let mut segments = self.segments();
        segments.retain(|segment| segment["provisional"] != true);
        segments
    }

    /// Every provisional segment so far, in the order in which they came.
    pub fn interims(&self) -> Vec<Value> {
        let arrays = self.messages.iter().filter_map(Value::as_array);
        arrays
            .flatten()
            .filter(|segment| segment["provisional"] == true)
            .cloned()
            .collect()
    }

    /// Events of one type.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        self.messages
            .iter()
            .filter(|message| message["type"] == kind)
            .cloned()
            .collect()
    }

    /// Ends as the app does: close 1000.
    pub async fn close(mut self) {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        let _ = self.socket.close(Some(frame)).await;
        let _ = timeout(Duration::from_secs(5), async {
            while let Some(Ok(_)) = self.socket.next().await {}
        })
        .await;
    }
}

/// The text of segments, in order.
pub fn text(segments: &[Value]) -> String {
    segments
        .iter()
        .map(|segment| segment["text"].as_str().unwrap())
        .collect::<Vec<_>>()
        .join(" ")
}
