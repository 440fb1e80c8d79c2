//! Speech to text: what every recogniser takes and gives, the providers that stand in for one another, and models.

mod breaker;
mod deepgram;
mod failover;
mod guard;
mod language;
mod local;
pub mod models;
mod openai;
mod pool;
mod provider;
mod remote;
mod turns;
mod vocabulary;
mod whisper;

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use failover::{Change, Ear, Speech, Words};
pub use language::Language;
pub use pool::SpeechPool;
use provider::Provider;
pub use provider::{Remote, Settings, Which};
pub use turns::Class;
pub use vocabulary::Vocabulary;

/// An utterance that is to be recognised.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whose turn it is.
    pub session: Uuid,
    pub class: Class,
    /// 16 kHz mono.
    pub samples: Arc<[i16]>,
    pub language: Language,
    pub vocabulary: Vocabulary,
}

/// What was said in one utterance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    /// In order; empty if nothing was said.
    pub pieces: Vec<Piece>,
    /// Two-letter code, `None` if nothing was said or nobody knows.
    pub language: Option<String>,
    /// Something in it looked made up and was taken out.
    pub doubtful: bool,
}

/// A few words up to a few sentences. Times count from the start of the utterance and lie within it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Piece {
    pub text: String,
    pub start_seconds: f64,
    pub end_seconds: f64,
    /// Who spoke, counted from 0, if the provider tells voices apart.
    pub speaker: Option<u32>,
}

/// Turns sound into text. Each runs on a thread of its own and may take seconds.
pub trait Recogniser: Send {
    /// Once `stop` is cancelled, the result is not wanted: it ends soon, with any error.
    fn transcribe(
        &mut self,
        request: &Request,
        stop: &CancellationToken,
    ) -> Result<Transcript, SpeechError>;
}

/// Never holds a key, nor what was said.
#[derive(Clone, Debug, thiserror::Error)]
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
    /// A provider elsewhere does not take this utterance.
    #[error("{0}")]
    Declined(String),
    /// Comes back by itself.
    #[error("{reason}")]
    Unavailable {
        reason: String,
        /// When the provider said so.
        retry_after: Option<Duration>,
    },
    /// Nothing changes until the operator acts.
    #[error("{0}")]
    Refused(String),
    #[error("too many utterances wait to be recognised")]
    Busy,
    #[error("nobody wants the result any more")]
    Overtaken,
    #[error("speech recognition has been stopped")]
    Stopped,
}

impl SpeechError {
    fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable {
            reason: reason.into(),
            retry_after: None,
        }
    }

    /// Whether the same may go well by itself later.
    pub fn is_temporary(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Model { .. })
    }

    /// The recogniser of this process failed at the utterance itself, which may do so again.
    pub fn blames_utterance(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Crashed { .. })
    }

    /// Its name in metrics and for devices.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Model { .. } | Self::Start(_) | Self::Unavailable { .. } => "unavailable",
            Self::Failed { .. } | Self::Crashed { .. } | Self::Declined(_) => "failed",
            Self::Refused(_) => "refused",
            Self::Busy => "busy",
            Self::Overtaken => "overtaken",
            Self::Stopped => "stopped",
        }
    }
}
