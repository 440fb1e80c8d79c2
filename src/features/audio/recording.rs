//! A file of stored sound as bytes, decoded chunk by chunk as somebody takes them.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};

use super::{Chunk, model, path};
use crate::{
    error::{Error, Result},
    platform::audio::stored,
};

/// 16 kHz mono, 16 bit, either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Wav,
    /// The samples alone, little-endian.
    Pcm,
}

/// Silence where nothing was heard.
pub struct Recording {
    /// Where each chunk begins, in samples, its length and its file.
    chunks: Vec<(u64, u64, PathBuf)>,
    samples: u64,
}

impl Recording {
    pub(super) async fn open(root: &Path, uid: &str, chunks: Vec<Chunk>) -> Result<Self> {
        let (placed, samples) = model::placed(chunks);
        let chunks: Vec<_> = placed
            .into_iter()
            .map(|(at, chunk)| (at, chunk.samples.max(0) as u64, path(root, uid, chunk.id)))
            .collect();
        // Another server's, or lost with a disk.
        if let Some((.., first)) = chunks.first()
            && !tokio::fs::try_exists(first).await.unwrap_or(false)
        {
            return Err(Error::NotFound("Audio file"));
        }
        Ok(Self { chunks, samples })
    }

    /// Bytes of the whole.
    pub fn length(&self, format: Format) -> u64 {
        head(format, self.samples).len() as u64 + self.samples * 2
    }

    /// The bytes of `range`, at most a minute and a half of sound in memory. An error in between means that a file is
    /// gone or no sound.
    pub fn bytes(
        self,
        format: Format,
        range: Range<u64>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let parts = self.parts(format).into_iter().filter_map(move |part| {
            let from = range.start.max(part.at);
            let to = range.end.min(part.at + part.length);
            (from < to).then(|| ((from - part.at) as usize..(to - part.at) as usize, part))
        });
        stream::iter(parts).then(async |(range, part)| {
            let bytes = part.load().await.inspect_err(|error| {
                tracing::error!(%error, "stored sound cannot be read");
            })?;
            Ok(bytes.slice(range))
        })
    }

    /// All of it, without gaps.
    fn parts(self, format: Format) -> Vec<Part> {
        let head = head(format, self.samples);
        let mut at = head.len() as u64;
        let mut parts = vec![Part {
            at: 0,
            length: at,
            what: What::Head(head.into()),
        }];
        let mut sample = 0;
        for (begin, samples, path) in self.chunks {
            let silence = (begin - sample) * 2;
            let sound = samples * 2;
            parts.push(Part {
                at,
                length: silence,
                what: What::Silence,
            });
            at += silence;
            parts.push(Part {
                at,
                length: sound,
                what: What::Sound(path),
            });
            at += sound;
            sample = begin + samples;
        }
        parts
    }
}

fn head(format: Format, samples: u64) -> Vec<u8> {
    match format {
        Format::Wav => stored::wav_head(samples).to_vec(),
        Format::Pcm => Vec::new(),
    }
}

struct Part {
    /// In bytes of the whole.
    at: u64,
    length: u64,
    what: What,
}

enum What {
    Head(Bytes),
    Silence,
    Sound(PathBuf),
}

impl Part {
    async fn load(self) -> io::Result<Bytes> {
        let length = self.length as usize;
        match self.what {
            What::Head(bytes) => Ok(bytes),
            What::Silence => Ok(vec![0; length].into()),
            What::Sound(path) => tokio::task::spawn_blocking(move || {
                let samples = stored::read(&path)?;
                let mut bytes: Vec<u8> = samples
                    .iter()
                    .flat_map(|sample| sample.to_le_bytes())
                    .collect();
                bytes.resize(length, 0);
                Ok(bytes.into())
            })
            .await
            .map_err(io::Error::other)?,
        }
    }
}
