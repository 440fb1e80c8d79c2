//! Turns a client's audio frames into 16 kHz mono sound, and sound into frames for a client.

use super::adts::Adts;
use super::resample::Resampler;
use super::{AudioError, SAMPLE_RATE};

/// Opus packets may hold up to 120 ms, whatever length the codec's name promises.
const LONGEST_PACKET: usize = SAMPLE_RATE as usize * 120 / 1000;

/// No Opus packet of 20 ms is longer than this many bytes.
const MOST_PACKET_BYTES: usize = 1_275;

/// How a client's binary frames are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Signed 16-bit little-endian mono, frames of any size.
    Pcm16,
    /// Also signed 16-bit little-endian: the name counts kilohertz, not bits.
    Pcm8,
    /// Unsigned 8-bit mono, which some clients mean by `pcm8`.
    Unsigned8,
    /// AAC-LC in ADTS frames, of one or two channels.
    Aac,
    /// One Opus packet a frame, usually 10 ms.
    Opus,
    /// One Opus packet a frame, usually 20 ms.
    OpusFs320,
    /// A codec of Omi devices for which there is no decoder here.
    Unsupported(&'static str),
}

impl Codec {
    /// From the `codec` of a client's query. Unknown names mean raw signed 16-bit PCM, so that no
    /// client is turned away for a name.
    pub fn from_omi(name: &str) -> Self {
        match name.trim().to_ascii_lowercase().as_str() {
            "pcm8" => Self::Pcm8,
            "opus" => Self::Opus,
            "opus_fs320" => Self::OpusFs320,
            "aac" => Self::Aac,
            "lc3" => Self::Unsupported("lc3"),
            "lc3_fs1030" => Self::Unsupported("lc3_fs1030"),
            _ => Self::Pcm16,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Pcm16 => "pcm16",
            Self::Pcm8 | Self::Unsigned8 => "pcm8",
            Self::Aac => "aac",
            Self::Opus => "opus",
            Self::OpusFs320 => "opus_fs320",
            Self::Unsupported(name) => name,
        }
    }
}

/// One per stream: it keeps the codec's state between frames.
pub struct Decoder(Inside);

enum Inside {
    Pcm {
        /// The first half of a sample that the last frame cut in two.
        half: Option<u8>,
        samples: Vec<i16>,
        resampler: Box<Resampler>,
    },
    Unsigned8 {
        samples: Vec<i16>,
        resampler: Box<Resampler>,
    },
    Aac(Box<Adts>),
    Opus {
        decoder: opus::Decoder,
        buffer: Box<[i16; LONGEST_PACKET]>,
    },
}

impl Decoder {
    /// `sample_rate` is that of PCM frames. Opus carries its own rate and is decoded at 16 kHz.
    pub fn new(codec: Codec, sample_rate: u32) -> Result<Self, AudioError> {
        let resampler = Box::new(Resampler::new(sample_rate)?);
        let samples = Vec::new();
        let inside = match codec {
            Codec::Pcm16 | Codec::Pcm8 => Inside::Pcm {
                half: None,
                samples,
                resampler,
            },
            Codec::Unsigned8 => Inside::Unsigned8 { samples, resampler },
            Codec::Aac => Inside::Aac(Box::default()),
            Codec::Opus | Codec::OpusFs320 => Inside::Opus {
                decoder: opus::Decoder::new(SAMPLE_RATE, opus::Channels::Mono)
                    .map_err(|error| AudioError::Start("Opus", error.to_string()))?,
                buffer: Box::new([0; LONGEST_PACKET]),
            },
            Codec::Unsupported(name) => return Err(AudioError::UnsupportedCodec(name)),
        };
        Ok(Self(inside))
    }

    /// Appends 16 kHz mono samples to `out`. After an error the frame is lost and the decoder goes on.
    pub fn decode(&mut self, frame: &[u8], out: &mut Vec<i16>) -> Result<(), AudioError> {
        match &mut self.0 {
            Inside::Pcm {
                half,
                samples,
                resampler,
            } => {
                samples.clear();
                let mut bytes = frame;
                if let (Some(low), Some((high, rest))) = (*half, frame.split_first()) {
                    samples.push(i16::from_le_bytes([low, *high]));
                    *half = None;
                    bytes = rest;
                }
                let (pairs, odd) = bytes.as_chunks::<2>();
                samples.extend(pairs.iter().map(|pair| i16::from_le_bytes(*pair)));
                *half = odd.first().copied().or(*half);
                resampler.push(samples, out)
            }
            Inside::Unsigned8 { samples, resampler } => {
                samples.clear();
                samples.extend(frame.iter().map(|byte| (i16::from(*byte) - 128) << 8));
                resampler.push(samples, out)
            }
            Inside::Aac(adts) => adts.decode(frame, out),
            Inside::Opus { decoder, buffer } => {
                if frame.is_empty() {
                    return Ok(());
                }
                let count = decoder
                    .decode(frame, buffer.as_mut_slice(), false)
                    .map_err(|error| AudioError::BadPacket {
                        bytes: frame.len(),
                        reason: error.to_string(),
                    })?;
                out.extend_from_slice(&buffer[..count]);
                Ok(())
            }
        }
    }

