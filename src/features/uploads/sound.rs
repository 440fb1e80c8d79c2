//! An uploaded file to sound: frames, each behind its length (u32, little-endian), become samples on disk and the places in
//! them where somebody speaks.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _},
    ops::Range,
    path::Path,
};

use super::name::Coding;
use crate::platform::audio::{
    self, Codec, Decoder, SAMPLE_RATE, Segmenter, Utterance, mean, resample::Resampler,
};

const LONGEST_FRAME: usize = 65_536;
/// Samples that are looked at together.
const STEP: usize = SAMPLE_RATE as usize;

#[derive(Debug, Default, PartialEq)]
pub struct Listened {
    pub samples: u64,
    /// In order, at most 15 s each.
    pub utterances: Vec<Range<u64>>,
}

/// Samples on their way to disk (16 kHz mono s16le), and where somebody speaks in them.
struct Sink {
    output: BufWriter<File>,
    segmenter: Segmenter,
    listened: Listened,
    most: u64,
}

impl Sink {
    fn new(to: &Path, most: u64) -> io::Result<Self> {
        Ok(Self {
            output: BufWriter::new(File::create(to)?),
            segmenter: Segmenter::of_positions(0),
            listened: Listened::default(),
            most,
        })
    }

    /// False: that would be too many.
    fn take(&mut self, samples: &[i16]) -> io::Result<bool> {
        self.listened.samples += samples.len() as u64;
        if self.listened.samples > self.most {
            return Ok(false);
        }
        for sample in samples {
            self.output.write_all(&sample.to_le_bytes())?;
        }
        let ended = self.segmenter.push(samples);
        self.listened.utterances.extend(ended.iter().map(range));
        Ok(true)
    }

    fn end(mut self) -> io::Result<Listened> {
        let last = self.segmenter.finish();
        self.listened.utterances.extend(last.iter().map(range));
        let file = self.output.into_inner();
        file.map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(self.listened)
    }
}

fn range(utterance: &Utterance) -> Range<u64> {
    utterance.start..utterance.start + utterance.length
}

/// Decodes `from` into `to` (16 kHz mono s16le). Frames that cannot be decoded are left out; a length that is none ends the
/// file. None: it would be longer than `most` samples. Blocks.
pub fn listen(from: &Path, to: &Path, coding: Coding, most: u64) -> io::Result<Option<Listened>> {
    let (codec, rate) = match coding {
        Coding::Opus => (Codec::Opus, SAMPLE_RATE),
        Coding::Pcm16(rate) | Coding::Pcm8(rate) => (Codec::Pcm16, rate),
    };
    let Ok(mut decoder) = Decoder::new(codec, rate) else {
        return Ok(Some(Listened::default()));
    };
    let mut input = BufReader::new(File::open(from)?);
    let mut sink = Sink::new(to, most)?;
    let mut samples = Vec::new();
    let mut frame = Vec::new();
    loop {
        let more = next(&mut input, &mut frame)?;
        if !more {
            let _ = decoder.finish(&mut samples);
        } else if let Coding::Pcm8(_) = coding {
            let wide: Vec<u8> = frame
                .iter()
                .flat_map(|byte| ((i16::from(*byte) - 128) * 256).to_le_bytes())
                .collect();
            let _ = decoder.decode(&wide, &mut samples);
        } else if decoder.decode(&frame, &mut samples).is_err() {
            metrics::counter!("omi_audio_frames_dropped_total").increment(1);
        }
        if samples.len() >= STEP || !more {
            if !sink.take(&samples)? {
                return Ok(None);
            }
            samples.clear();
        }
        if !more {
            return sink.end().map(Some);
        }
    }
}

/// The same for a sound file, as [`audio::file::each`] reads it; one that it cannot read has no samples. Blocks.
pub fn listen_to_file(from: &Path, to: &Path, most: u64) -> io::Result<Option<Listened>> {
    let mut sink = Sink::new(to, most)?;
    let mut fits = true;
    let mut broken = Ok(());
    let read = audio::file::each(from, &mut |samples| {
        match sink.take(samples) {
            Ok(more) => fits = more,
            Err(error) => broken = Err(error),
        }
        fits && broken.is_ok()
    });
    broken?;
    if !fits {
        return Ok(None);
    }
    if let Err(error) = read {
        tracing::debug!(%error, "a sound file could not be read");
        return Ok(Some(Listened::default()));
    }
    sink.end().map(Some)
}

