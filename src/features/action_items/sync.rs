//! Action items and other lists: the order that the app shows, and task apps on the phone.

use std::collections::HashMap;

use uuid::Uuid;

use super::{ActionItem, ActionItemChanges, Manner, Position, input, store};
use crate::{
    error::{Error, Result},
    features::credentials::Caller,
    platform::{clock, database::Db},
};

/// The platform that only the phone can reach.
const ON_THE_PHONE: &str = "apple_reminders";
const MOST_TO_SYNC: i64 = 50;
const MOST_EXPORTED: i64 = 100;
/// Most items that one request puts into order.
const MOST_ARRANGED: usize = 500;
/// Most items that one request brings back.
const MOST_SYNCED: usize = 100;

/// What the phone is to send to its task app, newest first; and what it has sent there, last changed first.
pub async fn to_sync(db: &Db, caller: &Caller) -> Result<(Vec<ActionItem>, Vec<ActionItem>)> {
    let pending = store::to_sync(db, &caller.uid, MOST_TO_SYNC).await?;
    let synced = store::exported(db, &caller.uid, ON_THE_PHONE, MOST_EXPORTED).await?;
    Ok((pending, synced))
}

/// Puts items into the order that the user wants. Absent ones are skipped; of two positions of one item the last counts.
pub async fn arrange(db: &Db, caller: &Caller, positions: Vec<Position>) -> Result<()> {
    bounded(positions.len(), MOST_ARRANGED)?;
    for (index, position) in positions.iter().enumerate() {
        input::indented(position.indent_level).map_err(|error| error.in_item("items", index))?;
    }
    let wanted: HashMap<Uuid, Position> = positions
        .into_iter()
        .filter(|position| position.sort_order.is_some() || position.indent_level.is_some())
        .map(|position| (position.id, position))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let wanted: Vec<_> = wanted.into_values().collect();
    Ok(store::arrange(db, &caller.uid, &wanted, clock::now()).await?)
}

/// Takes over what became of items in the phone's task app; gives how many changed. Absent ones are skipped, and of two
/// changes of one item the last counts. None of these changes takes a date away.
pub async fn apply_synced(
    db: &Db,
    caller: &Caller,
    changes: Vec<(Uuid, ActionItemChanges)>,
) -> Result<u64> {
    bounded(changes.len(), MOST_SYNCED)?;
    let mut wanted = HashMap::new();
    for (index, (id, change)) in changes.into_iter().enumerate() {
        let change = change
            .checked(Manner::Lenient)
            .map_err(|error| error.in_item("items", index))?;
        let says_something = change.description.is_some()
            || change.completed.is_some()
            || change.due_at.flatten().is_some()
            || change.exported.is_some()
            || change.export_platform.is_some()
            || change.apple_reminder_id.is_some();
        if says_something {
            wanted.insert(id, change);
        }
    }
    if wanted.is_empty() {
        return Ok(0);
    }
    let wanted: Vec<_> = wanted.into_iter().collect();
    Ok(store::apply_synced(db, &caller.uid, &wanted, clock::now()).await?)
}

fn bounded(given: usize, most: usize) -> Result<()> {
    if given <= most {
        Ok(())
    } else {
        Err(Error::invalid(
            "items",
            format!("items must hold at most {most}"),
        ))
    }
}
