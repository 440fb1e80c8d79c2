//! The recogniser of this process: found, loaded when first needed, and explained when it is not there.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex as StdMutex, PoisonError},
};

use futures_util::future::{BoxFuture, FutureExt as _};
use tokio::sync::Mutex;

use super::{
    Provider, Request, SpeechError, SpeechPool, Transcript, models,
    turns::{Spare, Turn},
};

/// How often an utterance is tried.
const ATTEMPTS: u32 = 2;

pub struct Local {
    model: String,
    models_dir: PathBuf,
    workers: usize,
    pool: Mutex<Option<SpeechPool>>,
    /// What `status` says once it is loaded.
    loaded: StdMutex<Option<String>>,
}

impl Local {
    /// Loads nothing yet.
    pub fn new(model: &str, models_dir: &Path, workers: usize) -> Self {
        Self {
            model: model.to_owned(),
            models_dir: models_dir.to_owned(),
            workers,
            pool: Mutex::default(),
            loaded: StdMutex::default(),
        }
    }

    /// The recognisers; waits while they load. A model that was absent is looked for again, so one
    /// that is fetched later needs no restart.
    async fn pool(&self) -> Result<SpeechPool, SpeechError> {
        let mut pool = self.pool.lock().await;
        if let Some(pool) = pool.as_ref() {
            return Ok(pool.clone());
        }
        let path = self.find().map_err(SpeechError::unavailable)?;
        let (file, workers) = (path.clone(), self.workers);
        let loaded = tokio::task::spawn_blocking(move || SpeechPool::load(&file, workers))
            .await
            .map_err(|error| SpeechError::Start(error.to_string()))?;
        let ready = loaded?;
        *self.loaded.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(format!("whisper with {}", path.display()));
        *pool = Some(ready.clone());
        Ok(ready)
    }

    fn find(&self) -> Result<PathBuf, String> {
        models::locate(&self.models_dir, &self.model).ok_or_else(|| {
            format!(
                "the speech model {} is not in {}: run `omi-server model fetch {0}`",
                self.model,
                self.models_dir.display()
            )
        })
    }
}

impl Provider for Local {
    fn name(&self) -> &'static str {
        "whisper"
    }

    fn status(&self) -> Result<String, String> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = loaded.as_ref() {
            return Ok(known.clone());
        }
        self.find()
            .map(|path| format!("whisper with {} (not loaded yet)", path.display()))
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), String>> {
        async {
            match self.pool().await {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            }
        }
        .boxed()
    }

    fn transcribe<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Transcript, SpeechError>> {
        async {
            let pool = self.pool().await?;
            let mut attempt = 1;
            loop {
                match pool.transcribe(request).await {
                    Err(error @ (SpeechError::Failed { .. } | SpeechError::Crashed { .. }))
                        if attempt < ATTEMPTS =>
                    {
                        tracing::debug!(%error, "an utterance is tried again");
                        attempt += 1;
                    }
                    done => return done,
                }
            }
        }
        .boxed()
    }

    fn spare(&self) -> Spare {
        // Locked while it loads.
        match self.pool.try_lock() {
            Ok(pool) => pool.as_ref().map_or(Spare::Busy, SpeechPool::spare),
            Err(_) => Spare::Busy,
        }
    }

    fn interim<'a>(
        &'a self,
        request: &'a Request,
        turn: Turn,
    ) -> BoxFuture<'a, Result<Transcript, SpeechError>> {
        async { self.pool().await?.recognise(request, turn).await }.boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<String, SpeechError>> {
        async { self.status().map_err(SpeechError::unavailable) }.boxed()
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        async {
            if let Some(pool) = self.pool.lock().await.take() {
                pool.shutdown().await;
            }
        }
        .boxed()
    }
}
