//! From an utterance on disk to committed segments, for a live session and for one left behind.

use std::{
    ops::Range,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sqlx::{Postgres, Transaction};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{live::Live, merge, spool::Spool, store};
use crate::{
    app::App,
    error::{Error, Result},
    features::conversations::{self, Heard, Open, Opening, TranscriptSegment, known_source},
    platform::{
        clock, disk, ids,
        speech::{Ear, Piece, SpeechError, Words},
    },
};

/// A recogniser that fails this often at one utterance is given up.
const ATTEMPTS: u32 = 3;
/// Pauses between attempts while the database is away.
pub const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Sound with one voice in it: one side of a call, or somebody who answers questions.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    /// From 0.
    pub number: i32,
    pub is_user: bool,
}

impl Voice {
    /// Of a call; its first channel is the microphone.
    pub fn of_call(number: i32) -> Self {
        Self {
            number,
            is_user: number == 0,
        }
    }
}

/// What was stored in a conversation.
pub struct Stored {
    pub conversation_id: Uuid,
    pub segments: Vec<TranscriptSegment>,
}

/// A few words, and who says them.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub text: String,
    /// Seconds from a time that is told beside.
    pub start: f64,
    pub end: f64,
    /// `SPEAKER_<n>`
    pub speaker: String,
    pub speaker_id: i32,
    /// Whether the label tells voices apart.
    pub labelled: bool,
    pub is_user: bool,
    pub person_id: Option<String>,
    pub provider: Option<String>,
    /// It is never joined with what was said before.
    pub apart: bool,
    /// The id under which the device knows it already.
    pub id: Option<Uuid>,
}

pub struct Scribe {
    pub app: App,
    pub live: Arc<Live>,
    pub session_id: Uuid,
    pub spool: Spool,
    /// None: what is said comes from the device.
    pub ear: Option<Ear>,
    pub voice: Option<Voice>,
    /// Its conversation is its own, and no other socket goes on with it.
    pub call: bool,
    /// Who else wants what is stored.
    pub taps: Vec<mpsc::Sender<Stored>>,
    /// As the device asked for it.
    pub language: String,
    pub source: String,
    pub timeout_seconds: i32,
    /// The audio is old: it must not mix with what is said now.
    pub recovering: bool,
}

/// What an utterance changed: the newest stored segment and those behind it, and ids that are gone.
#[derive(Clone, Default)]
pub struct Written {
    pub segments: Vec<TranscriptSegment>,
    pub removed: Vec<Uuid>,
}

impl Written {
    /// Nothing was stored, and what the device knows by this id is gone.
    pub fn without(id: Option<Uuid>) -> Self {
        Self {
            segments: Vec::new(),
            removed: id.into_iter().collect(),
        }
    }
}

impl Scribe {
    /// Recognises the samples of `range`, whose first was heard at `heard_at`, and stores what was said. The device knows it by
    /// the id `interim`, if it was told before. An error means that speech cannot be recognised; the samples stay in the spool.
    pub async fn take(
        &self,
        range: Range<u64>,
        heard_at: DateTime<Utc>,
        interim: Option<Uuid>,
    ) -> Result<Written> {
        let samples = self.read(range.clone()).await?;
        let words = self.recognise(samples.into()).await?;
        let provider = words.provider;
        let pieces = words.transcript.pieces.into_iter();
        let mut said: Vec<_> = pieces.map(|piece| self.said(piece, provider)).collect();
        match said.first_mut() {
            Some(first) => first.id = interim,
            None => return Ok(Written::without(interim)),
        }
        self.write(said, Some(range.end), heard_at).await
    }

    /// What has been said so far in an utterance that goes on, as one segment with that id; None if nobody has time to recognise
    /// it, or there is nothing to tell. Nothing is stored.
    pub async fn interim(
        &self,
        range: Range<u64>,
        heard_at: DateTime<Utc>,
        id: Uuid,
    ) -> Option<TranscriptSegment> {
        let sound = async { Some(self.read(range).await.ok()?.into()) };
        let words = self.ear.as_ref()?.interim(sound).await?;
        let pieces = words.transcript.pieces.into_iter();
        let mut said: Vec<_> = pieces
            .map(|piece| self.said(piece, words.provider))
            .collect();
        let texts: Vec<_> = said.iter().map(|one| one.text.as_str()).collect();
        let (text, end) = (texts.join(" "), said.last()?.end);
        let whole = Said {
            text,
            end,
            id: Some(id),
            ..said.swap_remove(0)
        };
        let (db, conversation) = (&self.app.db, self.live.course.conversation_id());
        let begun = conversations::begun(db, &self.live.uid, conversation).await;
        let began = begun.ok().flatten()?;
        let first = heard_at + microseconds(whole.start);
        // Nothing was said before: it begins with this.
        let start = began.map_or(0.0, |began| seconds_between(began, first).max(0.0));
        let end = start + (whole.end - whole.start);
        Some(self.segment(&whole, round(start), round(end)))
    }

