//! Streaming conversion of mono sound from any rate to 16 kHz.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Indexing, Resampler as _, SincInterpolationParameters, WindowFunction,
};

use super::{AudioError, CLIENT_RATES, SAMPLE_RATE};

/// Taps of the low-pass filter at 16 kHz; it adds half of them as delay (4 ms) before the first output.
const FILTER_LENGTH: u32 = 128;

/// Keeps its filter state from call to call, so pieces of any size join without clicks. The filter's
/// own delay is cut off: output sample n is the input at n / 16000 s, give or take two samples.
pub struct Resampler {
    /// `None` when the input already is 16 kHz.
    engine: Option<Async<f32>>,
    ratio: f64,
    pending: Vec<f32>,
    produced: Vec<f32>,
    /// Output samples still to drop, because they are filter delay.
    delay: usize,
    taken: u64,
    given: u64,
}

impl Resampler {
    pub fn new(rate: u32) -> Result<Self, AudioError> {
        if !CLIENT_RATES.contains(&rate) {
            return Err(AudioError::SampleRate(rate));
        }
        let ratio = f64::from(SAMPLE_RATE) / f64::from(rate);
        let mut engine = None;
        let mut delay = 0;
        let mut produced = Vec::new();
        if rate != SAMPLE_RATE {
            // Going down, the filter must be longer by the same factor to be as steep.
            let length = FILTER_LENGTH * rate.div_ceil(SAMPLE_RATE);
            let filter =
                SincInterpolationParameters::new(length as usize, WindowFunction::BlackmanHarris2);
            let chunk = (rate / 100) as usize;
            let made = Async::new_sinc(ratio, 1.0, &filter, chunk, 1, FixedAsync::Input)
                .map_err(|error| AudioError::Resample(error.to_string()))?;
            delay = made.output_delay();
            produced = vec![0.0; made.output_frames_max()];
            engine = Some(made);
        }
        Ok(Self {
            engine,
            ratio,
            pending: Vec::new(),
            produced,
            delay,
            taken: 0,
            given: 0,
        })
    }

    /// Appends what can be converted so far; up to about 15 ms stay inside until more arrives.
    pub fn push(&mut self, samples: &[i16], out: &mut Vec<i16>) -> Result<(), AudioError> {
        if self.engine.is_none() {
            out.extend_from_slice(samples);
            return Ok(());
        }
        self.taken += samples.len() as u64;
        self.pending
            .extend(samples.iter().map(|sample| f32::from(*sample)));
        self.convert(false, out)
    }

    /// Appends the rest, so that the output is as long as the input. Nothing may be pushed after it.
    pub fn finish(&mut self, out: &mut Vec<i16>) -> Result<(), AudioError> {
        if self.engine.is_none() {
            return Ok(());
        }
        let total = (self.taken as f64 * self.ratio).round() as u64;
        while self.given < total {
            let before = out.len();
            self.convert(true, out)?;
            let excess = self.given.saturating_sub(total) as usize;
            out.truncate(out.len().saturating_sub(excess).max(before));
        }
        Ok(())
    }

