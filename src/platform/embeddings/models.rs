//! Models for sentence vectors: which there are, where they lie, and how they get here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::platform::model_files::{self, ModelError, Published};

pub const DEFAULT: &str = "all-MiniLM-L6-v2";

/// What a model's folder must hold.
pub const FILES: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];

/// A published model: a folder of files.
#[derive(Clone, Debug)]
pub struct Model {
    pub name: &'static str,
    files: Vec<Published>,
}

/// In the order of their names.
pub static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| {
    let mut folders: BTreeMap<&str, Vec<Published>> = BTreeMap::new();
    for file in model_files::published() {
        if let Some((folder, _)) = file.name.split_once('/') {
            folders.entry(folder).or_default().push(file);
        }
    }
    let models = folders.into_iter();
    models.map(|(name, files)| Model { name, files }).collect()
});

impl Model {
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The file of that name in the folder.
    pub fn file(&self, name: &str) -> Option<&Published> {
        self.files.iter().find(|file| inside(file) == name)
    }

    /// Where it is published. The revision is pinned, as the hashes are.
    fn source(&self) -> String {
        format!(
            "https://huggingface.co/sentence-transformers/{}/resolve/1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
            self.name
        )
    }
}

/// The file's name within its folder.
fn inside(file: &Published) -> &'static str {
    file.name
        .split_once('/')
        .map_or(file.name, |(_, name)| name)
}

/// A published model by its name.
pub fn find(name: &str) -> Option<&'static Model> {
    MODELS.iter().find(|model| model.name == name)
}

/// The folder of a model, if all its files are there: `name_or_path` is a folder, or one looked for in
/// `models_dir`.
pub fn locate(models_dir: &Path, name_or_path: &str) -> Option<PathBuf> {
    let whole = |folder: &PathBuf| FILES.iter().all(|name| folder.join(name).is_file());
    // Joined to it, a path from the root stays what it is.
    let places = [models_dir.join(name_or_path), PathBuf::from(name_or_path)];
    places.into_iter().find(whole)
}

/// Fetches what is missing of a model into its folder in `dir`, and verifies all. `progress` gets the
/// bytes so far. A part that stays after an error is used by the next call.
pub async fn fetch(
    model: &Model,
    dir: &Path,
    progress: impl Fn(u64),
) -> Result<PathBuf, ModelError> {
    fetch_from(&model.source(), model, dir, progress).await
}

/// As `fetch`, from `{source}/{file name}`.
pub async fn fetch_from(
    source: &str,
    model: &Model,
    dir: &Path,
    progress: impl Fn(u64),
) -> Result<PathBuf, ModelError> {
    let folder = dir.join(model.name);
    let mut before = 0;
    for file in &model.files {
        let name = inside(file);
        let url = format!("{}/{name}", source.trim_end_matches('/'));
        let path = folder.join(name);
        model_files::fetch(&url, *file, &path, &|done| progress(before + done)).await?;
        before += file.bytes;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use axum::{Router, extract::Path as Segment, http::StatusCode, routing::get};
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_list_has_whole_models() {
        let model = find(DEFAULT).unwrap();
        for name in FILES {
            assert_eq!(model.file(name).unwrap().hash.len(), 64, "{name}");
        }
        assert_eq!(model.bytes(), 91_335_235);
        assert!(find("tiny.en").is_none());
    }

    #[tokio::test]
    async fn a_model_is_fetched_as_a_folder() {
        let published = |name: &'static str| Published {
            name,
            bytes: name.len() as u64 - 2,
            hash: hex::encode(Sha256::digest(&name[2..])).leak(),
        };
        let model = Model {
            name: "m",
            files: vec![
                published("m/config.json"),
                published("m/tokenizer.json"),
                published("m/model.safetensors"),
            ],
        };
        // Each file holds its own name.
        let peer = |missing: &'static str| async move {
            let answer = move |Segment(name): Segment<String>| async move {
                (name != missing)
                    .then_some(name)
                    .ok_or(StatusCode::NOT_FOUND)
            };
            let router = Router::new().route("/from/{name}", get(answer));
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/from", listener.local_addr().unwrap());
            tokio::spawn(async move { axum::serve(listener, router).await });
            url
        };
        let dir = tempfile::tempdir().unwrap();
        let broken = peer("model.safetensors").await;
        let error = fetch_from(&broken, &model, dir.path(), |_| ())
            .await
            .unwrap_err();
        assert!(error.to_string().contains("model.safetensors"), "{error}");
        assert_eq!(locate(dir.path(), "m"), None);

        let folder = fetch_from(&peer("").await, &model, dir.path(), |_| ())
            .await
            .unwrap();
        assert_eq!(locate(dir.path(), "m"), Some(folder.clone()));
        assert_eq!(
            locate(Path::new("/nowhere"), folder.to_str().unwrap()),
            Some(folder)
        );
    }
}
