//! What a user sorts conversations into.

mod model;
mod store;

pub use model::Folder;

use std::collections::HashMap;

use crate::{error::Result, features::credentials::Caller, platform::database::Db};

/// The caller's folders, in their order.
pub async fn list(db: &Db, caller: &Caller) -> Result<Vec<Folder>> {
    Ok(store::list(db, &caller.uid).await?)
}

/// Name by id of those of the folders that there are. Nothing is asked for no ids.
pub async fn names(db: &Db, caller: &Caller, ids: &[String]) -> Result<HashMap<String, String>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(store::names(db, &caller.uid, ids).await?)
}
