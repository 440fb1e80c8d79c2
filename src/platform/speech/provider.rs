//! What stands behind recognition: one of several providers, and what the operator says of them.

use std::{path::PathBuf, time::Duration};

use futures_util::future::{BoxFuture, FutureExt as _};
use secrecy::SecretString;
use uuid::Uuid;

use super::{
    Request, SpeechError, Transcript,
    deepgram::Deepgram,
    local::Local,
    openai::OpenAi,
    turns::{Spare, Turn},
};

/// Turns whole utterances into text; waits for its turn among the sessions first.
pub trait Provider: Send + Sync {
    /// As in the settings.
    fn name(&self) -> &'static str;

    /// What is there, or why it cannot be used and what to do. Asks nobody.
    fn status(&self) -> Result<String, String>;

    /// Gets ready for a session, which may take seconds. An error is a sentence for the operator.
    fn prepare(&self) -> BoxFuture<'_, Result<(), String>> {
        async { Ok(()) }.boxed()
    }

    /// Tries again by itself what is worth it.
    fn transcribe<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Transcript, SpeechError>>;

    /// A place for an interim, an utterance that goes on. Asks nobody.
    fn spare(&self) -> Spare {
        Spare::Never
    }

    /// Recognises an interim, once, in a place that it gave; `Overtaken` when that is needed.
    fn interim<'a>(
        &'a self,
        _request: &'a Request,
        _turn: Turn,
    ) -> BoxFuture<'a, Result<Transcript, SpeechError>> {
        async { Err(SpeechError::Overtaken) }.boxed()
    }

    /// Whether it works, for `doctor`: what was found.
    fn check(&self) -> BoxFuture<'_, Result<String, SpeechError>>;

    /// The session has ended.
    fn forget(&self, _session: Uuid) {}

    /// Whoever waits gets `Stopped`.
    fn shutdown(&self) -> BoxFuture<'_, ()>;
}

#[derive(Clone, Debug)]
pub struct Settings {
    /// In the order in which they are tried; empty: the operator wants no recognition.
    pub providers: Vec<Which>,
    pub models_dir: PathBuf,
    /// First pause of one that failed.
    pub pause: Duration,
}

#[derive(Clone, Debug)]
pub enum Which {
    Whisper {
        /// Name of a model, or path of a file.
        model: String,
        /// 0: as many as make sense.
        workers: usize,
    },
    OpenAi(Remote),
    Deepgram(Remote),
}

/// An endpoint elsewhere.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Empty: the usual one.
    pub url: String,
    /// May be empty.
    pub api_key: SecretString,
    /// Empty: the usual one.
    pub model: String,
    /// For one utterance, of each attempt.
    pub timeout: Duration,
    /// Utterances at the same time, at least 1.
    pub max_concurrent: usize,
    /// Whether it is asked for interims too, each of which is a request.
    pub interims: bool,
}

impl Settings {
    /// Err: names the setting and says what is wrong with it.
    pub fn check(&self) -> anyhow::Result<()> {
        for which in &self.providers {
            match which {
                Which::Whisper { .. } => {}
                Which::OpenAi(remote) => drop(OpenAi::endpoint(remote)?),
                Which::Deepgram(remote) => drop(Deepgram::endpoint(remote)?),
            }
        }
        Ok(())
    }

    /// Has nobody wait longer for a provider elsewhere.
    pub fn limit_patience(&mut self, patience: Duration) {
        for which in &mut self.providers {
            if let Which::OpenAi(remote) | Which::Deepgram(remote) = which {
                remote.timeout = remote.timeout.min(patience);
            }
        }
    }

    /// The name or file of the model that is used in this process, if one is.
    pub fn whisper_model(&self) -> Option<&str> {
        self.providers.iter().find_map(|which| match which {
            Which::Whisper { model, .. } => Some(model.as_str()),
            _ => None,
        })
    }

    pub(super) fn provider(&self, which: &Which) -> anyhow::Result<Box<dyn Provider>> {
        Ok(match which {
            Which::Whisper { model, workers } => {
                Box::new(Local::new(model, &self.models_dir, *workers))
            }
            Which::OpenAi(remote) => Box::new(OpenAi::new(remote)?),
            Which::Deepgram(remote) => Box::new(Deepgram::new(remote)?),
        })
    }
}
