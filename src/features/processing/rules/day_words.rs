//! Finds days: "tomorrow", "next Friday", "the 5th", "March 3rd", "3/14".

use super::date_words::{Phrase, Sort};
use super::dates::{Day, Part, When};
use super::numbers;
use super::vocabulary::sets;
use super::words::{Gap, Word, before, gap_before, low, starts_upper};

pub fn only_day(day: Day) -> When {
    When {
        day: Some(day),
        ..When::default()
    }
}

/// "Monday to Friday", "from Tuesday through Thursday": not one date.
pub fn range_of_days(words: &[Word], at: usize) -> Phrase {
    let both = numbers::weekday(low(words, at)).is_some()
        && numbers::weekday(low(words, at + 2)).is_some();
    (both
        && matches!(
            low(words, at + 1),
            "to" | "through" | "until" | "till" | "thru"
        ))
    .then_some((3, When::default(), Sort::Kept))
}

pub fn day(words: &[Word], at: usize) -> Phrase {
    let whole = low(words, at);
    let word = whole.strip_suffix("'s").unwrap_or(whole);
    let owner = if whole == word {
        Sort::When
    } else {
        Sort::Owner
    };
    let found = |length: usize, day: Day| Some((length, only_day(day), owner));
    match word {
        "today" => return found(1, Day::After(0)),
        "tonight" => {
            return Some((
                1,
                When {
                    day: Some(Day::After(0)),
                    part: Some(Part::Night),
                    ..When::default()
                },
                owner,
            ));
        }
        "tomorrow" => return found(1, Day::After(1)),
        "eod" => {
            return Some((
                1,
                When {
                    end_of_day: true,
                    ..When::default()
                },
                Sort::When,
            ));
        }
        "eow" => return found(1, Day::EndOfWeek { weeks: 0 }),
        "eom" => return found(1, Day::EndOfMonth { months: 0 }),
        "this" => return this(words, at),
        "next" => return next(words, at),
        "end" => return end_of(words, at),
        "close" if low(words, at + 2) == "business" => return end_of(words, at),
        "in" | "by" | "before" | "until" => return month(words, at),
        "the" => return the(words, at),
        "day" if low(words, at + 1) == "after" && low(words, at + 2) == "tomorrow" => {
            return found(3, Day::After(2));
        }
        _ => {}
    }
    if let Some(weekday) = numbers::weekday(word) {
        // "a Friday", "Good Friday", and "Friday's report" are names.
        let before = before(words, at);
        let named = matches!(before, "a" | "good" | "black" | "casual") || owner == Sort::Owner;
        let sort = if named { Sort::Kept } else { Sort::When };
        return Some((
            1,
            only_day(Day::Weekday {
                day: weekday,
                this: false,
            }),
            sort,
        ));
    }
    short_weekday(words, at)
        .or_else(|| month_day(words, at))
        .or_else(|| numeric(words, at))
}

fn short_weekday(words: &[Word], at: usize) -> Phrase {
    let day = numbers::short_weekday(low(words, at))?;
    let before = before(words, at);
    let led = matches!(before, "on" | "by" | "next" | "this" | "until" | "before");
    led.then(|| {
        (
            1,
            only_day(Day::Weekday {
                day,
                this: before == "this",
            }),
            Sort::When,
        )
    })
}

fn this(words: &[Word], at: usize) -> Phrase {
    let coming = usize::from(matches!(low(words, at + 1), "coming" | "upcoming"));
    let word = low(words, at + 1 + coming);
    let length = 2 + coming;
    let part = |part| {
        Some((
            length,
            When {
                day: Some(Day::After(0)),
                part: Some(part),
                ..When::default()
            },
            Sort::When,
        ))
    };
    let day = match word {
        "morning" => return part(Part::Morning),
        "afternoon" => return part(Part::Afternoon),
        "evening" => return part(Part::Evening),
        "weekend" => Day::Weekend { weeks: 0 },
        "week" => Day::EndOfWeek { weeks: 0 },
        "month" => Day::EndOfMonth { months: 0 },
        "year" => Day::EndOfYear,
        _ => Day::Weekday {
            day: numbers::weekday(word).or_else(|| numbers::short_weekday(word))?,
            this: true,
        },
    };
    Some((length, only_day(day), Sort::When))
}

fn next(words: &[Word], at: usize) -> Phrase {
    let word = low(words, at + 1);
    let day = match word {
        "week" => Day::Weeks(1),
        "month" => Day::Months(1),
        "year" => Day::Months(12),
        "weekend" => Day::Weekend { weeks: 1 },
        _ => Day::Weekday {
            day: numbers::weekday(word).or_else(|| numbers::short_weekday(word))?,
            this: false,
        },
    };
    // "Tuesday of next week" is found as "Tuesday" and "next week".
    Some((2, only_day(day), Sort::When))
}

/// "end of the week", "end of next month".
fn end_of(words: &[Word], at: usize) -> Phrase {
    if low(words, at + 1) != "of" {
        return None;
    }
    let mut unit_at = at + 2;
    let later = u32::from(low(words, unit_at) == "next");
    if matches!(low(words, unit_at), "the" | "this" | "next" | "my" | "our") {
        unit_at += 1;
    }
    let when = match low(words, unit_at) {
        "day" | "today" | "business" => When {
            end_of_day: true,
            ..When::default()
        },
        "tomorrow" => only_day(Day::After(1)),
        "week" => only_day(Day::EndOfWeek { weeks: later }),
        "month" => only_day(Day::EndOfMonth { months: later }),
        "year" if later == 0 => only_day(Day::EndOfYear),
        name => only_day(Day::EndOf(numbers::month(name)?)),
    };
    Some((unit_at + 1 - at, when, Sort::When))
}

