//! The answer where no language model writes one: what was found, word for word, with its date.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::gather::{Gathered, Source, cut};

/// Most quotes of an answer.
const MOST: usize = 8;
/// Longest quote, in characters.
const LONGEST: usize = 320;

/// Why it is quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no language model.
    None,
    /// It does not answer.
    Silent,
    /// The user's share of it is used up for the day.
    UsedUp,
}

/// The text, and the conversations that it quotes.
pub fn quotes(gathered: &Gathered, why: Why) -> (String, Vec<Uuid>) {
    let because = match why {
        Why::None => "There is no language model on this server, so I can only quote what I find",
        Why::Silent => {
            "The language model does not answer right now, so I can only quote what I find"
        }
        Why::UsedUp => {
            "The language model's budget for today is used up, so I can only quote what I find"
        }
    };
    let relevant = gathered.sources.iter().filter(|source| !source.background);
    let quoted: Vec<_> = relevant.take(MOST).collect();
    if quoted.is_empty() {
        return (
            format!("{because}. I found nothing about that."),
            Vec::new(),
        );
    }
    let mut text = format!("{because}:\n");
    let mut cited = Vec::new();
    for source in quoted {
        text.push_str(&format!("\n- {}", line(source, gathered.zone)));
        if let Some(id) = source.conversation_id
            && !cited.contains(&id)
        {
            cited.push(id);
        }
    }
    (text, cited)
}

fn line(source: &Source, zone: Tz) -> String {
    let at = |time: DateTime<Utc>| {
        time.with_timezone(&zone)
            .format("%a %-d %b %Y, %H:%M")
            .to_string()
    };
    let said = cut(&flat(&source.text), LONGEST);
    match (source.noun, source.due_at) {
        ("task", Some(due)) => format!("{} (task, due {})", said, at(due)),
        ("task", None) => format!("{said} (task)"),
        ("memory", _) => format!("{said} (memory, {})", at(source.at)),
        _ => {
            let title = match flat(&source.title) {
                title if title.is_empty() => "a conversation".into(),
                title => format!("“{title}”"),
            };
            let said = if said.is_empty() {
                String::new()
            } else {
                format!(": {said}")
            };
            format!("{}, {title}{said}", at(source.at))
        }
    }
}

/// On one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
