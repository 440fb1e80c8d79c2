//! Audio on disk until its segments are stored: a folder a session, in it `session.json` and the
//! samples (16 kHz mono s16le) in files of a minute, each named by its first sample.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    ops::Range,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Samples in a file.
const FILE_SAMPLES: u64 = 60 * super::SAMPLE_RATE;
const DESCRIPTION: &str = "session.json";

/// What recovery needs to know of a session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Meta {
    pub uid: String,
    pub session_id: Uuid,
    pub language: String,
    pub source: String,
    pub timeout_seconds: i32,
    /// Of a call, from 0. When nobody is on the line any more, its conversation is over.
    #[serde(default)]
    pub channel: Option<i32>,
    /// What is said comes from the device, so nothing here is to be recognised.
    #[serde(default)]
    pub suggested: bool,
    #[serde(default)]
    pub timeline: Timeline,
    /// While it is recovered: the sample before which it last got stuck, and how often.
    #[serde(default)]
    pub stuck: Option<(u64, u32)>,
}

/// When samples were heard. A device that falls silent sends nothing, so the samples alone do not tell.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Timeline(Vec<(u64, DateTime<Utc>)>);

impl Timeline {
    /// From `sample` on, audio was heard since `time`.
    pub fn anchor(&mut self, sample: u64, time: DateTime<Utc>) {
        self.0.push((sample, time));
    }

    /// Samples from which on the time does not follow from the ones before.
    pub fn anchors(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|(from, _)| *from)
    }

    /// None before the first anchor.
    pub fn at(&self, sample: u64) -> Option<DateTime<Utc>> {
        let (from, time) = self.0.iter().rev().find(|(from, _)| *from <= sample)?;
        Some(
            *time
                + chrono::Duration::microseconds(
                    ((sample - from) * 1_000_000 / super::SAMPLE_RATE) as i64,
                ),
        )
    }

    /// Forgets what only samples before this one need.
    pub fn trim(&mut self, sample: u64) {
        let keep = self
            .0
            .iter()
            .rposition(|(from, _)| *from <= sample)
            .unwrap_or(0);
        self.0.drain(..keep);
    }
}

/// The folder of one session.
#[derive(Clone, Debug)]
pub struct Spool(PathBuf);

impl Spool {
    pub fn create(root: &Path, meta: &Meta) -> io::Result<Self> {
        let spool = Self(root.join(meta.session_id.to_string()));
        fs::create_dir_all(&spool.0)?;
        spool.describe(meta)?;
        Ok(spool)
    }

    /// Replaces the description, whole or not at all.
    pub fn describe(&self, meta: &Meta) -> io::Result<()> {
        let new = self.0.join(format!("{DESCRIPTION}.new"));
        fs::write(&new, serde_json::to_vec(meta)?)?;
        fs::rename(new, self.0.join(DESCRIPTION))
    }

    /// Every spool under `root`. A folder without a readable description is passed over, an empty one removed.
    pub fn all(root: &Path) -> io::Result<Vec<(Self, Meta)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(root)? {
            let spool = Self(entry?.path());
            match spool.meta() {
                Ok(meta) => found.push((spool, meta)),
                Err(error) if fs::remove_dir(&spool.0).is_err() => {
                    tracing::warn!(path = %spool.0.display(), %error, "no audio spool: left alone");
                }
                Err(_) => {}
            }
        }
        Ok(found)
    }

    pub fn meta(&self) -> io::Result<Meta> {
        Ok(serde_json::from_slice(&fs::read(
            self.0.join(DESCRIPTION),
        )?)?)
    }

    pub fn writer(&self, first_sample: u64) -> Writer {
        Writer {
            folder: self.0.clone(),
            file: None,
            next: first_sample,
        }
    }

    /// First samples of the files, in order.
    fn files(&self) -> io::Result<Vec<u64>> {
        let mut starts = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            if let Some(start) = entry?
                .file_name()
                .to_str()
                .and_then(|name| name.strip_suffix(".pcm")?.parse().ok())
            {
                starts.push(start);
            }
        }
        starts.sort_unstable();
        Ok(starts)
    }

    /// What is there, from the first sample to behind the last.
    pub fn extent(&self) -> io::Result<Range<u64>> {
        let files = self.files()?;
        let (Some(first), Some(last)) = (files.first(), files.last()) else {
            return Ok(0..0);
        };
        let end = last + fs::metadata(file_path(&self.0, *last))?.len() / 2;
        Ok(*first..end)
    }

    /// The samples of `range`, fewer where they are not there.
    pub fn read(&self, range: Range<u64>) -> io::Result<Vec<i16>> {
        let mut samples = Vec::with_capacity((range.end - range.start) as usize);
        self.read_into(&mut samples, range)?;
        Ok(samples)
    }

    /// Puts them behind those that are there.
    pub fn read_into(&self, samples: &mut Vec<i16>, range: Range<u64>) -> io::Result<()> {
        let mut bytes = [0; 16 * 1024];
        for start in self.files()? {
            let from = range.start.max(start);
            if start >= range.end {
                break;
            }
            let mut file = File::open(file_path(&self.0, start))?;
            let end = range.end.min(start + file.metadata()?.len() / 2);
            if from >= end {
                continue;
            }
            file.seek(SeekFrom::Start((from - start) * 2))?;
            let mut left = ((end - from) * 2) as usize;
            while left > 0 {
                let piece = &mut bytes[..left.min(16 * 1024)];
                file.read_exact(piece)?;
                left -= piece.len();
                samples.extend(
                    piece
                        .chunks_exact(2)
                        .map(|pair| i16::from_le_bytes([pair[0], pair[1]])),
                );
            }
        }
        Ok(())
    }

    /// Removes the files that end at or before `sample`.
    pub fn trim(&self, sample: u64) -> io::Result<()> {
        let files = self.files()?;
        for pair in files.windows(2) {
            if pair[1] <= sample {
                fs::remove_file(file_path(&self.0, pair[0]))?;
            }
        }
        Ok(())
    }

    /// The description goes last: what is left of an interrupted removal is still a spool.
    pub fn remove(&self) -> io::Result<()> {
        for start in self.files()? {
            fs::remove_file(file_path(&self.0, start))?;
        }
        fs::remove_dir_all(&self.0)
    }
}

