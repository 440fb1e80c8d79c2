//! Reads expressions of time: what leads to them, and how two make a range.

use chrono::{DateTime, Datelike as _, Days, Duration, NaiveDate, NaiveDateTime, NaiveTime};

use super::{
    calendar::{back, days, midnight},
    words,
};

/// Local times; the end is not part of it.
pub type Span = (NaiveDateTime, NaiveDateTime);

pub struct Reader<'a> {
    pub tokens: Vec<&'a str>,
    pub now: NaiveDateTime,
    /// The question is about what comes: "on Monday" is the next one.
    pub forward: bool,
}

/// What was read from some token on: its meaning, and the token after it.
pub(super) type Read<T> = Option<(T, usize)>;

impl Reader<'_> {
    pub(super) fn token(&self, at: usize) -> &str {
        self.tokens.get(at).copied().unwrap_or_default()
    }

    pub(super) fn is(&self, at: usize, any: &[&str]) -> bool {
        any.contains(&self.token(at))
    }

    pub(super) fn after(&self, at: usize, any: &[&str]) -> usize {
        if self.is(at, any) { at + 1 } else { at }
    }

    pub(super) fn today(&self) -> NaiveDate {
        self.now.date()
    }

    /// The Monday of this week.
    pub(super) fn monday(&self) -> Option<NaiveDate> {
        back(
            self.today(),
            self.today().weekday().num_days_from_monday().into(),
        )
    }

    pub fn expression(&self, at: usize) -> Read<Span> {
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
        if self.is(at, &["before", "until", "till", "by", "after"]) {
            return self.open_ended(at);
        }
        // What comes again is no period.
        if at > 0 && self.is(at - 1, &["every", "each"]) {
            return None;
        }
        // "for Monday" is a plan, "a recap for last week" is none.
        if self.is(at, &["for"])
            && (self.weekday(at + 1, "on").is_some() || self.date(at + 1, "on").is_some())
        {
            return self.coming().unit(at + 1);
        }
        self.unit(at)
    }

    /// The same, of a question about what comes.
    fn coming(&self) -> Reader<'_> {
        Reader {
            tokens: self.tokens.clone(),
            now: self.now,
            forward: true,
        }
    }

    /// "before last Tuesday", "until Friday", "after March 3rd"
    fn open_ended(&self, at: usize) -> Read<Span> {
        let word = self.token(at);
        let (span, next) = match word {
            // What is to be done by then is yet to be done.
            "by" => self.coming().unit(at + 1)?,
            _ => self.unit(at + 1)?,
        };
        let end = if word == "before" { span.0 } else { span.1 };
        let span = match word {
            "after" if span.1 <= self.now => (span.1, self.now),
            "after" => (span.1, span.1.checked_add_days(Days::new(14))?),
            _ if end > self.now => (self.now, end),
            _ => (DateTime::UNIX_EPOCH.naive_utc(), end),
        };
        (span.0 < span.1).then_some((span, next))
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
    pub(super) fn unit(&self, at: usize) -> Read<Span> {
        let mut start = at;
        let vague = self.after(start, &["earlier", "sometime", "later"]);
        start = self.after(
            vague,
            &["on", "in", "at", "during", "over", "within", "of", "for"],
        );
        let led = self.token(start.wrapping_sub(1)).to_string();
        let led = if start > at { led.as_str() } else { "" };
        let start = self.after(start, &["the"]);
        if let Some(found) = self.share(start) {
            return Some(found);
        }
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
}
