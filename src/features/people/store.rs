//! SQL of people.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Result};
use uuid::Uuid;

use super::Person;
use crate::platform::database::Db;

/// The oldest of this name, who is a new one where there was none. Callers wait for each other.
pub async fn create(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    name: &str,
    now: DateTime<Utc>,
) -> Result<Person> {
    sqlx::query!(
        "insert into people (uid, id, name, created_at, updated_at)
         select $1, $2, $3, $4, $4
         where not exists (select from people where uid = $1 and name = $3)
         on conflict (uid, id) do nothing",
        uid,
        id,
        name,
        now
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query_as!(
        Person,
        "select id, name, created_at, updated_at from people where uid = $1 and (name = $2 or id = $3)
         order by name = $2 desc, created_at, id limit 1",
        uid,
        name,
        id
    )
    .fetch_one(tx)
    .await
}

pub async fn list(db: &Db, uid: &str) -> Result<Vec<Person>> {
    sqlx::query_as!(
        Person,
        "select id, name, created_at, updated_at from people where uid = $1 order by created_at, id",
        uid
    )
    .fetch_all(db)
    .await
}

pub async fn get(db: &Db, uid: &str, id: Uuid) -> Result<Option<Person>> {
    sqlx::query_as!(
        Person,
        "select id, name, created_at, updated_at from people where uid = $1 and id = $2",
        uid,
        id
    )
    .fetch_optional(db)
    .await
}

pub async fn rename(db: &Db, uid: &str, id: Uuid, name: &str, now: DateTime<Utc>) -> Result<bool> {
    let done = sqlx::query!(
        "update people set name = $3, updated_at = $4 where uid = $1 and id = $2",
        uid,
        id,
        name,
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn delete(db: &Db, uid: &str, id: Uuid) -> Result<bool> {
    let done = sqlx::query!("delete from people where uid = $1 and id = $2", uid, id)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn of(db: &Db, uid: &str, ids: &[Uuid]) -> Result<Vec<Person>> {
    sqlx::query_as!(
        Person,
        "select id, name, created_at, updated_at from people where uid = $1 and id = any($2) order by created_at, id",
        uid,
        ids
    )
    .fetch_all(db)
    .await
}
