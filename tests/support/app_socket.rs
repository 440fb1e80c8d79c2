//! A recording as Omi's app makes it: its socket, what it keeps of what comes, and what it asks over HTTP meanwhile.

use std::{collections::HashMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::mpsc,
    time::{Instant, interval_at, sleep_until, timeout_at},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{
        self, Message,
        client::IntoClientRequest as _,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    Server, dart,
    server::{Answer, User},
};

const IN_PROGRESS: &str = "/v1/conversations?statuses=in_progress&limit=1";
/// The app asks after the other side every 20 s, and hangs up when no answer has come by the next time.
pub const ASKS: Duration = Duration::from_secs(3);
/// What it answers to the word `ping`.
const ALIVE: [u8; 2] = [0x8A, 0x00];

/// What is told of the link to the other side.
enum Heard {
    Text(String),
    Closed(u16, String),
}

struct Link {
    out: mpsc::UnboundedSender<Message>,
    heard: mpsc::UnboundedReceiver<Heard>,
}

/// What of the query differs from recording to recording.
#[derive(Clone)]
pub struct Recording {
    pub codec: &'static str,
    pub language: &'static str,
    pub conversation_timeout: i64,
    /// Not of the first recording by the phone's own microphone.
    pub source: Option<&'static str>,
    pub custom_stt: bool,
    /// Only a newer app chooses one.
    pub client_conversation_id: Option<String>,
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            codec: "pcm16",
            language: "en",
            conversation_timeout: 120,
            source: Some("omi"),
            custom_stt: false,
            client_conversation_id: None,
        }
    }
}

impl Recording {
    fn query(&self, uid: &str) -> String {
        let mut query = format!(
            "language={}&sample_rate=16000&codec={}&uid={uid}&include_speech_profile=true&stt_service=soniox\
             &conversation_timeout={}",
            self.language, self.codec, self.conversation_timeout
        );
        if let Some(source) = self.source {
            query += &format!("&source={source}");
        }
        if self.custom_stt {
            query += "&custom_stt=enabled";
        }
        query += "&speaker_auto_assign=enabled";
        if let Some(id) = &self.client_conversation_id {
            query += &format!("&client_conversation_id={id}");
        }
        query
    }
}

pub struct App<'a> {
    server: &'a Server,
    user: &'a User,
    pub recording: Recording,
    link: Option<Link>,
    /// The next segments are the first of this link.
    first: bool,
    ready: bool,
    /// Of the conversation that is heard.
    pub segments: Vec<Value>,
    pub photos: Vec<Value>,
    /// By id: those that have ended, as they were last seen.
    pub ended: HashMap<String, Value>,
    /// Ids of the conversations that are shown as being processed.
    pub cards: Vec<String>,
    /// The conversations that were written to, as the server told.
    pub sessions: Vec<String>,
    /// What came, in its order: `ping`, `segments`, the type of an event, or its type and status.
    pub log: Vec<String>,
    /// Every event, as it came.
    pub events: Vec<Value>,
    /// Characters of the longest message.
    pub longest: usize,
    pub closed: Option<(u16, String)>,
}

impl<'a> App<'a> {
    pub fn new(server: &'a Server, user: &'a User, recording: Recording) -> Self {
        Self {
            server,
            user,
            recording,
            link: None,
            first: true,
            ready: false,
            segments: Vec::new(),
            photos: Vec::new(),
            ended: HashMap::new(),
            cards: Vec::new(),
            sessions: Vec::new(),
            log: Vec::new(),
            events: Vec::new(),
            longest: 0,
            closed: None,
        }
    }

    /// Opens the socket, replacing one that is open, then looks what is in progress.
    pub async fn connect(&mut self) -> Result<(), tungstenite::Error> {
        if self.link.is_some() {
            self.close().await;
        }
        let base = self.server.url.replacen("http", "ws", 1);
        let query = self.recording.query(&self.user.uid);
        let mut request = format!("{base}/v4/listen?{query}").into_client_request()?;
        let now = chrono::Utc::now().timestamp_micros() as f64 / 1e6;
        for (name, value) in [
            ("authorization", format!("Bearer {}", self.user.token)),
            ("x-request-start-time", now.to_string()),
            ("x-app-platform", "android".into()),
            ("x-device-id-hash", "5f0c1d".into()),
            ("x-app-version", "1.0.530+800".into()),
        ] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let config = WebSocketConfig::default()
            .max_message_size(None)
            .max_frame_size(None);
        let (socket, _) =
            tokio_tungstenite::connect_async_with_config(request, Some(config), false).await?;
        let (out, orders) = mpsc::unbounded_channel();
        let (tell, heard) = mpsc::unbounded_channel();
        tokio::spawn(keep_up(socket, orders, tell));
        self.link = Some(Link { out, heard });
        (self.first, self.ready, self.closed) = (true, false, None);
        self.load_in_progress().await;
        Ok(())
    }

    /// The same, and waits for `ready`, as no app does.
    pub async fn connected(&mut self) {
        self.connect().await.unwrap();
        self.read_until(Duration::from_secs(60), |app| app.ready)
            .await;
    }

