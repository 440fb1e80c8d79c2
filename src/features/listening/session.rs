//! A live session. Four tasks: whoever calls `hear`; intake, which decodes, spools and cuts; the
//! scribe, which recognises and stores; and one that follows what becomes of the conversation.

use std::{
    collections::HashSet,
    ops::Range,
    sync::{Arc, OnceLock, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::{broadcast, mpsc};
use uuid::Uuid;

use super::{
    LiveSessions, SAMPLE_RATE,
    intake::Intake,
    live::{Flush, Live, Registration},
    scribe::Scribe,
    spool::{Meta, Spool},
    store,
};
use crate::{
    app::App,
    error::{Error, Result},
    features::conversations::{self, Conversation, Reason, Status, TranscriptSegment},
    platform::{
        audio::codec::{Codec, Decoder},
        clock, ids,
        outbox::{Event, Notice},
    },
};

/// Frames that wait to be decoded; beyond that `hear` waits.
const FRAMES: usize = 512;
/// Frames are taken in at most this often, so that a batch shares its cost.
const PACE: Duration = Duration::from_millis(40);
/// Spooled silence is removed at most this often.
const TRIM_INTERVAL: Duration = Duration::from_secs(60);

/// What a device says of itself.
pub struct Settings {
    pub codec: Codec,
    /// Hz.
    pub sample_rate: u32,
    /// As Omi spells it: a code, or `multi`.
    pub language: String,
    pub source: &'static str,
    /// Silence that ends the conversation.
    pub timeout_seconds: i32,
}

/// What a session tells its device, in this order.
#[derive(Debug)]
pub enum Update {
    Status {
        status: &'static str,
        text: Option<&'static str>,
    },
    LastConversation(Uuid),
    SegmentsDeleted(Vec<Uuid>),
    /// The newest stored segment, with its earlier id, and new ones.
    Segments(Vec<TranscriptSegment>),
    ProcessingStarted(Box<Conversation>),
    /// Understood, discarded or given up.
    Processed(Box<Conversation>),
    /// Nothing is heard any more: the device should close and keep its audio.
    Failed(String),
}

/// Why a session cannot begin. The device should keep its audio.
#[derive(Debug)]
pub enum Refusal {
    /// The audio cannot be decoded, or there is nothing to recognise it with.
    Deaf(String),
    Error(Error),
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

pub struct Session {
    frames: mpsc::Sender<Bytes>,
}

enum Work {
    /// With the moment at which it had ended.
    Utterance(Range<u64>, Instant),
    Flush(Flush),
    /// Intake failed: what is in the spool is left to recovery.
    Broken,
}

impl Session {
    /// Opens or resumes the user's conversation and gets ready to hear. Tells its progress in `updates`.
    pub async fn start(
        app: &App,
        uid: &str,
        settings: Settings,
        updates: mpsc::UnboundedSender<Update>,
    ) -> Result<Self, Refusal> {
        let tell = |status, text| drop(updates.send(Update::Status { status, text }));
        tell("initiating", Some("Service Starting"));
        if let Some(id) = conversations::newest_completed(&app.db, uid).await? {
            drop(updates.send(Update::LastConversation(id)));
        }
        tell(
            "in_progress_conversations_processing",
            Some("Processing Conversations"),
        );
        let decoder = Decoder::new(settings.codec, settings.sample_rate)
            .map_err(|error| Refusal::Deaf(error.to_string()))?;
        // Listening starts before the conversation is chosen, so that its end cannot be missed.
        let news = app.outbox.listen();
        let Settings {
            language,
            source,
            timeout_seconds,
            ..
        } = settings;
        let conversation_id =
            conversations::open(&app.db, uid, source, &language, timeout_seconds).await?;
        tell("stt_initiating", Some("STT Service Starting"));
        let speech = app.speech.pool().await.map_err(Refusal::Deaf)?;

        let session_id = ids::new();
        let meta = Meta {
            uid: uid.into(),
            session_id,
            language,
            source: source.into(),
            timeout_seconds,
            audio_started_at: None,
        };
        let spool = Spool::create(&app.spool_dir(), &meta)
            .map_err(|error| anyhow::Error::new(error).context("audio cannot be spooled"))?;
        store::insert(&app.db, uid, session_id, conversation_id).await?;
        let (live, flushes) = Live::new(uid, conversation_id);
        let registration = app.live.register(session_id, live.clone());
        let scribe = Arc::new(Scribe {
            app: app.clone(),
            live,
            session_id,
            spool: spool.clone(),
            speech,
            language: meta.language.clone(),
            source: meta.source.clone(),
            timeout_seconds,
            turn: tokio::sync::Mutex::default(),
        });
        let started: Arc<OnceLock<DateTime<Utc>>> = Arc::default();
        let (frames, incoming) = mpsc::channel(FRAMES);
        let (work, waiting) = mpsc::unbounded_channel();
        let ear = Ear {
            intake: Intake::new(decoder, &spool),
            spool,
            meta,
            live: scribe.live.clone(),
            sessions: app.live.clone(),
            not_before: conversations::heard_until(&app.db, uid, conversation_id).await?,
        };
        let follower = tokio::spawn(follow(scribe.clone(), news, updates.clone()));
        tokio::spawn(take_in(
            ear,
            started.clone(),
            scribe.live.clone(),
            incoming,
            flushes,
            work,
            updates.clone(),
        ));
        tell("ready", None);
        tokio::spawn(async move {
            write_down(&scribe, &started, waiting, updates, registration).await;
            follower.abort();
        });
        Ok(Self { frames })
    }

    /// Takes one message of audio. False: the session has failed, and said why in its updates.
    pub async fn hear(&self, frame: Bytes) -> bool {
        self.frames.send(frame).await.is_ok()
    }
    // Dropping a session ends it: what was heard is still recognised and stored.
}

/// What intake works with.
struct Ear {
    intake: Intake,
    spool: Spool,
    meta: Meta,
    live: Arc<Live>,
    sessions: LiveSessions,
    /// Where the conversation had come to when the session began.
    not_before: Option<DateTime<Utc>>,
}

impl Ear {
    fn hear(
        &mut self,
        frames: &[Bytes],
        started: &OnceLock<DateTime<Utc>>,
    ) -> std::io::Result<Vec<Range<u64>>> {
        let began = match started.get() {
            Some(began) => *began,
            None => {
                // Behind what an earlier session sent ahead of the clock, so that sentences stay in order.
                let before = self.sessions.heard_until(self.live.conversation_id());
                let began = [Some(clock::now()), self.not_before, before]
                    .into_iter()
                    .flatten()
                    .max();
                let began = began.unwrap_or_else(clock::now);
                self.meta.audio_started_at = Some(began);
                self.spool.describe(&self.meta)?;
                *started.get_or_init(|| began)
            }
        };
        let ended = self.intake.hear(frames)?;
        let heard =
            chrono::Duration::microseconds((self.intake.heard() * 1_000_000 / SAMPLE_RATE) as i64);
        self.live
            .heard_until
            .store((began + heard).timestamp_micros(), Ordering::Release);
        Ok(ended)
    }
}

async fn take_in(
    mut ear: Ear,
    started: Arc<OnceLock<DateTime<Utc>>>,
    live: Arc<Live>,
    mut frames: mpsc::Receiver<Bytes>,
    mut flushes: mpsc::Receiver<Flush>,
    work: mpsc::UnboundedSender<Work>,
    updates: mpsc::UnboundedSender<Update>,
) {
    let queue = |range| {
        live.queued.fetch_add(1, Ordering::AcqRel);
        drop(work.send(Work::Utterance(range, Instant::now())));
    };
    let mut trimmed = Instant::now();
    loop {
        let mut batch = Vec::new();
        let mut flush = None;
        tokio::select! {
            request = flushes.recv() => flush = request,
            count = frames.recv_many(&mut batch, FRAMES) => {
                if count == 0 {
                    break;
                }
                if count < FRAMES / 8 {
                    tokio::time::sleep(PACE).await;
                }
            }
        }
        while batch.len() < FRAMES
            && let Ok(frame) = frames.try_recv()
        {
            batch.push(frame);
        }
        // Decoding and disk are no work for the async threads.
        let started = started.clone();
        let heard = tokio::task::spawn_blocking(move || {
            let ranges = if batch.is_empty() {
                Ok(Vec::new())
            } else {
                ear.hear(&batch, &started)
            };
            (ear, ranges)
        });
        let ranges = match heard.await {
            Ok((back, Ok(ranges))) => {
                ear = back;
                ranges
            }
            Ok((_, Err(error))) => {
                tracing::error!(%error, "audio cannot be written to the spool");
                drop(updates.send(Update::Failed(
                    "The server cannot keep audio right now.".into(),
                )));
                drop(work.send(Work::Broken));
                return;
            }
            Err(error) => {
                tracing::error!(%error, "taking in audio broke off");
                drop(updates.send(Update::Failed("The server failed to take in audio.".into())));
                drop(work.send(Work::Broken));
                return;
            }
        };
        ranges.into_iter().for_each(queue);
        if let Some(done) = flush {
            if let Some(range) = ear.intake.finish() {
                queue(range);
            }
            drop(work.send(Work::Flush(done)));
        }
        live.speaking
            .store(ear.intake.in_speech(), Ordering::Release);
        if trimmed.elapsed() > TRIM_INTERVAL && live.queued.load(Ordering::Acquire) == 0 {
            trimmed = Instant::now();
            trim(&ear.spool, ear.intake.safe_position()).await;
        }
    }
    if let Some(range) = ear.intake.finish() {
        queue(range);
    }
    live.speaking.store(false, Ordering::Release);
}

async fn trim(spool: &Spool, sample: u64) {
    let spool = spool.clone();
    let done = tokio::task::spawn_blocking(move || spool.trim(sample)).await;
    if let Ok(Err(error)) = done {
        tracing::warn!(%error, "stored audio could not be removed from the spool");
    }
}

/// Recognises and stores utterance after utterance. Ends when intake has ended and all is stored;
/// after a failure it leaves the spool to recovery.
async fn write_down(
    scribe: &Scribe,
    started: &OnceLock<DateTime<Utc>>,
    mut work: mpsc::UnboundedReceiver<Work>,
    updates: mpsc::UnboundedSender<Update>,
    registration: Registration,
) {
    while let Some(next) = work.recv().await {
        let (range, ended) = match next {
            Work::Utterance(range, ended) => (range, ended),
            Work::Flush(done) => {
                let _ = done.send(());
                continue;
            }
            Work::Broken => return,
        };
        let Some(started) = started.get() else {
            continue;
        };
        match scribe.take(range.clone(), *started).await {
            Ok(written) => {
                if !written.removed.is_empty() {
                    drop(updates.send(Update::SegmentsDeleted(written.removed)));
                }
                if !written.segments.is_empty() {
                    metrics::histogram!("omi_segment_delay_seconds").record(ended.elapsed());
                    drop(updates.send(Update::Segments(written.segments)));
                }
            }
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "a live session failed; its audio stays in the spool"
                );
                drop(updates.send(Update::Failed(
                    "Speech cannot be recognised right now.".into(),
                )));
                // Recovery may have the spool when nobody writes to it any more.
                while work.recv().await.is_some() {}
                return;
            }
        }
        scribe.live.queued.fetch_sub(1, Ordering::AcqRel);
        trim(&scribe.spool, range.end).await;
    }
    if let Err(error) = store::delete(&scribe.app.db, &scribe.live.uid, scribe.session_id).await {
        tracing::warn!(%error, "an ended session could not be taken off; recovery does it later");
    } else if let Err(error) = scribe.spool.remove() {
        tracing::warn!(%error, "a spool folder could not be removed; recovery does it later");
    }
    drop(registration);
}

/// Moves the session on when its conversation ends, and tells the device what becomes of it.
async fn follow(
    scribe: Arc<Scribe>,
    mut news: broadcast::Receiver<Notice>,
    updates: mpsc::UnboundedSender<Update>,
) {
    let mut awaited = HashSet::new();
    loop {
        let outcome = match news.recv().await {
            Ok(Notice::Event(event)) if event.uid == scribe.live.uid => {
                told(&scribe, &event, &mut awaited, &updates).await
            }
            Ok(Notice::Event(_)) => Ok(()),
            Ok(Notice::Missed) | Err(broadcast::error::RecvError::Lagged(_)) => {
                catch_up(&scribe, &mut awaited, &updates).await
            }
            Err(broadcast::error::RecvError::Closed) => return,
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "a session could not follow its conversation");
        }
    }
}

