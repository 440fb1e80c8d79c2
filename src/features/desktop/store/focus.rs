//! SQL of focus sessions.

use chrono::{DateTime, Utc};
use sqlx::Result;
use uuid::Uuid;

use super::super::{Distraction, FocusSession, FocusStatus, NewFocusSession};
use crate::platform::database::Db;

/// Gives the stored one: of an id that exists already the earlier one.
pub async fn insert_focus(
    db: &Db,
    uid: &str,
    id: Uuid,
    new: &NewFocusSession,
    now: DateTime<Utc>,
) -> Result<FocusSession> {
    sqlx::query_as!(
        FocusSession,
        r#"insert into focus_sessions (uid, id, status, app_or_site, description, message, duration_seconds, created_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8)
           on conflict (uid, id) do update set id = excluded.id
           returning id, status as "status: FocusStatus", app_or_site, description, message, created_at,
                     duration_seconds"#,
        uid,
        id,
        new.status as FocusStatus,
        new.app_or_site,
        new.description,
        new.message,
        new.duration_seconds,
        now
    )
    .fetch_one(db)
    .await
}

pub async fn focus(
    db: &Db,
    uid: &str,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    limit: i64,
    offset: i64,
) -> Result<Vec<FocusSession>> {
    sqlx::query_as!(
        FocusSession,
        r#"select id, status as "status: FocusStatus", app_or_site, description, message, created_at, duration_seconds
           from focus_sessions
           where uid = $1 and ($2::timestamptz is null or created_at >= $2)
             and ($3::timestamptz is null or created_at < $3)
           order by created_at desc, id desc
           limit $4 offset $5"#,
        uid,
        from,
        to,
        limit,
        offset
    )
    .fetch_all(db)
    .await
}

pub async fn delete_focus(db: &Db, uid: &str, id: Uuid) -> Result<()> {
    sqlx::query!(
        "delete from focus_sessions where uid = $1 and id = $2",
        uid,
        id
    )
    .execute(db)
    .await?;
    Ok(())
}

pub struct Sums {
    pub focused: i64,
    pub distracted: i64,
    pub focused_seconds: i64,
    pub distracted_seconds: i64,
}

pub async fn focus_sums(
    db: &Db,
    uid: &str,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
) -> Result<Sums> {
    sqlx::query_as!(
        Sums,
        r#"with newest as (
               select status, duration_seconds from focus_sessions
               where uid = $1 and ($2::timestamptz is null or created_at >= $2)
                 and ($3::timestamptz is null or created_at < $3)
               order by created_at desc, id desc
               limit 5000)
           select count(*) filter (where status = 'focused') as "focused!",
                  count(*) filter (where status = 'distracted') as "distracted!",
                  coalesce(sum(duration_seconds) filter (where status = 'focused'), 0) as "focused_seconds!",
                  coalesce(sum(coalesce(nullif(duration_seconds, 0), 60)) filter (where status = 'distracted'), 0)
                      as "distracted_seconds!"
           from newest"#,
        uid,
        from,
        to
    )
    .fetch_one(db)
    .await
}

/// The five that took longest.
pub async fn distractions(
    db: &Db,
    uid: &str,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
) -> Result<Vec<Distraction>> {
    sqlx::query_as!(
        Distraction,
        r#"with newest as (
               select status, app_or_site, duration_seconds from focus_sessions
               where uid = $1 and ($2::timestamptz is null or created_at >= $2)
                 and ($3::timestamptz is null or created_at < $3)
               order by created_at desc, id desc
               limit 5000)
           select app_or_site, sum(coalesce(nullif(duration_seconds, 0), 60)) as "total_seconds!", count(*) as "count!"
           from newest
           where status = 'distracted'
           group by app_or_site
           order by 2 desc, app_or_site
           limit 5"#,
        uid,
        from,
        to
    )
    .fetch_all(db)
    .await
}
