//! What is said to be written down and nothing else: words come back, nothing is stored.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::{Allowance, Refusal};
use crate::{
    app::App,
    features::preferences::{self, Wanted},
    platform::{
        audio::{
            mean,
            resample::Resampler,
            voice::{Segmenter, Utterance},
        },
        ids,
        speech::{Class, Ear},
    },
};

/// Utterances that wait to be recognised; then whoever talks has to wait.
const WAITING: usize = 32;

/// A few words; times are seconds from the first sound.
#[derive(Clone, Debug)]
pub struct Dictated {
    pub text: String,
    pub start: f64,
    pub end: f64,
}

pub struct Dictation {
    resampler: Resampler,
    channels: usize,
    /// The beginning of a frame of all channels that is not whole yet.
    rest: Vec<u8>,
    segmenter: Segmenter,
    allowance: Allowance,
    work: mpsc::Sender<Utterance>,
}

impl Dictation {
    /// For interleaved signed 16-bit sound of a user. `words` gets a batch for each utterance, and ends when all is recognised.
    pub async fn start(
        app: &App,
        uid: &str,
        wanted: Wanted<'_>,
        sample_rate: u32,
        channels: usize,
        words: mpsc::Sender<Result<Vec<Dictated>, String>>,
    ) -> Result<Self, Refusal> {
        let resampler =
            Resampler::new(sample_rate).map_err(|error| Refusal::Deaf(error.to_string()))?;
        let hearing = preferences::hearing(&app.db, uid, wanted).await?;
        let ear = app.speech.open(ids::new(), Class::Live, &hearing.language);
        let ear = ear.await.map_err(Refusal::Deaf)?;
        let ear = ear.expecting(hearing.vocabulary);
        let (work, waiting) = mpsc::channel(WAITING);
        tokio::spawn(recognise(ear, waiting, words));
        Ok(Self {
            resampler,
            channels: channels.max(1),
            rest: Vec::new(),
            segmenter: Segmenter::new(0),
            allowance: Allowance::new(Instant::now()),
            work,
        })
    }

    /// False: nobody recognises any more.
    pub async fn hear(&mut self, audio: &[u8]) -> bool {
        self.rest.extend_from_slice(audio);
        let whole = self.rest.len() - self.rest.len() % (2 * self.channels);
        let frames = self.rest[..whole].chunks_exact(2 * self.channels);
        let mono: Vec<i16> = frames.map(mean).collect();
        self.rest.drain(..whole);
        let mut samples = Vec::new();
        if let Err(error) = self.resampler.push(&mono, &mut samples) {
            tracing::debug!(%error, "some dictated sound was dropped");
        }
        let ended = self.segmenter.push(&samples);
        for utterance in ended {
            if self.work.send(utterance).await.is_err() {
                return false;
            }
        }
        let wait = self.allowance.spend(samples.len() as u64, Instant::now());
        if wait > Duration::ZERO {
            tokio::time::sleep(wait).await;
        }
        true
    }

    /// Ends what is being said.
    pub async fn finish(&mut self) -> bool {
        match self.segmenter.finish() {
            Some(utterance) => self.work.send(utterance).await.is_ok(),
            None => true,
        }
    }
}

async fn recognise(
    ear: Ear,
    mut waiting: mpsc::Receiver<Utterance>,
    words: mpsc::Sender<Result<Vec<Dictated>, String>>,
) {
    while let Some(utterance) = waiting.recv().await {
        let start = utterance.start as f64 / super::SAMPLE_RATE as f64;
        let told = match ear
            .transcribe(utterance.samples.into())
            .await
            .map(|words| words.transcript)
        {
            Ok(found) if found.pieces.is_empty() => continue,
            Ok(found) => Ok(found
                .pieces
                .into_iter()
                .map(|piece| Dictated {
                    text: piece.text,
                    start: start + piece.start_seconds,
                    end: start + piece.end_seconds,
                })
                .collect()),
            Err(error) => Err(error.to_string()),
        };
        let failed = told.is_err();
        if words.send(told).await.is_err() || failed {
            return;
        }
    }
}
