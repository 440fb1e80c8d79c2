//! What apps bring: memories that they state, and those found in their texts.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Found, MAXIMUM_CONTENT, Memory, input, place, store};
use crate::{
    error::{Error, Result},
    features::lenient,
    platform::{clock, database::Db},
};

/// Most memories that an app brings at once.
pub const MAXIMUM_BROUGHT: usize = 500;

/// What an app knows of a user.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct BroughtMemory {
    #[schema(schema_with = input::content)]
    pub content: String,
    #[serde(default)]
    #[schema(schema_with = input::tags)]
    pub tags: Option<Vec<String>>,
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
    for (index, new) in memories.into_iter().enumerate() {
        let memory = brought(new, app, now).map_err(|error| error.in_item("memories", index))?;
        checked.insert(memory.id, memory);
    }
    Ok(Brought(checked.into_values().collect()))
}

fn brought(new: BroughtMemory, app: Option<Uuid>, now: DateTime<Utc>) -> Result<Memory> {
    let content = lenient::text("content", &new.content, MAXIMUM_CONTENT)?;
    let tags = new.tags.unwrap_or_default();
    input::check_tags(&tags)?;
    Ok(Memory::brought(&content, "system".into(), tags, app, now))
}

/// Stores what an app brings. It replaces only what it brought before; what the user stated, changed or judged stays, and
/// so does what was found in conversations.
pub async fn bring(tx: &mut PgConnection, uid: &str, brought: Brought) -> Result<()> {
    let Brought(mut memories) = brought;
    if memories.is_empty() {
        return Ok(());
    }
    place(&mut *tx, uid, &mut memories).await?;
    Ok(store::bring(tx, uid, &memories, true).await?)
}

/// Adds what was found in a text that an app brought. What is known already stays as it is, also if the user has corrected
/// it since.
pub async fn add_found(
    db: &Db,
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
    let mut memories: Vec<_> = memories.into_values().collect();
    let mut tx = db.begin().await?;
    let corrected = place(&mut tx, uid, &mut memories).await?;
    memories.retain(|memory| !corrected.contains(&memory.id));
    store::bring(&mut *tx, uid, &memories, false).await?;
    tx.commit().await?;
    Ok(())
}
