//! Finds the time phrases of a sentence: "by next Friday", "in three days",
//! "tomorrow's", "two weeks ago", "every Monday".

use std::ops::Range;

use super::clock_words;
use super::dates::{Day, Part, When};
use super::day_words::{day, range_of_days};
use super::numbers;
use super::span_words::{span, unit_of};
use super::vocabulary::sets;
use super::words::{Gap, Word, gap_before, low};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Says when.
    When,
    /// "to Friday", "about tomorrow": part of what is said.
    Kept,
    /// "tomorrow's meeting": says when, and reads on as "the meeting".
    Owner,
    /// "soon", "in a bit": no date, but a time word.
    Vague,
    Past,
    Habit,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Positions of the words, prepositions included.
    pub at: Range<usize>,
    pub when: When,
    pub sort: Sort,
}

/// All time phrases, in order, without overlap.
pub fn find(words: &[Word]) -> Vec<Found> {
    let mut out: Vec<Found> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let after = out.last();
        let Some((length, when, sort)) = phrase(words, at, after) else {
            at += 1;
            continue;
        };
        let floor = out.last().map_or(0, |found| found.at.end);
        let (start, sort) = widened(words, at, floor, &when, sort);
        let before = sort == Sort::When && (start..=at).any(|at| low(words, at) == "before");
        let when = When { before, ..when };
        let mut end = (at + length).min(words.len());
        while matches!(low(words, end), "sharp" | "latest") && sort == Sort::When {
            end += 1;
        }
        let rest = (low(words, end), low(words, end + 1), low(words, end + 2));
        end += match rest {
            ("at", "the", "latest") | ("on", "the", "dot") => 3,
            ("or", "so", _) | ("first", "thing", _) => 2,
            _ => 0,
        };
        let start = corrected(words, &mut out, start);
        out.push(Found {
            at: start..end,
            when,
            sort,
        });
        at = end;
    }
    out
}

/// "Tomorrow, I mean Friday", "at five, no, at six": what was said first no longer counts.
/// Where the later phrase begins with the words that correct.
fn corrected(words: &[Word], out: &mut [Found], start: usize) -> usize {
    let Some(last) = out.last_mut().filter(|last| last.sort == Sort::When) else {
        return start;
    };
    let between = words.get(last.at.end..start).unwrap_or_default();
    let corrects = between.len() <= 5
        && between
            .iter()
            .any(|word| CORRECTING.contains(word.low.as_str()))
        && between.iter().all(|word| {
            CORRECTING.contains(word.low.as_str())
                || BESIDE_A_CORRECTION.contains(word.low.as_str())
        });
    if !corrects {
        return start;
    }
    last.sort = Sort::Vague;
    last.at.end
}

/// How many words a phrase takes, what it says and how it is meant.
pub type Phrase = Option<(usize, When, Sort)>;

fn phrase(words: &[Word], at: usize, after: Option<&Found>) -> Phrase {
    past(words, at)
        .or_else(|| habit(words, at))
        .or_else(|| span(words, at))
        .or_else(|| {
            clock_words::clock(words, at, follows_day(after, at))
                .map(|(length, when)| (length, when, Sort::When))
        })
        .or_else(|| range_of_days(words, at))
        .or_else(|| day(words, at))
        .or_else(|| part(words, at, follows_day(after, at)))
        .or_else(|| vague(words, at))
}

/// Whether the phrase before touches this word and names a day.
fn follows_day(after: Option<&Found>, at: usize) -> bool {
    after.is_some_and(|found| found.when.day.is_some() && at - found.at.end <= 1)
}

/// Takes "by", "on", "sometime" before a phrase into it, or notes that "to"
/// and "about" make it part of what is said.
fn widened(words: &[Word], at: usize, floor: usize, when: &When, sort: Sort) -> (usize, Sort) {
    let mut start = at;
    if sort != Sort::When {
        return (start, sort);
    }
    while start > floor && gap_before(words, start) <= Gap::Comma {
        let before = low(words, start - 1);
        let earlier = start.checked_sub(2).map_or("", |at| low(words, at));
        let takes = match before {
            "about" | "like" if matches!(earlier, "at" | "by" | "around") => true,
            "after" => when.clock.is_some(),
            "over" => low(words, at) == "the",
            "for" => when.day.is_some() || when.clock.is_some(),
            "thing" => earlier == "first",
            "first" => low(words, start) == "thing",
            "than" => earlier == "later",
            // "not before Friday" sets no time by which.
            "not" if matches!(low(words, start), "before" | "until" | "till") => {
                return (start - 1, Sort::Vague);
            }
            // "not tomorrow, Friday"
            "not" if start == at && gap_before(words, at + 1) >= Gap::Comma => {
                return (start - 1, Sort::Vague);
            }
            // "The match was moved to Friday."
            "to" if start == at && MOVED.contains(earlier) => true,
            "no" => low(words, start) == "later",
            "from" if when.until.is_some() => true,
            "to" | "from" if start == at && !BEFORE_AN_INFINITIVE.contains(earlier) => {
                return (start, Sort::Kept);
            }
            "about" | "of" if start == at => return (start, Sort::Kept),
            _ => LEADING.contains(before),
        };
        if !takes {
            break;
        }
        start -= 1;
    }
    (start, sort)
}

