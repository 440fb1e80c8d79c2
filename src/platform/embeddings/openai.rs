//! An OpenAI-compatible embeddings endpoint.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use reqwest::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::{EmbedError, Queued, Settings, measure, normalise};

const DEFAULT_MODEL: &str = "text-embedding-3-small";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Bulk requests at the same time. Queries are not held up by them.
const BULKS: usize = 2;

/// Requests for the same texts at most, when the endpoint says that it may answer later.
const ATTEMPTS: u32 = 4;

/// All waits before further attempts of a bulk, and of a query that somebody waits for.
const BULK_PATIENCE: Duration = Duration::from_secs(60);
const QUERY_PATIENCE: Duration = Duration::from_secs(2);

/// A query, with all its attempts, that has not been answered by then is not worth waiting for.
const QUERY_TIMEOUT: Duration = Duration::from_secs(3);

/// For so long no query is sent after one that was not answered in time.
const LEFT_ALONE: Duration = Duration::from_secs(15);

/// 64 texts in 4,096 dimensions are about 6 MB as text.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Of an endpoint's own words that are passed on.
const MAX_MESSAGE: usize = 200;

pub struct Endpoint {
    client: Client,
    url: Url,
    model: String,
    authorization: Option<HeaderValue>,
    batch: usize,
    bulks: Semaphore,
    /// Since when an answer to a query is missing.
    silent: Mutex<Option<Instant>>,
    /// Of the first vector; all others must agree.
    dimension: OnceLock<usize>,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    /// Some endpoints leave it out, and keep the order.
    index: Option<usize>,
    embedding: Numbers,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Numbers {
    Plain(Vec<f32>),
    /// Little-endian f32.
    Base64(String),
}

/// Why one attempt failed.
struct Failure {
    reason: String,
    temporary: bool,
    /// As the endpoint asks for.
    wait: Option<Duration>,
}

impl Failure {
    fn lasting(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            temporary: false,
            wait: None,
        }
    }
}

