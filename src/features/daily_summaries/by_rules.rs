//! A day without a language model: nothing but what was understood of its conversations, the weightiest first.

use std::cmp::Reverse;

use super::{
    day::{Day, seconds},
    headline,
    model::{Told, TopicHighlight},
};
use crate::features::{
    conversations::Conversation,
    processing::{self, clean},
};

const MOST_HIGHLIGHTS: usize = 4;
const LONGEST_SUMMARY: usize = 300;
const LONGEST_TOPIC: usize = 100;

pub fn sum_up(day: &Day) -> Told {
    let mut weighty: Vec<_> = day
        .conversations
        .iter()
        .filter(|one| !one.structured.overview.trim().is_empty())
        .collect();
    // Of equally weighty ones the earlier stay first.
    weighty.sort_by_key(|one| Reverse(weight(one)));
    weighty.truncate(MOST_HIGHLIGHTS);
    let first = weighty.first();
    let emoji = first.map(|one| one.structured.emoji.clone());
    let title = first.map(|one| headline(&one.structured.title));
    let highlights = weighty.iter().map(|one| TopicHighlight {
        topic: clean(&one.structured.title, LONGEST_TOPIC),
        emoji: one.structured.emoji.clone(),
        summary: clean(&one.structured.overview, LONGEST_SUMMARY),
        conversation_ids: vec![one.id],
    });
    Told {
        headline: title
            .filter(|title| !title.is_empty())
            .unwrap_or_else(|| "Your Day in Review".into()),
        overview: overview(day, &weighty),
        day_emoji: emoji
            .filter(|emoji| processing::is_emoji(emoji))
            .unwrap_or_else(|| "📅".into()),
        highlights: highlights.collect(),
        unresolved_questions: Vec::new(),
        decisions_made: Vec::new(),
        knowledge_nuggets: Vec::new(),
    }
}

/// Starred, then by how much came of it, then by length.
fn weight(one: &Conversation) -> (bool, usize, i64) {
    let came = one.structured.action_items.len() + one.structured.events.len();
    (one.starred, came, seconds(one))
}

fn overview(day: &Day, weighty: &[&Conversation]) -> String {
    let counted = |count: usize, one: &str, more: &str| match count {
        1 => one.to_string(),
        _ => format!("{count} {more}"),
    };
    let minutes = day.conversations.iter().map(seconds).sum::<i64>() / 60;
    let mut text = format!(
        "You had {}",
        counted(day.conversations.len(), "one conversation", "conversations")
    );
    if let Ok(minutes @ 1..) = usize::try_from(minutes) {
        text.push_str(&format!(
            ", {} in all",
            counted(minutes, "a minute", "minutes")
        ));
    }
    let titles: Vec<_> = weighty
        .iter()
        .map(|one| clean(&one.structured.title, LONGEST_TOPIC))
        .filter(|title| !title.is_empty())
        .collect();
    let others = day.conversations.len() - weighty.len();
    match (titles.is_empty(), others) {
        (true, _) => text.push('.'),
        (false, 0) => text.push_str(&format!(": {}.", titles.join("; "))),
        (false, _) => text.push_str(&format!(": {}; and {others} more.", titles.join("; "))),
    }
    let items = day
        .conversations
        .iter()
        .flat_map(|one| &one.structured.action_items);
    let (done, open): (Vec<_>, Vec<_>) = items.partition(|item| item.completed);
    match (open.len(), done.len()) {
        (0, 0) => {}
        (open, 0) => text.push_str(&format!(" {} came up.", counted(open, "One task", "tasks"))),
        (0, done) => text.push_str(&format!(
            " {} came up, and nothing is left to do.",
            counted(done, "One task", "tasks")
        )),
        (open, done) => text.push_str(&format!(
            " {} tasks came up, of which {open} {} open.",
            open + done,
            if open == 1 { "is" } else { "are" }
        )),
    }
    text
}
