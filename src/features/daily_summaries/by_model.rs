//! A day as a language model sums it up.

use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    day::Day,
    model::{DecisionMade, KnowledgeNugget, Told, TopicHighlight, UnresolvedQuestion},
};
use crate::{
    error::Result,
    features::processing::{self, Judged, clean},
    platform::language::Language,
};

/// How it is called in metrics.
const TASK: &str = "daily_summary";
const MOST_HIGHLIGHTS: usize = 4;
const MOST_OTHERS: usize = 3;
const LONGEST_OVERVIEW: usize = 2000;
const LONGEST_TOPIC: usize = 100;
const LONGEST_TEXT: usize = 500;

/// A look back at the day.
#[derive(Deserialize, JsonSchema)]
struct DayAnswer {
    /// At most eight words.
    headline: String,
    overview: String,
    /// One emoji.
    #[serde(default)]
    day_emoji: String,
    /// At most four.
    #[serde(default)]
    highlights: Vec<HighlightAnswer>,
    /// At most three.
    #[serde(default)]
    unresolved_questions: Vec<QuestionAnswer>,
    /// At most three.
    #[serde(default)]
    decisions_made: Vec<DecisionAnswer>,
    /// At most three.
    #[serde(default)]
    knowledge_nuggets: Vec<NuggetAnswer>,
}

/// A topic that mattered.
#[derive(Deserialize, JsonSchema)]
struct HighlightAnswer {
    /// A few words.
    topic: String,
    /// One emoji.
    #[serde(default)]
    emoji: String,
    /// One or two sentences.
    summary: String,
    #[serde(default)]
    conversation_numbers: Vec<i64>,
}

#[derive(Deserialize, JsonSchema)]
struct QuestionAnswer {
    question: String,
    #[serde(default)]
    conversation_number: Option<i64>,
}

#[derive(Deserialize, JsonSchema)]
struct DecisionAnswer {
    decision: String,
    #[serde(default)]
    conversation_number: Option<i64>,
}

#[derive(Deserialize, JsonSchema)]
struct NuggetAnswer {
    insight: String,
    #[serde(default)]
    conversation_number: Option<i64>,
}

/// None: the rules are to do it.
pub async fn sum_up(
    language: &Language,
    uid: &str,
    day: &Day,
    attempts: i32,
) -> Result<Judged<Told>> {
    let rules = format!(
        "{}{}",
        include_str!("prompt.txt"),
        processing::language_rule(day.profile.language.as_deref())
    );
    let material = day.material(language.context_characters());
    let asked = language.ask::<DayAnswer>(uid, TASK, &rules, &material);
    let answer = processing::or_rules(asked.await, attempts, TASK)?;
    let ids: Vec<_> = day.conversations.iter().map(|one| one.id).collect();
    Ok(answer
        .and_then(|answer| accepted(answer, &ids))
        .map(|told| (told, language.model().into())))
}

/// Cut to what the wire holds, numbers translated. Without a headline or an overview it is of no use.
fn accepted(answer: DayAnswer, ids: &[Uuid]) -> Option<Told> {
    let id = |number: Option<i64>| processing::numbered(ids, number?).copied();
    let text = |text: &str| Some(clean(text, LONGEST_TEXT)).filter(|text| !text.is_empty());
    let emoji = |given: &str, usual: &str| {
        let given = given.trim();
        let fits = processing::is_emoji(given);
        if fits { given } else { usual }.to_string()
    };
    let highlights = answer.highlights.into_iter().filter_map(|one| {
        let mut conversation_ids = Vec::new();
        for id in one
            .conversation_numbers
            .into_iter()
            .filter_map(|n| id(Some(n)))
        {
            if !conversation_ids.contains(&id) {
                conversation_ids.push(id);
            }
        }
        Some(TopicHighlight {
            topic: Some(clean(&one.topic, LONGEST_TOPIC)).filter(|topic| !topic.is_empty())?,
            emoji: emoji(&one.emoji, "💡"),
            summary: text(&one.summary)?,
            conversation_ids,
        })
    });
    let questions = answer.unresolved_questions.into_iter().filter_map(|one| {
        Some(UnresolvedQuestion {
            question: text(&one.question)?,
            conversation_id: id(one.conversation_number),
        })
    });
    let decisions = answer.decisions_made.into_iter().filter_map(|one| {
        Some(DecisionMade {
            decision: text(&one.decision)?,
            conversation_id: id(one.conversation_number),
        })
    });
    let nuggets = answer.knowledge_nuggets.into_iter().filter_map(|one| {
        Some(KnowledgeNugget {
            insight: text(&one.insight)?,
            conversation_id: id(one.conversation_number),
        })
    });
    let told = Told {
        headline: super::headline(&answer.headline),
        overview: clean(&answer.overview, LONGEST_OVERVIEW),
        day_emoji: emoji(&answer.day_emoji, "📅"),
        highlights: highlights.take(MOST_HIGHLIGHTS).collect(),
        unresolved_questions: questions.take(MOST_OTHERS).collect(),
        decisions_made: decisions.take(MOST_OTHERS).collect(),
        knowledge_nuggets: nuggets.take(MOST_OTHERS).collect(),
    };
    let useful = !told.headline.is_empty() && !told.overview.is_empty();
    useful.then_some(told)
}
