//! Work on files, which is none for the threads that serve requests.

use std::io;

use anyhow::Context as _;

/// Runs it beside those threads. `wrong` is what is told where the disk refuses.
pub async fn in_background<T: Send + 'static>(
    wrong: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await?.context(wrong)
}
