//! What a question is about: the words that are looked for, and the people whose own words it asks for.

use uuid::Uuid;

use super::time::words::{self as words, Token};
use crate::features::people::Person;

/// Words of asking for what was said, besides those that ask for nothing in particular.
const SAYING: &[&str] = &[
    "ask", "asked", "asks", "mentions", "saying", "says", "speaks", "talks", "tells", "telling",
];

/// Names that are words as well: they are names only where they are written as such.
const ORDINARY: &[&str] = &[
    "angel", "art", "bill", "bob", "chance", "chase", "dawn", "drew", "faith", "frank", "gene",
    "grace", "grant", "guy", "hope", "hunter", "iris", "jack", "jean", "joy", "june", "april",
    "august", "lane", "lily", "mark", "mason", "may", "miles", "nick", "pat", "penny", "pierce",
    "ray", "rich", "rob", "rose", "ruby", "sandy", "sky", "sue", "summer", "victor", "wade",
    "will", "young",
];

/// The question without the words that only make it a question; as it is if it has no others.
pub fn content(text: &str) -> String {
    let mut left = String::new();
    let mut copied = 0;
    let mut any = false;
    for token in words::tokens(text) {
        let word = token.word.as_str();
        if words::VAGUE.contains(&word) || SAYING.contains(&word) {
            left.push_str(&text[copied..token.start]);
            copied = token.end;
        } else {
            any = true;
        }
    }
    left.push_str(&text[copied..]);
    if any { left } else { text.to_string() }
}

/// People whose name, or a part of it, is in the question; also where it is misspelt.
pub fn named(text: &str, people: &[Person]) -> Vec<Uuid> {
    let tokens = words::tokens(text);
    let parts: Vec<(Uuid, String)> = people
        .iter()
        .flat_map(|person| {
            let name = words::tokens(&person.name).into_iter();
            name.map(|part| (person.id, part.word))
        })
        .filter(|(_, part)| part.chars().count() > 1)
        .collect();
    let mut found = Vec::new();
    for (n, token) in tokens.iter().enumerate() {
        let word = token.word.as_str();
        let capital = capital(text, token);
        let exact = parts.iter().any(|(_, part)| part == word);
        let plain = ORDINARY.contains(&word) || words::VAGUE.contains(&word);
        for (id, part) in &parts {
            let meant = if exact {
                part == word && (!plain || (capital && n > 0))
            } else {
                capital && !plain && alike(word, part)
            };
            if meant && !found.contains(id) {
                found.push(*id);
            }
        }
    }
    found
}

fn capital(text: &str, token: &Token) -> bool {
    let first = text[token.start..token.end].chars().next();
    first.is_some_and(char::is_uppercase)
}

/// Whether two words of at least four letters differ in one, those of at least seven in two.
fn alike(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let most = match a.len().min(b.len()) {
        0..=3 => return false,
        4..=6 => 1,
        _ => 2,
    };
    if a.len().abs_diff(b.len()) > most {
        return false;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (n, x) in a.iter().enumerate() {
        let mut across = row[0];
        row[0] = n + 1;
        for (m, y) in b.iter().enumerate() {
            let replaced = across + usize::from(x != y);
            across = row[m + 1];
            row[m + 1] = replaced.min(across + 1).min(row[m] + 1);
        }
    }
    row[b.len()] <= most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_make_a_question_are_not_looked_for() {
        for (question, words) in [
            ("What did I say about my divorce?", "divorce"),
            ("who mentioned the soul of an octopus", "soul octopus"),
            ("What did she recommend?", "she recommend"),
        ] {
            let left = content(question);
            let left: Vec<_> = words::tokens(&left)
                .into_iter()
                .map(|token| token.word)
                .collect();
            assert_eq!(left.join(" "), words, "{question}");
        }
        // Nothing else is left.
        assert_eq!(content("who said that"), "who said that");
    }

    #[test]
    fn people_are_known_by_their_names() {
        let at = chrono::DateTime::UNIX_EPOCH;
        let names = ["Jonas Weber", "Will", "Katherine", "Al"];
        let people: Vec<_> = names
            .iter()
            .zip(1..)
            .map(|(name, id)| Person {
                id: Uuid::from_u128(id),
                name: (*name).into(),
                created_at: at,
                updated_at: at,
            })
            .collect();
        for (question, expected) in [
            ("What did Jonas recommend?", vec![1]),
            ("what did jonas's brother say", vec![1]),
            ("What did Jonah recommend?", vec![1]),
            ("what did jonah recommend", vec![]),
            ("What did Kathrine and Weber say?", vec![3, 1]),
            ("What will we eat?", vec![]),
            ("Will we eat?", vec![]),
            ("What did Will eat?", vec![2]),
            ("What did Al and Ali say?", vec![4]),
            ("What did Anna say?", vec![]),
        ] {
            let found: Vec<_> = named(question, &people).iter().map(Uuid::as_u128).collect();
            assert_eq!(found, expected, "{question}");
        }
    }
}
