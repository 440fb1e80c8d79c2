//! After a crash: recognises what lies in the spool, so that it appears once and nothing is lost.

use std::{
    collections::HashMap,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{
    intake::range,
    live::Live,
    scribe::Scribe,
    spool::{Meta, Spool},
    store,
};
use crate::{app::App, error::Result, platform::audio::voice::Segmenter};

/// How often sessions left behind are looked for.
const INTERVAL: Duration = Duration::from_secs(15);
/// Samples that are cut at a time.
const STEP: u64 = 60 * super::SAMPLE_RATE;

/// Longest pause between attempts at the same session.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

pub async fn recover_forever(app: App) {
    // Sessions that failed: how often, and when to try again.
    let mut failed: HashMap<Uuid, (u32, Instant)> = HashMap::new();
    loop {
        let root = app.spool_dir();
        let spools = match in_background(move || Spool::all(&root)).await {
            Ok(spools) => spools,
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the audio spool cannot be read"
                );
                Vec::new()
            }
        };
        for (spool, meta) in spools {
            let id = meta.session_id;
            let too_early = failed
                .get(&id)
                .is_some_and(|(_, next)| Instant::now() < *next);
            if too_early || app.live.contains(id) {
                continue;
            }
            match recover(&app, spool, meta).await {
                Ok(()) => drop(failed.remove(&id)),
                Err(error) => {
                    let (times, next) = failed.entry(id).or_insert((0, Instant::now()));
                    *times += 1;
                    *next = Instant::now()
                        + (INTERVAL * 4u32.saturating_pow(*times)).min(LONGEST_PAUSE);
                    tracing::warn!(session = %id, error = format!("{error:#}"), "audio could not be recovered yet");
                }
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn recover(app: &App, spool: Spool, meta: Meta) -> Result<()> {
    let Some((conversation_id, recognised)) =
        store::recognised(&app.db, &meta.uid, meta.session_id).await?
    else {
        // Its user is gone.
        return in_background(move || spool.remove()).await;
    };
    let Ok(speech) = app.speech.pool().await else {
        // The audio waits until there is a recogniser.
        return Ok(());
    };
    let (live, _) = Live::new(&meta.uid, conversation_id);
    live.queued.store(1, Ordering::Release);
    let _registration = app.live.register(meta.session_id, live.clone());
    let scribe = Scribe {
        app: app.clone(),
        live,
        session_id: meta.session_id,
        spool: spool.clone(),
        speech,
        language: meta.language.clone(),
        source: meta.source.clone(),
        timeout_seconds: meta.timeout_seconds,
        turn: tokio::sync::Mutex::default(),
    };
    let seconds = write_down(&scribe, &meta, recognised as u64).await?;
    store::delete(&app.db, &meta.uid, meta.session_id).await?;
    in_background(move || spool.remove()).await?;
    tracing::info!(session = %meta.session_id, seconds, "audio of an interrupted session was recovered");
    Ok(())
}

/// Recognises everything behind `recognised`; returns how many seconds that were.
async fn write_down(scribe: &Scribe, meta: &Meta, recognised: u64) -> Result<u64> {
    let Some(started) = meta.audio_started_at else {
        return Ok(0);
    };
    let spool = scribe.spool.clone();
    let extent = in_background(move || spool.extent()).await?;
    let end = started
        + chrono::Duration::microseconds((extent.end * 1_000_000 / super::SAMPLE_RATE) as i64);
    scribe
        .live
        .heard_until
        .store(end.timestamp_micros(), Ordering::Release);
    let begin = recognised.max(extent.start);
    let mut segmenter = Segmenter::new(begin);
    let mut next = begin;
    while next < extent.end {
        let (spool, end) = (scribe.spool.clone(), extent.end.min(next + STEP));
        let (back, ranges) = in_background(move || {
            let ranges: Vec<_> = segmenter
                .push(&spool.read(next..end)?)
                .iter()
                .map(range)
                .collect();
            Ok((segmenter, ranges))
        })
        .await?;
        segmenter = back;
        next = end;
        for range in ranges {
            scribe.take(range, started).await?;
        }
    }
    if let Some(last) = segmenter.finish() {
        scribe.take(range(&last), started).await?;
    }
    Ok(extent.end.saturating_sub(begin) / super::SAMPLE_RATE)
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work)
        .await
        .map_err(anyhow::Error::new)?;
    Ok(done.map_err(|error| anyhow::Error::new(error).context("the audio spool cannot be used"))?)
}
