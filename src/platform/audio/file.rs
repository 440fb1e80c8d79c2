//! Reads audio files as 16 kHz mono.

use std::fs::File;
use std::io::{Cursor, ErrorKind};
use std::path::Path;

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;

use super::AudioError;
use super::resample::Resampler;

/// Reads WAV, FLAC, MP3, Ogg Vorbis and Matroska files; several channels become their mean. Files
/// called `.raw` or `.pcm` are taken as 16 kHz mono signed 16-bit little-endian. Blocks.
pub fn read(path: &Path) -> Result<Vec<i16>, AudioError> {
    let mut samples = Vec::new();
    each(path, &mut |more| {
        samples.extend_from_slice(more);
        true
    })?;
    if samples.is_empty() {
        return Err(unreadable(path, "it holds no audio"));
    }
    Ok(samples)
}

/// The same piece by piece, as long as `take` says true. Blocks.
pub fn each(path: &Path, take: &mut dyn FnMut(&[i16]) -> bool) -> Result<(), AudioError> {
    let read = match extension(path).as_str() {
        "raw" | "pcm" => read_raw(path).map(|samples| {
            take(&samples);
        }),
        extension => File::open(path)
            .map_err(|error| error.to_string())
            .and_then(|file| read_container(Box::new(file), extension, take))
            .map(|_| ()),
    };
    read.map_err(|reason| unreadable(path, &reason))
}

fn unreadable(path: &Path, reason: &str) -> AudioError {
    AudioError::File {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

fn extension(path: &Path) -> String {
    let extension = path.extension().unwrap_or_default();
    extension.to_string_lossy().to_ascii_lowercase()
}

fn read_raw(path: &Path) -> Result<Vec<i16>, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let (pairs, _) = bytes.as_chunks::<2>();
    Ok(pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect())
}

/// 16 kHz mono.
pub struct Sound {
    pub samples: Vec<i16>,
    /// Samples per second of what was read.
    pub rate: u32,
}

/// Reads a WAV file that is in memory; ends soon after so many samples.
pub fn read_wav(bytes: Vec<u8>, most: usize) -> Result<Sound, String> {
    if !bytes.starts_with(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        return Err("it is no WAV file".into());
    }
    let mut samples = Vec::new();
    let rate = read_container(Box::new(Cursor::new(bytes)), "wav", &mut |more| {
        samples.extend_from_slice(more);
        samples.len() < most
    })?;
    Ok(Sound { samples, rate })
}

/// Gives the samples per second of what was read.
fn read_container(
    source: Box<dyn MediaSource>,
    extension: &str,
    take: &mut dyn FnMut(&[i16]) -> bool,
) -> Result<u32, String> {
    let stream = MediaSourceStream::new(source, Default::default());
    let mut hint = Hint::new();
    hint.with_extension(extension);
    let mut format = symphonia::default::get_probe()
        .probe(
            &hint,
            stream,
            FormatOptions::default(),
            MetadataOptions::default(),
        )
        .map_err(|error| {
            format!(
                "it is no WAV, FLAC, MP3, Ogg Vorbis or Matroska file ({error}); convert it to WAV"
            )
        })?;
    let track = format
        .default_track(TrackType::Audio)
        .ok_or("it has no audio track")?;
    let track_id = track.id;
    let parameters = track.codec_params.as_ref().and_then(|codec| codec.audio());
    let parameters = parameters.ok_or("its audio track names no codec")?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| format!("its codec cannot be decoded ({error}); convert it to WAV"))?;

    let mut resampler: Option<(u32, Resampler)> = None;
    let mut interleaved: Vec<f32> = Vec::new();
    let mut mono = Vec::new();
    let mut samples = Vec::new();
    let mut rate = 0;
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // A file cut short, as after a crash of the recorder, is still good up to there.
            Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error.to_string()),
        };
        if packet.track_id != track_id {
            continue;
        }
        let sound = match decoder.decode(&packet) {
            Ok(sound) => sound,
            Err(Error::DecodeError(_)) => continue,
            Err(error) => return Err(error.to_string()),
        };
        let channels = sound.num_planes().max(1);
        rate = sound.spec().rate();
        sound.copy_to_vec_interleaved(&mut interleaved);
        mono.clear();
        mono.extend(interleaved.chunks_exact(channels).map(mean));
        if resampler
            .as_ref()
            .is_none_or(|(current, _)| *current != rate)
        {
            let fresh = Resampler::new(rate).map_err(|error| error.to_string())?;
            if let Some((_, mut old)) = resampler.replace((rate, fresh)) {
                old.finish(&mut samples)
                    .map_err(|error| error.to_string())?;
            }
        }
        if let Some((_, resampler)) = &mut resampler {
            resampler
                .push(&mono, &mut samples)
                .map_err(|error| error.to_string())?;
        }
        if !take(&samples) {
            return Ok(rate);
        }
        samples.clear();
    }
    if let Some((_, mut resampler)) = resampler {
        resampler
            .finish(&mut samples)
            .map_err(|error| error.to_string())?;
        take(&samples);
    }
    Ok(rate)
}

