//! SQL of meetings.

use chrono::{DateTime, Utc};
use sqlx::{Result, types::Json};
use uuid::Uuid;

use super::{Meeting, NewMeeting, Participant, model};
use crate::platform::database::Db;

struct Row {
    id: Uuid,
    calendar_event_id: String,
    calendar_source: String,
    title: String,
    start_time: DateTime<Utc>,
    end_time: DateTime<Utc>,
    platform: Option<String>,
    meeting_link: Option<String>,
    participants: Json<Vec<Participant>>,
    notes: Option<String>,
}

impl From<Row> for Meeting {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            calendar_event_id: row.calendar_event_id,
            title: row.title,
            participants: row.participants.0,
            platform: row.platform,
            meeting_link: row.meeting_link,
            start_time: row.start_time,
            duration_minutes: model::minutes(row.start_time, row.end_time),
            notes: row.notes,
            calendar_source: row.calendar_source,
        }
    }
}

/// Gives the id of the stored meeting, which an earlier one of the same calendar keeps.
pub async fn put(
    db: &Db,
    uid: &str,
    id: Uuid,
    new: &NewMeeting,
    now: DateTime<Utc>,
) -> Result<Uuid> {
    sqlx::query_scalar!(
        "insert into calendar_meetings (uid, id, calendar_event_id, calendar_source, title, start_time, end_time,
                                        platform, meeting_link, participants, notes, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)
         on conflict (uid, md5(calendar_event_id), md5(calendar_source)) do update set
            title = excluded.title, start_time = excluded.start_time, end_time = excluded.end_time,
            platform = excluded.platform, meeting_link = excluded.meeting_link,
            participants = excluded.participants, notes = excluded.notes, updated_at = excluded.updated_at
         returning id",
        uid,
        id,
        new.calendar_event_id,
        new.calendar_source,
        new.title,
        new.start_time,
        new.end_time,
        new.platform,
        new.meeting_link,
        Json(&new.participants) as _,
        new.notes,
        now
    )
    .fetch_one(db)
    .await
}

pub async fn get(db: &Db, uid: &str, id: Uuid) -> Result<Option<Meeting>> {
    let found = sqlx::query_as!(
        Row,
        r#"select id, calendar_event_id, calendar_source, title, start_time, end_time, platform, meeting_link,
                  participants as "participants: Json<Vec<Participant>>", notes
           from calendar_meetings where uid = $1 and id = $2"#,
        uid,
        id
    )
    .fetch_optional(db)
    .await?;
    Ok(found.map(Into::into))
}

pub async fn list(
    db: &Db,
    uid: &str,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    limit: i64,
) -> Result<Vec<Meeting>> {
    let found = sqlx::query_as!(
        Row,
        r#"select id, calendar_event_id, calendar_source, title, start_time, end_time, platform, meeting_link,
                  participants as "participants: Json<Vec<Participant>>", notes
           from calendar_meetings
           where uid = $1 and ($2::timestamptz is null or start_time >= $2)
             and ($3::timestamptz is null or start_time <= $3)
           order by start_time desc, id
           limit $4"#,
        uid,
        from,
        to,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(found.into_iter().map(Into::into).collect())
}

/// One that begins at the latest at `to` and ends at the earliest at `from`, nearest to `at` by its beginning.
pub async fn held_at(
    db: &Db,
    uid: &str,
    at: DateTime<Utc>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Option<Meeting>> {
    let found = sqlx::query_as!(
        Row,
        r#"select id, calendar_event_id, calendar_source, title, start_time, end_time, platform, meeting_link,
                  participants as "participants: Json<Vec<Participant>>", notes
           from calendar_meetings
           where uid = $1 and start_time <= $3 and end_time >= $2
           order by abs(extract(epoch from start_time - $4::timestamptz)), id
           limit 1"#,
        uid,
        from,
        to,
        at
    )
    .fetch_optional(db)
    .await?;
    Ok(found.map(Into::into))
}
