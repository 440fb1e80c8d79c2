//! SQL of the knowledge graph.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Result, types::Json};
use uuid::Uuid;

use super::{
    merge::MOST_ORIGINS,
    model::{GraphEdge, GraphNode},
};
use crate::platform::database::Db;

struct NodeRow {
    id: Uuid,
    label: String,
    label_lower: String,
    node_type: String,
    aliases: Vec<String>,
    is_user: bool,
    memory_ids: Vec<Uuid>,
    conversation_ids: Vec<Uuid>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<NodeRow> for GraphNode {
    fn from(row: NodeRow) -> Self {
        Self {
            id: row.id,
            label: row.label,
            node_type: row.node_type,
            aliases_lower: row
                .aliases
                .iter()
                .map(|alias| alias.to_lowercase())
                .collect(),
            aliases: row.aliases,
            memory_ids: row.memory_ids,
            conversation_ids: row.conversation_ids,
            created_at: row.created_at,
            updated_at: row.updated_at,
            label_lower: row.label_lower,
            is_user: row.is_user,
        }
    }
}

/// Oldest first.
pub async fn nodes(db: impl PgExecutor<'_>, uid: &str) -> Result<Vec<GraphNode>> {
    let rows = sqlx::query_as!(
        NodeRow,
        "select id, label, label_lower, node_type, aliases, is_user, memory_ids, conversation_ids, created_at, updated_at
         from knowledge_nodes where uid = $1 order by created_at, id",
        uid
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Those that changed last.
pub async fn labels(db: &Db, uid: &str, limit: i64) -> Result<Vec<String>> {
    sqlx::query_scalar!(
        "select label from knowledge_nodes where uid = $1 and not is_user order by updated_at desc, id desc limit $2",
        uid,
        limit
    )
    .fetch_all(db)
    .await
}

/// Oldest first.
pub async fn edges(db: impl PgExecutor<'_>, uid: &str) -> Result<Vec<GraphEdge>> {
    sqlx::query_as!(
        GraphEdge,
        "select id, source_id, target_id, label, memory_ids, conversation_ids, created_at
         from knowledge_edges where uid = $1 order by created_at, id",
        uid
    )
    .fetch_all(db)
    .await
}

/// One at a time changes the graph of a user, until the end of `tx`. How often it was emptied. None: the user is gone.
pub async fn lock(tx: &mut PgConnection, uid: &str) -> Result<Option<i32>> {
    sqlx::query_scalar!(
        "insert into knowledge_graphs as known (uid, generation) select uid, 0 from users where uid = $1
         on conflict (uid) do update set generation = known.generation
         returning generation",
        uid
    )
    .fetch_optional(tx)
    .await
}

pub async fn generation(db: &Db, uid: &str) -> Result<i32> {
    let found = sqlx::query_scalar!(
        "select generation from knowledge_graphs where uid = $1",
        uid
    )
    .fetch_optional(db)
    .await?;
    Ok(found.unwrap_or(0))
}

/// Forgets all, and gives how often that was done.
pub async fn clear(tx: &mut PgConnection, uid: &str) -> Result<i32> {
    let generation = sqlx::query_scalar!(
        "insert into knowledge_graphs as known (uid, generation) values ($1, 1)
         on conflict (uid) do update set generation = known.generation + 1
         returning generation",
        uid
    )
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query!("delete from knowledge_nodes where uid = $1", uid)
        .execute(&mut *tx)
        .await?;
    sqlx::query!("delete from knowledge_sources where uid = $1", uid)
        .execute(tx)
        .await?;
    Ok(generation)
}

/// Of a locked graph.
pub async fn put_nodes(tx: &mut PgConnection, uid: &str, nodes: &[GraphNode]) -> Result<()> {
    sqlx::query!(
        "insert into knowledge_nodes (uid, id, label, label_lower, node_type, aliases, is_user, memory_ids, conversation_ids,
                                      created_at, updated_at)
         select $1, n.id, n.label, n.label_lower, n.node_type, n.aliases, n.is_user, n.memory_ids, n.conversation_ids,
                n.created_at, n.updated_at
         from jsonb_to_recordset($2) as n (id uuid, label text, label_lower text, node_type text, aliases text[],
             is_user boolean, memory_ids uuid[], conversation_ids uuid[], created_at timestamptz, updated_at timestamptz)
         on conflict (uid, id) do update set
            label = excluded.label, label_lower = excluded.label_lower, node_type = excluded.node_type,
            aliases = excluded.aliases, memory_ids = excluded.memory_ids, conversation_ids = excluded.conversation_ids,
            updated_at = excluded.updated_at",
        uid,
        Json(nodes) as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Of a locked graph. What is known of an edge is united with what is new.
pub async fn put_edges(tx: &mut PgConnection, uid: &str, edges: &[GraphEdge]) -> Result<()> {
    sqlx::query!(
        "insert into knowledge_edges as known (uid, id, source_id, target_id, label, memory_ids, conversation_ids, created_at)
         select $1, e.id, e.source_id, e.target_id, e.label, e.memory_ids, e.conversation_ids, e.created_at
         from jsonb_to_recordset($2) as e (id text, source_id uuid, target_id uuid, label text, memory_ids uuid[],
                                           conversation_ids uuid[], created_at timestamptz)
         on conflict (uid, id) do update set
            memory_ids = array(
                select id from unnest(excluded.memory_ids || known.memory_ids) with ordinality as all_ids (id, n)
                group by id order by min(n) limit $3),
            conversation_ids = array(
                select id from unnest(excluded.conversation_ids || known.conversation_ids) with ordinality as all_ids (id, n)
                group by id order by min(n) limit $3)",
        uid,
        Json(edges) as _,
        i64::try_from(MOST_ORIGINS).unwrap_or(i64::MAX)
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The run of a conversation that is to be read: understood, kept, its memories found, and not read yet.
pub async fn unread(db: &Db, uid: &str, id: Uuid) -> Result<Option<i32>> {
    sqlx::query_scalar!(
        "select c.processing_run from conversations c
         left join knowledge_sources s on s.uid = c.uid and s.conversation_id = c.id
         where c.uid = $1 and c.id = $2 and c.status = 'completed' and not c.discarded
           and s.run is distinct from c.processing_run
           and not exists (select from processing_steps p
                           where p.uid = $1 and p.conversation_id = $2 and p.step = 'find_conversation_memories'
                             and p.state = 'waiting')",
        uid,
        id
    )
    .fetch_optional(db)
    .await
}

/// False: the conversation is gone.
pub async fn note_read(tx: &mut PgConnection, uid: &str, id: Uuid, run: i32) -> Result<bool> {
    let done = sqlx::query!(
        "insert into knowledge_sources (uid, conversation_id, run)
         select $1, id, $3 from conversations where uid = $1 and id = $2 for key share
         on conflict (uid, conversation_id) do update set run = excluded.run",
        uid,
        id,
        run
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
