//! The knowledge graph: the people, places, organizations and subjects of a user's memories and conversations, and how they
//! hang together.

mod by_model;
mod by_rules;
mod merge;
mod model;
mod names;
mod relations;
mod store;

pub use model::{Graph, GraphEdge, GraphNode};

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::Handles,
    error::{Error, Result},
    features::{
        accounts,
        conversations::{self, Filter, Status},
        credentials::Caller,
        memories::{self, Memory},
        processing::{self, Heard, clean},
    },
    platform::{
        clock,
        database::Db,
        jobs::{self, JobOptions, Priority},
    },
};

use model::{Found, Origin};

/// The kind of job that reads a conversation.
pub const GROW: &str = "grow_knowledge_graph";
/// The kind of job that has all read again.
pub const REBUILD: &str = "rebuild_knowledge_graph";
/// The kind of job that reads some memories.
pub const READ: &str = "read_memories_into_graph";

/// What a rebuild reads: the newest.
const MOST_MEMORIES: i64 = 500;
const MOST_CONVERSATIONS: i64 = 100;
/// Memories that one job reads.
const BATCH: usize = 25;
/// Memories of one conversation.
const MOST_OF_ONE: i64 = 50;
/// Names that the model is shown, so that it uses them.
const SHOWN_NAMES: i64 = 100;
const ATTEMPTS: i32 = 8;

/// A graph that is to be built anew. Without effect once it was emptied again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rebuild {
    pub uid: String,
    pub generation: i32,
}

/// Memories that are to be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Batch {
    pub uid: String,
    pub generation: i32,
    pub memories: Vec<Uuid>,
}

/// A conversation that is to be read, if that was not done yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OfConversation {
    pub uid: String,
    pub id: Uuid,
}

pub async fn graph(db: &Db, caller: &Caller) -> Result<Graph> {
    let nodes = store::nodes(db, &caller.uid).await?;
    let mut edges = store::edges(db, &caller.uid).await?;
    // It may have grown in between: what is there is told whole.
    let known: HashSet<_> = nodes.iter().map(|node| node.id).collect();
    edges.retain(|edge| known.contains(&edge.source_id) && known.contains(&edge.target_id));
    Ok(Graph { nodes, edges })
}

/// Forgets the graph. It grows again with the next conversation.
pub async fn delete(db: &Db, caller: &Caller) -> Result<()> {
    let mut tx = db.begin().await?;
    store::clear(&mut tx, &caller.uid).await?;
    tx.commit().await?;
    Ok(())
}

/// Forgets the graph and has it built anew, by jobs.
pub async fn rebuild(db: &Db, caller: &Caller) -> Result<()> {
    let uid = &caller.uid;
    let mut tx = db.begin().await?;
    let generation = store::clear(&mut tx, uid).await?;
    let job = Rebuild {
        uid: uid.to_string(),
        generation,
    };
    let key = format!("{REBUILD}:{uid}");
    add(&mut tx, REBUILD, &job, Some(&key)).await?;
    tx.commit().await?;
    Ok(())
}

async fn add(
    tx: &mut sqlx::Transaction<'_, sqlx::Postgres>,
    kind: &str,
    job: &impl Serialize,
    key: Option<&str>,
) -> Result<()> {
    let payload = serde_json::to_value(job).map_err(anyhow::Error::from)?;
    let options = JobOptions {
        key,
        max_attempts: ATTEMPTS,
        priority: Priority::LAST,
    };
    jobs::add(tx, kind, payload, options).await?;
    Ok(())
}

