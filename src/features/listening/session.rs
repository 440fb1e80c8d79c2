//! A live session. Four tasks: whoever calls `hear`; intake, which decodes, spools and cuts; this one,
//! which has every utterance recognised and stored; and one that follows what becomes of the conversation.

use std::sync::{Arc, PoisonError, atomic::Ordering};

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc};
use uuid::Uuid;

use super::{
    follow::follow,
    intake::{FRAMES, Frame, Intake, SharedTimeline, Work, take_in},
    live::{Live, Registration},
    scribe::Scribe,
    spool::{Meta, Spool, Timeline},
    store,
};
use crate::{
    app::App,
    error::Error,
    features::conversations::{self, Conversation, TranscriptSegment},
    platform::{
        audio::{
            codec::{Codec, Decoder},
            voice::Segmenter,
        },
        ids,
    },
};

/// Bytes of audio that wait to be decoded, at most; beyond that the device waits.
const ROOM: usize = 8 * 1024 * 1024;

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
    frames: mpsc::Sender<Frame>,
    room: Arc<Semaphore>,
}

impl Session {
    /// Opens or resumes the user's conversation and gets ready to hear. Tells its progress in `updates`.
    /// Dropping the session ends it: what was heard is still recognised and stored.
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
        let not_before = conversations::heard_until(&app.db, uid, conversation_id).await?;

        let session_id = ids::new();
        // Registered first: recovery leaves alone what a live session has.
        let (live, flushes) = Live::new(uid, conversation_id);
        let registration = app
            .live
            .claim(session_id, live.clone())
            .ok_or(Error::Conflict("the session exists".into()))?;
        store::insert(&app.db, uid, session_id, conversation_id).await?;
        let meta = Meta {
            uid: uid.into(),
            session_id,
            language: language.clone(),
            source: source.into(),
            timeout_seconds,
            timeline: Timeline::default(),
            stuck: None,
        };
        let spool = Spool::create(&app.spool_dir(), &meta)
            .map_err(|error| anyhow::Error::new(error).context("audio cannot be spooled"))?;
        let timeline = SharedTimeline::default();
        let intake = Intake {
            decoder,
            writer: spool.writer(0),
            segmenter: Segmenter::new(0),
            spool: spool.clone(),
            meta,
            timeline: timeline.clone(),
            live: live.clone(),
            sessions: app.live.clone(),
            not_before,
        };
        let scribe = Arc::new(Scribe {
            app: app.clone(),
            live,
            session_id,
            spool,
            speech,
            language,
            source: source.into(),
            timeout_seconds,
            recovering: false,
            turn: tokio::sync::Mutex::default(),
        });
        let (frames, incoming) = mpsc::channel(FRAMES);
        let (work, waiting) = mpsc::unbounded_channel();
        let follower = tokio::spawn(follow(scribe.clone(), news, updates.clone()));
        tokio::spawn(take_in(intake, incoming, flushes, work, updates.clone()));
        tell("ready", None);
        tokio::spawn(async move {
            write_down(&scribe, &timeline, waiting, updates, registration).await;
            follower.abort();
        });
        Ok(Self {
            frames,
            room: Arc::new(Semaphore::new(ROOM)),
        })
    }

    /// Takes one message of audio. False: the session has failed, and said why in its updates.
    pub async fn hear(&self, audio: Bytes) -> bool {
        let size = audio.len().min(ROOM) as u32;
        let Ok(room) = self.room.clone().acquire_many_owned(size).await else {
            return false;
        };
        self.frames.send(Frame { audio, _room: room }).await.is_ok()
    }
}

/// Recognises and stores utterance after utterance. Ends when intake has ended and all is stored;
/// after a failure it leaves the spool to recovery.
async fn write_down(
    scribe: &Scribe,
    timeline: &SharedTimeline,
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
        let heard_at = timeline
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .at(range.start);
        let Some(heard_at) = heard_at else {
            tracing::error!(
                start = range.start,
                "an utterance has no place in time: left to recovery"
            );
            return;
        };
        match scribe.take(range, heard_at).await {
            Ok(written) => {
                let wordless = written.segments.is_empty();
                if !written.removed.is_empty() {
                    drop(updates.send(Update::SegmentsDeleted(written.removed)));
                }
                if wordless {
                    scribe.live.wordless.fetch_add(1, Ordering::AcqRel);
                } else {
                    scribe.live.wordless.store(0, Ordering::Release);
                    metrics::histogram!("omi_segment_delay_seconds").record(ended.elapsed());
                    drop(updates.send(Update::Segments(written.segments)));
                }
            }
            Err(error) => {
                if error.is_unavailable() {
                    tracing::info!(
                        "a live session ends; the next start recognises the rest of its audio"
                    );
                } else {
                    let error = format!("{error:#}");
                    tracing::error!(error, "a live session failed; its audio stays in the spool");
                }
                drop(updates.send(Update::Failed(
                    "Speech cannot be recognised right now.".into(),
                )));
                // Recovery may have the spool when nobody writes to it any more.
                while work.recv().await.is_some() {}
                return;
            }
        }
        scribe.live.queued.fetch_sub(1, Ordering::AcqRel);
    }
    if let Err(error) = store::delete(&scribe.app.db, &scribe.live.uid, scribe.session_id).await {
        tracing::warn!(%error, "an ended session could not be taken off; recovery does it later");
    } else {
        let spool = scribe.spool.clone();
        let removed = tokio::task::spawn_blocking(move || spool.remove()).await;
        if !matches!(removed, Ok(Ok(()))) {
            tracing::warn!("a spool folder could not be removed; recovery does it later");
        }
    }
    drop(registration);
}
