//! What is looked for: the question, and where it only goes on with one before it, that one too.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::{
    Message, Sender,
    answer::Question,
    wanted::{content, goes_on},
};
use crate::features::search;

pub type Period = (DateTime<Utc>, DateTime<Utc>);

#[derive(Clone, Debug, Default)]
pub struct Sought {
    /// With the words of the time that counts and with those of no other.
    pub text: String,
    /// What it is about.
    pub content: Vec<String>,
    pub period: Option<Period>,
    pub ahead: Option<Period>,
    /// Whether it goes on with something that was said before.
    pub goes_on: bool,
}

impl Sought {
    pub fn by(question: &Question, now: DateTime<Utc>, zone: Tz) -> Self {
        let own = tail(&question.text, search::MAXIMUM_QUERY);
        let (period, ahead, rest) = search::asked_time(&own, now, zone);
        let goes_on = leans(&rest, period.is_some() || ahead.is_some());
        let mut sought = Self {
            content: content(&rest),
            text: own,
            period,
            ahead,
            goes_on,
        };
        if goes_on {
            for earlier in chain(&question.earlier, now, zone) {
                sought.lend(&tail(&earlier.text, search::MAXIMUM_QUERY), now, zone);
            }
            sought.look_ahead(now, zone);
        }
        sought
    }

    /// "And on Monday?" after "What do I have to do today?" means the next one.
    fn look_ahead(&mut self, now: DateTime<Utc>, zone: Tz) {
        let (period, ahead, _) = search::asked_time(&self.text, now, zone);
        if period.is_none() && ahead.is_some() {
            (self.period, self.ahead) = (None, ahead);
        }
    }

    /// Takes the words of an earlier question, and its time if there is none yet.
    fn lend(&mut self, earlier: &str, now: DateTime<Utc>, zone: Tz) {
        let (period, ahead, rest) = search::asked_time(earlier, now, zone);
        let timed = self.period.is_some() || self.ahead.is_some();
        let words = if timed { rest.as_str() } else { earlier };
        if !timed {
            (self.period, self.ahead) = (period, ahead);
        }
        let left = search::MAXIMUM_QUERY.saturating_sub(self.text.chars().count() + 1);
        let lent = tail(words, left);
        if !lent.is_empty() {
            self.text = format!("{} {lent}", self.text);
        }
        self.content.extend(content(&rest));
    }
}

/// Whether a question without its time goes on with another one. "And last week?" is a time and nothing else; "What did I
/// do yesterday?" asks something by that alone.
fn leans(rest: &str, timed: bool) -> bool {
    if timed && content(rest).is_empty() {
        return matches!(first_word(rest).as_str(), "" | "and" | "but" | "so") || starts_anew(rest);
    }
    goes_on(rest)
}

fn first_word(text: &str) -> String {
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    words
        .find(|word| !word.is_empty())
        .unwrap_or_default()
        .to_lowercase()
}

/// "What about yesterday?"
fn starts_anew(rest: &str) -> bool {
    let text = rest.to_lowercase();
    text.starts_with("what about") || text.starts_with("how about")
}

/// The questions that one goes on with, newest first, up to one that stands by itself.
fn chain(earlier: &[Message], now: DateTime<Utc>, zone: Tz) -> Vec<&Message> {
    let mut found = Vec::new();
    for message in earlier.iter().rev() {
        if message.sender != Sender::Human {
            continue;
        }
        found.push(message);
        let text = tail(&message.text, search::MAXIMUM_QUERY);
        let (period, ahead, rest) = search::asked_time(&text, now, zone);
        if !leans(&rest, period.is_some() || ahead.is_some()) {
            break;
        }
    }
    found
}

