//! Requests to the endpoint: where it is, repetitions, what its refusals mean, and how much of it is read.

use std::{error::Error as _, time::Duration};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{LONGEST_ANSWER, LanguageError, Result, Settings, address::endpoint, silence::Silence};
use crate::platform::{clock, endpoints};

/// Repetitions when the endpoint is busy, and when it cannot be reached.
const BUSY_AGAIN: u32 = 2;
const BROKEN_AGAIN: u32 = 1;
const PAUSE: Duration = Duration::from_millis(500);
/// Bytes of a refusal that are read.
const LONGEST_REFUSAL: usize = 64 * 1024;

pub(super) struct Wire {
    client: Client,
    url: Url,
    host: String,
    key: SecretString,
    authorization: Option<HeaderValue>,
    model: String,
    pub timeout: Duration,
    pub idle: Duration,
    silence: Silence,
}

/// A request without an answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub error: LanguageError,
    /// The endpoint may have taken offence at a field that it does not know.
    pub form: Option<StatusCode>,
    /// It certainly did no work.
    pub unspent: bool,
}

impl From<LanguageError> for Failure {
    fn from(error: LanguageError) -> Self {
        Self {
            error,
            form: None,
            unspent: false,
        }
    }
}

/// An answer in one piece.
#[derive(Debug)]
pub(super) struct Completion {
    /// Err: the model gave nothing that can be used.
    pub text: Result<String>,
    pub usage: Option<Usage>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub(super) struct Usage {
    #[serde(default)]
    pub prompt_tokens: u64,
    #[serde(default)]
    pub completion_tokens: u64,
}

impl Usage {
    pub fn of(answer: &Value) -> Option<Self> {
        let usage = Self::deserialize(answer.get("usage")?).ok()?;
        (usage != Self::default()).then_some(usage)
    }
}

impl Settings {
    /// Err: names the setting and says what is wrong with it.
    pub fn check(&self) -> anyhow::Result<()> {
        endpoint(&self.url).context("llm.url")?;
        authorization(&self.api_key)?;
        if self.model.is_empty() {
            bail!("llm.model: name the model that is to be asked, because llm.url is set");
        }
        Ok(())
    }
}

fn authorization(key: &SecretString) -> anyhow::Result<Option<HeaderValue>> {
    let key = key.expose_secret().trim();
    if key.is_empty() {
        return Ok(None);
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
        .map_err(|_| anyhow::anyhow!("llm.api_key holds characters that no key has"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

impl Wire {
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        settings.check()?;
        let url = endpoint(&settings.url)?;
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_string(),
        };
        let mut client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(settings.timeout.min(Duration::from_secs(10)))
            .user_agent(concat!("omi-server/", env!("CARGO_PKG_VERSION")));
        let name = url.host_str().unwrap_or_default();
        let address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        if name == "localhost" || address.is_ok_and(|address| address.is_loopback()) {
            client = client.no_proxy();
        }
        Ok(Self {
            client: client.build()?,
            url,
            host,
            key: settings.api_key.expose_secret().trim().into(),
            authorization: authorization(&settings.api_key)?,
            model: settings.model.clone(),
            timeout: settings.timeout,
            idle: settings.idle,
            silence: Silence::default(),
        })
    }

    pub fn model(&self) -> &str {
        &self.model
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    /// One answer in one piece.
    pub async fn complete(&self, body: &Value, deadline: Instant) -> Result<Completion, Failure> {
        let response = self.post(body, deadline).await?;
        let bytes = self.read(response, LONGEST_ANSWER, deadline).await?;
        self.answered();
        Ok(self.completion(&bytes)?)
    }

    /// A response whose status is success. Repeats what is worth it and fits before `deadline`.
    pub async fn post(&self, body: &Value, deadline: Instant) -> Result<Response, Failure> {
        if let Err(wait) = self.silence.check(self.timeout) {
            return Err(Failure {
                unspent: true,
                ..self.left_alone(wait).into()
            });
        }
        let mut tries = 0;
        loop {
            let mut request = self.client.post(self.url.clone()).json(body);
            if let Some(authorization) = &self.authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
            let (failure, pause) = match timeout_at(deadline, request.send()).await {
                Err(_) => return Err(self.unanswered().into()),
                Ok(Ok(response)) if response.status().is_success() => return Ok(response),
                Ok(Ok(response)) => {
                    self.answered();
                    let wait = retry_after(response.headers());
                    let failure = self.refusal(response, wait, deadline).await;
                    let temporary = failure.error.is_temporary() && failure.form.is_none();
                    if !temporary || tries >= BUSY_AGAIN {
                        return Err(failure);
                    }
                    (failure, wait.unwrap_or(PAUSE * (tries + 1)))
                }
                Ok(Err(error)) => {
                    if error.is_timeout() {
                        self.silence.unanswered();
                    }
                    let failure = Failure {
                        unspent: error.is_connect(),
                        error: self.broken(&error),
                        form: None,
                    };
                    if tries >= BROKEN_AGAIN {
                        return Err(failure);
                    }
                    (failure, PAUSE / 2)
                }
            };
            tries += 1;
            let again = Instant::now() + pause + jitter();
            if again >= deadline {
                return Err(failure);
            }
            tokio::time::sleep_until(again).await;
        }
    }

    /// The body, up to `limit` bytes.
    async fn read(&self, response: Response, limit: usize, deadline: Instant) -> Result<Vec<u8>> {
        let too_long = || {
            LanguageError::Invalid(format!(
                "an answer is longer than {} MiB",
                LONGEST_ANSWER / (1024 * 1024)
            ))
        };
        if response
            .content_length()
            .is_some_and(|length| length > limit as u64)
        {
            return Err(too_long());
        }
        let mut chunks = response.bytes_stream();
        let mut body: Vec<u8> = Vec::new();
        loop {
            let chunk: Bytes = match timeout_at(deadline, chunks.next()).await {
                Err(_) => return Err(self.unanswered()),
                Ok(None) => return Ok(body),
                Ok(Some(chunk)) => chunk.map_err(|error| self.broken(&error))?,
            };
            if body.len() + chunk.len() > limit {
                return Err(too_long());
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// What a whole body says.
    pub fn completion(&self, body: &[u8]) -> Result<Completion> {
        let Ok(answer) = serde_json::from_slice::<Value>(body) else {
            return Err(self.no_completion());
        };
        if let Some(error) = self.error_inside(&answer) {
            return Err(error);
        }
        let choice = answer["choices"]
            .get(0)
            .ok_or_else(|| self.no_completion())?;
        let message = &choice["message"];
        let text = match text_of(&message["content"]).or_else(|| text_of(&choice["text"])) {
            Some(text) => Ok(text),
            None if message.is_object() => {
                let refused = message["refusal"].is_string();
                Err(LanguageError::Invalid(
                    if refused {
                        "the model declined"
                    } else {
                        "the answer holds no text"
                    }
                    .into(),
                ))
            }
            None => return Err(self.no_completion()),
        };
        Ok(Completion {
            text,
            usage: Usage::of(&answer),
        })
    }

    /// An error that stands in a response with status 200.
    pub fn error_inside(&self, answer: &Value) -> Option<LanguageError> {
        let error = answer.get("error").filter(|error| !error.is_null())?;
        let told = endpoints::told(&message_of(answer).unwrap_or_default(), &self.key);
        let code = error["code"]
            .as_u64()
            .and_then(|code| u16::try_from(code).ok());
        Some(
            match code.and_then(|code| StatusCode::from_u16(code).ok()) {
                Some(status) => self.meaning(status, None, told, None).error,
                None => LanguageError::unavailable(self.says("gave up", &told)),
            },
        )
    }

    pub fn no_completion(&self) -> LanguageError {
        LanguageError::Refused(format!(
            "what {} answers is no chat completion; check that llm.url leads to an OpenAI-compatible endpoint",
            self.host
        ))
    }

    /// The model has said something.
    pub fn answered(&self) {
        self.silence.answered();
    }

    /// Somebody waited in vain.
    pub fn unanswered(&self) -> LanguageError {
        self.silence.unanswered();
        LanguageError::unavailable(format!(
            "{} gave no answer within {} s",
            self.host,
            self.timeout.as_secs_f32()
        ))
    }

    fn left_alone(&self, wait: Duration) -> LanguageError {
        LanguageError::Unavailable {
            reason: format!(
                "{} left several requests without an answer; it is asked again in {} s",
                self.host,
                wait.as_secs() + 1
            ),
            retry_after: Some(wait),
        }
    }

    pub fn broken(&self, error: &reqwest::Error) -> LanguageError {
        let mut cause = error.source();
        let mut reason = None;
        while let Some(error) = cause {
            reason = Some(error.to_string());
            cause = error.source();
        }
        let what = if error.is_connect() {
            "cannot be reached"
        } else {
            "broke the connection off"
        };
        LanguageError::unavailable(self.says(
            what,
            &endpoints::told(&reason.unwrap_or_default(), &self.key),
        ))
    }

    fn says(&self, what: &str, told: &str) -> String {
        match told {
            "" => format!("{} {what}", self.host),
            told => format!("{} {what}: {told}", self.host),
        }
    }

    async fn refusal(
        &self,
        response: Response,
        wait: Option<Duration>,
        deadline: Instant,
    ) -> Failure {
        let status = response.status();
        let soon = deadline.min(Instant::now() + Duration::from_secs(5));
        let body = self.read(response, LONGEST_REFUSAL, soon).await;
        let body: Value = body
            .ok()
            .and_then(|body| serde_json::from_slice(&body).ok())
            .unwrap_or_default();
        let told = endpoints::told(&message_of(&body).unwrap_or_default(), &self.key);
        let code = body["error"]["code"]
            .as_str()
            .or_else(|| body["error"]["type"].as_str());
        self.meaning(status, code, told, wait)
    }

    fn meaning(
        &self,
        status: StatusCode,
        code: Option<&str>,
        told: String,
        retry_after: Option<Duration>,
    ) -> Failure {
        let number = status.as_u16();
        let refused = |what: &str, check: &str| {
            let text = self.says(&format!("{what} ({number})"), &told);
            LanguageError::Refused(format!("{text}; check {check}"))
        };
        let unavailable = |what: &str| LanguageError::Unavailable {
            reason: self.says(&format!("{what} ({number})"), &told),
            retry_after,
        };
        let error = match number {
            300..=399 => refused("redirects", "llm.url: it must be the final address"),
            401 | 403 => refused("does not take the key", "llm.api_key"),
            402 => refused(
                "wants to be paid",
                "the account that llm.api_key belongs to",
            ),
            404 => refused("knows no such address or model", "llm.url and llm.model"),
            413 => refused("takes no request as long as this", "llm.context_characters"),
            429 if code == Some("insufficient_quota") => refused(
                "has no credit left",
                "the account that llm.api_key belongs to",
            ),
            429 => unavailable("has too many requests"),
            408 | 425 | 500.. if number != 501 => unavailable("fails"),
            _ => refused(
                "does not take the request",
                "llm.model and llm.context_characters",
            ),
        };
        Failure {
            error,
            form: matches!(number, 400 | 415 | 422 | 500 | 501).then_some(status),
            unspent: true,
        }
    }
}

/// Text, or the text of parts.
pub(super) fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect();
            (!texts.is_empty()).then(|| texts.concat())
        }
        _ => None,
    }
}

fn message_of(body: &Value) -> Option<String> {
    [
        &body["error"]["message"],
        &body["error"],
        &body["message"],
        &body["detail"],
    ]
    .into_iter()
    .find_map(|text| text.as_str().map(str::to_string))
}

/// In seconds or as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?;
    Some(
        (at.with_timezone(&Utc) - clock::now())
            .to_std()
            .unwrap_or_default(),
    )
}

/// So that those who were refused together do not come back together.
fn jitter() -> Duration {
    PAUSE.mul_f64(rand::random::<f64>() / 4.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn waiting_is_told_in_seconds_or_as_a_date() {
        let told = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(told("2"), Some(Duration::from_secs(2)));
        assert_eq!(told("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(told("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["-1", "soon", "inf", "NaN", "1e300"] {
            assert_eq!(told(nonsense), None, "{nonsense}");
        }
    }
}
