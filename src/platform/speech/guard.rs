//! Takes out what recognisers make up: names of noises, and sentences that repeat without end.

/// A word repeated more often than this is a loop ("no, no, no, no" is speech).
const MOST_WORDS: usize = 5;

/// Several words repeated more often than this are a loop.
const MOST_PHRASES: usize = 3;

/// The longest phrase looked for, in words.
const LONGEST_PHRASE: usize = 24;

/// In letters.
const LONGEST_WORD: usize = 24;

/// Whether there is nothing to read but names of noises in brackets, as "[BLANK_AUDIO]" or "(music)".
pub fn is_noise(text: &str) -> bool {
    let mut closing: Option<char> = None;
    for letter in text.chars() {
        match closing {
            Some(end) if letter == end => closing = None,
            Some(_) => {}
            None => match letter {
                '[' => closing = Some(']'),
                '(' => closing = Some(')'),
                '{' => closing = Some('}'),
                '*' => closing = Some('*'),
                '♪' => closing = Some('♪'),
                '（' => closing = Some('）'),
                '【' => closing = Some('】'),
                letter if letter.is_alphanumeric() => return false,
                _ => {}
            },
        }
    }
    true
}

/// The text with every loop cut down to its first round, if it has any.
pub fn without_loops(text: &str) -> Option<String> {
    let (units, joiner) = units(text);
    let mut kept: Vec<&str> = Vec::with_capacity(units.len());
    let mut at = 0;
    let mut found = false;
    while at < units.len() {
        let Some(length) = loop_at(&units[at..]) else {
            kept.push(units[at]);
            at += 1;
            continue;
        };
        found = true;
        kept.extend(&units[at..at + length]);
        let first = at;
        while at + length <= units.len()
            && same(&units[first..first + length], &units[at..at + length])
        {
            at += length;
        }
        // The last round is often unfinished.
        let rest = units.len() - at;
        if rest > 0 && rest < length && same(&units[first..first + rest], &units[at..]) {
            at = units.len();
        }
    }
    found.then(|| kept.join(joiner))
}

/// Words; or letters, where there are no spaces between words.
fn units(text: &str) -> (Vec<&str>, &str) {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words
        .iter()
        .all(|word| word.chars().count() <= LONGEST_WORD)
    {
        return (words, " ");
    }
    (
        text.split("").filter(|letter| !letter.is_empty()).collect(),
        "",
    )
}

/// The length of the phrase that the units start with and repeat too often.
fn loop_at(units: &[&str]) -> Option<usize> {
    (1..=LONGEST_PHRASE.min(units.len() / 2)).find(|length| {
        let phrase = &units[..*length];
        let rounds = units
            .chunks_exact(*length)
            .take_while(|round| same(phrase, round))
            .count();
        rounds
            > if *length == 1 {
                MOST_WORDS
            } else {
                MOST_PHRASES
            }
    })
}

/// Equal but for case and punctuation.
fn same(one: &[&str], other: &[&str]) -> bool {
    let letters = |word: &str| -> String {
        let letters = word.chars().filter(|letter| letter.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| letters(a) == letters(b))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn noises_are_not_words() {
        for noise in [
            "[BLANK_AUDIO]",
            " (music) ",
            "*laughs*",
            "♪ la la ♪",
            "[wind] (cough).",
            "...",
            "",
            "（音楽）",
        ] {
            assert!(is_noise(noise), "{noise}");
        }
        for words in ["Yes.", "(laughs) Yes.", "Go [inaudible] home", "10", "你好"] {
            assert!(!is_noise(words), "{words}");
        }
    }

    #[test]
    fn speech_is_left_alone() {
        for text in [
            "No, no, no, no, not that one.",
            "It was very, very, very good.",
            "Row, row, row your boat.",
            "I said that I said that I would come.",
            "",
            "你好你好",
        ] {
            assert_eq!(without_loops(text), None, "{text}");
        }
    }

    #[test]
    fn loops_are_cut_down() {
        let cut = |text: &str| without_loops(text).unwrap();
        assert_eq!(
            cut("Go forward ten ten ten ten ten ten ten meters."),
            "Go forward ten meters."
        );
        let again = "I am going to the store. ".repeat(9);
        assert_eq!(
            cut(&format!("Well, {again}I am going")),
            "Well, I am going to the store."
        );
        assert_eq!(
            cut("Thank you. thank you, Thank you! Thank you."),
            "Thank you."
        );
        assert_eq!(cut(&"谢谢观看".repeat(8)), "谢谢观看");
        assert_eq!(cut(&format!("0.{}", "1.".repeat(40))), "0.1");
    }

    proptest! {
        #[test]
        fn nothing_is_added(text in "[ab,. ]{0,80}") {
            if let Some(cut) = without_loops(&text) {
                let mut rest = text.chars();
                for letter in cut.chars() {
                    prop_assert!(rest.any(|earlier| earlier == letter));
                }
            }
        }
    }
}
