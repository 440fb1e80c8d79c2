//! Word error rate: how far a transcript is from what was really said.

use std::fmt;

/// Words wrong, out of words said. Several scores add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Substituted, missing and added words.
    pub errors: usize,
    pub words: usize,
}

impl Score {
    /// 0 is perfect; added words can make it more than 1.
    pub fn rate(self) -> f64 {
        self.errors as f64 / self.words.max(1) as f64
    }
}

impl std::ops::AddAssign for Score {
    fn add_assign(&mut self, other: Self) {
        self.errors += other.errors;
        self.words += other.words;
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.rate() * 100.0;
        write!(
            f,
            "{percent:.1} % ({} of {} words)",
            self.errors, self.words
        )
    }
}

/// Compares after folding case, punctuation, hyphens, titles and digits.
pub fn score(said: &str, heard: &str) -> Score {
    let (said, heard) = (words(said), words(heard));
    Score {
        errors: distance(&said, &heard),
        words: said.len(),
    }
}

/// Lower-case words; "Mr." is "mister", "10" is "ten", "ill-disposed" is two words, "I'll" is "ill".
pub fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace(['\'', '’'], "");
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .flat_map(spelled)
        .collect()
}

fn spelled(word: &str) -> Vec<String> {
    if word.bytes().all(|letter| letter.is_ascii_digit()) {
        return number(word);
    }
    let word = match word {
        "mr" => "mister",
        "mrs" => "missus",
        "dr" => "doctor",
        word => word,
    };
    vec![word.to_owned()]
}

/// Up to 99 as a number, longer ones digit by digit.
fn number(digits: &str) -> Vec<String> {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 10] = [
        "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    let value: usize = match digits.parse() {
        Ok(value) if digits.len() <= 2 => value,
        _ => {
            return digits
                .bytes()
                .map(|digit| SMALL[usize::from(digit - b'0')].to_owned())
                .collect();
        }
    };
    let parts = match (SMALL.get(value), value % 10) {
        (Some(word), _) => vec![*word],
        (None, 0) => vec![TENS[value / 10]],
        (None, rest) => vec![TENS[value / 10], SMALL[rest]],
    };
    parts.into_iter().map(str::to_owned).collect()
}

/// The fewest insertions, deletions and substitutions that make one the other.
fn distance(said: &[String], heard: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, word) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in heard.iter().enumerate() {
            let substituted = diagonal + usize::from(word != other);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[heard.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_does_not_count() {
        let said = "and mister john dashwood had ten ill disposed friends";
        assert_eq!(
            score(said, "And Mr. John Dashwood had 10 ill-disposed friends!").errors,
            0
        );
        assert_eq!(
            words("I'll take 42, 07 or 100."),
            [
                "ill", "take", "forty", "two", "seven", "or", "one", "zero", "zero"
            ]
        );
        assert_eq!(words(" -- … "), Vec::<String>::new());
    }

    #[test]
    fn every_kind_of_error_counts_once() {
        for (heard, errors) in [
            ("a b c d", 0),
            ("a b d", 1),
            ("a b x c d", 1),
            ("a x c d", 1),
            ("", 4),
            ("d c b a", 4),
            ("x a b c", 2),
        ] {
            assert_eq!(
                score("a b c d", heard),
                Score { errors, words: 4 },
                "{heard}"
            );
        }
    }

    #[test]
    fn scores_add_up() {
        let mut total = score("a b", "a");
        total += score("c d", "c d");
        assert_eq!(total.rate(), 0.25);
        assert_eq!(total.to_string(), "25.0 % (1 of 4 words)");
        assert_eq!(score("", "x").rate(), 1.0);
    }
}