    async fn read(&self, range: Range<u64>) -> Result<Vec<i16>> {
        let spool = self.spool.clone();
        let wrong = "the audio spool cannot be read";
        // Made here: what a thread for files had made would stay with it, and there are many of them.
        let mut samples = Vec::with_capacity((range.end - range.start) as usize);
        let read = move || spool.read_into(&mut samples, range).map(|()| samples);
        Ok(disk::in_background(wrong, read).await?)
    }

    fn said(&self, piece: Piece, provider: Option<&'static str>) -> Said {
        let (number, is_user) = match (self.voice, piece.speaker) {
            (Some(voice), _) => (voice.number, voice.is_user),
            (None, label) => (label.map_or(0, |label| label as i32), false),
        };
        Said {
            text: piece.text,
            start: piece.start_seconds,
            end: piece.end_seconds,
            speaker: format!("SPEAKER_{number:02}"),
            speaker_id: number,
            labelled: self.voice.is_some() || piece.speaker.is_some(),
            is_user,
            person_id: None,
            provider: provider.map(Into::into),
            ..Said::default()
        }
    }

    /// Stores what was said, in order of time, counted from `since`. `until`: the sample up to which this is all of it.
    pub async fn write(
        &self,
        said: Vec<Said>,
        until: Option<u64>,
        since: DateTime<Utc>,
    ) -> Result<Written> {
        if said.is_empty() {
            return Ok(Written::default());
        }
        let mut pause = FIRST_PAUSE;
        let mut tried = None;
        loop {
            match self.commit(&said, until, since, &mut tried).await {
                Ok(written) => {
                    self.hand_on(&written);
                    return Ok(written);
                }
                Err(error) => self.wait_out(error, &mut pause).await?,
            }
        }
    }

