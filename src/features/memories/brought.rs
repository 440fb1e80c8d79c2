//! What apps bring: memories that they state, and those found in their texts.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::{PgExecutor, PgPool};
use utoipa::{
    ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder,
        schema::{Array, SchemaType, Type},
    },
};
use uuid::Uuid;

use super::{Found, MAXIMUM_CONTENT, MAXIMUM_TAG, MAXIMUM_TAGS, Memory, store};
use crate::{
    error::{Error, Problem, Result},
    platform::clock,
};

/// Most memories that an app brings at once.
pub const MAXIMUM_BROUGHT: usize = 500;

/// What an app knows of a user.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct BroughtMemory {
    /// 1 to 500 characters.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    pub content: String,
    #[serde(default)]
    #[schema(schema_with = tags)]
    pub tags: Option<Vec<String>>,
}

fn tags() -> Array {
    let tag = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(MAXIMUM_TAG))
        .pattern(Some(r"^[^\x00]+$"));
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(tag)
        .max_items(Some(MAXIMUM_TAGS))
        .description(Some("At most 50, of 1 to 100 characters each."))
        .build()
}

/// Memories that an app brings, checked and ready for [`bring`].
pub struct Brought(Vec<Memory>);

/// Checks what an app brings; of the same content the last counts.
pub fn check_brought(memories: Vec<BroughtMemory>, app: Option<Uuid>) -> Result<Brought> {
    if memories.len() > MAXIMUM_BROUGHT {
        return Err(Error::invalid(
            "memories",
            format!("memories must hold at most {MAXIMUM_BROUGHT}"),
        ));
    }
    let now = clock::now();
    let mut checked = HashMap::new();
    for (n, new) in memories.into_iter().enumerate() {
        let content = new.content.trim();
        let tags = new.tags.unwrap_or_default();
        check(content, &tags).map_err(|(field, message)| {
            Error::Invalid(vec![Problem {
                location: vec![
                    "body".into(),
                    "memories".into(),
                    n.to_string(),
                    field.into(),
                ],
                message,
                kind: "value_error",
            }])
        })?;
        let memory = Memory::brought(content, "system".into(), tags, app, now);
        checked.insert(memory.id, memory);
    }
    Ok(Brought(checked.into_values().collect()))
}

/// Err: which field, and what is wrong with it.
fn check(content: &str, tags: &[String]) -> Result<(), (&'static str, String)> {
    if content.is_empty() {
        return Err(("content", "content cannot be empty".into()));
    }
    if content.chars().count() > MAXIMUM_CONTENT {
        let why = format!("content must have at most {MAXIMUM_CONTENT} characters");
        return Err(("content", why));
    }
    if tags.len() > MAXIMUM_TAGS {
        return Err(("tags", format!("tags must hold at most {MAXIMUM_TAGS}")));
    }
    let fits = |tag: &String| (1..=MAXIMUM_TAG).contains(&tag.chars().count());
    if !tags.iter().all(fits) {
        let why = format!("tags must have 1 to {MAXIMUM_TAG} characters each");
        return Err(("tags", why));
    }
    Ok(())
}

/// Stores what an app brings, in one statement. What the user stated, edited or judged is never touched.
pub async fn bring(db: impl PgExecutor<'_>, uid: &str, brought: &Brought) -> Result<()> {
    if brought.0.is_empty() {
        return Ok(());
    }
    Ok(store::bring(db, uid, &brought.0, true).await?)
}

/// Adds what was found in a text that an app brought. What is known already stays as it is.
pub async fn add_found(
    db: &PgPool,
    uid: &str,
    app: Option<Uuid>,
    found: Vec<Found>,
    now: DateTime<Utc>,
) -> Result<()> {
    let memories: HashMap<_, _> = found
        .into_iter()
        .map(|fact| Memory::brought(&fact.content, fact.category, Vec::new(), app, now))
        .map(|memory| (memory.id, memory))
        .collect();
    if memories.is_empty() {
        return Ok(());
    }
    let memories: Vec<_> = memories.into_values().collect();
    Ok(store::bring(db, uid, &memories, false).await?)
}
