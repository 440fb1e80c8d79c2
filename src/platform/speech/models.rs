//! Whisper models: which there are, where they lie, and how they get here.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Response, StatusCode};
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

/// Where whisper.cpp publishes its models.
const SOURCE: &str = "https://huggingface.co/ggerganov/whisper.cpp/resolve/main";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A download that stands still this long has failed.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A published model. Names that end in `.en` know only English.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    pub name: &'static str,
    pub bytes: u64,
    /// As published, in hex.
    pub sha1: &'static str,
}

/// From small, fast and often wrong to large, slow and better. One list for the server and for the
/// scripts: a line a model, with its name, size and SHA-1.
pub static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| {
    include_str!("../../../tools/models.txt")
        .lines()
        .filter_map(line)
        .collect()
});

/// None for comments.
fn line(line: &'static str) -> Option<Model> {
    let mut words = line.split_whitespace().filter(|_| !line.starts_with('#'));
    Some(Model {
        name: words.next()?,
        bytes: words.next()?.parse().ok()?,
        sha1: words.next()?,
    })
}

impl Model {
    pub fn file_name(&self) -> String {
        format!("ggml-{}.bin", self.name)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("{} cannot be written: {reason}; check the free space and who owns the folder", path.display())]
    Disk { path: PathBuf, reason: io::Error },
    #[error(
        "another process is fetching {}; wait for it, or stop it and fetch again",
        path.display()
    )]
    Busy { path: PathBuf },
    #[error(
        "{url} could not be fetched: {reason}; check the connection and fetch again, which goes on where \
         it stopped, or put the file at {}",
        path.display()
    )]
    Download {
        url: String,
        reason: String,
        path: PathBuf,
    },
    #[error(
        "what {url} sent is not the model {name}: {reason}; it was deleted. Fetch again; if it stays \
         wrong, something between here and there changes downloads"
    )]
    Wrong {
        url: String,
        name: &'static str,
        reason: String,
    },
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
    if path.is_file() && check(&path, model).await?.is_ok() {
        progress(model.bytes, model.bytes);
        return Ok(path);
    }
    tokio::fs::create_dir_all(dir).await.map_err(disk(dir))?;
    let url = format!("{}/{}", source.trim_end_matches('/'), model.file_name());
    let part_path = dir.join(format!("{}.part", model.file_name()));
    let part = open_part(&part_path)?;
    // Whoever held the lock a moment ago may have finished.
    if path.is_file() && check(&path, model).await?.is_ok() {
        let _ = tokio::fs::remove_file(&part_path).await;
        return Ok(path);
    }

    download(&url, model, part, &part_path, &path, &progress).await?;
    if let Err(reason) = check(&part_path, model).await? {
        tokio::fs::remove_file(&part_path)
            .await
            .map_err(disk(&part_path))?;
        return Err(ModelError::Wrong {
            url,
            name: model.name,
            reason,
        });
    }
    tokio::fs::rename(&part_path, &path)
        .await
        .map_err(disk(&path))?;
    let folder = dir.to_owned();
    let synced = tokio::task::spawn_blocking(move || File::open(folder)?.sync_all()).await;
    synced
        .map_err(io::Error::other)
        .flatten()
        .map_err(disk(dir))?;
    Ok(path)
}

fn disk(path: &Path) -> impl FnOnce(io::Error) -> ModelError {
    move |reason| ModelError::Disk {
        path: path.to_owned(),
        reason,
    }
}

/// Opens and locks it, so that two processes do not write the same file.
fn open_part(path: &Path) -> Result<File, ModelError> {
    let mut options = File::options();
    let part = options.read(true).write(true).create(true).truncate(false);
    let part = part.open(path).map_err(disk(path))?;
    part.try_lock().map_err(|_| ModelError::Busy {
        path: path.to_owned(),
    })?;
    Ok(part)
}

async fn download(
    url: &str,
    model: &Model,
    part: File,
    part_path: &Path,
    path: &Path,
    progress: &impl Fn(u64, u64),
) -> Result<(), ModelError> {
    let failed = |reason: String| ModelError::Download {
        url: url.to_owned(),
        reason,
        path: path.to_owned(),
    };
    let broken =
        |error: reqwest::Error| failed(format!("{:#}", anyhow::Error::new(error.without_url())));
    let mut part = tokio::fs::File::from_std(part);
    let mut have = part.metadata().await.map_err(disk(part_path))?.len();
    if have > model.bytes {
        have = 0;
    }
    if have < model.bytes {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build()
            .map_err(broken)?;
        let mut request = client.get(url);
        if have > 0 {
            request = request.header(RANGE, format!("bytes={have}-"));
        }
        let mut response = request.send().await.map_err(broken)?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if starts_at(&response, have) => {}
            StatusCode::OK => have = 0,
            status => {
                if have > 0 {
                    // The next call starts from the beginning.
                    part.set_len(0).await.map_err(disk(part_path))?;
                }
                return Err(failed(format!("the answer was {status}")));
            }
        }
        part.set_len(have).await.map_err(disk(part_path))?;
        part.seek(io::SeekFrom::Start(have))
            .await
            .map_err(disk(part_path))?;
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            part.write_all(&chunk).await.map_err(disk(part_path))?;
            have += chunk.len() as u64;
            if have > model.bytes {
                break;
            }
            progress(have, model.bytes);
        }
        part.flush().await.map_err(disk(part_path))?;
        if have < model.bytes {
            return Err(failed(format!(
                "it ended after {have} of {} bytes",
                model.bytes
            )));
        }
    }
    part.sync_all().await.map_err(disk(part_path))
}

/// Whether the server really goes on at byte `position`.
fn starts_at(response: &Response, position: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE);
    let range = range
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    range.starts_with(&format!("bytes {position}-"))
}

/// `Ok(Err(_))` says how the file differs from the published one.
async fn check(path: &Path, model: &Model) -> Result<Result<(), String>, ModelError> {
    let (file, model) = (path.to_owned(), *model);
    let checked = tokio::task::spawn_blocking(move || compare(&file, &model)).await;
    checked
        .map_err(io::Error::other)
        .flatten()
        .map_err(disk(path))
}

fn compare(path: &Path, model: &Model) -> io::Result<Result<(), String>> {
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    if bytes != model.bytes {
        return Ok(Err(format!(
            "it has {bytes} bytes instead of {}",
            model.bytes
        )));
    }
    let mut hash = Sha1::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
    }
    let got = hex::encode(hash.finalize());
    if got != model.sha1 {
        return Ok(Err(format!("its SHA-1 is {got} instead of {}", model.sha1)));
    }
    Ok(Ok(()))
}

#[cfg(test)]
#[path = "models_tests.rs"]
mod tests;
