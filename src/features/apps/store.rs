//! SQL of apps.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Result};
use uuid::Uuid;

use super::{Access, App, Shown, Wanted};
use crate::platform::database::Db;

/// Inserts; the row that stands afterwards is the one that was there first.
pub async fn insert(tx: &mut PgConnection, app: &App) -> Result<App> {
    sqlx::query!(
        "insert into apps (uid, id, name, description, actions, private, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (uid, id) do nothing",
        app.uid,
        app.id,
        app.name,
        app.description,
        &app.actions,
        app.private,
        app.created_at
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "insert into app_owners (app_id, uid) values ($2, $1) on conflict do nothing",
        app.uid,
        app.id
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query_as!(
        App,
        "select uid, id, name, description, actions, private, created_at from apps where uid = $1 and id = $2",
        app.uid,
        app.id
    )
    .fetch_one(tx)
    .await
}

/// By id alone: whose it is, the directory tells.
pub async fn find(db: &Db, app_id: Uuid) -> Result<Option<App>> {
    sqlx::query_as!(
        App,
        "select a.uid, a.id, a.name, a.description, a.actions, a.private, a.created_at
         from app_owners o join apps a on a.uid = o.uid and a.id = o.app_id
         where o.app_id = $1",
        app_id
    )
    .fetch_optional(db)
    .await
}

pub async fn owned(db: &Db, uid: &str) -> Result<Vec<App>> {
    sqlx::query_as!(
        App,
        "select uid, id, name, description, actions, private, created_at
         from apps where uid = $1
         order by created_at, id",
        uid
    )
    .fetch_all(db)
    .await
}

/// False: there is no such app, or it is somebody else's private one.
pub async fn enable(db: &Db, uid: &str, app_id: Uuid, now: DateTime<Utc>) -> Result<bool> {
    let done = sqlx::query!(
        "insert into enabled_apps (uid, app_id, enabled_at)
         select $1, a.id, $3
         from app_owners o join apps a on a.uid = o.uid and a.id = o.app_id
         where o.app_id = $2 and (not a.private or a.uid = $1)
         on conflict (uid, app_id) do update set enabled_at = enabled_apps.enabled_at",
        uid,
        app_id,
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn disable(db: &Db, uid: &str, app_id: Uuid) -> Result<bool> {
    let done = sqlx::query!(
        "delete from enabled_apps where uid = $1 and app_id = $2",
        uid,
        app_id
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn enabled(db: &Db, uid: &str) -> Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select app_id from enabled_apps where uid = $1 order by app_id",
        uid
    )
    .fetch_all(db)
    .await
}

pub async fn list(db: &Db, uid: &str, wanted: &Wanted) -> Result<Vec<Shown>> {
    sqlx::query_as!(
        Shown,
        r#"select a.id, a.uid as owner, u.name as author, a.name, a.description, a.actions, a.private, a.created_at,
                  e.app_id is not null as "enabled!"
           from (select id from apps where uid = $1 union select app_id from enabled_apps where uid = $1) as near
           join app_owners o on o.app_id = near.id
           join apps a on a.uid = o.uid and a.id = o.app_id
           join users u on u.uid = a.uid
           left join enabled_apps e on e.uid = $1 and e.app_id = a.id
           where (a.uid = $1 or (e.app_id is not null and not a.private))
             and ($2::text is null or position(lower($2) in lower(a.name)) > 0)
             and (not $3 or a.uid = $1) and (not $4 or e.app_id is not null)
           order by a.name, a.id limit $5 offset $6"#,
        uid,
        wanted.name,
        wanted.owned,
        wanted.enabled,
        wanted.limit,
        wanted.offset
    )
    .fetch_all(db)
    .await
}

pub async fn count(db: &Db, uid: &str, wanted: &Wanted) -> Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!"
           from (select id from apps where uid = $1 union select app_id from enabled_apps where uid = $1) as near
           join app_owners o on o.app_id = near.id
           join apps a on a.uid = o.uid and a.id = o.app_id
           join users u on u.uid = a.uid
           left join enabled_apps e on e.uid = $1 and e.app_id = a.id
           where (a.uid = $1 or (e.app_id is not null and not a.private))
             and ($2::text is null or position(lower($2) in lower(a.name)) > 0)
             and (not $3 or a.uid = $1) and (not $4 or e.app_id is not null)"#,
        uid,
        wanted.name,
        wanted.owned,
        wanted.enabled
    )
    .fetch_one(db)
    .await
}

pub async fn show(db: &Db, uid: &str, app_id: Uuid) -> Result<Option<Shown>> {
    sqlx::query_as!(
        Shown,
        r#"select a.id, a.uid as owner, u.name as author, a.name, a.description, a.actions, a.private, a.created_at,
                  e.app_id is not null as "enabled!"
           from app_owners o
           join apps a on a.uid = o.uid and a.id = o.app_id
           join users u on u.uid = a.uid
           left join enabled_apps e on e.uid = $1 and e.app_id = a.id
           where o.app_id = $2 and (a.uid = $1 or not a.private)"#,
        uid,
        app_id
    )
    .fetch_optional(db)
    .await
}

/// None: there is no such app. An absent `uid` has enabled nothing.
pub async fn access(db: &Db, uid: Option<&str>, app_id: Uuid) -> Result<Option<Access>> {
    sqlx::query_as!(
        Access,
        r#"select a.actions,
                  exists (select from enabled_apps e where e.uid = $1 and e.app_id = $2) as "enabled!"
           from app_owners o join apps a on a.uid = o.uid and a.id = o.app_id
           where o.app_id = $2"#,
        uid,
        app_id
    )
    .fetch_optional(db)
    .await
}
