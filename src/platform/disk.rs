//! Work on files, which is none for the threads that serve requests.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use nix::libc;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

/// Runs it beside those threads. `wrong` is what is told where the disk refuses.
pub async fn in_background<T: Send + 'static>(
    wrong: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await?.context(wrong)
}

/// How a removal went: what is not there needs none.
pub fn absent_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Bytes that this user may still write where `folder` is.
pub fn free(folder: &Path) -> io::Result<u64> {
    let found = nix::sys::statvfs::statvfs(folder)?;
    // They are u32 on macOS.
    #[allow(clippy::unnecessary_cast)]
    let free = found.blocks_available() as u64 * found.fragment_size() as u64;
    Ok(free)
}

/// Files that come in, of together at most so many bytes, in a folder of their own. It is gone when this is dropped.
pub struct Intake {
    /// None once somebody else has it.
    folder: Option<PathBuf>,
    open: Option<tokio::fs::File>,
    left: u64,
    /// Bytes that came.
    pub taken: u64,
}

impl Intake {
    pub async fn begin(folder: PathBuf, most: u64) -> io::Result<Self> {
        tokio::fs::create_dir_all(&folder).await?;
        Ok(Self {
            folder: Some(folder),
            open: None,
            left: most,
            taken: 0,
        })
    }

    pub fn folder(&self) -> io::Result<&Path> {
        let gone = || io::Error::other("the files are not here any more");
        self.folder.as_deref().ok_or_else(gone)
    }

    /// What is written from now on is of the file of that name.
    pub async fn file(&mut self, name: &str) -> io::Result<()> {
        self.close().await?;
        let path = self.folder()?.join(name);
        self.open = Some(tokio::fs::File::create(path).await?);
        Ok(())
    }

    /// False: more than may come.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
            return Ok(false);
        };
        self.left = left;
        self.taken += bytes.len() as u64;
        match &mut self.open {
            Some(file) => file.write_all(bytes).await.map(|()| true),
            None => Err(io::Error::other("no file was begun")),
        }
    }

    /// Ends the last file.
    pub async fn close(&mut self) -> io::Result<()> {
        match self.open.take() {
            Some(mut file) => file.flush().await,
            None => Ok(()),
        }
    }

    /// The folder stays.
    pub fn keep(mut self) {
        self.folder = None;
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        if let Some(folder) = self.folder.take() {
            // Left to whoever sweeps there if that fails.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// A file, opened to be read; a link or anything else is refused.
pub fn open_plain(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        // A pipe that nobody writes to would be waited for.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::ELOOP) => io::Error::new(ErrorKind::InvalidInput, "it is a link"),
            _ => error,
        })?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(ErrorKind::InvalidInput, "it is no file"))
    }
}

/// A file that is not there yet, for this user only.
pub fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// The same with all it is to hold, which is on the disk when this returns.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// What was created, renamed or removed in a folder is so on the disk when this returns.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Counts and digests what goes through it, by SHA-256.
pub struct Digested<T> {
    inner: T,
    hash: Sha256,
    bytes: u64,
}

impl<T> Digested<T> {
    pub fn new(inner: T) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    pub fn inner(&self) -> &T {
        &self.inner
    }

    /// Bytes, and their digest in hex.
    pub fn finish(self) -> (u64, String) {
        (self.bytes, hex::encode(self.hash.finalize()))
    }

    fn passed(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<T: Read> Read for Digested<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.passed(&buffer[..count]);
        Ok(count)
    }
}

impl<T: Write> Write for Digested<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.passed(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
