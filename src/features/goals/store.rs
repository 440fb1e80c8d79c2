//! SQL of goals and their history.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Result};

use super::{Goal, GoalChanges, GoalType, NewGoal, Progress};
use crate::platform::database::{self, Db};

pub async fn list_active(db: &Db, uid: &str, limit: i64) -> Result<Vec<Goal>> {
    sqlx::query_as!(
        Goal,
        r#"select id, title, goal_type as "goal_type: GoalType", target_value, current_value, min_value, max_value,
                  unit, is_active, created_at, updated_at, ended_at
           from goals
           where uid = $1 and is_active
           order by created_at, id
           limit $2"#,
        uid,
        limit
    )
    .fetch_all(db)
    .await
}

pub async fn list_all(db: &Db, uid: &str, limit: i64) -> Result<Vec<Goal>> {
    sqlx::query_as!(
        Goal,
        r#"select id, title, goal_type as "goal_type: GoalType", target_value, current_value, min_value, max_value,
                  unit, is_active, created_at, updated_at, ended_at
           from goals
           where uid = $1
           order by created_at desc, id desc
           limit $2"#,
        uid,
        limit
    )
    .fetch_all(db)
    .await
}

pub async fn get(db: impl PgExecutor<'_>, uid: &str, id: &str) -> Result<Option<Goal>> {
    sqlx::query_as!(
        Goal,
        r#"select id, title, goal_type as "goal_type: GoalType", target_value, current_value, min_value, max_value,
                  unit, is_active, created_at, updated_at, ended_at
           from goals
           where uid = $1 and id = $2"#,
        uid,
        id
    )
    .fetch_optional(db)
    .await
}

/// One at a time creates a goal of this user, until the end of `tx`.
pub async fn lock_creating(tx: &mut PgConnection, uid: &str) -> Result<()> {
    database::take_turn(tx, uid, "goals").await
}

/// An active goal of the same content that was set since then.
pub async fn twin(
    tx: &mut PgConnection,
    uid: &str,
    new: &NewGoal,
    since: DateTime<Utc>,
) -> Result<Option<Goal>> {
    sqlx::query_as!(
        Goal,
        r#"select id, title, goal_type as "goal_type: GoalType", target_value, current_value, min_value, max_value,
                  unit, is_active, created_at, updated_at, ended_at
           from goals
           where uid = $1 and is_active and created_at >= $2 and title = $3 and goal_type = $4 and target_value = $5
             and min_value = $6 and max_value = $7 and unit is not distinct from $8
           order by created_at desc, id
           limit 1"#,
        uid,
        since,
        new.title,
        new.goal_type as GoalType,
        new.target_value,
        new.min_value,
        new.max_value,
        new.unit
    )
    .fetch_optional(tx)
    .await
}

/// None if there is one with this id.
pub async fn insert(
    tx: &mut PgConnection,
    uid: &str,
    id: &str,
    new: &NewGoal,
    now: DateTime<Utc>,
) -> Result<Option<Goal>> {
    sqlx::query_as!(
        Goal,
        r#"insert into goals (uid, id, title, goal_type, target_value, current_value, min_value, max_value, unit,
                              created_at, updated_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
           on conflict (uid, id) do nothing
           returning id, title, goal_type as "goal_type: GoalType", target_value, current_value, min_value, max_value,
                     unit, is_active, created_at, updated_at, ended_at"#,
        uid,
        id,
        new.title,
        new.goal_type as GoalType,
        new.target_value,
        new.current_value,
        new.min_value,
        new.max_value,
        new.unit,
        now
    )
    .fetch_optional(tx)
    .await
}

/// Of the active goals besides `id`, only the newest `kept` stay so.
pub async fn end_oldest(
    tx: &mut PgConnection,
    uid: &str,
    id: &str,
    kept: i64,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update goals set is_active = false, ended_at = $4, updated_at = $4
         where uid = $1 and id in (
             select id from goals
             where uid = $1 and is_active and id <> $2
             order by created_at desc, id desc
             offset $3)",
        uid,
        id,
        kept,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn update(
    db: &Db,
    uid: &str,
    id: &str,
    changes: &GoalChanges,
    now: DateTime<Utc>,
) -> Result<Option<Goal>> {
    sqlx::query_as!(
        Goal,
        r#"update goals
           set title = coalesce($3, title), target_value = coalesce($4, target_value),
               current_value = coalesce($5, current_value), min_value = coalesce($6, min_value),
               max_value = coalesce($7, max_value), unit = case when $8 then $9 else unit end, updated_at = $10
           where uid = $1 and id = $2
           returning id, title, goal_type as "goal_type: GoalType", target_value, current_value, min_value, max_value,
                     unit, is_active, created_at, updated_at, ended_at"#,
        uid,
        id,
        changes.title,
        changes.target_value,
        changes.current_value,
        changes.min_value,
        changes.max_value,
        changes.unit.is_some(),
        changes.unit.clone().flatten(),
        now
    )
    .fetch_optional(db)
    .await
}

pub async fn progress(
    db: &Db,
    uid: &str,
    id: &str,
    value: f64,
    now: DateTime<Utc>,
) -> Result<Option<Goal>> {
    sqlx::query_as!(
        Goal,
        r#"with goal as (
               update goals set current_value = $3, updated_at = $4
               where uid = $1 and id = $2
               returning id, title, goal_type, target_value, current_value, min_value, max_value, unit, is_active,
                         created_at, updated_at, ended_at),
           entry as (
               insert into goal_history (uid, goal_id, date, value, recorded_at)
               select $1, id, $5, $3, $4 from goal
               on conflict (uid, goal_id, date) do update set value = excluded.value, recorded_at = excluded.recorded_at)
           select id, title, goal_type as "goal_type: GoalType", target_value, current_value, min_value, max_value,
                  unit, is_active, created_at, updated_at, ended_at
           from goal"#,
        uid,
        id,
        value,
        now,
        now.date_naive()
    )
    .fetch_optional(db)
    .await
}

/// The same of several active ones.
pub async fn heard(
    tx: &mut PgConnection,
    uid: &str,
    values: &[(String, f64)],
    now: DateTime<Utc>,
) -> Result<()> {
    let (ids, values): (Vec<_>, Vec<_>) = values.iter().cloned().unzip();
    sqlx::query!(
        "with goal as (
             update goals set current_value = heard.value, updated_at = $4
             from unnest($2::text[], $3::double precision[]) as heard (id, value)
             where goals.uid = $1 and goals.id = heard.id and goals.is_active
             returning goals.id, goals.current_value)
         insert into goal_history (uid, goal_id, date, value, recorded_at)
         select $1, id, $5, current_value, $4 from goal
         on conflict (uid, goal_id, date) do update set value = excluded.value, recorded_at = excluded.recorded_at",
        uid,
        &ids,
        &values,
        now,
        now.date_naive()
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn history(db: &Db, uid: &str, id: &str, limit: i64) -> Result<Vec<Progress>> {
    sqlx::query_as!(
        Progress,
        "select date, value, recorded_at from goal_history
         where uid = $1 and goal_id = $2
         order by date desc
         limit $3",
        uid,
        id,
        limit
    )
    .fetch_all(db)
    .await
}

/// The history goes with it, by the foreign key. False: there was none.
pub async fn delete(db: &Db, uid: &str, id: &str) -> Result<bool> {
    let deleted = sqlx::query!("delete from goals where uid = $1 and id = $2", uid, id)
        .execute(db)
        .await?;
    Ok(deleted.rows_affected() > 0)
}