/// Makes the jobs that read the newest memories and conversations, whatever the attempt.
pub async fn read_all(app: &Handles, rebuild: Rebuild, _: i32) -> Result<()> {
    let Rebuild { uid, generation } = rebuild;
    let memories = memories::newest(&app.db, &uid, None, MOST_MEMORIES).await?;
    let memories: Vec<_> = memories.iter().map(|memory| memory.id).collect();
    let filter = Filter {
        statuses: vec![Status::Completed.as_str().into()],
        limit: MOST_CONVERSATIONS,
        ..Filter::default()
    };
    let conversations = conversations::of_user(&app.db, &uid, &filter, false).await?;
    let mut tx = app.db.begin().await?;
    if store::lock(&mut tx, &uid).await? != Some(generation) {
        return Ok(());
    }
    for (number, some) in memories.chunks(BATCH).enumerate() {
        let job = Batch {
            uid: uid.clone(),
            generation,
            memories: some.to_vec(),
        };
        let key = format!("{READ}:{uid}:{number}");
        add(&mut tx, READ, &job, Some(&key)).await?;
    }
    for conversation in &conversations {
        let id = conversation.id;
        let job = OfConversation {
            uid: uid.clone(),
            id,
        };
        let key = format!("{GROW}:{uid}:{id}");
        add(&mut tx, GROW, &job, Some(&key)).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Reads some memories. `attempts`: with this one.
pub async fn read_memories(app: &Handles, batch: Batch, attempts: i32) -> Result<()> {
    let Batch {
        uid,
        generation,
        memories,
    } = batch;
    let mut memories = memories::of_ids(&app.db, &uid, &memories).await?;
    memories.sort_by_key(|memory| (memory.created_at, memory.id));
    let name = match accounts::profile(&app.db, &uid).await {
        Err(Error::NotFound(_)) => return Ok(()),
        profile => profile?.name,
    };
    let found = match &app.language {
        Some(language) if !memories.is_empty() => {
            let material = format!(
                "# The user's name\n{}\n\n# Known names\n{}\n\n# Facts\n{}",
                clean(&name, 100),
                known_names(app, &uid).await?,
                facts(&memories)
            );
            let origin = Origin::default();
            by_model::read(language, &uid, &material, &memories, &origin, attempts).await?
        }
        _ => None,
    };
    let found = match found {
        Some(found) => found,
        None => of_rules(memories, Vec::new(), Vec::new(), Origin::default()).await?,
    };
    let mut tx = app.db.begin().await?;
    if store::lock(&mut tx, &uid).await? == Some(generation) {
        write(&mut tx, &uid, &name, found).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Reads a conversation with its memories, once for each time that it was understood. `attempts`: with this one.
pub async fn grow(app: &Handles, of: OfConversation, attempts: i32) -> Result<()> {
    let OfConversation { uid, id } = of;
    let generation = store::generation(&app.db, &uid).await?;
    let Some(run) = store::unread(&app.db, &uid, id).await? else {
        return Ok(());
    };
    let conversation = match conversations::get(&app.db, &uid, id).await {
        Err(Error::NotFound(_)) => return Ok(()),
        found => found?,
    };
    let profile = accounts::profile(&app.db, &uid).await?;
    let name = profile.name.clone();
    let memories = memories::newest(&app.db, &uid, Some(id), MOST_OF_ONE).await?;
    let heard = Heard::read(&app.db, &uid, &conversation, profile).await?;
    let origin = Origin {
        memories: Vec::new(),
        conversations: vec![id],
    };
    let found = match &app.language {
        Some(language) if !heard.is_silent() => {
            let extra = [
                ("Known names", known_names(app, &uid).await?),
                ("Facts", facts(&memories)),
                ("Overview", conversation.structured.overview.clone()),
            ];
            let material = heard.material(&extra, language.context_characters());
            by_model::read(language, &uid, &material, &memories, &origin, attempts).await?
        }
        _ => None,
    };
    let found = match found {
        Some(found) => found,
        None => {
            let told = processing::told_by_user(heard).await?;
            of_rules(memories, told.facts, told.sentences, origin).await?
        }
    };
    let mut tx = app.db.begin().await?;
    if store::lock(&mut tx, &uid).await? == Some(generation)
        && store::note_read(&mut tx, &uid, id, run).await?
    {
        write(&mut tx, &uid, &name, found).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn write(tx: &mut sqlx::PgConnection, uid: &str, name: &str, found: Found) -> Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    let known = store::nodes(&mut *tx, uid).await?;
    let name = clean(name, model::LONGEST_LABEL);
    let merged = merge::merge(known, &name, found, clock::now());
    store::put_nodes(&mut *tx, uid, &merged.nodes).await?;
    store::put_edges(tx, uid, &merged.edges).await?;
    Ok(())
}

/// A memory of origin each; what was heard is of `origin`.
async fn of_rules(
    memories: Vec<Memory>,
    facts: Vec<String>,
    sentences: Vec<String>,
    origin: Origin,
) -> Result<Found> {
    processing::by_rule_engine(move || {
        let mut found = Found::default();
        for memory in &memories {
            let mut of = origin.clone();
            of.memories.push(memory.id);
            of.conversations.extend(
                memory
                    .conversation_id
                    .filter(|id| !origin.conversations.contains(id)),
            );
            found.add(by_rules::of_fact(&memory.content, &of));
        }
        for fact in &facts {
            found.add(by_rules::of_fact(fact, &origin));
        }
        found.add(by_rules::of_speech(&sentences, &origin));
        found
    })
    .await
}

async fn known_names(app: &Handles, uid: &str) -> Result<String> {
    Ok(store::labels(&app.db, uid, SHOWN_NAMES).await?.join("\n"))
}

fn facts(memories: &[Memory]) -> String {
    let lines: Vec<_> = memories
        .iter()
        .map(|memory| format!("- {}", clean(&memory.content, memories::MAXIMUM_CONTENT)))
        .collect();
    lines.join("\n")
}
