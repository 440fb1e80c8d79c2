//! Ends conversations that nobody adds to any more, whether their device is still there or not.

use std::time::{Duration, Instant};

use super::{LiveSessions, store};
use crate::{
    app::{App, Handles},
    error::Result,
    features::{
        conversations::{self, Reason},
        processing,
    },
};

const INTERVAL: Duration = Duration::from_secs(5);
/// Other instances take a session for dead after 90 s without this.
const SEEN_INTERVAL: Duration = Duration::from_secs(30);
const STALE_INTERVAL: Duration = Duration::from_secs(60);
/// Ended at most in one round.
const BATCH: i64 = 100;

pub async fn sweep_forever(app: App) {
    // A short time-out wants a short round.
    let shortest = Duration::from_secs(u64::from(app.config.listening.minimum_timeout_seconds)) / 4;
    let interval = shortest.clamp(Duration::from_millis(250), INTERVAL);
    let mut told = Instant::now();
    let mut looked = Instant::now();
    loop {
        tokio::time::sleep(interval).await;
        if let Err(error) = sweep(&app).await {
            tracing::warn!(%error, "ending quiet conversations failed; it is tried again");
        }
        if told.elapsed() >= SEEN_INTERVAL {
            told = Instant::now();
            if let Err(error) = store::seen(&app.db, &app.live.ids()).await {
                tracing::warn!(%error, "live sessions could not be noted");
            }
        }
        if looked.elapsed() >= STALE_INTERVAL {
            looked = Instant::now();
            if let Err(error) = processing::requeue_stale(&app.db, &app.outbox, BATCH).await {
                tracing::warn!(%error, "stale steps of processing could not be looked for");
            }
            if let Err(error) =
                conversations::release_stale_merges(&app.db, &app.outbox, BATCH).await
            {
                tracing::warn!(%error, "stale merges could not be looked for");
            }
            match conversations::requeue_stale(&app.db, &app.outbox, BATCH).await {
                Ok(0) => {}
                Ok(count) => tracing::warn!(
                    count,
                    "conversations had waited for an hour: their jobs were renewed"
                ),
                Err(error) => tracing::warn!(%error, "stale conversations could not be looked for"),
            }
        }
    }
}

async fn sweep(app: &Handles) -> Result<()> {
    let live: &LiveSessions = &app.live;
    let expired = conversations::expired(&app.db, &live.busy(), BATCH).await?;
    if expired.is_empty() {
        return Ok(());
    }
    let mut held = None;
    for (uid, id, said_something) in expired {
        let ended = if said_something {
            super::end(app, &uid, id, Reason::Silence).await.map(drop)
        } else {
            let held = match &mut held {
                Some(held) => held,
                None => held.insert([store::held(&app.db).await?, live.held()].concat()),
            };
            // An empty one waits for as long as a device is there to fill it.
            if held.contains(&id) {
                conversations::renew_empty(&app.db, &uid, id).await
            } else {
                conversations::delete_if_empty(&app.db, &uid, id)
                    .await
                    .map(drop)
            }
        };
        if let Err(error) = ended {
            tracing::warn!(%error, conversation = %id, "a quiet conversation could not be ended; it is tried again");
        }
    }
    Ok(())
}
