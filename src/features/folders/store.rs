//! SQL of folders.

use std::collections::HashMap;

use sqlx::Result;

use super::Folder;
use crate::platform::database::Db;

pub async fn list(db: &Db, uid: &str) -> Result<Vec<Folder>> {
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
