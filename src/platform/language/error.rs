//! What can go wrong with a language model, by what to do about it.

use std::time::Duration;

/// Never holds the key, nor what was asked about.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LanguageError {
    /// Comes back by itself: try later.
    #[error("the language model is not available: {reason}")]
    Unavailable {
        reason: String,
        /// When the endpoint said so.
        retry_after: Option<Duration>,
    },
    /// The configuration is wrong: nothing changes until the operator acts.
    #[error("the language model refuses: {0}")]
    Refused(String),
    /// It answered, but not with what was asked for, twice.
    #[error("the language model gave no usable answer: {0}")]
    Invalid(String),
    #[error("the language model's tokens of this day are used up for this user")]
    OverBudget {
        /// Until the next day of UTC.
        resets_in: Duration,
    },
    /// Too many requests wait already.
    #[error("the language model is busy with other requests")]
    Busy,
}

impl LanguageError {
    pub(super) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable {
            reason: reason.into(),
            retry_after: None,
        }
    }

    /// Whether the same request may succeed within minutes.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Busy)
    }

    /// Its name in metrics.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "unavailable",
            Self::Refused(_) => "refused",
            Self::Invalid(_) => "invalid",
            Self::OverBudget { .. } => "over_budget",
            Self::Busy => "busy",
        }
    }
}
