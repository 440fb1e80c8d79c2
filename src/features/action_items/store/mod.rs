//! SQL of action items.

mod proposed;
mod sharing;
mod sync;
mod tally;

pub use proposed::*;
pub use sharing::*;
pub use sync::*;
pub use tally::*;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Result};
use uuid::Uuid;

use super::{ActionItem, ActionItemChanges, Filter, Manner};
use crate::platform::database::{self, Db};

pub async fn list(
    db: &Db,
    uid: &str,
    filter: &Filter,
    limit: i64,
    offset: i64,
) -> Result<Vec<ActionItem>> {
    let any_conversation = filter.conversation_id.is_none();
    let conversation_id = filter.conversation_id.flatten();
    if filter.due_from.is_some() || filter.due_to.is_some() {
        return sqlx::query_as!(
            ActionItem,
            "select id, description, completed, created_at, updated_at, due_at, completed_at, conversation_id,
                    exported, export_date, export_platform, apple_reminder_id, sort_order, indent_level
             from action_items
             where uid = $1 and ($2::bool is null or completed = $2)
               and ($3 or conversation_id is not distinct from $4)
               and due_at is not null
               and ($5::timestamptz is null or due_at >= $5) and ($6::timestamptz is null or due_at <= $6)
               and ($7::timestamptz is null or created_at >= $7) and ($8::timestamptz is null or created_at <= $8)
             order by due_at desc, id
             limit $9 offset $10",
            uid,
            filter.completed,
            any_conversation,
            conversation_id,
            filter.due_from,
            filter.due_to,
            filter.created_from,
            filter.created_to,
            limit,
            offset
        )
        .fetch_all(db)
        .await;
    }
    sqlx::query_as!(
        ActionItem,
        "select id, description, completed, created_at, updated_at, due_at, completed_at, conversation_id,
                exported, export_date, export_platform, apple_reminder_id, sort_order, indent_level
         from action_items
         where uid = $1 and ($2::bool is null or completed = $2)
           and ($3 or conversation_id is not distinct from $4)
           and ($5::timestamptz is null or created_at >= $5) and ($6::timestamptz is null or created_at <= $6)
         order by created_at desc, id
         limit $7 offset $8",
        uid,
        filter.completed,
        any_conversation,
        conversation_id,
        filter.created_from,
        filter.created_to,
        limit,
        offset
    )
    .fetch_all(db)
    .await
}

/// Open ones.
pub async fn soonest(db: &Db, uid: &str, limit: i64) -> Result<Vec<ActionItem>> {
    sqlx::query_as!(
        ActionItem,
        "select id, description, completed, created_at, updated_at, due_at, completed_at, conversation_id,
                exported, export_date, export_platform, apple_reminder_id, sort_order, indent_level
         from action_items
         where uid = $1 and not completed
         order by due_at nulls last, created_at desc, id
         limit $2",
        uid,
        limit
    )
    .fetch_all(db)
    .await
}

pub async fn get(db: &Db, uid: &str, id: Uuid) -> Result<Option<ActionItem>> {
    sqlx::query_as!(
        ActionItem,
        "select id, description, completed, created_at, updated_at, due_at, completed_at, conversation_id,
                exported, export_date, export_platform, apple_reminder_id, sort_order, indent_level
         from action_items where uid = $1 and id = $2",
        uid,
        id
    )
    .fetch_optional(db)
    .await
}

pub async fn of_ids(db: &Db, uid: &str, ids: &[Uuid]) -> Result<Vec<ActionItem>> {
    sqlx::query_as!(
        ActionItem,
        "select id, description, completed, created_at, updated_at, due_at, completed_at, conversation_id,
                exported, export_date, export_platform, apple_reminder_id, sort_order, indent_level
         from action_items where uid = $1 and id = any($2)",
        uid,
        ids
    )
    .fetch_all(db)
    .await
}

/// One at a time creates an item that may have a twin, until the end of `tx`.
pub async fn lock_creating(tx: &mut PgConnection, uid: &str) -> Result<()> {
    database::take_turn(tx, uid, "new action items").await
}

