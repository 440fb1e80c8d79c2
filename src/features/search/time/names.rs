//! Days, weeks, months and years by what people call them.

use chrono::{Datelike as _, Duration, Months, NaiveDate, Weekday};

use super::{
    calendar::{back, days, forth, midnight, month, year},
    reader::{Read, Reader, Span},
    words::{self, Part, Unit},
};

/// "Recently" reaches so far back.
const RECENT_DAYS: u64 = 14;

impl Reader<'_> {
    pub(super) fn part_of(&self, day: NaiveDate, part: Part) -> Option<Span> {
        let (from, to) = part.hours();
        let start = midnight(day) + Duration::hours(from);
        Some((start, midnight(day) + Duration::hours(to)))
    }

    /// A day, week, month … by its name. `led` is the preposition before it.
    pub(super) fn named(&self, at: usize, led: &str) -> Read<Span> {
        self.before_last(at)
            .or_else(|| self.relative(at))
            .or_else(|| self.ago(at))
            .or_else(|| self.hence(at))
            .or_else(|| self.last_or_this(at))
            .or_else(|| self.next(at))
            .or_else(|| self.week_of(at))
            .or_else(|| self.date(at, led))
            .or_else(|| self.weekday(at, led))
    }

    fn relative(&self, at: usize) -> Read<Span> {
        let today = self.today();
        let span = match self.token(at) {
            "yesterday" => (days(back(today, 1)?, 1)?, at + 1),
            "today" => (days(today, 1)?, at + 1),
            "tonight" => (self.part_of(today, Part::Night)?, at + 1),
            "tomorrow" => (days(today.succ_opt()?, 1)?, at + 1),
            "recently" | "lately" => {
                let span = (
                    midnight(back(today, RECENT_DAYS)?),
                    midnight(today.succ_opt()?),
                );
                (span, at + 1)
            }
            "day" if self.is(at + 1, &["before"]) && self.is(at + 2, &["yesterday"]) => {
                (days(back(today, 2)?, 1)?, at + 3)
            }
            "day" if self.is(at + 1, &["after"]) && self.is(at + 2, &["tomorrow"]) => {
                (days(forth(today, 2)?, 1)?, at + 3)
            }
            "other" if self.is(at + 1, &["day"]) => (days(back(today, 7)?, 7)?, at + 2),
            "weekend" if self.is(at + 1, &["of"]) => self.weekend_of(at + 2)?,
            "weekend" if self.forward => (self.coming_weekend()?, at + 1),
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

    /// The one that runs, or the next.
    fn coming_weekend(&self) -> Option<Span> {
        let to_saturday = (12 - self.today().weekday().num_days_from_monday()) % 7;
        match to_saturday {
            6 => self.weekend(0),
            ahead => days(forth(self.today(), ahead.into())?, 2),
        }
    }

    /// "the week before last", "the weekend before last", "the night before last"
    fn before_last(&self, at: usize) -> Read<Span> {
        if !self.is(at + 1, &["before"]) || !self.is(at + 2, &["last"]) {
            return None;
        }
        let today = self.today();
        let span = match self.token(at) {
            "week" => days(back(self.monday()?, 14)?, 7)?,
            "weekend" => {
                let running = today.weekday().num_days_from_monday() >= 5;
                self.weekend(1 + u64::from(running))?
            }
            "month" => month(today.with_day(1)?.checked_sub_months(Months::new(2))?)?,
            "year" => year(today.year() - 2)?,
            "night" => self.part_of(back(today, 2)?, Part::Night)?,
            _ => return None,
        };
        Some((span, at + 3))
    }

    /// "in three days", "in a week"
    fn hence(&self, at: usize) -> Read<Span> {
        if at == 0 || !self.is(at - 1, &["in"]) {
            return None;
        }
        let (count, next) = self.count(at)?;
        let unit = words::unit(self.token(next))?;
        let (today, count) = (self.today(), u64::from(count));
        let span = match unit {
            Unit::Minute | Unit::Hour => return None,
            Unit::Day => days(forth(today, count)?, 1)?,
            // Nobody counts weeks to the day.
            Unit::Week => days(forth(today, (7 * count).checked_sub(2)?)?, 5)?,
            Unit::Month => {
                month(today.checked_add_months(Months::new(u32::try_from(count).ok()?))?)?
            }
            Unit::Year => year(today.year().checked_add(i32::try_from(count).ok()?)?)?,
        };
        Some((span, next + 1))
    }

    /// "next week", "the next 3 days", "next Tuesday", "the coming weekend"
    fn next(&self, at: usize) -> Read<Span> {
        if !self.is(at, &["next", "coming", "upcoming", "following"]) {
            return None;
        }
        let today = self.today();
        let word = self.token(at + 1);
        let next = at + 2;
        if let Some((count, unit_at)) = self.count(at + 1)
            && let Some(unit) = words::unit(self.token(unit_at))
        {
            let end = match unit {
                Unit::Minute | Unit::Hour => return None,
                Unit::Day => forth(today, u64::from(count))?,
                Unit::Week => forth(today, 7 * u64::from(count))?,
                Unit::Month => today.checked_add_months(Months::new(count))?,
                Unit::Year => today.checked_add_months(Months::new(count.checked_mul(12)?))?,
            };
            return Some(((self.now, midnight(end.succ_opt()?)), unit_at + 1));
        }
        let first_of_next = || today.with_day(1)?.checked_add_months(Months::new(1));
        match words::unit(word) {
            Some(Unit::Week) => {
                let monday = forth(self.monday()?, 7)?;
                // "next week on Tuesday", "next week Tuesday"
                let day_at = self.after(next, &["on"]);
                return match words::weekday(self.token(day_at)) {
                    Some(day) => {
                        let date = forth(monday, day.num_days_from_monday().into())?;
                        Some((days(date, 1)?, day_at + 1))
                    }
                    None => Some((days(monday, 7)?, next)),
                };
            }
            Some(Unit::Month) => return Some((month(first_of_next()?)?, next)),
            Some(Unit::Year) => return Some((year(today.year() + 1)?, next)),
            Some(_) => return None,
            None => {}
        }
        if word == "weekend" {
            return Some((self.coming_weekend()?, next));
        }
        if let Some(day) = words::weekday(word) {
            return Some((days(self.soonest(day)?, 1)?, next));
        }
        let number = words::month(word)?;
        let first = |year| NaiveDate::from_ymd_opt(year, number, 1);
        let first = first(today.year())
            .filter(|first| *first > today)
            .map_or_else(|| first(today.year() + 1), Some)?;
        Some((month(first)?, next))
    }

    /// "the week of November 16th"
    fn week_of(&self, at: usize) -> Read<Span> {
        if !self.is(at, &["week"]) || !self.is(at + 1, &["of", "from"]) {
            return None;
        }
        let (span, next) = self.date(self.after(at + 2, &["the"]), "on")?;
        let day = span.0.date();
        let monday = back(day, day.weekday().num_days_from_monday().into())?;
        (span.1 - span.0 <= Duration::days(1)).then_some((days(monday, 7)?, next))
    }

    /// "early November", "the beginning of last month", "the first week of March"
    pub(super) fn share(&self, at: usize) -> Read<Span> {
        let nth_week = words::ordinal(self.token(at)).filter(|_| self.is(at + 1, &["week"]));
        let last_week = self.is(at, &["last"]) && self.is(at + 1, &["week"]);
        let of = at + 2;
        if (nth_week.is_some() || last_week) && self.is(of, &["of", "in"]) {
            let (span, next) = self.whole_month(of)?;
            let start = match nth_week {
                Some(number) => span.0 + Duration::days(7 * (i64::from(number.min(9)) - 1)),
                None => span.1 - Duration::days(7),
            };
            let end = span.1.min(start + Duration::days(7));
            return (start < end).then_some(((start, end), next));
        }
        let (third, month_at) = match self.token(at) {
            "early" => (0, at + 1),
            "mid" | "mid-" => (1, at + 1),
            "late" => (2, at + 1),
            "beginning" | "start" if self.is(at + 1, &["of"]) => (0, at + 1),
            "middle" if self.is(at + 1, &["of"]) => (1, at + 1),
            "end" if self.is(at + 1, &["of"]) => (2, at + 1),
            _ => return None,
        };
        let (span, next) = self.whole_month(month_at)?;
        let cuts = [
            span.0,
            span.0 + Duration::days(10),
            span.0 + Duration::days(20),
            span.1,
        ];
        Some(((cuts[third], cuts[third + 1]), next))
    }

    /// A month by its name, or as this, last or next one; "of" may lead it.
    fn whole_month(&self, at: usize) -> Read<Span> {
        let at = self.after(self.after(at, &["of", "in"]), &["the"]);
        let named = self
            .last_or_this(at)
            .or_else(|| self.next(at))
            .or_else(|| self.date(at, "in"));
        named.filter(|(span, _)| {
            let days = (span.1 - span.0).num_days();
            (28..=31).contains(&days)
        })
    }

    /// "3 days ago", "a couple of weeks ago", "a fortnight ago", "two Fridays ago"
    fn ago(&self, at: usize) -> Read<Span> {
        let at = self.after(at, &["about", "around", "roughly"]);
        let (count, next) = self.count(at)?;
        let gone = self.is(next + 1, &["ago", "back", "earlier"]);
        if let Some(day) = words::weekday(self.token(next).trim_end_matches('s'))
            && gone
        {
            let date = back(self.latest(day)?, 7 * u64::from(count.checked_sub(1)?))?;
            return Some((days(date, 1)?, next + 2));
        }
        let (count, unit) = match self.token(next) {
            "fortnight" | "fortnights" => (count * 2, Unit::Week),
            word => (count, words::unit(word)?),
        };
        let few = { self.is(at, &["few", "several"]) || self.is(at + 1, &["few"]) };
        if !gone {
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
            let span = match this {
                true if self.forward => self.coming_weekend()?,
                _ => self.weekend(u64::from(previous && running))?,
            };
            return Some((span, next));
        }
        if let Some(day) = words::weekday(word) {
            let date = if this {
                // Of this week, whether it was already or comes.
                forth(self.monday()?, day.num_days_from_monday().into())?
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

    /// The next such day after today.
    fn soonest(&self, day: Weekday) -> Option<NaiveDate> {
        let ahead =
            (7 + day.num_days_from_monday() - self.today().weekday().num_days_from_monday()) % 7;
        forth(self.today(), if ahead == 0 { 7 } else { ahead.into() })
    }

    pub(super) fn weekday(&self, at: usize, led: &str) -> Read<Span> {
        let word = self.token(at);
        let day = words::weekday(word)?;
        // "sat" and "sun" are words too.
        if word.len() < 6 && led != "on" {
            return None;
        }
        // "about Tuesday" tells what was talked about; "what about Tuesday" asks for another day.
        let anew = at > 1 && self.is(at - 1, &["about"]) && self.is(at - 2, &["what", "how"]);
        if led.is_empty() && at > 0 && !anew && self.is(at - 1, &["about", "every", "each"]) {
            return None;
        }
        let mut next = at + 1;
        let mut date = if self.forward {
            self.soonest(day)?
        } else {
            self.latest(day)?
        };
        // "Tuesday last week", "Tuesday of next week", "Tuesday, March 3rd"
        let week = self.after(next, &["of", "in"]);
        if self.is(week, &["last", "this", "next"]) && self.is(week + 1, &["week"]) {
            let monday = self.monday()?;
            let monday = match self.token(week) {
                "last" => back(monday, 7)?,
                "next" => forth(monday, 7)?,
                _ => monday,
            };
            next = week;
            date = forth(monday, day.num_days_from_monday().into())?;
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
    pub(super) fn date(&self, at: usize, led: &str) -> Read<Span> {
        let word = self.token(at);
        if let Some(date) = words::date(word) {
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
            let running = this.month() == self.today().month();
            let first = match this > self.today() {
                true if !self.forward => this.with_year(this.year() - 1)?,
                false if self.forward && !running => this.with_year(this.year() + 1)?,
                _ => this,
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
                let date = if self.forward {
                    self.soonest_of_month(day)?
                } else {
                    self.latest_of_month(day)?
                };
                return Some((days(date, 1)?, at + 1));
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
        // February 29th is eight years away at most.
        let date = (0..=8)
            .map(|years| if self.forward { years } else { -years })
            .filter_map(|years| NaiveDate::from_ymd_opt(today.year() + years, month, day))
            .find(|date| *date == today || (*date > today) == self.forward)?;
        Some((days(date, 1)?, next))
    }

    fn soonest_of_month(&self, day: u32) -> Option<NaiveDate> {
        let first = self.today().with_day(1)?;
        (0..=2)
            .filter_map(|ahead| first.checked_add_months(Months::new(ahead))?.with_day(day))
            .find(|date| *date >= self.today())
    }

    fn latest_of_month(&self, day: u32) -> Option<NaiveDate> {
        let first = self.today().with_day(1)?;
        (0..=2)
            .filter_map(|back| first.checked_sub_months(Months::new(back))?.with_day(day))
            .find(|date| *date <= self.today())
    }
}
