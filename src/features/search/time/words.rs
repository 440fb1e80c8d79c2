//! The words of which expressions of time are made.

use chrono::{NaiveDate, Weekday};

/// A word in small letters, without `'s`, and where it stands.
#[derive(Debug)]
pub struct Token {
    pub word: String,
    pub start: usize,
    pub end: usize,
}

pub fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut start = None;
    let mut before = ' ';
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let inner = c.is_alphanumeric()
            || matches!(c, '-' | '\'' | '’')
            || matches!(c, '.' | '/') && before.is_ascii_digit();
        before = c;
        match (start, inner) {
            (None, true) if c.is_alphanumeric() => start = Some(at),
            (Some(first), false) => {
                let piece = text[first..at].trim_end_matches(|c: char| !c.is_alphanumeric());
                let word = piece.to_lowercase().replace('’', "'");
                let word = word.strip_suffix("'s").unwrap_or(&word).to_string();
                tokens.push(Token {
                    word,
                    start: first,
                    end: first + piece.len(),
                });
                start = None;
            }
            _ => {}
        }
    }
    tokens
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Morning,
    Afternoon,
    Evening,
    Night,
    Breakfast,
    Lunch,
    Dinner,
}

impl Part {
    /// From and to, in hours of the day; a night ends on the next day.
    pub fn hours(self) -> (i64, i64) {
        match self {
            Self::Morning => (4, 12),
            Self::Afternoon => (12, 18),
            Self::Evening => (17, 24),
            Self::Night => (18, 29),
            Self::Breakfast => (5, 11),
            Self::Lunch => (11, 15),
            Self::Dinner => (17, 23),
        }
    }
}

pub fn part(word: &str) -> Option<Part> {
    Some(match word {
        "morning" => Part::Morning,
        "afternoon" => Part::Afternoon,
        "evening" => Part::Evening,
        "night" => Part::Night,
        _ => return None,
    })
}

/// What "over lunch" says of the time of day.
pub fn meal(word: &str) -> Option<Part> {
    Some(match word {
        "breakfast" => Part::Breakfast,
        "lunch" | "lunchtime" => Part::Lunch,
        "dinner" | "supper" => Part::Dinner,
        _ => return None,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

pub fn unit(word: &str) -> Option<Unit> {
    Some(match word {
        "minute" | "minutes" | "mins" => Unit::Minute,
        "hour" | "hours" => Unit::Hour,
        "day" | "days" => Unit::Day,
        "week" | "weeks" => Unit::Week,
        "month" | "months" => Unit::Month,
        "year" | "years" => Unit::Year,
        _ => return None,
    })
}

pub fn weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "monday" | "mon" => Weekday::Mon,
        "tuesday" | "tue" | "tues" => Weekday::Tue,
        "wednesday" | "wed" => Weekday::Wed,
        "thursday" | "thu" | "thur" | "thurs" => Weekday::Thu,
        "friday" | "fri" => Weekday::Fri,
        "saturday" | "sat" => Weekday::Sat,
        "sunday" | "sun" => Weekday::Sun,
        _ => return None,
    })
}

pub fn month(word: &str) -> Option<u32> {
    const MONTHS: [(&str, &str); 12] = [
        ("january", "jan"),
        ("february", "feb"),
        ("march", "mar"),
        ("april", "apr"),
        ("may", "may"),
        ("june", "jun"),
        ("july", "jul"),
        ("august", "aug"),
        ("september", "sept"),
        ("october", "oct"),
        ("november", "nov"),
        ("december", "dec"),
    ];
    let place = MONTHS
        .iter()
        .position(|(long, short)| word == *long || word == *short);
    place.map_or_else(
        || (word == "sep").then_some(9),
        |n| u32::try_from(n + 1).ok(),
    )
}

const NUMBERS: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
];

/// In digits or, up to twelve, as a word.
pub fn number(word: &str) -> Option<u32> {
    let spelt = NUMBERS.iter().position(|number| *number == word);
    spelt.map_or_else(|| word.parse().ok(), |n| u32::try_from(n).ok())
}

/// "3rd", "third", "twenty-third"; of a month.
pub fn ordinal(word: &str) -> Option<u32> {
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
    let spelt = |word: &str| {
        let place = ORDINALS.iter().position(|ordinal| *ordinal == word)?;
        u32::try_from(place + 1).ok()
    };
    let tens = |tens: &str| match tens {
        "twenty" => Some(20),
        "thirty" => Some(30),
        _ => None,
    };
    let day = match word.split_once('-') {
        _ if word == "thirtieth" => 30,
        Some((first, last)) => tens(first)? + spelt(last).filter(|day| *day < 10)?,
        None => match spelt(word) {
            Some(day) => day,
            None => {
                let digits = ["st", "nd", "rd", "th"]
                    .iter()
                    .find_map(|ending| word.strip_suffix(ending))?;
                digits.parse().ok()?
            }
        },
    };
    (1..=31).contains(&day).then_some(day)
}

