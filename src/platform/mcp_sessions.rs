//! Sessions of MCP clients as all instances know them: whose each is, and what its client said at its begin.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::Result;
use uuid::Uuid;

use super::{clock, database::Db, uses::RareUses};

/// A session ends when it was not used for so long.
const IDLE: chrono::Duration = chrono::Duration::days(1);
/// Most sessions of one user; the oldest ends when another begins.
const MOST: i64 = 100;

/// By uid and id.
#[derive(Clone, Default)]
pub struct McpSessions(RareUses<(String, Uuid)>);

impl McpSessions {
    /// Remembers that a session was used. It is written soon after.
    pub fn note(&self, uid: &str, id: Uuid) {
        self.0.note((uid.to_string(), id));
    }

    /// Writes what has gathered; after a failure it is kept for the next time.
    async fn write(&self, db: &Db) -> Result<()> {
        let gathered = self.0.uses.take();
        if gathered.is_empty() {
            return Ok(());
        }
        let written = touch(db, &gathered).await;
        if written.is_err() {
            self.0.uses.give_back(gathered);
        }
        written
    }

    /// Writes every few seconds, for as long as the server runs.
    pub async fn write_forever(self, db: Db) {
        loop {
            tokio::time::sleep(Duration::from_secs(3)).await;
            if let Err(error) = self.write(&db).await {
                tracing::warn!(%error, "the last use of some MCP sessions could not be noted");
            }
        }
    }
}

/// Keeps a session that has just begun. Gives those that ended to make room for it.
pub async fn begin(db: &Db, uid: &str, id: Uuid, client: &str) -> Result<Vec<Uuid>> {
    let mut tx = db.begin().await?;
    // One after the other, so that together they are not too many.
    sqlx::query!("select from users where uid = $1 for no key update", uid)
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "insert into mcp_sessions (uid, id, client, begun_at, seen_at) values ($1, $2, $3, $4, $4)",
        uid,
        id,
        client,
        clock::now()
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "insert into mcp_session_owners (id, uid) values ($1, $2)",
        id,
        uid
    )
    .execute(&mut *tx)
    .await?;
    let ended = sqlx::query_scalar!(
        "delete from mcp_sessions
         where uid = $1 and id in (
             select id from mcp_sessions where uid = $1 order by begun_at desc, id desc offset $2)
         returning id",
        uid,
        MOST
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(ended)
}

pub struct Session {
    pub uid: String,
    /// What its client said at its begin.
    pub client: String,
}

/// None: it was never begun, or it has ended.
pub async fn find(db: &Db, id: Uuid) -> Result<Option<Session>> {
    sqlx::query_as!(
        Session,
        "select s.uid, s.client
         from mcp_session_owners o join mcp_sessions s on s.uid = o.uid and s.id = o.id
         where o.id = $1 and s.seen_at > $2",
        id,
        clock::now() - IDLE
    )
    .fetch_optional(db)
    .await
}

pub async fn end(db: &Db, uid: &str, id: Uuid) -> Result<()> {
    sqlx::query!(
        "delete from mcp_sessions where uid = $1 and id = $2",
        uid,
        id
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets the sessions that were not used for long.
pub async fn purge(db: &Db) -> Result<()> {
    sqlx::query!(
        "delete from mcp_sessions where seen_at < $1",
        clock::now() - IDLE
    )
    .execute(db)
    .await?;
    Ok(())
}

async fn touch(db: &Db, used: &HashMap<(String, Uuid), DateTime<Utc>>) -> Result<()> {
    let mut uids = Vec::new();
    let mut ids = Vec::new();
    let mut times = Vec::new();
    for ((uid, id), time) in used {
        uids.push(uid.clone());
        ids.push(*id);
        times.push(*time);
    }
    sqlx::query!(
        "update mcp_sessions s set seen_at = greatest(s.seen_at, used.at)
         from unnest($1::text[], $2::uuid[], $3::timestamptz[]) as used (uid, id, at)
         where s.uid = used.uid and s.id = used.id",
        &uids,
        &ids,
        &times
    )
    .execute(db)
    .await?;
    Ok(())
}
