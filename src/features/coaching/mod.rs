//! A word on a user's goals: which one to set, what to do next, and how far they are by their own words.

use std::{collections::HashSet, time::Duration};

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::{
    app::Handles,
    error::Result,
    features::{
        conversations::{self, Conversation},
        credentials::Caller,
        goals::{self, Goal, GoalType},
        memories,
        processing::{self, clean, cut},
        search,
    },
    platform::clock,
};

/// How long a model may take. Omi's app waits 30 s for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
const LONGEST_TITLE: usize = 100;
const LONGEST_TEXT: usize = 500;
/// Memories that a suggestion is made from, and that advice rests on.
const MEMORIES_OF_SUGGESTION: i64 = 20;
const MEMORIES_OF_ADVICE: i64 = 15;
/// Conversations that are about the goal, and those together with the newest.
const ABOUT_THE_GOAL: usize = 5;
const MOST_CONVERSATIONS: usize = 10;
/// How far back the newest go.
const LATELY: TimeDelta = TimeDelta::days(7);
/// Shortest text that can tell of progress, in characters.
const SHORTEST_TEXT: usize = 5;

/// What is said where nothing better is known.
const NEXT_STEP: &str = "Focus on the next small step toward your goal.";
const NO_GOAL: &str = "Set a goal to get personalized advice!";

/// A goal that a user might set.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Suggestion {
    pub suggested_title: String,
    pub suggested_type: GoalType,
    pub suggested_target: f64,
    pub suggested_min: f64,
    pub suggested_max: f64,
    pub reasoning: String,
}

impl Suggestion {
    fn fixed(title: &str, reasoning: &str) -> Self {
        Self {
            suggested_title: title.into(),
            suggested_type: GoalType::Scale,
            suggested_target: 10.0,
            suggested_min: 0.0,
            suggested_max: 10.0,
            reasoning: reasoning.into(),
        }
    }
}

/// A goal that fits the user.
#[derive(Deserialize, JsonSchema)]
struct SuggestionAnswer {
    /// At most eight words.
    title: String,
    /// `boolean`, `scale` or `numeric`.
    goal_type: String,
    target: f64,
    #[serde(default)]
    least: f64,
    most: f64,
    reasoning: String,
}

/// A goal that fits what is known of the caller. Without a model, and where the model has none, one that fits everybody,
/// which says so.
pub async fn suggest(app: &Handles, caller: &Caller) -> Result<Suggestion> {
    let known = memories::list(&app.db, caller, None, MEMORIES_OF_SUGGESTION, 0).await?;
    if known.is_empty() {
        return Ok(Suggestion::fixed(
            "Learn something new every day",
            "Nothing is known of you yet, and this suits everybody.",
        ));
    }
    let material: String = known
        .iter()
        .map(|memory| format!("- {}\n", clean(&memory.content, LONGEST_TEXT)))
        .collect();
    let rules = include_str!("prompts/suggest.txt");
    let asked = ask::<SuggestionAnswer>(app, caller, "suggest_goal", rules, &material).await;
    Ok(asked.and_then(accepted).unwrap_or_else(|| {
        let why = match &app.language {
            Some(_) => "The language model had no suggestion, and this suits everybody.",
            None => "No language model is set up to make a suggestion of your own; this suits everybody.",
        };
        Suggestion::fixed("Make progress every day", why)
    }))
}

fn accepted(answer: SuggestionAnswer) -> Option<Suggestion> {
    let title = clean(&answer.title, LONGEST_TITLE);
    let suggested_type = match answer.goal_type.as_str() {
        "boolean" => GoalType::Boolean,
        "scale" => GoalType::Scale,
        "numeric" => GoalType::Numeric,
        _ => return None,
    };
    let ordered = answer.least <= answer.target && answer.target <= answer.most;
    let finite = answer.least.is_finite() && answer.most.is_finite();
    (!title.is_empty() && ordered && finite).then(|| Suggestion {
        suggested_title: title,
        suggested_type,
        suggested_target: answer.target,
        suggested_min: answer.least,
        suggested_max: answer.most,
        reasoning: clean(&answer.reasoning, LONGEST_TEXT),
    })
}

/// What to do next.
#[derive(Deserialize, JsonSchema)]
struct AdviceAnswer {
    /// One or two sentences.
    advice: String,
}

/// Advice on one of the caller's active goals. On one that is not, and without a model, the same words for everybody.
pub async fn advise(app: &Handles, caller: &Caller, goal_id: &str) -> Result<String> {
    let active = goals::active(&app.db, &caller.uid).await?;
    match active.iter().find(|goal| goal.id == goal_id) {
        Some(goal) => advise_on(app, caller, goal).await,
        None => Ok(NEXT_STEP.into()),
    }
}

/// The same on the oldest active goal.
pub async fn advise_on_first(app: &Handles, caller: &Caller) -> Result<String> {
    match goals::active(&app.db, &caller.uid).await?.first() {
        Some(goal) => advise_on(app, caller, goal).await,
        None => Ok(NO_GOAL.into()),
    }
}

async fn advise_on(app: &Handles, caller: &Caller, goal: &Goal) -> Result<String> {
    if app.language.is_none() {
        return Ok(NEXT_STEP.into());
    }
    let material = material(app, caller, goal).await?;
    let rules = include_str!("prompts/advise.txt");
    let asked = ask::<AdviceAnswer>(app, caller, "advise_goal", rules, &material).await;
    let advice = asked.map(|answer| clean(&answer.advice, LONGEST_TEXT));
    Ok(advice
        .filter(|advice| !advice.is_empty())
        .unwrap_or_else(|| NEXT_STEP.into()))
}