/// "2026-11-16", "16.11.2026", "16/11/2026"; of "11/16/2026" only the day can be 16. What may be either is none.
pub fn date(word: &str) -> Option<NaiveDate> {
    if let Ok(date) = word.parse() {
        return Some(date);
    }
    let mark = if word.contains('/') { '/' } else { '.' };
    let parts: Vec<&str> = word.split(mark).collect();
    let [first, second, last] = parts[..] else {
        return None;
    };
    let (first, second, year): (u32, u32, i32) =
        (first.parse().ok()?, second.parse().ok()?, year(last)?);
    let (day, month) = match (mark, first > 12, second > 12) {
        ('.', ..) | ('/', true, false) => (first, second),
        ('/', false, true) => (second, first),
        _ if first == second => (first, second),
        _ => return None,
    };
    NaiveDate::from_ymd_opt(year, month, day)
}

/// Whether a question is about what comes rather than what has been.
pub fn looks_ahead(words: &[&str]) -> bool {
    const AHEAD: [&str; 24] = [
        "will",
        "i'll",
        "we'll",
        "due",
        "overdue",
        "task",
        "tasks",
        "todo",
        "todos",
        "to-do",
        "deadline",
        "deadlines",
        "upcoming",
        "coming",
        "planned",
        "plans",
        "schedule",
        "scheduled",
        "appointment",
        "appointments",
        "should",
        "remaining",
        "agenda",
        "calendar",
    ];
    const PAIRS: [(&str, &str); 9] = [
        ("have", "to"),
        ("has", "to"),
        ("need", "to"),
        ("going", "to"),
        ("supposed", "to"),
        ("got", "on"),
        ("do", "i"),
        ("am", "i"),
        ("are", "we"),
    ];
    const PAST: [&str; 16] = [
        "did",
        "was",
        "were",
        "had",
        "said",
        "happened",
        "talked",
        "told",
        "mentioned",
        "went",
        "spoke",
        "discussed",
        "agreed",
        "promised",
        "finished",
        "completed",
    ];
    let says = |known: &[&str]| words.iter().any(|word| known.contains(word));
    let paired = words
        .windows(2)
        .any(|pair| PAIRS.contains(&(pair[0], pair[1])));
    (says(&AHEAD) || paired) && !says(&PAST)
}

pub fn year(word: &str) -> Option<i32> {
    let year = word.parse().ok()?;
    (word.len() == 4 && (1900..=2200).contains(&year)).then_some(year)
}

/// Words of a question that name nothing.
pub const VAGUE: &[&str] = &[
    "a",
    "about",
    "all",
    "an",
    "and",
    "any",
    "anything",
    "anyone",
    "are",
    "at",
    "been",
    "can",
    "chat",
    "conversation",
    "conversations",
    "day",
    "days",
    "did",
    "discuss",
    "discussed",
    "do",
    "does",
    "doing",
    "done",
    "during",
    "every",
    "everything",
    "for",
    "from",
    "give",
    "go",
    "going",
    "had",
    "happen",
    "happened",
    "happening",
    "has",
    "have",
    "hear",
    "heard",
    "how",
    "i",
    "in",
    "is",
    "it",
    "list",
    "me",
    "mention",
    "mentioned",
    "my",
    "of",
    "on",
    "our",
    "out",
    "people",
    "please",
    "recap",
    "remind",
    "said",
    "say",
    "show",
    "some",
    "somebody",
    "someone",
    "something",
    "speak",
    "spoke",
    "stuff",
    "summarise",
    "summarize",
    "summary",
    "talk",
    "talked",
    "talking",
    "tell",
    "that",
    "the",
    "there",
    "things",
    "to",
    "told",
    "up",
    "us",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "who",
    "whom",
    "with",
    "you",
];

/// Words for what is to be done, whatever it is.
pub const DUTIES: &[&str] = &[
    "action",
    "agenda",
    "appointment",
    "appointments",
    "calendar",
    "chores",
    "coming",
    "deadline",
    "deadlines",
    "due",
    "item",
    "items",
    "left",
    "must",
    "need",
    "open",
    "overdue",
    "plan",
    "planned",
    "plans",
    "remaining",
    "reminder",
    "reminders",
    "schedule",
    "scheduled",
    "should",
    "still",
    "supposed",
    "task",
    "tasks",
    "to-do",
    "todo",
    "todos",
    "upcoming",
    "will",
];
