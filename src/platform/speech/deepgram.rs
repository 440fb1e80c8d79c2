//! Any socket that speaks Deepgram's dialect: `/v1/listen`. A session has a line of its own, so that voices keep their numbers.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt as _};
use reqwest::{StatusCode, Url, header::AUTHORIZATION};
use tokio::time::timeout;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error as SocketError, client::IntoClientRequest as _},
};
use uuid::Uuid;

use super::{
    Language, Provider, Remote, Request, SpeechError, Transcript, Vocabulary,
    remote::{Endpoint, message_of, mistrust, usual},
    turns::Turns,
};
use crate::platform::audio::SAMPLE_RATE;

mod line;

use line::{Line, Socket};

const USUAL_URL: &str = "https://api.deepgram.com";
const USUAL_MODEL: &str = "nova-3";
const CONNECT: Duration = Duration::from_secs(10);
/// Bytes of the words that are told to be expected; Deepgram takes 500 tokens.
const LONGEST_WORDS: usize = 1000;

pub struct Deepgram {
    endpoint: Endpoint,
    model: String,
    timeout: Duration,
    turns: Turns,
    /// Of each session, with the language that it was opened with.
    lines: Mutex<HashMap<Uuid, (String, Line)>>,
}

impl Deepgram {
    /// Errors name the setting.
    pub fn endpoint(remote: &Remote) -> anyhow::Result<Endpoint> {
        let mut endpoint = Endpoint::new(
            "stt.deepgram",
            usual(&remote.url, USUAL_URL),
            "/listen",
            "Token",
            &remote.api_key,
        )?;
        let scheme = match endpoint.url.scheme() {
            "http" | "ws" => "ws",
            _ => "wss",
        };
        // A URL refuses to change its scheme to one of these.
        let address = endpoint.url.as_str();
        let rest = address.split_once("://").map_or("", |(_, rest)| rest);
        endpoint.url = Url::parse(&format!("{scheme}://{rest}"))?;
        Ok(endpoint)
    }

    /// Connects to nothing yet. Errors name the setting.
    pub fn new(remote: &Remote) -> anyhow::Result<Self> {
        Ok(Self {
            endpoint: Self::endpoint(remote)?,
            model: usual(&remote.model, USUAL_MODEL).to_owned(),
            timeout: remote.timeout,
            turns: Turns::new(remote.max_concurrent),
            lines: Mutex::default(),
        })
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<Uuid, (String, Line)>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn recognise(&self, request: &Request) -> Result<Transcript, SpeechError> {
        let language = match &request.language {
            Language::Code(code) => code.as_str(),
            Language::Multi { .. } => "multi",
        };
        let mut again = true;
        loop {
            let (line, fresh) = self.line(request, language).await?;
            let answer = timeout(self.timeout, line.say(request.samples.clone())).await;
            let mut transcript = match answer {
                Ok(Some(said)) => said,
                // It broke in the middle, or was broken: the whole utterance goes over a new one, once.
                Ok(None) if again => {
                    self.lines().remove(&request.session);
                    // A line that had been idle may have been closed by the other side at any time.
                    again = !fresh;
                    if fresh {
                        tracing::debug!("a line to deepgram broke; the utterance is sent again");
                    }
                    continue;
                }
                Ok(None) => {
                    self.lines().remove(&request.session);
                    let what = "broke off, or answered what cannot be read";
                    return Err(self.endpoint.unavailable(what));
                }
                Err(_) => {
                    self.lines().remove(&request.session);
                    return Err(self.endpoint.too_slow(self.timeout));
                }
            };
            if transcript.language.is_none()
                && let Language::Code(code) = &request.language
            {
                transcript.language = Some(code.clone());
            }
            let seconds = request.samples.len() as f64 / f64::from(SAMPLE_RATE);
            return Ok(mistrust(transcript, seconds));
        }
    }

    /// The session's line, and whether it was opened just now.
    async fn line(&self, request: &Request, language: &str) -> Result<(Line, bool), SpeechError> {
        let session = request.session;
        if let Some((of, line)) = self.lines().get(&session)
            && of == language
            && line.is_open()
        {
            return Ok((line.clone(), false));
        }
        let none = Vocabulary::default();
        let socket = match self.connect(language, &request.vocabulary).await {
            // Not every model of every dialect takes words.
            Err(SpeechError::Declined(_)) if request.vocabulary != none => {
                self.connect(language, &none).await?
            }
            connected => connected?,
        };
        let line = Line::start(socket);
        self.lines()
            .insert(session, (language.to_owned(), line.clone()));
        Ok((line, true))
    }

    async fn connect(&self, language: &str, words: &Vocabulary) -> Result<Socket, SpeechError> {
        let mut url = self.endpoint.url.clone();
        url.query_pairs_mut().extend_pairs([
            ("model", self.model.as_str()),
            ("language", language),
            ("encoding", "linear16"),
            ("sample_rate", &SAMPLE_RATE.to_string()),
            ("channels", "1"),
            ("punctuate", "true"),
            ("smart_format", "true"),
            ("diarize", "true"),
            ("interim_results", "false"),
        ]);
        // Models before these know another name.
        let expected = match self.model.starts_with("nova-3") || self.model.starts_with("flux") {
            true => "keyterm",
            false => "keywords",
        };
        let words = words.fitting(LONGEST_WORDS);
        url.query_pairs_mut()
            .extend_pairs(words.map(|word| (expected, word)));
        let wrong = || self.endpoint.unavailable("cannot be asked");
        let mut request = url.as_str().into_client_request().map_err(|_| wrong())?;
        if let Some(authorization) = &self.endpoint.authorization {
            request
                .headers_mut()
                .insert(AUTHORIZATION, authorization.clone());
        }
        match timeout(CONNECT.min(self.timeout), connect_async(request)).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(SocketError::Http(response))) => {
                let status = StatusCode::from_u16(response.status().as_u16())
                    .unwrap_or(StatusCode::BAD_GATEWAY);
                let body = response.body().as_deref().unwrap_or_default();
                let told = message_of(body).unwrap_or_default();
                let retry = response.headers().get("retry-after");
                let retry = retry.and_then(|wait| wait.to_str().ok()?.trim().parse().ok());
                let retry = retry.map(Duration::from_secs);
                Err(self.endpoint.refusal(status, &told, retry))
            }
            Ok(Err(_)) => Err(self.endpoint.unavailable("cannot be reached")),
            Err(_) => Err(self.endpoint.too_slow(CONNECT.min(self.timeout))),
        }
    }
}

impl Provider for Deepgram {
    fn name(&self) -> &'static str {
        "deepgram"
    }

    fn status(&self) -> Result<String, String> {
        Ok(format!(
            "deepgram: {} at {}",
            self.model, self.endpoint.host
        ))
    }

    fn transcribe<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Transcript, SpeechError>> {
        async {
            let _turn = self.turns.take(request.session, request.class).await?;
            self.recognise(request).await
        }
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<String, SpeechError>> {
        async {
            let none = Vocabulary::default();
            drop(Line::start(self.connect("en", &none).await?));
            Ok(format!(
                "deepgram: {} at {} answers",
                self.model, self.endpoint.host
            ))
        }
        .boxed()
    }

    fn forget(&self, session: Uuid) {
        self.lines().remove(&session);
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        async {
            self.turns.close();
            self.lines().clear();
        }
        .boxed()
    }
}
