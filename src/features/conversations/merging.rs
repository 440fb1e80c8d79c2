//! Several conversations become one. They wait as `merging` from the request on; a job makes the whole of them and removes
//! them in one transaction, so there is never half of it.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::{
    Conversation, DELETED, FINISHED, PROCESSED, Status, TranscriptSegment, event, sharing::share,
    store,
};
use crate::{
    error::{Error, Result},
    features::{action_items, audio, credentials::Caller, memories},
    platform::{clock, database::Db, ids, outbox::Outbox},
};

/// Conversations wait to become one. `id` is what the whole will have, `detail` is `reprocess` or `keep`.
pub const MERGING: &str = "conversation.merging";
/// There is a conversation that was made of others, which are gone; its external data tell which.
pub const MERGED: &str = "conversation.merged";
/// The kind of job that a merge causes.
pub const MERGE_JOB: &str = "merge_conversations";

/// Most conversations of one merge.
pub const MAXIMUM_MERGED: usize = 100;
/// Longest part of an unknown id that a refusal repeats, in characters.
const LONGEST_ID: usize = 100;
/// Between neighbours, without a warning.
const GAP: Duration = Duration::hours(1);
const AGAIN: &str = "reprocess";

/// Has completed conversations become one. Their order does not matter, nor does one that is named twice. With `again` the
/// whole is understood anew, else it has the title and overview of the earliest that has a title. Gives a warning if there
/// is much time between them.
pub async fn merge(
    db: &Db,
    outbox: &Outbox,
    caller: &Caller,
    named: &[String],
    again: bool,
) -> Result<Option<String>> {
    if named.len() < 2 {
        return Err(Error::invalid(
            "conversation_ids",
            "conversation_ids must name at least 2 conversations",
        ));
    }
    if named.len() > MAXIMUM_MERGED {
        return Err(Error::invalid(
            "conversation_ids",
            format!("conversation_ids must name at most {MAXIMUM_MERGED} conversations"),
        ));
    }
    let uid = &caller.uid;
    let wanted: Vec<Option<Uuid>> = named.iter().map(|id| id.parse().ok()).collect();
    let distinct: HashSet<_> = wanted.iter().flatten().copied().collect();
    let distinct: Vec<_> = distinct.into_iter().collect();
    let mut tx = db.begin().await?;
    let mut found = store::lock_mergeable(&mut tx, uid, &distinct).await?;
    for (name, id) in named.iter().zip(&wanted) {
        let Some(one) = id.and_then(|id| found.iter().find(|one| one.id == id)) else {
            let name: String = name.chars().take(LONGEST_ID).collect();
            return Err(Error::Absent(format!("Conversation {name}")));
        };
        if one.status != Status::Completed.as_str() {
            return Err(Error::BadRequest(format!(
                "Conversation {} is not ready (status: {}). Wait for it to complete.",
                one.id, one.status
            )));
        }
    }
    if distinct.len() < 2 {
        return Err(Error::invalid(
            "conversation_ids",
            "conversation_ids must name at least 2 different conversations",
        ));
    }
    let into = ids::new();
    store::mark_merging(&mut tx, uid, &distinct, into).await?;
    let detail = if again { AGAIN } else { "keep" };
    outbox
        .publish(&mut tx, &event(MERGING, uid, into, detail))
        .await?;
    tx.commit().await?;
    found.sort_by_key(|one| (one.started_at, one.id));
    let times = found.iter().map(|one| (one.started_at, one.finished_at));
    Ok(warning(&times.collect::<Vec<_>>()))
}

/// Names each gap of more than an hour between neighbours. `times`: start and end of each, in order.
fn warning(times: &[(DateTime<Utc>, DateTime<Utc>)]) -> Option<String> {
    let gaps: Vec<_> = times
        .windows(2)
        .map(|pair| pair[1].0 - pair[0].1)
        .filter(|gap| *gap > GAP)
        .map(|gap| format!("{:.1}h gap detected", seconds(gap) / 3600.0))
        .collect();
    (!gaps.is_empty()).then(|| gaps.join("; "))
}

fn seconds(time: Duration) -> f64 {
    time.as_seconds_f64()
}

/// Makes the whole of those that wait to become `into`; does nothing if none does. One that was deleted meanwhile is left
/// out, and if only one is left, that stays as it was. After the job's `last` failure all are as they were.
pub async fn run_merge(
    db: &Db,
    outbox: &Outbox,
    uid: &str,
    into: Uuid,
    detail: &serde_json::Value,
    last: bool,
) -> Result<()> {
    let again = detail == AGAIN;
    let outcome = merge_now(db, outbox, uid, into, again).await;
    if outcome.is_err() && last {
        release(db, outbox, uid, into).await?;
    }
    outcome
}

