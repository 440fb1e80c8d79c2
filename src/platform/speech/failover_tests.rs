//! Tests of fail-over between providers that do as they are told.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{BoxFuture, FutureExt as _};

use super::*;
use crate::platform::speech::{
    Language, Piece,
    turns::{Turn, Turns},
};

const PAUSE: Duration = Duration::from_millis(100);

/// What it does: 0 answers, 1 is away, 2 refuses, 3 fails at the utterance, 4 hangs.
#[derive(Clone, Default)]
struct Scripted {
    name: &'static str,
    does: Arc<AtomicUsize>,
    /// None: it does no interims.
    places: Option<Turns>,
    asked: Arc<AtomicUsize>,
}

impl Scripted {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    fn does(&self, what: usize) {
        self.does.store(what, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Provider for Scripted {
    fn name(&self) -> &'static str {
        self.name
    }

    fn status(&self) -> Result<String, String> {
        Ok(self.name.into())
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), String>> {
        async { Ok(()) }.boxed()
    }

    fn transcribe<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Transcript, SpeechError>> {
        async {
            self.asked.fetch_add(1, Ordering::SeqCst);
            match self.does.load(Ordering::SeqCst) {
                0 => Ok(Transcript {
                    pieces: vec![Piece {
                        text: self.name.into(),
                        ..Piece::default()
                    }],
                    language: request.language.known().map(str::to_owned),
                    doubtful: false,
                }),
                1 => Err(SpeechError::unavailable("away")),
                2 => Err(SpeechError::Refused("the key is wrong".into())),
                3 => Err(SpeechError::Crashed { seconds: 1.0 }),
                _ => std::future::pending().await,
            }
        }
        .boxed()
    }

    fn spare(&self) -> Spare {
        self.places
            .as_ref()
            .map_or(Spare::Never, |places| places.spare())
    }

    fn interim<'a>(
        &'a self,
        request: &'a Request,
        _turn: Turn,
    ) -> BoxFuture<'a, Result<Transcript, SpeechError>> {
        self.transcribe(request)
    }

