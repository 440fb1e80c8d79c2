//! What stored sound is: chunks of at most a minute, and the files that they make.

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::platform::audio::SAMPLE_RATE;

/// A longer silence begins a new file.
const LONGEST_GAP: Duration = Duration::seconds(90);
/// No file lasts longer, so that its WAV form stays below the 4 GiB that a WAV file may have.
const LONGEST_FILE: Duration = Duration::hours(12);
/// By so much chunks may overlap and still follow each other.
const TOLERANCE: Duration = Duration::milliseconds(50);

/// One recording of a conversation that can be played: chunks that follow each other.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AudioFile {
    /// Of its first chunk.
    pub id: Uuid,
    pub uid: String,
    pub conversation_id: Uuid,
    /// When each chunk began, in seconds since 1970.
    pub chunk_timestamps: Vec<f64>,
    /// Where it is kept: `local`, this server.
    pub provider: &'static str,
    pub started_at: DateTime<Utc>,
    /// Seconds, with the silence between chunks.
    pub duration: f64,
}

/// A stored piece of sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    pub id: Uuid,
    pub conversation_id: Uuid,
    pub started_at: DateTime<Utc>,
    /// 16 kHz mono.
    pub samples: i32,
}

impl Chunk {
    fn ended_at(&self) -> DateTime<Utc> {
        self.started_at
            + Duration::microseconds(i64::from(self.samples) * 1_000_000 / i64::from(SAMPLE_RATE))
    }
}

/// The files that the chunks of one conversation make. Two devices at the same time make two.
pub fn files(mut chunks: Vec<Chunk>) -> Vec<Vec<Chunk>> {
    chunks.sort_by_key(|chunk| (chunk.started_at, chunk.id));
    let mut files: Vec<Vec<Chunk>> = Vec::new();
    for chunk in chunks {
        let follows = |file: &&mut Vec<Chunk>| {
            let (Some(first), Some(last)) = (file.first(), file.last()) else {
                return false;
            };
            let gap = chunk.started_at - last.ended_at();
            gap >= -TOLERANCE
                && gap <= LONGEST_GAP
                && chunk.ended_at() - first.started_at <= LONGEST_FILE
        };
        let nearest = files
            .iter_mut()
            .filter(follows)
            .max_by_key(|file| file.last().map(Chunk::ended_at));
        match nearest {
            Some(file) => file.push(chunk),
            None => files.push(vec![chunk]),
        }
    }
    files
}

/// Chunks of a file, each with the sample at which it begins, and how many samples the file has.
pub fn placed(chunks: Vec<Chunk>) -> (Vec<(u64, Chunk)>, u64) {
    let Some(start) = chunks.first().map(|chunk| chunk.started_at) else {
        return (Vec::new(), 0);
    };
    let mut end = 0;
    let mut placed = Vec::new();
    for chunk in chunks {
        let microseconds = (chunk.started_at - start).num_microseconds().unwrap_or(0);
        let at = (microseconds.max(0) as u64 * u64::from(SAMPLE_RATE) + 500_000) / 1_000_000;
        let at = at.max(end);
        end = at + chunk.samples.max(0) as u64;
        placed.push((at, chunk));
    }
    (placed, end)
}

/// None without chunks.
pub fn described(uid: &str, chunks: Vec<Chunk>) -> Option<AudioFile> {
    let first = chunks.first()?;
    let (id, conversation_id, started_at) = (first.id, first.conversation_id, first.started_at);
    let chunk_timestamps = chunks
        .iter()
        .map(|chunk| chunk.started_at.timestamp_micros() as f64 / 1e6)
        .collect();
    let (_, samples) = placed(chunks);
    Some(AudioFile {
        id,
        uid: uid.into(),
        conversation_id,
        chunk_timestamps,
        provider: "local",
        started_at,
        duration: (samples as f64 * 1000.0 / f64::from(SAMPLE_RATE)).round() / 1000.0,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Begins and lasts so many seconds.
    fn chunk(at: f64, seconds: f64) -> Chunk {
        Chunk {
            id: Uuid::now_v7(),
            conversation_id: Uuid::nil(),
            started_at: DateTime::from_timestamp_micros(1_767_268_800_000_000 + (at * 1e6) as i64)
                .unwrap(),
            samples: (seconds * 16_000.0) as i32,
        }
    }

    fn lengths(chunks: Vec<Chunk>) -> Vec<usize> {
        files(chunks).iter().map(Vec::len).collect()
    }

    #[test]
    fn chunks_make_files() {
        assert!(lengths(vec![]).is_empty());
        assert_eq!(lengths(vec![chunk(60.0, 60.0), chunk(0.0, 60.0)]), [2]);
        assert_eq!(lengths(vec![chunk(0.0, 60.0), chunk(150.0, 60.0)]), [2]);
        assert_eq!(lengths(vec![chunk(0.0, 60.0), chunk(150.1, 60.0)]), [1, 1]);
        // Two devices.
        let two = vec![
            chunk(0.0, 60.0),
            chunk(10.0, 60.0),
            chunk(60.0, 60.0),
            chunk(70.0, 60.0),
        ];
        let files = files(two.clone());
        assert_eq!(files.len(), 2);
        assert_eq!(files[0], [two[0].clone(), two[2].clone()]);
        let day = (0..24 * 60).map(|minute| chunk(f64::from(minute) * 60.0, 60.0));
        assert_eq!(lengths(day.collect()), [720, 720]);
    }

    #[test]
    fn a_file_says_when_and_how_long() {
        let chunks = vec![chunk(0.0, 60.0), chunk(59.99, 1.0), chunk(100.5, 2.5)];
        let (places, samples) = placed(chunks.clone());
        let places: Vec<_> = places.iter().map(|(at, _)| *at).collect();
        assert_eq!(places, [0, 960_000, 1_608_000]);
        assert_eq!(samples, 1_648_000);
        let file = described("u", chunks.clone()).unwrap();
        assert_eq!(file.id, chunks[0].id);
        assert_eq!(file.duration, 103.0);
        assert_eq!(file.chunk_timestamps[2], 1_767_268_900.5);
        assert_eq!(described("u", vec![]), None);
    }
}
