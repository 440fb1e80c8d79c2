//! What can go wrong, with no HTTP in it. Each surface maps it once to its own dialect.

use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One thing wrong with what a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, outermost first: `["body", "content"]`, `["query", "limit"]`.
    pub location: Vec<String>,
    pub message: String,
    /// `missing` for what is required and absent, else `value_error`.
    pub kind: &'static str,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No credential, or one that is unknown, expired or of a kind this surface does not take.
    #[error("{0}")]
    Unauthenticated(&'static str),
    #[error("Insufficient permissions. Required scope: {0}")]
    MissingScope(&'static str),
    /// Known, and not allowed.
    #[error("{0}")]
    Forbidden(String),
    /// The named thing is absent, or belongs to somebody else: nobody can tell which.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The same of one among several, with its id.
    #[error("{0} not found")]
    Absent(String),
    /// The same in a sentence of its own.
    #[error("{0}")]
    NotThere(&'static str),
    /// A value that filters or selects makes no sense.
    #[error("{0}")]
    BadRequest(String),
    #[error("{}", Problems(.0))]
    Invalid(Vec<Problem>),
    /// Well formed, but without anything to do; one sentence.
    #[error("{0}")]
    Unprocessable(&'static str),
    /// What could not be read as a request, where a surface tells that from values that break a rule.
    #[error("{}", Problems(.0))]
    Malformed(Vec<Problem>),
    /// More than a request may hold.
    #[error("{0}")]
    TooLarge(String),
    #[error("{0}")]
    Conflict(String),
    /// More requests than a window of time allows.
    #[error("Rate limit exceeded ({limit}). Try again in {retry_after}s.")]
    RateLimited {
        /// Which limit, in words or by the name of its policy.
        limit: String,
        /// Seconds, at least 1.
        retry_after: i64,
    },
    /// Comes back by itself; worth trying again in a few seconds.
    #[error("The server cannot answer right now: {0}. Try again in a few seconds.")]
    Unavailable(String),
    #[error("internal error: {0:#}")]
    Internal(anyhow::Error),
}

impl Error {
    /// A field of the body that breaks a rule.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Problem {
            location: vec!["body".into(), field.into()],
            message: message.into(),
            kind: "value_error",
        }])
    }

    /// A query parameter that breaks a rule.
    pub fn invalid_parameter(name: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Problem {
            location: vec!["query".into(), name.into()],
            message: message.into(),
            kind: "value_error",
        }])
    }

    /// A field of the body that must be there.
    pub fn missing(field: &str) -> Self {
        Self::Invalid(vec![Problem {
            location: vec!["body".into(), field.into()],
            message: "Field required".into(),
            kind: "missing",
        }])
    }

    /// A body that breaks a rule as a whole.
    pub fn invalid_body(message: impl Into<String>) -> Self {
        Self::Invalid(vec![Problem {
            location: vec!["body".into()],
            message: message.into(),
            kind: "value_error",
        }])
    }

    /// The same, with problems of the body located in one item of a list there.
    pub fn in_item(mut self, list: &str, index: usize) -> Self {
        if let Self::Invalid(problems) = &mut self {
            for problem in problems {
                let place = [list.to_string(), index.to_string()];
                problem.location.splice(1..1, place);
            }
        }
        self
    }

    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        // 22021, 22P05: the character U+0000; 22008: a date before all calendars. The client sent it.
        if let sqlx::Error::Database(database) = &error
            && let Some("22021" | "22P05" | "22008") = database.code().as_deref()
        {
            return Self::BadRequest(
                "The request holds what cannot be stored: the character U+0000, or a date out of range. Leave it out."
                    .into(),
            );
        }
        // 40P01, 40001: one of several that waited for each other had to give way. Its transaction did nothing.
        if let sqlx::Error::Database(database) = &error
            && let Some("40P01" | "40001") = database.code().as_deref()
        {
            tracing::warn!(%error, "a transaction had to give way");
            return Self::Unavailable("others were writing the same".into());
        }
        let gone = match &error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
            // 57P01-03: the server stops, crashed or is starting; 53300: no connection left; 08…: link lost.
            sqlx::Error::Database(database) => database.code().is_some_and(|code| {
                code.starts_with("57P") || code.starts_with("08") || code == "53300"
            }),
            _ => false,
        };
        if gone {
            tracing::warn!(%error, "the database does not answer");
            Self::Unavailable("the database does not answer".into())
        } else {
            Self::Internal(error.into())
        }
    }
}

struct Problems<'a>(&'a [Problem]);

impl fmt::Display for Problems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("; ")?;
            }
            f.write_str(&problem.message)?;
        }
        Ok(())
    }
}
