//! Conversations, memories and action items as a model reads them aloud.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::features::{
    action_items::ActionItem, conversations::Conversation, memories::Memory, people::Speakers,
};

pub fn at(time: DateTime<Utc>, zone: Tz) -> String {
    time.with_timezone(&zone)
        .format("%a %-d %b %Y, %H:%M")
        .to_string()
}

/// Its number, title, time and overview, what is to be done, and who said what.
pub fn conversation(number: usize, one: &Conversation, speakers: &Speakers, zone: Tz) -> String {
    let structured = &one.structured;
    let title = match structured.title.trim() {
        "" => "Without a title",
        title => title,
    };
    let mut text = format!(
        "Conversation {number}: {title} ({}, {}, id {})\n",
        at(one.started_at, zone),
        structured.category,
        one.id
    );
    if !structured.overview.trim().is_empty() {
        text.push_str(structured.overview.trim());
        text.push('\n');
    }
    for item in &structured.action_items {
        let state = if item.completed { "done" } else { "open" };
        text.push_str(&format!("- {} ({state})\n", item.description));
    }
    for event in &structured.events {
        text.push_str(&format!("- {} on {}\n", event.title, at(event.start, zone)));
    }
    if !one.transcript_segments.is_empty() {
        text.push_str("What was said:\n");
        text.push_str(&speakers.transcript(&one.transcript_segments));
        text.push('\n');
    }
    text.push('\n');
    text
}

pub fn memories(memories: &[Memory], zone: Tz) -> String {
    if memories.is_empty() {
        return "There are no such memories.".into();
    }
    let lines = memories
        .iter()
        .map(|memory| format!("- {} ({})\n", memory.content, at(memory.created_at, zone)));
    lines.collect()
}

pub fn action_items(items: &[ActionItem], zone: Tz) -> String {
    if items.is_empty() {
        return "There are no such action items.".into();
    }
    let lines = items
        .iter()
        .map(|item| format!("- {}\n", action_item(item, zone)));
    lines.collect()
}

pub fn action_item(item: &ActionItem, zone: Tz) -> String {
    let state = if item.completed { "done" } else { "open" };
    let due = match item.due_at {
        Some(due) => format!(", due {}", at(due, zone)),
        None => String::new(),
    };
    format!("{} ({state}{due}, id {})", item.description, item.id)
}
