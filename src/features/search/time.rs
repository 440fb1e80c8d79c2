//! Expressions about the past in a question: which period they mean, and what is left of the question without them.
//! Counted back from now, in the user's zone. English only, as the rules that understand conversations are.

use chrono::{
    DateTime, Datelike as _, Days, Duration, Months, NaiveDate, NaiveDateTime, NaiveTime,
    TimeZone as _, Utc, Weekday,
};
use chrono_tz::Tz;

use super::time_words::{self as words, Part, Unit};

#[derive(Clone, Debug, PartialEq)]
pub struct Understood {
    /// The end is not part of it.
    pub period: Option<(DateTime<Utc>, DateTime<Utc>)>,
    pub rest: String,
}

/// Of several expressions the most exact one counts; all are taken out.
pub fn read(text: &str, now: DateTime<Utc>, zone: Tz) -> Understood {
    let tokens = words::tokens(text);
    let reader = Reader {
        tokens: tokens.iter().map(|token| token.word.as_str()).collect(),
        now: now.with_timezone(&zone).naive_local(),
    };
    let mut found: Option<Span> = None;
    let mut rest = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < tokens.len() {
        let Some((span, next)) = reader.expression(at).filter(|(_, next)| *next > at) else {
            at += 1;
            continue;
        };
        rest.push_str(&text[copied..tokens[at].start]);
        copied = tokens[next - 1].end;
        at = next;
        if found.is_none_or(|known| span.1 - span.0 < known.1 - known.0) {
            found = Some(span);
        }
    }
    rest.push_str(&text[copied..]);
    let instant = |local: NaiveDateTime| in_zone(local, zone);
    Understood {
        period: found.map(|(start, end)| (instant(start), instant(end))),
        rest: rest.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// Whether a question without its time asks for nothing in particular.
pub fn vague(rest: &str) -> bool {
    words::tokens(rest)
        .iter()
        .all(|token| words::VAGUE.contains(&token.word.as_str()))
}

/// The earlier instant of a time that comes twice; of one that is skipped, the first after the gap.
fn in_zone(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    for quarters in 0..=12 {
        let later = local + Duration::minutes(15 * quarters);
        if let Some(found) = zone.from_local_datetime(&later).earliest() {
            return found.to_utc();
        }
    }
    local.and_utc()
}

/// Local times; the end is not part of it.
type Span = (NaiveDateTime, NaiveDateTime);

struct Reader<'a> {
    tokens: Vec<&'a str>,
    now: NaiveDateTime,
}

/// What was read from some token on: its meaning, and the token after it.
type Read<T> = Option<(T, usize)>;

fn midnight(day: NaiveDate) -> NaiveDateTime {
    day.and_time(NaiveTime::MIN)
}

fn days(first: NaiveDate, count: u64) -> Option<Span> {
    Some((
        midnight(first),
        midnight(first.checked_add_days(Days::new(count))?),
    ))
}

fn month(first: NaiveDate) -> Option<Span> {
    let first = first.with_day(1)?;
    Some((
        midnight(first),
        midnight(first.checked_add_months(Months::new(1))?),
    ))
}

fn year(year: i32) -> Option<Span> {
    let first = |year| NaiveDate::from_ymd_opt(year, 1, 1).map(midnight);
    Some((first(year)?, first(year + 1)?))
}

fn back(day: NaiveDate, count: u64) -> Option<NaiveDate> {
    day.checked_sub_days(Days::new(count))
}

impl Reader<'_> {
    fn token(&self, at: usize) -> &str {
        self.tokens.get(at).copied().unwrap_or_default()
    }

    fn is(&self, at: usize, any: &[&str]) -> bool {
        any.contains(&self.token(at))
    }

    fn after(&self, at: usize, any: &[&str]) -> usize {
        if self.is(at, any) { at + 1 } else { at }
    }

    fn today(&self) -> NaiveDate {
        self.now.date()
    }

    /// The Monday of this week.
    fn monday(&self) -> Option<NaiveDate> {
        back(
            self.today(),
            self.today().weekday().num_days_from_monday().into(),
        )
    }

    fn expression(&self, at: usize) -> Read<Span> {
        if self.is(at, &["between", "from"])
            && let Some(found) = self.range(at + 1)
        {
            return Some(found);
        }
        let since = self.after(at, &["ever"]);
        if self.is(since, &["since"])
            && let Some((span, next)) = self.unit(since + 1)
            && span.0 < self.now
        {
            return Some(((span.0, self.now), next));
        }
        // What comes or comes again is not the past.
        if at > 0
            && self.is(
                at - 1,
                &[
                    "next", "every", "each", "by", "until", "till", "for", "coming", "before",
                ],
            )
        {
            return None;
        }
        self.unit(at)
    }

    /// "Monday and Wednesday", "the 3rd to the 5th of March"
    fn range(&self, at: usize) -> Read<Span> {
        let joints = ["and", "to", "until", "till", "through"];
        let whole = self.unit(at).filter(|(_, next)| self.is(*next, &joints));
        let (mut first, last, next) = match whole {
            Some((first, joint)) => {
                let (last, next) = self.unit(joint + 1).or_else(|| {
                    // "March 3rd to 5th"
                    let (day, next) = words::ordinal(self.token(self.after(joint + 1, &["the"])))
                        .map(|day| (day, self.after(joint + 1, &["the"]) + 1))?;
                    let date = first.0.date().with_day(day)?;
                    Some((days(date, 1)?, next))
                })?;
                (first, last, next)
            }
            None => {
                // "3 and 5 March"
                let day = words::number(self.token(at))?;
                let joint = at + 1;
                if !self.is(joint, &joints) {
                    return None;
                }
                let (last, next) = self.unit(joint + 1)?;
                (days(last.0.date().with_day(day)?, 1)?, last, next)
            }
        };
        let length = first.1 - first.0;
        if last.0.date().day() > 0 && first.0 >= last.1 {
            // "the 3rd and the 5th of March", "Friday and Tuesday"
            let of_month = last.0.date().with_day(first.0.date().day()).map(midnight);
            let same_week = first.0 - Duration::days(7);
            let start = [Some(same_week), of_month]
                .into_iter()
                .flatten()
                .find(|start| *start < last.0 && last.0 - *start < Duration::days(32))?;
            first = (start, start + length);
        } else if last.1 - first.0 > Duration::days(366 * 5) {
            return None;
        }
        // "between the 3rd and the 5th of March", asked later: the 3rd of this month lies in another one.
        if length == Duration::days(1)
            && words::ordinal(self.token(self.after(at, &["the"]))).is_some()
            && let Some(same) = last.0.date().with_day(first.0.date().day())
            && midnight(same) <= last.0
        {
            first = days(same, 1)?;
        }
        Some(((first.0, last.1), next))
    }

    /// One expression with what leads to it, and the part of the day.
    fn unit(&self, at: usize) -> Read<Span> {
        let mut start = at;
        let vague = self.after(start, &["earlier", "sometime", "late", "later", "early"]);
        start = self.after(vague, &["on", "in", "at", "during", "over", "within", "of"]);
        let led = self.token(start.wrapping_sub(1)).to_string();
        let led = if start > at { led.as_str() } else { "" };
        let start = self.after(start, &["the"]);
        // "the morning of March 3rd"
        if let Some(part) =
            words::part(self.token(start)).filter(|_| self.is(start + 1, &["of", "on"]))
            && let Some((span, next)) = self.named(self.after(start + 2, &["the"]), "on")
            && span.1 - span.0 <= Duration::hours(25)
        {
            return Some((self.part_of(span.0.date(), part)?, next));
        }
        let (span, next) = self.named(start, led)?;
        if span.1 - span.0 != Duration::days(1) || span.0.time() != NaiveTime::MIN {
            return Some((span, next));
        }
        let meal_at = next + 1;
        if self.is(next, &["over", "at", "during"])
            && let Some(meal) = words::meal(self.token(meal_at))
        {
            return Some((self.part_of(span.0.date(), meal)?, meal_at + 1));
        }
        let mut place = self.after(next, &["in", "at", "during"]);
        place = self.after(place, &["the"]);
        place = self.after(place, &["early", "late"]);
        match words::part(self.token(place)) {
            Some(part) => Some((self.part_of(span.0.date(), part)?, place + 1)),
            None => Some((span, next)),
        }
    }

    fn part_of(&self, day: NaiveDate, part: Part) -> Option<Span> {
        let (from, to) = part.hours();
        let start = midnight(day) + Duration::hours(from);
        Some((start, midnight(day) + Duration::hours(to)))
    }

    /// A day, week, month … by its name. `led` is the preposition before it.
    fn named(&self, at: usize, led: &str) -> Read<Span> {
        self.relative(at)
            .or_else(|| self.ago(at))
            .or_else(|| self.last_or_this(at))
            .or_else(|| self.date(at, led))
            .or_else(|| self.weekday(at, led))
    }

    fn relative(&self, at: usize) -> Read<Span> {
        let today = self.today();
        let span = match self.token(at) {
            "yesterday" => (days(back(today, 1)?, 1)?, at + 1),
            "today" => (days(today, 1)?, at + 1),
            "tonight" => (self.part_of(today, Part::Night)?, at + 1),
            "day" if self.is(at + 1, &["before"]) && self.is(at + 2, &["yesterday"]) => {
                (days(back(today, 2)?, 1)?, at + 3)
            }
            "other" if self.is(at + 1, &["day"]) => (days(back(today, 7)?, 7)?, at + 2),
            "weekend" if self.is(at + 1, &["of"]) => self.weekend_of(at + 2)?,
            "weekend" => (self.weekend(0)?, at + 1),
            _ => return None,
        };
        Some(span)
    }

    /// "the 7th", "March 7th and 8th": the weekend around that day
    fn weekend_of(&self, at: usize) -> Read<Span> {
        let (span, mut next) = self.date(self.after(at, &["the"]), "on")?;
        let day = span.0.date();
        let since_saturday = (day.weekday().num_days_from_monday() + 2) % 7;
        let second = self.after(next + 1, &["the"]);
        if self.is(next, &["and"]) && words::ordinal(self.token(second)).is_some() {
            next = second + 1;
        }
        Some((days(back(day, since_saturday.into())?, 2)?, next))
    }

    /// Saturday and Sunday: the latest that have begun, or those so many weeks before.
    fn weekend(&self, before: u64) -> Option<Span> {
        let saturday = (self.today().weekday().num_days_from_monday() + 2) % 7;
        days(back(self.today(), u64::from(saturday) + 7 * before)?, 2)
    }

    /// "3 days ago", "a couple of weeks ago"
    fn ago(&self, at: usize) -> Read<Span> {
        let at = self.after(at, &["about", "around", "roughly"]);
        let (count, next) = self.count(at)?;
        let (unit, few) = (
            words::unit(self.token(next))?,
            self.is(at, &["few", "several"]) || self.is(at + 1, &["few"]),
        );
        if !self.is(next + 1, &["ago", "back", "earlier"]) {
            return None;
        }
        let next = next + 2;
        let today = self.today();
        let count = u64::from(count);
        let span = match unit {
            Unit::Minute | Unit::Hour => {
                let minutes = i64::try_from(count).ok()? * if unit == Unit::Hour { 60 } else { 1 };
                let middle = self.now - Duration::minutes(minutes);
                let slack = Duration::minutes((minutes / 2).clamp(10, 60));
                (middle - slack, middle + slack)
            }
            Unit::Week if self.is(next, &["today"]) => {
                return Some((days(back(today, 7 * count)?, 1)?, next + 1));
            }
            Unit::Day if few => days(back(today, 6)?, 5)?,
            Unit::Day => days(back(today, count)?, 1)?,
            // Nobody counts weeks to the day.
            Unit::Week => days(back(today, 7 * count + 2)?, 5)?,
            Unit::Month => {
                month(today.checked_sub_months(Months::new(u32::try_from(count).ok()?))?)?
            }
            Unit::Year => year(today.year() - i32::try_from(count).ok()?)?,
        };
        Some((span, next))
    }

    /// "3", "three", "a", "a couple of", "a few"
    fn count(&self, at: usize) -> Read<u32> {
        let start = self.after(at, &["a", "an"]);
        let (count, next) = match self.token(start) {
            "couple" => (2, self.after(start + 1, &["of"])),
            "few" | "several" => (3, start + 1),
            _ if start > at => (1, start),
            word => (words::number(word)?, at + 1),
        };
        (count <= 1000).then_some((count, next))
    }

    /// "last week", "past 3 days", "this morning", "last Tuesday", "last March"
    fn last_or_this(&self, at: usize) -> Read<Span> {
        let this = self.is(at, &["this", "current"]);
        let previous = self.is(at, &["last", "past", "previous"]);
        if !this && !previous {
            return None;
        }
        let rolling = self.is(at, &["past"]);
        let today = self.today();
        let word = self.token(at + 1);
        let next = at + 2;
        if previous
            && let Some((count, unit_at)) = self.count(at + 1)
            && let Some(unit) = words::unit(self.token(unit_at))
        {
            return Some((self.rolling(unit, count)?, unit_at + 1));
        }
        if let Some(part) = words::part(word) {
            let day = match part {
                _ if this => today,
                Part::Night | Part::Evening => back(today, 1)?,
                _ => return None,
            };
            return Some((self.part_of(day, part)?, next));
        }
        if let Some(unit) = words::unit(word) {
            let span = match unit {
                _ if rolling => self.rolling(unit, 1)?,
                Unit::Week if this => days(self.monday()?, 7)?,
                Unit::Week => days(back(self.monday()?, 7)?, 7)?,
                Unit::Month if this => month(today)?,
                Unit::Month => month(today.with_day(1)?.pred_opt()?)?,
                Unit::Year => year(today.year() - i32::from(previous))?,
                Unit::Minute | Unit::Hour | Unit::Day if previous => self.rolling(unit, 1)?,
                _ => return None,
            };
            return Some((span, next));
        }
        if word == "weekend" {
            let running = today.weekday().num_days_from_monday() >= 5;
            return Some((self.weekend(u64::from(previous && running))?, next));
        }
        if let Some(day) = words::weekday(word) {
            let date = if this {
                // Of this week, if it was already.
                let of_week = self
                    .monday()?
                    .checked_add_days(Days::new(day.num_days_from_monday().into()))?;
                if of_week > today {
                    return None;
                } else {
                    of_week
                }
            } else {
                self.latest(day)?
            };
            return Some((days(date, 1)?, next));
        }
        let number = words::month(word)?;
        let first = |year| NaiveDate::from_ymd_opt(year, number, 1);
        let span = month(
            first(today.year())
                .filter(|first| *first <= today)
                .map_or_else(|| first(today.year() - 1), Some)?,
        )?;
        // "last March" in March is that of the year before.
        let running = span.0 <= self.now && self.now < span.1;
        if previous && running {
            return Some((month(first(today.year() - 1)?)?, next));
        }
        Some((span, next))
    }

    /// Until now, so long.
    fn rolling(&self, unit: Unit, count: u32) -> Option<Span> {
        let today = self.today();
        let count64 = u64::from(count);
        let start = match unit {
            Unit::Minute => self.now - Duration::minutes(count.into()),
            Unit::Hour => self.now - Duration::hours(count.into()),
            Unit::Day => midnight(back(today, count64)?),
            Unit::Week => midnight(back(today, 7 * count64)?),
            Unit::Month => midnight(today.checked_sub_months(Months::new(count))?),
            Unit::Year => midnight(today.checked_sub_months(Months::new(count.checked_mul(12)?))?),
        };
        Some((start, midnight(today.succ_opt()?)))
    }

    /// The latest such day before today.
    fn latest(&self, day: Weekday) -> Option<NaiveDate> {
        let ago =
            (self.today().weekday().num_days_from_monday() + 7 - day.num_days_from_monday()) % 7;
        back(self.today(), if ago == 0 { 7 } else { ago.into() })
    }

    fn weekday(&self, at: usize, led: &str) -> Read<Span> {
        let word = self.token(at);
        let day = words::weekday(word)?;
        // "sat" and "sun" are words too.
        if word.len() < 6 && led != "on" {
            return None;
        }
        // "about Tuesday" tells what was talked about.
        if led.is_empty()
            && at > 0
            && self.is(at - 1, &["about", "next", "every", "for", "by", "until"])
        {
            return None;
        }
        let (mut date, mut next) = (self.latest(day)?, at + 1);
        // "Tuesday last week", "Tuesday, March 3rd"
        if self.is(next, &["last", "this"]) && self.is(next + 1, &["week"]) {
            let monday = self.monday()?;
            let monday = if self.is(next, &["last"]) {
                back(monday, 7)?
            } else {
                monday
            };
            date = monday.checked_add_days(Days::new(day.num_days_from_monday().into()))?;
            next += 2;
        } else if self.is(next, &["a"])
            && self.is(next + 1, &["week"])
            && self.is(next + 2, &["ago"])
        {
            date = back(date, 7)?;
            next += 3;
        } else if let Some((span, after)) =
            self.date(self.after(self.after(next, &["on"]), &["the"]), "on")
            && span.1 - span.0 == Duration::days(1)
        {
            return Some((span, after));
        }
        Some((days(date, 1)?, next))
    }

    /// "March 3rd, 2026", "the 3rd of March", "2026-03-03", "the 14th", "in March", "in 2025"
    fn date(&self, at: usize, led: &str) -> Read<Span> {
        let word = self.token(at);
        if let Ok(date) = word.parse::<NaiveDate>() {
            return Some((days(date, 1)?, at + 1));
        }
        if let Some(number) = words::month(word) {
            let day_at = self.after(at + 1, &["the"]);
            let day =
                words::ordinal(self.token(day_at)).or_else(|| words::number(self.token(day_at)));
            if let Some(day) = day.filter(|day| (1..=31).contains(day)) {
                return self.dated(day, number, day_at + 1);
            }
            let year_at = self.after(at + 1, &["of"]);
            if let Some(year) = words::year(self.token(year_at)) {
                return Some((
                    month(NaiveDate::from_ymd_opt(year, number, 1)?)?,
                    year_at + 1,
                ));
            }
            // "may" and "march" are words too.
            if !["in", "during", "of", "over"].contains(&led)
                && (at == 0 || !self.is(at - 1, &["since", "between", "from", "and", "to"]))
            {
                return None;
            }
            let this = NaiveDate::from_ymd_opt(self.today().year(), number, 1)?;
            let first = if this > self.today() {
                this.with_year(this.year() - 1)?
            } else {
                this
            };
            return Some((month(first)?, at + 1));
        }
        if let Some(found) = self.weekday_of_month(at) {
            return Some(found);
        }
        let plain = words::number(word).filter(|_| word.starts_with(|c: char| c.is_ascii_digit()));
        let day = words::ordinal(word)
            .or(plain)
            .filter(|day| (1..=31).contains(day));
        if let Some(day) = day {
            let month_at = self.after(at + 1, &["of"]);
            if let Some(number) = words::month(self.token(month_at)) {
                return self.dated(day, number, month_at + 1);
            }
            let the = at > 0 && self.is(at - 1, &["the"]);
            let led = led == "on" || the && led != "in" && led != "at";
            // "the first thing" is no day.
            let spelt = word.starts_with(|c: char| c.is_alphabetic());
            let ends = [
                "", "in", "at", "during", "over", "and", "what", "who", "with", "about",
            ];
            if words::ordinal(word).is_some()
                && led
                && (!spelt || words::part(self.token(at + 1)).is_some() || self.is(at + 1, &ends))
            {
                return Some((days(self.latest_of_month(day)?, 1)?, at + 1));
            }
        }
        let year_number = words::year(word).filter(|_| {
            ["in", "during", "of"].contains(&led) || at > 0 && self.is(at - 1, &["since"])
        })?;
        (year_number <= self.today().year()).then_some((year(year_number)?, at + 1))
    }

    /// "first Monday of the month", "second Friday of March"
    fn weekday_of_month(&self, at: usize) -> Read<Span> {
        let number = words::ordinal(self.token(at))?;
        let day = words::weekday(self.token(at + 1))?;
        if !self.is(at + 2, &["of", "in"]) {
            return None;
        }
        let (first, next) = if self.is(at + 3, &["the", "this"]) && self.is(at + 4, &["month"]) {
            (self.today(), at + 5)
        } else {
            let (span, next) = self.unit(at + 2)?;
            (span.0.date(), next)
        };
        let number = u8::try_from(number).ok()?;
        let (year, month) = (first.year(), first.month());
        let date = NaiveDate::from_weekday_of_month_opt(year, month, day, number)?;
        Some((days(date, 1)?, next))
    }

    /// That day, of the year after it if one is named, else the latest one.
    fn dated(&self, day: u32, month: u32, next: usize) -> Read<Span> {
        if let Some(year) = words::year(self.token(next)) {
            return Some((
                days(NaiveDate::from_ymd_opt(year, month, day)?, 1)?,
                next + 1,
            ));
        }
        let today = self.today();
        // February 29th is eight years back at most.
        let date = (0..=8)
            .filter_map(|back| NaiveDate::from_ymd_opt(today.year() - back, month, day))
            .find(|date| *date <= today)?;
        Some((days(date, 1)?, next))
    }

    fn latest_of_month(&self, day: u32) -> Option<NaiveDate> {
        let first = self.today().with_day(1)?;
        (0..=2)
            .filter_map(|back| first.checked_sub_months(Months::new(back))?.with_day(day))
            .find(|date| *date <= self.today())
    }
}

#[cfg(test)]
#[path = "time_tests.rs"]
mod tests;
