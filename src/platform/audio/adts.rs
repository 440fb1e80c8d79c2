//! AAC in ADTS frames, as a stream of messages that may cut frames anywhere.

use symphonia::core::{
    audio::layouts,
    codecs::audio::{
        AudioCodecParameters, AudioDecoder, AudioDecoderOptions, well_known::CODEC_ID_AAC,
    },
    packet::PacketRef,
    units::{Duration, Timestamp},
};

use super::{AudioError, file::mean, resample::Resampler};

/// A frame has 13 bits for its length.
const LONGEST_FRAME: usize = 8191;
const SHORTEST_HEADER: usize = 7;
const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

#[derive(Default)]
pub struct Adts {
    /// The beginning of a frame that is not whole yet.
    rest: Vec<u8>,
    inner: Option<Inner>,
    interleaved: Vec<f32>,
    mono: Vec<i16>,
}

struct Inner {
    rate: u32,
    channels: u8,
    decoder: Box<dyn AudioDecoder>,
    resampler: Resampler,
}

/// What the header of a frame says.
#[derive(Debug, PartialEq)]
struct Header {
    rate: u32,
    channels: u8,
    /// Of the header.
    length: usize,
    /// With the header.
    frame: usize,
}

/// None: no frame begins here. `bytes` has at least seven.
fn header(bytes: &[u8]) -> Option<Header> {
    let synchronised = bytes[0] == 0xff && bytes[1] & 0xf6 == 0xf0;
    let frame =
        usize::from(bytes[3] & 3) << 11 | usize::from(bytes[4]) << 3 | usize::from(bytes[5] >> 5);
    let length = if bytes[1] & 1 == 1 { 7 } else { 9 };
    let rate = *RATES.get(usize::from(bytes[2] >> 2 & 15))?;
    let channels = (bytes[2] & 1) << 2 | bytes[3] >> 6;
    let sound = synchronised && frame > length && (1..=2).contains(&channels);
    sound.then_some(Header {
        rate,
        channels,
        length,
        frame,
    })
}

impl Adts {
    /// Appends 16 kHz mono samples. What is no frame is passed over; an error means that some was.
    pub fn decode(&mut self, bytes: &[u8], out: &mut Vec<i16>) -> Result<(), AudioError> {
        self.rest.extend_from_slice(bytes);
        let (mut at, mut outcome) = (0, Ok(()));
        while self.rest.len() - at >= SHORTEST_HEADER {
            let Some(header) = header(&self.rest[at..]) else {
                outcome = Err(bad(bytes, "no ADTS frame begins where one should".into()));
                at += 1;
                continue;
            };
            if self.rest.len() - at < header.frame {
                break;
            }
            let frame = self.rest[at + header.length..at + header.frame].to_vec();
            at += header.frame;
            if let Err(error) = self.frame(&header, &frame, out) {
                outcome = Err(error);
            }
        }
        self.rest.drain(..at);
        // Frames are shorter, so this is none.
        if self.rest.len() > LONGEST_FRAME {
            self.rest.clear();
        }
        outcome
    }

    fn frame(
        &mut self,
        header: &Header,
        frame: &[u8],
        out: &mut Vec<i16>,
    ) -> Result<(), AudioError> {
        let known = |inner: &Inner| (inner.rate, inner.channels) == (header.rate, header.channels);
        let inner = match self.inner.take().filter(known) {
            Some(inner) => self.inner.insert(inner),
            None => self.inner.insert(Inner::new(header)?),
        };
        let packet = PacketRef::new(0, Timestamp::ZERO, Duration::ZERO, frame);
        let sound = inner
            .decoder
            .decode_ref(&packet)
            .map_err(|error| bad(frame, error.to_string()))?;
        let planes = sound.num_planes().max(1);
        sound.copy_to_vec_interleaved(&mut self.interleaved);
        self.mono.clear();
        self.mono
            .extend(self.interleaved.chunks_exact(planes).map(mean));
        inner.resampler.push(&self.mono, out)
    }

    /// Appends what the resampler still holds.
    pub fn finish(&mut self, out: &mut Vec<i16>) -> Result<(), AudioError> {
        match &mut self.inner {
            Some(inner) => inner.resampler.finish(out),
            None => Ok(()),
        }
    }
}

impl Inner {
    fn new(header: &Header) -> Result<Self, AudioError> {
        let layout = match header.channels {
            1 => layouts::CHANNEL_LAYOUT_MONO,
            _ => layouts::CHANNEL_LAYOUT_STEREO,
        };
        let mut parameters = AudioCodecParameters::new();
        parameters
            .for_codec(CODEC_ID_AAC)
            .with_sample_rate(header.rate)
            .with_channels(layout);
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(&parameters, &AudioDecoderOptions::default())
            .map_err(|error| AudioError::Start("AAC", error.to_string()))?;
        Ok(Self {
            rate: header.rate,
            channels: header.channels,
            decoder,
            resampler: Resampler::new(header.rate)?,
        })
    }
}

fn bad(bytes: &[u8], reason: String) -> AudioError {
    AudioError::BadPacket {
        bytes: bytes.len(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const SPEECH: &[u8] = include_bytes!("../../../tests/listen/material/go-forward.aac");

    #[test]
    fn frames_are_decoded_however_they_are_cut() {
        let mut whole = Vec::new();
        Adts::default().decode(SPEECH, &mut whole).unwrap();
        let seconds = whole.len() as f64 / 16_000.0;
        assert!((2.0..4.0).contains(&seconds), "{seconds}");
        let loudest = whole.iter().map(|sample| sample.unsigned_abs()).max();
        assert!(loudest > Some(3000), "{loudest:?}");
        let mut adts = Adts::default();
        let mut pieces = Vec::new();
        for piece in SPEECH.chunks(333) {
            adts.decode(piece, &mut pieces).unwrap();
        }
        assert_eq!(pieces, whole);
        // Rubbish costs a frame at most.
        let mut after = Vec::new();
        let mut adts = Adts::default();
        assert!(adts.decode(&[0; 20], &mut after).is_err());
        let _ = adts.decode(SPEECH, &mut after);
        assert_eq!(after.len(), whole.len());
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_is_a_fault(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20)) {
            let mut adts = Adts::default();
            let mut out = Vec::new();
            for mut frame in frames {
                if frame.len() > 8 {
                    frame[..4].copy_from_slice(&SPEECH[..4]);
                }
                let _ = adts.decode(&frame, &mut out);
            }
            prop_assert!(adts.rest.len() <= LONGEST_FRAME);
        }
    }
}