    fn check(&self) -> BoxFuture<'_, Result<String, SpeechError>> {
        async { Ok(self.name.into()) }.boxed()
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

fn speech(providers: &[&Scripted]) -> Speech {
    let slot = |provider: &&Scripted| {
        Arc::new(Slot {
            provider: Box::new((*provider).clone()),
            breaker: Breaker::new(PAUSE),
        })
    };
    Speech::with(providers.iter().map(slot).collect())
}

async fn open(speech: &Speech) -> Ear {
    let session = Uuid::from_u128(1);
    speech.open(session, Class::Live, "en").await.unwrap()
}

async fn heard(ear: &Ear) -> Result<String, SpeechError> {
    let words = ear.transcribe(vec![0; 16].into()).await?;
    Ok(words.transcript.pieces[0].text.clone())
}

#[tokio::test]
async fn the_next_one_stands_in_and_the_first_comes_back() {
    let (one, two) = (Scripted::new("one"), Scripted::new("two"));
    let ear = open(&speech(&[&one, &two])).await;
    assert_eq!(heard(&ear).await.unwrap(), "one");
    assert_eq!(ear.change(), None);

    one.does(1);
    for _ in 0..3 {
        assert_eq!(heard(&ear).await.unwrap(), "two");
    }
    assert_eq!(one.asked(), 2, "it is left out");
    let change = ear.change().unwrap();
    assert_eq!(
        (change.provider, change.instead),
        ("two", Some("unavailable"))
    );
    assert_eq!(ear.change(), None);

    // The probe goes beside the utterance, so nobody waits for one that hangs.
    one.does(4);
    tokio::time::sleep(PAUSE).await;
    assert_eq!(heard(&ear).await.unwrap(), "two");
    tokio::task::yield_now().await;
    assert_eq!(one.asked(), 3);
    assert_eq!(heard(&ear).await.unwrap(), "two");
    assert_eq!(one.asked(), 3, "one probe at a time");
}

#[tokio::test]
async fn after_a_good_probe_the_first_is_asked_again() {
    let (one, two) = (Scripted::new("one"), Scripted::new("two"));
    let ear = open(&speech(&[&one, &two])).await;
    one.does(1);
    assert_eq!(heard(&ear).await.unwrap(), "two");
    assert!(ear.change().is_some());
    one.does(0);
    tokio::time::sleep(PAUSE).await;
    assert_eq!(heard(&ear).await.unwrap(), "two");
    while one.asked() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(heard(&ear).await.unwrap(), "one");
    let change = ear.change().unwrap();
    assert_eq!((change.provider, change.instead), ("one", None));
}

#[tokio::test]
async fn when_all_fail_those_left_out_are_tried_too() {
    let (one, two) = (Scripted::new("one"), Scripted::new("two"));
    let ear = open(&speech(&[&one, &two])).await;
    one.does(1);
    two.does(1);
    assert!(heard(&ear).await.is_err());
    one.does(0);
    // Both are left out now.
    assert_eq!(heard(&ear).await.unwrap(), "one");
    assert_eq!(heard(&ear).await.unwrap(), "one");
    assert_eq!(two.asked(), 1);
}

#[tokio::test]
async fn an_utterance_that_one_cannot_take_costs_it_nothing() {
    let (one, two) = (Scripted::new("one"), Scripted::new("two"));
    let ear = open(&speech(&[&one, &two])).await;
    one.does(3);
    assert_eq!(heard(&ear).await.unwrap(), "two");
    assert_eq!(ear.change().unwrap().instead, Some("failed"));
    one.does(0);
    assert_eq!(heard(&ear).await.unwrap(), "one");
    assert_eq!(ear.change().unwrap().instead, None);
}

#[tokio::test]
async fn nobody_begins_with_one_that_refuses() {
    let one = Scripted::new("one");
    let speech = speech(&[&one]);
    one.does(2);
    let ear = open(&speech).await;
    assert!(matches!(heard(&ear).await, Err(SpeechError::Refused(_))));
    let refused = speech.open(Uuid::nil(), Class::Live, "en").await;
    assert!(refused.is_err_and(|why| why.contains("the key is wrong")));
    assert!(speech.status().is_err());
    assert_eq!(speech.working(), None);
}

#[tokio::test]
async fn who_waits_when_it_stops_is_told() {
    let one = Scripted::new("one");
    let speech = speech(&[&one]);
    one.does(4);
    let ear = open(&speech).await;
    let (said, ()) = tokio::join!(heard(&ear), async {
        while one.asked() == 0 {
            tokio::task::yield_now().await;
        }
        speech.shutdown().await;
    });
    assert!(matches!(said, Err(SpeechError::Stopped)));
}

#[tokio::test]
async fn interims_are_asked_of_whoever_recognises_now_and_change_nothing() {
    let (mut one, mut two) = (Scripted::new("one"), Scripted::new("two"));
    (one.places, two.places) = (Some(Turns::new(2)), None);
    let ear = open(&speech(&[&one, &two])).await;
    let said = async || {
        let words = ear.interim(async { Some(vec![0; 16].into()) }).await?;
        Some(words.transcript.pieces[0].text.clone())
    };
    assert_eq!(said().await.as_deref(), Some("one"));
    // What it answers to an interim leaves nobody out and is told to nobody.
    one.does(1);
    assert_eq!(said().await, None);
    one.does(0);
    assert_eq!(heard(&ear).await.unwrap(), "one");
    assert_eq!(ear.change(), None);
    // The second does no interims, and the first is away.
    one.does(1);
    assert_eq!(heard(&ear).await.unwrap(), "two");
    let before = (one.asked(), two.asked());
    assert_eq!(said().await, None);
    assert_eq!((one.asked(), two.asked()), before);
    // No sound is read without a free place.
    one.does(0);
    tokio::time::sleep(PAUSE).await;
    while heard(&ear).await.unwrap() != "one" {
        tokio::time::sleep(PAUSE).await;
    }
    let places = one.places.clone().unwrap();
    let Spare::Free(_turn) = places.spare() else {
        panic!("nobody has it");
    };
    let never = async { panic!("read for nothing") };
    assert!(ear.interim(never).await.is_none());
}

#[tokio::test]
async fn no_provider_at_all_is_said() {
    let none = speech(&[]);
    let refused = none.open(Uuid::nil(), Class::Live, "en").await;
    assert!(refused.is_err_and(|why| why.contains("stt.provider = none")));
    assert_eq!(Language::from_omi("en").known(), Some("en"));
}
