//! A stream of sound of a session, the only one or one side of a call: its intake, and whoever writes down what is said in it.

use std::sync::{Arc, PoisonError, atomic::Ordering};

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::{
    course::Course,
    failure::Failure,
    intake::{Allowance, FRAMES, Frame, Intake, SharedTimeline, Work, take_in},
    interim::{Interims, interims},
    keep::{keep, keep_up},
    live::{Live, Registration},
    scribe::{Scribe, Stored, Voice, Written},
    session::{Refusal, Settings, Update},
    spool::{Meta, Spool, Timeline},
    store,
};
use crate::{
    app::App,
    error::Error,
    features::conversations,
    platform::{
        audio::{codec::Decoder, voice::Segmenter},
        ids,
        speech::{Class, Vocabulary},
    },
};

pub struct Channel {
    pub frames: mpsc::Sender<Frame>,
    pub scribe: Arc<Scribe>,
    pub writing: Writing,
}

/// What writes down what is heard on a channel.
pub struct Writing {
    timeline: SharedTimeline,
    waiting: mpsc::UnboundedReceiver<Work>,
    interims: Interims,
    registration: Registration,
}

pub struct Parts {
    pub decoder: Decoder,
    pub voice: Option<Voice>,
    pub vocabulary: Vocabulary,
    pub course: Arc<Course>,
    pub taps: Vec<mpsc::Sender<Stored>>,
}

impl Channel {
    /// Begins to take in sound. Nothing is written down until `Writing` runs.
    pub async fn open(
        app: &App,
        uid: &str,
        settings: &Settings,
        parts: Parts,
        updates: mpsc::UnboundedSender<Update>,
    ) -> Result<Self, Refusal> {
        let session_id = ids::new();
        let ear = if settings.suggested {
            None
        } else {
            let ear = app.speech.open(session_id, Class::Live, &settings.language);
            let ear = ear.await.map_err(Refusal::Deaf)?;
            Some(ear.expecting(parts.vocabulary))
        };
        let conversation_id = parts.course.conversation_id();
        let not_before = conversations::heard_until(&app.db, uid, conversation_id).await?;
        // Registered first: recovery leaves alone what a live session has.
        let (live, flushes) = Live::new(uid, parts.course);
        let registration = app
            .live
            .claim(session_id, live.clone())
            .ok_or(Error::Conflict("the session exists".into()))?;
        store::insert(&app.db, uid, session_id, conversation_id).await?;
        let meta = Meta {
            uid: uid.into(),
            session_id,
            language: settings.language.clone(),
            source: settings.source.into(),
            timeout_seconds: settings.timeout_seconds,
            channel: parts
                .voice
                .filter(|_| settings.call)
                .map(|voice| voice.number),
            suggested: settings.suggested,
            timeline: Timeline::default(),
            stuck: None,
        };
        let spool = Spool::create(&app.spool_dir(), &meta)
            .map_err(|error| anyhow::Error::new(error).context("audio cannot be spooled"))?;
        let timeline = SharedTimeline::default();
        let (wishes, interims) = interims(settings.interims);
        let intake = Intake {
            decoder: parts.decoder,
            writer: spool.writer(0),
            segmenter: Segmenter::of_positions(0),
            deaf: settings.suggested,
            spool: spool.clone(),
            meta,
            timeline: timeline.clone(),
            live: live.clone(),
            sessions: app.live.clone(),
            not_before,
            allowance: Allowance::new(std::time::Instant::now()),
            wishes,
        };
        let scribe = Arc::new(Scribe {
            app: app.clone(),
            live,
            session_id,
            spool,
            ear,
            voice: parts.voice,
            call: settings.call,
            taps: parts.taps,
            language: settings.language.clone(),
            source: settings.source.into(),
            timeout_seconds: settings.timeout_seconds,
            recovering: false,
        });
        let (frames, incoming) = mpsc::channel(FRAMES);
        let (work, waiting) = mpsc::unbounded_channel();
        tokio::spawn(take_in(intake, incoming, flushes, work, updates));
        Ok(Self {
            frames,
            scribe,
            writing: Writing {
                timeline,
                waiting,
                interims,
                registration,
            },
        })
    }
}