    /// Waits a little longer each time while the database is away; gives any other error back, and every one when the
    /// server stops.
    pub async fn wait_out(&self, error: Error, pause: &mut Duration) -> Result<()> {
        if !error.is_unavailable() || self.app.stop.is_cancelled() {
            return Err(error);
        }
        tokio::time::sleep(*pause).await;
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    /// Whoever cannot follow misses something; nobody waits for them.
    fn hand_on(&self, written: &Written) {
        for tap in &self.taps {
            drop(tap.try_send(Stored {
                conversation_id: self.live.course.conversation_id(),
                segments: written.segments.clone(),
            }));
        }
    }

    async fn recognise(&self, samples: Arc<[i16]>) -> Result<Words> {
        let ear = self
            .ear
            .as_ref()
            .ok_or(Error::Unavailable("nothing recognises this speech".into()))?;
        let mut attempt = 1;
        loop {
            match ear.transcribe(samples.clone()).await {
                Ok(words) => return Ok(words),
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
        said: &[Said],
        until: Option<u64>,
        since: DateTime<Utc>,
        tried: &mut Option<(Uuid, Written)>,
    ) -> Result<Written> {
        let _turn = self.live.course.turn.lock().await;
        let uid = &self.live.uid;
        let mut tx = self.app.db.begin().await?;
        if let (Some((id, written)), Some(until)) = (tried.as_ref(), until)
            && store::recognised_until(&mut tx, uid, self.session_id).await? >= until as i64
        {
            self.live.course.roll_onto(*id);
            return Ok(written.clone());
        }
        let (mut tx, id, open) = self.lock_conversation(tx).await?;
        if let (Some((_, written)), None) = (tried.as_ref(), until)
            && open.tail.is_some()
            && open.tail.as_ref() == written.segments.last()
        {
            return Ok(written.clone());
        }
        let time_of = |seconds: f64| since + microseconds(seconds);
        let first = time_of(said.first().map_or(0.0, |one| one.start));
        let last = time_of(said.last().map_or(0.0, |one| one.end));
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
        let incoming: Vec<_> = said
            .iter()
            .map(|one| self.segment(one, offset(one.start), offset(one.end)))
            .collect();
        // Audio recovered after a crash can be older than what a new session stored meanwhile.
        let follows = |tail: &TranscriptSegment| {
            incoming
                .first()
                .is_some_and(|next| next.start >= tail.start)
        };
        let apart = said.first().is_some_and(|one| one.apart);
        let tail = open.tail.filter(|tail| !moved && !apart && follows(tail));
        let combined = merge::combine(tail, incoming);
        let heard = Heard {
            started_at,
            until: if self.recovering { last } else { clock::now() },
        };
        conversations::write_segments(&mut tx, uid, id, heard, &combined.stored, &combined.removed)
            .await?;
        if let Some(found) = self.language_found() {
            conversations::tell_language(&mut tx, uid, id, &found).await?;
        }
        // Without a sound that it came from, it goes with what was heard so far.
        let from = match until {
            Some(_) => None,
            None => Some(self.live.safe.load(Ordering::Acquire) as i64),
        };
        let until = until.map(|until| until as i64);
        store::advance(&mut tx, uid, self.session_id, id, until, from).await?;
        let mut written = Written {
            segments: combined.stored,
            removed: combined.removed,
        };
        // What was told before and went into another segment.
        let merged = said.iter().filter_map(|one| one.id);
        let stored = |id: &Uuid| written.segments.iter().any(|segment| segment.id == *id);
        let merged: Vec<_> = merged.filter(|id| !stored(id)).collect();
        written.removed.extend(merged);
        *tried = Some((id, written.clone()));
        tx.commit().await?;
        self.live.course.roll_onto(id);
        if said.iter().any(|one| one.labelled) {
            self.live.course.told_voices_apart();
        }
        Ok(written)
    }

    /// The session's conversation, locked until the end of the transaction; the next one, if that has ended while this was
    /// spoken. The caller has the turn.
    async fn lock_conversation<'a>(
        &self,
        mut tx: Transaction<'a, Postgres>,
    ) -> Result<(Transaction<'a, Postgres>, Uuid, Open)> {
        let uid = &self.live.uid;
        let mut id = self.live.course.conversation_id();
        if let Some(open) = conversations::lock_open(&mut tx, uid, id).await? {
            return Ok((tx, id, open));
        }
        // One connection at a time.
        drop(tx);
        id = self.next_conversation().await?;
        tx = self.app.db.begin().await?;
        let open = conversations::lock_open(&mut tx, uid, id)
            .await?
            .ok_or(Error::Unavailable("the conversation just ended".into()))?;
        Ok((tx, id, open))
    }

    /// Adds something to the session's conversation. `added`: what is told of it, before anything that follows from it.
    pub async fn in_conversation(
        &self,
        add: impl AsyncFnOnce(&mut Transaction<'_, Postgres>, Uuid) -> Result<()>,
        added: impl FnOnce(),
    ) -> Result<()> {
        let _turn = self.live.course.turn.lock().await;
        let tx = self.app.db.begin().await?;
        let (mut tx, id, _) = self.lock_conversation(tx).await?;
        add(&mut tx, id).await?;
        tx.commit().await?;
        self.live.course.roll_onto(id);
        added();
        Ok(())
    }

    /// With the name of its voice, if that is known.
    fn segment(&self, said: &Said, start: f64, end: f64) -> TranscriptSegment {
        let known = said.labelled && !said.is_user && said.person_id.is_none();
        let voice = known
            .then(|| self.live.course.voice(said.speaker_id))
            .flatten();
        let person_id = voice.as_ref().and_then(|voice| voice.person_id());
        TranscriptSegment {
            id: match said.id {
                Some(known) => known,
                None => ids::new(),
            },
            text: said.text.clone(),
            speaker: said.speaker.clone(),
            speaker_id: said.speaker_id,
            is_user: said.is_user || voice.as_ref().is_some_and(|voice| voice.is_user()),
            person_id: said.person_id.clone().or(person_id.map(Into::into)),
            start,
            end,
            stt_provider: said.provider.clone(),
            ..TranscriptSegment::default()
        }
    }

    /// Leaves a conversation that has ended, unless that has been done already.
    pub async fn roll_from(&self, ended: Uuid) -> Result<()> {
        let _turn = self.live.course.turn.lock().await;
        if self.live.course.conversation_id() == ended {
            let next = self.next_conversation().await?;
            // What was said and is not stored yet goes to the next one.
            let safe = self.live.safe.load(Ordering::Acquire) as i64;
            let from = (self.live.queued.load(Ordering::Acquire) == 0).then_some(safe);
            store::switch(&self.app.db, &self.live.uid, self.session_id, next, from).await?;
            self.live.course.roll_onto(next);
        }
        Ok(())
    }

    /// Of what was heard, if the device did not say.
    fn language_found(&self) -> Option<String> {
        self.ear.as_ref()?.language()
    }

    async fn next_conversation(&self) -> Result<Uuid> {
        let language = self.language_found();
        let opening = Opening {
            source: known_source(&self.source),
            language: language.as_deref().unwrap_or(&self.language),
            timeout_seconds: self.timeout_seconds,
            ..Opening::default()
        };
        let (db, uid) = (&self.app.db, &self.live.uid);
        if self.recovering || self.call {
            conversations::open_apart(db, uid, opening).await
        } else {
            conversations::open(db, uid, opening).await
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
