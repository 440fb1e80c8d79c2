//! After a crash: recognises what lies in the spool, so that it appears once and nothing is lost.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{
    intake::range,
    keep::keep,
    live::{Live, Registration},
    scribe::{Scribe, Voice},
    session::end_call,
    spool::{Meta, Spool},
    store,
};
use crate::{
    app::App,
    error::{Error, Result},
    features::preferences::{self, Wanted},
    platform::{
        audio::voice::Segmenter,
        disk,
        speech::{Class, SpeechError},
    },
};

/// How often sessions left behind are looked for.
const INTERVAL: Duration = Duration::from_secs(15);
/// Longest pause between attempts at the same session, and while nobody can recognise.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
const LONGEST_OUTAGE: Duration = Duration::from_secs(120);
/// An utterance at which recognition failed, or ended the process, so often is passed over.
const ATTEMPTS: u32 = 3;
/// Samples that are cut at a time.
const STEP: u64 = 60 * super::SAMPLE_RATE;

/// A session left behind. While it is held, its conversation is not ended.
pub struct Left {
    spool: Spool,
    live: Arc<Live>,
    _registration: Registration,
}

/// Takes hold of every session that nobody has. Nothing is held that cannot be recognised.
pub async fn claim_all(app: &App) -> Vec<Left> {
    if app.speech.status().is_err() {
        return Vec::new();
    }
    claim(app, &HashMap::new()).await.unwrap_or_else(|error| {
        tracing::warn!(
            error = format!("{error:#}"),
            "the audio spool cannot be looked through"
        );
        Vec::new()
    })
}

async fn claim(app: &App, waiting: &Failures) -> Result<Vec<Left>> {
    let root = app.spool_dir();
    let mut left = Vec::new();
    for (spool, meta) in in_background(move || Spool::all(&root)).await? {
        let id = meta.session_id;
        if waiting
            .get(&id)
            .is_some_and(|(_, next)| Instant::now() < *next)
        {
            continue;
        }
        let (live, _) = Live::new(&meta.uid, Arc::default());
        live.queued.store(1, Ordering::Release);
        let Some(registration) = app.live.claim(id, live.clone()) else {
            continue;
        };
        match store::recognised(&app.db, &meta.uid, id).await? {
            Some((conversation_id, _)) => {
                live.course.roll_onto(conversation_id);
                left.push(Left {
                    spool,
                    live,
                    _registration: registration,
                });
            }
            // Its user is gone.
            None => in_background(move || spool.remove()).await?,
        }
    }
    Ok(left)
}

/// Sessions that failed: how often, and when to try again.
type Failures = HashMap<Uuid, (u32, Instant)>;

pub async fn recover_forever(app: App, mut left: Vec<Left>) {
    let mut failures = Failures::new();
    loop {
        for session in left {
            recover(&app, session, &mut failures).await;
        }
        tokio::time::sleep(INTERVAL).await;
        left = if app.speech.status().is_ok() {
            claim(&app, &failures).await.unwrap_or_else(|error| {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "the audio spool cannot be looked through"
                );
                Vec::new()
            })
        } else {
            Vec::new()
        };
    }
}

async fn recover(app: &App, left: Left, failures: &mut Failures) {
    let spool = left.spool.clone();
    let (id, outcome) = match in_background(move || spool.meta()).await {
        Ok(meta) => (meta.session_id, write_down(app, &left, meta).await),
        Err(error) => (Uuid::nil(), Err(error)),
    };
    match outcome {
        Ok(seconds) => {
            failures.remove(&id);
            tracing::info!(session = %id, seconds, "audio of an interrupted session was recovered");
        }
        Err(error) => {
            let (times, next) = failures.entry(id).or_insert((0, Instant::now()));
            *times += 1;
            let longest = if is_unrecognisable(&error) {
                LONGEST_PAUSE
            } else {
                LONGEST_OUTAGE
            };
            *next = Instant::now()
                + INTERVAL
                    .saturating_mul(2u32.saturating_pow(*times))
                    .min(longest);
            tracing::warn!(session = %id, error = format!("{error:#}"), "audio could not be recovered yet");
        }
    }
}