impl Writing {
    /// Recognises and stores utterance after utterance. Ends when intake has ended and all is stored;
    /// after a failure it leaves the spool to recovery and gives false.
    pub async fn run(
        mut self,
        scribe: &Arc<Scribe>,
        updates: mpsc::UnboundedSender<Update>,
    ) -> bool {
        let keeper = keep_up(scribe.clone(), self.timeline.clone());
        let _keeper = AbortOnDropHandle::new(tokio::spawn(keeper));
        loop {
            let next = tokio::select! {
                biased;
                next = self.waiting.recv() => next,
                // What has ended does not wait for what goes on.
                () = self.interims.tell(scribe, &self.timeline, &updates) => continue,
            };
            let Some(next) = next else {
                break;
            };
            let (range, ended) = match next {
                Work::Utterance(range, ended) => (range, ended),
                Work::Flush(done) => {
                    let _ = done.send(());
                    continue;
                }
                Work::Broken => return false,
            };
            let heard_at = self
                .timeline
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .at(range.start);
            let Some(heard_at) = heard_at else {
                tracing::error!(
                    start = range.start,
                    "an utterance has no place in time: left to recovery"
                );
                self.interims.delete(&updates);
                return false;
            };
            let interim = self.interims.take(&range, &updates);
            let taken = scribe.take(range, heard_at, interim).await;
            let change = scribe.ear.as_ref().and_then(|ear| ear.change());
            if let Some(change) = change {
                drop(updates.send(Update::Recogniser(change)));
            }
            match taken {
                Ok(written) => {
                    let wordless = written.segments.is_empty();
                    if wordless {
                        scribe.live.wordless.fetch_add(1, Ordering::AcqRel);
                    } else {
                        scribe.live.wordless.store(0, Ordering::Release);
                        metrics::histogram!("omi_segment_delay_seconds", "kind" => "final")
                            .record(ended.elapsed());
                    }
                    written.tell(&updates);
                }
                Err(error) => {
                    let failure = Failure::unrecognised(&scribe.app, &error);
                    if error.is_unavailable() {
                        tracing::info!(
                            "a live session ends; the next start recognises the rest of its audio"
                        );
                    } else {
                        let error = format!("{error:#}");
                        tracing::error!(
                            error,
                            "a live session failed; its audio stays in the spool"
                        );
                    }
                    Written::without(interim).tell(&updates);
                    drop(updates.send(Update::Failed(failure)));
                    // Recovery may have the spool when nobody writes to it any more.
                    while self.waiting.recv().await.is_some() {}
                    return false;
                }
            }
            scribe.live.queued.fetch_sub(1, Ordering::AcqRel);
        }
        self.interims.delete(&updates);
        scribe.live.obeyed().await;
        let (db, uid) = (&scribe.app.db, &scribe.live.uid);
        let heard = self
            .timeline
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let (app, id) = (&scribe.app, scribe.session_id);
        if let Err(error) = keep(app, &scribe.spool, uid, id, &heard, u64::MAX).await {
            let error = format!("{error:#}");
            tracing::warn!(
                error,
                "the sound of an ended session could not be stored; recovery does it later"
            );
            return false;
        }
        if let Err(error) = store::delete(db, uid, scribe.session_id).await {
            tracing::warn!(%error, "an ended session could not be taken off; recovery does it later");
        } else {
            let spool = scribe.spool.clone();
            let removed = tokio::task::spawn_blocking(move || spool.remove()).await;
            if !matches!(removed, Ok(Ok(()))) {
                tracing::warn!("a spool folder could not be removed; recovery does it later");
            }
        }
        drop(self.registration);
        true
    }
}
