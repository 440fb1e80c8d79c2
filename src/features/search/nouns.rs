//! What is found, as whole memories and conversations.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    CATCH_UP, Kind, MAXIMUM_QUERY, MOST_HITS, Query, indexer,
    model::{Page, Search},
    scores, search, store,
};
use crate::{
    app::Handles,
    error::{Error, Result},
    features::{
        action_items::{self, ActionItem},
        conversations::{self, Conversation},
        credentials::Caller,
        lenient,
        memories::{self, Memory},
    },
};

/// So many words of a query count, from the first: each costs a look at all that the user said.
const MOST_WORDS: usize = 20;

/// The caller's memories that answer a question, best first, and how well: 0 to 1.
pub async fn memories(
    app: &Handles,
    caller: &Caller,
    text: &str,
    limit: usize,
) -> Result<Vec<(Memory, f64)>> {
    let query = Query {
        text: text.into(),
        kinds: vec![Kind::Memory],
        limit,
        ..Query::default()
    };
    let hits = search(app, &caller.uid, &query).await?.hits;
    let ids: Vec<_> = hits.iter().map(|hit| hit.id).collect();
    let mut found: HashMap<Uuid, Memory> = memories::of_ids(&app.db, &caller.uid, &ids)
        .await?
        .into_iter()
        .map(|memory| (memory.id, memory))
        .collect();
    Ok(hits
        .into_iter()
        .filter_map(|hit| Some((found.remove(&hit.id)?, hit.score)))
        .collect())
}

/// The caller's action items that answer a question, open and done, best first.
pub async fn action_items(
    app: &Handles,
    caller: &Caller,
    text: &str,
    limit: usize,
) -> Result<Vec<ActionItem>> {
    let query = Query {
        text: text.into(),
        kinds: vec![Kind::ActionItem],
        limit,
        ..Query::default()
    };
    let hits = search(app, &caller.uid, &query).await?.hits;
    let ids: Vec<_> = hits.iter().map(|hit| hit.id).collect();
    let mut found: HashMap<Uuid, ActionItem> = action_items::of_ids(&app.db, &caller.uid, &ids)
        .await?
        .into_iter()
        .map(|item| (item.id, item))
        .collect();
    Ok(hits
        .into_iter()
        .filter_map(|hit| found.remove(&hit.id))
        .collect())
}

/// The caller's conversations in which a question is answered, best first, without their segments.
pub async fn best_conversations(
    app: &Handles,
    caller: &Caller,
    text: &str,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    limit: usize,
) -> Result<Vec<Conversation>> {
    let query = Query {
        text: text.into(),
        kinds: vec![Kind::Segment, Kind::Conversation],
        from,
        to,
        // Several hits may lie in one conversation.
        limit: MOST_HITS,
        ..Query::default()
    };
    let hits = search(app, &caller.uid, &query).await?.hits;
    let mut seen = HashSet::new();
    let ids: Vec<_> = hits
        .iter()
        .filter_map(|hit| hit.conversation_id)
        .filter(|id| seen.insert(*id))
        .take(limit)
        .collect();
    let mut found: HashMap<Uuid, Conversation> =
        conversations::of_ids(&app.db, &caller.uid, &ids, false)
            .await?
            .into_iter()
            .map(|conversation| (conversation.id, conversation))
            .collect();
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// How conversations are found by words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// Each word as it is written; without words nothing is asked for.
    Exact,
    /// A word that the user never used stands for those spelt like it; no words or `*` ask for everything.
    Lenient,
}

/// Which of the caller's conversations hold all words of a query, newest first; and how many there are on all pages.
pub async fn conversations(
    app: &Handles,
    caller: &Caller,
    search: &Search,
    spelling: Spelling,
) -> Result<Page<Uuid>> {
    let uid: &str = &caller.uid;
    lenient::at_most("query", &search.query, MAXIMUM_QUERY)?;
    let mut seen = HashSet::new();
    let words: Vec<_> = search
        .query
        .split_whitespace()
        .filter(|word| spelling == Spelling::Exact || *word != "*")
        .map(str::to_lowercase)
        .filter(|word| seen.insert(word.clone()))
        .take(MOST_WORDS)
        .collect();
    if words.is_empty() && spelling == Spelling::Exact {
        return Err(Error::invalid("query", "query cannot be empty"));
    }
    let _turn = app.vectors.turns.of(uid).await;
    indexer::catch_up(&app.db, uid, CATCH_UP).await?;
    let lexemes = store::lexemes(&app.db, uid, &words).await?;
    let unknown: Vec<_> = lexemes
        .iter()
        .filter(|lexeme| lexeme.items == 0)
        .map(|lexeme| lexeme.lexeme.clone())
        .collect();
    let alike = if spelling == Spelling::Exact || unknown.is_empty() {
        Vec::new()
    } else {
        store::alike(&app.db, uid, &unknown).await?
    };
    let terms: Vec<_> = lexemes
        .iter()
        .map(|lexeme| {
            let others = alike
                .iter()
                .filter(|near| near.given == lexeme.lexeme && near.alike >= scores::ALIKE)
                .map(|near| near.word.as_str());
            let either: Vec<_> = [lexeme.lexeme.as_str()]
                .into_iter()
                .chain(others)
                .map(store::quoted)
                .collect();
            either.join(" | ")
        })
        .collect();
    let (total, ids) = store::conversations(&app.db, uid, &terms, words.is_empty(), search).await?;
    Ok((ids, total))
}
