//! SQL of advice.

use chrono::{DateTime, Utc};
use sqlx::Result;
use uuid::Uuid;

use super::super::{Advice, AdviceChanges, NewAdvice};
use crate::platform::database::Db;

/// Gives the stored one: of an id that exists already the earlier one.
pub async fn insert_advice(
    db: &Db,
    uid: &str,
    id: Uuid,
    new: &NewAdvice,
    now: DateTime<Utc>,
) -> Result<Advice> {
    sqlx::query_as!(
        Advice,
        "insert into advice (uid, id, content, category, reasoning, source_app, confidence, context_summary,
                             current_activity, created_at, updated_at)
         values ($1, $2, $3, coalesce(nullif($4, ''), 'other'), $5, $6, $7, $8, $9, $10, $10)
         on conflict (uid, id) do update set id = excluded.id
         returning id, content, category, reasoning, source_app, confidence, context_summary, current_activity,
                   created_at, updated_at, is_read, is_dismissed",
        uid,
        id,
        new.content,
        new.category,
        new.reasoning,
        new.source_app,
        new.confidence,
        new.context_summary,
        new.current_activity,
        now
    )
    .fetch_one(db)
    .await
}

pub async fn advice(
    db: &Db,
    uid: &str,
    category: Option<&str>,
    include_dismissed: bool,
    limit: i64,
    offset: i64,
) -> Result<Vec<Advice>> {
    sqlx::query_as!(
        Advice,
        "select id, content, category, reasoning, source_app, confidence, context_summary, current_activity,
                created_at, updated_at, is_read, is_dismissed
         from advice
         where uid = $1 and ($2::text is null or category = $2) and ($3 or not is_dismissed)
         order by created_at desc, id desc
         limit $4 offset $5",
        uid,
        category,
        include_dismissed,
        limit,
        offset
    )
    .fetch_all(db)
    .await
}

pub async fn change_advice(
    db: &Db,
    uid: &str,
    id: Uuid,
    changes: AdviceChanges,
    now: DateTime<Utc>,
) -> Result<Option<Advice>> {
    sqlx::query_as!(
        Advice,
        "update advice
         set is_read = coalesce($3, is_read), is_dismissed = coalesce($4, is_dismissed), updated_at = $5
         where uid = $1 and id = $2
         returning id, content, category, reasoning, source_app, confidence, context_summary, current_activity,
                   created_at, updated_at, is_read, is_dismissed",
        uid,
        id,
        changes.is_read,
        changes.is_dismissed,
        now
    )
    .fetch_optional(db)
    .await
}

pub async fn delete_advice(db: &Db, uid: &str, id: Uuid) -> Result<()> {
    sqlx::query!("delete from advice where uid = $1 and id = $2", uid, id)
        .execute(db)
        .await?;
    Ok(())
}

pub async fn read_all_advice(db: &Db, uid: &str, now: DateTime<Utc>) -> Result<u64> {
    let read = sqlx::query!(
        "update advice set is_read = true, updated_at = $2 where uid = $1 and not is_read",
        uid,
        now
    )
    .execute(db)
    .await?;
    Ok(read.rows_affected())
}
