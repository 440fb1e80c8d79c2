//! Cuts a stream of sound into utterances, so that a recogniser hears speech and not silence.

use super::SAMPLE_RATE;

/// Samples in one step of the detector (16 ms). Every position below is a multiple of it.
const FRAME: usize = 256;

/// Kept from before the first voiced frame. The detector answers late, so at least 0.3 s before the voice.
const PRE_ROLL: usize = frames(0.5);

/// Kept from after the last voiced frame.
const POST_ROLL: usize = frames(0.35);

/// This much silence ends an utterance.
const END_SILENCE: usize = frames(0.7);

/// From `SOFT_LIMIT` on, this short a pause ends it too.
const SHORT_PAUSE: usize = frames(0.2);
const SOFT_LIMIT: usize = frames(10.0);

/// No utterance is longer. It is cut where the last `CUT_SEARCH` are quietest.
const HARD_LIMIT: usize = frames(15.0);
const CUT_SEARCH: usize = frames(4.0);

/// So many voiced frames in a row start an utterance.
const ONSET: usize = 4;

/// An utterance with fewer voiced frames is a click or a knock and is dropped.
const LEAST_VOICED: usize = 12;

/// Score from which a frame is voiced, in silence and inside an utterance.
const START_SCORE: f32 = 0.45;
const STAY_SCORE: f32 = 0.3;

/// Weight of the newest frame in the smoothed score and energy.
const SMOOTHING: f32 = 0.3;

/// A voiced frame is this many dB louder than the noise, and louder than `LEAST_ENERGY` dBFS.
const OVER_NOISE: f32 = 8.0;
const LEAST_ENERGY: f32 = -65.0;

/// Speech changes its loudness by at least so many dB within `SWING_SPAN`; a steady hiss or hum does not.
const LEAST_SWING: f32 = 4.0;
const SWING_SPAN: usize = frames(0.2);

/// The noise level is the lowest energy of the last `NOISE_SPANS` times `NOISE_SPAN` (3.2 s).
const NOISE_SPAN: usize = frames(0.4);
const NOISE_SPANS: usize = 8;

/// The frames nearest to a time.
const fn frames(seconds: f32) -> usize {
    (seconds * SAMPLE_RATE as f32 / FRAME as f32 + 0.5) as usize
}

/// A stretch of speech, at most 15 s long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Utterance {
    /// Index of the first sample, counted from the start of the stream.
    pub start: u64,
    /// How many samples.
    pub length: u64,
    /// 16 kHz mono; none if they are found elsewhere.
    pub samples: Vec<i16>,
}

/// Takes 16 kHz mono sound in pieces of any size; the result does not depend on the sizes.
pub struct Segmenter {
    detector: Detector,
    /// Less than one frame.
    pending: Vec<i16>,
    /// How many samples are not yet handed out or found silent, in whole frames. They start at sample `start`.
    length: usize,
    /// Those samples, at most 15 s of them.
    held: Option<Vec<i16>>,
    marks: Vec<Mark>,
    start: u64,
    speaking: bool,
    /// Whether the current utterance goes on where the last one was cut.
    continued: bool,
}

/// What was heard in one frame.
#[derive(Clone, Copy)]
struct Mark {
    voiced: bool,
    /// Smoothed, in dBFS.
    energy: f32,
}

impl Segmenter {
    /// `start` is the index of the first sample that will be pushed: 0, or where a stream is resumed.
    pub fn new(start: u64) -> Self {
        Self {
            held: Some(Vec::new()),
            ..Self::of_positions(start)
        }
    }

    /// One that tells where utterances lie and holds no sound.
    pub fn of_positions(start: u64) -> Self {
        Self {
            detector: Detector::new(),
            pending: Vec::new(),
            length: 0,
            held: None,
            marks: Vec::new(),
            start,
            speaking: false,
            continued: false,
        }
    }

    /// Returns the utterances that ended within `samples`, in order.
    pub fn push(&mut self, samples: &[i16]) -> Vec<Utterance> {
        let mut ended = Vec::new();
        let mut rest = samples;
        while self.pending.len() + rest.len() >= FRAME {
            let (head, tail) = rest.split_at(FRAME - self.pending.len());
            self.pending.extend_from_slice(head);
            rest = tail;
            self.marks
                .push(self.detector.hear(&self.pending, self.speaking));
            self.hold();
            ended.extend(self.step());
        }
        self.pending.extend_from_slice(rest);
        ended
    }

    /// Returns the utterance that was still going on. The next sample pushed is the one after the last.
    pub fn finish(&mut self) -> Option<Utterance> {
        let silence = self.trailing(false);
        let mut last = None;
        if self.speaking {
            if silence <= POST_ROLL {
                self.hold();
            }
            last = self.take(self.marks.len() - silence.saturating_sub(POST_ROLL));
        }
        self.start += (self.length + self.pending.len()) as u64;
        self.pending.clear();
        self.length = 0;
        if let Some(held) = &mut self.held {
            held.clear();
        }
        self.marks.clear();
        self.speaking = false;
        self.continued = false;
        last
    }

    /// All samples before this index are either in an utterance already returned or silence.
    pub fn safe_position(&self) -> u64 {
        self.start
    }

    pub fn in_speech(&self) -> bool {
        self.speaking
    }

