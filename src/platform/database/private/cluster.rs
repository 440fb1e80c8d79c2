//! Where the cluster (PostgreSQL's directory) lives, and how it is made.
//!
//! Beside it, in its parent, are `postgres.log` and `postgres.bin` (the path of the programs that made it). The parent is
//! the data directory; where the database's account cannot enter that, it is a directory of its own below the platform's
//! state directory, and `postgres.path` in the data directory names the cluster.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::account::Account;
use super::binaries::Binaries;
use super::error::PrivateError;

const NAME: &str = "postgres";
const POINTER: &str = "postgres.path";
const UNFINISHED: &str = "postgres.new-";

/// Creates the directory, open for passing through (0711), if it is missing; the canonical path.
pub(super) fn prepare_data_dir(dir: &Path) -> Result<PathBuf, PrivateError> {
    create_passable(dir, 0o711)?;
    dir.canonicalize().map_err(PrivateError::file("find", dir))
}

fn create_passable(dir: &Path, mode: u32) -> Result<(), PrivateError> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(PrivateError::file("create", dir))?;
    fs::set_permissions(dir, Permissions::from_mode(mode)).map_err(PrivateError::file("open", dir))
}

/// The cluster that belongs to a data directory, with its major version; None before the first start.
pub(super) fn existing(data_dir: &Path) -> Result<Option<(PathBuf, u32)>, PrivateError> {
    let pointer = data_dir.join(POINTER);
    match fs::read_to_string(&pointer) {
        Ok(text) => {
            let dir = PathBuf::from(text.trim_end_matches('\n'));
            match version(&dir)? {
                Some(version) => Ok(Some((dir, version))),
                None => Err(PrivateError::Missing { pointer, dir }),
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let dir = data_dir.join(NAME);
            Ok(version(&dir)?.map(|version| (dir, version)))
        }
        Err(error) => Err(PrivateError::file("read", &pointer)(error)),
    }
}

/// The major version by the cluster's PG_VERSION file; None when there is no cluster.
fn version(cluster: &Path) -> Result<Option<u32>, PrivateError> {
    let path = cluster.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse() {
            Ok(version) => Ok(Some(version)),
            Err(_) => Err(PrivateError::VersionFile { path }),
        },
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(PrivateError::Owner {
            dir: cluster.to_owned(),
            user: nix::unistd::Uid::effective().to_string(),
        }),
        Err(error) => Err(PrivateError::file("read", &path)(error)),
    }
}

/// The directory for a new cluster to be made in: the data directory if the account can enter it, else one below `state_root`.
pub(super) async fn choose_parent(
    data_dir: &Path,
    state_root: &Path,
    account: &Account,
    binaries: &Binaries,
) -> Result<PathBuf, PrivateError> {
    if account.can_enter(data_dir, binaries).await? {
        return Ok(data_dir.to_owned());
    }
    let hash = hex::encode(Sha256::digest(data_dir.as_os_str().as_bytes()));
    create_passable(state_root, 0o755)?;
    let parent = state_root.join(&hash[..12]);
    create_passable(&parent, 0o711)?;
    let parent = parent
        .canonicalize()
        .map_err(PrivateError::file("find", &parent))?;
    if !account.can_enter(&parent, binaries).await? {
        return Err(PrivateError::Closed {
            dir: parent,
            user: account.name.clone(),
        });
    }
    Ok(parent)
}

