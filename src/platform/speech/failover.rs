//! The providers in their order: who is asked, who stands in, and when the first one is tried again.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Class, Provider, Request, Settings, SpeechError, Transcript, Vocabulary,
    breaker::{Breaker, Standing},
    language::Spoken,
    turns::Spare,
};
use crate::platform::{audio::SAMPLE_RATE, ids};

/// Longer than any provider takes for an utterance.
const PROBE: Duration = Duration::from_secs(120);

/// A handle; clones share the providers.
#[derive(Clone)]
pub struct Speech(Arc<Inner>);

struct Inner {
    slots: Vec<Arc<Slot>>,
    stopping: CancellationToken,
}

struct Slot {
    provider: Box<dyn Provider>,
    breaker: Breaker,
}

/// A transcript, and who made it.
struct Heard {
    transcript: Transcript,
    slot: usize,
    /// Why those before could not.
    instead: Option<&'static str>,
}

impl Speech {
    /// Loads nothing and asks nobody yet. Errors name the setting.
    pub fn look(settings: &Settings) -> anyhow::Result<Self> {
        let slots = settings.providers.iter().map(|which| {
            Ok(Arc::new(Slot {
                provider: settings.provider(which)?,
                breaker: Breaker::new(settings.pause),
            }))
        });
        let slots = slots.collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self::with(slots))
    }

    fn with(slots: Vec<Arc<Slot>>) -> Self {
        Self(Arc::new(Inner {
            slots,
            stopping: CancellationToken::new(),
        }))
    }

    /// So that the first session does not have to wait.
    pub fn load_in_background(&self) {
        let first = self.0.slots.first().cloned();
        tokio::spawn(async move {
            if let Some(slot) = first {
                drop(slot.provider.prepare().await);
            }
        });
    }

    /// What is there, or why nothing is and what to do.
    pub fn status(&self) -> Result<String, String> {
        self.first(|slot| match slot.breaker.refusal() {
            Some(why) => Err(why),
            None => slot.provider.status(),
        })
    }

    /// The first that fits, else what is wrong with each.
    fn first<T>(&self, fits: impl Fn(&Slot) -> Result<T, String>) -> Result<T, String> {
        let mut wrong = Vec::new();
        for slot in &self.0.slots {
            match fits(slot) {
                Ok(found) => return Ok(found),
                Err(why) => wrong.push(why),
            }
        }
        Err(nothing(wrong))
    }

    /// The place of the first provider that works as far as is known; `None`: each has just failed.
    pub fn working(&self) -> Option<usize> {
        let mut slots = self.0.slots.iter();
        slots.position(|slot| slot.breaker.is_closed() && slot.provider.status().is_ok())
    }

    /// The name of the first, as in the settings.
    pub fn leader(&self) -> Option<&'static str> {
        Some(self.0.slots.first()?.provider.name())
    }

    /// Asks every provider whether it works, for `doctor`: in order, what was found.
    pub async fn check(&self) -> Vec<Result<String, SpeechError>> {
        let checks = self.0.slots.iter().map(|slot| slot.provider.check());
        futures_util::future::join_all(checks).await
    }

    /// Gets a session ready; waits while a model loads. `language` as Omi spells it. An error is a sentence for the
    /// operator: nobody can recognise now.
    pub async fn open(&self, session: Uuid, class: Class, language: &str) -> Result<Ear, String> {
        let mut wrong = Vec::new();
        for slot in &self.0.slots {
            let ready = match slot.breaker.refusal() {
                Some(why) => Err(why),
                None => slot.provider.prepare().await,
            };
            match ready {
                Ok(()) => {
                    return Ok(Ear {
                        speech: self.clone(),
                        session,
                        class,
                        spoken: Mutex::new(Spoken::new(language)),
                        vocabulary: Vocabulary::default(),
                        told: Mutex::default(),
                    });
                }
                Err(why) => wrong.push(why),
            }
        }
        Err(nothing(wrong))
    }

    async fn transcribe(&self, request: &Request) -> Result<Heard, SpeechError> {
        tokio::select! {
            heard = self.ask(request) => heard,
            () = self.0.stopping.cancelled() => Err(SpeechError::Stopped),
        }
    }

    /// Asks one after the other. Those that are left out come last: better late than not at all.
    async fn ask(&self, request: &Request) -> Result<Heard, SpeechError> {
        let mut order = Vec::new();
        let mut left_out = Vec::new();
        let mut probes = Vec::new();
        let mut wrong = Vec::new();
        let mut instead = None;
        for (number, slot) in self.0.slots.iter().enumerate() {
            if let Err(why) = slot.provider.status() {
                wrong.push(why);
                instead = instead.or(Some("unavailable"));
                continue;
            }
            match slot.breaker.standing(PROBE) {
                Standing::Closed => order.push(number),
                standing => {
                    let refused = slot.breaker.refusal().is_some();
                    if order.is_empty() {
                        let why = if refused { "refused" } else { "unavailable" };
                        instead = instead.or(Some(why));
                    }
                    left_out.push(number);
                    if standing == Standing::Probe {
                        probes.push(slot.clone());
                    }
                }
            }
        }
        if !order.is_empty() {
            // Whoever speaks does not wait for a provider that may still be away.
            for slot in probes {
                let stopping = self.0.stopping.clone();
                let request = Request {
                    session: ids::new(),
                    ..request.clone()
                };
                tokio::spawn(async move {
                    tokio::select! {
                        _ = slot.ask(&request) => {}
                        () = stopping.cancelled() => {}
                    }
                    slot.provider.forget(request.session);
                });
            }
        }
        let mut failure: Option<SpeechError> = None;
        for slot in order.into_iter().chain(left_out) {
            match self.0.slots[slot].ask(request).await {
                Ok(transcript) => {
                    self.tell_in_use(slot);
                    return Ok(Heard {
                        transcript,
                        slot,
                        instead: instead.filter(|_| slot > 0),
                    });
                }
                Err(SpeechError::Stopped) => return Err(SpeechError::Stopped),
                Err(error) => {
                    instead = instead.or(Some(error.kind()));
                    // Only if it is every one's answer is the utterance to blame.
                    failure = match failure {
                        Some(before) if !before.blames_utterance() => Some(before),
                        _ => Some(error),
                    };
                }
            }
        }
        Err(failure.unwrap_or_else(|| SpeechError::unavailable(nothing(wrong))))
    }

    fn tell_in_use(&self, used: usize) {
        for (number, slot) in self.0.slots.iter().enumerate() {
            let name = slot.provider.name();
            let gauge = metrics::gauge!("omi_speech_provider_in_use", "provider" => name);
            gauge.set(if number == used { 1.0 } else { 0.0 });
        }
    }

    /// Ends the recognisers; who still waits for one gets `Stopped`, and its audio stays where it is.
    pub async fn shutdown(&self) {
        self.0.stopping.cancel();
        for slot in &self.0.slots {
            slot.provider.shutdown().await;
        }
    }
}

