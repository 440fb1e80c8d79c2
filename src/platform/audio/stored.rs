//! Sound that is kept for long: Opus in a file of its own simple form, about a tenth of what the samples take.
//!
//! A file is the eight bytes `omiopus1`, the number of samples (u32), the number of samples to leave out at the start
//! (u16), then packets of 20 ms, each behind its length (u16); all little-endian.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read as _, Write as _},
    path::Path,
};

use super::SAMPLE_RATE;

const MAGIC: &[u8; 8] = b"omiopus1";
/// Samples in a packet.
const FRAME: usize = SAMPLE_RATE as usize / 50;
/// Speech of one voice or several at 16 kHz is hardly told from the original at this rate; silence takes less.
const BITS_PER_SECOND: i32 = 24_000;
const MOST_PACKET_BYTES: usize = 1_275;
/// Samples of the longest file that is read: ten minutes.
const MOST_SAMPLES: usize = 600 * SAMPLE_RATE as usize;

/// Writes a file whole or not at all: it is on disk, under its name, when this returns. Gives its size in bytes. `aside`
/// is where it is written first, in the same folder.
pub fn write(path: &Path, aside: &Path, samples: &[i16]) -> io::Result<u64> {
    if samples.len() > MOST_SAMPLES {
        return Err(invalid("more than ten minutes do not go into one file"));
    }
    let mut encoder =
        opus::Encoder::new(SAMPLE_RATE, opus::Channels::Mono, opus::Application::Voip)
            .map_err(io::Error::other)?;
    encoder
        .set_bitrate(opus::Bitrate::Bits(BITS_PER_SECOND))
        .map_err(io::Error::other)?;
    // What the encoder puts in front, so that what comes out begins where what went in did.
    let skip = encoder.get_lookahead().map_err(io::Error::other)?.max(0) as usize;
    let mut whole = samples.to_vec();
    whole.resize((samples.len() + skip).next_multiple_of(FRAME), 0);

    let mut file = BufWriter::new(File::create(aside)?);
    file.write_all(MAGIC)?;
    file.write_all(&(samples.len() as u32).to_le_bytes())?;
    file.write_all(&(skip as u16).to_le_bytes())?;
    for frame in whole.chunks_exact(FRAME) {
        let packet = encoder
            .encode_vec(frame, MOST_PACKET_BYTES)
            .map_err(io::Error::other)?;
        file.write_all(&(packet.len() as u16).to_le_bytes())?;
        file.write_all(&packet)?;
    }
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    let bytes = file.metadata()?.len();
    fs::rename(aside, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(bytes)
}

/// All samples of a file. One that is cut short or damaged gives silence from there on.
pub fn read(path: &Path) -> io::Result<Vec<i16>> {
    let mut file = BufReader::new(File::open(path)?);
    let mut head = [0; 14];
    file.read_exact(&mut head)?;
    let (magic, rest) = head.split_at(8);
    let (count, skip) = rest.split_at(4);
    let count = u32::from_le_bytes(count.try_into().unwrap_or_default()) as usize;
    let skip = u16::from_le_bytes(skip.try_into().unwrap_or_default()) as usize;
    if magic != MAGIC || count > MOST_SAMPLES {
        return Err(invalid("it is no stored sound"));
    }
    let mut decoder =
        opus::Decoder::new(SAMPLE_RATE, opus::Channels::Mono).map_err(io::Error::other)?;
    let mut samples = Vec::with_capacity(count + skip + FRAME);
    let mut packet = Vec::new();
    let mut out = [0; FRAME];
    while samples.len() < count + skip {
        let mut length = [0; 2];
        if file.read_exact(&mut length).is_err() {
            break;
        }
        packet.resize(u16::from_le_bytes(length) as usize, 0);
        if file.read_exact(&mut packet).is_err() {
            break;
        }
        let heard = decoder.decode(&packet, &mut out, false).unwrap_or(0);
        out[heard.min(FRAME)..].fill(0);
        samples.extend_from_slice(&out);
    }
    samples.resize(count + skip, 0);
    samples.drain(..skip);
    Ok(samples)
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Bytes of the head of a WAV file.
pub const WAV_HEAD: u64 = 44;

/// The head of a WAV file of so many 16-bit mono samples.
pub fn wav_head(samples: u64) -> [u8; WAV_HEAD as usize] {
    let bytes = u32::try_from(samples * 2).unwrap_or(u32::MAX - 36);
    let mut head = [0; WAV_HEAD as usize];
    let mut put = |at: usize, part: &[u8]| head[at..at + part.len()].copy_from_slice(part);
    put(0, b"RIFF");
    put(4, &(bytes + 36).to_le_bytes());
    put(8, b"WAVEfmt ");
    put(16, &16_u32.to_le_bytes());
    put(20, &1_u16.to_le_bytes());
    put(22, &1_u16.to_le_bytes());
    put(24, &SAMPLE_RATE.to_le_bytes());
    put(28, &(SAMPLE_RATE * 2).to_le_bytes());
    put(32, &2_u16.to_le_bytes());
    put(34, &16_u16.to_le_bytes());
    put(36, b"data");
    put(40, &bytes.to_le_bytes());
    head
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn voice(count: usize) -> Vec<i16> {
        (0..count)
            .map(|n| {
                let t = n as f64 / f64::from(SAMPLE_RATE);
                let loud = 0.5 + 0.5 * (t * 9.0).sin();
                let wave: f64 = (1..6)
                    .map(|k| (t * 140.0 * f64::from(k) * std::f64::consts::TAU).sin())
                    .sum();
                (wave * loud * 2_500.0) as i16
            })
            .collect()
    }

    /// How alike, from -1 to 1.
    fn likeness(one: &[i16], two: &[i16]) -> f64 {
        let product = |a: &[i16], b: &[i16]| -> f64 {
            a.iter()
                .zip(b)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum()
        };
        product(one, two) / (product(one, one) * product(two, two)).sqrt()
    }

    #[test]
    fn sound_comes_back_in_its_place_and_is_small() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("a"), folder.path().join("b"));
        for count in [0, 1, 319, 320, 16_000, 48_123] {
            let sent = voice(count);
            let bytes = write(&path, &aside, &sent).unwrap();
            assert!(!aside.exists());
            assert_eq!(bytes, fs::metadata(&path).unwrap().len());
            let heard = read(&path).unwrap();
            assert_eq!(heard.len(), count);
            if count >= 16_000 {
                let same = likeness(&sent, &heard);
                assert!(same > 0.9, "{same}");
                // Less than 3.4 kB a second.
                assert!(bytes < count as u64 * 34 / 160 + 300, "{bytes}");
            }
        }
    }

    #[test]
    fn silence_is_smaller_still() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("a"), folder.path().join("b"));
        let bytes = write(&path, &aside, &[0; 160_000]).unwrap();
        assert!(bytes < 10_000, "{bytes}");
        assert!(read(&path).unwrap().iter().all(|sample| sample.abs() < 10));
    }

    #[test]
    fn what_is_cut_short_is_silent_and_what_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("a"), folder.path().join("b"));
        write(&path, &aside, &voice(32_000)).unwrap();
        let bytes = fs::read(&path).unwrap();
        for cut in [14, 15, 16, 17, bytes.len() / 2, bytes.len() - 1] {
            fs::write(&path, &bytes[..cut]).unwrap();
            assert_eq!(read(&path).unwrap().len(), 32_000);
        }
        let mut damaged = bytes.clone();
        for at in (20..damaged.len()).step_by(7) {
            damaged[at] ^= 0x5a;
        }
        fs::write(&path, &damaged).unwrap();
        assert_eq!(read(&path).unwrap().len(), 32_000);
        for other in [
            &b""[..],
            b"omiopus",
            b"RIFFxxxxWAVEfmt ",
            b"omiopus1\xff\xff\xff\xff\0\0",
        ] {
            fs::write(&path, other).unwrap();
            assert!(read(&path).is_err());
        }
        assert!(write(&path, &aside, &vec![0; MOST_SAMPLES + 1]).is_err());
    }

    #[test]
    fn a_wav_head_is_read_by_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let samples = voice(1_000);
        let mut bytes = wav_head(1_000).to_vec();
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        fs::write(&path, bytes).unwrap();
        assert_eq!(super::super::file::read(&path).unwrap(), samples);
    }
}
