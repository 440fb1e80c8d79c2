//! What counts as a recording of a voice.

use crate::{
    error::{Error, Result},
    platform::audio::{SAMPLE_RATE, Segmenter, file},
};

/// Largest file: 120 s of two channels, and room for its head.
pub const MOST_BYTES: usize = 8 * 1024 * 1024;
/// Seconds.
const SHORTEST: usize = 5;
const LONGEST: usize = 120;
/// A shorter pause is part of what is said, in samples.
const PAUSE: u64 = SAMPLE_RATE as u64;

fn refused(why: &str) -> Error {
    Error::BadRequest(why.into())
}

/// What is said in a WAV file: its samples without long pauses. Omi's app reads the words of a refusal. Blocks.
pub fn read(wav: Vec<u8>) -> Result<Vec<i16>> {
    let most = (LONGEST + 1) * SAMPLE_RATE as usize;
    let sound = file::read_wav(wav, most).map_err(|why| {
        let text = format!("The file cannot be read: {why}. Send a WAV file of 16 kHz.");
        Error::BadRequest(text)
    })?;
    if sound.rate != SAMPLE_RATE && !sound.samples.is_empty() {
        return Err(refused("Invalid codec, must be opus 16khz."));
    }
    let second = SAMPLE_RATE as usize;
    if !(SHORTEST * second..=LONGEST * second).contains(&sound.samples.len()) {
        let text = format!("Audio duration is invalid (must be {SHORTEST}-{LONGEST} seconds)");
        return Err(Error::BadRequest(text));
    }
    let said = said(&sound.samples);
    if said.is_empty() {
        return Err(refused("Audio is empty"));
    }
    Ok(said)
}

fn said(samples: &[i16]) -> Vec<i16> {
    let mut segmenter = Segmenter::of_positions(0);
    let mut utterances = segmenter.push(samples);
    utterances.extend(segmenter.finish());
    let mut stretches: Vec<std::ops::Range<u64>> = Vec::new();
    for utterance in utterances {
        let end = utterance.start + utterance.length;
        match stretches.last_mut() {
            Some(last) if utterance.start < last.end + PAUSE => last.end = end,
            _ => stretches.push(utterance.start..end),
        }
    }
    stretches
        .iter()
        .filter_map(|range| {
            samples.get(range.start as usize..(range.end as usize).min(samples.len()))
        })
        .flatten()
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::platform::audio::stored;

    fn refusal(wav: Vec<u8>) -> String {
        read(wav).unwrap_err().to_string()
    }

    fn wav(seconds: f64) -> Vec<u8> {
        let samples = (seconds * f64::from(SAMPLE_RATE)) as u64;
        let mut bytes = stored::wav_head(samples).to_vec();
        bytes.resize(bytes.len() + samples as usize * 2, 0);
        bytes
    }

    #[test]
    fn what_is_no_recording_is_refused_in_the_words_that_the_app_reads() {
        for seconds in [0.5, 4.9, 120.1, 300.0] {
            let told = refusal(wav(seconds)).to_lowercase();
            assert!(
                told.contains("audio duration is invalid"),
                "{seconds}: {told}"
            );
        }
        // Silence.
        assert!(refusal(wav(10.0)).to_lowercase().contains("audio is empty"));
        let mut slow = wav(10.0);
        slow[24..28].copy_from_slice(&8_000_u32.to_le_bytes());
        assert!(refusal(slow).contains("16khz"));
        for none in [&b""[..], b"RIFF", b"OggS and so on", &wav(10.0)[..30]] {
            assert!(
                refusal(none.to_vec()).contains("cannot be read"),
                "{none:?}"
            );
        }
    }
}
