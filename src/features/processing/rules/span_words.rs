//! Finds spans counted from now: "in three days", "two weeks from Friday".

use super::date_words::{Phrase, Sort};
use super::dates::{Day, When};
use super::day_words::only_day;
use super::numbers;
use super::vocabulary::sets;
use super::words::{Word, low};

#[derive(Clone, Copy)]
pub enum Unit {
    Minutes(u32),
    Days(u32),
    Months(u32),
}

pub fn unit_of(word: &str) -> Option<Unit> {
    let word = word.strip_suffix('\'').unwrap_or(word);
    Some(match word {
        "minute" | "minutes" | "min" | "mins" => Unit::Minutes(1),
        "hour" | "hours" | "hr" | "hrs" => Unit::Minutes(60),
        "day" | "days" => Unit::Days(1),
        "week" | "weeks" | "wk" => Unit::Days(7),
        "fortnight" => Unit::Days(14),
        "month" | "months" => Unit::Months(1),
        "year" | "years" => Unit::Months(12),
        _ => return None,
    })
}

fn spanning(amount: u32, unit: Unit) -> When {
    match unit {
        Unit::Minutes(minutes) => When {
            minutes: Some(amount * minutes),
            ..When::default()
        },
        Unit::Days(days) => only_day(Day::After(amount * days)),
        Unit::Months(months) => only_day(Day::Months(amount * months)),
    }
}

/// "in three days", "within the next hour", "two weeks from Friday".
pub fn span(words: &[Word], at: usize) -> Phrase {
    let mut led = matches!(low(words, at), "in" | "within");
    let mut next = at + usize::from(led);
    let over = matches!(low(words, at), "over" | "during");
    if (led || over) && (low(words, at + 1), low(words, at + 2)) == ("the", "next") {
        led = true;
        next = at + 3;
        if let Some(unit) = unit_of(low(words, next)) {
            return Some((4, spanning(1, unit), Sort::When));
        }
    }
    if low(words, next) == "half"
        && matches!(low(words, next + 1), "an" | "a")
        && low(words, next + 2) == "hour"
    {
        let whole = When {
            minutes: Some(30),
            ..When::default()
        };
        return ending(words, at, next + 3, led, whole);
    }
    let (amount, length) = numbers::amount(words, next)?;
    let unit = low(words, next + length);
    if led && MOMENTS.contains(unit) && (amount == 1 || unit == "seconds") {
        return Some((next + length + 1 - at, When::default(), Sort::Vague));
    }
    let unit = unit_of(unit)?;
    let mut end = next + length + 1;
    let mut when = spanning(amount, unit);
    if low(words, end) == "and" && low(words, end + 1) == "a" && low(words, end + 2) == "half" {
        end += 3;
        when.minutes = when.minutes.map(|minutes| minutes + 30);
    } else if let (Some(hours), "and") = (when.minutes, low(words, end))
        && let Some((more, length)) = numbers::cardinal(words, end + 1)
        && matches!(
            unit_of(low(words, end + 1 + length)),
            Some(Unit::Minutes(1))
        )
    {
        end += length + 2;
        when.minutes = Some(hours + more);
    }
    if led && matches!(low(words, end), "time") {
        end += 1;
    }
    ending(words, at, end, led, when)
}

fn ending(words: &[Word], at: usize, end: usize, led: bool, when: When) -> Phrase {
    if low(words, end) == "from" {
        let anchor = low(words, end + 1);
        let weeks = match when.day {
            Some(Day::After(days)) if days % 7 == 0 => days / 7,
            _ => 0,
        };
        let when = match (anchor, when.day) {
            ("now" | "today", _) => when,
            ("tomorrow", Some(Day::After(days))) => only_day(Day::After(days + 1)),
            _ => only_day(Day::WeekdayPlus {
                day: numbers::weekday(anchor)?,
                weeks: weeks.max(1),
            }),
        };
        return Some((end + 2 - at, when, Sort::When));
    }
    led.then_some((end - at, when, Sort::When))
}

sets! {
    MOMENTS: "minute second moment bit sec while minutes seconds";
}
