//! SQL of conversations that are shown to everyone.

use sqlx::{PgConnection, Result};
use uuid::Uuid;

use crate::platform::database::Db;

pub async fn set_visibility(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    visibility: &str,
) -> Result<bool> {
    let done = sqlx::query!(
        "update conversations set visibility = $3, updated_at = now() where uid = $1 and id = $2",
        uid,
        id,
        visibility
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// False: another user shares one with the same id.
pub async fn share(tx: &mut PgConnection, uid: &str, id: Uuid) -> Result<bool> {
    let done = sqlx::query!(
        "insert into shared_conversations (conversation_id, uid) values ($2, $1)
         on conflict (conversation_id) do update set uid = excluded.uid where shared_conversations.uid = excluded.uid",
        uid,
        id
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn unshare(tx: &mut PgConnection, uid: &str, id: Uuid) -> Result<()> {
    sqlx::query!(
        "delete from shared_conversations where uid = $1 and conversation_id = $2",
        uid,
        id
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// By id alone: whose it is, the directory tells.
pub async fn shared_by(db: &Db, id: Uuid) -> Result<Option<String>> {
    sqlx::query_scalar!(
        "select s.uid from shared_conversations s join conversations c on c.uid = s.uid and c.id = s.conversation_id
         where s.conversation_id = $1 and c.visibility <> 'private'",
        id
    )
    .fetch_optional(db)
    .await
}