fn nothing(wrong: Vec<String>) -> String {
    if wrong.is_empty() {
        return "speech recognition is switched off (stt.provider = none)".into();
    }
    wrong.join("; ")
}

impl Slot {
    /// Asks, measures, and remembers how it went.
    async fn ask(&self, request: &Request) -> Result<Transcript, SpeechError> {
        let name = self.provider.name();
        let begun = Instant::now();
        let asked = self.provider.transcribe(request).await;
        metrics::histogram!("omi_speech_provider_seconds", "provider" => name)
            .record(begun.elapsed().as_secs_f64());
        match &asked {
            Ok(_) => {
                let audio = request.samples.len() as u64 * 1000 / u64::from(SAMPLE_RATE);
                metrics::counter!("omi_speech_provider_utterances_total", "provider" => name)
                    .increment(1);
                metrics::counter!("omi_speech_provider_audio_milliseconds_total", "provider" => name)
                    .increment(audio);
                if self.breaker.succeeded() {
                    tracing::info!(provider = name, "the speech provider works again");
                }
            }
            Err(SpeechError::Stopped) => {}
            Err(error) => {
                let kind = error.kind();
                metrics::counter!("omi_speech_provider_failures_total", "provider" => name, "kind" => kind)
                    .increment(1);
                let news = self.breaker.failed(error);
                if news && !error.is_temporary() {
                    tracing::error!(provider = name, %error, "the speech provider refuses until its settings change");
                } else if news {
                    tracing::warn!(provider = name, %error, "the speech provider fails; it is left out for a while");
                } else {
                    tracing::debug!(provider = name, %error, "the speech provider failed at an utterance");
                }
            }
        }
        asked
    }
}

