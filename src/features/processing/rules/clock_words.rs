//! Finds clock times: "at three", "half past four", "3:30 pm", "from 2 to 4".

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono_tz::Tz;

use super::dates::{Clock, Half, When};
use super::numbers;
use super::vocabulary::sets;
use super::words::{Gap, Word, before, gap_before, low};

/// The words a clock takes from `at`, and what it says.
pub fn clock(words: &[Word], at: usize, after_day: bool) -> Option<(usize, When)> {
    let before = before(words, at);
    if let Some((length, when)) = named(words, at, before, after_day) {
        return Some(match zone(words, at + length) {
            Some((zone, more)) => (
                length + more,
                When {
                    zone: Some(zone),
                    ..when
                },
            ),
            None => (length, when),
        });
    }
    if let Some(found) = dashed(low(words, at), low(words, at + 1)) {
        return Some(found);
    }
    let ranged = matches!(before, "from" | "between");
    let earlier = at.checked_sub(2).map_or("", |before| low(words, before));
    let about = matches!(before, "about" | "around" | "like")
        && (after_day || before == "around" || matches!(earlier, "at" | "by"));
    let led = about || matches!(before, "at" | "by" | "until" | "till" | "before");
    let (first, length) = read(words, at, led, ranged)?;
    let to = low(words, at + length);
    let joins = matches!(to, "to" | "till" | "until") || (to == "and" && before == "between");
    if joins && let Some((second, more)) = read(words, at + length + 1, true, true) {
        let end = at + length + 1 + more;
        if (ranged || first.half != Half::Bare || second.half != Half::Bare)
            && closes(words, end, true)
        {
            return Some((end - at, span(first, second)));
        }
    }
    if ranged && first.half == Half::Bare {
        return None;
    }
    // "at six or seven": the earlier one.
    let other = if to == "or" && led {
        read(words, at + length + 1, true, true)
    } else {
        None
    };
    let length = length + other.map_or(0, |(_, more)| more + 1);
    let certain = first.half != Half::Bare || low(words, at).contains(':') || length > 1;
    if let Some((zone, more)) = zone(words, at + length).filter(|_| certain || led || after_day) {
        let when = When {
            zone: Some(zone),
            ..at_clock(first)
        };
        return Some((length + more, when));
    }
    (certain || closes(words, at + length, after_day)).then_some((length, at_clock(first)))
}

/// The cities of the zone names, lower case, an underscore put as a space.
static CITIES: LazyLock<HashMap<String, Tz>> = LazyLock::new(|| {
    let city = |zone: &Tz| {
        let name = zone.name().rsplit_once('/')?.1;
        Some((name.replace('_', " ").to_lowercase(), *zone))
    };
    chrono_tz::TZ_VARIANTS.iter().filter_map(city).collect()
});

/// "Eastern", "pacific time", "CET", "New York time" after a clock time, and how many words it takes.
fn zone(words: &[Word], at: usize) -> Option<(Tz, usize)> {
    if gap_before(words, at) >= Gap::Comma {
        return None;
    }
    let time_at = |at: usize| {
        let kind = usize::from(matches!(low(words, at), "standard" | "daylight"));
        (low(words, at + kind) == "time").then_some(kind + 1)
    };
    let said = time_at(at + 1);
    // "at three Central Park" names a park.
    let next = low(words, at + 1);
    let alone = said.is_some()
        || gap_before(words, at + 1) > Gap::None
        || next.is_empty()
        || AFTER_A_CLOCK.contains(next)
        || numbers::is_calendar_name(next);
    let named = match low(words, at) {
        "eastern" | "et" | "est" | "edt" if alone => Some(Tz::America__New_York),
        "central" | "ct" | "cst" | "cdt" if alone => Some(Tz::America__Chicago),
        "mountain" | "mt" | "mst" | "mdt" if alone => Some(Tz::America__Denver),
        "pacific" | "pt" | "pst" | "pdt" if alone => Some(Tz::America__Los_Angeles),
        "gmt" | "utc" => Some(Tz::UTC),
        "cet" | "cest" => Some(Tz::Europe__Paris),
        "bst" | "uk" | "british" if low(words, at) == "bst" || said.is_some() => {
            Some(Tz::Europe__London)
        }
        _ => None,
    };
    if let Some(named) = named {
        return Some((named, 1 + said.unwrap_or(0)));
    }
    (1..=2).find_map(|length| {
        let more = time_at(at + length)?;
        let city: Vec<&str> = (at..at + length).map(|at| low(words, at)).collect();
        let zone = CITIES.get(&city.join(" "))?;
        Some((*zone, length + more))
    })
}