    /// Appends the few milliseconds a resampler still holds. Call it once, when the stream ends.
    pub fn finish(&mut self, out: &mut Vec<i16>) -> Result<(), AudioError> {
        match &mut self.0 {
            Inside::Pcm { resampler, .. } | Inside::Unsigned8 { resampler, .. } => {
                resampler.finish(out)
            }
            Inside::Aac(adts) => adts.finish(out),
            Inside::Opus { .. } => Ok(()),
        }
    }
}

/// Makes the frames a device would send.
pub struct Encoder {
    opus: Option<opus::Encoder>,
    frame: usize,
}

impl Encoder {
    pub fn new(codec: Codec) -> Result<Self, AudioError> {
        let frame = match codec {
            Codec::Pcm16 | Codec::Pcm8 | Codec::Opus => SAMPLE_RATE as usize / 100,
            Codec::OpusFs320 => SAMPLE_RATE as usize / 50,
            Codec::Aac | Codec::Unsigned8 => {
                return Err(AudioError::UnsupportedCodec(codec.name()));
            }
            Codec::Unsupported(name) => return Err(AudioError::UnsupportedCodec(name)),
        };
        let opus = match codec {
            Codec::Opus | Codec::OpusFs320 => {
                let made =
                    opus::Encoder::new(SAMPLE_RATE, opus::Channels::Mono, opus::Application::Voip);
                Some(made.map_err(|error| AudioError::Start("Opus", error.to_string()))?)
            }
            _ => None,
        };
        Ok(Self { opus, frame })
    }

    /// Samples of 16 kHz mono in one frame: 160 (10 ms) or 320 (20 ms).
    pub fn frame_samples(&self) -> usize {
        self.frame
    }

