//! Tests of the threads with models that are slow, few-worded or broken.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;

/// The number that each text is.
struct Numbers {
    /// Batches so far.
    batches: Arc<AtomicUsize>,
    each: Duration,
}

impl Model for Numbers {
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.batches.fetch_add(1, Ordering::Relaxed);
        thread::sleep(self.each * texts.len() as u32);
        assert!(!texts.iter().any(|text| text == "crash"));
        let vectors = texts.iter().map(|text| vec![text.parse().unwrap()]);
        Ok(vectors.skip(usize::from(texts[0] == "-1")).collect())
    }
}

struct Fixture {
    lanes: Arc<Lanes>,
    loads: Arc<AtomicUsize>,
    batches: Arc<AtomicUsize>,
}

fn start(each: Duration) -> Fixture {
    let (loads, batches) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, given) = (loads.clone(), batches.clone());
    let loader = Loader::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(Numbers {
            batches: given.clone(),
            each,
        })
    });
    Fixture {
        lanes: Arc::new(Lanes::start(loader).unwrap()),
        loads,
        batches,
    }
}

fn texts(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn it_is_loaded_at_first_use_and_put_away_when_idle() {
    let Fixture { lanes, loads, .. } = start(Duration::ZERO);
    assert_eq!(loads.load(Ordering::Relaxed), 0);
    let (bulk, query) = tokio::join!(lanes.bulk(texts(0..2)), lanes.query(texts(7..8)));
    assert_eq!(bulk.unwrap(), [[0.0], [1.0]]);
    assert_eq!(query.unwrap(), [[7.0]]);
    assert_eq!(loads.load(Ordering::Relaxed), 1);

    lanes.loader().unload_after(Duration::from_secs(60));
    lanes.query(texts(7..8)).await.unwrap();
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    lanes.loader().unload_after(Duration::ZERO);
    lanes.query(texts(7..8)).await.unwrap();
    assert_eq!(loads.load(Ordering::Relaxed), 2);
    assert_eq!(
        lanes.bulk(Vec::new()).await.unwrap(),
        Vec::<Vec<f32>>::new()
    );
}

#[tokio::test]
async fn what_waits_is_taken_together() {
    let Fixture { lanes, batches, .. } = start(Duration::from_millis(5));
    let first = tokio::spawn({
        let lanes = lanes.clone();
        async move { lanes.bulk(texts(0..20)).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let many = (0..30).map(|number| lanes.bulk(texts(number..number + 2)));
    let many = futures_util::future::join_all(many).await;
    for (number, vectors) in many.into_iter().enumerate() {
        assert_eq!(vectors.unwrap(), [[number as f32], [number as f32 + 1.0]]);
    }
    assert_eq!(first.await.unwrap().len(), 20);
    let batches = batches.load(Ordering::Relaxed);
    assert!(batches < 10, "{batches}");
}

#[tokio::test]
async fn who_gave_up_costs_nothing() {
    let Fixture { lanes, batches, .. } = start(Duration::from_millis(5));
    let first = tokio::spawn({
        let lanes = lanes.clone();
        async move { lanes.bulk(texts(0..64)).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let given_up = tokio::time::timeout(Duration::from_millis(20), lanes.bulk(texts(0..9))).await;
    assert!(given_up.is_err());
    first.await.unwrap().unwrap();
    lanes.bulk(texts(5..6)).await.unwrap();
    assert_eq!(batches.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_crash_is_an_error_and_the_next_request_works() {
    let Fixture { lanes, .. } = start(Duration::ZERO);
    for bad in ["crash", "-1"] {
        let error = lanes.bulk(vec![bad.into()]).await.unwrap_err();
        assert!(
            matches!(error, EmbedError::Failed { texts: 1, .. }),
            "{error}"
        );
        assert!(!error.is_temporary());
    }
    assert_eq!(lanes.bulk(texts(3..4)).await.unwrap(), [[3.0]]);
}

/// Computes as libraries do: on all threads there are.
struct Parallel;

impl Model for Parallel {
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let here = || thread::current().id();
        let (one, other) = rayon::join(here, here);
        assert_eq!((one, other), (here(), here()));
        Ok(vec![vec![rayon::current_num_threads() as f32]; texts.len()])
    }
}

#[tokio::test]
async fn each_lane_has_one_thread() {
    let lanes = Lanes::start(Loader::new(|| Ok(Parallel))).unwrap();
    let (bulk, query) = tokio::join!(lanes.bulk(texts(0..2)), lanes.query(texts(0..1)));
    assert_eq!(bulk.unwrap(), [[1.0], [1.0]]);
    assert_eq!(query.unwrap(), [[1.0]]);
}
