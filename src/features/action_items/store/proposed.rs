//! SQL of action items that were proposed first.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Result};
use uuid::Uuid;

use super::super::{ActionItem, Proposal};

pub async fn take_up(
    tx: &mut PgConnection,
    uid: &str,
    proposal: &Proposal,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<ActionItem> {
    sqlx::query_as!(
        ActionItem,
        "insert into action_items (uid, id, description, due_at, created_at, updated_at, source, priority, metadata,
                                   category, relevance_score, from_staged)
         values ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9, $10, true)
         returning id, description, completed, created_at, updated_at, due_at, completed_at, conversation_id,
                   exported, export_date, export_platform, apple_reminder_id, sort_order, indent_level",
        uid,
        id,
        proposal.description,
        proposal.due_at,
        now,
        proposal.source,
        proposal.priority,
        proposal.metadata,
        proposal.category,
        proposal.relevance_score
    )
    .fetch_one(tx)
    .await
}

pub async fn put_back_of_screen(
    tx: &mut PgConnection,
    uid: &str,
    kept: i64,
) -> Result<Vec<Proposal>> {
    sqlx::query_as!(
        Proposal,
        "delete from action_items
         where uid = $1 and id in (
             select id from action_items
             where uid = $1 and not completed and source like '%screenshot%'
             order by coalesce(relevance_score, 999), created_at, id
             offset $2)
         returning id, description, due_at, source, priority, metadata, category, relevance_score",
        uid,
        kept
    )
    .fetch_all(tx)
    .await
}

pub async fn count_of_screen(tx: &mut PgConnection, uid: &str) -> Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from action_items
           where uid = $1 and not completed and source like '%screenshot%'"#,
        uid
    )
    .fetch_one(tx)
    .await
}

pub async fn put_back_of_conversations(tx: &mut PgConnection, uid: &str) -> Result<Vec<Proposal>> {
    sqlx::query_as!(
        Proposal,
        "delete from action_items
         where uid = $1 and not completed and conversation_id is not null and source is null
         returning id, description, due_at, source, priority, metadata, category, relevance_score",
        uid
    )
    .fetch_all(tx)
    .await
}
