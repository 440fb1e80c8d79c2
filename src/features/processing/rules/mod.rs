//! Understanding of a finished conversation without a language model: title,
//! overview, category, tasks, events and facts, by rules of English.

mod action_items;
mod categories;
mod clock_words;
mod concrete;
mod date_words;
mod dates;
mod day_words;
mod events;
mod facts;
mod happenings;
mod memories;
mod numbers;
mod relatives;
mod replies;
mod retractions;
mod sentences;
mod span_words;
mod spoken;
mod subjects;
mod summary;
mod task_text;
mod triggers;
mod vocabulary;
mod words;
mod written;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use dates::Moment;
pub use subjects::of_one;
pub use written::Written;

use super::Told;

/// One transcript segment; a sentence may run over several.
pub struct Line<'a> {
    pub speaker: &'a str,
    pub is_user: bool,
    pub text: &'a str,
}

pub struct Setting {
    /// When the conversation began; time phrases count from here unless it is
    /// more than seven days before `now`.
    pub reference: DateTime<Utc>,
    pub now: DateTime<Utc>,
    pub time_zone: chrono_tz::Tz,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Understanding {
    /// 3-8 words; empty only when nothing was said.
    pub title: String,
    pub overview: String,
    pub emoji: String,
    /// One of the 33 category names of the wire.
    pub category: String,
    /// Dated ones first, the soonest on top.
    pub action_items: Vec<ActionItemDraft>,
    pub events: Vec<EventDraft>,
    /// At most two.
    pub memories: Vec<MemoryDraft>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionItemDraft {
    pub description: String,
    pub due_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDraft {
    pub title: String,
    pub description: String,
    pub start: DateTime<Utc>,
    /// 1-180.
    pub duration_minutes: i32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryDraft {
    pub content: String,
    /// "system" or "interesting".
    pub category: String,
}

pub fn understand(lines: &[Line], setting: &Setting) -> Understanding {
    let sentences = sentences::sentences(lines);
    let moment = Moment::of(setting);
    let answers = replies::answers(&sentences);
    let action_items::Found { items, taken_back } = action_items::find(&sentences, &answers);
    let events = moment
        .map(|moment| events::find(&sentences, &answers, &taken_back, &moment))
        .unwrap_or_default();
    let memories = memories::find(&sentences);
    let mut weights = vec![1.0; sentences.len()];
    let told = items.iter().map(|item| (item.sentence, TELLING));
    let void = taken_back.iter().map(|index| (*index, VOID));
    for (index, weight) in told.chain(void) {
        if let Some(slot) = weights.get_mut(index) {
            *slot = weight;
        }
    }
    let (title, overview) = summary::summarise(&sentences, &weights);
    let (category, emoji) = categories::vote(&sentences);
    Understanding {
        title,
        overview,
        emoji: emoji.to_owned(),
        category: category.to_owned(),
        action_items: action_items::drafts(&items, moment.as_ref()),
        events,
        memories,
    }
}

/// What a sentence that holds a task, and one that was taken back, counts for in title and overview.
const TELLING: f64 = 1.5;
const VOID: f64 = 0.2;

/// More pieces than this between single spaces are always kept.
const SURELY_KEPT: usize = 100;
/// Below this many seconds a conversation must say more to be kept.
const SHORT_SECONDS: f64 = 120.0;
/// Different content words that make a talk worth keeping: short, and long.
const ENOUGH_WHEN_SHORT: usize = 9;
const ENOUGH: usize = 6;

/// False for silence, greetings, fillers and fragments.
pub fn worth_keeping(lines: &[Line], duration_seconds: f64) -> bool {
    let texts: Vec<&str> = lines
        .iter()
        .map(|line| line.text.trim())
        .filter(|text| !text.is_empty())
        .collect();
    if texts.is_empty() {
        return false;
    }
    if texts
        .iter()
        .map(|text| text.split(' ').count())
        .sum::<usize>()
        > SURELY_KEPT
    {
        return true;
    }
    let sentences = sentences::sentences(lines);
    let answers = replies::answers(&sentences);
    let tells = !action_items::find(&sentences, &answers).items.is_empty()
        || sentences.iter().any(events::mentions)
        || !memories::find(&sentences).is_empty();
    let content = sentences
        .iter()
        .flat_map(|sentence| &sentence.words)
        .filter(|word| summary::is_content(word));
    let different: HashSet<String> = content.map(|word| summary::stem(&word.low)).collect();
    let enough = if duration_seconds < SHORT_SECONDS {
        ENOUGH_WHEN_SHORT
    } else {
        ENOUGH
    };
    tells || different.len() >= enough
}

/// What somebody who may be the user tells.
pub fn told(lines: &[Line]) -> Told {
    let sentences = sentences::sentences(lines);
    let own = sentences
        .iter()
        .filter(|sentence| sentence.voice != sentences::Voice::Other);
    Told {
        facts: memories::facts(&sentences),
        sentences: own.map(|sentence| sentence.text.clone()).collect(),
    }
}

/// "system" when a fact is about the user's life, "interesting" when it is
/// knowledge of the world.
pub fn memory_category(content: &str) -> &'static str {
    memories::category(content)
}

/// Facts about the user in a text that was not spoken.
pub fn memories_in(text: &str, written: Written) -> Vec<MemoryDraft> {
    let line = Line {
        speaker: "User",
        is_user: true,
        text,
    };
    written::find(&sentences::sentences(&[line]), written)
}