pub struct Writer {
    folder: PathBuf,
    file: Option<(u64, File)>,
    next: u64,
}

impl Writer {
    /// What is in the file when this returns survives the end of the process, not a power cut.
    pub fn append(&mut self, mut samples: &[i16]) -> io::Result<()> {
        while !samples.is_empty() {
            let start = self.next - self.next % FILE_SAMPLES;
            if self
                .file
                .as_ref()
                .is_none_or(|(open, _)| *open / FILE_SAMPLES != start / FILE_SAMPLES)
            {
                let path = file_path(&self.folder, self.next);
                self.file = Some((
                    self.next,
                    OpenOptions::new().create(true).append(true).open(path)?,
                ));
            }
            let room = (start + FILE_SAMPLES - self.next) as usize;
            let (now, later) = samples.split_at(samples.len().min(room));
            let bytes: Vec<u8> = now.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            if let Some((_, file)) = &mut self.file {
                file.write_all(&bytes)?;
            }
            self.next += now.len() as u64;
            samples = later;
        }
        Ok(())
    }

    /// Behind the last sample.
    pub fn position(&self) -> u64 {
        self.next
    }
}

fn file_path(folder: &Path, start: u64) -> PathBuf {
    folder.join(format!("{start:015}.pcm"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_timeline_knows_when_each_sample_was_heard() {
        let noon = clock_at(0);
        let mut timeline = Timeline::default();
        assert_eq!(timeline.at(0), None);
        timeline.anchor(0, noon);
        timeline.anchor(32_000, clock_at(3600));
        assert_eq!(timeline.at(16_000), Some(clock_at(1)));
        assert_eq!(timeline.at(32_000), Some(clock_at(3600)));
        assert_eq!(timeline.at(48_000), Some(clock_at(3601)));
        timeline.trim(40_000);
        assert_eq!(timeline.at(48_000), Some(clock_at(3601)));
        assert_eq!(timeline.at(16_000), None);
    }

    fn clock_at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_268_800 + seconds, 0).unwrap()
    }

    #[test]
    fn what_was_written_is_read_back_across_files_and_trimmed() {
        let root = tempfile::tempdir().unwrap();
        let meta = Meta {
            uid: "u".into(),
            session_id: Uuid::now_v7(),
            language: "en".into(),
            source: "omi".into(),
            timeout_seconds: 120,
            channel: None,
            suggested: false,
            timeline: Timeline::default(),
            stuck: None,
        };
        let spool = Spool::create(root.path(), &meta).unwrap();
        let mut writer = spool.writer(0);
        let samples: Vec<i16> = (0..FILE_SAMPLES * 2 + 500)
            .map(|n| (n % 30_000) as i16)
            .collect();
        for piece in samples.chunks(7_777) {
            writer.append(piece).unwrap();
        }
        assert_eq!(spool.extent().unwrap(), 0..samples.len() as u64);
        let range = FILE_SAMPLES - 10..FILE_SAMPLES * 2 + 20;
        assert_eq!(
            spool.read(range.clone()).unwrap(),
            samples[range.start as usize..range.end as usize]
        );
        spool.trim(FILE_SAMPLES + 5).unwrap();
        assert_eq!(spool.extent().unwrap().start, FILE_SAMPLES);
        let found = Spool::all(root.path()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1.session_id, meta.session_id);
        spool.remove().unwrap();
        assert!(Spool::all(root.path()).unwrap().is_empty());
    }
}