/// A session's way to the providers. Dropped when the session ends.
pub struct Ear {
    speech: Speech,
    session: Uuid,
    class: Class,
    spoken: Mutex<Spoken>,
    vocabulary: Vocabulary,
    told: Mutex<Told>,
}

/// Who recognises now, and who did when the session was last told.
#[derive(Default)]
struct Told {
    now: Option<Change>,
    last: Option<Change>,
}

/// Who recognises from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub provider: &'static str,
    /// Why it is not the first: `unavailable`, `refused` or `failed`.
    pub instead: Option<&'static str>,
}

impl Drop for Ear {
    fn drop(&mut self) {
        for slot in &self.speech.0.slots {
            slot.provider.forget(self.session);
        }
    }
}

/// What the words of an utterance come with.
pub struct Words {
    pub transcript: Transcript,
    /// `None`: the recogniser of this process.
    pub provider: Option<&'static str>,
}

impl Ear {
    /// The same, for somebody who uses these words.
    pub fn expecting(mut self, vocabulary: Vocabulary) -> Self {
        self.vocabulary = vocabulary;
        self
    }

    fn request(&self, samples: Arc<[i16]>) -> Request {
        Request {
            session: self.session,
            class: self.class,
            language: lock(&self.spoken).expect(&samples),
            vocabulary: self.vocabulary.clone(),
            samples,
        }
    }

    /// `samples` are 16 kHz mono, one utterance. An error means that every provider failed.
    pub async fn transcribe(&self, samples: Arc<[i16]>) -> Result<Words, SpeechError> {
        let request = self.request(samples);
        let heard = self.speech.transcribe(&request).await?;
        lock(&self.spoken).learn(&request.samples, &request.language, &heard.transcript);
        let provider = self.speech.0.slots[heard.slot].provider.name();
        lock(&self.told).now = Some(Change {
            provider,
            instead: heard.instead,
        });
        Ok(Words {
            transcript: heard.transcript,
            provider: elsewhere(provider),
        })
    }

    /// Recognises an utterance that goes on, if whoever recognises now has a place that nobody waits for; `sound` is read only
    /// then. `None`: not now. Dropping the future ends recognition.
    pub async fn interim(&self, sound: impl Future<Output = Option<Arc<[i16]>>>) -> Option<Words> {
        let slot = &self.speech.0.slots[self.speech.working()?];
        let provider = slot.provider.name();
        let (turn, is) = match slot.provider.spare() {
            Spare::Free(turn) => (Some(turn), "overtaken"),
            Spare::Busy => (None, "shed"),
            Spare::Never => return None,
        };
        let mut outcome = Outcome { provider, is };
        let turn = turn?;
        let Some(samples) = sound.await else {
            outcome.is = "failed";
            return None;
        };
        let request = self.request(samples);
        // It says nothing of the language, nor of the provider, that its end does not say better.
        match slot.provider.interim(&request, turn).await {
            Ok(transcript) => {
                outcome.is = "done";
                Some(Words {
                    transcript,
                    provider: elsewhere(provider),
                })
            }
            Err(SpeechError::Overtaken | SpeechError::Stopped) => None,
            Err(error) => {
                outcome.is = "failed";
                tracing::debug!(provider, %error, "an interim failed");
                None
            }
        }
    }

    /// The language that was found out; `None` if it was given, or nobody knows yet.
    pub fn language(&self) -> Option<String> {
        lock(&self.spoken).found().map(str::to_owned)
    }

    /// Who recognises now, if that is another than when it was last asked. At first it is the first one.
    pub fn change(&self) -> Option<Change> {
        let mut told = lock(&self.told);
        let now = told.now.clone()?;
        let changed = match &told.last {
            None => now.instead.is_some(),
            Some(last) => *last != now,
        };
        told.last = Some(now.clone());
        changed.then_some(now)
    }
}

/// `None`: the recogniser of this process.
fn elsewhere(provider: &'static str) -> Option<&'static str> {
    Some(provider).filter(|name| *name != "whisper")
}

/// Counts what became of an interim; one that is dropped on its way was overtaken.
struct Outcome {
    provider: &'static str,
    is: &'static str,
}

impl Drop for Outcome {
    fn drop(&mut self) {
        metrics::counter!("omi_speech_interims_total", "provider" => self.provider, "outcome" => self.is)
            .increment(1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "failover_tests.rs"]
mod tests;
