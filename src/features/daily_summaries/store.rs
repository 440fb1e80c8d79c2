//! SQL of daily summaries.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, Result, types::Json};
use uuid::Uuid;

use super::{
    days::Due,
    model::{Content, DailySummary, Days, Settings},
};
use crate::platform::database::Db;

pub async fn settings(db: &Db, uid: &str) -> Result<Option<Settings>> {
    sqlx::query_as!(
        Settings,
        "select enabled, hour from daily_summary_settings where uid = $1",
        uid
    )
    .fetch_optional(db)
    .await
}

pub async fn change_settings(
    db: &Db,
    uid: &str,
    enabled: Option<bool>,
    hour: Option<i32>,
    now: DateTime<Utc>,
) -> Result<Settings> {
    let usual = Settings::default();
    sqlx::query_as!(
        Settings,
        "insert into daily_summary_settings as known (uid, enabled, hour, changed_at)
         values ($1, coalesce($2, $5::boolean), coalesce($3, $6::integer), $4)
         on conflict (uid) do update set
            enabled = coalesce($2, known.enabled), hour = coalesce($3, known.hour),
            changed_at = case
                when (known.enabled, known.hour) = (coalesce($2, known.enabled), coalesce($3, known.hour)) then known.changed_at
                else $4 end
         returning enabled, hour",
        uid,
        enabled,
        hour,
        now,
        usual.enabled,
        usual.hour
    )
    .fetch_one(db)
    .await
}

/// Takes, of anyone, those for whom an hour came that nobody has taken yet, and notes that they are taken.
pub async fn take_due(
    tx: &mut PgConnection,
    due: &[(String, Due)],
    limit: i64,
) -> Result<Vec<(String, NaiveDate)>> {
    let usual = Settings::default();
    let zones: Vec<_> = due.iter().map(|(zone, _)| zone.clone()).collect();
    let hours: Vec<_> = due.iter().map(|(_, one)| one.hour).collect();
    let moments: Vec<_> = due.iter().map(|(_, one)| one.moment).collect();
    let dates: Vec<_> = due.iter().map(|(_, one)| one.date).collect();
    let rows = sqlx::query!(
        r#"insert into daily_summary_settings as known (uid, enabled, hour, changed_at, scheduled_for)
           select u.uid, $5::boolean, $6::integer, u.created_at, due.date
           from users u
           join unnest($1::text[], $2::integer[], $3::timestamptz[], $4::date[]) as due (zone, hour, moment, date)
             on due.zone = u.time_zone
           left join daily_summary_settings s on s.uid = u.uid
           where coalesce(s.enabled, $5::boolean) and coalesce(s.hour, $6::integer) = due.hour
             and due.moment >= coalesce(s.changed_at, u.created_at)
             and (s.scheduled_for is null or s.scheduled_for < due.date)
           order by u.uid limit $7
           on conflict (uid) do update set scheduled_for = excluded.scheduled_for
           where known.enabled and (known.scheduled_for is null or known.scheduled_for < excluded.scheduled_for)
           returning uid, scheduled_for as "date!""#,
        &zones,
        &hours,
        &moments,
        &dates,
        usual.enabled,
        usual.hour,
        limit
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.uid, row.date)).collect())
}

/// Whether the scheduled one of that day is there.
pub async fn is_made(db: &Db, uid: &str, date: NaiveDate) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from daily_summaries where uid = $1 and date = $2 and scheduled) as "made!""#,
        uid,
        date
    )
    .fetch_one(db)
    .await
}

/// False: it was there already, or the user is gone.
pub async fn insert(
    tx: &mut PgConnection,
    uid: &str,
    summary: &DailySummary,
    scheduled: bool,
) -> Result<bool> {
    let done = sqlx::query!(
        "insert into daily_summaries (uid, id, date, scheduled, understood_by, content, created_at)
         select $1, $2, $3, $4, $5, $6, $7 from users where uid = $1
         on conflict (uid, date) where scheduled do nothing",
        uid,
        summary.id,
        summary.date,
        scheduled,
        summary.understood_by,
        Json(&summary.content) as _,
        summary.created_at
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

struct Row {
    id: Uuid,
    date: NaiveDate,
    understood_by: String,
    content: Json<Content>,
    created_at: DateTime<Utc>,
}

impl From<Row> for DailySummary {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            date: row.date,
            created_at: row.created_at,
            understood_by: row.understood_by,
            content: row.content.0,
        }
    }
}

pub async fn list(
    db: &Db,
    uid: &str,
    days: Days,
    limit: i64,
    offset: i64,
) -> Result<Vec<DailySummary>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, date, understood_by, content as "content: Json<Content>", created_at from daily_summaries
           where uid = $1 and ($4::date is null or date >= $4) and ($5::date is null or date <= $5)
           order by date desc, created_at desc, id desc limit $2 offset $3"#,
        uid,
        limit,
        offset,
        days.from,
        days.to
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

pub async fn get(db: &Db, uid: &str, id: Uuid) -> Result<Option<DailySummary>> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, date, understood_by, content as "content: Json<Content>", created_at from daily_summaries
           where uid = $1 and id = $2"#,
        uid,
        id
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Into::into))
}

pub async fn delete(db: &Db, uid: &str, id: Uuid) -> Result<bool> {
    let done = sqlx::query!(
        "delete from daily_summaries where uid = $1 and id = $2",
        uid,
        id
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
