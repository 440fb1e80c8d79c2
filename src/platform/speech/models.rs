//! Whisper models: which there are, where they lie, and how they get here.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::platform::model_files::{self, Published};

pub use crate::platform::model_files::ModelError;

/// Where whisper.cpp publishes its models.
const SOURCE: &str = "https://huggingface.co/ggerganov/whisper.cpp/resolve/main";

/// A published model. Names that end in `.en` know only English.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    pub name: &'static str,
    pub bytes: u64,
    /// As published, in hex.
    pub sha1: &'static str,
}

/// From small, fast and often wrong to large, slow and better.
pub static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| {
    model_files::published()
        .filter(|file| !file.name.contains('/'))
        .map(|file| Model {
            name: file.name,
            bytes: file.bytes,
            sha1: file.hash,
        })
        .collect()
});

impl Model {
    pub fn file_name(&self) -> String {
        format!("ggml-{}.bin", self.name)
    }
}

/// A published model by its name.
pub fn find(name: &str) -> Option<&'static Model> {
    MODELS.iter().find(|model| model.name == name)
}

/// The file of a model, if it is there: `name_or_path` is a file, or a name looked for in `models_dir`,
/// published or not.
pub fn locate(models_dir: &Path, name_or_path: &str) -> Option<PathBuf> {
    let named = models_dir.join(format!("ggml-{name_or_path}.bin"));
    let path = PathBuf::from(name_or_path);
    [named, path].into_iter().find(|path| path.is_file())
}

/// Fetches a model into `dir` unless it is there, and verifies it. `progress` gets the bytes so far and
/// in all. A part that stays after an error is used by the next call.
pub async fn fetch(
    model: &Model,
    dir: &Path,
    progress: impl Fn(u64, u64),
) -> Result<PathBuf, ModelError> {
    fetch_from(SOURCE, model, dir, progress).await
}

/// As `fetch`, from `{source}/{file name}`.
pub async fn fetch_from(
    source: &str,
    model: &Model,
    dir: &Path,
    progress: impl Fn(u64, u64),
) -> Result<PathBuf, ModelError> {
    let path = dir.join(model.file_name());
    let url = format!("{}/{}", source.trim_end_matches('/'), model.file_name());
    let file = Published {
        name: model.name,
        bytes: model.bytes,
        hash: model.sha1,
    };
    model_files::fetch(&url, file, &path, &|done| progress(done, model.bytes)).await?;
    Ok(path)
}

#[cfg(test)]
#[path = "models_tests.rs"]
mod tests;
