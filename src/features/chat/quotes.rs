//! The answer where no language model writes one: what was found, word for word, with its date.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::{
    basket::Source,
    gather::{Gathered, cut},
    wanted::held,
};

/// Most quotes of an answer.
const MOST: usize = 8;
/// Longest quote, in characters.
const LONGEST: usize = 320;
/// So much of the best score has what is quoted beside it.
const NEAR: f64 = 0.5;

/// Why it is quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no language model.
    None,
    /// It does not answer.
    Silent,
    /// It has not begun for so long that nobody would wait.
    Slow,
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
        Why::Slow => "The language model takes too long right now, so I can only quote what I find",
        Why::UsedUp => {
            "The language model's budget for today is used up, so I can only quote what I find"
        }
    };
    let quoted = telling(gathered);
    let notes = gathered.notes.join(" ");
    if quoted.is_empty() {
        let nothing = match notes.as_str() {
            "" => "I found nothing about that.",
            notes => notes,
        };
        return (format!("{because}. {nothing}"), Vec::new());
    }
    let mut text = match notes.as_str() {
        "" => format!("{because}:\n"),
        notes => format!("{because}. {notes}\n"),
    };
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

/// What answers the question: of what was found by its words only what comes near the best, and holds one of them.
fn telling(gathered: &Gathered) -> Vec<&Source> {
    let relevant = gathered.sources.iter().filter(|source| !source.background);
    let relevant: Vec<_> = relevant.collect();
    let content = &gathered.content;
    let holds = |source: &Source| supports(content, source);
    let scores = relevant.iter().filter(|source| holds(source));
    let best = scores.filter_map(|source| source.score).fold(0.0, f64::max);
    let mut quoted: Vec<_> = relevant
        .into_iter()
        .filter(|source| match source.score {
            Some(score) => content.is_empty() || (score >= NEAR * best && holds(source)),
            None => true,
        })
        .collect();
    quoted.truncate(MOST);
    quoted
}

/// Whether a source holds a word of what a question is about, or means it.
pub fn supports(content: &[String], source: &Source) -> bool {
    // Other scripts do not put blanks between words.
    let can_tell = !content.is_empty() && content.iter().all(|word| word.is_ascii());
    let text = format!("{} {}", source.title, source.text);
    !can_tell || source.meant || held(content, &text) > 0
}

fn line(source: &Source, zone: Tz) -> String {
    let at = |time: DateTime<Utc>| {
        time.with_timezone(&zone)
            .format("%a %-d %b %Y, %H:%M")
            .to_string()
    };
    let said = said(source);
    let state = source.state.unwrap_or_default();
    match (source.noun, source.due_at) {
        ("task", Some(due)) => format!("{said} ({state} task, due {})", at(due)),
        ("task", None) => format!("{said} ({state} task)"),
        ("memory", _) => format!("{said} (memory, {})", at(source.at)),
        ("goal", _) => format!("{said} (goal)"),
        ("daily summary", _) => format!("{said} (summary of {})", source.title),
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

/// The text, or so much of it as holds the line that matched.
fn said(source: &Source) -> String {
    let whole = flat(&source.text);
    let Some((block, matched)) = &source.found else {
        return cut(&whole, LONGEST);
    };
    let (block, matched) = (flat(block), flat(matched));
    let begins: String = whole.chars().take(LONGEST).collect();
    let fits = |text: &str| text.chars().count() <= LONGEST;
    if fits(&whole) || begins.contains(&matched) {
        cut(&whole, LONGEST)
    } else if fits(&block) {
        format!("… {block}")
    } else {
        format!("… {}", cut(&matched, LONGEST))
    }
}

/// On one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str, score: Option<f64>) -> Source {
        Source {
            noun: "conversation",
            text: text.into(),
            conversation_id: Some(Uuid::new_v4()),
            score,
            ..Source::default()
        }
    }

    fn gathered(sources: Vec<Source>, content: &[&str]) -> Gathered {
        Gathered {
            sources,
            notes: Vec::new(),
            content: content.iter().map(|word| word.to_string()).collect(),
            looks_at: None,
            name: String::new(),
            zone: Tz::UTC,
            now: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn only_what_supports_is_cited() {
        let sources = vec![
            source("The rent is due", Some(0.8)),
            source("Rents rise", Some(0.5)),
            source("A rent, perhaps", Some(0.1)),
            source("He said something", Some(0.7)),
        ];
        let first = sources[..2]
            .iter()
            .filter_map(|source| source.conversation_id);
        let first: Vec<_> = first.collect();
        let (text, cited) = quotes(&gathered(sources.clone(), &["rent"]), Why::None);
        assert_eq!(cited, first, "{text}");
        let (text, cited) = quotes(&gathered(sources, &["dentist"]), Why::None);
        assert!(
            cited.is_empty() && text.ends_with("nothing about that."),
            "{text}"
        );
    }

    #[test]
    fn a_quote_holds_the_line_that_matched() {
        let mut long = source(
            &format!("{}\nThe rent is high.", "word ".repeat(150)),
            Some(1.0),
        );
        long.found = Some((
            "Before.\nThe rent is high.".into(),
            "The rent is high.".into(),
        ));
        assert_eq!(said(&long), "… Before. The rent is high.");
    }
}
