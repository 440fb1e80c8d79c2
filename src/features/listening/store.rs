//! SQL of live sessions.

use serde::Deserialize;
use sqlx::{PgConnection, Result, types::Json};
use uuid::Uuid;

use crate::platform::database::Db;

pub async fn insert(db: &Db, uid: &str, id: Uuid, conversation_id: Uuid) -> Result<()> {
    sqlx::query!(
        "insert into listen_sessions (uid, id, conversation_id, switches)
         values ($1, $2, $3, jsonb_build_array(jsonb_build_object('from', 0, 'id', $3::uuid)))",
        uid,
        id,
        conversation_id
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What was said up to a sample is stored, in this conversation. If that is another than before, it begins at `from_sample`, or
/// behind what was recognised.
pub async fn advance(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    conversation_id: Uuid,
    recognised_samples: Option<i64>,
    from_sample: Option<i64>,
) -> Result<()> {
    sqlx::query!(
        "update listen_sessions
         set switches = case when conversation_id = $3 then switches
                             else switches || jsonb_build_object('from', coalesce($5::bigint, recognised_samples),
                                                                 'id', $3::uuid) end,
             conversation_id = $3, recognised_samples = greatest(recognised_samples, coalesce($4::bigint, 0)), seen_at = now()
         where uid = $1 and id = $2",
        uid,
        id,
        conversation_id,
        recognised_samples,
        from_sample
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What is heard from that sample on, or behind what is recognised, goes to another conversation.
pub async fn switch(
    db: &Db,
    uid: &str,
    id: Uuid,
    conversation_id: Uuid,
    from_sample: Option<i64>,
) -> Result<()> {
    sqlx::query!(
        "update listen_sessions
         set switches = switches || jsonb_build_object('from', coalesce($4::bigint, recognised_samples), 'id', $3::uuid),
             conversation_id = $3
         where uid = $1 and id = $2 and conversation_id <> $3",
        uid,
        id,
        conversation_id,
        from_sample
    )
    .execute(db)
    .await?;
    Ok(())
}

/// From which sample on a session went to which conversation.
#[derive(Debug, Deserialize)]
pub struct Switch {
    pub from: u64,
    pub id: Uuid,
}

/// How far the sound of a session is kept.
pub struct Keeping {
    pub kept_samples: i64,
    /// In the order of their samples.
    pub switches: Json<Vec<Switch>>,
}

/// None: it has no row, so its user is gone.
pub async fn keeping(db: &Db, uid: &str, id: Uuid) -> Result<Option<Keeping>> {
    sqlx::query_as!(
        Keeping,
        r#"select kept_samples, switches as "switches: Json<Vec<Switch>>" from listen_sessions
           where uid = $1 and id = $2"#,
        uid,
        id
    )
    .fetch_optional(db)
    .await
}

/// Everything before that sample is stored, or is not to be.
pub async fn kept(tx: &mut PgConnection, uid: &str, id: Uuid, samples: i64) -> Result<()> {
    sqlx::query!(
        "update listen_sessions set kept_samples = greatest(kept_samples, $3) where uid = $1 and id = $2",
        uid,
        id,
        samples
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// How far a session left behind was recognised, in samples. None: it has no row, so its user is gone.
pub async fn recognised(db: &Db, uid: &str, id: Uuid) -> Result<Option<(Uuid, i64)>> {
    let row = sqlx::query!(
        "select conversation_id, recognised_samples from listen_sessions where uid = $1 and id = $2",
        uid,
        id
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (row.conversation_id, row.recognised_samples)))
}

/// The same inside a transaction, locked; -1 without a row.
pub async fn recognised_until(tx: &mut PgConnection, uid: &str, id: Uuid) -> Result<i64> {
    let samples = sqlx::query_scalar!(
        "select recognised_samples from listen_sessions where uid = $1 and id = $2 for update",
        uid,
        id
    )
    .fetch_optional(tx)
    .await?;
    Ok(samples.unwrap_or(-1))
}

pub async fn delete(db: &Db, uid: &str, id: Uuid) -> Result<()> {
    sqlx::query!(
        "delete from listen_sessions where uid = $1 and id = $2",
        uid,
        id
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Tells the other instances that these sessions live.
pub async fn seen(db: &Db, sessions: &[(String, Uuid)]) -> Result<()> {
    let (uids, ids): (Vec<_>, Vec<_>) = sessions.iter().cloned().unzip();
    sqlx::query!(
        "update listen_sessions l set seen_at = now()
         from unnest($1::text[], $2::uuid[]) as live (uid, id)
         where l.uid = live.uid and l.id = live.id",
        &uids,
        &ids
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Conversations that a session of any instance has held within the last 90 s.
pub async fn held(db: &Db) -> Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select conversation_id from listen_sessions where seen_at > now() - interval '90 seconds'"
    )
    .fetch_all(db)
    .await
}