    /// Encodes one frame. A short last one is filled up with silence; a longer one is an error.
    pub fn encode(&mut self, samples: &[i16]) -> Result<Vec<u8>, AudioError> {
        if samples.len() > self.frame {
            return Err(AudioError::Encode(format!(
                "a frame holds {} samples, not {}",
                self.frame,
                samples.len()
            )));
        }
        let Some(opus) = &mut self.opus else {
            return Ok(samples
                .iter()
                .flat_map(|sample| sample.to_le_bytes())
                .collect());
        };
        let mut whole = samples.to_vec();
        whole.resize(self.frame, 0);
        opus.encode_vec(&whole, MOST_PACKET_BYTES)
            .map_err(|error| AudioError::Encode(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    fn tone(count: usize) -> Vec<i16> {
        let step = 300.0 * std::f64::consts::TAU / f64::from(SAMPLE_RATE);
        (0..count)
            .map(|n| ((n as f64 * step).sin() * 9_000.0) as i16)
            .collect()
    }

    fn bytes_of(samples: &[i16]) -> Vec<u8> {
        samples
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect()
    }

    fn loudness(samples: &[i16]) -> f64 {
        let sum: f64 = samples.iter().map(|s| f64::from(*s).powi(2)).sum();
        (sum / samples.len() as f64).sqrt()
    }

    #[test]
    fn names() {
        for name in [
            "pcm16",
            "pcm8",
            "opus",
            "opus_fs320",
            "aac",
            "lc3",
            "lc3_fs1030",
        ] {
            assert_eq!(Codec::from_omi(name).name(), name);
        }
        assert_eq!(Codec::from_omi("Opus "), Codec::Opus);
        for name in ["pcm", "", "wav", "mulaw"] {
            assert_eq!(Codec::from_omi(name), Codec::Pcm16);
        }
    }

    #[test]
    fn codecs_without_a_decoder_say_so() {
        assert!(Encoder::new(Codec::Aac).is_err());
        for name in ["lc3", "lc3_fs1030"] {
            let refused = Decoder::new(Codec::from_omi(name), 16_000).err().unwrap();
            assert!(refused.to_string().contains(name), "{refused}");
            assert!(Encoder::new(Codec::from_omi(name)).is_err());
        }
    }

    #[test]
    fn impossible_rates_are_refused_for_every_codec() {
        for codec in [Codec::Pcm16, Codec::Pcm8, Codec::Opus, Codec::OpusFs320] {
            for rate in [3_999, 96_001] {
                assert!(matches!(
                    Decoder::new(codec, rate),
                    Err(AudioError::SampleRate(_))
                ));
            }
        }
    }

    #[test]
    fn pcm_of_another_rate_is_resampled() {
        let mut decoder = Decoder::new(Codec::Pcm16, 48_000).unwrap();
        let mut out = Vec::new();
        for frame in bytes_of(&tone(48_000)).chunks(961) {
            decoder.decode(frame, &mut out).unwrap();
        }
        decoder.finish(&mut out).unwrap();
        assert_eq!(out.len(), 16_000);
    }

    fn opus_round_trip(codec: Codec, frame: usize) {
        let mut encoder = Encoder::new(codec).unwrap();
        assert_eq!(encoder.frame_samples(), frame);
        let mut decoder = Decoder::new(codec, 16_000).unwrap();
        let sent = tone(16_000 + 50);
        let mut out = Vec::new();
        for piece in sent.chunks(frame) {
            let packet = encoder.encode(piece).unwrap();
            assert!(packet.len() < frame);
            decoder.decode(&packet, &mut out).unwrap();
        }
        assert_eq!(out.len(), sent.len().next_multiple_of(frame));
        let (before, after) = (loudness(&sent), loudness(&out[1_600..16_000]));
        assert!((before - after).abs() < before * 0.1, "{before} {after}");
    }

    #[test]
    fn opus_comes_back_as_loud_and_as_long() {
        opus_round_trip(Codec::Opus, 160);
        opus_round_trip(Codec::OpusFs320, 320);
    }

    #[test]
    fn packets_longer_than_the_name_says_are_decoded_whole() {
        let mut encoder =
            opus::Encoder::new(SAMPLE_RATE, opus::Channels::Mono, opus::Application::Voip).unwrap();
        let packet = encoder.encode_vec(&tone(960), 4_000).unwrap();
        let mut out = Vec::new();
        let mut decoder = Decoder::new(Codec::Opus, 16_000).unwrap();
        decoder.decode(&packet, &mut out).unwrap();
        assert_eq!(out.len(), 960);
    }

    #[test]
    fn garbage_packets_do_not_break_the_decoder() {
        let mut encoder = Encoder::new(Codec::OpusFs320).unwrap();
        let mut decoder = Decoder::new(Codec::OpusFs320, 16_000).unwrap();
        let mut out = Vec::new();
        decoder.decode(&[], &mut out).unwrap();
        assert!(out.is_empty());
        let refused = decoder.decode(&[0xff; 3], &mut out).unwrap_err();
        assert!(
            matches!(refused, AudioError::BadPacket { bytes: 3, .. }),
            "{refused}"
        );
        for piece in tone(16_000).chunks(320) {
            let packet = encoder.encode(piece).unwrap();
            decoder.decode(&packet, &mut out).unwrap();
        }
        assert_eq!(out.len(), 16_000);
        assert!(loudness(&out[8_000..]) > 3_000.0);
    }

    #[test]
    fn a_frame_too_long_is_not_encoded() {
        assert!(
            Encoder::new(Codec::Opus)
                .unwrap()
                .encode(&[0; 161])
                .is_err()
        );
        assert_eq!(
            Encoder::new(Codec::Pcm16).unwrap().encode(&[258]).unwrap(),
            [2, 1]
        );
    }

    proptest! {
        #[test]
        fn pcm_cut_anywhere_gives_the_same_samples(
            samples in prop::collection::vec(any::<i16>(), 0..200),
            sizes in prop::collection::vec(0..9_usize, 1..9),
        ) {
            prop_assume!(sizes.iter().any(|size| *size > 0));
            let bytes = bytes_of(&samples);
            let mut decoder = Decoder::new(Codec::Pcm8, 16_000).unwrap();
            let mut out = Vec::new();
            let mut rest = bytes.as_slice();
            for size in sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (frame, more) = rest.split_at((*size).min(rest.len()));
                decoder.decode(frame, &mut out).unwrap();
                rest = more;
            }
            prop_assert_eq!(out, samples);
        }

        #[test]
        fn no_opus_packet_panics(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..8)) {
            let mut decoder = Decoder::new(Codec::Opus, 16_000).unwrap();
            let mut out = Vec::new();
            for packet in packets {
                let before = out.len();
                let result = decoder.decode(&packet, &mut out);
                prop_assert!(out.len() - before <= LONGEST_PACKET);
                prop_assert!(result.is_ok() || out.len() == before);
            }
        }
    }
}
