//! SQL that counts action items.

use chrono::{DateTime, Utc};
use sqlx::Result;

use crate::platform::database::Db;

pub struct Sums {
    pub daily: i64,
    pub daily_done: i64,
    pub weekly: i64,
    pub weekly_done: i64,
    pub overall: i64,
    pub overall_done: i64,
}

/// Due from `from` until before `to`; made since `week` until before `to`; all.
pub async fn tally(
    db: &Db,
    uid: &str,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    week: DateTime<Utc>,
) -> Result<Sums> {
    sqlx::query_as!(
        Sums,
        r#"select count(*) filter (where due_at >= $2 and due_at < $3) as "daily!",
                  count(*) filter (where due_at >= $2 and due_at < $3 and completed) as "daily_done!",
                  count(*) filter (where created_at >= $4 and created_at < $3) as "weekly!",
                  count(*) filter (where created_at >= $4 and created_at < $3 and completed) as "weekly_done!",
                  count(*) as "overall!", count(*) filter (where completed) as "overall_done!"
           from action_items
           where uid = $1"#,
        uid,
        from,
        to,
        week
    )
    .fetch_one(db)
    .await
}