    /// The conversation in progress replaces what is shown.
    async fn load_in_progress(&mut self) -> Option<Value> {
        let found = self.server.get(IN_PROGRESS, &self.user.token).await.ok();
        let found = found.as_array().unwrap().first().cloned();
        if let Some(found) = &found {
            dart::conversation(found);
            self.segments = found["transcript_segments"].as_array().unwrap().clone();
        }
        found
    }

    /// What HTTP says is in progress; leaves what is shown as it is.
    pub async fn in_progress(&self) -> Value {
        let found = self.server.get(IN_PROGRESS, &self.user.token).await.ok();
        found
            .as_array()
            .unwrap()
            .first()
            .cloned()
            .unwrap_or_default()
    }

    pub async fn conversation(&self, id: &str) -> Value {
        let path = format!("/v1/conversations/{id}");
        let found = self.server.get(&path, &self.user.token).await.ok();
        dart::conversation(&found);
        found
    }

    fn send(&self, message: Message) {
        // Whatever is written to a socket that has just closed is lost.
        let _ = self.link.as_ref().unwrap().out.send(message);
    }

    pub fn say(&self, command: Value) {
        self.send(Message::text(command.to_string()));
    }

    pub fn sound(&self, bytes: Vec<u8>) {
        self.send(Message::binary(bytes));
    }

    /// Sends samples in messages of 10 ms, `speed` times as fast as they were heard, and takes in what comes meanwhile.
    pub async fn speak(&mut self, samples: &[i16], speed: f64) {
        let start = Instant::now();
        for (n, part) in samples.chunks(1600).enumerate() {
            for frame in part.chunks(160) {
                self.sound(frame.iter().flat_map(|one| one.to_le_bytes()).collect());
            }
            let due = start + Duration::from_secs_f64((n + 1) as f64 * 0.1 / speed);
            while self.read(due).await {}
            sleep_until(due).await;
        }
    }

    /// Sends a picture in slices of so many characters.
    pub fn show(&mut self, name: &str, jpeg: &[u8], size: usize) {
        let text = STANDARD.encode(jpeg);
        let slices: Vec<_> = text.as_bytes().chunks(size).collect();
        for (index, slice) in slices.iter().enumerate() {
            let data = std::str::from_utf8(slice).unwrap();
            self.say(json!({"type": "image_chunk", "id": name, "index": index, "total": slices.len(), "data": data}));
        }
        self.photos.push(json!({"id": name}));
    }

    /// Ends the conversation as the stop button does: a card at once, and the answer in its place.
    pub async fn finish(&mut self) -> Value {
        self.cards.push("stop".into());
        let answer: Answer = self
            .server
            .post("/v1/conversations", &self.user.token, json!({}))
            .await;
        let ended = answer.ok();
        dart::ended(&ended);
        self.cards.retain(|card| card != "stop");
        self.segments.clear();
        self.photos.clear();
        let conversation = ended["conversation"].clone();
        self.keep(conversation.clone());
        conversation
    }

    fn keep(&mut self, conversation: Value) {
        let id = conversation["id"].as_str().unwrap().to_string();
        self.ended.insert(id, conversation);
    }

    /// As when the phone leaves the network.
    pub fn lose_link(&mut self) {
        self.link = None;
    }

    /// As when the device is taken off: close 1000.
    pub async fn close(&mut self) {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        self.send(Message::Close(Some(frame)));
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.closed.is_none() && self.read(deadline).await {}
        self.link = None;
    }

    /// Takes in what comes until `done`.
    pub async fn read_until(&mut self, patience: Duration, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + patience;
        while !done(self) {
            assert_eq!(self.closed, None, "{:#?}", self.log);
            let more = self.read(deadline).await;
            assert!(
                more,
                "it does not come: {:#?}\n{:#?}",
                self.log, self.segments
            );
        }
    }

    /// Takes in what comes until it has been only pings for so long.
    pub async fn read_until_quiet(&mut self, quiet: Duration) {
        loop {
            let before = self.events.len() + self.count("segments");
            let deadline = Instant::now() + quiet;
            while self.read(deadline).await {}
            if self.closed.is_some() || before == self.events.len() + self.count("segments") {
                return;
            }
        }
    }

    /// False: nothing came in time.
    async fn read(&mut self, deadline: Instant) -> bool {
        let Some(link) = self.link.as_mut().filter(|_| self.closed.is_none()) else {
            return false;
        };
        match timeout_at(deadline, link.heard.recv()).await {
            Err(_) => return false,
            Ok(Some(Heard::Text(text))) => self.take(&text).await,
            Ok(Some(Heard::Closed(code, reason))) => self.closed = Some((code, reason)),
            Ok(None) => self.closed = Some((1006, String::new())),
        }
        true
    }

    /// What the app does with a message.
    async fn take(&mut self, text: &str) {
        self.longest = self.longest.max(text.len());
        if text == "ping" {
            return self.log.push("ping".into());
        }
        let message: Value = serde_json::from_str(text).unwrap();
        match message {
            Value::Array(segments) => self.take_segments(segments).await,
            event => {
                dart::event(&event);
                self.take_event(&event).await;
                self.events.push(event);
            }
        }
    }