/// An item of the same content that was made since then.
pub async fn twin(
    tx: &mut PgConnection,
    uid: &str,
    item: &ActionItem,
    since: DateTime<Utc>,
) -> Result<Option<ActionItem>> {
    sqlx::query_as!(
        ActionItem,
        "select id, description, completed, created_at, updated_at, due_at, completed_at, conversation_id,
                exported, export_date, export_platform, apple_reminder_id, sort_order, indent_level
         from action_items
         where uid = $1 and created_at >= $2 and description = $3 and completed = $4
           and due_at is not distinct from $5 and conversation_id is not distinct from $6
         order by created_at desc, id
         limit 1",
        uid,
        since,
        item.description,
        item.completed,
        item.due_at,
        item.conversation_id
    )
    .fetch_optional(tx)
    .await
}

/// Gives the stored items, in any order: of an id that exists already the earlier one, to which nothing is done.
pub async fn insert(
    db: impl PgExecutor<'_>,
    uid: &str,
    items: &[ActionItem],
) -> Result<Vec<ActionItem>> {
    let ids: Vec<_> = items.iter().map(|item| item.id).collect();
    let descriptions: Vec<_> = items.iter().map(|item| item.description.clone()).collect();
    let dues: Vec<_> = items.iter().map(|item| item.due_at).collect();
    let completions: Vec<_> = items.iter().map(|item| item.completed_at).collect();
    let times: Vec<_> = items.iter().map(|item| item.created_at).collect();
    let conversations: Vec<_> = items.iter().map(|item| item.conversation_id).collect();
    sqlx::query_as!(
        ActionItem,
        "insert into action_items (uid, id, description, completed, completed_at, due_at, created_at, updated_at,
                                   conversation_id)
         select $1, new.id, new.description, new.completed_at is not null, new.completed_at, new.due_at, new.at, new.at,
                new.conversation_id
         from unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::uuid[])
              as new (id, description, due_at, completed_at, at, conversation_id)
         order by new.id
         on conflict (uid, id) do update set id = excluded.id
         returning id, description, completed, created_at, updated_at, due_at, completed_at, conversation_id,
                   exported, export_date, export_platform, apple_reminder_id, sort_order, indent_level",
        uid,
        &ids,
        &descriptions,
        &dues as &[Option<DateTime<Utc>>],
        &completions as &[Option<DateTime<Utc>>],
        &times,
        &conversations as &[Option<Uuid>]
    )
    .fetch_all(db)
    .await
}

/// A change by the user.
pub async fn update(
    db: &Db,
    uid: &str,
    id: Uuid,
    changes: &ActionItemChanges,
    manner: Manner,
    now: DateTime<Utc>,
) -> Result<Option<ActionItem>> {
    sqlx::query_as!(
        ActionItem,
        "update action_items
         set description = coalesce($3, description), completed = coalesce($4, completed),
             completed_at = case $4 when true then case when $14 then $7 else coalesce(completed_at, $7) end
                                    when false then null else completed_at end,
             due_at = case when $5 then $6 else due_at end,
             exported = coalesce($8, exported), export_date = coalesce($9, export_date),
             export_platform = coalesce($10, export_platform),
             apple_reminder_id = coalesce($11, apple_reminder_id), sort_order = coalesce($12, sort_order),
             indent_level = coalesce($13, indent_level), sync_requested = sync_requested and not coalesce($8, false),
             touched = true, updated_at = $7
         where uid = $1 and id = $2
         returning id, description, completed, created_at, updated_at, due_at, completed_at, conversation_id,
                   exported, export_date, export_platform, apple_reminder_id, sort_order, indent_level",
        uid,
        id,
        changes.description,
        changes.completed,
        changes.due_at.is_some(),
        changes.due_at.flatten(),
        now,
        changes.exported,
        changes.export_date,
        changes.export_platform,
        changes.apple_reminder_id,
        changes.sort_order,
        changes.indent_level,
        manner == Manner::Lenient
    )
    .fetch_optional(db)
    .await
}

/// Whether there was one.
pub async fn delete(db: &Db, uid: &str, id: Uuid) -> Result<bool> {
    let deleted = sqlx::query!(
        "delete from action_items where uid = $1 and id = $2",
        uid,
        id
    )
    .execute(db)
    .await?;
    Ok(deleted.rows_affected() > 0)
}

