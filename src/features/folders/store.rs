//! SQL of folders.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Result};

use super::{Folder, FolderChanges, input::Filled};
use crate::platform::database::{self, Db};

pub async fn list(db: impl PgExecutor<'_>, uid: &str) -> Result<Vec<Folder>> {
    sqlx::query_as!(
        Folder,
        r#"select f.id, f.name, f.description, f.color, f.icon, f.created_at, f.updated_at, f.position as "order",
                  f.is_default, f.is_system, f.category_mapping, coalesce(c.count, 0) as "conversation_count!"
           from folders f
           left join (
               select folder_id, count(*) from conversations
               where uid = $1 and folder_id is not null and status = 'completed' and not discarded
               group by folder_id) c on c.folder_id = f.id
           where f.uid = $1
           order by f.position, f.id"#,
        uid
    )
    .fetch_all(db)
    .await
}

/// Folders that are there already stay as they are.
pub async fn insert(tx: &mut PgConnection, uid: &str, folders: &[Folder]) -> Result<()> {
    let ids: Vec<_> = folders.iter().map(|folder| folder.id.clone()).collect();
    let names: Vec<_> = folders.iter().map(|folder| folder.name.clone()).collect();
    let descriptions: Vec<_> = folders
        .iter()
        .map(|folder| folder.description.clone())
        .collect();
    let icons: Vec<_> = folders.iter().map(|folder| folder.icon.clone()).collect();
    let colors: Vec<_> = folders.iter().map(|folder| folder.color.clone()).collect();
    let mappings: Vec<_> = folders
        .iter()
        .map(|folder| folder.category_mapping.clone())
        .collect();
    let orders: Vec<_> = folders.iter().map(|folder| folder.order).collect();
    let times: Vec<_> = folders.iter().map(|folder| folder.created_at).collect();
    sqlx::query!(
        "insert into folders (uid, id, name, icon, color, category_mapping, position, description, is_system, created_at,
                              updated_at)
         select $1, new.id, new.name, new.icon, new.color, new.mapping, new.position, new.description, true, new.at, new.at
         from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::timestamptz[],
                     $9::text[])
              as new (id, name, icon, color, mapping, position, at, description)
         order by new.id
         on conflict (uid, id) do nothing",
        uid,
        &ids,
        &names,
        &icons,
        &colors,
        &mappings as &[Option<String>],
        &orders,
        &times,
        &descriptions as &[Option<String>]
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn names(db: &Db, uid: &str, ids: &[String]) -> Result<HashMap<String, String>> {
    let rows = sqlx::query!(
        "select id, name from folders where uid = $1 and id = any($2)",
        uid,
        ids
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

pub async fn get(db: impl PgExecutor<'_>, uid: &str, id: &str) -> Result<Option<Folder>> {
    sqlx::query_as!(
        Folder,
        r#"select f.id, f.name, f.description, f.color, f.icon, f.created_at, f.updated_at, f.position as "order",
                  f.is_default, f.is_system, f.category_mapping,
                  (select count(*) from conversations c
                   where c.uid = $1 and c.folder_id = f.id and c.status = 'completed' and not c.discarded)
                  as "conversation_count!"
           from folders f
           where f.uid = $1 and f.id = $2"#,
        uid,
        id
    )
    .fetch_optional(db)
    .await
}

/// One at a time makes folders of this user, until the end of `tx`.
pub async fn lock_creating(tx: &mut PgConnection, uid: &str) -> Result<()> {
    database::take_turn(tx, uid, "folders").await
}

/// One that was made of the same since then.
pub async fn made_since(
    tx: &mut PgConnection,
    uid: &str,
    new: &Filled,
    since: DateTime<Utc>,
) -> Result<Option<String>> {
    sqlx::query_scalar!(
        "select id from folders
         where uid = $1 and not is_system and name = $2 and description is not distinct from $3 and color = $4
           and icon = $5 and created_at >= $6
         order by created_at desc limit 1",
        uid,
        new.name,
        new.description,
        new.color,
        new.icon,
        since
    )
    .fetch_optional(tx)
    .await
}

pub async fn count_custom(tx: &mut PgConnection, uid: &str) -> Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from folders where uid = $1 and not is_system"#,
        uid
    )
    .fetch_one(tx)
    .await
}

/// Behind all others.
pub async fn create(
    tx: &mut PgConnection,
    uid: &str,
    id: &str,
    new: &Filled,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into folders (uid, id, name, description, color, icon, position, created_at, updated_at)
         select $1, $2, $3, $4, $5, $6, coalesce(max(position) + 1, 0), $7, $7 from folders where uid = $1",
        uid,
        id,
        new.name,
        new.description,
        new.color,
        new.icon,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn update(
    db: &Db,
    uid: &str,
    id: &str,
    changes: &FolderChanges,
    now: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query!(
        "update folders
         set name = coalesce($3, name), description = case when $4 then $5 else description end,
             color = coalesce($6, color), icon = coalesce($7, icon), position = coalesce($8, position), updated_at = $9
         where uid = $1 and id = $2",
        uid,
        id,
        changes.name,
        changes.description.is_some(),
        changes.description.as_ref().and_then(Option::as_deref),
        changes.color,
        changes.icon,
        changes.order,
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps a folder there until the end of `tx`. False: it is absent.
pub async fn lock(tx: &mut PgConnection, uid: &str, id: &str) -> Result<bool> {
    let locked = sqlx::query_scalar!(
        r#"select 1 as "one!" from folders where uid = $1 and id = $2 for key share"#,
        uid,
        id
    )
    .fetch_optional(tx)
    .await?;
    Ok(locked.is_some())
}

/// Waits for whoever keeps it there. Gives whether it is one of the system; None: it is absent.
pub async fn lock_removing(tx: &mut PgConnection, uid: &str, id: &str) -> Result<Option<bool>> {
    sqlx::query_scalar!(
        "select is_system from folders where uid = $1 and id = $2 for update",
        uid,
        id
    )
    .fetch_optional(tx)
    .await
}

/// Deletes those of these that are empty and have another of the system beside them for the same.
pub async fn give_way(tx: &mut PgConnection, uid: &str, ids: &[String]) -> Result<()> {
    sqlx::query!(
        "delete from folders f
         where f.uid = $1 and f.id = any($2)
           and not exists (select from conversations c where c.uid = $1 and c.folder_id = f.id)
           and exists (select from folders o where o.uid = $1 and o.is_system and o.id <> all($2)
                       and o.category_mapping = f.category_mapping)",
        uid,
        ids
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The default folder, kept there until the end of `tx`, unless it is that one.
pub async fn lock_default(
    tx: &mut PgConnection,
    uid: &str,
    except: &str,
) -> Result<Option<String>> {
    sqlx::query_scalar!(
        "select id from folders where uid = $1 and is_default and id <> $2 order by position, id limit 1 for key share",
        uid,
        except
    )
    .fetch_optional(tx)
    .await
}

pub async fn delete(tx: &mut PgConnection, uid: &str, id: &str) -> Result<()> {
    sqlx::query!("delete from folders where uid = $1 and id = $2", uid, id)
        .execute(tx)
        .await?;
    Ok(())
}

/// Gives how many of them there are.
pub async fn reorder(
    tx: &mut PgConnection,
    uid: &str,
    ids: &[String],
    places: &[i32],
    now: DateTime<Utc>,
) -> Result<u64> {
    let done = sqlx::query!(
        "update folders f set position = new.place, updated_at = $4
         from unnest($2::text[], $3::int[]) as new (id, place)
         where f.uid = $1 and f.id = new.id",
        uid,
        ids,
        places,
        now
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}