    async fn take_segments(&mut self, segments: Vec<Value>) {
        assert!(self.ready, "segments before `ready`: {:#?}", self.log);
        segments.iter().for_each(dart::segment);
        self.log.push("segments".into());
        if self.first {
            self.first = false;
            self.load_in_progress().await;
        }
        for segment in segments {
            let known = self.segments.iter_mut();
            match known.into_iter().find(|known| known["id"] == segment["id"]) {
                Some(known) => *known = segment,
                None => self.segments.push(segment),
            }
        }
    }

    async fn take_event(&mut self, event: &Value) {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_string();
        let kind = text("type");
        let shown = match kind.as_str() {
            "service_status" => format!("service_status {}", text("status")),
            _ => kind.clone(),
        };
        self.log.push(shown);
        match kind.as_str() {
            "service_status" => self.ready |= text("status") == "ready",
            "last_memory" => {
                let id = text("memory_id");
                if !self.ended.contains_key(&id) {
                    let found = self.conversation(&id).await;
                    self.keep(found);
                }
            }
            "conversation_session" => self.sessions.push(text("conversation_id")),
            "memory_processing_started" => {
                let id = event["memory"]["id"].as_str().unwrap();
                self.cards.push(id.into());
                self.segments.clear();
                self.photos.clear();
            }
            "memory_created" => {
                let id = event["memory"]["id"].as_str().unwrap();
                assert!(
                    self.cards.iter().any(|card| card == id),
                    "there is no card of {id}: {:?}",
                    self.cards
                );
                self.cards.retain(|card| card != id);
                self.keep(event["memory"].clone());
            }
            "segments_deleted" => {
                let gone = event["segment_ids"].as_array().unwrap();
                self.segments.retain(|one| !gone.contains(&one["id"]));
            }
            "translating" => {
                for told in event["segments"].as_array().unwrap() {
                    let mut known = self.segments.iter_mut();
                    if let Some(known) = known.find(|known| known["id"] == told["id"]) {
                        *known = told.clone();
                    }
                }
            }
            "photo_processing" => {
                let mut photos = self.photos.iter_mut();
                if let Some(photo) = photos.find(|one| one["id"] == event["temp_id"]) {
                    photo["id"] = event["photo_id"].clone();
                }
            }
            "photo_described" => {
                let mut photos = self.photos.iter_mut();
                if let Some(photo) = photos.find(|one| one["id"] == event["photo_id"]) {
                    photo["description"] = event["description"].clone();
                    photo["discarded"] = event["discarded"].clone();
                }
            }
            _ => {}
        }
    }

    /// How often that came.
    pub fn count(&self, shown: &str) -> usize {
        self.log.iter().filter(|one| *one == shown).count()
    }

    /// What is shown of the conversation is what HTTP says of it.
    #[track_caller]
    pub fn shows(&self, conversation: &Value) {
        let mut shown = self.segments.clone();
        shown.sort_by(|a, b| {
            let start = |one: &Value| one["start"].as_f64().unwrap();
            start(a).total_cmp(&start(b))
        });
        assert!(!shown.is_empty());
        assert_eq!(
            Value::Array(shown),
            conversation["transcript_segments"],
            "{:#?}",
            self.log
        );
    }
}

/// Answers and asks whether the other side is there, whatever the app is doing. Dropping `orders` breaks the link off.
async fn keep_up(
    mut socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    mut orders: mpsc::UnboundedReceiver<Message>,
    tell: mpsc::UnboundedSender<Heard>,
) {
    let mut ask = interval_at(Instant::now() + ASKS, ASKS);
    let mut asked = false;
    let closed = loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let text = text.to_string();
                    if text == "ping" && socket.send(Message::binary(ALIVE.to_vec())).await.is_err() {
                        break (1006, "it cannot be answered".into());
                    }
                    drop(tell.send(Heard::Text(text)));
                }
                Some(Ok(Message::Pong(_))) => asked = false,
                Some(Ok(Message::Binary(_))) => break (1006, "the app throws: a binary message came".into()),
                Some(Ok(Message::Close(frame))) => {
                    let frame = frame.map(|frame| (u16::from(frame.code), frame.reason.to_string()));
                    break frame.unwrap_or((1005, String::new()));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => break (1006, error.to_string()),
                None => break (1006, String::new()),
            },
            order = orders.recv() => match order {
                None => return,
                Some(order) => {
                    if let Err(error) = socket.send(order).await {
                        break (1006, error.to_string());
                    }
                }
            },
            _ = ask.tick() => {
                if asked {
                    break (1006, "no PONG came".into());
                }
                asked = true;
                if socket.send(Message::Ping("".into())).await.is_err() {
                    break (1006, "nothing can be asked".into());
                }
            }
        }
    };
    drop(tell.send(Heard::Closed(closed.0, closed.1)));
}
