//! What the name of an uploaded recording tells. It is never used as a path.

use chrono::{DateTime, Utc};

use crate::{
    error::{Error, Result},
    features::conversations::known_source,
};

/// Longest name, in bytes.
const LONGEST: usize = 300;
/// 2024-01-01T00:00:00Z; before it there were no such devices.
const EARLIEST: i64 = 1_704_067_200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Opus,
    /// Signed 16-bit little-endian samples at that rate, in Hz.
    Pcm16(u32),
    /// Unsigned 8-bit samples.
    Pcm8(u32),
}

/// What `audio_<device>_<codec>_…_<unix seconds or milliseconds>.bin` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    pub coding: Coding,
    pub at: DateTime<Utc>,
    pub source: &'static str,
}

pub fn read(name: &str, now: DateTime<Utc>) -> Result<Named> {
    let refuse = |why: &str| {
        let shown: String = name.chars().take(100).collect();
        Error::BadRequest(format!("Invalid file format {shown:?}: {why}"))
    };
    if name.len() > LONGEST {
        return Err(refuse("the name is too long"));
    }
    let stem = name
        .strip_suffix(".bin")
        .ok_or_else(|| refuse("the name must end in .bin"))?;
    let (rest, number) = stem
        .rsplit_once('_')
        .ok_or_else(|| refuse("the name must end in _<unix time>.bin"))?;
    let number: i64 = number
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| number.parse().ok())
        .flatten()
        .ok_or_else(|| refuse("the number before .bin must be a unix time"))?;
    let milliseconds = if number > 10_000_000_000 {
        number
    } else {
        number * 1000
    };
    let at = DateTime::from_timestamp_millis(milliseconds)
        .filter(|at| at.timestamp() >= EARLIEST && *at <= now)
        .ok_or_else(|| refuse("its time must be between 2024-01-01 and now"))?;
    let rest = format!("{rest}_").to_lowercase();
    let coding = coding(&rest);
    let device = rest.split('_').nth(1).unwrap_or_default();
    let source = if rest.contains("limitless") {
        "limitless"
    } else {
        match known_source(device) {
            "unknown" => "omi",
            known => known,
        }
    };
    Ok(Named { coding, at, source })
}

/// How the frames of a file are coded, by its name: `…_pcm16_<rate>_…`, `…_pcm8_<rate>_…`, else Opus.
pub fn coding(name: &str) -> Coding {
    let rate = |codec: &str, usual: u32| -> Option<u32> {
        let (_, behind) = name.split_once(codec)?;
        let next = behind.split('_').next().unwrap_or_default();
        Some(next.parse().unwrap_or(usual))
    };
    if let Some(rate) = rate("_pcm16_", 16_000) {
        Coding::Pcm16(rate)
    } else if let Some(rate) = rate("_pcm8_", 8_000) {
        Coding::Pcm8(rate)
    } else {
        Coding::Opus
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_tell_codec_time_and_source() {
        let now = DateTime::from_timestamp(1_780_000_000, 0).unwrap();
        let read = |name| read(name, now);
        let found = read("audio_omi_opus_fs320_16000_1_fs320_1767225600.bin").unwrap();
        assert_eq!(found.coding, Coding::Opus);
        assert_eq!(found.at.timestamp(), 1_767_225_600);
        assert_eq!(found.source, "omi");
        let found = read("audio_limitless_opus_16000_1_fs320_r77_1767225600123.bin").unwrap();
        assert_eq!(found.at.timestamp_millis(), 1_767_225_600_123);
        assert_eq!(found.source, "limitless");
        let found = read("audio_phone_pcm16_44100_1_fs160_1767225600.bin").unwrap();
        assert_eq!(
            (found.coding, found.source),
            (Coding::Pcm16(44_100), "phone")
        );
        let found = read("../../etc/x_pcm8_8000_1_fs160_1767225600.bin").unwrap();
        assert_eq!((found.coding, found.source), (Coding::Pcm8(8_000), "omi"));
        assert_eq!(read("_1767225600.bin").unwrap().source, "omi");
        for bad in [
            "",
            ".bin",
            "a.bin",
            "a_1767225600.wav",
            "a_soon.bin",
            "a_-1.bin",
            "a_+1767225600.bin",
            "a_1703980800.bin",
            "a_1780000001.bin",
            "a_99999999999999999999.bin",
            "a_9999999999999999.bin",
            "a_.bin",
            "a_1767225600.bin/..",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read(&format!("{}_1767225600.bin", "a".repeat(300))).is_err());
    }
}
