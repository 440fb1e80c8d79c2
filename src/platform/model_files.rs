//! Files of models: the list of published ones, and how they get here, whole and verified.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Response, StatusCode};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A download that stands still this long has failed.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// One list for the server and for the scripts.
const LIST: &str = include_str!("../../tools/models.txt");

/// A file as it was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Of the list: of a speech model the model's own, of a file in a model's folder `model/file`.
    pub name: &'static str,
    pub bytes: u64,
    /// In hex: SHA-256 if it has 64 digits, else SHA-1.
    pub hash: &'static str,
}

/// Every line of the list, in its order.
pub fn published() -> impl Iterator<Item = Published> {
    LIST.lines().filter_map(|line| {
        let mut words = line.split_whitespace().filter(|_| !line.starts_with('#'));
        Some(Published {
            name: words.next()?,
            bytes: words.next()?.parse().ok()?,
            hash: words.next()?,
        })
    })
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

/// Fetches `url` to `path` unless what is there is the published file, and verifies it. `progress` gets
/// the bytes so far. A part that stays after an error is used by the next call.
pub async fn fetch(
    url: &str,
    file: Published,
    path: &Path,
    progress: &impl Fn(u64),
) -> Result<(), ModelError> {
    if path.is_file() && check(path, file).await?.is_ok() {
        progress(file.bytes);
        return Ok(());
    }
    let dir = path.parent().unwrap_or(Path::new("."));
    tokio::fs::create_dir_all(dir).await.map_err(disk(dir))?;
    let part_path = path.with_added_extension("part");
    let part = open_part(&part_path)?;
    // Whoever held the lock a moment ago may have finished.
    if path.is_file() && check(path, file).await?.is_ok() {
        let _ = tokio::fs::remove_file(&part_path).await;
        return Ok(());
    }

    download(url, file, part, &part_path, path, progress).await?;
    if let Err(reason) = check(&part_path, file).await? {
        tokio::fs::remove_file(&part_path)
            .await
            .map_err(disk(&part_path))?;
        return Err(ModelError::Wrong {
            url: url.to_owned(),
            name: file.name,
            reason,
        });
    }
    tokio::fs::rename(&part_path, path)
        .await
        .map_err(disk(path))?;
    let folder = dir.to_owned();
    let synced = tokio::task::spawn_blocking(move || File::open(folder)?.sync_all()).await;
    synced
        .map_err(io::Error::other)
        .flatten()
        .map_err(disk(dir))
}

fn disk(path: &Path) -> impl FnOnce(io::Error) -> ModelError {
    move |reason| ModelError::Disk {
        path: path.to_owned(),
        reason,
    }
}

/// Opens and locks it, so that two processes do not write the same file.
pub(in crate::platform) fn open_part(path: &Path) -> Result<File, ModelError> {
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
    file: Published,
    part: File,
    part_path: &Path,
    path: &Path,
    progress: &impl Fn(u64),
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
    if have > file.bytes {
        have = 0;
    }
    if have < file.bytes {
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
            if have > file.bytes {
                break;
            }
            progress(have);
        }
        part.flush().await.map_err(disk(part_path))?;
        if have < file.bytes {
            return Err(failed(format!(
                "it ended after {have} of {} bytes",
                file.bytes
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
async fn check(path: &Path, file: Published) -> Result<Result<(), String>, ModelError> {
    let owned = path.to_owned();
    let checked = tokio::task::spawn_blocking(move || compare(&owned, file)).await;
    checked
        .map_err(io::Error::other)
        .flatten()
        .map_err(disk(path))
}

fn compare(path: &Path, file: Published) -> io::Result<Result<(), String>> {
    let bytes = path.metadata()?.len();
    if bytes != file.bytes {
        return Ok(Err(format!(
            "it has {bytes} bytes instead of {}",
            file.bytes
        )));
    }
    let (kind, got) = if file.hash.len() == 64 {
        ("SHA-256", hash_of::<Sha256>(path)?)
    } else {
        ("SHA-1", hash_of::<Sha1>(path)?)
    };
    if got != file.hash {
        return Ok(Err(format!("its {kind} is {got} instead of {}", file.hash)));
    }
    Ok(Ok(()))
}

/// In hex.
pub fn hash_of<D: Digest>(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = D::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(&buffer[..count]);
    }
}
