//! The ear of a session: decodes frames, spools the samples, notes when they were heard, and cuts them
//! into utterances.

use std::{
    io,
    ops::Range,
    sync::{Arc, PoisonError, RwLock, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{
    LiveSessions,
    failure::Failure,
    interim::Wishes,
    live::{Flush, Live},
    session::Update,
    spool::{Meta, Spool, Timeline, Writer},
};
use crate::platform::{
    audio::{
        codec::Decoder,
        voice::{Segmenter, Utterance},
    },
    clock,
};

/// Messages of audio that wait to be decoded; beyond that the device waits.
pub const FRAMES: usize = 512;
/// Frames are taken in at most this often, so that a batch shares its cost.
const PACE: Duration = Duration::from_millis(40);
/// A device that stops sending in mid-sentence has ended it.
const MUTED: Duration = Duration::from_secs(2);
/// A pause in which nothing was sent is told from slow sending by its length.
const GAP_SECONDS: i64 = 5;
/// Spooled silence is removed at most this often.
const TRIM_INTERVAL: Duration = Duration::from_secs(60);

/// A message of audio, and the room that it takes until it is decoded.
pub struct Frame {
    pub audio: Bytes,
    pub _room: OwnedSemaphorePermit,
}

/// What intake hands on.
pub enum Work {
    /// Samples, and the moment at which the utterance had ended.
    Utterance(Range<u64>, Instant),
    Flush(Flush),
    /// Intake failed: what is in the spool is left to recovery.
    Broken,
}

/// When samples were heard, shared with whoever recognises them.
pub type SharedTimeline = Arc<RwLock<Timeline>>;

pub struct Intake {
    pub decoder: Decoder,
    pub writer: Writer,
    pub segmenter: Segmenter,
    /// Sound is kept and not listened to.
    pub deaf: bool,
    pub spool: Spool,
    pub meta: Meta,
    pub timeline: SharedTimeline,
    pub live: Arc<Live>,
    pub sessions: LiveSessions,
    /// Where the conversation had come to when the session began.
    pub not_before: Option<DateTime<Utc>>,
    pub allowance: Allowance,
    pub wishes: Wishes,
}

/// How much sound a device may send: ten minutes at once, and ten times as fast as it is heard. Then it has to wait.
pub struct Allowance {
    samples: f64,
    at: Instant,
}

/// Samples that may come at once.
const BURST: f64 = 600.0 * super::SAMPLE_RATE as f64;
/// Samples a second in the long run.
const RATE: f64 = 10.0 * super::SAMPLE_RATE as f64;

impl Allowance {
    pub fn new(now: Instant) -> Self {
        Self {
            samples: BURST,
            at: now,
        }
    }

    /// How long to wait after so many samples.
    pub fn spend(&mut self, samples: u64, now: Instant) -> Duration {
        let gained = (now - self.at).as_secs_f64() * RATE;
        self.at = now;
        self.samples = (self.samples + gained).min(BURST) - samples as f64;
        Duration::from_secs_f64((-self.samples / RATE).max(0.0))
    }
}

impl Intake {
    /// Takes frames in; gives the utterances that ended with them. A frame that cannot be decoded is
    /// dropped; an error means that the disk refused.
    fn hear(&mut self, frames: &[Frame]) -> io::Result<Vec<Range<u64>>> {
        let mut ended = self.follow_the_clock()?;
        let mut samples = Vec::new();
        for frame in frames {
            samples.clear();
            if let Err(error) = self.decoder.decode(&frame.audio, &mut samples) {
                metrics::counter!("omi_audio_frames_dropped_total").increment(1);
                tracing::debug!(%error, bytes = frame.audio.len(), "an audio frame was dropped");
            }
            ended.extend(self.take(&samples)?);
        }
        if let Some(until) = self.meta.timeline.at(self.writer.position()) {
            self.live
                .heard_until
                .store(until.timestamp_micros(), Ordering::Release);
        }
        Ok(ended)
    }

    fn take(&mut self, samples: &[i16]) -> io::Result<Vec<Range<u64>>> {
        self.writer.append(samples)?;
        if self.deaf {
            return Ok(Vec::new());
        }
        Ok(self.segmenter.push(samples).iter().map(range).collect())
    }

    /// Notes when the next sample is heard if that does not follow from the ones before. An utterance
    /// does not go across a gap.
    fn follow_the_clock(&mut self) -> io::Result<Vec<Range<u64>>> {
        let now = clock::now();
        let position = self.writer.position();
        let time = match self.meta.timeline.at(position) {
            Some(expected) if now - expected <= chrono::Duration::seconds(GAP_SECONDS) => {
                return Ok(Vec::new());
            }
            Some(_) => now,
            // Behind what an earlier session sent ahead of the clock, so that sentences stay in order.
            None => {
                let others = self
                    .sessions
                    .heard_until(self.live.course.conversation_id());
                [self.not_before, others]
                    .into_iter()
                    .flatten()
                    .fold(now, DateTime::max)
            }
        };
        let ended = self.segmenter.finish().as_ref().map(range);
        self.meta.timeline.anchor(position, time);
        self.spool.describe(&self.meta)?;
        let mut shared = self
            .timeline
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        shared.clone_from(&self.meta.timeline);
        Ok(ended.into_iter().collect())
    }

    /// Ends the stream: the last samples, and the utterance in progress.
    fn finish(&mut self) -> io::Result<Vec<Range<u64>>> {
        let mut samples = Vec::new();
        if let Err(error) = self.decoder.finish(&mut samples) {
            tracing::debug!(%error, "the end of the audio could not be decoded");
        }
        let mut ended = self.take(&samples)?;
        ended.extend(self.segmenter.finish().as_ref().map(range));
        Ok(ended)
    }

    /// What lies before is in an utterance that was handed out, or silence.
    fn safe(&self) -> u64 {
        if self.deaf {
            self.writer.position()
        } else {
            self.segmenter.safe_position()
        }
    }

    /// Removes what no utterance needs any more, and whose sound is kept.
    fn trim(&mut self) -> io::Result<()> {
        let kept = self.live.kept.load(Ordering::Acquire);
        let safe = self.safe().min(kept);
        self.meta.timeline.trim(safe);
        self.spool.describe(&self.meta)?;
        self.spool.trim(safe)
    }
}

pub fn range(utterance: &Utterance) -> Range<u64> {
    utterance.start..utterance.start + utterance.length
}

/// Runs until `frames` ends. Everything heard is queued as work by then, or `Broken` is.
pub async fn take_in(
    mut intake: Intake,
    mut frames: mpsc::Receiver<Frame>,
    mut flushes: mpsc::Receiver<Flush>,
    work: mpsc::UnboundedSender<Work>,
    updates: mpsc::UnboundedSender<Update>,
) {
    let live = intake.live.clone();
    let fail = |why: Failure| {
        drop(updates.send(Update::Failed(why)));
        drop(work.send(Work::Broken));
    };
    let mut trimmed = Instant::now();
    loop {
        let mut flush = None;
        let mut batch = Vec::new();
        let speaking = live.speaking.load(Ordering::Acquire);
        // Whether the utterance in progress ends here, and whether the stream does.
        let (mut cut, mut last) = (false, false);
        tokio::select! {
            request = flushes.recv() => {
                flush = request;
                batch = drain(&mut frames);
                cut = true;
            }
            count = frames.recv_many(&mut batch, FRAMES) => {
                if 0 < count && count < FRAMES / 8 {
                    tokio::time::sleep(PACE).await;
                    batch.extend(drain(&mut frames));
                }
                last = count == 0;
            }
            () = tokio::time::sleep(MUTED), if speaking => cut = true,
        }
        let before = intake.writer.position();
        let quiet = live.queued.load(Ordering::Acquire) == 0;
        let trim = !last && quiet && trimmed.elapsed() > TRIM_INTERVAL;
        // Decoding and disk are no work for the async threads.
        let done = tokio::task::spawn_blocking(move || {
            let mut ranges = if batch.is_empty() {
                Vec::new()
            } else {
                intake.hear(&batch)?
            };
            if last {
                ranges.extend(intake.finish()?);
            } else if cut {
                ranges.extend(intake.segmenter.finish().as_ref().map(range));
            }
            if trim && ranges.is_empty() {
                intake.trim()?;
            }
            Ok::<_, io::Error>((intake, ranges))
        });
        let ranges = match done.await {
            Ok(Ok((back, ranges))) => {
                intake = back;
                ranges
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "audio cannot be written to the spool");
                return fail(Failure::disk(&error));
            }
            Err(error) => {
                tracing::error!(%error, "taking in audio broke off");
                return fail(Failure::unavailable("The server failed to take in audio."));
            }
        };
        if trim {
            trimmed = Instant::now();
        }
        let now = Instant::now();
        let wait = intake
            .allowance
            .spend(intake.writer.position() - before, now);
        for range in ranges {
            live.queued.fetch_add(1, Ordering::AcqRel);
            if work.send(Work::Utterance(range, Instant::now())).is_err() {
                let why = "The server stopped recognising speech.";
                return fail(Failure::unavailable(why));
            }
        }
        // What has ended comes first, and what has just ended is about to.
        let behind = live.queued.load(Ordering::Acquire) > 0;
        let may = !behind && !intake.segmenter.in_pause();
        intake.wishes.look(intake.segmenter.so_far(), may, now);
        live.safe.store(intake.safe(), Ordering::Release);
        live.speaking
            .store(!last && intake.segmenter.in_speech(), Ordering::Release);
        if let Some(done) = flush {
            drop(work.send(Work::Flush(done)));
        }
        if last {
            return;
        }
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }
}

/// What waits already.
fn drain(frames: &mut mpsc::Receiver<Frame>) -> Vec<Frame> {
    let mut batch = Vec::new();
    while batch.len() < FRAMES
        && let Ok(frame) = frames.try_recv()
    {
        batch.push(frame);
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_minutes_at_once_then_ten_times_as_fast_as_it_is_heard() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        let minute = 60 * super::super::SAMPLE_RATE;
        for _ in 0..10 {
            assert_eq!(allowance.spend(minute, start), Duration::ZERO);
        }
        assert_eq!(allowance.spend(minute, start).as_secs(), 6);
        let later = start + Duration::from_secs(6);
        assert_eq!(allowance.spend(0, later), Duration::ZERO);
        assert_eq!(allowance.spend(minute, later).as_secs(), 6);
        // What was not used is not saved beyond ten minutes.
        let much_later = start + Duration::from_secs(3600);
        assert_eq!(allowance.spend(10 * minute, much_later), Duration::ZERO);
        assert!(allowance.spend(minute, much_later) > Duration::from_secs(5));
    }
}