impl Endpoint {
    pub fn new(settings: &Settings) -> Result<Self, EmbedError> {
        let wrong = |reason: String| EmbedError::Endpoint {
            url: settings.url.clone(),
            reason,
            temporary: false,
        };
        let mut url =
            Url::parse(&settings.url).map_err(|error| wrong(format!("is no URL: {error}")))?;
        url.path_segments_mut()
            .map_err(|()| wrong("is no place on a server".into()))?
            .pop_if_empty()
            .push("embeddings");
        let authorization = match settings.api_key.expose_secret() {
            "" => None,
            key => {
                let mut value = HeaderValue::try_from(format!("Bearer {key}"))
                    .map_err(|_| wrong("cannot be sent its key: it has odd characters".into()))?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(settings.timeout)
            // Neither texts nor the key go where the operator did not send them.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| wrong(format!("cannot be asked: {error}")))?;
        let model = match settings.model.as_str() {
            "" => DEFAULT_MODEL,
            name => name,
        };
        Ok(Self {
            client,
            url,
            model: model.to_owned(),
            authorization,
            batch: settings.batch.max(1),
            bulks: Semaphore::new(BULKS),
            silent: Mutex::default(),
            dimension: OnceLock::new(),
        })
    }

    /// Names the place as well: one name may stand for different models at different endpoints.
    pub fn model_id(&self) -> String {
        let hash = hex::encode(Sha256::digest(self.url.as_str()));
        format!("openai:{}@{}", self.model, &hash[..8])
    }

    pub fn model(&self) -> &str {
        &self.model
    }

    /// Without what it may hold of secrets.
    pub fn url(&self) -> String {
        self.url.origin().ascii_serialization() + self.url.path()
    }

    pub fn batch(&self) -> usize {
        self.batch
    }

    pub fn dimension(&self) -> Option<usize> {
        self.dimension.get().copied()
    }

    pub async fn bulk(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let queued = Queued::new();
        let _turn = self.bulks.acquire().await;
        drop(queued);
        self.ask(texts, BULK_PATIENCE).await
    }

    pub async fn query(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let late = |reason: &str| EmbedError::Endpoint {
            url: self.url(),
            reason: reason.into(),
            temporary: true,
        };
        if self
            .silent()
            .is_some_and(|since| since.elapsed() < LEFT_ALONE)
        {
            return Err(late("did not answer lately and is left alone for a while"));
        }
        match tokio::time::timeout(QUERY_TIMEOUT, self.ask(texts, QUERY_PATIENCE)).await {
            Ok(answer) => {
                *self.silent() = None;
                answer
            }
            Err(_) => {
                *self.silent() = Some(Instant::now());
                Err(late("did not answer in time"))
            }
        }
    }

    fn silent(&self) -> MutexGuard<'_, Option<Instant>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, texts: &[String], patience: Duration) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut waited = Duration::ZERO;
        let mut attempt = 1;
        loop {
            let begun = Instant::now();
            let result = self.attempt(texts).await;
            measure(texts.len(), begun.elapsed().as_secs_f64(), result.is_err());
            let failure = match result {
                Ok(vectors) => return Ok(vectors),
                Err(failure) => failure,
            };
            let wait = failure
                .wait
                .unwrap_or_else(|| Duration::from_millis(250) * 2_u32.pow(attempt));
            if !failure.temporary || attempt == ATTEMPTS || waited + wait > patience {
                return Err(EmbedError::Endpoint {
                    url: self.url(),
                    reason: failure.reason,
                    temporary: failure.temporary,
                });
            }
            tokio::time::sleep(wait).await;
            waited += wait;
            attempt += 1;
        }
    }

    async fn attempt(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Failure> {
        // Endpoints refuse an empty text.
        let input: Vec<&str> = texts
            .iter()
            .map(|text| if text.trim().is_empty() { "." } else { text })
            .collect();
        let body = serde_json::json!({
            "model": self.model,
            "input": input,
            "encoding_format": "float",
        });
        let mut request = self.client.post(self.url.clone()).json(&body);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let response = request.send().await.map_err(|error| unreached(&error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(refused(status, response).await);
        }
        let body = read(response, MAX_ANSWER).await?;
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|error| Failure::lasting(format!("sent no list of embeddings: {error}")))?;
        self.vectors(answer, texts.len())
    }

    /// In the order of the texts, of length 1 and of one dimension.
    fn vectors(&self, answer: Answer, count: usize) -> Result<Vec<Vec<f32>>, Failure> {
        let wrong = || {
            Failure::lasting(format!(
                "did not send one embedding for each of {count} texts"
            ))
        };
        if answer.data.len() != count {
            return Err(wrong());
        }
        let mut vectors = vec![Vec::new(); count];
        for (place, item) in answer.data.into_iter().enumerate() {
            let slot = vectors.get_mut(item.index.unwrap_or(place));
            let slot = slot.filter(|slot| slot.is_empty()).ok_or_else(wrong)?;
            let mut vector = item.embedding.read()?;
            if !normalise(&mut vector) {
                return Err(Failure::lasting("sent an embedding without a direction"));
            }
            *slot = vector;
        }
        let first = vectors.first().map_or(0, Vec::len);
        let expected = self.dimension.get().copied().unwrap_or(first);
        if let Some(other) = vectors.iter().find(|vector| vector.len() != expected) {
            return Err(Failure::lasting(format!(
                "sent {} numbers for a text and {expected} for another: does it serve several models under one name?",
                other.len()
            )));
        }
        let _ = self.dimension.set(first);
        Ok(vectors)
    }
}

impl Numbers {
    fn read(self) -> Result<Vec<f32>, Failure> {
        let text = match self {
            Self::Plain(numbers) => return Ok(numbers),
            Self::Base64(text) => text,
        };
        let wrong = || Failure::lasting("sent an embedding that is neither numbers nor base64");
        let bytes = base64::prelude::BASE64_STANDARD
            .decode(text)
            .map_err(|_| wrong())?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(wrong());
        }
        Ok(numbers
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect())
    }
}

fn unreached(error: &reqwest::Error) -> Failure {
    let mut reason = String::from(if error.is_timeout() {
        "did not answer in time"
    } else {
        "cannot be reached"
    });
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        reason = format!("{reason}: {inner}");
        cause = inner.source();
    }
    Failure {
        reason,
        temporary: true,
        wait: None,
    }
}

async fn refused(status: StatusCode, response: Response) -> Failure {
    let wait = response.headers().get(RETRY_AFTER);
    let wait = wait
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    let body = read(response, MAX_ANSWER / 64).await.unwrap_or_default();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let error = &body["error"];
    let words = error["message"].as_str().or_else(|| error.as_str());
    let words: String = words
        .unwrap_or_default()
        .chars()
        .take(MAX_MESSAGE)
        .collect();
    let advice = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "; check embeddings.api_key",
        StatusCode::NOT_FOUND => "; check embeddings.url and embeddings.model",
        _ => "",
    };
    let colon = if words.is_empty() { "" } else { ": " };
    Failure {
        reason: format!("answered {status}{colon}{words}{advice}"),
        temporary: status.is_server_error()
            || matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
            ),
        wait,
    }
}

async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreached(&error))? {
        if body.len() + chunk.len() > limit {
            return Err(Failure::lasting(format!("sent more than {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
#[path = "openai_tests.rs"]
mod tests;
