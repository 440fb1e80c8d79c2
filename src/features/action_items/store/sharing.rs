//! SQL of shared action items.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Result};
use uuid::Uuid;

use super::super::SharedTask;
use crate::platform::database::Db;

pub struct Share {
    pub uid: String,
    pub sender_name: String,
    pub item_ids: Vec<Uuid>,
}

pub async fn forget_expired(tx: &mut PgConnection, uid: &str, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "delete from action_item_shares where uid = $1 and expires_at <= $2",
        uid,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn insert_share(
    tx: &mut PgConnection,
    uid: &str,
    token: &str,
    sender_name: &str,
    item_ids: &[Uuid],
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "with share as (
             insert into action_item_shares (uid, token, sender_name, item_ids, created_at, expires_at)
             values ($1, $2, $3, $4, $5, $6) returning token, uid)
         insert into action_item_share_tokens (token, uid) select token, uid from share",
        uid,
        token,
        sender_name,
        item_ids,
        now,
        expires_at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Who shares under this token.
pub async fn sharer(db: &Db, token: &str) -> Result<Option<String>> {
    sqlx::query_scalar!(
        "select uid from action_item_share_tokens where token = $1",
        token
    )
    .fetch_optional(db)
    .await
}

/// One that has not expired.
pub async fn share(db: &Db, uid: &str, token: &str, now: DateTime<Utc>) -> Result<Option<Share>> {
    sqlx::query_as!(
        Share,
        "select uid, sender_name, item_ids from action_item_shares
         where uid = $1 and token = $2 and expires_at > $3",
        uid,
        token,
        now
    )
    .fetch_optional(db)
    .await
}

/// What there still is of these items, in their order.
pub async fn shared_tasks(db: &Db, uid: &str, ids: &[Uuid]) -> Result<Vec<SharedTask>> {
    sqlx::query_as!(
        SharedTask,
        "select item.id, item.description, item.due_at
         from unnest($2::uuid[]) with ordinality as wanted (id, n)
         join action_items item on item.uid = $1 and item.id = wanted.id
         order by wanted.n",
        uid,
        ids
    )
    .fetch_all(db)
    .await
}

/// False: it was noted before.
pub async fn note_accepted(
    tx: &mut PgConnection,
    uid: &str,
    token: &str,
    now: DateTime<Utc>,
) -> Result<bool> {
    let noted = sqlx::query!(
        "insert into accepted_action_item_shares (uid, token, accepted_at) values ($1, $2, $3)
         on conflict (uid, token) do nothing",
        uid,
        token,
        now
    )
    .execute(tx)
    .await?;
    Ok(noted.rows_affected() > 0)
}

/// Copies of another user's items, with new ids.
pub async fn insert_copies(
    tx: &mut PgConnection,
    uid: &str,
    token: &str,
    share: &Share,
    copies: &[(Uuid, SharedTask)],
    now: DateTime<Utc>,
) -> Result<()> {
    let ids: Vec<_> = copies.iter().map(|(id, _)| *id).collect();
    let originals: Vec<_> = copies.iter().map(|(_, task)| task.id).collect();
    let descriptions: Vec<_> = copies
        .iter()
        .map(|(_, task)| task.description.clone())
        .collect();
    let dues: Vec<_> = copies.iter().map(|(_, task)| task.due_at).collect();
    sqlx::query!(
        "insert into action_items (uid, id, description, due_at, created_at, updated_at, shared_from)
         select $1, new.id, new.description, new.due_at, $2, $2,
                jsonb_build_object('token', $3::text, 'sender_uid', $4::text, 'sender_name', $5::text,
                                   'original_task_id', new.original)
         from unnest($6::uuid[], $7::uuid[], $8::text[], $9::timestamptz[]) as new (id, original, description, due_at)",
        uid,
        now,
        token,
        share.uid,
        share.sender_name,
        &ids,
        &originals,
        &descriptions,
        &dues as &[Option<DateTime<Utc>>]
    )
    .execute(tx)
    .await?;
    Ok(())
}
