//! Sentence vectors: texts of like meaning get vectors that point the same way.

mod lane;
pub mod models;
mod openai;
mod sentence;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use secrecy::SecretString;

use lane::{Lanes, Loader};
use openai::Endpoint;

/// What is beyond this many characters of a text is not looked at.
const MAX_CHARACTERS: usize = 8_000;

/// Texts of a bulk that go to the model together; others get their turn in between.
const BULK_TEXTS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// `Local` if its model is there, else `None`.
    Auto,
    /// In this process.
    Local,
    /// An OpenAI-compatible endpoint.
    OpenAi,
    None,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub provider: Provider,
    /// Local: name of a model, or path of a folder. Empty: the usual one of the provider.
    pub model: String,
    pub models_dir: PathBuf,
    /// Of the endpoint, up to the version: `https://api.openai.com/v1`.
    pub url: String,
    /// Empty: none is sent.
    pub api_key: SecretString,
    /// Most texts in one request.
    pub batch: usize,
    /// For one answer.
    pub timeout: Duration,
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum EmbedError {
    #[error(
        "the embedding model in {} cannot be loaded ({reason}); fetch it again with `omi-server model fetch`",
        path.display()
    )]
    Model { path: PathBuf, reason: String },
    #[error("the embedding model failed on {texts} texts: {reason}")]
    Failed { texts: usize, reason: String },
    #[error("the embeddings endpoint {url} {reason}")]
    Endpoint {
        url: String,
        reason: String,
        /// It may answer later.
        temporary: bool,
    },
    #[error("embedding has been stopped")]
    Stopped,
}

impl EmbedError {
    /// Whether the same call may work later without a change by the operator.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Endpoint { temporary, .. } => *temporary,
            Self::Stopped => true,
            Self::Model { .. } | Self::Failed { .. } => false,
        }
    }
}

/// A handle; clones share the model or the endpoint.
#[derive(Clone)]
pub struct Embedder(Arc<Inner>);

struct Inner {
    engine: Engine,
    model_id: String,
    /// That it does not work has been logged, and it has not worked since.
    told: AtomicBool,
}

enum Engine {
    Local { lanes: Lanes, dimension: usize },
    Endpoint(Box<Endpoint>),
}

impl Embedder {
    /// Loads nothing yet and asks nobody. `None` if none is wanted or the model is not there; `status`
    /// says which. A model that comes later is found by the next start.
    pub fn start(settings: &Settings) -> Result<Option<Self>, EmbedError> {
        let (model_id, engine) = match settings.provider {
            Provider::None => return Ok(None),
            Provider::Auto | Provider::Local => {
                let Some(path) = models::locate(&settings.models_dir, local_model(settings)) else {
                    return Ok(None);
                };
                let (model_id, dimension) = sentence::identify(&path)?;
                let loader = Loader::new(move || sentence::Sentences::load(&path));
                let lanes = Lanes::start(loader)?;
                (model_id, Engine::Local { lanes, dimension })
            }
            Provider::OpenAi => {
                let endpoint = Endpoint::new(settings)?;
                (endpoint.model_id(), Engine::Endpoint(Box::new(endpoint)))
            }
        };
        Ok(Some(Self(Arc::new(Inner {
            engine,
            model_id,
            told: AtomicBool::new(false),
        }))))
    }

