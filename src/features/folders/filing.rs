//! What lies in which folder.

use std::collections::BTreeSet;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{ABSENT, get, possible, store};
use crate::{
    error::{Error, Result},
    features::{
        conversations::{self, Filter, STATUSES},
        credentials::Caller,
    },
    platform::database::Db,
};

/// Most conversations that one request moves.
const MOST_MOVED: usize = 10_000;

/// A page of the conversations in a folder, whatever their status, newest first.
pub async fn conversation_ids(
    db: &Db,
    caller: &Caller,
    id: &str,
    include_discarded: bool,
    limit: i64,
    offset: i64,
) -> Result<Vec<Uuid>> {
    let folder = get(db, caller, id).await?;
    let filter = Filter {
        statuses: STATUSES.map(String::from).into(),
        include_discarded,
        folder_id: Some(folder.id),
        limit,
        offset,
        ..Filter::default()
    };
    conversations::ids(db, caller, &filter).await
}

/// Puts a conversation into a folder, or into none.
pub async fn put(
    db: &Db,
    caller: &Caller,
    conversation_id: Uuid,
    folder_id: Option<&str>,
) -> Result<()> {
    let folder_id = folder_id.filter(|id| !id.is_empty());
    let mut tx = db.begin().await?;
    if let Some(id) = folder_id {
        lock(&mut tx, &caller.uid, id).await?;
    }
    let ids = [conversation_id];
    if conversations::put_into(&mut tx, &caller.uid, &ids, folder_id).await? == 0 {
        return Err(Error::NotFound("Conversation"));
    }
    tx.commit().await?;
    Ok(())
}

/// Puts several conversations into a folder, all of them or none, and gives how many. One that is named twice counts once.
pub async fn put_all(
    db: &Db,
    caller: &Caller,
    folder_id: &str,
    conversation_ids: &[String],
) -> Result<usize> {
    let mut wanted = BTreeSet::new();
    for id in conversation_ids {
        wanted.insert(id.parse().map_err(|_| Error::NotFound("Conversation"))?);
    }
    if wanted.len() > MOST_MOVED {
        let text = format!("conversation_ids must name at most {MOST_MOVED} conversations");
        return Err(Error::invalid("conversation_ids", text));
    }
    let wanted: Vec<Uuid> = wanted.into_iter().collect();
    let mut tx = db.begin().await?;
    lock(&mut tx, &caller.uid, folder_id).await?;
    let moved = conversations::put_into(&mut tx, &caller.uid, &wanted, Some(folder_id)).await?;
    if usize::try_from(moved) != Ok(wanted.len()) {
        return Err(Error::NotFound("Conversation"));
    }
    tx.commit().await?;
    Ok(wanted.len())
}

/// Puts a conversation that lies in no folder into the one that was found for it, unless that is gone by now.
pub async fn put_found(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    folder_id: &str,
) -> Result<()> {
    if store::lock(&mut *tx, uid, folder_id).await? {
        conversations::file(tx, uid, conversation_id, folder_id).await?;
    }
    Ok(())
}

/// Keeps a folder there until the end of `tx`.
async fn lock(tx: &mut PgConnection, uid: &str, id: &str) -> Result<()> {
    if store::lock(tx, uid, possible(id)?).await? {
        Ok(())
    } else {
        Err(ABSENT)
    }
}
