//! Speech to text: what every recogniser takes and gives, the pool that runs them, and their models.

mod guard;
mod language;
pub mod models;
mod pool;
mod provider;
mod whisper;

use std::path::PathBuf;

pub use language::Language;
pub use pool::SpeechPool;
pub use provider::{Settings, Speech};

/// What was said in one utterance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    /// In order; empty if nothing was said.
    pub pieces: Vec<Piece>,
    /// Two-letter code, `None` if nothing was said.
    pub language: Option<String>,
}

/// A few words up to a few sentences. Times count from the start of the utterance and lie within it.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    pub text: String,
    pub start_seconds: f64,
    pub end_seconds: f64,
}

/// Turns sound into text. Each runs on a thread of its own and may take seconds.
pub trait Recogniser: Send {
    /// `samples` are 16 kHz mono.
    fn transcribe(
        &mut self,
        samples: &[i16],
        language: &Language,
    ) -> Result<Transcript, SpeechError>;
}

#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    #[error(
        "{} cannot be loaded as a whisper.cpp model ({reason}); fetch it again with `omi-server model fetch`",
        path.display()
    )]
    Model { path: PathBuf, reason: String },
    #[error("a recogniser could not be started: {0}; it may lack memory")]
    Start(String),
    #[error("the recogniser failed on {seconds:.1} s of audio: {reason}")]
    Failed { seconds: f64, reason: String },
    #[error("the recogniser crashed on {seconds:.1} s of audio and was replaced")]
    Crashed { seconds: f64 },
    #[error("speech recognition has been stopped")]
    Stopped,
}
