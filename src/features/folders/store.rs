//! SQL of folders.

use std::collections::HashMap;

use sqlx::{PgConnection, PgExecutor, Result};

use super::Folder;
use crate::platform::database::Db;

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
    let icons: Vec<_> = folders.iter().map(|folder| folder.icon.clone()).collect();
    let colors: Vec<_> = folders.iter().map(|folder| folder.color.clone()).collect();
    let mappings: Vec<_> = folders
        .iter()
        .map(|folder| folder.category_mapping.clone())
        .collect();
    let orders: Vec<_> = folders.iter().map(|folder| folder.order).collect();
    let times: Vec<_> = folders.iter().map(|folder| folder.created_at).collect();
    sqlx::query!(
        "insert into folders (uid, id, name, icon, color, category_mapping, position, is_system, created_at, updated_at)
         select $1, new.id, new.name, new.icon, new.color, new.mapping, new.position, true, new.at, new.at
         from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::timestamptz[])
              as new (id, name, icon, color, mapping, position, at)
         order by new.id
         on conflict (uid, id) do nothing",
        uid,
        &ids,
        &names,
        &icons,
        &colors,
        &mappings as &[Option<String>],
        &orders,
        &times
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
