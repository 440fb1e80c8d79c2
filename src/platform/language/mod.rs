//! The language model: any chat endpoint that speaks OpenAI's dialect, asked for typed answers or for words as they come.
//!
//! What is asked about (a transcript, a quote) is other people's text. It is fenced off from the instructions, and all it
//! can reach is the content of an answer whose shape is checked.

mod address;
mod answer;
mod ask;
mod error;
mod limits;
mod measure;
mod messages;
mod shape;
mod silence;
mod sse;
mod store;
mod stream;
mod wire;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use secrecy::SecretString;

pub use address::endpoint;
pub use error::LanguageError;
pub use messages::{Fence, Message, Role, fit};
pub use stream::Words;

use crate::platform::database::Db;
use limits::{For, Limits};
use measure::Meter;
use wire::Wire;

pub type Result<T, E = LanguageError> = std::result::Result<T, E>;

/// Bytes of an answer that are read at most.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;
/// A server that is killed forgets what was spent in this time.
const KEPT_EVERY: Duration = Duration::from_secs(3);
/// How long an endpoint that refused a field is asked without it.
const FORGET_REFUSALS: Duration = Duration::from_secs(3600);

#[derive(Clone, Debug)]
pub struct Settings {
    /// As [`endpoint`] reads it.
    pub url: String,
    /// May be empty.
    pub api_key: SecretString,
    pub model: String,
    /// Of one request with its repetitions, of waiting for a turn, and until the first words of a stream.
    pub timeout: Duration,
    /// How long a stream may be silent between words.
    pub idle: Duration,
    /// Requests at the same time, at least 1.
    pub max_concurrent: usize,
    pub max_concurrent_per_user: usize,
    /// Of UTC; 0: no limit.
    pub tokens_per_day_per_user: u64,
    /// Of material or messages in one request.
    pub context_characters: usize,
}

/// A handle; clones share connections, limits and what was learnt about the endpoint.
///
/// Tokens are counted in memory and every few seconds in the database, where instances learn of each other.
#[derive(Clone)]
pub struct Language(Arc<Inner>);

struct Inner {
    wire: Wire,
    limits: Limits,
    dialect: Dialect,
    context_characters: usize,
}

impl Language {
    /// Connects to nothing yet. Errors name the setting.
    pub fn new(settings: Settings) -> anyhow::Result<Self> {
        Ok(Self(Arc::new(Inner {
            wire: Wire::new(&settings)?,
            limits: Limits::new(&settings),
            dialect: Dialect::default(),
            context_characters: settings.context_characters,
        })))
    }

    pub fn model(&self) -> &str {
        self.0.wire.model()
    }

    /// Where the model is, without the path.
    pub fn host(&self) -> &str {
        self.0.wire.host()
    }

    /// Material longer than this is cut in its middle.
    pub fn context_characters(&self) -> usize {
        self.0.context_characters
    }

    /// Plain text, all at once, for somebody who waits. `who` is whose limits count, `task` a name for metrics.
    pub async fn write(
        &self,
        who: &str,
        task: &'static str,
        messages: &[Message],
    ) -> Result<String> {
        let mut meter = Meter::start(task);
        let written = self.write_unmeasured(who, task, messages).await;
        meter.end(&written);
        written
    }

    async fn write_unmeasured(
        &self,
        who: &str,
        task: &'static str,
        messages: &[Message],
    ) -> Result<String> {
        let _place = self.0.limits.admit(who, For::Somebody).await?;
        let messages = messages::bounded(messages, self.0.context_characters);
        let text = self.turn(who, task, &messages, None).await?;
        Ok(answer::without_thoughts(&text).trim().to_string())
    }

    /// Asks for one word. What the operator is told when it works.
    pub async fn check(&self) -> Result<String> {
        let question = Message::user("Answer with the one word: ready");
        let word = self.write("", "check", &[question]).await?;
        if word.is_empty() {
            return Err(LanguageError::Invalid("it answered nothing".into()));
        }
        Ok(format!("{} at {} answers", self.model(), self.host()))
    }

    /// Keeps what users have spent of their day in the database.
    pub async fn keep(&self, db: &Db) -> sqlx::Result<()> {
        self.0.limits.keep(db).await
    }

    /// The same every few seconds, for as long as the server runs.
    pub async fn keep_forever(&self, db: &Db) {
        loop {
            if let Err(error) = self.keep(db).await {
                tracing::warn!(%error, "what was spent on the language model could not be noted; it is noted later");
            }
            tokio::time::sleep(KEPT_EVERY).await;
        }
    }

    /// Forgets users' counts of days that are over.
    pub async fn tidy(&self, db: &Db) -> sqlx::Result<()> {
        self.0.limits.tidy(db).await
    }
}

/// What the endpoint was seen to accept. Forgotten after a while, because servers and models change behind an address.
#[derive(Default)]
struct Dialect {
    /// A [`Format`].
    format: AtomicU8,
    /// It refused `stream_options`.
    no_usage: AtomicBool,
    /// Seconds since `BEGUN` of the last refusal.
    since: AtomicU64,
}

/// How the shape of an answer is asked for, best first; the instructions tell it in words in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Schema,
    Object,
    Words,
}

impl Format {
    const ALL: [Self; 3] = [Self::Schema, Self::Object, Self::Words];
}

fn uptime() -> u64 {
    static BEGUN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    BEGUN.elapsed().as_secs()
}

impl Dialect {
    fn formats(&self) -> &'static [Format] {
        self.forget();
        let first = usize::from(self.format.load(Ordering::Relaxed));
        Format::ALL.get(first..).unwrap_or(&[Format::Words])
    }

    fn learn(&self, format: Format) {
        if self.format.swap(format as u8, Ordering::Relaxed) != format as u8 {
            self.since.store(uptime(), Ordering::Relaxed);
            tracing::info!(
                ?format,
                "the language model refuses a better way to ask for JSON; it is asked like this"
            );
        }
    }

    fn asks_usage(&self) -> bool {
        self.forget();
        !self.no_usage.load(Ordering::Relaxed)
    }

    fn learn_no_usage(&self) {
        self.no_usage.store(true, Ordering::Relaxed);
        self.since.store(uptime(), Ordering::Relaxed);
    }

    fn forget(&self) {
        let since = self.since.load(Ordering::Relaxed);
        if uptime().saturating_sub(since) >= FORGET_REFUSALS.as_secs() {
            self.since.store(uptime(), Ordering::Relaxed);
            self.format.store(0, Ordering::Relaxed);
            self.no_usage.store(false, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod peer_tests;
#[cfg(test)]
mod stream_tests;