pub async fn of_conversations(
    db: impl PgExecutor<'_>,
    uid: &str,
    conversation_ids: &[Uuid],
) -> Result<Vec<ActionItem>> {
    sqlx::query_as!(
        ActionItem,
        "select id, description, completed, created_at, updated_at, due_at, completed_at, conversation_id,
                exported, export_date, export_platform, apple_reminder_id, sort_order, indent_level
         from action_items
         where uid = $1 and conversation_id = any($2)
         order by created_at, id",
        uid,
        conversation_ids
    )
    .fetch_all(db)
    .await
}

pub async fn lock_found(tx: &mut PgConnection, uid: &str) -> Result<()> {
    database::take_turn(tx, uid, "action items").await
}

pub async fn open_since(
    db: impl PgExecutor<'_>,
    uid: &str,
    since: DateTime<Utc>,
    except: Uuid,
) -> Result<Vec<ActionItem>> {
    sqlx::query_as!(
        ActionItem,
        "select id, description, completed, created_at, updated_at, due_at, completed_at, conversation_id,
                exported, export_date, export_platform, apple_reminder_id, sort_order, indent_level
         from action_items
         where uid = $1 and not completed and updated_at >= $2 and conversation_id is distinct from $3
         order by created_at desc, id
         limit 500",
        uid,
        since,
        except
    )
    .fetch_all(db)
    .await
}

/// Removes what was found in this conversation and gives the descriptions of what stays, of today and as it was found: of
/// items that the user completed, exported or changed. Two statements, so that the second sees what the user did while the first waited.
pub async fn clear_found(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
) -> Result<Vec<String>> {
    sqlx::query!(
        "delete from action_items
         where uid = $1 and conversation_id = $2 and not touched and not completed and not exported",
        uid,
        conversation_id
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query_scalar!(
        r#"select description as "description!" from action_items where uid = $1 and conversation_id = $2
           union
           select found_as from action_items where uid = $1 and conversation_id = $2 and found_as is not null"#,
        uid,
        conversation_id
    )
    .fetch_all(tx)
    .await
}

pub async fn insert_found(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    items: &[ActionItem],
) -> Result<()> {
    let ids: Vec<_> = items.iter().map(|item| item.id).collect();
    let descriptions: Vec<_> = items.iter().map(|item| item.description.clone()).collect();
    let dues: Vec<_> = items.iter().map(|item| item.due_at).collect();
    let times: Vec<_> = items.iter().map(|item| item.created_at).collect();
    sqlx::query!(
        "insert into action_items (uid, id, description, found_as, due_at, conversation_id, created_at, updated_at)
         select $1, new.id, new.description, new.description, new.due_at, $2, new.at, new.at
         from unnest($3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[]) as new (id, description, due_at, at)",
        uid,
        conversation_id,
        &ids,
        &descriptions,
        &dues as &[Option<DateTime<Utc>>],
        &times
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn reassign(
    tx: &mut PgConnection,
    uid: &str,
    conversation_ids: &[Uuid],
    into: Uuid,
) -> Result<()> {
    sqlx::query!(
        "update action_items set conversation_id = $3 where uid = $1 and conversation_id = any($2)",
        uid,
        conversation_ids,
        into
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn delete_of_conversation(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
) -> Result<()> {
    sqlx::query!(
        "delete from action_items where uid = $1 and conversation_id = $2",
        uid,
        conversation_id
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn complete_named(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    words: &[String],
    completed: &[bool],
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "update action_items a
         set completed = new.completed, completed_at = case when new.completed then coalesce(a.completed_at, $5) end,
             touched = true, updated_at = $5
         from unnest($3::text[], $4::bool[]) as new (words, completed)
         where a.uid = $1 and a.conversation_id = $2 and a.description = new.words",
        uid,
        conversation_id,
        words,
        completed,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn rename(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    words: &str,
    description: &str,
    now: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query!(
        "update action_items set description = $4, touched = true, updated_at = $5
         where uid = $1 and conversation_id = $2 and description = $3",
        uid,
        conversation_id,
        words,
        description,
        now
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

pub async fn delete_named(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    words: &str,
) -> Result<()> {
    sqlx::query!(
        "delete from action_items where uid = $1 and conversation_id = $2 and description = $3",
        uid,
        conversation_id,
        words
    )
    .execute(tx)
    .await?;
    Ok(())
}
