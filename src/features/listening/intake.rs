//! The ear of a session: decodes frames, spools the samples, and cuts them into utterances.

use std::ops::Range;

use bytes::Bytes;

use super::spool::{Spool, Writer};
use crate::platform::audio::{
    codec::Decoder,
    voice::{Segmenter, Utterance},
};

pub struct Intake {
    decoder: Decoder,
    writer: Writer,
    segmenter: Segmenter,
    samples: Vec<i16>,
}

impl Intake {
    pub fn new(decoder: Decoder, spool: &Spool) -> Self {
        Self {
            decoder,
            writer: spool.writer(0),
            segmenter: Segmenter::new(0),
            samples: Vec::new(),
        }
    }

    /// Takes frames in; gives the utterances that ended with them. A frame that cannot be decoded is
    /// dropped; an error means that the disk refused.
    pub fn hear(&mut self, frames: &[Bytes]) -> std::io::Result<Vec<Range<u64>>> {
        let mut ended = Vec::new();
        for frame in frames {
            self.samples.clear();
            if let Err(error) = self.decoder.decode(frame, &mut self.samples) {
                metrics::counter!("omi_audio_frames_dropped_total").increment(1);
                tracing::debug!(%error, bytes = frame.len(), "an audio frame was dropped");
            }
            self.writer.append(&self.samples)?;
            ended.extend(self.segmenter.push(&self.samples).iter().map(range));
        }
        Ok(ended)
    }

    /// Ends the utterance in progress.
    pub fn finish(&mut self) -> Option<Range<u64>> {
        self.segmenter.finish().as_ref().map(range)
    }

    pub fn in_speech(&self) -> bool {
        self.segmenter.in_speech()
    }

    /// Samples so far.
    pub fn heard(&self) -> u64 {
        self.writer.position()
    }

    /// No utterance that is still to come begins before this sample.
    pub fn safe_position(&self) -> u64 {
        self.segmenter.safe_position()
    }
}

pub fn range(utterance: &Utterance) -> Range<u64> {
    utterance.start..utterance.start + utterance.samples.len() as u64
}
