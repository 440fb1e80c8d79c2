//! The step that finds memories: lasting facts about the user, without what is known, and in place of what is outdated.

use std::collections::HashSet;

use chrono::{DateTime, Duration, Utc};
use schemars::JsonSchema;
use serde::Deserialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    alike,
    heard::{Heard, cut, numbered},
    memory_category, near,
    rules::{MemoryDraft, of_one},
    steps::{Judged, or_rules},
};
use crate::{
    app::Handles,
    error::{Error, Result},
    features::{
        conversations,
        memories::{self, Found, Known, MAXIMUM_CONTENT},
        search::Kind,
    },
    platform::{clock, database::Db, language::Language},
};

/// Characters of a transcript below which nothing is looked for.
const LEAST_SAID: usize = 25;
/// What was stored a little before it was looked may have become visible only after.
const OVERLAP: Duration = Duration::minutes(1);
/// Most facts of one conversation.
const MOST: usize = 2;
/// From here on two facts are so alike that one may make the other needless.
const ALIKE: f64 = 0.7;
/// Alike ones that a new one is held against, and how many are looked at for it: what this conversation said before is
/// among them and does not count.
const COMPARED: usize = 3;
const LOOKED_AT: usize = 10;

/// What is to be stored of a conversation, and which memories make room for it.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub found: Vec<Found>,
    pub outdated: Vec<Uuid>,
    /// When it was looked what is known, and which of that has a subject of which only one can be true.
    since: DateTime<Utc>,
    seen: HashSet<Uuid>,
}

impl Facts {
    fn held_against(self, known: &[Known], since: DateTime<Utc>) -> Self {
        let seen = known.iter().filter(|one| of_one(&one.content).is_some());
        Self {
            since,
            seen: seen.map(|one| one.id).collect(),
            ..self
        }
    }
}

/// A lasting fact.
#[derive(Deserialize, JsonSchema)]
pub struct FactAnswer {
    /// One sentence that begins with "User".
    content: String,
    /// system or interesting.
    #[serde(default)]
    category: String,
}

/// Lasting facts.
#[derive(Deserialize, JsonSchema)]
pub struct FactsAnswer {
    #[serde(default)]
    pub facts: Vec<FactAnswer>,
}

/// What becomes of a new fact.
#[derive(Deserialize, JsonSchema)]
struct VerdictAnswer {
    /// keep_existing, keep_new, merge or keep_both.
    action: String,
    /// The sentence that says both, for merge.
    #[serde(default)]
    merged_content: Option<String>,
    /// The number of the known fact, for keep_new and merge.
    #[serde(default)]
    known: Option<i64>,
}

/// What the model said, cut to what the wire holds. A fact about another speaker is none about the user.
pub fn accepted(answers: Vec<FactAnswer>, most: usize) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for answer in answers {
        let content = answer
            .content
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let others = alike::words(&content).windows(2).any(
            |pair| matches!(pair, [one, two] if one == "speaker" && two.parse::<u32>().is_ok()),
        );
        if content.is_empty()
            || content.chars().count() > MAXIMUM_CONTENT
            || others
            || found
                .iter()
                .any(|known| alike::same(&known.content, &content))
        {
            continue;
        }
        let category = match answer.category.trim() {
            known @ ("system" | "interesting") => known.to_string(),
            _ => memory_category(&content).to_string(),
        };
        found.push(Found { content, category });
        if found.len() == most {
            break;
        }
    }
    found
}

/// What the rules found, without what is too long to be stored.
pub fn of_rules(drafts: Vec<MemoryDraft>) -> Vec<Found> {
    drafts
        .into_iter()
        .filter(|memory| memory.content.chars().count() <= MAXIMUM_CONTENT)
        .map(|memory| Found {
            content: memory.content,
            category: memory.category,
        })
        .collect()
}

