//! Numbers, ordinals, weekdays and months as people say and write them.

use chrono::Weekday;

use super::words::{Word, low};

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
const TENS: [&str; 5] = ["twenty", "thirty", "forty", "fifty", "sixty"];
const ORDINALS: [&str; 20] = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
];

/// Digits only, at most four of them.
pub fn digits(text: &str) -> Option<u32> {
    let fits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn small(word: &str) -> Option<u32> {
    SMALL
        .iter()
        .position(|name| *name == word)
        .and_then(|at| u32::try_from(at).ok())
}

fn tens(word: &str) -> Option<u32> {
    TENS.iter()
        .position(|name| *name == word)
        .and_then(|at| u32::try_from(at).ok())
        .map(|at| (at + 2) * 10)
}

/// A plain number below 10,000 in digits or below 70 in words, and how many words it took.
pub fn cardinal(words: &[Word], at: usize) -> Option<(u32, usize)> {
    let word = low(words, at);
    if let Some(value) = digits(word).or_else(|| small(word)) {
        return Some((value, 1));
    }
    if let Some((left, right)) = word.split_once('-') {
        let unit = small(right).filter(|unit| (1..10).contains(unit))?;
        return tens(left).map(|tens| (tens + unit, 1));
    }
    let value = tens(word)?;
    match small(low(words, at + 1)).filter(|unit| (1..10).contains(unit)) {
        Some(unit) => Some((value + unit, 2)),
        None => Some((value, 1)),
    }
}

/// As [`cardinal`], with "a", "a couple of", "a few" and "several".
pub fn amount(words: &[Word], at: usize) -> Option<(u32, usize)> {
    let article = usize::from(low(words, at) == "a");
    let of = |length: usize| length + usize::from(low(words, at + length) == "of");
    match low(words, at + article) {
        "couple" => Some((2, of(article + 1))),
        "few" => Some((3, of(article + 1))),
        "several" => Some((3, 1)),
        _ if matches!(low(words, at), "a" | "an") => Some((1, 1)),
        _ => cardinal(words, at),
    }
}

/// A day of the month, 1-31, written "3rd", "third" or "twenty first".
pub fn ordinal(words: &[Word], at: usize) -> Option<(u32, usize)> {
    let word = low(words, at);
    let (value, length) = written_ordinal(word).map(|value| (value, 1)).or_else(|| {
        let unit = spoken_ordinal(low(words, at + 1)).filter(|unit| *unit < 10)?;
        tens(word).map(|tens| (tens + unit, 2))
    })?;
    (1..=31).contains(&value).then_some((value, length))
}

fn written_ordinal(word: &str) -> Option<u32> {
    let plain = ["st", "nd", "rd", "th"]
        .iter()
        .find_map(|suffix| word.strip_suffix(suffix));
    if let Some(value) = plain.and_then(digits) {
        return Some(value);
    }
    if let Some((left, right)) = word.split_once('-') {
        return tens(left)
            .zip(spoken_ordinal(right))
            .map(|(tens, unit)| tens + unit);
    }
    spoken_ordinal(word)
}

fn spoken_ordinal(word: &str) -> Option<u32> {
    if word == "thirtieth" {
        return Some(30);
    }
    ORDINALS
        .iter()
        .position(|name| *name == word)
        .and_then(|at| u32::try_from(at + 1).ok())
}

/// Full names only.
pub fn weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "monday" => Weekday::Mon,
        "tuesday" => Weekday::Tue,
        "wednesday" => Weekday::Wed,
        "thursday" => Weekday::Thu,
        "friday" => Weekday::Fri,
        "saturday" => Weekday::Sat,
        "sunday" => Weekday::Sun,
        _ => return None,
    })
}

/// "sat" and "sun" are words of their own; the caller checks what stands before.
pub fn short_weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "mon" => Weekday::Mon,
        "tue" | "tues" => Weekday::Tue,
        "wed" | "weds" => Weekday::Wed,
        "thu" | "thur" | "thurs" => Weekday::Thu,
        "fri" => Weekday::Fri,
        "sat" => Weekday::Sat,
        "sun" => Weekday::Sun,
        _ => return None,
    })
}

/// 1-12; "may" and "march" only mean months beside a number.
pub fn month(word: &str) -> Option<u32> {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let full = NAMES.iter().position(|name| *name == word);
    let short = || {
        (word.len() == 3 || word == "sept")
            .then(|| NAMES.iter().position(|name| name.starts_with(word)))
            .flatten()
    };
    full.or_else(short)
        .and_then(|at| u32::try_from(at + 1).ok())
}

pub fn is_calendar_name(word: &str) -> bool {
    weekday(word).is_some() || month(word).is_some()
}
