//! Keeps the sound of a session where its user wants that: what is recognised goes from the spool into stored chunks, and
//! only then the spool forgets it.

use std::{
    io,
    ops::Range,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{
    intake::SharedTimeline,
    scribe::Scribe,
    spool::{Spool, Timeline},
    store,
};
use crate::{
    app::Handles,
    error::{Error, Result},
    features::audio::{self, Chunk},
    platform::{disk, ids},
};

/// Samples of the longest chunk.
const LONGEST: u64 = 60 * super::SAMPLE_RATE;
/// Less is not worth a file.
const SHORTEST: u64 = super::SAMPLE_RATE / 10;
/// How often a live session stores what it has.
const INTERVAL: Duration = Duration::from_secs(60);
/// How often it looks whether its conversation has changed.
const LOOK: Duration = Duration::from_secs(2);

/// Stores what a live session has heard, every minute and when its conversation changes; the rest is left to its end.
pub async fn keep_up(scribe: Arc<Scribe>, timeline: SharedTimeline) {
    let live = &scribe.live;
    let mut stored = Instant::now();
    let mut conversation = live.course.conversation_id();
    loop {
        tokio::time::sleep(LOOK).await;
        let safe = live.safe.load(Ordering::Acquire);
        // In this order: what lies before `safe` was queued before that was told.
        if live.queued.load(Ordering::Acquire) > 0 {
            continue;
        }
        let present = live.course.conversation_id();
        if stored.elapsed() < INTERVAL && present == conversation {
            continue;
        }
        let timeline = timeline
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let (app, uid, id) = (&scribe.app, &live.uid, scribe.session_id);
        match keep(app, &scribe.spool, uid, id, &timeline, safe).await {
            Ok(kept) => {
                live.kept.fetch_max(kept, Ordering::AcqRel);
                conversation = present;
            }
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "sound could not be stored; it stays in the spool"
                );
            }
        }
        stored = Instant::now();
    }
}

/// Stores everything before the sample `until` that is in the spool, recognised, and not stored yet; gives where that ends.
/// May be done again, or by two at once.
pub async fn keep(
    app: &Handles,
    spool: &Spool,
    uid: &str,
    session: Uuid,
    timeline: &Timeline,
    until: u64,
) -> Result<u64> {
    let there = spool.clone();
    let extent = in_background(move || there.extent()).await?;
    let until = until.min(extent.end);
    let Some(standing) = store::keeping(&app.db, uid, session).await? else {
        return Ok(until);
    };
    let begin = extent.start.max(standing.kept_samples.max(0) as u64);
    if begin >= until {
        return Ok(until);
    }
    if !audio::is_kept(&app.db, uid).await? {
        let mut tx = app.db.begin().await?;
        store::kept(&mut tx, uid, session, until as i64).await?;
        tx.commit().await?;
        return Ok(until);
    }
    let switches = standing.switches.0;
    let mut cuts: Vec<_> = switches.iter().map(|switch| switch.from).collect();
    cuts.extend(timeline.anchors());
    for range in pieces(begin..until, &cuts) {
        let conversation = switches.iter().rfind(|switch| switch.from <= range.start);
        let end = range.end;
        if let Some(switch) = conversation
            && range.end - range.start >= SHORTEST
        {
            store_piece(app, spool, uid, session, timeline, range, switch.id).await?;
        } else {
            let mut tx = app.db.begin().await?;
            store::kept(&mut tx, uid, session, end as i64).await?;
            tx.commit().await?;
        }
    }
    Ok(until)
}

async fn store_piece(
    app: &Handles,
    spool: &Spool,
    uid: &str,
    session: Uuid,
    timeline: &Timeline,
    range: Range<u64>,
    conversation_id: Uuid,
) -> Result<()> {
    let chunk = Chunk {
        // The same if it has to be done again.
        id: ids::from_content(&format!("chunk {session} {}", range.start)),
        conversation_id,
        started_at: timeline.at(range.start).ok_or_else(|| {
            Error::Internal(anyhow::anyhow!(
                "the spool does not say when sample {} was heard",
                range.start
            ))
        })?,
        samples: (range.end - range.start) as i32,
    };
    let (root, owner, spool, id, end) = (
        app.audio_dir(),
        uid.to_string(),
        spool.clone(),
        chunk.id,
        range.end,
    );
    let bytes = in_background(move || audio::write(&root, &owner, id, &spool.read(range)?)).await?;
    let mut tx = app.db.begin().await?;
    let wanted = audio::add(&mut tx, uid, &chunk, bytes).await?;
    store::kept(&mut tx, uid, session, end as i64).await?;
    tx.commit().await?;
    if !wanted {
        let (root, owner) = (app.audio_dir(), uid.to_string());
        in_background(move || audio::remove(&root, &owner, id)).await?;
    }
    Ok(())
}

/// Cuts a range into pieces of at most a minute, none of which goes across one of `cuts`.
fn pieces(range: Range<u64>, cuts: &[u64]) -> Vec<Range<u64>> {
    let mut pieces = Vec::new();
    let mut begin = range.start;
    while begin < range.end {
        let most = range.end.min(begin + LONGEST);
        let cut = cuts
            .iter()
            .filter(|cut| begin < **cut && **cut < most)
            .min();
        let end = cut.copied().unwrap_or(most);
        pieces.push(begin..end);
        begin = end;
    }
    pieces
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    Ok(disk::in_background("sound cannot be stored", work).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_cut() {
        assert!(pieces(5..5, &[]).is_empty());
        let whole = 0..LONGEST;
        assert_eq!(pieces(whole.clone(), &[0, LONGEST]), [whole]);
        assert_eq!(
            pieces(10..2 * LONGEST, &[LONGEST + 20, 30, 5]),
            [10..30, 30..LONGEST + 20, LONGEST + 20..2 * LONGEST]
        );
    }
}
