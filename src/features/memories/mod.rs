//! Lasting facts about a user.

mod brought;
mod model;
mod store;

pub use brought::{Brought, BroughtMemory, MAXIMUM_BROUGHT, add_found, bring, check_brought};
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
/// Most tags of a memory.
pub const MAXIMUM_TAGS: usize = 50;
/// Longest tag, in characters.
pub const MAXIMUM_TAG: usize = 100;

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

/// What becomes of the memory that already has the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// All of it is replaced: the later writer is right.
    Replaced,
    /// It counts as stated from now on and takes the category, if one is given; the rest stays.
    Kept,
}

/// Stores a memory that the user states. The id follows from the content. `guess` is the category of a new memory that
/// comes without one.
pub async fn state(
    db: &PgPool,
    caller: &Caller,
    mut new: NewMemory,
    guess: &str,
    existing: Existing,
) -> Result<Memory> {
    new.content = new.content.trim().into();
    check(&new)?;
    let mut tx = db.begin().await?;
    let now = clock::now();
    let given = new.category.is_some();
    let category = new.category.unwrap_or_else(|| guess.into());
    let mut memory = Memory::stated(&new.content, category, new.visibility, new.tags, now);
    if existing == Existing::Kept
        && let Some(earlier) = store::lock(&mut tx, &caller.uid, memory.id).await?
    {
        let category = given.then_some(memory.category);
        memory = earlier.stated_again(category, now);
    }
    store::put(&mut tx, &caller.uid, &memory).await?;
    tx.commit().await?;
    Ok(memory)
}

fn check(new: &NewMemory) -> Result<()> {
    if new.content.is_empty() {
        return Err(Error::invalid("content", "content cannot be empty"));
    }
    if new.content.chars().count() > MAXIMUM_CONTENT {
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
    if new.tags.len() > MAXIMUM_TAGS {
        return Err(Error::invalid(
            "tags",
            format!("tags must hold at most {MAXIMUM_TAGS}"),
        ));
    }
    let fits = |tag: &String| (1..=MAXIMUM_TAG).contains(&tag.chars().count());
    if !new.tags.iter().all(fits) {
        return Err(Error::invalid(
            "tags",
            format!("tags must have 1 to {MAXIMUM_TAG} characters each"),
        ));
    }
    Ok(())
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

/// Removes what was found in this conversation, unless the user stated it too.
pub async fn delete_of_conversation(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
) -> Result<()> {
    Ok(store::delete_of_conversation(tx, uid, conversation_id).await?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tagged(tags: Vec<String>) -> Result<()> {
        check(&NewMemory {
            content: "User likes tea".into(),
            category: None,
            visibility: "private".into(),
            tags,
        })
    }

    #[test]
    fn tags_are_few_and_short() {
        tagged(vec!["é".repeat(MAXIMUM_TAG); MAXIMUM_TAGS]).unwrap();
        for tags in [
            vec!["x".into(); MAXIMUM_TAGS + 1],
            vec!["x".repeat(MAXIMUM_TAG + 1)],
            vec!["x".into(), String::new()],
        ] {
            match tagged(tags).unwrap_err() {
                Error::Invalid(problems) => assert_eq!(problems[0].location, ["body", "tags"]),
                other => panic!("{other}"),
            }
        }
    }
}
