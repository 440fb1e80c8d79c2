//! Why a session hears nothing any more, for its device: that should keep its audio.

use std::io;

use crate::{app::App, error::Error, platform::speech::SpeechError};

#[derive(Debug)]
pub struct Failure {
    /// A sentence.
    pub text: String,
    pub reason: &'static str,
    /// Who recognises speech, if that failed.
    pub provider: Option<&'static str>,
    /// The same may go well by itself later; else somebody has to act.
    pub retryable: bool,
}

impl Failure {
    /// Of this server, for a while.
    pub fn unavailable(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            reason: "unavailable",
            provider: None,
            retryable: true,
        }
    }

    pub fn codec(text: String) -> Self {
        Self {
            reason: "unsupported_codec",
            retryable: false,
            ..Self::unavailable(text)
        }
    }

    pub fn full() -> Self {
        Self {
            reason: "disk_full",
            ..Self::unavailable("The server has too little room to keep audio.")
        }
    }

    /// The disk refused.
    pub fn disk(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::full(),
            _ => Self::unavailable("The server cannot keep audio right now."),
        }
    }

    /// Nobody can recognise speech. `text`: why, for the operator.
    pub fn deaf(app: &App, text: String) -> Self {
        Self {
            provider: app.speech.leader(),
            retryable: false,
            ..Self::unavailable(text)
        }
    }

    /// Speech was heard, and could not be recognised or stored.
    pub fn unrecognised(app: &App, error: &Error) -> Self {
        let failed = Self::unavailable("Speech cannot be recognised right now.");
        let Error::Internal(error) = error else {
            return failed;
        };
        match error.downcast_ref::<SpeechError>() {
            Some(error) => Self {
                reason: error.kind(),
                provider: app.speech.leader(),
                retryable: error.is_temporary(),
                ..failed
            },
            None => failed,
        }
    }
}
