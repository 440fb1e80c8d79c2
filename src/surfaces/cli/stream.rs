//! `omi-server stream`: a device in the box.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::time::Instant;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{
        self, Message, client::IntoClientRequest as _, http::HeaderValue, protocol::CloseFrame,
    },
};

use super::{Usage, say};
use crate::{
    config::Config,
    platform::audio::{
        codec::{Codec, Encoder},
        file,
    },
};

/// What the app answers to the bare word `ping`.
const PONG: &[u8] = &[0x8A, 0x00];
/// Silence behind the file, by which the server knows that the last sentence has ended.
const TAIL_SECONDS: f64 = 1.5;

#[derive(Args)]
pub struct Arguments {
    /// wav, flac, mp3 or ogg; .raw and .pcm hold 16 kHz mono s16le.
    file: PathBuf,
    #[arg(long, value_enum, default_value_t = StreamCodec::Pcm16)]
    codec: StreamCodec,
    /// fast: as quick as the server takes it.
    #[arg(long, value_enum, default_value_t = Pace::Realtime)]
    pace: Pace,
    /// A code such as en, or multi.
    #[arg(long, default_value = "en")]
    language: String,
    /// A user access token (`omi-server token create`).
    #[arg(long, env = "OMI_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Server to talk to; the configured public address if left out.
    #[arg(long)]
    url: Option<String>,
    /// Silence in seconds that ends the conversation.
    #[arg(long, value_name = "SECONDS")]
    conversation_timeout: Option<i64>,
    /// Stay this long after the last segment.
    #[arg(long, default_value_t = 8.0, value_name = "SECONDS")]
    wait: f64,
    /// Print every message as it came, one a line.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
enum StreamCodec {
    Pcm16,
    Opus,
    #[value(name = "opus_fs320")]
    OpusFs320,
}

#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
enum Pace {
    Realtime,
    Fast,
}

pub async fn run(config: &Config, arguments: Arguments) -> Result<()> {
    let Some(token) = &arguments.token else {
        let text =
            "no token: give --token or OMI_TOKEN; `omi-server token create --email E` makes one";
        return Err(Usage(text.into()).into());
    };
    let frames = frames(&arguments)?;
    let base = arguments
        .url
        .clone()
        .unwrap_or_else(|| config.public_url(config.bind));
    let mut url = format!(
        "{}/v4/listen?language={}&sample_rate=16000&codec={}&source=phone",
        base.trim_end_matches('/').replacen("http", "ws", 1),
        arguments.language,
        match arguments.codec {
            StreamCodec::Pcm16 => "pcm16",
            StreamCodec::Opus => "opus",
            StreamCodec::OpusFs320 => "opus_fs320",
        }
    );
    if let Some(seconds) = arguments.conversation_timeout {
        url.push_str(&format!("&conversation_timeout={seconds}"));
    }
    let mut request = url
        .as_str()
        .into_client_request()
        .with_context(|| format!("{base} is no server address"))?;
    request.headers_mut().insert(
        "authorization",
        HeaderValue::from_str(&format!("Bearer {token}"))?,
    );
    let (socket, _) = connect_async(request).await.map_err(|error| match error {
        tungstenite::Error::Http(response) => {
            let body = response
                .body()
                .as_deref()
                .map(String::from_utf8_lossy)
                .unwrap_or_default()
                .into_owned();
            let detail = serde_json::from_str::<Value>(&body)
                .ok()
                .and_then(|body| body["detail"].as_str().map(Into::into));
            anyhow::anyhow!(
                "the server refused ({}): {}",
                response.status(),
                detail.unwrap_or(body)
            )
        }
        other => anyhow::anyhow!("{base} cannot be reached: {other}; is the server running?"),
    })?;
    let (mut sink, mut incoming) = socket.split();

    let step = Duration::from_millis(if arguments.codec == StreamCodec::OpusFs320 {
        20
    } else {
        10
    });
    let mut clock = tokio::time::interval(step);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut frames = frames.into_iter();
    let mut ended: Option<Instant> = None;
    let wait = Duration::from_secs_f64(arguments.wait.clamp(0.0, 86_400.0));
    let mut printer = Printer {
        json: arguments.json,
        ready: false,
    };
    loop {
        let over = ended.map(|at| at + wait);
        tokio::select! {
            biased;
            message = incoming.next() => {
                let Some(message) = message else { bail!("the server closed the connection") };
                match message.context("the connection broke")? {
                    Message::Text(text) if text.as_str() == "ping" => sink.send(Message::binary(PONG)).await?,
                    Message::Text(text) => {
                        let heard = printer.print(&text)?;
                        ended = ended.map(|at| if heard { Instant::now() } else { at });
                    }
                    Message::Close(frame) => {
                        let why = frame.map_or_else(String::new, |frame| format!(" ({} {})", frame.code, frame.reason));
                        bail!("the server closed the connection{why}");
                    }
                    _ => {}
                }
            }
            _ = clock.tick(), if printer.ready && ended.is_none() => {
                let batch = if arguments.pace == Pace::Fast { 100 } else { 1 };
                for _ in 0..batch {
                    match frames.next() {
                        Some(frame) => sink.feed(Message::binary(frame)).await?,
                        None => ended = Some(Instant::now()),
                    }
                }
                sink.flush().await?;
            }
            () = tokio::time::sleep_until(over.unwrap_or_else(Instant::now)), if over.is_some() => break,
        }
    }
    let close = CloseFrame {
        code: 1000.into(),
        reason: "".into(),
    };
    sink.send(Message::Close(Some(close))).await?;
    // Until the server has answered, it may still be writing.
    let _ = tokio::time::timeout(Duration::from_secs(5), async {
        while let Some(Ok(_)) = incoming.next().await {}
    })
    .await;
    Ok(())
}

/// The file as messages of one codec, with a little silence behind it.
fn frames(arguments: &Arguments) -> Result<Vec<Vec<u8>>> {
    let mut samples = file::read(&arguments.file)?;
    samples.resize(samples.len() + (TAIL_SECONDS * 16_000.0) as usize, 0);
    Ok(match arguments.codec {
        StreamCodec::Pcm16 => samples
            .chunks(160)
            .map(|frame| {
                frame
                    .iter()
                    .flat_map(|sample| sample.to_le_bytes())
                    .collect()
            })
            .collect(),
        StreamCodec::Opus => packets(Encoder::new(Codec::Opus)?, &samples)?,
        StreamCodec::OpusFs320 => packets(Encoder::new(Codec::OpusFs320)?, &samples)?,
    })
}

fn packets(mut encoder: Encoder, samples: &[i16]) -> Result<Vec<Vec<u8>>> {
    let size = encoder.frame_samples();
    samples
        .chunks(size)
        .map(|frame| Ok(encoder.encode(frame)?))
        .collect()
}

struct Printer {
    json: bool,
    /// The server has said that it listens.
    ready: bool,
}

impl Printer {
    /// Prints a message; true if it holds segments.
    fn print(&mut self, text: &str) -> Result<bool> {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        if message["status"] == "ready" {
            self.ready = true;
        }
        if self.json {
            say(text)?;
            return Ok(message.is_array());
        }
        if let Some(segments) = message.as_array() {
            for segment in segments {
                say(format_args!(
                    "[{:7.2} - {:7.2}] {}: {}{}",
                    segment["start"].as_f64().unwrap_or_default(),
                    segment["end"].as_f64().unwrap_or_default(),
                    segment["speaker"].as_str().unwrap_or_default(),
                    segment["text"].as_str().unwrap_or_default(),
                    // More is coming.
                    if segment["provisional"] == true {
                        " …"
                    } else {
                        ""
                    }
                ))?;
            }
            return Ok(true);
        }
        let kind = message["type"].as_str().unwrap_or("?");
        let rest = match kind {
            "service_status" => {
                let status = message["status"].as_str().unwrap_or_default();
                format!(
                    "{status} {}",
                    message["status_text"].as_str().unwrap_or_default()
                )
            }
            "last_memory" => message["memory_id"]
                .as_str()
                .unwrap_or_default()
                .to_string(),
            _ => format!(
                "{} {}",
                message["memory"]["id"].as_str().unwrap_or_default(),
                message["memory"]["structured"]["title"]
                    .as_str()
                    .unwrap_or_default()
            ),
        };
        say(format_args!("-- {kind} {rest}"))?;
        Ok(false)
    }
}
