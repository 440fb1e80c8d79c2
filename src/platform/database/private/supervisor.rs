//! The task that keeps PostgreSQL running.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::error::PrivateError;
use super::postmaster::{Launch, Postmaster};
use super::socket;

const FIRST_DELAY: Duration = Duration::from_millis(200);
const LONGEST_DELAY: Duration = Duration::from_secs(10);
/// After a run of this length the delays begin anew.
const SOUND_RUN: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It answered a query when it started, and its process lives. While PostgreSQL replaces its own backends after the
    /// crash of one, it refuses connections for a moment without leaving this state.
    Running,
    Restarting {
        /// Counts from 1.
        attempt: u32,
        /// When it went down.
        since: DateTime<Utc>,
        last_error: String,
    },
}

/// Restarts the postmaster whenever it dies, until `stop`; then ends it.
pub(super) async fn supervise(
    launch: Launch,
    mut postmaster: Postmaster,
    status: watch::Sender<Status>,
    stop: CancellationToken,
) {
    let socket_file = socket::file(&launch.socket_dir);
    let mut attempt = 0;
    let mut delay = FIRST_DELAY;
    loop {
        let begun = Instant::now();
        let mut last_error = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            why = postmaster.watch(&socket_file) => why,
        };
        if begun.elapsed() > SOUND_RUN {
            attempt = 0;
            delay = FIRST_DELAY;
        }
        let since = Utc::now();
        loop {
            attempt += 1;
            tracing::warn!("the database is down ({last_error}): restart {attempt} follows");
            status.send_replace(Status::Restarting {
                attempt,
                since,
                last_error: last_error.clone(),
            });
            let restart = async {
                sleep(delay).await;
                restart(&launch, &mut postmaster).await
            };
            let restarted = tokio::select! {
                biased;
                () = stop.cancelled() => {
                    postmaster.end().await;
                    return;
                }
                restarted = restart => restarted,
            };
            delay = (delay * 2).min(LONGEST_DELAY);
            match restarted {
                Ok(()) => break,
                Err(error) => last_error = error.to_string(),
            }
        }
        tracing::info!("the database runs again");
        status.send_replace(Status::Running);
    }
    postmaster.end().await;
}

/// Puts the new postmaster in the old one's place as soon as it is begun, so that it can be ended at any time.
async fn restart(launch: &Launch, postmaster: &mut Postmaster) -> Result<(), PrivateError> {
    match launch.adopt().await {
        Some(adopted) => {
            *postmaster = adopted;
            Ok(())
        }
        None => {
            *postmaster = launch.spawn()?;
            launch.ready(postmaster).await
        }
    }
}
