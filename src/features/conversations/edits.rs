//! What a user changes by hand. Nothing is derived anew from it; search follows what texts say by itself.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{MAXIMUM_SEGMENT_TEXT, MAXIMUM_TITLE, store};
use crate::{
    error::{Error, Result},
    features::{credentials::Caller, lenient},
    platform::database::Db,
};

/// Longest overview, in characters.
pub const MAXIMUM_OVERVIEW: usize = 10_000;

pub(super) const ABSENT: Error = Error::NotFound("Conversation");

/// How many of the caller's conversations have one of these statuses; none is named: any.
pub async fn count(
    db: &Db,
    caller: &Caller,
    statuses: Option<&[String]>,
    include_discarded: bool,
) -> Result<i64> {
    Ok(store::count(db, &caller.uid, statuses, include_discarded).await?)
}

/// An empty title is one that understanding fills in.
pub async fn set_title(db: &Db, caller: &Caller, id: Uuid, title: &str) -> Result<()> {
    let title = title.trim();
    if title.chars().count() > MAXIMUM_TITLE {
        let text = format!("title must have at most {MAXIMUM_TITLE} characters");
        return Err(Error::invalid_parameter("title", text));
    }
    or_absent(store::change(db, &caller.uid, id, Some(title), None).await?)
}

/// Replaces the overview, or what an app wrote of the conversation.
pub async fn set_summary(
    db: &Db,
    caller: &Caller,
    id: Uuid,
    app_id: Option<&str>,
    content: &str,
) -> Result<()> {
    let content = lenient::text("content", content, MAXIMUM_OVERVIEW)?;
    if app_id.is_none() {
        return or_absent(store::set_overview(db, &caller.uid, id, &content).await?);
    }
    // Apps do not write summaries here.
    or_absent(store::standing(db, &caller.uid, id).await?.is_some())?;
    Err(Error::NotThere(
        "App summary not found for this conversation",
    ))
}

/// Corrects what was said. Translations of it are gone then.
pub async fn set_segment_text(
    db: &Db,
    caller: &Caller,
    id: Uuid,
    segment_id: &str,
    text: &str,
) -> Result<()> {
    let text = lenient::text("text", text, MAXIMUM_SEGMENT_TEXT)?;
    let uid = &caller.uid;
    let mut tx = db.begin().await?;
    or_absent(store::lock(&mut tx, uid, id).await?)?;
    let changed = match segment_id.parse() {
        Ok(segment) => store::set_text(&mut tx, uid, id, segment, &text).await?,
        Err(_) => false,
    };
    if !changed {
        return Err(Error::NotFound("Segment"));
    }
    tx.commit().await?;
    Ok(())
}

pub async fn set_starred(db: &Db, caller: &Caller, id: Uuid, starred: bool) -> Result<()> {
    or_absent(store::set_starred(db, &caller.uid, id, starred).await?)
}

/// Notes which events were put into a calendar: of each index the value at the same place. An index without an event does
/// not count.
pub async fn set_events_created(
    db: &Db,
    caller: &Caller,
    id: Uuid,
    indexes: &[i64],
    values: &[bool],
) -> Result<()> {
    let uid = &caller.uid;
    let pairs = paired("events_idx", indexes, values)?;
    let mut tx = db.begin().await?;
    let mut events = store::lock_events(&mut tx, uid, id).await?.ok_or(ABSENT)?;
    for (index, created) in pairs {
        if let Some(event) = index.and_then(|index| events.get_mut(index)) {
            event.created = created;
        }
    }
    store::set_events(&mut tx, uid, id, &events).await?;
    tx.commit().await?;
    Ok(())
}

/// Each index with its value. None: nothing can be at that index.
pub(super) fn paired<'a>(
    name: &str,
    indexes: &'a [i64],
    values: &'a [bool],
) -> Result<impl Iterator<Item = (Option<usize>, bool)> + use<'a>> {
    if values.len() < indexes.len() {
        let text = format!("values must hold one for each of {name}");
        return Err(Error::invalid("values", text));
    }
    let indexes = indexes.iter().map(|index| usize::try_from(*index).ok());
    Ok(indexes.zip(values.iter().copied()))
}

/// Puts these conversations into a folder, which must be locked, or into none. Gives how many there are.
pub async fn put_into(
    tx: &mut PgConnection,
    uid: &str,
    ids: &[Uuid],
    folder_id: Option<&str>,
) -> Result<u64> {
    Ok(store::put_into(tx, uid, ids, folder_id).await?)
}

/// What lies in one folder lies in another from now on, or in none.
pub async fn empty_folder(
    tx: &mut PgConnection,
    uid: &str,
    from: &str,
    into: Option<&str>,
) -> Result<()> {
    Ok(store::empty_folder(tx, uid, from, into).await?)
}

pub(super) fn or_absent(there: bool) -> Result<()> {
    if there { Ok(()) } else { Err(ABSENT) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_index_has_its_value() {
        let pairs = |indexes: &[i64], values: &[bool]| {
            paired("items_idx", indexes, values).map(|pairs| pairs.collect::<Vec<_>>())
        };
        assert_eq!(
            pairs(&[2, -1, 0], &[true, true, false, true]).unwrap(),
            [(Some(2), true), (None, true), (Some(0), false)]
        );
        assert!(pairs(&[], &[]).unwrap().is_empty());
        pairs(&[0, 1], &[true]).unwrap_err();
    }
}