    /// With `pad`, runs at least once, taking silence for the input that is missing.
    fn convert(&mut self, pad: bool, out: &mut Vec<i16>) -> Result<(), AudioError> {
        let Some(engine) = &mut self.engine else {
            return Ok(());
        };
        let failed = |error: &dyn std::fmt::Display| AudioError::Resample(error.to_string());
        let mut start = 0;
        let mut padded = false;
        loop {
            let needed = engine.input_frames_next();
            let available = self.pending.len() - start;
            let partial = available < needed;
            if partial && (!pad || padded) {
                break;
            }
            padded |= partial;
            let taken = available.min(needed);
            let input = InterleavedSlice::new(&self.pending[start..start + taken], 1, taken)
                .map_err(|error| failed(&error))?;
            let room = self.produced.len();
            let mut output =
                InterleavedSlice::new_mut(&mut self.produced, 1, room).map_err(|e| failed(&e))?;
            let indexing = partial.then(|| Indexing::new().partial_len(taken));
            let (_, made) = engine
                .process_into_buffer(&input, &mut output, indexing.as_ref())
                .map_err(|error| failed(&error))?;
            start += taken;
            let skipped = self.delay.min(made);
            self.delay -= skipped;
            self.given += (made - skipped) as u64;
            // The cast saturates, so overshoots of the filter clip instead of wrapping around.
            out.extend(
                self.produced[skipped..made]
                    .iter()
                    .map(|sample| sample.round() as i16),
            );
        }
        self.pending.drain(..start);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn sine(rate: u32, seconds: f64) -> Vec<i16> {
        let count = (f64::from(rate) * seconds) as usize;
        let step = 440.0 * std::f64::consts::TAU / f64::from(rate);
        (0..count)
            .map(|n| ((n as f64 * step).sin() * 8_000.0) as i16)
            .collect()
    }

    fn in_pieces(rate: u32, samples: &[i16], sizes: &[usize]) -> Vec<i16> {
        let mut resampler = Resampler::new(rate).unwrap();
        let mut out = Vec::new();
        let mut rest = samples;
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, more) = rest.split_at((*size).min(rest.len()));
            resampler.push(piece, &mut out).unwrap();
            rest = more;
        }
        resampler.finish(&mut out).unwrap();
        out
    }

    fn frequency(samples: &[i16]) -> f64 {
        let crossings = samples
            .windows(2)
            .filter(|pair| pair[0] < 0 && pair[1] >= 0)
            .count();
        crossings as f64 * f64::from(SAMPLE_RATE) / samples.len() as f64
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_length_from_any_rate() {
        for rate in [4_000, 8_000, 11_025, 44_100, 48_000, 96_000] {
            let heard = in_pieces(rate, &sine(rate, 2.0), &[77, 441, 1, 960, 13]);
            assert!(
                (heard.len() as i64 - 32_000).abs() <= 1,
                "{rate}: {}",
                heard.len()
            );
            let pitch = frequency(&heard);
            assert!((pitch - 440.0).abs() < 4.4, "{rate}: {pitch}");
        }
    }

    #[test]
    fn the_tone_lines_up_with_the_original_and_has_no_clicks() {
        let wanted = sine(SAMPLE_RATE, 1.0);
        // Any three samples of a pure tone obey a + c = 2 b cos(step), whatever its phase.
        let cosine = (440.0 * std::f64::consts::TAU / f64::from(SAMPLE_RATE)).cos();
        for rate in [8_000, 44_100, 48_000] {
            let heard = in_pieces(rate, &sine(rate, 1.0), &[31, 7, 333]);
            for n in 200..15_800 {
                let [a, b, c] = [heard[n - 1], heard[n], heard[n + 1]].map(f64::from);
                let off = a + c - 2.0 * b * cosine;
                assert!(off.abs() < 8.0, "{rate} Hz, sample {n}: a click of {off}");
            }
            // Two samples late or early change a tone of this pitch by this much.
            let late = (200..15_800)
                .map(|n| heard[n].abs_diff(wanted[n]))
                .max()
                .unwrap();
            assert!(late < 2_800, "{rate} Hz: off by {late}");
        }
    }

    #[test]
    fn the_size_of_pieces_changes_nothing() {
        let whole = sine(44_100, 0.5);
        assert_eq!(
            in_pieces(44_100, &whole, &[whole.len()]),
            in_pieces(44_100, &whole, &[53])
        );
    }

    #[test]
    fn tones_above_eight_kilohertz_are_removed() {
        let step = 11_000.0 * std::f64::consts::TAU / 48_000.0;
        let high: Vec<i16> = (0..48_000)
            .map(|n| ((n as f64 * step).sin() * 16_000.0) as i16)
            .collect();
        let heard = in_pieces(48_000, &high, &[480]);
        let loudest = heard[500..15_500]
            .iter()
            .map(|s| s.unsigned_abs())
            .max()
            .unwrap();
        assert!(loudest < 100, "{loudest}");
    }

    #[test]
    fn sixteen_kilohertz_passes_unchanged() {
        let tone = sine(SAMPLE_RATE, 0.1);
        assert_eq!(in_pieces(SAMPLE_RATE, &tone, &[7]), tone);
    }

    #[test]
    fn impossible_rates_are_refused() {
        for rate in [0, 3_999, 96_001, u32::MAX] {
            assert!(matches!(Resampler::new(rate), Err(AudioError::SampleRate(r)) if r == rate));
        }
    }
}
