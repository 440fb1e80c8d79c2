//! The first step: whether a conversation is kept, and its title, overview, emoji, category and events.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    RULES, by_rule_engine,
    heard::{Heard, Origin, cut, local_time},
    nothing,
    rules::{self, Understanding},
    steps::or_rules,
    tasks::{self, TaskAnswer},
};
use crate::{
    error::Result,
    features::{
        action_items,
        conversations::{CATEGORIES, Conversation, Event, Structured},
        lenient,
    },
    platform::{clock, language::Language},
};

/// More pieces than this between single spaces are always kept.
const SURELY_KEPT: usize = 100;
const LONGEST_TITLE: usize = 200;
/// Characters of a picture's description that are a title.
const LONGEST_SIGHT: usize = 60;
const LONGEST_OVERVIEW: usize = 10_000;
const LONGEST_TEXT: usize = 1000;
const MOST_EVENTS: usize = 20;
/// Minutes.
const LONGEST_EVENT: i32 = 180;
const USUAL_EVENT: i32 = 30;

pub struct Outline {
    pub structured: Structured,
    /// False: there is nothing in it, unless the user says so.
    pub worth_keeping: bool,
    /// Who did it.
    pub by: String,
    /// What the rules found on the way.
    pub rules: Option<Understanding>,
    /// Of an imported text, whose tasks are found along with its structure.
    pub tasks: Option<Vec<action_items::Found>>,
}

/// `attempts`: with this one. An unavailable model is waited for by failing; after some attempts the rules do it.
pub async fn find(
    language: Option<&Language>,
    uid: &str,
    conversation: &Conversation,
    heard: &Arc<Heard>,
    attempts: i32,
) -> Result<Outline> {
    if let Some(language) = language
        && !heard.is_silent()
        && let Some(outline) = by_model(language, uid, conversation, heard, attempts).await?
    {
        return Ok(outline);
    }
    let (keep, title) = (conversation.keep, conversation.structured.title.clone());
    let heard = heard.clone();
    by_rule_engine(move || by_rules(&heard, keep, title)).await
}

fn by_rules(heard: &Heard, keep: bool, title: String) -> Outline {
    let lines = heard.rule_lines();
    let found = rules::understand(&lines, &heard.setting());
    let events = found
        .events
        .iter()
        .filter(|event| event.start <= lenient::LATEST)
        .map(|event| Event {
            title: event.title.clone(),
            description: event.description.clone(),
            start: event.start,
            duration: event.duration_minutes,
            created: false,
        })
        .collect();
    // A kept conversation has a title, whatever was said in it; one that it had already stays.
    let seen = heard.seen().join(" ");
    let picture = heard.seen().first().map(|text| cut(text, LONGEST_SIGHT));
    // What is to be done tells more than a word that was said often.
    let deed = found
        .action_items
        .first()
        .map(|item| item.description.clone());
    let deed = deed.filter(|_| found.title.starts_with("Notes on "));
    let title = [
        title,
        deed.unwrap_or_default(),
        found.title.clone(),
        picture.unwrap_or_default(),
        "Conversation".into(),
    ]
    .into_iter()
    .find(|title| !title.is_empty());
    Outline {
        structured: Structured {
            title: title.unwrap_or_default(),
            overview: [found.overview.clone(), cut(&seen, LONGEST_OVERVIEW)]
                .into_iter()
                .find(|text| !text.is_empty())
                .unwrap_or_default(),
            emoji: found.emoji.clone(),
            category: found.category.clone(),
            action_items: Vec::new(),
            events,
        },
        worth_keeping: keep || !seen.is_empty() || rules::worth_keeping(&lines, heard.seconds),
        by: RULES.into(),
        rules: Some(found),
        tasks: None,
    }
}

/// Whether a recording is worth nothing.
#[derive(Deserialize, JsonSchema)]
struct DiscardAnswer {
    /// True: it holds nothing worth keeping.
    discard: bool,
}

/// The record of a conversation.
#[derive(Deserialize, JsonSchema)]
struct StructureAnswer {
    /// At most ten words.
    title: String,
    #[serde(default)]
    overview: String,
    /// One emoji.
    #[serde(default)]
    emoji: String,
    /// One of: personal, education, health, finance, legal, philosophy, spiritual, science, entrepreneurship, parenting,
    /// romantic, travel, inspiration, technology, business, social, work, sports, politics, literature, history,
    /// architecture, music, weather, news, entertainment, psychology, real, design, family, economics, environment, other.
    #[serde(default)]
    category: String,
    #[serde(default)]
    events: Vec<EventAnswer>,
}

/// The record of a text.
#[derive(Deserialize, JsonSchema)]
struct ImportedAnswer {
    #[serde(flatten)]
    structure: StructureAnswer,
    #[serde(default)]
    action_items: Vec<TaskAnswer>,
}

/// An appointment.
#[derive(Deserialize, JsonSchema)]
struct EventAnswer {
    title: String,
    #[serde(default)]
    description: String,
    /// YYYY-MM-DDTHH:MM, in the user's time zone.
    start: String,
    #[serde(default)]
    duration_minutes: Option<f64>,
}

