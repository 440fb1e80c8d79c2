//! SQL of accounts.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Result};

use super::{Account, PlatformUse};
use crate::platform::database::Db;

pub struct ProfileRow {
    pub name: String,
    pub time_zone: Option<String>,
    pub language: Option<String>,
}

pub async fn insert(
    tx: &mut PgConnection,
    uid: &str,
    name: &str,
    password_hash: &str,
    time_zone: Option<&str>,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into users (uid, name, password_hash, time_zone, created_at) values ($1, $2, $3, $4, $5)",
        uid,
        name,
        password_hash,
        time_zone,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn ensure(
    db: impl PgExecutor<'_>,
    uid: &str,
    name: &str,
    outside_email: Option<&str>,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into users (uid, name, outside_email, created_at) values ($1, $2, $3, $4)
         on conflict (uid) do nothing",
        uid,
        name,
        outside_email,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn has_password(db: impl PgExecutor<'_>, uid: &str) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from users where uid = $1 and password_hash is not null) as "exists!""#,
        uid
    )
    .fetch_one(db)
    .await
}

/// False if the address is taken.
pub async fn insert_email(tx: &mut PgConnection, uid: &str, email: &str) -> Result<bool> {
    let done = sqlx::query!(
        "insert into user_emails (email, uid) values ($1, $2) on conflict do nothing",
        email,
        uid
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn uid_of_email(db: &Db, email: &str) -> Result<Option<String>> {
    sqlx::query_scalar!("select uid from user_emails where email = $1", email)
        .fetch_optional(db)
        .await
}

/// Whose the address is, and the hash of their password if they have one.
pub async fn password_of_email(db: &Db, email: &str) -> Result<Option<(String, Option<String>)>> {
    let row = sqlx::query!(
        "select u.uid, u.password_hash from user_emails e join users u on u.uid = e.uid where e.email = $1",
        email
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (row.uid, row.password_hash)))
}

pub async fn profile(db: &Db, uid: &str) -> Result<Option<ProfileRow>> {
    sqlx::query_as!(
        ProfileRow,
        "select name, time_zone, language from users where uid = $1",
        uid
    )
    .fetch_optional(db)
    .await
}

pub async fn account(db: &Db, uid: &str) -> Result<Option<Account>> {
    sqlx::query_as!(
        Account,
        "select name, coalesce((select min(email) from user_emails where uid = $1), outside_email) as email, time_zone, language, created_at
         from users where uid = $1",
        uid
    )
    .fetch_optional(db)
    .await
}

pub async fn close(tx: &mut PgConnection, uid: &str) -> Result<()> {
    sqlx::query!(
        "with freed as (delete from user_emails where uid = $1)
         update users set password_hash = null where uid = $1",
        uid
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn set_language(tx: &mut PgConnection, uid: &str, language: &str) -> Result<()> {
    sqlx::query!(
        "update users set language = $2 where uid = $1",
        uid,
        language
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn set_time_zone(tx: &mut PgConnection, uid: &str, time_zone: &str) -> Result<()> {
    sqlx::query!(
        "update users set time_zone = $2 where uid = $1",
        uid,
        time_zone
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn time_zones(db: &Db) -> Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select distinct time_zone as "time_zone!" from users where time_zone is not null"#
    )
    .fetch_all(db)
    .await
}

pub async fn count(db: &Db) -> Result<i64> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from users"#)
        .fetch_one(db)
        .await
}

/// By uid and platform: when. Of who is gone nothing is kept.
pub async fn note_platforms(
    db: &Db,
    used: &HashMap<(String, &'static str), DateTime<Utc>>,
) -> Result<()> {
    let mut uids = Vec::new();
    let mut platforms = Vec::new();
    let mut times = Vec::new();
    for ((uid, platform), time) in used {
        uids.push(uid.clone());
        platforms.push(platform.to_string());
        times.push(*time);
    }
    sqlx::query!(
        "insert into user_platforms (uid, platform, first_used_at, last_used_at)
         select used.uid, used.platform, used.at, used.at
         from unnest($1::text[], $2::text[], $3::timestamptz[]) as used (uid, platform, at)
         join users u on u.uid = used.uid
         on conflict (uid, platform) do update
         set last_used_at = greatest(user_platforms.last_used_at, excluded.last_used_at)",
        &uids,
        &platforms,
        &times
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn platforms(db: &Db, uid: &str) -> Result<Vec<PlatformUse>> {
    sqlx::query_as!(
        PlatformUse,
        "select platform, first_used_at, last_used_at from user_platforms where uid = $1 order by first_used_at, platform",
        uid
    )
    .fetch_all(db)
    .await
}
