//! Sound in: codecs, resampling, voice activity and audio files. Inside the server all sound is 16 kHz
//! mono signed 16-bit.

use std::path::PathBuf;

pub use codec::{Codec, Decoder, Encoder};
pub use voice::{Segmenter, Utterance};

mod adts;
pub mod codec;
pub mod file;
pub mod resample;
pub mod stored;
pub mod voice;

/// Samples per second of all sound inside the server.
pub const SAMPLE_RATE: u32 = 16_000;

/// Of the channels of one moment: signed 16-bit little-endian samples.
pub fn mean(frame: &[u8]) -> i16 {
    let samples = frame.as_chunks::<2>().0.iter();
    let samples = samples.map(|sample| i32::from(i16::from_le_bytes(*sample)));
    let (count, sum) = samples.fold((0, 0), |(count, sum), sample| (count + 1, sum + sample));
    i16::try_from(sum / count.max(1)).unwrap_or_default()
}

/// Rates a client may announce, in samples per second.
pub const CLIENT_RATES: std::ops::RangeInclusive<u32> = 4_000..=96_000;

#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    #[error(
        "this server cannot take the codec {0}; set the device to opus, opus_fs320, pcm16 or pcm8"
    )]
    UnsupportedCodec(&'static str),
    #[error(
        "a sample rate of {0} Hz is outside 4000..=96000 Hz; send the rate the audio was recorded at"
    )]
    SampleRate(u32),
    #[error("the {0} codec could not be started: {1}")]
    Start(&'static str, String),
    /// The packet is lost; the decoder takes the next one as usual.
    #[error("a packet of {bytes} bytes could not be decoded and is left out: {reason}")]
    BadPacket { bytes: usize, reason: String },
    #[error("audio could not be encoded as Opus: {0}")]
    Encode(String),
    #[error("audio could not be converted to 16000 Hz: {0}")]
    Resample(String),
    #[error("cannot read audio from {}: {reason}", path.display())]
    File { path: PathBuf, reason: String },
}
