//! What the desktop app keeps: where the user's attention was, what it advised, and tasks that it proposes.

mod advice;
mod focus;
mod staged;
mod store;

pub use advice::{Advice, AdviceChanges, NewAdvice};
pub use focus::{Distraction, FocusSession, FocusStats, FocusStatus, NewFocusSession};
pub use staged::{
    NewStagedTask, PromotedTask, StagedTask, delete_staged, promote, score_staged, stage,
    stage_of_conversations, stage_of_screen, staged,
};

use chrono::NaiveDate;
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    features::credentials::Caller,
    platform::{clock, database::Db},
};

/// With an id that the caller has already, the stored session comes back as it is.
pub async fn note_focus(
    db: &Db,
    caller: &Caller,
    id: Uuid,
    new: NewFocusSession,
) -> Result<FocusSession> {
    let new = new.checked()?;
    Ok(store::insert_focus(db, &caller.uid, id, &new, clock::now()).await?)
}

/// The caller's sessions, of a day of UTC or of all, newest first.
pub async fn focus_sessions(
    db: &Db,
    caller: &Caller,
    day: Option<NaiveDate>,
    limit: i64,
    offset: i64,
) -> Result<Vec<FocusSession>> {
    let (from, to) = days(day);
    Ok(store::focus(db, &caller.uid, from, to, limit, offset).await?)
}

/// Whether there was one does not matter.
pub async fn delete_focus(db: &Db, caller: &Caller, id: Uuid) -> Result<()> {
    Ok(store::delete_focus(db, &caller.uid, id).await?)
}

/// Sums of a day of UTC, or of the newest 5000 sessions under the date of today.
pub async fn focus_stats(db: &Db, caller: &Caller, day: Option<NaiveDate>) -> Result<FocusStats> {
    let (from, to) = days(day);
    let sums = store::focus_sums(db, &caller.uid, from, to).await?;
    Ok(FocusStats {
        date: day.unwrap_or_else(|| clock::now().date_naive()),
        focused_minutes: sums.focused_seconds / 60,
        distracted_minutes: sums.distracted_seconds / 60,
        session_count: sums.focused + sums.distracted,
        focused_count: sums.focused,
        distracted_count: sums.distracted,
        top_distractions: store::distractions(db, &caller.uid, from, to).await?,
    })
}

type Bound = Option<chrono::DateTime<chrono::Utc>>;

/// A day of UTC; its end is not part of it.
fn days(day: Option<NaiveDate>) -> (Bound, Bound) {
    let midnight = |day: NaiveDate| Some(day.and_hms_opt(0, 0, 0)?.and_utc());
    (
        day.and_then(midnight),
        day.and_then(|day| midnight(day.succ_opt()?)),
    )
}

pub async fn advise(db: &Db, caller: &Caller, id: Uuid, new: NewAdvice) -> Result<Advice> {
    let new = new.checked()?;
    Ok(store::insert_advice(db, &caller.uid, id, &new, clock::now()).await?)
}

/// What was advised, newest first; what the user dismissed only if it is asked for.
pub async fn advice(
    db: &Db,
    caller: &Caller,
    category: Option<&str>,
    include_dismissed: bool,
    limit: i64,
    offset: i64,
) -> Result<Vec<Advice>> {
    Ok(store::advice(db, &caller.uid, category, include_dismissed, limit, offset).await?)
}

pub async fn change_advice(
    db: &Db,
    caller: &Caller,
    id: Uuid,
    changes: AdviceChanges,
) -> Result<Advice> {
    store::change_advice(db, &caller.uid, id, changes, clock::now())
        .await?
        .ok_or(Error::NotFound("Advice"))
}

/// Whether there was any does not matter.
pub async fn delete_advice(db: &Db, caller: &Caller, id: Uuid) -> Result<()> {
    Ok(store::delete_advice(db, &caller.uid, id).await?)
}

/// How many were unread.
pub async fn read_all_advice(db: &Db, caller: &Caller) -> Result<u64> {
    Ok(store::read_all_advice(db, &caller.uid, clock::now()).await?)
}