    /// A vector of length 1 for each text, in their order. Texts beyond what the model reads are cut.
    /// Meant for many: they go in small batches between those of other callers. An error that is not
    /// temporary is logged here, once.
    pub async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.told(self.bulk(texts).await)
    }

    async fn bulk(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        let count = texts.len();
        let mut left = texts.into_iter().map(shortened);
        let mut vectors = Vec::with_capacity(count);
        let size = match &self.0.engine {
            Engine::Local { .. } => BULK_TEXTS,
            Engine::Endpoint(endpoint) => endpoint.batch(),
        };
        while vectors.len() < count {
            let texts: Vec<String> = left.by_ref().take(size).collect();
            vectors.extend(match &self.0.engine {
                Engine::Local { lanes, .. } => lanes.bulk(texts).await?,
                Engine::Endpoint(endpoint) => endpoint.bulk(&texts).await?,
            });
        }
        Ok(vectors)
    }

    /// The vector of one text that somebody waits for; bulks do not hold it up.
    pub async fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let texts = vec![shortened(text.to_owned())];
        let made = match &self.0.engine {
            Engine::Local { lanes, .. } => lanes.query(texts).await,
            Engine::Endpoint(endpoint) => endpoint.query(&texts).await,
        };
        let made = self.told(made)?;
        made.into_iter().next().ok_or(EmbedError::Stopped)
    }

    fn told<T>(&self, result: Result<T, EmbedError>) -> Result<T, EmbedError> {
        match &result {
            Ok(_) => self.0.told.store(false, Ordering::Relaxed),
            Err(error) if !error.is_temporary() => {
                if !self.0.told.swap(true, Ordering::Relaxed) {
                    tracing::error!("{error}");
                }
            }
            Err(_) => {}
        }
        result
    }

    /// Vectors can be compared only if they come from one and the same: `local:all-MiniLM-L6-v2@53aa5117`.
    pub fn model_id(&self) -> &str {
        &self.0.model_id
    }

    /// Numbers in a vector. Of an endpoint it is known after the first answer.
    pub fn dimension(&self) -> Option<usize> {
        match &self.0.engine {
            Engine::Local { dimension, .. } => Some(*dimension),
            Engine::Endpoint(endpoint) => endpoint.dimension(),
        }
    }

    /// Frees the memory of a model that nobody has used for some minutes; the next use loads it again.
    pub fn tidy(&self) {
        if let Engine::Local { lanes, .. } = &self.0.engine {
            lanes.loader().unload_if_idle();
        }
    }
}

/// What these settings give, or why nothing and what to do.
pub fn status(settings: &Settings) -> Result<String, String> {
    match settings.provider {
        Provider::None => Ok("switched off (embeddings.provider = none)".into()),
        Provider::OpenAi => Endpoint::new(settings)
            .map(|endpoint| format!("{} at {} (not asked)", endpoint.model(), endpoint.url()))
            .map_err(|error| error.to_string()),
        Provider::Auto | Provider::Local => {
            let name = local_model(settings);
            let Some(path) = models::locate(&settings.models_dir, name) else {
                return Err(format!(
                    "the embedding model {name} is not in {}: run `omi-server model fetch {name}`, then start the server again",
                    settings.models_dir.display()
                ));
            };
            sentence::identify(&path)
                .map(|(id, _)| format!("{id} in {}", path.display()))
                .map_err(|error| error.to_string())
        }
    }
}

/// Name or path.
pub fn local_model(settings: &Settings) -> &str {
    match settings.model.as_str() {
        "" => models::DEFAULT,
        name => name,
    }
}

fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_CHARACTERS) {
        text.truncate(end);
    }
    text
}

/// To length 1. False if it has no direction.
fn normalise(vector: &mut [f32]) -> bool {
    let squares: f64 = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    let length = squares.sqrt();
    if !length.is_normal() {
        return false;
    }
    for x in vector {
        *x = (f64::from(*x) / length) as f32;
    }
    true
}

fn measure(texts: usize, seconds: f64, failed: bool) {
    metrics::histogram!("omi_embeddings_seconds").record(seconds);
    if failed {
        metrics::counter!("omi_embeddings_failures_total").increment(1);
    } else {
        metrics::counter!("omi_embeddings_texts_total").increment(texts as u64);
    }
}

/// Counts as one in the queue while it lives.
struct Queued(std::time::Instant);

impl Queued {
    fn new() -> Self {
        metrics::gauge!("omi_embeddings_queue_length").increment(1.0);
        Self(std::time::Instant::now())
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        metrics::gauge!("omi_embeddings_queue_length").decrement(1.0);
        metrics::histogram!("omi_embeddings_wait_seconds").record(self.0.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod local_tests;
