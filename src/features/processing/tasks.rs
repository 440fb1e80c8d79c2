//! The step that finds action items: what the user has committed to do, without what is on the list already.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use schemars::JsonSchema;
use serde::Deserialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    alike,
    heard::{Heard, cut, local_time},
    near,
    rules::ActionItemDraft,
    steps::{Judged, or_rules},
};
use crate::{
    app::Handles,
    error::Result,
    features::{
        action_items::{self, ActionItem, Found, MAXIMUM_DESCRIPTION},
        lenient,
        search::Kind,
    },
    platform::clock,
};

/// Items that the user or a conversation touched longer ago are not the same.
const RECENT: Duration = Duration::days(7);
/// Open items that the model is shown.
const SHOWN: usize = 10;
/// Items of any age that are ranked by meaning.
const RANKED: usize = 200;
const MOST_WORDS: usize = 15;
const MOST_ITEMS: usize = 50;

/// A task.
#[derive(Deserialize, JsonSchema)]
pub struct TaskAnswer {
    /// At most 15 words.
    description: String,
    /// YYYY-MM-DDTHH:MM in the user's time zone; null if it was not said.
    #[serde(default)]
    due_at: Option<String>,
}

/// The tasks of a conversation.
#[derive(Deserialize, JsonSchema)]
struct TasksAnswer {
    #[serde(default)]
    action_items: Vec<TaskAnswer>,
}

/// What the model said, cut to what the wire holds.
pub fn accepted(answers: Vec<TaskAnswer>, heard: &Heard, now: DateTime<Utc>) -> Vec<Found> {
    let zone = heard.profile.time_zone;
    let mut found: Vec<Found> = Vec::new();
    for answer in answers {
        let words: Vec<_> = answer
            .description
            .split_whitespace()
            .take(MOST_WORDS)
            .collect();
        let description = cut(&words.join(" "), MAXIMUM_DESCRIPTION);
        if description.is_empty()
            || found
                .iter()
                .any(|known| alike::same(&known.description, &description))
        {
            continue;
        }
        let due_at = answer.due_at.and_then(|due| local_time(&due, zone));
        found.push(Found {
            description,
            // What was due before yesterday was misunderstood.
            due_at: due_at.filter(|due| *due >= now - Duration::days(1)),
        });
        if found.len() == MOST_ITEMS {
            break;
        }
    }
    found
}

pub fn of_rules(drafts: Vec<ActionItemDraft>) -> Vec<Found> {
    drafts
        .into_iter()
        .map(|item| Found {
            description: item.description,
            due_at: item.due_at.filter(|due| *due <= lenient::LATEST),
        })
        .collect()
}

/// `overview`: of the conversation.
pub async fn by_model(
    app: &Handles,
    uid: &str,
    id: Uuid,
    heard: &Heard,
    overview: &str,
    attempts: i32,
) -> Result<Judged<Vec<Found>>> {
    let Some(language) = &app.language else {
        return Ok(None);
    };
    let now = clock::now();
    let open = action_items::open_since(&app.db, uid, now - RECENT, id).await?;
    let shown = most_alike(app, uid, overview, &open).await;
    let rules = format!(
        "{}\n{}\n{}",
        include_str!("prompts/action_items.txt"),
        heard.language_rule(),
        heard.clock_rule(now)
    );
    let material = heard.material(
        &[("Tasks that are known already", shown)],
        language.context_characters(),
    );
    let asked = language.ask::<TasksAnswer>(uid, "find_action_items", &rules, &material);
    let Some(answer) = or_rules(asked.await, attempts, "find_action_items")? else {
        return Ok(None);
    };
    let found = accepted(answer.action_items, heard, now);
    Ok(Some((found, language.model().into())))
}

/// Nothing new is said about when it is due. Times of one day are told roughly.
fn same_time(found: Option<DateTime<Utc>>, known: Option<DateTime<Utc>>) -> bool {
    match (found, known) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(found), Some(known)) => (found - known).abs() < Duration::hours(12),
    }
}

/// Those of the open items that the model is shown: the nearest, then the newest.
async fn most_alike(app: &Handles, uid: &str, overview: &str, open: &[ActionItem]) -> String {
    if open.is_empty() {
        return String::new();
    }
    let scores = near(app, uid, Kind::ActionItem, overview, 0.0, RANKED).await;
    let score = |item: &ActionItem| scores.get(&item.id).copied().unwrap_or_default();
    let mut open: Vec<_> = open.iter().collect();
    open.sort_by(|a, b| score(b).total_cmp(&score(a)));
    let shown: Vec<_> = open
        .into_iter()
        .take(SHOWN)
        .map(|item| format!("- {}", item.description))
        .collect();
    shown.join("\n")
}

/// Stores them without those that are on the list of open items already, in essentially the same words and due at the same
/// time, or without saying when. Two conversations
/// that were understood at the same time wait for each other here, so that none brings what the other just brought.
pub async fn save(tx: &mut PgConnection, uid: &str, id: Uuid, mut found: Vec<Found>) -> Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    let now = clock::now();
    action_items::lock_found(&mut *tx, uid).await?;
    let open = action_items::open_since(&mut *tx, uid, now - RECENT, id).await?;
    let mut known: HashMap<String, Vec<Option<DateTime<Utc>>>> = HashMap::new();
    for item in &open {
        let times = known.entry(alike::key(&item.description)).or_default();
        times.push(item.due_at);
    }
    found.retain(|item| {
        let times = known.get(&alike::key(&item.description));
        !times.is_some_and(|times| times.iter().any(|time| same_time(item.due_at, *time)))
    });
    action_items::replace_found(tx, uid, id, found, now).await
}
