//! The threads of a model in this process: one for bulks, one for queries, so that neither waits for the
//! other and no bulk takes more than a core.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rayon::ThreadPoolBuilder;
use tokio::sync::{mpsc, oneshot};

use super::{EmbedError, Queued, measure};

/// Requests that wait at most; whoever comes then waits for room.
const QUEUE: usize = 64;

/// Texts of several requests that are taken together at most.
const TOGETHER: usize = 64;

const IDLE: Duration = Duration::from_secs(600);

/// Makes vectors of texts, in their order. May take a second.
pub trait Model: Send + Sync {
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError>;
}

type Load = dyn Fn() -> Result<Box<dyn Model>, EmbedError> + Send + Sync;

/// The model: loaded at first use, shared by the threads, put away when nobody uses it.
pub struct Loader {
    load: Box<Load>,
    held: Mutex<Held>,
}

struct Held {
    model: Option<Arc<dyn Model>>,
    used: Instant,
}

impl Loader {
    pub fn new<M, F>(load: F) -> Arc<Self>
    where
        M: Model + 'static,
        F: Fn() -> Result<M, EmbedError> + Send + Sync + 'static,
    {
        Arc::new(Self {
            load: Box::new(move || load().map(|model| Box::new(model) as Box<dyn Model>)),
            held: Mutex::new(Held {
                model: None,
                used: Instant::now(),
            }),
        })
    }

    fn model(&self) -> Result<Arc<dyn Model>, EmbedError> {
        let mut held = self.held();
        held.used = Instant::now();
        if let Some(model) = &held.model {
            return Ok(model.clone());
        }
        let model: Arc<dyn Model> = (self.load)()?.into();
        tracing::debug!(
            seconds = held.used.elapsed().as_secs_f64(),
            "the embedding model was loaded"
        );
        held.model = Some(model.clone());
        Ok(model)
    }

    pub fn unload_if_idle(&self) {
        self.unload_after(IDLE);
    }

    fn unload_after(&self, idle: Duration) {
        let mut held = self.held();
        if held.used.elapsed() >= idle && held.model.take().is_some() {
            tracing::debug!("the embedding model was put away");
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Request {
    texts: Vec<String>,
    answer: oneshot::Sender<Result<Vec<Vec<f32>>, EmbedError>>,
    queued: Queued,
}

/// The threads end when it is dropped.
pub struct Lanes {
    loader: Arc<Loader>,
    bulk: mpsc::Sender<Request>,
    query: mpsc::Sender<Request>,
}

impl Lanes {
    pub fn start(loader: Arc<Loader>) -> Result<Self, EmbedError> {
        Ok(Self {
            bulk: lane("embed-bulk", loader.clone())?,
            query: lane("embed-query", loader.clone())?,
            loader,
        })
    }

    pub fn loader(&self) -> &Loader {
        &self.loader
    }

    pub async fn bulk(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        ask(&self.bulk, texts).await
    }

    pub async fn query(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        ask(&self.query, texts).await
    }
}

/// Dropping the future gives the turn up, unless work on it has begun.
async fn ask(
    lane: &mpsc::Sender<Request>,
    texts: Vec<String>,
) -> Result<Vec<Vec<f32>>, EmbedError> {
    let (answer, result) = oneshot::channel();
    let request = Request {
        texts,
        answer,
        queued: Queued::new(),
    };
    lane.send(request).await.map_err(|_| EmbedError::Stopped)?;
    result.await.unwrap_or(Err(EmbedError::Stopped))
}

fn lane(name: &'static str, loader: Arc<Loader>) -> Result<mpsc::Sender<Request>, EmbedError> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let failed = |reason: String| EmbedError::Failed { texts: 0, reason };
    // A model computes on all threads of the pool that it is called in: on this one.
    let pool = ThreadPoolBuilder::new()
        .num_threads(1)
        .thread_name(move |_| name.into())
        .panic_handler(|_| ())
        .build()
        .map_err(|error| failed(error.to_string()))?;
    pool.spawn(move || work(receiver, &loader));
    Ok(sender)
}

fn work(mut requests: mpsc::Receiver<Request>, loader: &Loader) {
    while let Some(first) = requests.blocking_recv() {
        let mut count = first.texts.len();
        let mut together = vec![first];
        while count < TOGETHER
            && let Ok(next) = requests.try_recv()
        {
            count += next.texts.len();
            together.push(next);
        }
        together.retain(|request| !request.answer.is_closed());
        let mut texts = Vec::with_capacity(count);
        let mut waiting = Vec::with_capacity(together.len());
        for request in together {
            drop(request.queued);
            waiting.push((request.texts.len(), request.answer));
            texts.extend(request.texts);
        }
        if texts.is_empty() {
            for (_, answer) in waiting {
                let _ = answer.send(Ok(Vec::new()));
            }
            continue;
        }
        let begun = Instant::now();
        let mut result = embed(loader, &texts);
        measure(texts.len(), begun.elapsed().as_secs_f64(), result.is_err());
        for (count, answer) in waiting {
            let part = match &mut result {
                Ok(vectors) => Ok(vectors.drain(..count).collect()),
                Err(error) => Err(error.clone()),
            };
            // Nobody may want it any more.
            let _ = answer.send(part);
        }
    }
}

fn embed(loader: &Loader, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
    let failed = |reason: &str| EmbedError::Failed {
        texts: texts.len(),
        reason: reason.into(),
    };
    let made = catch_unwind(AssertUnwindSafe(|| loader.model()?.embed(texts)));
    let vectors = made.unwrap_or_else(|_| Err(failed("it crashed")))?;
    if vectors.len() == texts.len() {
        Ok(vectors)
    } else {
        Err(failed("it gave another number of vectors"))
    }
}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;