/// Recognises everything that is not stored yet, then removes the session; returns how many seconds that were.
async fn write_down(app: &App, left: &Left, mut meta: Meta) -> Result<u64> {
    let wanted = Wanted {
        language: &meta.language,
        ..Wanted::default()
    };
    let hearing = preferences::hearing(&app.db, &meta.uid, wanted).await?;
    // The audio waits until there is a recogniser.
    let ear = app
        .speech
        .open(meta.session_id, Class::Backlog, &hearing.language)
        .await
        .map_err(Error::Unavailable)?
        .expecting(hearing.vocabulary);
    let recognised = store::recognised(&app.db, &meta.uid, meta.session_id).await?;
    let recognised = recognised.map_or(0, |(_, samples)| samples as u64);
    let spool = left.spool.clone();
    let extent = in_background(move || spool.extent()).await?;
    if let Some(until) = meta.timeline.at(extent.end) {
        left.live
            .heard_until
            .store(until.timestamp_micros(), Ordering::Release);
    }
    let scribe = Scribe {
        app: app.clone(),
        live: left.live.clone(),
        session_id: meta.session_id,
        spool: left.spool.clone(),
        ear: Some(ear),
        voice: meta.channel.map(Voice::of_call),
        call: meta.channel.is_some(),
        taps: Vec::new(),
        language: meta.language.clone(),
        source: meta.source.clone(),
        timeout_seconds: meta.timeout_seconds,
        recovering: true,
    };
    let begin = if meta.suggested {
        extent.end
    } else {
        recognised.max(extent.start)
    };
    let mut segmenter = Segmenter::of_positions(begin);
    let mut next = begin;
    while next < extent.end {
        let (spool, end) = (left.spool.clone(), extent.end.min(next + STEP));
        let last = end == extent.end;
        let (back, ranges) = in_background(move || {
            let mut ended = segmenter.push(&spool.read(next..end)?);
            ended.extend(if last { segmenter.finish() } else { None });
            Ok((segmenter, ended.iter().map(range).collect::<Vec<_>>()))
        })
        .await?;
        segmenter = back;
        next = end;
        for range in ranges {
            let earlier = meta.stuck;
            if !may_try(&left.spool, &mut meta, range.start).await? {
                metrics::counter!("omi_utterances_given_up_total").increment(1);
                tracing::error!(session = %meta.session_id, start = range.start, "an utterance cannot be recognised: given up");
                continue;
            }
            let heard_at = meta.timeline.at(range.start).ok_or_else(|| {
                Error::Internal(anyhow::anyhow!(
                    "the spool does not say when sample {} was heard",
                    range.start
                ))
            })?;
            let taken = scribe.take(range, heard_at, None).await;
            if let Err(error) = taken {
                if !is_unrecognisable(&error) {
                    // That says nothing of the utterance: it is never passed over for it.
                    note(&left.spool, &mut meta, earlier).await?;
                }
                return Err(error);
            }
        }
    }
    let (uid, id) = (&meta.uid, meta.session_id);
    keep(app, &left.spool, uid, id, &meta.timeline, u64::MAX).await?;
    let conversation_id = left.live.course.conversation_id();
    if meta.channel.is_some() && app.live.holders(conversation_id) <= 1 {
        end_call(app, uid, conversation_id).await?;
    }
    store::delete(&app.db, uid, id).await?;
    let spool = left.spool.clone();
    in_background(move || spool.remove()).await?;
    Ok(extent.end.saturating_sub(begin) / super::SAMPLE_RATE)
}

/// The recogniser of this process failed at the utterance itself.
fn is_unrecognisable(error: &Error) -> bool {
    let Error::Internal(error) = error else {
        return false;
    };
    let cause = error.downcast_ref::<SpeechError>();
    cause.is_some_and(SpeechError::blames_utterance)
}

/// Notes the attempt before it is made: recognition may end the process. False: it was tried often enough.
async fn may_try(spool: &Spool, meta: &mut Meta, start: u64) -> Result<bool> {
    let before = match meta.stuck {
        Some((at, times)) if at == start => times,
        _ => 0,
    };
    if before >= ATTEMPTS {
        return Ok(false);
    }
    note(spool, meta, Some((start, before + 1))).await?;
    Ok(true)
}

async fn note(spool: &Spool, meta: &mut Meta, stuck: Option<(u64, u32)>) -> Result<()> {
    meta.stuck = stuck;
    let (spool, meta) = (spool.clone(), meta.clone());
    in_background(move || spool.describe(&meta)).await
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T> {
    Ok(disk::in_background("the audio spool cannot be used", work).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_not_the_utterances_fault() {
        let failed = |error: SpeechError| {
            Error::Internal(anyhow::Error::new(error).context("speech recognition failed"))
        };
        assert!(is_unrecognisable(&failed(SpeechError::Crashed {
            seconds: 1.0
        })));
        for error in [
            failed(SpeechError::Declined("400".into())),
            failed(SpeechError::Refused("401".into())),
            failed(SpeechError::Busy),
            Error::Unavailable("the server is stopping".into()),
        ] {
            assert!(!is_unrecognisable(&error), "{error}");
        }
    }
}
