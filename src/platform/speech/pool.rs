//! The threads that recognise: a few for the whole process, each with a recogniser of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    Recogniser, Request, SpeechError, Transcript,
    turns::{Spare, Turn, Turns},
    whisper,
};
use crate::platform::audio::SAMPLE_RATE;

/// Recognisers are single-threaded, and more of them than this keep other work from the cores.
const DEFAULT_WORKERS: usize = 2;

/// Makes a recogniser for a thread. Used again when one has crashed.
type Make = dyn Fn() -> Result<Box<dyn Recogniser>, SpeechError> + Send + Sync;

/// A handle; clones share the threads, which end after the last clone or with `shutdown`.
#[derive(Clone)]
pub struct SpeechPool(Arc<Inner>);

struct Inner {
    /// `None` once it has been shut down.
    jobs: Mutex<Option<mpsc::UnboundedSender<Job>>>,
    turns: Turns,
    stopping: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What a thread does next: there are never more than threads.
struct Job {
    request: Request,
    answer: oneshot::Sender<Result<Transcript, SpeechError>>,
    stop: CancellationToken,
    turn: Turn,
}

impl SpeechPool {
    /// Loads a whisper.cpp model once for all threads; takes seconds and blocks. `workers` 0 means one
    /// for each core, two at most; more than one for each core are never started.
    pub fn load(path: &Path, workers: usize) -> Result<Self, SpeechError> {
        let model = whisper::Model::load(path)?;
        Self::start(workers, move || model.recogniser())
    }

    /// Runs any recogniser. Fails if one cannot be made.
    pub fn start<M>(workers: usize, make: M) -> Result<Self, SpeechError>
    where
        M: Fn() -> Result<Box<dyn Recogniser>, SpeechError> + Send + Sync + 'static,
    {
        let make: Arc<Make> = Arc::new(make);
        let (sender, receiver) = mpsc::unbounded_channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let stopping = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for number in 0..worker_count(workers) {
            let worker = Worker {
                recogniser: Some(make()?),
                make: make.clone(),
                jobs: receiver.clone(),
                stopping: stopping.clone(),
            };
            let thread = thread::Builder::new().name(format!("speech-{number}"));
            let thread = thread.spawn(move || worker.run());
            threads.push(thread.map_err(|error| SpeechError::Start(error.to_string()))?);
        }
        metrics::gauge!("omi_speech_workers").set(threads.len() as f64);
        Ok(Self(Arc::new(Inner {
            jobs: Mutex::new(Some(sender)),
            turns: Turns::new(threads.len()),
            stopping,
            threads: Mutex::new(threads),
        })))
    }

    /// Waits for its turn and for the result. Dropping the future gives the turn up, and ends recognition soon if that has
    /// begun.
    pub async fn transcribe(&self, request: &Request) -> Result<Transcript, SpeechError> {
        let turn = self.0.turns.take(request.session, request.class).await?;
        self.recognise(request, turn).await
    }

    /// A place for an interim.
    pub fn spare(&self) -> Spare {
        self.0.turns.spare()
    }

    /// What `transcribe` does from its turn on. An interim whose place is needed ends with `Overtaken`.
    pub async fn recognise(
        &self,
        request: &Request,
        turn: Turn,
    ) -> Result<Transcript, SpeechError> {
        let stop = turn.needed();
        let _unwanted = stop.clone().drop_guard();
        let jobs = lock(&self.0.jobs).clone();
        let jobs = jobs.ok_or(SpeechError::Stopped)?;
        let (answer, result) = oneshot::channel();
        let job = Job {
            request: request.clone(),
            answer,
            stop,
            turn,
        };
        jobs.send(job).map_err(|_| SpeechError::Stopped)?;
        drop(jobs);
        result.await.unwrap_or(Err(SpeechError::Stopped))
    }

    pub fn workers(&self) -> usize {
        lock(&self.0.threads).len()
    }

    /// Answers everything that waits with `Stopped`, and returns when the threads have finished what
    /// they had begun.
    pub async fn shutdown(&self) {
        self.0.stopping.store(true, Ordering::Release);
        self.0.turns.close();
        lock(&self.0.jobs).take();
        let threads = std::mem::take(&mut *lock(&self.0.threads));
        // Fails only if the runtime is going down, which ends the process anyway.
        let _ = tokio::task::spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
        })
        .await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn worker_count(wanted: usize) -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let wanted = if wanted == 0 { DEFAULT_WORKERS } else { wanted };
    wanted.min(cores)
}

struct Worker {
    /// `None` after a crash, until the next job.
    recogniser: Option<Box<dyn Recogniser>>,
    make: Arc<Make>,
    jobs: Arc<Mutex<mpsc::UnboundedReceiver<Job>>>,
    stopping: Arc<AtomicBool>,
}

impl Worker {
    fn run(mut self) {
        loop {
            // Whoever waits here holds the lock; the others queue behind it.
            let job = lock(&self.jobs).blocking_recv();
            let Some(job) = job else {
                return;
            };
            if job.answer.is_closed() {
                continue;
            }
            let result = if self.stopping.load(Ordering::Acquire) {
                Err(SpeechError::Stopped)
            } else {
                self.recognise(&job)
            };
            // Whoever has the answer finds the place free.
            drop(job.turn);
            // Nobody may want it any more.
            let _ = job.answer.send(result);
        }
    }

    fn recognise(&mut self, job: &Job) -> Result<Transcript, SpeechError> {
        if job.stop.is_cancelled() {
            return Err(SpeechError::Overtaken);
        }
        let mut recogniser = match self.recogniser.take() {
            Some(recogniser) => recogniser,
            None => (self.make)()?,
        };
        let seconds = job.request.samples.len() as f64 / f64::from(SAMPLE_RATE);
        let begun = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| {
            recogniser.transcribe(&job.request, &job.stop)
        }));
        let ended_early = job.stop.is_cancelled() && !matches!(result, Ok(Ok(_)));
        if !ended_early {
            measure(&job.turn, seconds, begun.elapsed().as_secs_f64());
        }
        match result {
            Ok(result) => {
                self.recogniser = Some(recogniser);
                if ended_early {
                    return Err(SpeechError::Overtaken);
                }
                result
            }
            Err(_) => {
                metrics::counter!("omi_speech_crashes_total").increment(1);
                tracing::error!(
                    seconds,
                    "a speech recogniser crashed; a new one takes its place"
                );
                // Dropping it may panic as well.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(recogniser)));
                Err(SpeechError::Crashed { seconds })
            }
        }
    }
}

/// Busy over audio time is the real-time factor.
fn measure(turn: &Turn, audio_seconds: f64, busy_seconds: f64) {
    let kind = if turn.is_spare() { "interim" } else { "final" };
    let milliseconds = |seconds: f64| (seconds * 1000.0).round() as u64;
    metrics::counter!("omi_speech_utterances_total", "kind" => kind).increment(1);
    metrics::counter!("omi_speech_audio_milliseconds_total", "kind" => kind)
        .increment(milliseconds(audio_seconds));
    metrics::counter!("omi_speech_busy_milliseconds_total", "kind" => kind)
        .increment(milliseconds(busy_seconds));
    metrics::histogram!("omi_speech_recognition_seconds", "kind" => kind).record(busy_seconds);
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
