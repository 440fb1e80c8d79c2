//! Work on files, which is none for the threads that serve requests.

use std::{io, path::Path};

use anyhow::Context as _;

/// Runs it beside those threads. `wrong` is what is told where the disk refuses.
pub async fn in_background<T: Send + 'static>(
    wrong: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await?.context(wrong)
}

/// Bytes that this user may still write where `folder` is.
pub fn free(folder: &Path) -> io::Result<u64> {
    let found = nix::sys::statvfs::statvfs(folder)?;
    // They are u32 on macOS.
    #[allow(clippy::unnecessary_cast)]
    let free = found.blocks_available() as u64 * found.fragment_size() as u64;
    Ok(free)
}
