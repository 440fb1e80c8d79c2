//! SQL of leaving: it asks the catalogue where a user has something.

use sqlx::{AssertSqlSafe, Result};

use crate::platform::database::Db;

/// Deletes every row of a user in every table that has a `uid`; gives how many there were.
pub async fn erase(db: &Db, uid: &str) -> Result<u64> {
    let mut tx = db.begin().await?;
    // Most goes with the user; the rest is what those deletions left behind.
    let mut count = sqlx::query!("delete from users where uid = $1", uid)
        .execute(&mut *tx)
        .await?
        .rows_affected();
    let tables = sqlx::query_scalar!(
        r#"select quote_ident(c.relname) as "table!"
           from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           join pg_attribute a on a.attrelid = c.oid and a.attname = 'uid' and not a.attisdropped
           where n.nspname = 'public' and c.relkind in ('r', 'p') and c.relname <> 'users'
           order by 1"#
    )
    .fetch_all(&mut *tx)
    .await?;
    for table in tables {
        // Safe: the catalogue gave the name, and quoted it.
        let statement = AssertSqlSafe(format!("delete from {table} where uid = $1"));
        let done = sqlx::query(statement).bind(uid).execute(&mut *tx).await?;
        count += done.rows_affected();
    }
    tx.commit().await?;
    Ok(count)
}
