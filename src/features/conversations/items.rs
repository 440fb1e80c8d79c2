//! The action items of one conversation, as its page shows them: by their place in the list or by what they say. Those with
//! the same words are one there.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{
    edits::{or_absent, paired},
    store,
};
use crate::{
    error::{Error, Result},
    features::{
        action_items::{self, ActionItem, MAXIMUM_DESCRIPTION},
        credentials::Caller,
        lenient,
    },
    platform::{clock, database::Db},
};

/// Longest part of unknown words that a refusal repeats, in characters.
const LONGEST_TOLD: usize = 100;

/// In the order in which the conversation shows them.
pub async fn items(db: &Db, caller: &Caller, id: Uuid) -> Result<Vec<ActionItem>> {
    or_absent(store::standing(db, &caller.uid, id).await?.is_some())?;
    action_items::of_conversations(db, &caller.uid, &[id]).await
}

/// Completes or reopens the items at these places: of each index the value at the same place. An index without an item does
/// not count.
pub async fn complete_items(
    db: &Db,
    caller: &Caller,
    id: Uuid,
    indexes: &[i64],
    values: &[bool],
) -> Result<()> {
    let uid = &caller.uid;
    let pairs = paired("items_idx", indexes, values)?;
    let mut tx = db.begin().await?;
    or_absent(store::lock(&mut tx, uid, id).await?)?;
    let known = action_items::of_conversations(&mut *tx, uid, &[id]).await?;
    let mut changes = BTreeMap::new();
    for (index, completed) in pairs {
        if let Some(item) = index.and_then(|index| known.get(index)) {
            changes.insert(item.description.clone(), completed);
        }
    }
    let (words, completed): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
    action_items::complete_named(&mut tx, uid, id, &words, &completed, clock::now()).await?;
    tx.commit().await?;
    Ok(())
}

/// Gives the items that say `old` other words.
pub async fn rename_item(
    db: &Db,
    caller: &Caller,
    id: Uuid,
    old: &str,
    description: &str,
) -> Result<()> {
    let uid = &caller.uid;
    let description = lenient::text("description", description, MAXIMUM_DESCRIPTION)?;
    let mut tx = db.begin().await?;
    or_absent(store::lock(&mut tx, uid, id).await?)?;
    let now = clock::now();
    if !action_items::rename(&mut tx, uid, id, old, &description, now).await? {
        let old: String = old.chars().take(LONGEST_TOLD).collect();
        return Err(Error::Absent(format!(
            "Action item with description '{old}'"
        )));
    }
    tx.commit().await?;
    Ok(())
}

/// Removes the items that say this, or all.
pub async fn delete_items(
    db: &Db,
    caller: &Caller,
    id: Uuid,
    description: Option<&str>,
) -> Result<()> {
    let uid = &caller.uid;
    let mut tx = db.begin().await?;
    or_absent(store::lock(&mut tx, uid, id).await?)?;
    match description {
        Some(words) => action_items::delete_named(&mut tx, uid, id, words).await?,
        None => action_items::delete_of_conversation(&mut tx, uid, id).await?,
    }
    tx.commit().await?;
    Ok(())
}
