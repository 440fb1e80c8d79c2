//! Folders are made, changed, put in order and removed.

use uuid::Uuid;

use super::{ABSENT, Folder, FolderChanges, NewFolder, possible, store};
use crate::{
    error::{Error, Result},
    features::{conversations, credentials::Caller, lenient},
    platform::{clock, database::Db},
};

/// Most folders of a user, without those of the system.
const MAXIMUM: i64 = 50;
/// Most that one request puts in order.
const MOST_REORDERED: usize = 1000;

pub async fn get(db: &Db, caller: &Caller, id: &str) -> Result<Folder> {
    let found = store::get(db, &caller.uid, possible(id)?).await?;
    found.ok_or(ABSENT)
}

/// A folder behind all others. With an id that the caller has already, the stored folder comes back as it is; unless `keyed`,
/// so does one that was made of the same within ten seconds.
pub async fn create(
    db: &Db,
    caller: &Caller,
    id: Uuid,
    keyed: bool,
    new: NewFolder,
) -> Result<Folder> {
    let new = new.filled()?;
    let (uid, id) = (&caller.uid, id.to_string());
    let mut tx = db.begin().await?;
    store::lock_creating(&mut tx, uid).await?;
    let now = clock::now();
    let again = match keyed {
        true => None,
        false => store::made_since(&mut tx, uid, &new, now - lenient::AGAIN).await?,
    };
    let id = again.unwrap_or(id);
    if let Some(known) = store::get(&mut *tx, uid, &id).await? {
        return Ok(known);
    }
    if store::count_custom(&mut tx, uid).await? >= MAXIMUM {
        return Err(Error::BadRequest(format!(
            "Maximum folder limit reached ({MAXIMUM} custom folders)"
        )));
    }
    store::create(&mut tx, uid, &id, &new, now).await?;
    let made = store::get(&mut *tx, uid, &id).await?.ok_or(ABSENT)?;
    tx.commit().await?;
    Ok(made)
}

/// Those of the system may be changed as well.
pub async fn update(db: &Db, caller: &Caller, id: &str, changes: FolderChanges) -> Result<Folder> {
    let changes = changes.checked()?;
    if !store::update(db, &caller.uid, possible(id)?, &changes, clock::now()).await? {
        return Err(ABSENT);
    }
    get(db, caller, id).await
}

/// Removes a folder. What lies in it goes to the folder `into`, else to the default one, else it lies in none.
pub async fn delete(db: &Db, caller: &Caller, id: &str, into: Option<&str>) -> Result<()> {
    let (uid, id) = (&caller.uid, possible(id)?);
    let into = into.filter(|into| !into.is_empty());
    let mut tx = db.begin().await?;
    // Whoever puts something into it has done so before, or finds it gone.
    match store::lock_removing(&mut tx, uid, id).await? {
        None => return Err(ABSENT),
        Some(true) => {
            return Err(Error::BadRequest("Cannot delete system folder".into()));
        }
        Some(false) => {}
    }
    let into = match into {
        Some(into) if into == id => {
            return Err(Error::BadRequest(
                "move_to_folder_id must name another folder".into(),
            ));
        }
        Some(into) => {
            let known = possible(into).is_ok() && store::lock(&mut tx, uid, into).await?;
            if !known {
                return Err(Error::NotThere("move_to_folder_id names no folder"));
            }
            Some(into.to_string())
        }
        None => store::lock_default(&mut tx, uid, id).await?,
    };
    store::delete(&mut tx, uid, id).await?;
    conversations::empty_folder(&mut tx, uid, id, into.as_deref()).await?;
    tx.commit().await?;
    Ok(())
}

/// Puts these folders into this order, the first at place 0; others keep their places. All of them must be there.
pub async fn reorder(db: &Db, caller: &Caller, ids: &[String]) -> Result<()> {
    if ids.len() > MOST_REORDERED {
        let text = format!("folder_ids must name at most {MOST_REORDERED} folders");
        return Err(Error::invalid("folder_ids", text));
    }
    let mut distinct: Vec<String> = Vec::new();
    for id in ids {
        if !distinct.contains(id) {
            distinct.push(possible(id)?.into());
        }
    }
    let places: Vec<i32> = (0..).take(distinct.len()).collect();
    let mut tx = db.begin().await?;
    let moved = store::reorder(&mut tx, &caller.uid, &distinct, &places, clock::now()).await?;
    if usize::try_from(moved) != Ok(distinct.len()) {
        return Err(ABSENT);
    }
    tx.commit().await?;
    Ok(())
}
