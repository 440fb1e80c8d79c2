//! SQL of proposed tasks.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Result};
use uuid::Uuid;

use super::super::StagedTask;
use crate::{features::action_items::Proposal, platform::database::Db};

/// Gives the stored one, which may be an earlier one of the same words.
pub async fn stage(db: &Db, uid: &str, new: &Proposal, now: DateTime<Utc>) -> Result<StagedTask> {
    sqlx::query_as!(
        StagedTask,
        "insert into staged_tasks (uid, id, description, due_at, source, priority, metadata, category, relevance_score,
                                   created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
         on conflict (uid, md5(lower(description))) do update set id = staged_tasks.id
         returning id, description, completed, created_at, updated_at, due_at, source, priority, metadata, category,
                   relevance_score",
        uid,
        new.id,
        new.description,
        new.due_at,
        new.source,
        new.priority,
        new.metadata,
        new.category,
        new.relevance_score,
        now
    )
    .fetch_one(db)
    .await
}

/// Opens those again whose words are known.
pub async fn stage_all(
    tx: &mut PgConnection,
    uid: &str,
    new: &[Proposal],
    now: DateTime<Utc>,
) -> Result<()> {
    let ids: Vec<_> = new.iter().map(|one| one.id).collect();
    let scores: Vec<_> = new.iter().map(|one| one.relevance_score).collect();
    let dues: Vec<_> = new.iter().map(|one| one.due_at).collect();
    let descriptions: Vec<_> = new.iter().map(|one| one.description.clone()).collect();
    let sources: Vec<_> = new.iter().map(|one| one.source.clone()).collect();
    let priorities: Vec<_> = new.iter().map(|one| one.priority.clone()).collect();
    let metadata: Vec<_> = new.iter().map(|one| one.metadata.clone()).collect();
    let categories: Vec<_> = new.iter().map(|one| one.category.clone()).collect();
    sqlx::query!(
        "insert into staged_tasks (uid, id, description, due_at, source, priority, metadata, category, relevance_score,
                                   created_at, updated_at)
         select distinct on (lower(new.description)) $1, new.id, new.description, new.due_at, new.source, new.priority, new.metadata, new.category,
                new.score, $2, $2
         from unnest($3::uuid[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::text[],
                     $10::integer[])
              as new (id, description, due_at, source, priority, metadata, category, score)
         order by lower(new.description), new.id
         on conflict (uid, md5(lower(description))) do update set
            completed = false, promoted_at = null, relevance_score = excluded.relevance_score,
            updated_at = excluded.updated_at",
        uid,
        now,
        &ids,
        &descriptions,
        &dues as &[Option<DateTime<Utc>>],
        &sources as &[Option<String>],
        &priorities as &[Option<String>],
        &metadata as &[Option<String>],
        &categories as &[Option<String>],
        &scores as &[Option<i32>]
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn staged(db: &Db, uid: &str, limit: i64, offset: i64) -> Result<Vec<StagedTask>> {
    sqlx::query_as!(
        StagedTask,
        "select id, description, completed, created_at, updated_at, due_at, source, priority, metadata, category,
                relevance_score
         from staged_tasks
         where uid = $1 and not completed
         order by relevance_score, created_at, id
         limit $2 offset $3",
        uid,
        limit,
        offset
    )
    .fetch_all(db)
    .await
}

pub async fn delete_staged(db: &Db, uid: &str, id: Uuid) -> Result<()> {
    sqlx::query!(
        "delete from staged_tasks where uid = $1 and id = $2",
        uid,
        id
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Of two scores of one proposal the last counts.
pub async fn score_staged(
    db: &Db,
    uid: &str,
    scores: &[(Uuid, i32)],
    now: DateTime<Utc>,
) -> Result<()> {
    let (ids, scores): (Vec<_>, Vec<_>) = scores.iter().copied().unzip();
    sqlx::query!(
        "update staged_tasks task set relevance_score = new.score, updated_at = $4
         from (select distinct on (id) id, score
               from unnest($2::uuid[], $3::integer[]) with ordinality as given (id, score, n)
               order by id, n desc) as new
         where task.uid = $1 and task.id = new.id and not task.completed",
        uid,
        &ids,
        &scores,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Marks the best open proposal as promoted.
pub async fn take_best(
    tx: &mut PgConnection,
    uid: &str,
    now: DateTime<Utc>,
) -> Result<Option<Proposal>> {
    sqlx::query_as!(
        Proposal,
        "update staged_tasks set completed = true, promoted_at = $2, updated_at = $2
         where uid = $1 and id = (
             select id from staged_tasks
             where uid = $1 and not completed
             order by relevance_score, created_at, id
             limit 1
             for update skip locked)
         returning id, description, due_at, source, priority, metadata, category, relevance_score",
        uid,
        now
    )
    .fetch_optional(tx)
    .await
}