fn at_clock(clock: Clock) -> When {
    When {
        clock: Some(clock),
        ..When::default()
    }
}

/// "from 3 to 5 pm": the half of the second goes for both when that fits.
fn span(first: Clock, second: Clock) -> When {
    let shared = first.half == Half::Bare && matches!(second.half, Half::Am | Half::Pm);
    let fits = (first.hour % 12, first.minute) < (second.hour % 12, second.minute);
    // "From six to two" is an early shift.
    let early = first.half == Half::Bare
        && second.half == Half::Bare
        && (4..=6).contains(&first.hour)
        && second.hour < first.hour;
    let first = if early {
        Clock {
            half: Half::Am,
            ..first
        }
    } else if shared && fits {
        Clock {
            half: second.half,
            ..first
        }
    } else {
        first
    };
    When {
        clock: Some(first),
        until: Some(second),
        ..When::default()
    }
}

fn named(words: &[Word], at: usize, before: &str, after_day: bool) -> Option<(usize, When)> {
    let led = after_day || matches!(before, "at" | "by" | "before" | "until" | "till" | "around");
    let next_is_day = matches!(low(words, at + 1), "today" | "tomorrow" | "on");
    let found = match low(words, at) {
        "noon" | "midday" | "lunchtime" => exact(12, 0),
        "midnight" if led || next_is_day => exact(23, 59),
        _ => return None,
    };
    Some((1, at_clock(found)))
}

/// "3-4pm", "2:30-3:30".
fn dashed(word: &str, next: &str) -> Option<(usize, When)> {
    let (left, right) = word.split_once('-')?;
    let (first, mut second) = (token(left)?, token(right)?);
    let mut length = 1;
    if let Some(half) = half(next) {
        second.half = half;
        length = 2;
    }
    let certain = second.half != Half::Bare || word.contains(':');
    certain.then(|| (length, span(first, second)))
}

fn half(word: &str) -> Option<Half> {
    match word {
        "am" | "a.m" => Some(Half::Am),
        "pm" | "p.m" => Some(Half::Pm),
        _ => None,
    }
}

/// "3", "3pm", "3:30", "3.30pm", "15:00".
fn token(word: &str) -> Option<Clock> {
    let (number, half) = match word.strip_suffix("am").or_else(|| word.strip_suffix("a.m")) {
        Some(number) => (number, Half::Am),
        None => match word.strip_suffix("pm").or_else(|| word.strip_suffix("p.m")) {
            Some(number) => (number, Half::Pm),
            None => (word, Half::Bare),
        },
    };
    let separator = if half == Half::Bare {
        ':'
    } else {
        if number.contains(':') { ':' } else { '.' }
    };
    let (hour, minute) = match number.split_once(separator) {
        Some((hour, minute)) if minute.len() == 2 => (hour, numbers::digits(minute)?),
        Some(_) => return None,
        None => (number, 0),
    };
    let zero_led =
        hour.len() == 2 && hour.starts_with('0') && half == Half::Bare && number.contains(':');
    let value = numbers::digits(hour)?;
    valid(Clock {
        hour: value,
        minute,
        half: if zero_led { Half::Exact } else { half },
    })
}

fn valid(clock: Clock) -> Option<Clock> {
    let hours = match clock.half {
        Half::Am | Half::Pm => 1..=12,
        Half::Exact => 0..=23,
        Half::Bare => 1..=23,
    };
    (hours.contains(&clock.hour)
        && clock.minute < 60
        && !(clock.half == Half::Bare && clock.hour == 0))
        .then_some(clock)
}

fn exact(hour: u32, minute: u32) -> Clock {
    Clock {
        hour,
        minute,
        half: Half::Exact,
    }
}