async fn merge_now(db: &Db, outbox: &Outbox, uid: &str, into: Uuid, again: bool) -> Result<()> {
    let mut tx = db.begin().await?;
    let sources = store::lock_merging(&mut tx, uid, into).await?;
    if sources.len() < 2 {
        drop(tx);
        return release(db, outbox, uid, into).await;
    }
    let mut parts = store::with_ids(&mut *tx, uid, &sources).await?;
    parts.sort_by_key(|part| (part.started_at, part.id));
    let ordered: Vec<_> = parts.iter().map(|part| part.id).collect();
    let ends = store::last_words(&mut tx, uid, &ordered).await?;
    let shifts = shifts(&parts, &ends.into_iter().collect());
    let (Some(first), Some(finished_at)) = (
        parts.first(),
        parts.iter().map(|part| part.finished_at).max(),
    ) else {
        return Ok(());
    };
    let told = parts
        .iter()
        .filter(|part| !part.structured.title.is_empty())
        .min_by_key(|part| part.discarded)
        .filter(|_| !again);
    let nothing = super::Structured {
        title: String::new(),
        overview: String::new(),
        emoji: "🧠".into(),
        category: "other".into(),
        action_items: Vec::new(),
        events: Vec::new(),
    };
    let details: Vec<_> = parts
        .iter()
        .map(|part| {
            serde_json::json!({"id": part.id, "started_at": part.started_at, "finished_at": part.finished_at,
                "source": part.source})
        })
        .collect();
    let whole = store::Whole {
        id: into,
        status: if again {
            Status::Processing
        } else {
            Status::Completed
        },
        source: &first.source,
        language: first.language.as_deref(),
        created_at: first.created_at,
        started_at: first.started_at,
        finished_at,
        discarded: parts.iter().all(|part| part.discarded),
        starred: parts.iter().any(|part| part.starred),
        visibility: strictest(&parts),
        geolocation: first.geolocation.as_ref(),
        external_data: serde_json::json!({"merge_metadata": {
            "merged_at": clock::now(),
            "source_conversation_ids": ordered,
            "source_details": details,
        }}),
        private_cloud_sync_enabled: parts.iter().any(|part| part.private_cloud_sync_enabled),
        structured: told.map_or(&nothing, |part| &part.structured),
        understood_by: told.and_then(|part| part.understood_by.as_deref()),
    };
    let shown = whole.visibility != "private";
    store::insert_whole(&mut tx, uid, whole).await?;
    if shown {
        share(&mut tx, uid, into).await?;
    }
    store::copy_segments(&mut tx, uid, into, &ordered, &shifts).await?;
    store::upsert_segments(&mut tx, uid, into, &written(&parts, &shifts)).await?;
    store::move_photos(&mut tx, uid, &ordered, into).await?;
    audio::reassign(&mut tx, uid, &ordered, into).await?;
    store::delete_all(&mut tx, uid, &ordered).await?;
    action_items::reassign(&mut tx, uid, &ordered, into).await?;
    memories::reassign(&mut tx, uid, &ordered, into).await?;
    for id in &ordered {
        outbox
            .publish(&mut tx, &event(DELETED, uid, *id, "merged"))
            .await?;
    }
    let next = if again {
        event(FINISHED, uid, into, "merged")
    } else {
        event(PROCESSED, uid, into, "completed")
    };
    outbox.publish(&mut tx, &next).await?;
    outbox
        .publish(&mut tx, &event(MERGED, uid, into, ""))
        .await?;
    tx.commit().await?;
    Ok(())
}

/// By how many seconds the segments of each move: behind all that was said before, and the pause. `ends`: when the last
/// word of each ends; one without words lasts from its start to its end.
fn shifts(parts: &[Conversation], ends: &HashMap<Uuid, f64>) -> Vec<f64> {
    let mut shifts = Vec::new();
    let mut running = 0.0;
    let mut finished = None;
    for part in parts {
        let pause = finished.map_or(0.0, |finished| seconds(part.started_at - finished).max(0.0));
        let shift = running + pause;
        running = shift + ends.get(&part.id).copied().unwrap_or_else(|| lasts(part));
        finished = Some(part.finished_at);
        shifts.push(shift);
    }
    shifts
}

fn lasts(part: &Conversation) -> f64 {
    seconds(part.finished_at - part.started_at).max(0.0)
}

/// A text that was brought becomes a segment of the user's, because the whole has no other place for it.
fn written(parts: &[Conversation], shifts: &[f64]) -> Vec<TranscriptSegment> {
    parts
        .iter()
        .zip(shifts)
        .filter_map(|(part, shift)| {
            let text = part.external_data.as_ref()?["text"].as_str()?;
            Some(TranscriptSegment {
                id: ids::new(),
                text: text.into(),
                is_user: true,
                start: *shift,
                end: shift + lasts(part),
                ..TranscriptSegment::default()
            })
        })
        .collect()
}

fn strictest(parts: &[Conversation]) -> &'static str {
    ["private", "shared"]
        .into_iter()
        .find(|name| parts.iter().any(|part| part.visibility == *name))
        .unwrap_or("public")
}

async fn release(db: &Db, outbox: &Outbox, uid: &str, into: Uuid) -> Result<()> {
    let mut tx = db.begin().await?;
    for id in store::release(&mut tx, uid, into).await? {
        outbox
            .publish(&mut tx, &event(PROCESSED, uid, id, "completed"))
            .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Gives up merges that have waited for an hour: their jobs were lost with servers that were killed in the middle of them,
/// time after time.
pub async fn release_stale(db: &Db, outbox: &Outbox, limit: i64) -> Result<()> {
    for (uid, into) in store::stale_merges(db, clock::now() - GAP, limit).await? {
        tracing::warn!(conversation = %into, "a merge had waited for an hour: it is given up");
        release(db, outbox, &uid, into).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn gaps_of_more_than_an_hour_are_told() {
        let at = |text: &str| format!("2026-01-31T{text}:00Z").parse().unwrap();
        let first = (at("09:00"), at("09:10"));
        assert_eq!(warning(&[first, (at("10:10"), at("10:20"))]), None);
        assert_eq!(warning(&[first, (at("09:05"), at("09:20"))]), None);
        let told = warning(&[
            first,
            (at("10:40"), at("11:00")),
            (at("11:30"), at("11:40")),
            (at("15:00"), at("15:10")),
        ]);
        assert_eq!(told.unwrap(), "1.5h gap detected; 3.3h gap detected");
    }
}