/// The same for interleaved signed 16-bit samples of some channels. Blocks.
pub fn listen_to_samples(
    from: &Path,
    to: &Path,
    (rate, channels): (u32, usize),
    most: u64,
) -> io::Result<Option<Listened>> {
    let mut sink = Sink::new(to, most)?;
    let mut resampler = Resampler::new(rate).map_err(io::Error::other)?;
    let mut input = BufReader::new(File::open(from)?);
    let mut frames = vec![0; STEP * 2 * channels];
    let (mut mono, mut samples) = (Vec::new(), Vec::new());
    loop {
        let length = filled_to(&mut input, &mut frames)?;
        let more = length == frames.len();
        mono.clear();
        mono.extend(frames[..length].chunks_exact(2 * channels).map(mean));
        samples.clear();
        resampler
            .push(&mono, &mut samples)
            .map_err(io::Error::other)?;
        if !more {
            resampler.finish(&mut samples).map_err(io::Error::other)?;
        }
        if !sink.take(&samples)? {
            return Ok(None);
        }
        if !more {
            return sink.end().map(Some);
        }
    }
}

/// Bytes that were read; fewer than the buffer holds at the end only.
fn filled_to(input: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match input.read(&mut buffer[length..])? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

/// False: there is no further whole frame.
fn next(input: &mut impl io::Read, frame: &mut Vec<u8>) -> io::Result<bool> {
    let mut length = [0; 4];
    if !filled(input, &mut length)? {
        return Ok(false);
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST_FRAME {
        return Ok(false);
    }
    frame.resize(length, 0);
    filled(input, frame)
}

fn filled(input: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<bool> {
    match input.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Samples of a decoded file. Blocks.
pub fn read(path: &Path, range: Range<u64>) -> io::Result<Vec<i16>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(range.start * 2))?;
    let mut bytes = vec![0; (range.end.saturating_sub(range.start) * 2) as usize];
    file.read_exact(&mut bytes)?;
    let (pairs, _) = bytes.as_chunks::<2>();
    Ok(pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::platform::audio::Encoder;

    fn framed(frames: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for frame in frames {
            bytes.extend((frame.len() as u32).to_le_bytes());
            bytes.extend(frame);
        }
        bytes
    }

    fn heard(bytes: &[u8], coding: Coding) -> (Option<Listened>, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&from, bytes).unwrap();
        let listened = listen(&from, &to, coding, 1_000_000).unwrap();
        (listened, std::fs::read(&to).unwrap_or_default())
    }

    #[test]
    fn every_coding_becomes_samples() {
        let mut encoder = Encoder::new(Codec::Opus).unwrap();
        let packets: Vec<_> = (0..200)
            .map(|_| encoder.encode(&[500; 160]).unwrap())
            .collect();
        let (opus, pcm) = heard(&framed(&packets), Coding::Opus);
        assert_eq!(opus.unwrap().samples, 32_000);
        assert_eq!(pcm.len(), 64_000);
        let (eight, pcm) = heard(
            &framed(&[vec![128; 8_000], vec![255; 8]]),
            Coding::Pcm8(16_000),
        );
        assert_eq!(eight.unwrap().samples, 8_008);
        assert_eq!(&pcm[..2], [0, 0]);
        assert_eq!(&pcm[16_000..16_002], (127 * 256_i16).to_le_bytes());
        let (half, _) = heard(&framed(&[vec![0; 16_000]]), Coding::Pcm16(8_000));
        assert_eq!(half.unwrap().samples, 16_000);
    }

    #[test]
    fn what_is_broken_costs_no_more_than_itself() {
        let samples = |bytes: &[u8], coding| heard(bytes, coding).0.unwrap().samples;
        let whole = framed(&[vec![1; 320], vec![2; 320]]);
        for (cut, expected) in [
            (0, 0),
            (3, 0),
            (4, 0),
            (323, 0),
            (324, 160),
            (647, 160),
            (648, 320),
        ] {
            let found = samples(&whole[..cut], Coding::Pcm16(16_000));
            assert_eq!(found, expected, "{cut}");
        }
        let mut long = framed(&[vec![1; 320]]);
        long.extend([0xff; 300]);
        assert_eq!(samples(&long, Coding::Pcm16(16_000)), 160);
        // Noise in place of packets is left out.
        let mut encoder = Encoder::new(Codec::Opus).unwrap();
        let good = encoder.encode(&[500; 160]).unwrap();
        let noise = framed(&[good.clone(), vec![0xff; 3], vec![], good]);
        assert_eq!(samples(&noise, Coding::Opus), 320);
        // A rate that nobody has.
        assert_eq!(samples(&whole, Coding::Pcm16(1)), 0);
        // Too much.
        let much = framed(&vec![vec![0; 64_000]; 32]);
        assert_eq!(heard(&much, Coding::Pcm16(16_000)).0, None);
    }
}