/// One clock time. `led` means "at" or the like stands before it, so that a
/// bare number may be one; `ranged` that it may be one, but "ten to five" is two.
fn read(words: &[Word], at: usize, led: bool, ranged: bool) -> Option<(Clock, usize)> {
    if let Some(found) = past_or_to(words, at, led && !ranged) {
        return Some(found);
    }
    let led = led || ranged;
    let written = token(low(words, at));
    let (mut clock, mut length) = match written {
        Some(clock) => (clock, 1),
        None => {
            let (hour, length) =
                numbers::cardinal(words, at).filter(|(hour, _)| (1..=12).contains(hour))?;
            (
                Clock {
                    hour,
                    minute: 0,
                    half: Half::Bare,
                },
                length,
            )
        }
    };
    // "three thirty", "three oh five"
    if clock.minute == 0 && clock.half == Half::Bare && written.is_none() {
        let oh = usize::from(matches!(low(words, at + length), "oh" | "o"));
        if let Some((minute, more)) = numbers::cardinal(words, at + length + oh)
            .filter(|(minute, _)| (1..60).contains(minute))
        {
            let followed = half(low(words, at + length + oh + more)).is_some();
            let reads = if oh == 1 { minute < 10 } else { minute >= 10 };
            if reads && (led || followed) {
                clock.minute = minute;
                length += oh + more;
            }
        }
    }
    if low(words, at + length) == "o'clock" {
        length += 1;
        return Some(with_half(words, at, clock, length));
    }
    let (clock, full) = with_half(words, at, clock, length);
    let certain = clock.half != Half::Bare || low(words, at).contains(':');
    (certain || led).then_some((clock, full))
}

/// Takes a following "pm" or "in the afternoon" in; the words of the latter are
/// left to be found as a part of the day.
fn with_half(words: &[Word], at: usize, mut clock: Clock, length: usize) -> (Clock, usize) {
    if clock.half != Half::Bare || clock.hour > 12 {
        return (clock, length);
    }
    match half(low(words, at + length)) {
        Some(half) => {
            clock.half = half;
            (clock, length + 1)
        }
        None => (clock, length),
    }
}

/// "half past four", "quarter to five", "ten past three", "five minutes to six".
fn past_or_to(words: &[Word], at: usize, led: bool) -> Option<(Clock, usize)> {
    // "At half six", as the British say it.
    if led
        && low(words, at) == "half"
        && let Some((hour, more)) =
            numbers::cardinal(words, at + 1).filter(|(hour, _)| (1..=12).contains(hour))
    {
        let clock = Clock {
            hour,
            minute: 30,
            half: Half::Bare,
        };
        return Some(with_half(words, at, clock, 1 + more));
    }
    let article = usize::from(low(words, at) == "a" && low(words, at + 1) == "quarter");
    let (minutes, mut length, certain) = match low(words, at + article) {
        "half" => (30, 1, true),
        "quarter" => (15, 1 + article, true),
        _ => {
            let (minutes, length) =
                numbers::cardinal(words, at).filter(|(minutes, _)| (1..30).contains(minutes))?;
            let said = usize::from(low(words, at + length) == "minutes");
            (minutes, length + said, said == 1)
        }
    };
    let before_hour = match low(words, at + length) {
        "past" => false,
        "after" if minutes != 30 => false,
        "to" | "of" | "till" if minutes != 30 && (certain || led) => true,
        _ => return None,
    };
    length += 1;
    let (hour, more) =
        numbers::cardinal(words, at + length).filter(|(hour, _)| (1..=12).contains(hour))?;
    length += more;
    // "at five to six people" counts people; so does any unmarked "five to six" unless it was led by "at".
    if !certain && !led {
        return None;
    }
    let hour_before = if hour == 1 { 12 } else { hour - 1 };
    let (hour, minute) = if before_hour {
        (hour_before, 60 - minutes)
    } else {
        (hour, minutes)
    };
    let clock = Clock {
        hour,
        minute,
        half: Half::Bare,
    };
    let (clock, length) = with_half(words, at, clock, length);
    Some((clock, length))
}

/// Whether a bare number before this word can be a clock time: "at three
/// restaurants" cannot.
fn closes(words: &[Word], at: usize, after_day: bool) -> bool {
    let next = low(words, at);
    if next.is_empty() || gap_before(words, at) >= Gap::Comma {
        return true;
    }
    let counted = COUNTED.contains(next);
    if after_day {
        return !counted;
    }
    let follows = AFTER_A_CLOCK.contains(next);
    follows || numbers::is_calendar_name(next)
}

sets! {
    COUNTED: "percent % dollars euros bucks people times points of days weeks months years hours
        minutes miles kids different other more or degrees pounds grams kilometers";
    AFTER_A_CLOCK: "on in today tomorrow tonight this next for with and to at because so but then if when
        sharp o'clock i i'll i'm we we'll you he she they please okay that about it let's
        every the remind don't";
}
