//! The recogniser of this server: found, loaded when first needed, and explained when it is not there.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex as StdMutex, PoisonError},
};

use tokio::sync::Mutex;

use super::{SpeechPool, models};

#[derive(Clone, Debug)]
pub struct Settings {
    /// False: the operator wants no recognition.
    pub enabled: bool,
    /// Name of a model, or path of a file.
    pub model: String,
    pub models_dir: PathBuf,
    /// 0: as many as make sense.
    pub workers: usize,
}

#[derive(Clone)]
pub struct Speech(Arc<Inner>);

struct Inner {
    settings: Settings,
    pool: Mutex<Option<SpeechPool>>,
    /// What `status` says of the last attempt to load.
    loaded: StdMutex<Option<Result<String, String>>>,
}

impl Speech {
    /// Loads nothing yet.
    pub fn look(settings: Settings) -> Self {
        Self(Arc::new(Inner {
            settings,
            pool: Mutex::default(),
            loaded: StdMutex::default(),
        }))
    }

    /// So that the first session does not have to wait.
    pub fn load_in_background(&self) {
        let speech = self.clone();
        tokio::spawn(async move { drop(speech.pool().await) });
    }

    /// The recognisers; waits while they load. A model that was absent is looked for again, so one
    /// that is fetched later needs no restart. An error is a sentence for the operator.
    pub async fn pool(&self) -> Result<SpeechPool, String> {
        let mut pool = self.0.pool.lock().await;
        if let Some(pool) = pool.as_ref() {
            return Ok(pool.clone());
        }
        let path = self.find()?;
        let workers = self.0.settings.workers;
        let file = path.clone();
        let loaded = tokio::task::spawn_blocking(move || SpeechPool::load(&file, workers))
            .await
            .map_err(|error| error.to_string())
            .and_then(|loaded| loaded.map_err(|error| error.to_string()));
        let summary = match &loaded {
            Ok(_) => Ok(format!("whisper with {}", path.display())),
            Err(error) => Err(format!("{} cannot be loaded: {error}", path.display())),
        };
        *self.0.loaded.lock().unwrap_or_else(PoisonError::into_inner) = Some(summary.clone());
        match loaded {
            Ok(ready) => {
                *pool = Some(ready.clone());
                Ok(ready)
            }
            Err(_) => Err(summary.err().unwrap_or_default()),
        }
    }

    /// Ends the recognisers; who still waits for one gets an error, and its audio stays where it is.
    pub async fn shutdown(&self) {
        if let Some(pool) = self.0.pool.lock().await.take() {
            pool.shutdown().await;
        }
    }

    /// What is there, or why nothing is and what to do.
    pub fn status(&self) -> Result<String, String> {
        if let Some(known) = self
            .0
            .loaded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            && known.is_ok()
        {
            return known.clone();
        }
        self.find()
            .map(|path| format!("whisper with {} (not loaded yet)", path.display()))
    }

    fn find(&self) -> Result<PathBuf, String> {
        let settings = &self.0.settings;
        if !settings.enabled {
            return Err("speech recognition is switched off (stt.provider = none)".into());
        }
        models::locate(&settings.models_dir, &settings.model).ok_or_else(|| {
            format!(
                "the speech model {} is not in {}: run `omi-server model fetch {0}`",
                settings.model,
                settings.models_dir.display()
            )
        })
    }
}