/// What is known, as the model is told: what the user said themself apart.
pub fn told(known: &[Known]) -> [(&'static str, String); 2] {
    let list = |manual: bool| {
        let texts: Vec<_> = known
            .iter()
            .filter(|one| one.manually_added == manual)
            .map(|one| format!("- {}", one.content))
            .collect();
        texts.join("\n")
    };
    [
        ("What the user stated", list(true)),
        ("What is known already", list(false)),
    ]
}

pub async fn by_model(
    app: &Handles,
    uid: &str,
    id: Uuid,
    heard: &Heard,
    attempts: i32,
) -> Result<Judged<Facts>> {
    let Some(language) = &app.language else {
        return Ok(None);
    };
    let by = language.model().to_string();
    let since = clock::now();
    if heard.is_briefer_than(LEAST_SAID) {
        return Ok(Some((Facts::default(), by)));
    }
    let known = memories::known(&app.db, uid, Some(id)).await?;
    let rules = format!(
        "{}\n{}",
        include_str!("prompts/memories.txt"),
        heard.language_rule()
    );
    let material = heard.material(&told(&known), language.context_characters());
    let asked = language.ask::<FactsAnswer>(uid, "find_conversation_memories", &rules, &material);
    let Some(answer) = or_rules(asked.await, attempts, "find_conversation_memories")? else {
        return Ok(None);
    };
    let found = accepted(answer.facts, MOST);
    let facts = settle(
        Some(language),
        app,
        uid,
        heard.started_at,
        found,
        &known,
        attempts,
    )
    .await?;
    Ok(Some((facts.held_against(&known, since), by)))
}

pub async fn by_rules(
    app: &Handles,
    uid: &str,
    id: Uuid,
    heard: &Heard,
    drafts: Vec<MemoryDraft>,
) -> Result<Facts> {
    let found = of_rules(drafts);
    if found.is_empty() || heard.is_briefer_than(LEAST_SAID) {
        return Ok(Facts::default());
    }
    let since = clock::now();
    let known = memories::known(&app.db, uid, Some(id)).await?;
    let facts = settle(None, app, uid, heard.started_at, found, &known, 0).await?;
    Ok(facts.held_against(&known, since))
}

/// Holds what was found against what is known.
async fn settle(
    language: Option<&Language>,
    app: &Handles,
    uid: &str,
    at: DateTime<Utc>,
    found: Vec<Found>,
    known: &[Known],
    attempts: i32,
) -> Result<Facts> {
    let mut facts = Facts::default();
    let mut outdated = HashSet::new();
    let stated = alike::keys(known.iter().map(|one| &one.content));
    for fact in latest(found) {
        if stated.contains(&alike::key(&fact.content)) {
            continue;
        }
        let excluded = excluded(&fact.content, known);
        let mut verdict = None;
        if let Some(language) = language {
            let alike = alike_ones(app, uid, &fact.content, known, &excluded).await;
            if !alike.is_empty() {
                verdict = resolve(language, &app.db, uid, &fact, &alike, at, attempts).await?;
            }
        }
        let verdict = match verdict {
            Some(verdict) => verdict,
            None => newest(app, uid, excluded, at).await?,
        };
        match verdict {
            Verdict::Drop => {}
            Verdict::Add => facts.found.push(fact),
            // What the user stated or changed stays, and the new stands beside it as it is.
            Verdict::Merge(_, old) if !old.replaceable => facts.found.push(fact),
            Verdict::Merge(content, old) => {
                outdated.insert(old.id);
                facts.found.push(Found { content, ..fact });
            }
            Verdict::Replace(old) => {
                outdated.extend(
                    old.into_iter()
                        .filter(|one| one.replaceable)
                        .map(|one| one.id),
                );
                facts.found.push(fact);
            }
        }
    }
    facts.outdated = outdated.into_iter().collect();
    Ok(facts)
}

/// Of facts that cannot both be true the one that was said last.
fn latest(found: Vec<Found>) -> Vec<Found> {
    let mut kept: Vec<Found> = Vec::new();
    for fact in found {
        let subject = of_one(&fact.content);
        kept.retain(|known| subject.is_none() || of_one(&known.content) != subject);
        kept.push(fact);
    }
    kept
}

enum Verdict<'a> {
    Drop,
    Add,
    Merge(String, &'a Known),
    Replace(Vec<&'a Known>),
}

/// Those that cannot be true beside it.
fn excluded<'a>(content: &str, known: &'a [Known]) -> Vec<&'a Known> {
    let Some(subject) = of_one(content) else {
        return Vec::new();
    };
    known
        .iter()
        .filter(|one| of_one(&one.content).as_ref() == Some(&subject))
        .take(LOOKED_AT)
        .collect()
}

/// Those that say much the same, and those that cannot be true beside it.
async fn alike_ones<'a>(
    app: &Handles,
    uid: &str,
    content: &str,
    known: &'a [Known],
    excluded: &[&'a Known],
) -> Vec<&'a Known> {
    let scores = near(app, uid, Kind::Memory, content, ALIKE, LOOKED_AT).await;
    let score = |one: &Known| scores.get(&one.id).copied();
    let mut alike: Vec<_> = known.iter().filter(|one| score(one).is_some()).collect();
    alike.sort_by(|a, b| {
        score(b)
            .unwrap_or_default()
            .total_cmp(&score(a).unwrap_or_default())
    });
    alike.truncate(COMPARED);
    for one in excluded {
        if !alike.iter().any(|other| other.id == one.id) {
            alike.push(one);
        }
    }
    alike
}

