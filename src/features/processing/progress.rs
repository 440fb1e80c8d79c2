//! The step that notes how far the user has come with their goals. Only a model does it.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    heard::{cut, numbered},
    steps::{Judged, or_rules},
};
use crate::{app::Handles, error::Result, features::goals::Goal};

/// Characters of an overview below which it tells nothing.
pub const LEAST: usize = 10;
/// Characters beyond which a text is cut.
const MOST: usize = 500;

/// How far the goals are.
#[derive(Deserialize, JsonSchema)]
struct GoalsAnswer {
    #[serde(default)]
    goals: Vec<GoalAnswer>,
}

/// How far one goal is.
#[derive(Deserialize, JsonSchema)]
struct GoalAnswer {
    /// The number of the goal.
    goal: i64,
    /// The new total.
    value: Number,
    /// False: the text does not say.
    #[serde(default = "yes")]
    found: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Number {
    Number(f64),
    Text(String),
}

/// Id of each goal that moved, and how far it is. `text`: an overview, or what was said.
pub async fn by_model(
    app: &Handles,
    uid: &str,
    text: &str,
    goals: &[Goal],
    attempts: i32,
) -> Result<Judged<Vec<(String, f64)>>> {
    let text = cut(text, MOST);
    let Some(language) = &app.language else {
        return Ok(None);
    };
    if goals.is_empty() {
        return Ok(None);
    }
    let list: Vec<_> = (1..)
        .zip(goals)
        .map(|(number, goal)| {
            format!(
                "{number}. {}: {} of {} {}",
                goal.title,
                goal.current_value,
                goal.target_value,
                goal.unit.as_deref().unwrap_or_default()
            )
        })
        .collect();
    let material = format!("# Goals\n{}\n\n# Text\n{text}", list.join("\n"));
    let rules = include_str!("prompts/goals.txt");
    let asked = language.ask::<GoalsAnswer>(uid, "track_goals", rules, &material);
    let Some(answer) = or_rules(asked.await, attempts, "track_goals")? else {
        return Ok(None);
    };
    Ok(Some((
        accepted(answer.goals, goals),
        language.model().into(),
    )))
}

/// Known goals with finite values from 0 that differ from the current one, each once.
fn accepted(answers: Vec<GoalAnswer>, goals: &[Goal]) -> Vec<(String, f64)> {
    let mut seen = HashSet::new();
    let mut accepted = Vec::new();
    for answer in answers.into_iter().filter(|answer| answer.found) {
        let goal = numbered(goals, answer.goal);
        let value = match answer.value {
            Number::Number(value) => Some(value),
            Number::Text(text) => text.trim().replace(',', "").parse().ok(),
        };
        if let (Some(goal), Some(value)) = (goal, value)
            && seen.insert(&goal.id)
            && value.is_finite()
            && value >= 0.0
            && value != goal.current_value
        {
            accepted.push((goal.id.clone(), value));
        }
    }
    accepted
}
