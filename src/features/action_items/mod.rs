//! Things a user wants to get done.

mod input;
mod model;
mod proposed;
mod scores;
mod sharing;
mod store;
mod sync;

pub use input::{ActionItemChanges, NewActionItem};
pub use model::{ActionItem, Filter, Manner, Position, Shared, SharedTask};
pub use proposed::{Proposal, put_back_of_conversations, put_back_of_screen, take_up};
pub use scores::{Score, Scores, scores};
pub use sharing::{accept, share, shared};
pub use sync::{apply_synced, arrange, to_sync};

use std::{
    collections::{HashMap, HashSet},
    slice,
};

use anyhow::anyhow;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    features::{credentials::Caller, lenient},
    platform::{clock, database::Db, ids},
};

/// Longest description, in characters.
pub const MAXIMUM_DESCRIPTION: usize = 500;

/// A page of the caller's action items, cut by newest first (by due date when the filter bounds it)
/// and then sorted: due soonest first, those without a due date last. The flag tells whether more follow.
pub async fn list(
    db: &Db,
    caller: &Caller,
    filter: &Filter,
    limit: i64,
    offset: i64,
) -> Result<(Vec<ActionItem>, bool)> {
    let mut items = store::list(db, &caller.uid, filter, limit + 1, offset).await?;
    let more = items.len() as i64 > limit;
    items.truncate(limit as usize);
    items.sort_by(|a, b| {
        let due = |item: &ActionItem| item.due_at.unwrap_or(DateTime::<Utc>::MAX_UTC);
        due(a).cmp(&due(b)).then(b.created_at.cmp(&a.created_at))
    });
    Ok((items, more))
}

/// The open ones that are due soonest, then those without a time, and whether there are more.
pub async fn soonest(db: &Db, uid: &str, most: usize) -> Result<(Vec<ActionItem>, bool)> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
    let mut items = store::soonest(db, uid, limit).await?;
    let more = items.len() > most;
    items.truncate(most);
    Ok((items, more))
}

pub async fn get(db: &Db, caller: &Caller, id: Uuid) -> Result<ActionItem> {
    store::get(db, &caller.uid, id)
        .await?
        .ok_or(Error::NotFound("Action item"))
}

/// Those of these ids that there are, in any order.
pub async fn of_ids(db: &Db, uid: &str, ids: &[Uuid]) -> Result<Vec<ActionItem>> {
    Ok(store::of_ids(db, uid, ids).await?)
}

/// With an id that the caller has already, the stored item comes back as it is.
pub async fn create(
    db: &Db,
    caller: &Caller,
    id: Uuid,
    new: NewActionItem,
    manner: Manner,
) -> Result<ActionItem> {
    let now = clock::now();
    let item = new.into_item(id, manner, now)?;
    let mut stored = if manner == Manner::Lenient {
        let mut tx = db.begin().await?;
        store::lock_creating(&mut tx, &caller.uid).await?;
        let twin = store::twin(&mut tx, &caller.uid, &item, now - lenient::AGAIN).await?;
        let stored = match twin {
            Some(twin) => vec![twin],
            None => store::insert(&mut *tx, &caller.uid, slice::from_ref(&item)).await?,
        };
        tx.commit().await?;
        stored
    } else {
        store::insert(db, &caller.uid, slice::from_ref(&item)).await?
    };
    stored
        .pop()
        .ok_or_else(|| anyhow!("an action item was not stored").into())
}

/// Several, all of them or none; answers in the same order. Of an id that the caller has already comes the stored item.
pub async fn create_all(
    db: &Db,
    caller: &Caller,
    new: Vec<(Uuid, NewActionItem)>,
    manner: Manner,
) -> Result<Vec<ActionItem>> {
    let most = manner.most();
    if new.len() > most {
        return Err(Error::invalid(
            "action_items",
            format!("action_items must hold at most {most}"),
        ));
    }
    let now = clock::now();
    let item = |(index, (id, new)): (usize, (Uuid, NewActionItem))| {
        new.into_item(id, manner, now)
            .map_err(|error| error.in_item("action_items", index))
    };
    let items: Vec<_> = new
        .into_iter()
        .enumerate()
        .map(item)
        .collect::<Result<_>>()?;
    if items.is_empty() {
        return Ok(items);
    }
    let stored = store::insert(db, &caller.uid, &items).await?;
    let mut stored: HashMap<_, _> = stored.into_iter().map(|item| (item.id, item)).collect();
    Ok(items
        .iter()
        .filter_map(|item| stored.remove(&item.id))
        .collect())
}

