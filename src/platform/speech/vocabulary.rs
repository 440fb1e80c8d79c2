//! Words that a recogniser is told to expect.

use std::{collections::HashSet, ops::RangeInclusive, sync::Arc};

/// Most words; those after them are left out.
const MOST: usize = 100;
/// Characters of a word. Others are left out.
const LENGTH: RangeInclusive<usize> = 2..=80;

/// A handle. Words are on one line, and each is there once, however it is capitalised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary(Arc<[String]>);

impl Vocabulary {
    /// The first ones count most.
    pub fn new<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> Self {
        let mut seen = HashSet::new();
        let words = words.into_iter().map(|word| {
            let word = word.as_ref().replace(char::is_control, " ");
            word.split_whitespace().collect::<Vec<_>>().join(" ")
        });
        let words = words
            .filter(|word| LENGTH.contains(&word.chars().count()))
            .filter(|word| seen.insert(word.to_lowercase()));
        Self(words.take(MOST).collect())
    }

    /// Those that have at most so many bytes together.
    pub fn fitting(&self, most: usize) -> impl Iterator<Item = &str> {
        let mut left = most;
        let words = self.0.iter().map(String::as_str);
        words.take_while(move |word| match left.checked_sub(word.len()) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        })
    }

    /// Those of them as a list, as if it had been said before; empty if there is none.
    pub fn as_said(&self, most: usize) -> String {
        let words: Vec<_> = self.fitting(most).collect();
        match words.join(", ") {
            said if said.is_empty() => said,
            said => format!("{said}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_few_short_and_on_one_line() {
        let words = Vocabulary::new([
            " Omi ",
            "omi",
            "x",
            "",
            "Anna\r\n--b\0Maria",
            &"y".repeat(81),
            "Żółć",
        ]);
        assert_eq!(words.as_said(1000), "Omi, Anna --b Maria, Żółć.");
        assert_eq!(words.as_said(15), "Omi.");
        assert_eq!(words.as_said(2), "");
        assert_eq!(Vocabulary::default().as_said(1000), "");
        let many = Vocabulary::new((100..300).map(|n| n.to_string()));
        assert_eq!(many.fitting(usize::MAX).count(), MOST);
        assert_eq!(many.fitting(9).collect::<Vec<_>>(), ["100", "101", "102"]);
    }
}
