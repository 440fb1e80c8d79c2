//! SQL of apps.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Result};
use uuid::Uuid;

use super::{Access, App};
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
