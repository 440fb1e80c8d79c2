//! Interims: what somebody who is still speaking has said so far. A device is told them beside its stored segments, and when
//! the utterance ends they are replaced or deleted. They are kept nowhere, and nobody waits for one.

use std::{
    ops::Range,
    sync::PoisonError,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::{intake::SharedTimeline, scribe::Scribe, session::Update};
use crate::platform::ids;

/// The samples of the utterance in progress, when they are to be recognised; `None` when it has ended.
type Wish = Option<Range<u64>>;

/// Joins the two halves: one says when, the other does it. `every`: None for never.
pub fn interims(every: Option<Duration>) -> (Wishes, Interims) {
    let (sender, receiver) = watch::channel(None);
    let wishes = Wishes {
        pace: every.map(Pace::new),
        sender,
    };
    let interims = Interims {
        wishes: receiver,
        told: None,
        done: 0,
    };
    (wishes, interims)
}

/// Of intake.
pub struct Wishes {
    pace: Option<Pace>,
    sender: watch::Sender<Wish>,
}

impl Wishes {
    /// `so_far`: the utterance in progress; `may`: whether this is a good moment to recognise it. Comes after what has ended was
    /// handed on.
    pub fn look(&mut self, so_far: Option<Range<u64>>, may: bool, now: Instant) {
        let Some(pace) = &mut self.pace else {
            return;
        };
        let known = self.sender.borrow().as_ref().map(|wish| wish.start);
        if known.is_some() && known != so_far.as_ref().map(|range| range.start) {
            self.sender.send_replace(None);
        }
        if let Some(so_far) = so_far
            && pace.is_due(&so_far, may, now)
        {
            self.sender.send_replace(Some(so_far));
        }
    }
}

/// When an utterance in progress is to be recognised: so often by its sound, and no more often by the clock, because sound of
/// earlier may come faster than it was heard.
struct Pace {
    every: Duration,
    last: Option<Last>,
}

/// The utterance that was last looked at.
#[derive(Clone, Copy)]
struct Last {
    start: u64,
    /// Behind the last sample that was to be recognised, and when that was; at first where and when it began.
    until: u64,
    at: Instant,
}

impl Pace {
    fn new(every: Duration) -> Self {
        Self { every, last: None }
    }

    /// Whether it is time to recognise these samples; `may` is false while it is no good moment.
    fn is_due(&mut self, so_far: &Range<u64>, may: bool, now: Instant) -> bool {
        let same = self.last.filter(|last| last.start == so_far.start);
        let last = same.unwrap_or(Last {
            start: so_far.start,
            until: so_far.start,
            at: now,
        });
        let sound = so_far.end.saturating_sub(last.until);
        let due = may
            && sound >= self.every.as_secs() * super::SAMPLE_RATE
            && now - last.at >= self.every;
        self.last = Some(match due {
            true => Last {
                until: so_far.end,
                at: now,
                ..last
            },
            false => last,
        });
        due
    }
}

/// Of whoever writes down what is said.
pub struct Interims {
    wishes: watch::Receiver<Wish>,
    /// What the device was told and what is not replaced yet: the first sample of the utterance, and the id.
    told: Option<(u64, Uuid)>,
    /// The sample up to which utterances have been taken.
    done: u64,
}

impl Interims {
    /// Waits for a wish, and fulfils it if somebody has time. To be dropped as soon as there is anything else to do, which is looked
    /// at first whenever this is polled.
    pub async fn tell(
        &mut self,
        scribe: &Scribe,
        timeline: &SharedTimeline,
        updates: &mpsc::UnboundedSender<Update>,
    ) {
        if self.wishes.changed().await.is_err() {
            // Intake has ended; the last utterance is on its way.
            return std::future::pending().await;
        }
        // What ended before this wish was handed on before it, and comes first.
        tokio::task::yield_now().await;
        let wish = self.wishes.borrow_and_update().clone();
        let start = wish.as_ref().map(|range| range.start);
        if self.told.is_some_and(|(told, _)| Some(told) != start) {
            // That utterance came to nothing.
            self.delete(updates);
        }
        let Some(range) = wish.filter(|range| range.start >= self.done) else {
            return;
        };
        let start = range.start;
        let heard_at = timeline
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .at(start);
        let Some(heard_at) = heard_at else {
            return;
        };
        let wished = Instant::now();
        let id = self.told.map_or_else(ids::new, |(_, id)| id);
        let Some(segment) = scribe.interim(range, heard_at, id).await else {
            return;
        };
        metrics::histogram!("omi_segment_delay_seconds", "kind" => "interim")
            .record(wished.elapsed());
        self.told = Some((start, id));
        drop(updates.send(Update::Interim(Box::new(segment))));
    }

    /// The id that the device knows of an utterance that has ended, which now belongs to whoever asks.
    pub fn take(
        &mut self,
        utterance: &Range<u64>,
        updates: &mpsc::UnboundedSender<Update>,
    ) -> Option<Uuid> {
        self.done = utterance.end;
        if self.told.is_some_and(|(start, _)| start != utterance.start) {
            self.delete(updates);
        }
        self.told.take().map(|(_, id)| id)
    }

    /// The device forgets what it was told and what does not come true.
    pub fn delete(&mut self, updates: &mpsc::UnboundedSender<Update>) {
        if let Some((_, id)) = self.told.take() {
            drop(updates.send(Update::SegmentsDeleted(vec![id])));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = super::super::SAMPLE_RATE;
    const EVERY: Duration = Duration::from_secs(3);

    /// Whether an interim is due after so many seconds of an utterance that began with sample `start`.
    fn asks(pace: &mut Pace, start: u64, seconds: u64, may: bool, now: Instant) -> bool {
        pace.is_due(&(start..start + seconds * RATE), may, now)
    }

    #[test]
    fn every_three_seconds_of_sound_and_of_time() {
        let mut pace = Pace::new(EVERY);
        let begin = Instant::now();
        let due: Vec<u64> = (0..15)
            .filter(|second| {
                let now = begin + Duration::from_secs(*second);
                asks(&mut pace, 500, *second, true, now)
            })
            .collect();
        assert_eq!(due, [3, 6, 9, 12]);
        // The next utterance begins anew.
        let next = begin + Duration::from_secs(15);
        assert!(!asks(&mut pace, 500 + 15 * RATE, 1, true, next));
        assert!(!asks(&mut pace, 500 + 15 * RATE, 2, true, next + EVERY));
        assert!(asks(&mut pace, 500 + 15 * RATE, 3, true, next + EVERY));
    }

    #[test]
    fn sound_of_earlier_that_comes_all_at_once_is_not_read_along() {
        let mut pace = Pace::new(EVERY);
        let now = Instant::now();
        assert!((0..15).all(|second| !asks(&mut pace, 0, second, true, now)));
    }

    #[test]
    fn what_was_no_good_moment_is_made_up_for() {
        let mut pace = Pace::new(EVERY);
        let begin = Instant::now();
        let at = |second| begin + Duration::from_secs(second);
        assert!(!asks(&mut pace, 0, 0, false, begin));
        assert!(!asks(&mut pace, 0, 3, false, at(3)));
        assert!(asks(&mut pace, 0, 4, true, at(4)));
        assert!(!asks(&mut pace, 0, 6, true, at(6)));
        assert!(asks(&mut pace, 0, 7, true, at(7)));
    }

    #[test]
    fn a_wish_ends_with_its_utterance() {
        let (mut wishes, interims) = interims(Some(EVERY));
        let begin = Instant::now();
        let mut wish = |so_far: Option<Range<u64>>, second| {
            wishes.look(so_far, true, begin + Duration::from_secs(second));
            interims.wishes.borrow().clone()
        };
        let long = 0..3 * RATE;
        assert_eq!(wish(None, 0), None);
        assert_eq!(wish(Some(0..RATE), 1), None);
        assert_eq!(wish(Some(long.clone()), 4), Some(long.clone()));
        // It stays what is known of the utterance until that is over, or another has begun.
        assert_eq!(wish(Some(0..4 * RATE), 5), Some(long.clone()));
        assert_eq!(wish(None, 6), None);
        assert_eq!(wish(Some(10 * RATE..11 * RATE), 10), None);
        let other = 10 * RATE..13 * RATE;
        assert_eq!(wish(Some(other.clone()), 13), Some(other));
        assert_eq!(wish(Some(13 * RATE..14 * RATE), 14), None);

        let (mut never, interims) = super::interims(None);
        never.look(Some(long.clone()), true, begin);
        never.look(Some(long), true, begin + 2 * EVERY);
        assert_eq!(*interims.wishes.borrow(), None);
    }

    #[test]
    fn nobody_is_told_of_an_utterance_twice() {
        let (_wishes, mut interims) = interims(None);
        let (updates, mut told) = mpsc::unbounded_channel();
        let (first, second) = (ids::new(), ids::new());
        interims.told = Some((100, first));
        assert_eq!(interims.take(&(100..200), &updates), Some(first));
        assert_eq!(interims.take(&(200..300), &updates), None);
        assert!(told.try_recv().is_err());
        // Of this one nothing came, and another one has ended.
        interims.told = Some((300, second));
        assert_eq!(interims.take(&(500..600), &updates), None);
        let gone = told.try_recv();
        assert!(matches!(gone, Ok(Update::SegmentsDeleted(ids)) if ids == [second]));
        interims.delete(&updates);
        assert!(told.try_recv().is_err());
    }
}
