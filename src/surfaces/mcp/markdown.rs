//! Conversations and memories as Markdown, for resources.

use chrono_tz::Tz;

use crate::{
    features::{conversations::Conversation, memories::Memory, people::Speakers},
    surfaces::prose::at,
};

/// A transcript is not much longer, in bytes.
const LONGEST: usize = 200_000;

/// Title, time, overview, tasks, events, and who said what.
pub fn conversation(one: &Conversation, speakers: &Speakers, zone: Tz) -> String {
    let structured = &one.structured;
    let title = match structured.title.trim() {
        "" => "Without a title",
        title => title,
    };
    let mut text = format!(
        "# {title}\n\n{} to {} ({zone}), {}\n",
        at(one.started_at, zone),
        at(one.finished_at, zone),
        structured.category,
    );
    if !structured.overview.trim().is_empty() {
        text.push_str(&format!("\n{}\n", structured.overview.trim()));
    }
    if !structured.action_items.is_empty() {
        text.push_str("\n## Action items\n\n");
    }
    for item in &structured.action_items {
        let mark = if item.completed { 'x' } else { ' ' };
        let due = match item.due_at {
            Some(due) => format!(", due {}", at(due, zone)),
            None => String::new(),
        };
        text.push_str(&format!("- [{mark}] {}{due}\n", item.description));
    }
    if !structured.events.is_empty() {
        text.push_str("\n## Events\n\n");
    }
    for event in &structured.events {
        let start = at(event.start, zone);
        let minutes = event.duration;
        text.push_str(&format!("- {}: {start}, {minutes} minutes\n", event.title));
    }
    if !one.transcript_segments.is_empty() {
        text.push_str("\n## Transcript\n\n");
    }
    let longest = text.len() + LONGEST;
    for (n, segment) in one.transcript_segments.iter().enumerate() {
        if text.len() > longest {
            let left = one.transcript_segments.len() - n;
            text.push_str(&format!(
                "{left} more segments were left out: get_conversation_by_id gives them with segment_offset = {n}.\n"
            ));
            break;
        }
        let name = speakers.name(segment);
        let start = clock(segment.start);
        text.push_str(&format!(
            "**{name}** ({start}): {}\n\n",
            segment.text.trim()
        ));
    }
    text
}

pub fn memory(one: &Memory, zone: Tz) -> String {
    let made = at(one.created_at, zone);
    let mut text = format!("{}\n\n{}, {made} ({zone})\n", one.content, one.category);
    if !one.tags.is_empty() {
        text.push_str(&format!("Tags: {}\n", one.tags.join(", ")));
    }
    text
}

/// Minutes and seconds of so many seconds.
fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// At most so many characters, on one line.
pub fn cut(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    let head: String = line.chars().take(most - 1).collect();
    format!("{head}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_and_times_shown() {
        assert_eq!(cut(" one\n two ", 7), "one two");
        assert_eq!(cut("one two", 6), "one t…");
        assert_eq!(clock(-1.0), "0:00");
        assert_eq!(clock(75.9), "1:15");
        assert_eq!(clock(7_265.0), "121:05");
    }
}
