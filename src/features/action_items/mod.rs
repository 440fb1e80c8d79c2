//! Things a user wants to get done.

mod model;
mod store;

pub use model::{ActionItem, Filter};

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{error::Result, features::credentials::Caller, platform::ids};

/// A page of the caller's action items, cut by newest first (by due date when the filter bounds it)
/// and then sorted: due soonest first, those without a due date last. The flag tells whether more follow.
pub async fn list(
    db: &PgPool,
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

/// The action items of several conversations, oldest first.
pub async fn of_conversations(
    db: &PgPool,
    uid: &str,
    conversation_ids: &[Uuid],
) -> Result<Vec<ActionItem>> {
    Ok(store::of_conversations(db, uid, conversation_ids).await?)
}

/// An action item found in a conversation.
pub struct Found {
    pub description: String,
    pub due_at: Option<DateTime<Utc>>,
}

/// Replaces what an earlier pass found in this conversation; an empty list changes nothing.
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
    let items: Vec<_> = found
        .into_iter()
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
    store::replace_found(tx, uid, conversation_id, &items).await?;
    Ok(())
}

/// Removes the action items of this conversation.
pub async fn delete_of_conversation(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
) -> Result<()> {
    Ok(store::delete_of_conversation(tx, uid, conversation_id).await?)
}