async fn told(
    scribe: &Scribe,
    event: &Event,
    awaited: &mut HashSet<Uuid>,
    updates: &mpsc::UnboundedSender<Update>,
) -> Result<()> {
    if event.topic == conversations::FINISHED && scribe.live.wrote_to(event.id) {
        // Whoever asked for the end gets the outcome as the answer to that.
        if event.detail == Reason::Silence.as_str() {
            let conversation =
                conversations::get(&scribe.app.db, &scribe.live.uid, event.id).await?;
            awaited.insert(event.id);
            drop(updates.send(Update::ProcessingStarted(Box::new(conversation))));
        }
        scribe.roll_from(event.id).await?;
    }
    if event.topic == conversations::PROCESSED && awaited.remove(&event.id) {
        let conversation = conversations::get(&scribe.app.db, &scribe.live.uid, event.id).await?;
        drop(updates.send(Update::Processed(Box::new(conversation))));
    }
    Ok(())
}

/// Looks at the database instead of at events.
async fn catch_up(
    scribe: &Scribe,
    awaited: &mut HashSet<Uuid>,
    updates: &mpsc::UnboundedSender<Update>,
) -> Result<()> {
    let current = scribe.live.conversation_id();
    if !conversations::is_open(&scribe.app.db, &scribe.live.uid, current).await? {
        scribe.roll_from(current).await?;
    }
    for id in awaited.clone() {
        let conversation = conversations::get(&scribe.app.db, &scribe.live.uid, id).await?;
        if conversation.status != Status::Processing.as_str() {
            awaited.remove(&id);
            drop(updates.send(Update::Processed(Box::new(conversation))));
        }
    }
    Ok(())
}
