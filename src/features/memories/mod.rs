//! Lasting facts about a user.

mod model;
mod store;

pub use model::{CATEGORIES, Memory, NewMemory};

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    features::credentials::Caller,
    platform::clock,
};

/// Longest content, in characters.
pub const MAXIMUM_CONTENT: usize = 500;

/// A page of the caller's memories, in list order. Rejected ones are hidden.
pub async fn list(
    db: &PgPool,
    caller: &Caller,
    categories: Option<&[String]>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Memory>> {
    Ok(store::list(db, &caller.uid, categories, limit, offset).await?)
}

/// Stores a memory that the user states. The id follows from the content, so the same text again
/// replaces the earlier row.
pub async fn create(db: &PgPool, caller: &Caller, new: NewMemory) -> Result<Memory> {
    let content = new.content.trim();
    if content.is_empty() {
        return Err(Error::invalid("content", "content cannot be empty"));
    }
    if content.chars().count() > MAXIMUM_CONTENT {
        return Err(Error::invalid(
            "content",
            format!("content must have at most {MAXIMUM_CONTENT} characters"),
        ));
    }
    if let Some(category) = &new.category
        && !CATEGORIES.contains(&category.as_str())
    {
        return Err(Error::invalid(
            "category",
            format!("category must be one of: {}", CATEGORIES.join(", ")),
        ));
    }
    if !matches!(new.visibility.as_str(), "private" | "public") {
        return Err(Error::invalid(
            "visibility",
            "visibility must be 'public' or 'private'",
        ));
    }
    let category = new.category.unwrap_or_else(|| "interesting".into());
    let memory = Memory::stated(content, category, new.visibility, new.tags, clock::now());
    store::put(db, &caller.uid, &memory).await?;
    Ok(memory)
}

/// A memory found in a conversation: content and category.
pub struct Found {
    pub content: String,
    pub category: String,
}

/// Replaces what an earlier pass found in this conversation. What the user stated, edited or judged
/// is never touched.
pub async fn replace_found(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    found: Vec<Found>,
    now: DateTime<Utc>,
) -> Result<()> {
    let memories: Vec<_> = found
        .into_iter()
        .map(|fact| Memory::found(&fact.content, fact.category, conversation_id, now))
        .collect();
    store::replace_found(tx, uid, conversation_id, &memories).await?;
    Ok(())
}