/// Makes an empty cluster in `parent`. An interrupted run leaves only a directory that the next one removes.
pub(super) async fn create(
    data_dir: &Path,
    parent: &Path,
    account: &Account,
    binaries: &Binaries,
    durable: bool,
) -> Result<PathBuf, PrivateError> {
    remove_unfinished(parent).await?;
    let cluster = parent.join(NAME);
    let elsewhere = parent != data_dir;
    if elsewhere {
        set_aside(&cluster)?;
    }
    if fs::read_dir(&cluster).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(PrivateError::Occupied { dir: cluster });
    }

    let unfinished = parent.join(format!("{UNFINISHED}{}", uuid::Uuid::new_v4().simple()));
    DirBuilder::new()
        .mode(0o700)
        .create(&unfinished)
        .map_err(PrivateError::file("create", &unfinished))?;
    account.own(&unfinished)?;
    let mut initdb = account.command(&binaries.program("initdb"));
    initdb
        .arg("-D")
        .arg(&unfinished)
        .args(["-U", "omi", "-E", "UTF8", "--locale=C", "--data-checksums"])
        // The mode of the socket's directory is the lock.
        .arg("--auth=trust")
        .kill_on_drop(true);
    if !durable {
        initdb.arg("--no-sync");
    }
    let output = initdb
        .output()
        .await
        .map_err(PrivateError::file("run", &binaries.program("initdb")))?;
    if !output.status.success() {
        let _ = fs::remove_dir_all(&unfinished);
        let words = [output.stdout, output.stderr].concat();
        return Err(PrivateError::Initdb {
            dir: cluster,
            output: super::log::last_lines(&String::from_utf8_lossy(&words)),
        });
    }
    fs::rename(&unfinished, &cluster).map_err(PrivateError::file("create", &cluster))?;
    sync_dir(parent).map_err(PrivateError::file("write", parent))?;
    if elsewhere {
        write(&data_dir.join(POINTER), &cluster)?;
        tracing::info!(
            "the user {} cannot enter {}, so the database is in {}",
            account.name,
            data_dir.display(),
            cluster.display()
        );
    }
    Ok(cluster)
}

async fn remove_unfinished(parent: &Path) -> Result<(), PrivateError> {
    let entries = fs::read_dir(parent).map_err(PrivateError::file("read", parent))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default();
        if !name.as_bytes().starts_with(UNFINISHED.as_bytes()) {
            continue;
        }
        // What the killed initdb had started may still be writing there.
        let mut tries = 20;
        while let Err(error) = fs::remove_dir_all(&path) {
            tries -= 1;
            if tries == 0 {
                return Err(PrivateError::file("remove", &path)(error));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

/// A cluster below the state directory that no data directory points to belonged to one that was deleted. It is kept
/// under another name.
fn set_aside(cluster: &Path) -> Result<(), PrivateError> {
    if version(cluster)?.is_none() {
        return Ok(());
    }
    let name = format!(
        "{NAME}.old-{}",
        chrono::Utc::now().format("%Y%m%dT%H%M%S%.3f")
    );
    let kept = cluster.with_file_name(name);
    fs::rename(cluster, &kept).map_err(PrivateError::file("rename", cluster))?;
    tracing::warn!(
        "the data directory of an older database was deleted; that database is kept in {}",
        kept.display()
    );
    Ok(())
}

/// The directory of the programs that ran the cluster last.
pub(super) fn remembered_binaries(cluster: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(cluster.with_extension("bin")).ok()?;
    Some(PathBuf::from(text.trim_end_matches('\n')))
}

pub(super) fn remember_binaries(cluster: &Path, binaries: &Binaries) -> Result<(), PrivateError> {
    if remembered_binaries(cluster).as_ref() == Some(&binaries.dir) {
        return Ok(());
    }
    write(&cluster.with_extension("bin"), &binaries.dir)
}

/// Writes a path as a file's only line, all or nothing.
fn write(file: &Path, path: &Path) -> Result<(), PrivateError> {
    let unfinished = file.with_added_extension("new");
    let write = || -> io::Result<()> {
        fs::write(&unfinished, [path.as_os_str().as_bytes(), b"\n"].concat())?;
        File::open(&unfinished)?.sync_all()?;
        fs::rename(&unfinished, file)?;
        sync_dir(file.parent().unwrap_or(Path::new("/")))
    };
    write().map_err(PrivateError::file("write", file))
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
