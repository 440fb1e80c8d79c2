//! Lasting facts about a user.

mod brought;
mod input;
mod model;
mod store;

pub use brought::{Brought, BroughtMemory, MAXIMUM_BROUGHT, add_found, bring, check_brought};
pub use input::{MemoryChanges, NewMemory};
pub use model::{CATEGORIES, Known, Memory};

use std::{
    collections::{HashMap, HashSet},
    slice,
};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    features::credentials::Caller,
    platform::{clock, database::Db},
};

/// Longest content, in characters.
pub const MAXIMUM_CONTENT: usize = 500;
/// Most tags of a memory.
pub const MAXIMUM_TAGS: usize = 50;
/// Longest tag, in characters.
pub const MAXIMUM_TAG: usize = 100;

/// How much a surface takes at once.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Longest content, in characters.
    pub content: usize,
    /// Memories that one request states.
    pub batch: usize,
}

/// What programs may send.
pub const OF_PROGRAMS: Most = Most {
    content: MAXIMUM_CONTENT,
    batch: 25,
};

/// What the app may send: it offers again and again what was refused.
pub const OF_APP: Most = Most {
    content: 5000,
    batch: 100,
};

/// A page of the caller's memories, in list order. Rejected ones are hidden.
pub async fn list(
    db: &Db,
    caller: &Caller,
    categories: Option<&[String]>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Memory>> {
    Ok(store::list(db, &caller.uid, categories, limit, offset).await?)
}

/// The newest, of one conversation or of all, without those that the user rejected.
pub async fn newest(
    db: &Db,
    uid: &str,
    conversation_id: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Memory>> {
    Ok(store::newest(db, uid, conversation_id, limit).await?)
}

/// When memories were made; bounds are inclusive.
#[derive(Clone, Copy, Debug, Default)]
pub struct Made {
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
}

/// A page of those that were made then, newest first, without those that the user rejected.
pub async fn made(
    db: &Db,
    caller: &Caller,
    made: Made,
    limit: i64,
    offset: i64,
) -> Result<Vec<Memory>> {
    Ok(store::made(db, &caller.uid, made, limit, offset).await?)
}

/// Those of these ids that there are and that the user did not reject, in any order.
pub async fn of_ids(db: &Db, uid: &str, ids: &[Uuid]) -> Result<Vec<Memory>> {
    Ok(store::of_ids(db, uid, ids).await?)
}

/// What becomes of the memory that already has the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// All of it is replaced: the later writer is right.
    Replaced,
    /// It counts as stated from now on and takes the category, if one is given; the rest stays.
    Kept,
}

/// Stores a memory that the user states. The id follows from the content, and, where another content has come to have that
/// id by an edit, from that id and the content. `guess` gives the category of a new memory
/// that comes without one.
pub async fn state(
    db: &Db,
    caller: &Caller,
    new: NewMemory,
    guess: impl Fn(&str) -> &'static str,
    existing: Existing,
    most: Most,
) -> Result<Memory> {
    let given = new.category.is_some();
    let now = clock::now();
    let mut memory = stated(new, guess, most, now)?;
    // Nearly always nothing more is needed.
    if existing == Existing::Replaced
        && store::put(db, &caller.uid, slice::from_ref(&memory)).await? == 1
    {
        return Ok(memory);
    }
    let mut tx = db.begin().await?;
    place(&mut tx, &caller.uid, slice::from_mut(&mut memory)).await?;
    if existing == Existing::Kept
        && let Some(earlier) = store::lock(&mut tx, &caller.uid, memory.id).await?
    {
        let category = given.then_some(memory.category);
        memory = earlier.stated_again(category, now);
    }
    store::put(&mut *tx, &caller.uid, slice::from_ref(&memory)).await?;
    tx.commit().await?;
    Ok(memory)
}

/// Stores several memories as `state` does with `Existing::Replaced`, all of them or none, and answers in the same
/// order. Of two with the same content the later is right, for both answers.
pub async fn state_all(
    db: &Db,
    caller: &Caller,
    new: Vec<NewMemory>,
    guess: impl Fn(&str) -> &'static str,
    most: Most,
) -> Result<Vec<Memory>> {
    if new.len() > most.batch {
        return Err(Error::invalid(
            "memories",
            format!("memories must hold at most {}", most.batch),
        ));
    }
    let now = clock::now();
    let mut stored = HashMap::new();
    let mut order = Vec::with_capacity(new.len());
    for (index, new) in new.into_iter().enumerate() {
        let memory =
            stated(new, &guess, most, now).map_err(|error| error.in_item("memories", index))?;
        order.push(memory.id);
        stored.insert(memory.id, memory);
    }
    if stored.is_empty() {
        return Ok(Vec::new());
    }
    let (keys, mut distinct): (Vec<_>, Vec<_>) = stored.into_iter().unzip();
    let mut tx = db.begin().await?;
    place(&mut tx, &caller.uid, &mut distinct).await?;
    store::put(&mut *tx, &caller.uid, &distinct).await?;
    tx.commit().await?;
    let stored: HashMap<_, _> = keys.into_iter().zip(distinct).collect();
    Ok(order
        .iter()
        .filter_map(|id| stored.get(id).cloned())
        .collect())
}

/// Gives each memory the id under which its text belongs, where it stays free of other texts until the end of `tx`. The
/// answer holds the ids of those in whose stead the user has corrected what the same conversation or app had given.
async fn place(tx: &mut PgConnection, uid: &str, memories: &mut [Memory]) -> Result<HashSet<Uuid>> {
    store::lock_texts(&mut *tx, uid).await?;
    let places = store::places(tx, uid, memories).await?;
    let mut corrected = HashSet::new();
    for (memory, place) in memories.iter_mut().zip(places) {
        memory.id = place.id;
        if place.corrected {
            corrected.insert(place.id);
        }
    }
    Ok(corrected)
}

fn stated(
    new: NewMemory,
    guess: impl Fn(&str) -> &'static str,
    most: Most,
    now: DateTime<Utc>,
) -> Result<Memory> {
    let new = new.checked(most.content)?;
    let category = match &new.category {
        Some(category) => category.clone(),
        None => guess(&new.content).into(),
    };
    Ok(Memory::stated(new, category, now))
}

/// One of the caller's memories, also if the user rejected it.
pub async fn get(db: &Db, caller: &Caller, id: Uuid) -> Result<Memory> {
    store::get(db, &caller.uid, id)
        .await?
        .ok_or(Error::NotFound("Memory"))
}

/// Changes what is given. A new content counts as edited and keeps the id; a new category moves the memory in the list.
pub async fn update(
    db: &Db,
    caller: &Caller,
    id: Uuid,
    changes: MemoryChanges,
    most: Most,
) -> Result<Memory> {
    let changes = changes.checked(most.content)?;
    let rank = changes.category.as_deref().map(model::rank);
    let mut tx = db.begin().await?;
    if changes.content.is_some() {
        store::lock_texts(&mut tx, &caller.uid).await?;
    }
    let changed = store::update(&mut *tx, &caller.uid, id, &changes, rank, clock::now())
        .await?
        .ok_or(Error::NotFound("Memory"))?;
    tx.commit().await?;
    Ok(changed)
}

/// Shows a memory to others (`public`) or not (`private`). It does not count as changed then.
pub async fn set_visibility(db: &Db, caller: &Caller, id: Uuid, visibility: &str) -> Result<()> {
    if !input::VISIBILITIES.contains(&visibility) {
        return Err(Error::BadRequest("Invalid visibility value".into()));
    }
    present(store::set_visibility(db, &caller.uid, id, visibility).await?)
}

/// Whether the user finds a memory right. A rejected one is hidden from every list, and stays.
pub async fn review(db: &Db, caller: &Caller, id: Uuid, right: bool) -> Result<()> {
    present(store::review(db, &caller.uid, id, right).await?)
}

fn present(found: bool) -> Result<()> {
    if found {
        Ok(())
    } else {
        Err(Error::NotFound("Memory"))
    }
}

/// Forgets all memories of the caller.
pub async fn delete_all(db: &Db, caller: &Caller) -> Result<()> {
    let mut tx = db.begin().await?;
    store::lock_texts(&mut tx, &caller.uid).await?;
    store::delete_all(&mut tx, &caller.uid).await?;
    Ok(tx.commit().await?)
}

pub async fn delete(db: &Db, caller: &Caller, id: Uuid) -> Result<()> {
    present(store::delete(db, &caller.uid, id).await?)
}

/// What is known of the user, in list order, at most 1000, without what was found in one conversation and may be found
/// there again. Rejected ones are left out.
pub async fn known(db: &Db, uid: &str, except: Option<Uuid>) -> Result<Vec<Known>> {
    Ok(store::known(db, uid, except).await?)
}

/// Removes those of the memories that were found in conversations and that the user neither stated nor changed nor judged;
/// gives their ids.
pub async fn supersede(tx: &mut PgConnection, uid: &str, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    store::lock_texts(&mut *tx, uid).await?;
    Ok(store::supersede(tx, uid, ids).await?)
}

/// Ids and contents of memories that came since then, of other conversations than this one. Until `tx` ends no more come.
pub async fn found_since(
    tx: &mut PgConnection,
    uid: &str,
    except: Uuid,
    since: DateTime<Utc>,
) -> Result<Vec<(Uuid, String)>> {
    store::lock_texts(&mut *tx, uid).await?;
    Ok(store::found_since(tx, uid, except, since).await?)
}

/// A memory found in a conversation: content and category.
#[derive(Clone, Debug)]
pub struct Found {
    pub content: String,
    pub category: String,
}

/// Replaces what an earlier pass found in this conversation. What the user stated, changed or judged stays, and the text
/// that it had before is not found again.
pub async fn replace_found(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    found: Vec<Found>,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut memories: Vec<_> = found
        .into_iter()
        .map(|fact| Memory::found(&fact.content, fact.category, conversation_id, now))
        .collect();
    let corrected = place(&mut *tx, uid, &mut memories).await?;
    memories.retain(|memory| !corrected.contains(&memory.id));
    store::replace_found(tx, uid, conversation_id, &memories).await?;
    Ok(())
}

/// What was found in these conversations belongs to another.
pub async fn reassign(
    tx: &mut PgConnection,
    uid: &str,
    conversation_ids: &[Uuid],
    into: Uuid,
) -> Result<()> {
    store::lock_texts(&mut *tx, uid).await?;
    Ok(store::reassign(tx, uid, conversation_ids, into).await?)
}

/// Removes what was found in this conversation, unless the user stated it too.
pub async fn delete_of_conversation(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
) -> Result<()> {
    store::lock_texts(&mut *tx, uid).await?;
    Ok(store::delete_of_conversation(tx, uid, conversation_id).await?)
}
