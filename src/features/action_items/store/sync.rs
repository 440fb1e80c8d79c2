//! SQL of the order of action items and of their way to other task apps.

use chrono::{DateTime, Utc};
use sqlx::Result;
use uuid::Uuid;

use super::super::{ActionItem, ActionItemChanges, Position};
use crate::platform::database::Db;

pub async fn to_sync(db: &Db, uid: &str, limit: i64) -> Result<Vec<ActionItem>> {
    sqlx::query_as!(
        ActionItem,
        "select id, description, completed, created_at, updated_at, due_at, completed_at, conversation_id,
                exported, export_date, export_platform, apple_reminder_id, sort_order, indent_level
         from action_items
         where uid = $1 and sync_requested and not exported
         order by created_at desc, id
         limit $2",
        uid,
        limit
    )
    .fetch_all(db)
    .await
}

pub async fn exported(db: &Db, uid: &str, platform: &str, limit: i64) -> Result<Vec<ActionItem>> {
    sqlx::query_as!(
        ActionItem,
        "select id, description, completed, created_at, updated_at, due_at, completed_at, conversation_id,
                exported, export_date, export_platform, apple_reminder_id, sort_order, indent_level
         from action_items
         where uid = $1 and exported and export_platform = $2
         order by updated_at desc, id
         limit $3",
        uid,
        platform,
        limit
    )
    .fetch_all(db)
    .await
}

/// Positions of different items.
pub async fn arrange(db: &Db, uid: &str, positions: &[Position], now: DateTime<Utc>) -> Result<()> {
    let ids: Vec<_> = positions.iter().map(|position| position.id).collect();
    let orders: Vec<_> = positions
        .iter()
        .map(|position| position.sort_order)
        .collect();
    let levels: Vec<_> = positions
        .iter()
        .map(|position| position.indent_level)
        .collect();
    sqlx::query!(
        "update action_items item
         set sort_order = coalesce(wanted.sort_order, item.sort_order),
             indent_level = coalesce(wanted.indent_level, item.indent_level), updated_at = $5
         from unnest($2::uuid[], $3::integer[], $4::integer[]) as wanted (id, sort_order, indent_level)
         where item.uid = $1 and item.id = wanted.id",
        uid,
        &ids,
        &orders as &[Option<i32>],
        &levels as &[Option<i32>],
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Changes of different items; gives how many there were.
pub async fn apply_synced(
    db: &Db,
    uid: &str,
    changes: &[(Uuid, ActionItemChanges)],
    now: DateTime<Utc>,
) -> Result<u64> {
    let ids: Vec<_> = changes.iter().map(|(id, _)| *id).collect();
    let of = |field: fn(&ActionItemChanges) -> Option<String>| {
        changes
            .iter()
            .map(|(_, change)| field(change))
            .collect::<Vec<_>>()
    };
    let descriptions = of(|change| change.description.clone());
    let platforms = of(|change| change.export_platform.clone());
    let reminders = of(|change| change.apple_reminder_id.clone());
    let completions: Vec<_> = changes.iter().map(|(_, change)| change.completed).collect();
    let exports: Vec<_> = changes.iter().map(|(_, change)| change.exported).collect();
    let dues: Vec<_> = changes
        .iter()
        .map(|(_, change)| change.due_at.flatten())
        .collect();
    let changed = sqlx::query!(
        "update action_items item
         set description = coalesce(new.description, item.description),
             completed = coalesce(new.completed, item.completed),
             completed_at = case new.completed when true then $9 when false then null else item.completed_at end,
             due_at = coalesce(new.due_at, item.due_at), exported = coalesce(new.exported, item.exported),
             export_date = case when new.exported then coalesce(item.export_date, $9) else item.export_date end,
             export_platform = coalesce(new.platform, item.export_platform),
             apple_reminder_id = coalesce(new.reminder, item.apple_reminder_id),
             sync_requested = item.sync_requested and not coalesce(new.exported, false),
             touched = true, updated_at = $9
         from unnest($2::uuid[], $3::text[], $4::boolean[], $5::timestamptz[], $6::boolean[], $7::text[], $8::text[])
              as new (id, description, completed, due_at, exported, platform, reminder)
         where item.uid = $1 and item.id = new.id",
        uid,
        &ids,
        &descriptions as &[Option<String>],
        &completions as &[Option<bool>],
        &dues as &[Option<DateTime<Utc>>],
        &exports as &[Option<bool>],
        &platforms as &[Option<String>],
        &reminders as &[Option<String>],
        now
    )
    .execute(db)
    .await?;
    Ok(changed.rows_affected())
}
