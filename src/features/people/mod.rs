//! People that a user knows, and may have heard speaking.

mod speakers;
mod store;

pub use speakers::{Speakers, line, speaking};

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    features::credentials::Caller,
    platform::{
        clock,
        database::{Db, take_turn},
    },
};

/// Longest name that a new person may have, in characters.
pub const MAXIMUM_NAME: usize = 40;
/// Longest name that one may get later, in characters.
pub const MAXIMUM_LATER_NAME: usize = 200;

const ABSENT: Error = Error::NotFound("Person");

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Person {
    pub id: Uuid,
    pub name: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Adds a person, `id` if there is none; one of exactly this name is given as they are.
pub async fn create(db: &Db, caller: &Caller, id: Uuid, name: &str) -> Result<Person> {
    let name = name.trim();
    if !(2..=MAXIMUM_NAME).contains(&name.chars().count()) {
        return Err(Error::invalid(
            "name",
            format!("name must have 2 to {MAXIMUM_NAME} characters"),
        ));
    }
    let mut tx = db.begin().await?;
    take_turn(&mut tx, &caller.uid, "people").await?;
    let person = store::create(&mut tx, &caller.uid, id, name, clock::now()).await?;
    tx.commit().await?;
    Ok(person)
}

/// In the order in which they were added.
pub async fn list(db: &Db, caller: &Caller) -> Result<Vec<Person>> {
    Ok(store::list(db, &caller.uid).await?)
}

pub async fn get(db: &Db, caller: &Caller, id: Uuid) -> Result<Person> {
    store::get(db, &caller.uid, id).await?.ok_or(ABSENT)
}

pub async fn rename(db: &Db, caller: &Caller, id: Uuid, name: &str) -> Result<()> {
    let name = name.trim();
    if !(1..=MAXIMUM_LATER_NAME).contains(&name.chars().count()) {
        return Err(Error::invalid_parameter(
            "value",
            format!("value must have 1 to {MAXIMUM_LATER_NAME} characters"),
        ));
    }
    if store::rename(db, &caller.uid, id, name, clock::now()).await? {
        Ok(())
    } else {
        Err(ABSENT)
    }
}

/// What they said goes on naming them by their id.
pub async fn delete(db: &Db, caller: &Caller, id: Uuid) -> Result<()> {
    if store::delete(db, &caller.uid, id).await? {
        Ok(())
    } else {
        Err(ABSENT)
    }
}

/// Everybody whom a user knows.
pub async fn all(db: &Db, uid: &str) -> Result<Vec<Person>> {
    Ok(store::list(db, uid).await?)
}

/// Name by id of those of these people that there are.
pub async fn names(db: &Db, uid: &str, ids: &[Uuid]) -> Result<HashMap<Uuid, String>> {
    let people = of(db, uid, ids).await?;
    Ok(people.into_iter().map(|one| (one.id, one.name)).collect())
}

/// Those of these people that there are.
pub async fn of(db: &Db, uid: &str, ids: &[Uuid]) -> Result<Vec<Person>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(store::of(db, uid, ids).await?)
}
