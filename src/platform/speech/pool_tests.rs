//! Tests of the pool with a recogniser that only counts samples.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::platform::speech::{Class, Language, Piece};

/// Says how many samples it got. Crashes on 13, fails on 14, and holds 1000 and more until released or told to stop.
#[derive(Clone, Default)]
struct Counter {
    /// Lengths of what was begun, in order.
    begun: Arc<Mutex<Vec<usize>>>,
    released: Arc<AtomicBool>,
    /// How often a recogniser was made.
    made: Arc<Mutex<usize>>,
}

impl Recogniser for Counter {
    fn transcribe(
        &mut self,
        request: &Request,
        stop: &CancellationToken,
    ) -> Result<Transcript, SpeechError> {
        let count = request.samples.len();
        self.begun.lock().unwrap().push(count);
        match count {
            13 => panic!("unlucky"),
            14 => {
                let reason = "unwilling".to_owned();
                return Err(SpeechError::Failed {
                    seconds: 0.0,
                    reason,
                });
            }
            _ => {}
        }
        while count >= 1000 && !self.released.load(Ordering::Acquire) {
            if stop.is_cancelled() {
                return Err(SpeechError::Failed {
                    seconds: 0.0,
                    reason: "told to stop".to_owned(),
                });
            }
            thread::sleep(Duration::from_millis(1));
        }
        let language = match &request.language {
            Language::Multi { .. } => "de".to_owned(),
            Language::Code(code) => code.clone(),
        };
        let piece = Piece {
            text: count.to_string(),
            end_seconds: 1.0,
            ..Piece::default()
        };
        Ok(Transcript {
            pieces: vec![piece],
            language: Some(language),
            doubtful: false,
        })
    }
}

impl Counter {
    fn pool(&self, workers: usize) -> SpeechPool {
        let counter = self.clone();
        let make = move || {
            *counter.made.lock().unwrap() += 1;
            Ok(Box::new(counter.clone()) as Box<dyn Recogniser>)
        };
        SpeechPool::start(workers, make).unwrap()
    }

    async fn wait_until_begun(&self, count: usize) {
        while !self.begun.lock().unwrap().contains(&count) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn release(&self) {
        self.released.store(true, Ordering::Release);
    }
}

fn request(samples: usize) -> Request {
    Request {
        // A session of its own.
        session: Uuid::from_u128(samples as u128),
        class: Class::Live,
        samples: vec![0; samples].into(),
        language: Language::from_omi("multi"),
        vocabulary: Default::default(),
    }
}

async fn heard(pool: &SpeechPool, samples: usize) -> Result<String, SpeechError> {
    let transcript = pool.transcribe(&request(samples)).await?;
    Ok(transcript.pieces[0].text.clone())
}

async fn interim(pool: &SpeechPool, samples: usize) -> Result<String, SpeechError> {
    let Spare::Free(turn) = pool.spare() else {
        return Err(SpeechError::Busy);
    };
    let transcript = pool.recognise(&request(samples), turn).await?;
    Ok(transcript.pieces[0].text.clone())
}

fn begin(
    pool: &SpeechPool,
    samples: usize,
) -> tokio::task::JoinHandle<Result<String, SpeechError>> {
    let pool = pool.clone();
    tokio::spawn(async move { heard(&pool, samples).await })
}

#[tokio::test]
async fn every_request_gets_its_own_answer() {
    let pool = Counter::default().pool(0);
    let requests: Vec<_> = (100..300)
        .map(|count| (count, begin(&pool, count)))
        .collect();
    for (count, request) in requests {
        assert_eq!(request.await.unwrap().unwrap(), count.to_string());
    }
    pool.shutdown().await;
}

#[tokio::test]
async fn first_come_first_served() {
    let counter = Counter::default();
    let pool = counter.pool(1);
    let requests: Vec<_> = (100..300).map(|count| begin(&pool, count)).collect();
    for request in requests {
        request.await.unwrap().unwrap();
    }
    assert!(counter.begun.lock().unwrap().is_sorted());
}

#[tokio::test]
async fn a_crash_costs_one_request() {
    let counter = Counter::default();
    let pool = counter.pool(1);
    assert!(matches!(
        heard(&pool, 13).await,
        Err(SpeechError::Crashed { .. })
    ));
    assert!(matches!(
        heard(&pool, 14).await,
        Err(SpeechError::Failed { .. })
    ));
    assert_eq!(heard(&pool, 15).await.unwrap(), "15");
    assert_eq!(*counter.made.lock().unwrap(), 2);
}

#[tokio::test]
async fn shutdown_ends_what_was_begun_and_answers_those_who_wait() {
    let counter = Counter::default();
    let pool = counter.pool(1);
    let first = begin(&pool, 1000);
    counter.wait_until_begun(1000).await;
    let waiting: Vec<_> = (1..100).map(|number| begin(&pool, 1000 + number)).collect();
    tokio::task::yield_now().await;
    let stopping = pool.clone();
    let stopped = tokio::spawn(async move { stopping.shutdown().await });
    tokio::task::yield_now().await;
    counter.release();
    stopped.await.unwrap();
    assert_eq!(first.await.unwrap().unwrap(), "1000");
    for request in waiting {
        assert!(matches!(request.await.unwrap(), Err(SpeechError::Stopped)));
    }
    assert!(matches!(heard(&pool, 1).await, Err(SpeechError::Stopped)));
    pool.shutdown().await;
}

#[tokio::test]
async fn giving_up_frees_the_turn() {
    let counter = Counter::default();
    let pool = counter.pool(1);
    let first = begin(&pool, 1000);
    counter.wait_until_begun(1000).await;
    let impatient = tokio::time::timeout(Duration::from_millis(5), heard(&pool, 50)).await;
    assert!(impatient.is_err());
    counter.release();
    assert_eq!(heard(&pool, 20).await.unwrap(), "20");
    first.await.unwrap().unwrap();
    assert_eq!(*counter.begun.lock().unwrap(), [1000, 20]);
}

#[tokio::test]
async fn an_interim_ends_when_its_recogniser_is_needed_or_nobody_wants_it() {
    let counter = Counter::default();
    let pool = counter.pool(1);
    assert_eq!(interim(&pool, 20).await.unwrap(), "20");
    // It is never released.
    let (overtaken, needed) = tokio::join!(interim(&pool, 1000), async {
        counter.wait_until_begun(1000).await;
        assert!(matches!(interim(&pool, 21).await, Err(SpeechError::Busy)));
        heard(&pool, 22).await
    });
    assert!(matches!(overtaken, Err(SpeechError::Overtaken)));
    assert_eq!(needed.unwrap(), "22");
    let unwanted = tokio::time::timeout(Duration::from_millis(50), interim(&pool, 1001)).await;
    assert!(unwanted.is_err());
    assert_eq!(heard(&pool, 23).await.unwrap(), "23");
    assert_eq!(*counter.made.lock().unwrap(), 1, "none was replaced");
}

#[test]
fn never_more_threads_than_cores() {
    let cores = thread::available_parallelism().unwrap().get();
    assert_eq!(worker_count(1), 1);
    assert_eq!(worker_count(10_000), cores);
    assert_eq!(worker_count(0), cores.min(2));
}

#[test]
fn a_recogniser_that_cannot_be_made_fails_the_start() {
    let failed = SpeechPool::start(1, || Err(SpeechError::Start("no memory".to_owned())));
    assert!(failed.is_err());
}
