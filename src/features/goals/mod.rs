//! What a user wants to reach, how far they are, and how it went day by day.

mod input;
mod model;
mod store;

pub use input::{GoalChanges, NewGoal};
pub use model::{Goal, GoalType, Progress};

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    features::{credentials::Caller, lenient},
    platform::{clock, database::Db},
};

/// Longest title, in characters.
pub const MAXIMUM_TITLE: usize = 500;
/// Longest unit, in characters.
pub const MAXIMUM_UNIT: usize = 100;

/// The caller's active goals, oldest first; with `include_inactive` all, newest first.
pub async fn list(
    db: &Db,
    caller: &Caller,
    include_inactive: bool,
    limit: i64,
) -> Result<Vec<Goal>> {
    if include_inactive {
        Ok(store::list_all(db, &caller.uid, limit).await?)
    } else {
        Ok(store::list_active(db, &caller.uid, limit).await?)
    }
}

pub async fn get(db: &Db, caller: &Caller, id: &str) -> Result<Goal> {
    let found = store::get(db, &caller.uid, possible(id)?).await?;
    found.ok_or(ABSENT)
}

/// What the same goal again is within seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twins {
    /// Another goal.
    AreTwo,
    /// The goal that is there: the request came twice.
    AreOne,
}

/// Sets a goal. Its id follows from `uuid`: the same again gives what is stored. At most `most` goals are active: the
/// oldest make room.
pub async fn create(
    db: &Db,
    caller: &Caller,
    uuid: Uuid,
    new: NewGoal,
    most: u32,
    twins: Twins,
) -> Result<Goal> {
    let new = new.checked()?;
    let id = model::id(uuid);
    let mut tx = db.begin().await?;
    store::lock_creating(&mut tx, &caller.uid).await?;
    // Taken under the lock, so that goals stand in the order in which they are made.
    let now = clock::now();
    if twins == Twins::AreOne
        && let Some(twin) = store::twin(&mut tx, &caller.uid, &new, now - lenient::AGAIN).await?
    {
        return Ok(twin);
    }
    let goal = match store::insert(&mut tx, &caller.uid, &id, &new, now).await? {
        Some(goal) => {
            store::end_oldest(&mut tx, &caller.uid, &id, i64::from(most) - 1, now).await?;
            goal
        }
        None => store::get(&mut *tx, &caller.uid, &id)
            .await?
            .ok_or(ABSENT)?,
    };
    tx.commit().await?;
    Ok(goal)
}

/// Changes what is given; at least one field must be. The history stays as it is.
pub async fn update(db: &Db, caller: &Caller, id: &str, changes: GoalChanges) -> Result<Goal> {
    let changes = changes.checked()?;
    let changed = store::update(db, &caller.uid, possible(id)?, &changes, clock::now()).await?;
    changed.ok_or(ABSENT)
}

/// Notes how far the caller is. The history keeps the last value of each day of UTC.
pub async fn progress(db: &Db, caller: &Caller, id: &str, current_value: f64) -> Result<Goal> {
    if !current_value.is_finite() {
        return Err(Error::invalid_parameter(
            "current_value",
            "current_value must be a finite number",
        ));
    }
    let noted =
        store::progress(db, &caller.uid, possible(id)?, current_value, clock::now()).await?;
    noted.ok_or(ABSENT)
}

/// The user's active goals, oldest first.
pub async fn active(db: &Db, uid: &str) -> Result<Vec<Goal>> {
    Ok(store::list_active(db, uid, 100).await?)
}

/// Notes progress that was heard of, goals each once, as `progress` does. A goal that is gone or no longer active is left alone.
pub async fn heard(tx: &mut PgConnection, uid: &str, values: &[(String, f64)]) -> Result<()> {
    if !values.is_empty() {
        store::heard(tx, uid, values, clock::now()).await?;
    }
    Ok(())
}

/// The newest `days` entries, newest first; days without progress have none. Of an absent goal: nothing.
pub async fn history(db: &Db, caller: &Caller, id: &str, days: i64) -> Result<Vec<Progress>> {
    match possible(id) {
        Ok(id) => Ok(store::history(db, &caller.uid, id, days).await?),
        Err(_) => Ok(Vec::new()),
    }
}

/// Deletes a goal and its history.
pub async fn delete(db: &Db, caller: &Caller, id: &str) -> Result<()> {
    if store::delete(db, &caller.uid, possible(id)?).await? {
        Ok(())
    } else {
        Err(ABSENT)
    }
}

const ABSENT: Error = Error::NotFound("Goal");

/// What no goal has as its id is absent, whatever characters it holds.
fn possible(id: &str) -> Result<&str> {
    if model::is_id(id) {
        Ok(id)
    } else {
        Err(ABSENT)
    }
}