/// The goal, what was said about it and lately, and what is known of the user.
async fn material(app: &Handles, caller: &Caller, goal: &Goal) -> Result<String> {
    let question = cut(&goal.title, search::MAXIMUM_QUERY);
    let about =
        search::best_conversations(app, caller, &question, None, None, ABOUT_THE_GOAL).await?;
    let filter = conversations::Filter {
        statuses: vec!["completed".into()],
        from: Some(clock::now() - LATELY),
        limit: MOST_CONVERSATIONS as i64,
        ..Default::default()
    };
    let lately = conversations::list(&app.db, caller, &filter, false).await?;
    let known = memories::list(&app.db, caller, None, MEMORIES_OF_ADVICE, 0).await?;

    let mut text = format!("# Goal\n{}\n", told(goal));
    text.push_str("\n# About it\n");
    let mut seen = HashSet::new();
    let mut add = |text: &mut String, conversation: &Conversation, longest: usize| {
        let overview = clean(&conversation.structured.overview, longest);
        let room = seen.len() < MOST_CONVERSATIONS;
        if room && !overview.is_empty() && seen.insert(conversation.id) {
            text.push_str(&format!(
                "- {}: {overview}\n",
                conversation.created_at.format("%-d %b %Y")
            ));
        }
    };
    about
        .iter()
        .for_each(|conversation| add(&mut text, conversation, 300));
    text.push_str("\n# Lately\n");
    lately
        .iter()
        .for_each(|conversation| add(&mut text, conversation, 250));
    text.push_str("\n# The user\n");
    for memory in &known {
        text.push_str(&format!("- {}\n", clean(&memory.content, 150)));
    }
    Ok(text)
}

fn told(goal: &Goal) -> String {
    format!(
        "{}: {} of {} {}",
        goal.title,
        goal.current_value,
        goal.target_value,
        goal.unit.as_deref().unwrap_or_default()
    )
}

/// None: there is no model, it failed, or it took too long.
async fn ask<T: DeserializeOwned + JsonSchema>(
    app: &Handles,
    caller: &Caller,
    task: &'static str,
    rules: &str,
    material: &str,
) -> Option<T> {
    let language = app.language.as_ref()?;
    let asked = language.ask::<T>(&caller.uid, task, rules, material);
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            tracing::warn!(%error, task, "the language model is done without");
            None
        }
        Err(_) => {
            tracing::warn!(task, "the language model took too long");
            None
        }
    }
}

/// A goal that moved.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Moved {
    pub goal_id: String,
    pub goal_title: String,
    pub previous_value: f64,
    pub new_value: f64,
    pub reasoning: String,
}

/// What a text told of the progress of goals.
#[derive(Clone, Debug)]
pub enum Noted {
    Moved(Vec<Moved>),
    /// Why nothing did.
    Nothing(&'static str),
}

/// Notes what a text of the caller tells of their progress.
pub async fn note_progress(app: &Handles, caller: &Caller, text: &str) -> Result<Noted> {
    let active = goals::active(&app.db, &caller.uid).await?;
    if active.is_empty() || text.trim().chars().count() < SHORTEST_TEXT {
        return Ok(Noted::Nothing("No active goal"));
    }
    if app.language.is_none() {
        return Ok(Noted::Nothing("No language model is set up"));
    }
    // A person waits: what is not answered now is not asked again.
    let asked = processing::progress_in(app, &caller.uid, text, &active, i32::MAX);
    let Ok(Ok(Some((values, _)))) = tokio::time::timeout(PATIENCE, asked).await else {
        return Ok(Noted::Nothing("The text could not be read"));
    };
    if values.is_empty() {
        return Ok(Noted::Nothing("No progress found"));
    }
    let mut tx = app.db.begin().await?;
    goals::heard(&mut tx, &caller.uid, &values).await?;
    tx.commit().await?;
    let moved = values.into_iter().filter_map(|(id, value)| {
        let goal = active.iter().find(|goal| goal.id == id)?;
        Some(Moved {
            goal_id: id,
            goal_title: goal.title.clone(),
            previous_value: goal.current_value,
            new_value: value,
            reasoning: format!("The text tells of {value} of {}.", goal.target_value),
        })
    });
    Ok(Noted::Moved(moved.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggestion_is_whole_or_none() {
        let answer = |goal_type: &str, target: f64, most: f64| SuggestionAnswer {
            title: " Run\n10 km ".into(),
            goal_type: goal_type.into(),
            target,
            least: 0.0,
            most,
            reasoning: "You run.".into(),
        };
        let found = accepted(answer("numeric", 10.0, 20.0)).unwrap_or_else(|| panic!("refused"));
        assert_eq!(found.suggested_title, "Run 10 km");
        assert_eq!(found.suggested_type, GoalType::Numeric);
        for bad in [
            answer("percent", 10.0, 20.0),
            answer("scale", 30.0, 20.0),
            answer("scale", f64::NAN, 20.0),
            answer("scale", 10.0, f64::INFINITY),
        ] {
            assert_eq!(accepted(bad), None);
        }
    }
}