/// Of the channels of one moment.
pub(super) fn mean(frame: &[f32]) -> i16 {
    let mean = frame.iter().sum::<f32>() / frame.len() as f32;
    (mean * 32_768.0).round() as i16
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn wav(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
        let data: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        let mut file = Vec::new();
        file.extend_from_slice(b"RIFF");
        file.extend_from_slice(&(36 + data.len() as u32).to_le_bytes());
        file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0");
        file.extend_from_slice(&channels.to_le_bytes());
        file.extend_from_slice(&rate.to_le_bytes());
        file.extend_from_slice(&(rate * u32::from(channels) * 2).to_le_bytes());
        file.extend_from_slice(&(channels * 2).to_le_bytes());
        file.extend_from_slice(b"\x10\0data");
        file.extend_from_slice(&(data.len() as u32).to_le_bytes());
        file.extend_from_slice(&data);
        file
    }

    fn written(name: &str, bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn wav_at_sixteen_kilohertz_is_read_exactly() {
        let samples: Vec<i16> = (0..5_000).map(|n| n * 6 - 15_000).collect();
        let (_folder, path) = written("exact.WAV", &wav(16_000, 1, &samples));
        assert_eq!(read(&path).unwrap(), samples);
    }

    #[test]
    fn stereo_becomes_the_mean_and_other_rates_are_converted() {
        let frames: Vec<i16> = [1_000, 3_000].repeat(44_100);
        let (_folder, path) = written("stereo.wav", &wav(44_100, 2, &frames));
        let heard = read(&path).unwrap();
        assert_eq!(heard.len(), 16_000);
        assert!(heard[1_000..15_000].iter().all(|s| (s - 2_000).abs() <= 2));
    }

    #[test]
    fn a_file_cut_short_is_read_up_to_there() {
        let samples: Vec<i16> = vec![500; 5_000];
        let bytes = wav(16_000, 1, &samples);
        let (_folder, path) = written("cut.wav", &bytes[..bytes.len() - 2_001]);
        let heard = read(&path).unwrap();
        assert!((3_000..4_000).contains(&heard.len()), "{}", heard.len());
    }

    #[test]
    fn raw_files_are_samples() {
        let (_folder, path) = written("a.raw", &[1, 0, 2, 0, 9]);
        assert_eq!(read(&path).unwrap(), [1, 2]);
    }

    #[test]
    fn errors_name_the_file() {
        let (_folder, text) = written("notes.txt", b"no sound at all, only words and words");
        let (_other, empty) = written("empty.pcm", b"");
        for path in [text, empty, "/nowhere/at-all.wav".into()] {
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(path.to_str().unwrap()), "{error}");
        }
    }
}