/// None: the rules are to do it.
async fn by_model(
    language: &Language,
    uid: &str,
    conversation: &Conversation,
    heard: &Heard,
    attempts: i32,
) -> Result<Option<Outline>> {
    let by = language.model().to_string();
    if !conversation.keep && heard.words() <= SURELY_KEPT {
        let rules = format!(
            "{}\nIt is {:.0} seconds long and has {} words.",
            include_str!("prompts/discard.txt"),
            heard.seconds,
            heard.words()
        );
        let material = heard.material(&[], language.context_characters());
        let asked = language.ask::<DiscardAnswer>(uid, "discard", &rules, &material);
        // Without a usable answer it is kept.
        let discard = or_rules(asked.await, attempts, "discard")?;
        if discard.is_some_and(|answer| answer.discard) {
            return Ok(Some(Outline {
                structured: nothing(),
                worth_keeping: false,
                by,
                rules: None,
                tasks: None,
            }));
        }
    }
    let now = clock::now();
    let known = conversation.structured.title.trim();
    let title_rule = if known.is_empty() {
        ""
    } else {
        "\nIt has a title already, which stays; what you write must suit it."
    };
    let rules = |prompt: &str| {
        format!(
            "{prompt}\n{}\n{}{title_rule}",
            heard.language_rule(),
            heard.clock_rule(now)
        )
    };
    let extra = [("Title", cut(known, LONGEST_TITLE))];
    let material = heard.material(&extra, language.context_characters());
    let (answer, tasks) = match heard.origin {
        Origin::Speech => {
            let rules = rules(include_str!("prompts/structure.txt"));
            let asked = language.ask::<StructureAnswer>(uid, "structure", &rules, &material);
            match or_rules(asked.await, attempts, "structure")? {
                Some(answer) => (answer, None),
                None => return Ok(None),
            }
        }
        Origin::Text => {
            let rules = rules(include_str!("prompts/imported.txt"));
            let asked = language.ask::<ImportedAnswer>(uid, "structure", &rules, &material);
            match or_rules(asked.await, attempts, "structure")? {
                Some(answer) => {
                    let tasks = tasks::accepted(answer.action_items, heard, now);
                    (answer.structure, Some(tasks))
                }
                None => return Ok(None),
            }
        }
    };
    Ok(Some(Outline {
        structured: accepted(answer, known, heard),
        worth_keeping: true,
        by,
        rules: None,
        tasks,
    }))
}

/// Cut to what the wire holds. A kept conversation has a title.
fn accepted(answer: StructureAnswer, known: &str, heard: &Heard) -> Structured {
    let zone = heard.profile.time_zone;
    let title = [
        known.to_string(),
        cut(&answer.title, LONGEST_TITLE),
        cut(&answer.overview, 60),
        "Conversation".into(),
    ]
    .into_iter()
    .find(|title| !title.is_empty());
    let category = answer.category.trim().to_lowercase();
    Structured {
        title: title.unwrap_or_default(),
        overview: cut(&answer.overview, LONGEST_OVERVIEW),
        emoji: emoji(&answer.emoji),
        category: if CATEGORIES.contains(&category.as_str()) {
            category
        } else {
            "other".into()
        },
        action_items: Vec::new(),
        events: answer
            .events
            .into_iter()
            .filter_map(|event| accepted_event(event, |text| moment(text, zone)))
            .take(MOST_EVENTS)
            .collect(),
    }
}

/// A day alone is no time for an event.
fn moment(text: &str, zone: chrono_tz::Tz) -> Option<DateTime<Utc>> {
    text.contains(':').then(|| local_time(text, zone)).flatten()
}

/// An event without a title or a time is none.
fn accepted_event(
    event: EventAnswer,
    time: impl Fn(&str) -> Option<DateTime<Utc>>,
) -> Option<Event> {
    let title = cut(&event.title, LONGEST_TITLE);
    let minutes = event
        .duration_minutes
        .filter(|minutes| *minutes >= 1.0)
        .map_or(USUAL_EVENT, |minutes| {
            minutes.min(f64::from(LONGEST_EVENT)) as i32
        });
    (!title.is_empty()).then_some(Event {
        title,
        description: cut(&event.description, LONGEST_TEXT),
        start: time(&event.start)?,
        duration: minutes,
        created: false,
    })
}

/// Else the brain.
fn emoji(text: &str) -> String {
    let text = text.trim();
    if is_emoji(text) {
        text.into()
    } else {
        "🧠".into()
    }
}

/// A short text without letters.
pub fn is_emoji(text: &str) -> bool {
    !text.is_empty()
        && text.chars().count() <= 8
        && !text.chars().any(|c| c.is_ascii() || c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emojis() {
        for good in ["🦷", "👩‍⚕️", "❤️"] {
            assert_eq!(emoji(good), good);
        }
        for bad in ["", "tooth", "🦷 tooth", ":tooth:", "🦷🦷🦷🦷🦷🦷🦷🦷🦷"] {
            assert_eq!(emoji(bad), "🧠", "{bad}");
        }
    }
}
