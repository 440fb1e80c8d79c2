//! Entries of calendars that the desktop app reads, and the conversations that were held in them.

mod input;
mod model;
mod store;

pub use input::NewMeeting;
pub use model::{Meeting, Participant};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    features::credentials::Caller,
    platform::{clock, database::Db, ids},
};

/// A conversation that began so long before or after a meeting still was held in it.
const NEAR: TimeDelta = TimeDelta::minutes(2);

/// Stores a meeting, or replaces what is known of it; its id.
pub async fn put(db: &Db, caller: &Caller, new: NewMeeting) -> Result<Uuid> {
    let new = new.checked()?;
    Ok(store::put(db, &caller.uid, ids::new(), &new, clock::now()).await?)
}

pub async fn get(db: &Db, caller: &Caller, id: Uuid) -> Result<Meeting> {
    store::get(db, &caller.uid, id)
        .await?
        .ok_or(Error::NotFound("Meeting"))
}

/// Meetings that begin between these instants, which count too; the last first.
pub async fn list(
    db: &Db,
    caller: &Caller,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    limit: i64,
) -> Result<Vec<Meeting>> {
    Ok(store::list(db, &caller.uid, from, to, limit).await?)
}

/// The user's meeting in which something began; of several the one that begins nearest to it.
pub async fn held_at(db: &Db, uid: &str, at: DateTime<Utc>) -> Result<Option<Meeting>> {
    Ok(store::held_at(db, uid, at, at - NEAR, at + NEAR).await?)
}