    /// The samples of the utterance in progress, so far.
    pub fn so_far(&self) -> Option<std::ops::Range<u64>> {
        let range = self.start..self.start + self.length as u64;
        self.speaking.then_some(range)
    }

    /// Nobody speaks, or has for a moment: the utterance in progress may have ended.
    pub fn in_pause(&self) -> bool {
        !self.speaking || self.trailing(false) >= SHORT_PAUSE
    }

    fn hold(&mut self) {
        self.length += self.pending.len();
        match &mut self.held {
            Some(held) => held.append(&mut self.pending),
            None => self.pending.clear(),
        }
    }

    fn step(&mut self) -> Option<Utterance> {
        if !self.speaking {
            let voiced = self.trailing(true);
            if voiced < ONSET {
                self.drop_front(self.marks.len().saturating_sub(PRE_ROLL + voiced));
                return None;
            }
            self.speaking = true;
            return None;
        }

        let length = self.marks.len();
        let silence = self.trailing(false);
        if silence >= END_SILENCE {
            let ended = self.take(length - silence + POST_ROLL);
            self.speaking = false;
            self.continued = false;
            ended
        } else if length >= SOFT_LIMIT && silence >= SHORT_PAUSE {
            self.cut(length - silence / 2)
        } else if length >= HARD_LIMIT {
            let from = length - CUT_SEARCH;
            let quietest = (from..length)
                .min_by(|a, b| self.marks[*a].energy.total_cmp(&self.marks[*b].energy));
            self.cut(quietest.unwrap_or(length))
        } else {
            None
        }
    }

    /// Ends the utterance before frame `at`; what follows belongs to the next one.
    fn cut(&mut self, at: usize) -> Option<Utterance> {
        let ended = self.take(at);
        self.continued = true;
        ended
    }

    /// Removes the first `count` frames, and with all of them what came after the last whole frame.
    fn take(&mut self, count: usize) -> Option<Utterance> {
        let voiced = self.marks[..count]
            .iter()
            .filter(|mark| mark.voiced)
            .count();
        let enough = if self.continued { 1 } else { LEAST_VOICED };
        let end = if count == self.marks.len() {
            self.length
        } else {
            count * FRAME
        };
        let start = self.start;
        let mut samples = Vec::new();
        if let Some(held) = &mut self.held {
            let rest = held.split_off(end);
            samples = std::mem::replace(held, rest);
        }
        self.marks.drain(..count);
        self.length -= end;
        self.start += end as u64;
        (voiced >= enough).then_some(Utterance {
            start,
            length: end as u64,
            samples,
        })
    }

    fn drop_front(&mut self, count: usize) {
        if let Some(held) = &mut self.held {
            held.drain(..count * FRAME);
        }
        self.length -= count * FRAME;
        self.marks.drain(..count);
        self.start += (count * FRAME) as u64;
    }

    /// How many of the newest frames are all voiced, or all not.
    fn trailing(&self, voiced: bool) -> usize {
        let marks = self.marks.iter().rev();
        marks.take_while(|mark| mark.voiced == voiced).count()
    }
}

/// Tells voiced frames from others: the score of a small neural network, checked against loudness.
struct Detector {
    network: Box<earshot::Detector>,
    score: f32,
    energy: f32,
    /// Unsmoothed energies of the last `SWING_SPAN` frames, as a ring.
    recent: [f32; SWING_SPAN],
    /// Lowest energy of each of the last spans; the one at the current index is still growing.
    lows: [f32; NOISE_SPANS],
    count: usize,
}

impl Detector {
    fn new() -> Self {
        Self {
            network: Box::default(),
            score: 0.0,
            energy: LEAST_ENERGY,
            recent: [f32::NAN; SWING_SPAN],
            // A stream may start in the middle of a word, so take the noise as low at first.
            lows: [LEAST_ENERGY; NOISE_SPANS],
            count: 0,
        }
    }

    fn hear(&mut self, frame: &[i16], speaking: bool) -> Mark {
        let loudness = energy(frame);
        self.score += SMOOTHING * (self.network.predict_i16(frame) - self.score);
        self.energy += SMOOTHING * (loudness - self.energy);

        self.recent[self.count % SWING_SPAN] = loudness;
        let span = self.count / NOISE_SPAN % NOISE_SPANS;
        if self.count.is_multiple_of(NOISE_SPAN) {
            self.lows[span] = self.energy;
        }
        self.lows[span] = self.lows[span].min(self.energy);
        self.count += 1;

        let noise = self.lows.iter().copied().fold(f32::INFINITY, f32::min);
        let loudest = self
            .recent
            .iter()
            .copied()
            .fold(f32::NEG_INFINITY, f32::max);
        let quietest = self.recent.iter().copied().fold(f32::INFINITY, f32::min);
        let least_score = if speaking { STAY_SCORE } else { START_SCORE };
        let voiced = self.score >= least_score
            && self.energy >= LEAST_ENERGY.max(noise + OVER_NOISE)
            && loudest - quietest >= LEAST_SWING;
        Mark {
            voiced,
            energy: self.energy,
        }
    }
}

/// In dBFS, at least -100.
fn energy(frame: &[i16]) -> f32 {
    let sum: f64 = frame.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let mean = sum / frame.len() as f64 / 32_768_f64.powi(2);
    10.0 * mean.max(1e-10).log10() as f32
}

#[cfg(test)]
#[path = "voice_tests.rs"]
mod tests;
