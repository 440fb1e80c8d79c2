//! Why a client is refused, in the words of OAuth.

use crate::error::Error;

pub type Result<T, E = Refusal> = std::result::Result<T, E>;

#[derive(Debug)]
pub enum Refusal {
    /// The error's name in RFC 6749, 7591 or 8707, and a sentence.
    Told(&'static str, String),
    Failed(Error),
}

impl Refusal {
    pub fn new(name: &'static str, sentence: impl Into<String>) -> Self {
        Self::Told(name, sentence.into())
    }

    pub fn request(sentence: impl Into<String>) -> Self {
        Self::new("invalid_request", sentence)
    }

    pub(super) fn grant(sentence: impl Into<String>) -> Self {
        Self::new("invalid_grant", sentence)
    }

    pub(super) fn metadata(sentence: impl Into<String>) -> Self {
        Self::new("invalid_client_metadata", sentence)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}