/// Without a model: of facts that cannot both be true the newer is. An older one that comes late is dropped.
async fn newest<'a>(
    app: &Handles,
    uid: &str,
    mut excluded: Vec<&'a Known>,
    at: DateTime<Utc>,
) -> Result<Verdict<'a>> {
    excluded.retain(|one| one.replaceable);
    let origins: Vec<_> = excluded
        .iter()
        .filter_map(|one| one.conversation_id)
        .collect();
    let began = conversations::began(&app.db, uid, &origins).await?;
    let newer = excluded.iter().any(|one| {
        let said = one.conversation_id.and_then(|id| began.get(&id).copied());
        said.unwrap_or(one.created_at) > at
    });
    Ok(match (newer, excluded.is_empty()) {
        (true, _) => Verdict::Drop,
        (false, true) => Verdict::Add,
        (false, false) => Verdict::Replace(excluded),
    })
}

/// None: no usable answer.
async fn resolve<'a>(
    language: &Language,
    db: &Db,
    uid: &str,
    fact: &Found,
    near: &[&'a Known],
    at: DateTime<Utc>,
    attempts: i32,
) -> Result<Option<Verdict<'a>>> {
    let origins: Vec<_> = near.iter().filter_map(|one| one.conversation_id).collect();
    let began = conversations::began(db, uid, &origins).await?;
    let list: Vec<_> = (1..)
        .zip(near)
        .map(|(number, one)| {
            let said = one.conversation_id.and_then(|id| began.get(&id).copied());
            format!(
                "{number}. {} (known since {})",
                one.content,
                said.unwrap_or(one.created_at).date_naive()
            )
        })
        .collect();
    let material = format!(
        "# New fact\n{} (said on {})\n\n# Known facts\n{}",
        fact.content,
        at.date_naive(),
        list.join("\n")
    );
    let rules = include_str!("prompts/resolve.txt");
    let asked = language.ask::<VerdictAnswer>(uid, "resolve_memory", rules, &material);
    let Some(answer) = or_rules(asked.await, attempts, "resolve_memory")? else {
        return Ok(None);
    };
    let chosen = answer.known.and_then(|number| numbered(near, number));
    let Some(old) = chosen.or(near.first()).copied() else {
        return Ok(Some(Verdict::Add));
    };
    let merged = answer
        .merged_content
        .map(|text| cut(&text, MAXIMUM_CONTENT))
        .filter(|text| !text.is_empty());
    Ok(Some(match (answer.action.trim(), merged) {
        ("keep_existing", _) => Verdict::Drop,
        ("keep_new", _) => Verdict::Replace(vec![old]),
        ("merge", Some(text)) => Verdict::Merge(text, old),
        _ => Verdict::Add,
    }))
}

/// Fails if a fact came meanwhile that cannot be true beside one of these: whoever does it again knows it.
pub async fn save(tx: &mut PgConnection, uid: &str, id: Uuid, facts: Facts) -> Result<()> {
    let subjects: HashSet<_> = facts
        .found
        .iter()
        .filter_map(|fact| of_one(&fact.content))
        .collect();
    if !subjects.is_empty() {
        let since = facts.since - OVERLAP;
        let came = memories::found_since(&mut *tx, uid, id, since).await?;
        let mut new = came.iter().filter(|(id, _)| !facts.seen.contains(id));
        if new.any(|(_, content)| of_one(content).is_some_and(|one| subjects.contains(&one))) {
            return Err(Error::Unavailable(
                "another conversation told of the same just now".into(),
            ));
        }
    }
    let superseded = memories::supersede(&mut *tx, uid, &facts.outdated).await?;
    if !superseded.is_empty() {
        tracing::info!(conversation = %id, ?superseded, "memories were superseded by newer ones");
        let count = u64::try_from(superseded.len()).unwrap_or_default();
        metrics::counter!("omi_memories_superseded_total").increment(count);
    }
    memories::replace_found(tx, uid, id, facts.found, clock::now()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_about_others_and_too_many_are_left_out() {
        let answer = |content: &str, category: &str| FactAnswer {
            content: content.into(),
            category: category.into(),
        };
        let found = accepted(
            vec![
                answer("Speaker 2 lives in Rome", "system"),
                answer("  User lives\nin Lisbon ", "system"),
                answer("user lives in the Lisbon.", "system"),
                answer("", "system"),
                answer("Water boils at 100 degrees", "nonsense"),
                answer("User likes tea", "interesting"),
            ],
            2,
        );
        let found: Vec<_> = found
            .iter()
            .map(|fact| (fact.content.as_str(), fact.category.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("User lives in Lisbon", "system"),
                ("Water boils at 100 degrees", "interesting")
            ]
        );
    }
}
