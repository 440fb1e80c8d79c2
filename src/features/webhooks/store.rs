//! SQL of developer webhooks.

use sqlx::Result;

use crate::platform::database::Db;

pub async fn url(db: &Db, uid: &str, kind: &str) -> Result<Option<String>> {
    sqlx::query_scalar!(
        "select url from developer_webhooks where uid = $1 and kind = $2",
        uid,
        kind
    )
    .fetch_optional(db)
    .await
}

pub async fn set_url(db: &Db, uid: &str, kind: &str, url: &str, off: bool) -> Result<()> {
    sqlx::query!(
        "insert into developer_webhooks as w (uid, kind, url, enabled) values ($1, $2, $3, case when $4 then false end)
         on conflict (uid, kind) do update set url = $3, enabled = case when $4 then false else w.enabled end",
        uid,
        kind,
        url,
        off
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn switch(db: &Db, uid: &str, kind: &str, on: bool) -> Result<()> {
    sqlx::query!(
        "insert into developer_webhooks (uid, kind, enabled) values ($1, $2, $3)
         on conflict (uid, kind) do update set enabled = $3",
        uid,
        kind,
        on
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Decides those of these kinds that nobody decided; gives those that are on.
pub async fn settle(db: &Db, uid: &str, kinds: &[String]) -> Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"with settled as (
               insert into developer_webhooks as w (uid, kind, enabled)
               select $1, kind, false from unnest($2::text[]) as kind order by kind
               on conflict (uid, kind) do update set enabled = coalesce(w.enabled, w.url not in ('', ','))
               returning kind, enabled)
           select kind as "kind!" from settled where enabled"#,
        uid,
        kinds
    )
    .fetch_all(db)
    .await
}
