//! Facts in a written text that concerns the user: a mail to them, a post of theirs, notes on them.

use std::collections::HashSet;

use super::MemoryDraft;
use super::memories::{category, facts};
use super::numbers;
use super::sentences::Sentence;
use super::vocabulary::sets;
use super::words::{Word, low, starts_upper};

/// Most facts kept of one text.
const MOST: usize = 10;
/// Longest sentence that is taken over, in words.
const MOST_WORDS: usize = 40;

/// Whom the text means by "I" and by "you".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub by_user: bool,
    pub to_user: bool,
}

pub fn find(sentences: &[Sentence], written: Written) -> Vec<MemoryDraft> {
    let stated = if written.by_user {
        facts(sentences)
    } else {
        Vec::new()
    };
    let told = sentences
        .iter()
        .filter(|sentence| !sentence.asks && sentence.words.len() <= MOST_WORDS)
        .filter_map(|sentence| of_user(sentence).or_else(|| to_user(sentence, written)));
    let mut seen = HashSet::new();
    stated
        .into_iter()
        .chain(told)
        .filter(|content| seen.insert(content.to_lowercase()))
        .take(MOST)
        .map(|content| MemoryDraft {
            category: category(&content).to_owned(),
            content,
        })
        .collect()
}

/// "The user prefers window seats", "User's wife is Anna": taken over.
fn of_user(sentence: &Sentence) -> Option<String> {
    let words = &sentence.words;
    let from = usize::from(low(words, 0) == "the");
    let subject = match low(words, from) {
        "user" => "User",
        "user's" => "User's",
        _ => return None,
    };
    (words.len() > from + 2).then(|| said(sentence, subject, from + 1))
}

/// "Your flight to Paris is on May 15th": only what names something, and no boilerplate.
fn to_user(sentence: &Sentence, written: Written) -> Option<String> {
    let words = &sentence.words;
    if !written.to_user
        || words.len() < 4
        || words.iter().any(|word| word.quoted)
        || words
            .iter()
            .any(|word| BOILERPLATE.contains(word.low.as_str()))
        || !words.iter().skip(1).any(names_something)
    {
        return None;
    }
    let (subject, from) = match (low(words, 0), low(words, 1)) {
        ("your", _) => ("User's", 1),
        ("you", "are") | ("you're", _) => ("User is", 1 + usize::from(low(words, 0) == "you")),
        ("you", "have") | ("you've", _) => ("User has", 1 + usize::from(low(words, 0) == "you")),
        ("you", "were") => ("User was", 2),
        ("you", "will") => ("User will", 2),
        ("you'll", _) => ("User will", 1),
        _ => return None,
    };
    Some(said(sentence, subject, from))
}

/// A number, or a name other than that of a day or month.
fn names_something(word: &Word) -> bool {
    word.text.contains(|c: char| c.is_ascii_digit())
        || (starts_upper(&word.text)
            && !word.low.starts_with("i'")
            && word.low != "i"
            && !numbers::is_calendar_name(&word.low))
}

/// The subject and the words from a position on, punctuation included, as said of somebody else.
fn said(sentence: &Sentence, subject: &str, from: usize) -> String {
    let start = sentence.words.first().map_or(0, |word| word.span.start);
    let mut out = subject.to_owned();
    for (at, word) in sentence.words.iter().enumerate().skip(from) {
        let raw = word
            .span
            .start
            .checked_sub(start)
            .zip(word.span.end.checked_sub(start));
        let raw = raw.and_then(|(from, to)| sentence.text.get(from..to));
        let raw = raw.unwrap_or(&word.text).replace('’', "'");
        let instead = match word.low.as_str() {
            "your" => "their",
            "yours" => "theirs",
            "you're" => "they're",
            "you'll" => "they'll",
            "you've" => "they've",
            "yourself" => "themselves",
            "you" if OBJECT_LEADS.contains(low(&sentence.words, at - 1)) => "them",
            "you" => "they",
            _ => "",
        };
        out.push(' ');
        if instead.is_empty() {
            out.push_str(&raw);
        } else {
            out.push_str(&raw.replacen(&word.text, instead, 1));
        }
    }
    out.trim_end_matches(['.', '!', ',', ';', ':', ' '])
        .to_owned()
}

sets! {
    BOILERPLATE: "click unsubscribe please here link links browser inbox privacy terms password code
        verification newsletter settings";
    OBJECT_LEADS: "for to with from at of by about see meet invite remind send give show tell";
}

#[cfg(test)]
mod tests {
    use super::super::{Line, sentences::sentences};
    use super::*;

    fn found(text: &str, by_user: bool, to_user: bool) -> Vec<String> {
        let lines = [Line {
            speaker: "User",
            is_user: true,
            text,
        }];
        let written = Written { by_user, to_user };
        find(&sentences(&lines), written)
            .into_iter()
            .map(|memory| memory.content)
            .collect()
    }

    #[test]
    fn what_a_mail_tells_the_user_is_told_of_the_user() {
        for (text, memory) in [
            (
                "Your flight to Paris has been confirmed for May 15th, 2024. Departure: JFK at 9:30 PM.",
                "User's flight to Paris has been confirmed for May 15th, 2024",
            ),
            (
                "You have an appointment with Dr. Smith at your clinic.",
                "User has an appointment with Dr. Smith at their clinic",
            ),
            (
                "You’re booked at Hotel Central!",
                "User is booked at Hotel Central",
            ),
        ] {
            assert_eq!(found(text, false, true), [memory], "{text}");
        }
        for text in [
            "Your privacy matters to Example Inc.",
            "Your order will arrive soon.",
            "You can unsubscribe at any time from Example News.",
            "Your table is free on Friday.",
            "Is your name Bob?",
            "I live in Berlin.",
        ] {
            assert!(found(text, false, true).is_empty(), "{text}");
        }
        assert!(found("Your flight to Paris is at 9.", true, false).is_empty());
    }

    #[test]
    fn what_the_user_or_a_note_states_is_kept() {
        assert_eq!(
            found("I live in Berlin.", true, true),
            ["User lives in Berlin"]
        );
        assert_eq!(
            found(
                "The user prefers window seats. User is vegetarian.",
                false,
                false
            ),
            ["User prefers window seats", "User is vegetarian"]
        );
        assert!(found("The user", true, true).is_empty());
        let many: String = (0..30).map(|n| format!("User owns car {n}. ")).collect();
        assert_eq!(found(&many, true, true).len(), MOST);
        assert_eq!(
            found("User likes tea. User likes tea.", true, true).len(),
            1
        );
    }
}