/// Changes what is given.
pub async fn update(
    db: &Db,
    caller: &Caller,
    id: Uuid,
    changes: ActionItemChanges,
    manner: Manner,
) -> Result<ActionItem> {
    let changes = changes.checked(manner)?;
    store::update(db, &caller.uid, id, &changes, manner, clock::now())
        .await?
        .ok_or(Error::NotFound("Action item"))
}

pub async fn delete(db: &Db, caller: &Caller, id: Uuid) -> Result<()> {
    if store::delete(db, &caller.uid, id).await? {
        Ok(())
    } else {
        Err(Error::NotFound("Action item"))
    }
}

/// The action items of several conversations, oldest first.
pub async fn of_conversations(
    db: impl PgExecutor<'_>,
    uid: &str,
    conversation_ids: &[Uuid],
) -> Result<Vec<ActionItem>> {
    Ok(store::of_conversations(db, uid, conversation_ids).await?)
}

/// The caller's open items that anybody touched since then, newest first, at most 500, without those of one conversation.
pub async fn open_since(
    db: impl PgExecutor<'_>,
    uid: &str,
    since: DateTime<Utc>,
    except: Uuid,
) -> Result<Vec<ActionItem>> {
    Ok(store::open_since(db, uid, since, except).await?)
}

/// An action item found in a conversation.
#[derive(Clone, Debug)]
pub struct Found {
    pub description: String,
    pub due_at: Option<DateTime<Utc>>,
}

/// Until the end of `tx` nobody else stores what is found in conversations of this user.
pub async fn lock_found(tx: &mut PgConnection, uid: &str) -> Result<()> {
    Ok(store::lock_found(tx, uid).await?)
}

/// Replaces what an earlier pass found in this conversation; an empty list changes nothing. What the user completed,
/// exported or changed stays, and is not found again, also not under its former description. The conversation's row must
/// be locked: one at a time writes several rows of a conversation, so no two wait for each other.
pub async fn replace_found(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    found: Vec<Found>,
    now: DateTime<Utc>,
) -> Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    let kept = store::clear_found(&mut *tx, uid, conversation_id).await?;
    let items: Vec<_> = without(found, &kept)
        .map(|item| ActionItem {
            id: ids::new(),
            description: item.description,
            due_at: item.due_at,
            conversation_id: Some(conversation_id),
            created_at: now,
            updated_at: now,
            ..ActionItem::default()
        })
        .collect();
    store::insert_found(tx, uid, conversation_id, &items).await?;
    Ok(())
}

/// What was found, but for what is kept already: the same words, whatever their case.
fn without(found: Vec<Found>, kept: &[String]) -> impl Iterator<Item = Found> {
    let words = |text: &str| text.trim().to_lowercase();
    let kept: HashSet<_> = kept.iter().map(|description| words(description)).collect();
    found
        .into_iter()
        .filter(move |item| !kept.contains(&words(&item.description)))
}

/// The action items of these conversations become those of another. Their rows must be locked or gone.
pub async fn reassign(
    tx: &mut PgConnection,
    uid: &str,
    conversation_ids: &[Uuid],
    into: Uuid,
) -> Result<()> {
    Ok(store::reassign(tx, uid, conversation_ids, into).await?)
}

/// Removes the action items of this conversation, whose row must be locked or gone.
pub async fn delete_of_conversation(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
) -> Result<()> {
    Ok(store::delete_of_conversation(tx, uid, conversation_id).await?)
}

/// Completes or reopens the items of a conversation that have these words, by the value at the same place; as the user does.
/// The conversation's row must be locked. Words are named once.
pub async fn complete_named(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    words: &[String],
    completed: &[bool],
    now: DateTime<Utc>,
) -> Result<()> {
    Ok(store::complete_named(tx, uid, conversation_id, words, completed, now).await?)
}

/// Gives the items of a conversation that have these words others, as the user does. False: there is none. The conversation's
/// row must be locked.
pub async fn rename(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    words: &str,
    description: &str,
    now: DateTime<Utc>,
) -> Result<bool> {
    Ok(store::rename(tx, uid, conversation_id, words, description, now).await?)
}

/// Removes the items of a conversation that have these words. The conversation's row must be locked.
pub async fn delete_named(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    words: &str,
) -> Result<()> {
    Ok(store::delete_named(tx, uid, conversation_id, words).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_not_found_again() {
        let found = ["Call Zoë", "call the dentist ", "Call"].map(|description| Found {
            description: description.into(),
            due_at: None,
        });
        let kept = [" call ZOË".into(), "Call the dentist".into()];
        let left: Vec<_> = without(found.into(), &kept)
            .map(|item| item.description)
            .collect();
        assert_eq!(left, ["Call"]);
    }
}