/// Its last sentences, or else words, of at most so many characters: a long text often ends with what is asked.
pub fn tail(text: &str, most: usize) -> String {
    let text = text.trim();
    let count = text.chars().count();
    if count <= most {
        return text.to_string();
    }
    let at = text
        .char_indices()
        .nth(count - most)
        .map_or(text.len(), |(at, _)| at);
    let end = &text[at..];
    let sentence = end
        .match_indices(['.', '!', '?', '\n'])
        .map(|(at, mark)| at + mark.len())
        .find(|at| end[*at..].starts_with(char::is_whitespace) || end[..*at].ends_with('\n'))
        .filter(|at| end[*at..].trim().chars().count() > 20);
    let word = || end.find(char::is_whitespace);
    match sentence.or_else(word) {
        Some(at) if !end[at..].trim().is_empty() => end[at..].trim().to_string(),
        _ => end.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(earlier: &[&str], text: &str) -> Question {
        Question {
            text: text.into(),
            earlier: earlier
                .iter()
                .map(|text| super::super::unkept(&Default::default(), text))
                .map(|message| Message {
                    sender: Sender::Human,
                    ..message
                })
                .collect(),
            files: Vec::new(),
            context: None,
        }
    }

    fn sought(earlier: &[&str], text: &str) -> Sought {
        // A Sunday.
        let now = "2026-02-01T12:00:00Z".parse().unwrap_or_default();
        Sought::by(&question(earlier, text), now, Tz::UTC)
    }

    fn days(sought: &Sought) -> Option<(String, String)> {
        let day = |at: DateTime<Utc>| at.format("%d.%m.").to_string();
        sought.period.map(|(from, to)| (day(from), day(to)))
    }

    #[test]
    fn of_a_long_text_the_end_is_looked_for() {
        let long = format!("{} Where is the boat?", "Plums are sweet. ".repeat(2000));
        for most in [20, 60, 500] {
            let end = tail(&long, most);
            assert!(end.ends_with("the boat?"), "{end}");
            assert!(end.chars().count() <= most);
        }
        assert!(tail(&long, 60).starts_with("Plums are"));
        assert_eq!(tail(&"ü".repeat(501), 500), "ü".repeat(500));
        assert_eq!(tail(" a ", 5), "a");
        let sought = sought(&[&long], &format!("{} And who said it?", "x".repeat(400)));
        assert!(sought.text.chars().count() <= 500);
    }

    #[test]
    fn the_new_time_counts() {
        let first = "what did we talk about yesterday";
        let yesterday = Some(("31.01.".into(), "01.02.".into()));
        assert_eq!(days(&sought(&[], first)), yesterday);
        let week = sought(&[first], "And last week?");
        assert!(week.goes_on);
        assert_eq!(days(&week), Some(("19.01.".into(), "26.01.".into())));
        assert!(!week.text.contains("yesterday"), "{}", week.text);
        // One that names no time takes it from the one before.
        let who = sought(&[first], "And who was there?");
        assert_eq!(days(&who), yesterday);
        // "What did I do yesterday?" stands by itself.
        let anew = sought(&["Who is Petra?"], "What did we do yesterday?");
        assert!(!anew.goes_on && !anew.text.contains("Petra"), "{anew:?}");
        let rent = sought(&["did Anna mention the rent yesterday?"], "and last week?");
        assert_eq!(rent.content, ["anna", "rent"]);
    }

    #[test]
    fn what_comes_is_gone_on_with() {
        let ahead = |earlier: &[&str], text| {
            let found = sought(earlier, text);
            let day = |at: DateTime<Utc>| at.format("%d.%m.").to_string();
            (
                found.period.map(|(from, _)| day(from)),
                found.ahead.map(|(from, _)| day(from)),
            )
        };
        let tasks = "What do I have to do today?";
        let next = (None, Some("04.02.".to_string()));
        for chain in [vec![tasks], vec![tasks, "And tomorrow?"]] {
            assert_eq!(ahead(&chain, "And on Wednesday?"), next, "{chain:?}");
            assert_eq!(ahead(&chain, "What about Wednesday?"), next, "{chain:?}");
        }
        let past = (Some("28.01.".to_string()), None);
        assert_eq!(
            ahead(&["What did I do yesterday?"], "And on Wednesday?"),
            past
        );
        assert_eq!(
            ahead(&["What did I do yesterday?"], "What about Wednesday?"),
            past
        );
        assert_eq!(ahead(&[tasks], "And what did I do on Wednesday?"), past);
    }

    #[test]
    fn a_chain_keeps_its_subject() {
        let chain = [
            "What is the marketing budget?",
            "And who approved it?",
            "And when?",
        ];
        let why = sought(&chain, "Why?");
        assert!(why.text.contains("marketing budget"), "{}", why.text);
        assert!(why.text.contains("approved"), "{}", why.text);
        let petra = sought(&chain, "Who is Petra?");
        assert_eq!(petra.content, ["petra"]);
        let about = sought(&chain[..1], "What about Petra?");
        assert_eq!(about.content, ["petra", "marketing", "budget"]);
    }
}