fn past(words: &[Word], at: usize) -> Phrase {
    let found = |length| Some((length, When::default(), Sort::Past));
    let (first, second) = (low(words, at), low(words, at + 1));
    match first {
        "yesterday" | "yesterday's" => found(1),
        "last" | "past" | "previous" if is_period(second) || numbers::weekday(second).is_some() => {
            found(2)
        }
        "the" if second == "other" && matches!(low(words, at + 2), "day" | "night" | "week") => {
            found(3)
        }
        _ => {
            let (_, length) = numbers::amount(words, at)?;
            let unit = low(words, at + length);
            (unit_of(unit).is_some() && matches!(low(words, at + length + 1), "ago" | "earlier"))
                .then_some((length + 2, When::default(), Sort::Past))
        }
    }
}

fn is_period(word: &str) -> bool {
    PERIODS.contains(word)
}

fn habit(words: &[Word], at: usize) -> Phrase {
    let (first, second) = (low(words, at), low(words, at + 1));
    let day = |word: &str| numbers::weekday(word).map(|day| Day::Weekday { day, this: false });
    if matches!(first, "every" | "each") {
        let other = usize::from(matches!(second, "other" | "single"));
        let unit = low(words, at + 1 + other);
        let part = part_of_day(unit);
        // "every two years"
        if let Some((_, length)) = numbers::cardinal(words, at + 1)
            && unit_of(low(words, at + 1 + length)).is_some()
        {
            return Some((2 + length, When::default(), Sort::Habit));
        }
        let known = day(unit).is_some()
            || is_period(unit)
            || matches!(
                unit,
                "day" | "hour" | "morning" | "evening" | "afternoon" | "weekday"
            );
        return known.then(|| {
            (
                2 + other,
                When {
                    day: day(unit),
                    part,
                    ..When::default()
                },
                Sort::Habit,
            )
        });
    }
    if let Some(name) = first
        .strip_suffix('s')
        .filter(|name| numbers::weekday(name).is_some())
    {
        return Some((
            1,
            When {
                day: day(name),
                ..When::default()
            },
            Sort::Habit,
        ));
    }
    let times = matches!(first, "once" | "twice") || second == "times";
    let unit_at = at + 1 + usize::from(second == "times");
    if times
        && matches!(low(words, unit_at), "a" | "per")
        && unit_of(low(words, unit_at + 1)).is_some()
    {
        return Some((unit_at + 2 - at, When::default(), Sort::Habit));
    }
    (first == "all" && second == "the" && low(words, at + 2) == "time").then_some((
        3,
        When::default(),
        Sort::Habit,
    ))
}

/// "in the morning", "at night", and "morning" after a day.
fn part(words: &[Word], at: usize, after_day: bool) -> Phrase {
    let (length, part) = match (low(words, at), low(words, at + 1)) {
        ("in", "the") => (3, part_of_day(low(words, at + 2))?),
        ("at", "night") => (2, Part::Night),
        (word, _) if after_day => (1, part_of_day(word)?),
        _ => return None,
    };
    Some((
        length,
        When {
            part: Some(part),
            ..When::default()
        },
        Sort::When,
    ))
}

fn part_of_day(word: &str) -> Option<Part> {
    Some(match word {
        "morning" => Part::Morning,
        "afternoon" => Part::Afternoon,
        "evening" => Part::Evening,
        "night" => Part::Night,
        _ => return None,
    })
}

fn vague(words: &[Word], at: usize) -> Phrase {
    let urgent = When {
        minutes: Some(120),
        ..When::default()
    };
    let rest = (low(words, at + 1), low(words, at + 2));
    let (length, when, sort) = match low(words, at) {
        "asap" | "immediately" | "urgently" => (1, urgent, Sort::When),
        "right" if rest.0 == "away" => (2, urgent, Sort::When),
        "as" if rest == ("soon", "as") && low(words, at + 3) == "possible" => {
            (4, urgent, Sort::When)
        }
        "soon" | "someday" | "sometime" | "eventually" | "later" | "now" => {
            (1, When::default(), Sort::Vague)
        }
        "right" if rest.0 == "now" => (2, When::default(), Sort::Vague),
        "at" if rest == ("some", "point") => (3, When::default(), Sort::Vague),
        "one" | "some" if rest.0 == "day" && gap_before(words, at) >= Gap::Comma => {
            (2, When::default(), Sort::Vague)
        }
        _ => return None,
    };
    let leads_on = matches!(low(words, at), "sometime" | "later") && day(words, at + 1).is_some();
    (!leads_on).then_some((length, when, sort))
}

sets! {
    LEADING: "by on at before until till between around sometime late mid early later due preferably
        ideally starting first-thing";
    CORRECTING: "mean no sorry rather actually wait";
    BESIDE_A_CORRECTION: "i or make that not oh well it's on at by";
    MOVED: "moved rescheduled pushed shifted postponed";
    BEFORE_AN_INFINITIVE: "need have going me got forget want ought sure";
    PERIODS: "night week month year weekend summer winter spring fall autumn time";
}
