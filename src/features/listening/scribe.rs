//! From an utterance on disk to committed segments, for a live session and for one left behind.

use std::{ops::Range, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{live::Live, merge, spool::Spool, store};
use crate::{
    app::App,
    error::{Error, Result},
    features::conversations::{self, Heard, TranscriptSegment, known_source},
    platform::{
        clock, ids,
        speech::{Language, Piece, SpeechError, SpeechPool},
    },
};

/// A recogniser that fails this often at one utterance is given up.
const ATTEMPTS: u32 = 3;
/// Pause between attempts while the database is away.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub struct Scribe {
    pub app: App,
    pub live: Arc<Live>,
    pub session_id: Uuid,
    pub spool: Spool,
    pub speech: SpeechPool,
    pub language: String,
    pub source: String,
    pub timeout_seconds: i32,
    /// The audio is old: it must not mix with what is said now.
    pub recovering: bool,
    /// Held while the session moves to another conversation, or writes to one.
    pub turn: tokio::sync::Mutex<()>,
}

/// What an utterance changed: the newest stored segment and those behind it, and ids that are gone.
#[derive(Clone, Default)]
pub struct Written {
    pub segments: Vec<TranscriptSegment>,
    pub removed: Vec<Uuid>,
}

impl Scribe {
    /// Recognises the samples of `range`, whose first was heard at `heard_at`, and stores what was said. An
    /// error means that speech cannot be recognised; the samples stay in the spool.
    pub async fn take(&self, range: Range<u64>, heard_at: DateTime<Utc>) -> Result<Written> {
        let spool = self.spool.clone();
        let wanted = range.clone();
        let samples = tokio::task::spawn_blocking(move || spool.read(wanted))
            .await
            .map_err(|error| Error::Internal(error.into()))?
            .map_err(|error| {
                Error::Internal(anyhow::Error::new(error).context("the audio spool cannot be read"))
            })?;
        let pieces = self.recognise(samples.into()).await?;
        if pieces.is_empty() {
            return Ok(Written::default());
        }
        let mut pause = Duration::from_millis(250);
        let mut tried = None;
        loop {
            match self.commit(&pieces, &range, heard_at, &mut tried).await {
                Err(error) if error.is_unavailable() && !self.app.stop.is_cancelled() => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                other => return other,
            }
        }
    }

    async fn recognise(&self, samples: Arc<[i16]>) -> Result<Vec<Piece>> {
        let language = Language::from_omi(&self.language);
        let mut attempt = 1;
        loop {
            match self
                .speech
                .transcribe(samples.clone(), language.clone())
                .await
            {
                Ok(transcript) => return Ok(transcript.pieces),
                Err(SpeechError::Stopped) => {
                    return Err(Error::Unavailable("the server is stopping".into()));
                }
                Err(error) if attempt < ATTEMPTS => {
                    tracing::warn!(%error, attempt, "an utterance could not be recognised; trying again");
                    attempt += 1;
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(error) => {
                    return Err(Error::Internal(
                        anyhow::Error::new(error).context("speech recognition failed"),
                    ));
                }
            }
        }
    }

    /// One transaction: segments, the conversation's times, and how far this session has come. So
    /// after a crash nothing is missing and nothing comes twice. `tried` is what an earlier attempt
    /// wrote that may have been committed although the answer was lost.
    async fn commit(
        &self,
        pieces: &[Piece],
        range: &Range<u64>,
        heard_at: DateTime<Utc>,
        tried: &mut Option<(Uuid, Written)>,
    ) -> Result<Written> {
        let _turn = self.turn.lock().await;
        let uid = &self.live.uid;
        let mut id = self.live.conversation_id();
        let mut tx = self.app.db.begin().await?;
        if let Some((id, written)) = tried.as_ref()
            && store::recognised_until(&mut tx, uid, self.session_id).await? >= range.end as i64
        {
            self.live.roll_onto(*id);
            return Ok(written.clone());
        }
        let open = match conversations::lock_open(&mut tx, uid, id).await? {
            Some(open) => open,
            None => {
                // It ended while this was spoken: the words go to the next one. One connection at a time.
                drop(tx);
                id = self.next_conversation().await?;
                tx = self.app.db.begin().await?;
                conversations::lock_open(&mut tx, uid, id)
                    .await?
                    .ok_or(Error::Unavailable("the conversation just ended".into()))?
            }
        };
        let time_of = |seconds: f64| heard_at + microseconds(seconds);
        let first = time_of(pieces.first().map_or(0.0, |piece| piece.start_seconds));
        let last = time_of(pieces.last().map_or(0.0, |piece| piece.end_seconds));
        // A conversation begins with its first word, even if that was recognised late.
        let started_at = open
            .tail
            .as_ref()
            .map_or(first, |_| open.started_at.min(first));
        let moved = open.tail.is_some() && started_at < open.started_at;
        if moved {
            let earlier = round(seconds_between(started_at, open.started_at));
            conversations::shift_segments(&mut tx, uid, id, earlier).await?;
        }
        let offset = |seconds: f64| round(seconds_between(started_at, time_of(seconds)));
        let incoming: Vec<_> = pieces
            .iter()
            .map(|piece| TranscriptSegment {
                id: ids::new(),
                text: piece.text.clone(),
                start: offset(piece.start_seconds),
                end: offset(piece.end_seconds),
                ..TranscriptSegment::default()
            })
            .collect();
        // Audio recovered after a crash can be older than what a new session stored meanwhile.
        let follows = |tail: &TranscriptSegment| {
            incoming
                .first()
                .is_some_and(|next| next.start >= tail.start)
        };
        let tail = open.tail.filter(|tail| !moved && follows(tail));
        let combined = merge::combine(tail, incoming);
        let heard = Heard {
            started_at,
            until: if self.recovering { last } else { clock::now() },
        };
        conversations::write_segments(&mut tx, uid, id, heard, &combined.stored, &combined.removed)
            .await?;
        store::advance(&mut tx, uid, self.session_id, id, range.end as i64).await?;
        let written = Written {
            segments: combined.stored,
            removed: combined.removed,
        };
        *tried = Some((id, written.clone()));
        tx.commit().await?;
        self.live.roll_onto(id);
        Ok(written)
    }

    /// Leaves a conversation that has ended, unless that has been done already.
    pub async fn roll_from(&self, ended: Uuid) -> Result<()> {
        let _turn = self.turn.lock().await;
        if self.live.conversation_id() == ended {
            let next = self.next_conversation().await?;
            self.live.roll_onto(next);
        }
        Ok(())
    }

    async fn next_conversation(&self) -> Result<Uuid> {
        let source = known_source(&self.source);
        let (db, uid) = (&self.app.db, &self.live.uid);
        if self.recovering {
            conversations::open_apart(db, uid, source, &self.language, self.timeout_seconds).await
        } else {
            conversations::open(db, uid, source, &self.language, self.timeout_seconds).await
        }
    }
}

fn microseconds(seconds: f64) -> chrono::Duration {
    chrono::Duration::microseconds((seconds * 1e6) as i64)
}

fn seconds_between(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).num_microseconds().unwrap_or(0) as f64 / 1e6
}

/// To a millisecond.
fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
