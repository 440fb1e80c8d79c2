//! What a user sorts conversations into.

mod changing;
mod filing;
mod input;
mod model;
mod store;

pub use changing::{create, delete, get, reorder, update};
pub use filing::{conversation_ids, put, put_all, put_found};
pub use input::{FolderChanges, NewFolder};
pub use model::Folder;

use std::collections::HashMap;

use sqlx::PgConnection;

use crate::{
    error::{Error, Result},
    features::credentials::Caller,
    platform::{clock, database::Db, ids},
};

const ABSENT: Error = Error::NotFound("Folder");
/// Longest id, in bytes.
const LONGEST_ID: usize = 100;

/// What a user without folders gets: category, name, icon, colour, description.
const OF_THE_SYSTEM: [(&str, &str, &str, &str, &str); 3] = [
    (
        "work",
        "Work",
        "💼",
        "#3B82F6",
        "Jobs, business, study and money",
    ),
    (
        "personal",
        "Personal",
        "👤",
        "#10B981",
        "Family, home, health, hobbies and one's own plans",
    ),
    (
        "social",
        "Social",
        "👥",
        "#8B5CF6",
        "Friends, going out, entertainment and news",
    ),
];

/// The caller's folders, in their order.
pub async fn list(db: &Db, caller: &Caller) -> Result<Vec<Folder>> {
    Ok(store::list(db, &caller.uid).await?)
}

/// The same; a caller without any gets those of the system first.
pub async fn all(db: &Db, caller: &Caller) -> Result<Vec<Folder>> {
    let mut tx = db.begin().await?;
    let folders = of_user(&mut tx, &caller.uid).await?;
    tx.commit().await?;
    Ok(folders)
}

/// The folders of a user, in their order. One without any gets those of the system first.
pub async fn of_user(tx: &mut PgConnection, uid: &str) -> Result<Vec<Folder>> {
    let known = store::list(&mut *tx, uid).await?;
    if !known.is_empty() {
        return Ok(known);
    }
    let now = clock::now();
    let made: Vec<_> = (0..)
        .zip(OF_THE_SYSTEM)
        .map(
            |(order, (category, name, icon, color, description))| Folder {
                id: id_of_system(uid, category),
                name: name.into(),
                description: Some(description.into()),
                color: color.into(),
                icon: icon.into(),
                created_at: now,
                updated_at: now,
                order,
                is_default: false,
                is_system: true,
                category_mapping: Some(category.into()),
                conversation_count: 0,
            },
        )
        .collect();
    store::insert(tx, uid, &made).await?;
    Ok(made)
}

/// Whoever makes the folders of the system at the same time makes the same.
fn id_of_system(uid: &str, category: &str) -> String {
    ids::from_content(&format!("{uid} folder {category}")).to_string()
}

/// Takes those folders of the system away that were made for this user, are empty, and stand beside one that came along
/// from another account for the same.
pub async fn give_way(tx: &mut PgConnection, uid: &str) -> Result<()> {
    let own = OF_THE_SYSTEM.map(|(category, ..)| id_of_system(uid, category));
    Ok(store::give_way(tx, uid, &own).await?)
}

/// The folder for conversations of this category, by what the folders say of themselves; else the default one, if any.
pub fn of_category<'a>(folders: &'a [Folder], category: &str) -> Option<&'a Folder> {
    let group = match category {
        "work" | "business" | "entrepreneurship" | "technology" | "finance" | "economics"
        | "legal" | "education" | "science" | "architecture" | "design" => "work",
        "social" | "entertainment" | "music" | "politics" | "news" | "weather" | "environment"
        | "real" => "social",
        _ => "personal",
    };
    let mapped = |wanted: &str| {
        folders
            .iter()
            .find(|folder| folder.category_mapping.as_deref() == Some(wanted))
    };
    mapped(category)
        .or_else(|| mapped(group))
        .or_else(|| default(folders))
}

pub fn default(folders: &[Folder]) -> Option<&Folder> {
    folders.iter().find(|folder| folder.is_default)
}

/// Name by id of those of the folders that there are. Nothing is asked for no ids.
pub async fn names(db: &Db, caller: &Caller, ids: &[String]) -> Result<HashMap<String, String>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(store::names(db, &caller.uid, ids).await?)
}

/// An id that can be one.
fn possible(id: &str) -> Result<&str> {
    if id.is_empty() || id.len() > LONGEST_ID || id.contains('\0') {
        return Err(ABSENT);
    }
    Ok(id)
}