fn the(words: &[Word], at: usize) -> Phrase {
    let before = before(words, at);
    match (low(words, at + 1), low(words, at + 2)) {
        ("day", "after") if low(words, at + 3) == "tomorrow" => {
            return Some((4, only_day(Day::After(2)), Sort::When));
        }
        ("week", "after") if low(words, at + 3) == "next" => {
            return Some((4, only_day(Day::Weeks(2)), Sort::When));
        }
        ("end", "of") => {
            return end_of(words, at + 1).map(|(length, when, sort)| (length + 1, when, sort));
        }
        ("weekend", _) if matches!(before, "over" | "on" | "at" | "by" | "before") => {
            return Some((2, only_day(Day::Weekend { weeks: 0 }), Sort::When));
        }
        _ => {}
    }
    if let Some((length, when, sort)) = month_day(words, at + 1) {
        return Some((length + 1, when, sort));
    }
    let (day, length) = numbers::ordinal(words, at + 1)?;
    let written = low(words, at + 1).starts_with(|c: char| c.is_ascii_digit());
    let led = DATE_PREPOSITIONS.contains(before) || numbers::weekday(before).is_some();
    let end = at + 1 + length;
    let closed = gap_before(words, end) >= Gap::Comma
        || end >= words.len()
        || AFTER_A_DATE.contains(low(words, end));
    let months = match (low(words, end), low(words, end + 1), low(words, end + 2)) {
        ("of", "next", "month") => Some(1),
        ("of", "this", "month") => Some(0),
        _ => None,
    };
    let length = 1 + length + if months.is_some() { 3 } else { 0 };
    let day = only_day(Day::OfMonth { day, months });
    ((written || led) && closed).then_some((length, day, Sort::When))
}

/// "in June", without a day.
fn month(words: &[Word], at: usize) -> Phrase {
    let month = numbers::month(low(words, at + 1))?;
    let day_follows = numbers::ordinal(words, at + 2).is_some()
        || numbers::cardinal(words, at + 2).is_some()
        || low(words, at + 2) == "the";
    (!day_follows).then(|| (2, only_day(Day::Month(month)), Sort::When))
}

/// "March 3rd", "third of March 2027", "Mar 3".
fn month_day(words: &[Word], at: usize) -> Phrase {
    let year_at =
        |at: usize| numbers::digits(low(words, at)).filter(|year| (1900..2200).contains(year));
    let dated = |month: u32, day: u32, end: usize| {
        let year = year_at(end);
        let length = end + usize::from(year.is_some()) - at;
        let year = year.and_then(|year| i32::try_from(year).ok());
        (1..=31)
            .contains(&day)
            .then(|| (length, only_day(Day::Date { year, month, day }), Sort::When))
    };
    let apart = |at: usize| gap_before(words, at) >= Gap::Comma;
    if let Some(month) = numbers::month(low(words, at)) {
        if apart(at + 1) {
            return None;
        }
        let skip = usize::from(low(words, at + 1) == "the");
        let (day, length) = numbers::ordinal(words, at + 1 + skip).or_else(|| {
            let plain = numbers::cardinal(words, at + 1 + skip)?;
            // "I may 5 times": a number word after "may" or "march" is no date.
            let certain = !matches!(low(words, at), "may" | "march")
                || words.get(at).is_some_and(|word| starts_upper(&word.text));
            certain.then_some(plain)
        })?;
        return dated(month, day, at + 1 + skip + length);
    }
    let (day, length) = numbers::ordinal(words, at)
        .or_else(|| numbers::digits(low(words, at)).map(|day| (day, 1)))?;
    let of = usize::from(low(words, at + length) == "of");
    let name = low(words, at + length + of);
    let month = numbers::month(name)?;
    // "the second may be": no date.
    let spoken = of == 0 && !low(words, at).starts_with(|c: char| c.is_ascii_digit());
    if apart(at + length) || (spoken && matches!(name, "may" | "march")) {
        return None;
    }
    dated(month, day, at + length + of + 1)
}

/// "2026-12-01", "3/14", "3/14/26"; month first unless it cannot be.
fn numeric(words: &[Word], at: usize) -> Phrase {
    let word = low(words, at);
    let found = |year, month: u32, day: u32| {
        let fits = (1..=12).contains(&month) && (1..=31).contains(&day);
        fits.then(|| (1, only_day(Day::Date { year, month, day }), Sort::When))
    };
    if word.len() == 10 && word.matches('-').count() == 2 {
        let mut parts = word.split('-').map(numbers::digits);
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        return found(i32::try_from(year).ok(), month, day);
    }
    let mut parts = word.split('/').map(numbers::digits);
    let (first, second) = (parts.next()??, parts.next()??);
    let year = match parts.next() {
        Some(year) => Some(year.map(|year| if year < 100 { year + 2000 } else { year })?),
        None => None,
    };
    let before = before(words, at);
    let led = DATE_PREPOSITIONS.contains(before);
    if parts.next().is_some() || (year.is_none() && !led) {
        return None;
    }
    let (month, day) = if first > 12 {
        (second, first)
    } else {
        (first, second)
    };
    found(year.and_then(|year| i32::try_from(year).ok()), month, day)
}

sets! {
    DATE_PREPOSITIONS: "on by before until for till from to due";
    AFTER_A_DATE: "at from between in of and to for before with i we because or so if please";
}
