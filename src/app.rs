//! App: handles of the platform, made once and passed everywhere.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use secrecy::SecretString;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::Config,
    features::{
        accounts::Platforms,
        credentials::Known,
        identities::{Firebase, Providers, ServiceAccount},
        listening::LiveSessions,
        search::Vectors,
    },
    platform::{
        database::Db,
        embeddings::Embedder,
        language::Language,
        mcp_sessions::McpSessions,
        outbox::Outbox,
        rate_limits::{Failures, RateLimits},
        speech::Speech,
    },
};

pub type App = Arc<Handles>;

pub struct Handles {
    pub config: Config,
    pub data_dir: PathBuf,
    /// The address that is listened on.
    pub bound: SocketAddr,
    /// What clients see, without a slash at the end.
    pub public_url: String,
    pub metrics_token: SecretString,
    pub db: Db,
    pub outbox: Outbox,
    pub speech: Speech,
    /// `None`: the rule engine does its work.
    pub language: Option<Language>,
    /// `None`: texts are found by their words only.
    pub embeddings: Option<Embedder>,
    pub known: Known,
    pub platforms: Platforms,
    pub mcp_sessions: McpSessions,
    /// `None`: ID tokens of Firebase are not believed.
    pub firebase: Option<Firebase>,
    /// `None`: signing in here gives no custom token for Firebase.
    pub service_account: Option<ServiceAccount>,
    /// Who else vouches for people.
    pub providers: Providers,
    pub rate_limits: RateLimits,
    /// Secrets that nobody has.
    pub failures: Failures,
    pub wrong_passwords: Failures,
    /// Browsers that were sent to a provider.
    pub departures: Failures,
    /// Requests that are run to their end, whoever hangs up.
    pub runs: TaskTracker,
    pub live: LiveSessions,
    /// What searches look through.
    pub vectors: Vectors,
    /// Cancelled when the server is told to stop.
    pub stop: CancellationToken,
}

impl Handles {
    /// Where audio lies until it is recognised.
    pub fn spool_dir(&self) -> PathBuf {
        self.data_dir.join("spool")
    }

    /// Where the sound of conversations is kept.
    pub fn audio_dir(&self) -> PathBuf {
        self.data_dir.join("audio")
    }

    /// Where the files of chats are kept.
    pub fn files_dir(&self) -> PathBuf {
        self.data_dir.join("files")
    }

    /// Where the recordings of the users' own voices are kept.
    pub fn voices_dir(&self) -> PathBuf {
        self.data_dir.join("voices")
    }

    /// Where recordings that were uploaded wait to be recognised.
    pub fn uploads_dir(&self) -> PathBuf {
        self.data_dir.join("uploads")
    }
}
