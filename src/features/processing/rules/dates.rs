//! From "Friday at three" to an instant: what a time phrase means, counted
//! forward from when it was said, in the speaker's zone.

use chrono::{
    DateTime, Datelike, Days, Duration, Months, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc,
    Weekday,
};
use chrono_tz::Tz;

use super::Setting;
use crate::platform::clock;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    After(u32),
    Weeks(u32),
    Months(u32),
    /// The next such day, never today unless `this`.
    Weekday {
        day: Weekday,
        this: bool,
    },
    /// The day of the Monday-first week that lies `weeks` ahead.
    WeekdayIn {
        day: Weekday,
        weeks: u32,
    },
    /// So many weeks after the next such day.
    WeekdayPlus {
        day: Weekday,
        weeks: u32,
    },
    /// The Saturday of this week, or of a later one.
    Weekend {
        weeks: u32,
    },
    /// The Friday of a week; the Sunday when this Friday is over.
    EndOfWeek {
        weeks: u32,
    },
    EndOfMonth {
        months: u32,
    },
    /// The last day of the next such month; 1-12.
    EndOf(u32),
    EndOfYear,
    /// The next such day, or that of the month so many ahead.
    OfMonth {
        day: u32,
        months: Option<u32>,
    },
    /// The first day of the next such month; the last of the running one.
    Month(u32),
    Date {
        year: Option<i32>,
        month: u32,
        day: u32,
    },
}

impl Day {
    /// A calendar date says more than a weekday, a weekday more than a span.
    fn rank(self) -> u8 {
        match self {
            Day::Date { .. } | Day::OfMonth { .. } => 3,
            Day::After(_) => 2,
            Day::Weekday { .. } | Day::WeekdayIn { .. } | Day::WeekdayPlus { .. } => 2,
            _ => 1,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Morning,
    Afternoon,
    Evening,
    Night,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    Am,
    Pm,
    /// 24-hour, or noon and midnight.
    Exact,
    /// "at three": the rules guess.
    Bare,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// 0-23; 1-12 unless `half` is exact.
    pub hour: u32,
    pub minute: u32,
    pub half: Half,
}

/// What one or several time phrases of a clause say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct When {
    pub day: Option<Day>,
    pub part: Option<Part>,
    pub clock: Option<Clock>,
    /// The second clock of "from three to four".
    pub until: Option<Clock>,
    /// Minutes from now.
    pub minutes: Option<u32>,
    pub end_of_day: bool,
    /// "before Friday": done by the end of Thursday.
    pub before: bool,
    /// "three Eastern"; otherwise the speaker's own.
    pub zone: Option<Tz>,
    /// Only tells a bare "seven" apart: "dinner at seven", "wake up at six".
    pub hint: Option<Part>,
}

impl When {
    pub fn is_empty(&self) -> bool {
        *self
            == When {
                hint: self.hint,
                ..When::default()
            }
    }

    pub fn has_date(&self) -> bool {
        self.day.is_some() || self.minutes.is_some()
    }

    /// "Before Friday", but not "before Friday at noon" or "before the end of June".
    fn is_ahead_of_its_day(&self) -> bool {
        let day = match self.day {
            None | Some(Day::After(0) | Day::EndOfYear | Day::EndOf(_)) => false,
            Some(Day::EndOfWeek { .. } | Day::EndOfMonth { .. }) => false,
            Some(_) => true,
        };
        self.before && day && self.clock.is_none() && self.part.is_none()
    }

    pub fn has_clock(&self) -> bool {
        self.clock.is_some() || self.minutes.is_some_and(|minutes| minutes < 24 * 60)
    }

    /// Adds what a later phrase says; what was said first stays unless the
    /// later phrase is more exact.
    pub fn and(self, later: When) -> When {
        let day = match (self.day, later.day) {
            (Some(Day::Weeks(weeks)), Some(Day::Weekday { day, .. }))
            | (Some(Day::Weekday { day, .. }), Some(Day::Weeks(weeks))) => {
                Some(Day::WeekdayIn { day, weeks })
            }
            (Some(Day::Months(ahead)), Some(Day::OfMonth { day, .. }))
            | (Some(Day::OfMonth { day, .. }), Some(Day::Months(ahead))) => Some(Day::OfMonth {
                day,
                months: Some(ahead),
            }),
            (Some(first), Some(second)) if second.rank() > first.rank() => Some(second),
            (first, second) => first.or(second),
        };
        let clock_is_first = self.clock.is_some();
        When {
            day,
            part: self.part.or(later.part),
            clock: self.clock.or(later.clock),
            until: if clock_is_first {
                self.until
            } else {
                later.until
            },
            minutes: self.minutes.or(later.minutes),
            end_of_day: self.end_of_day || later.end_of_day,
            before: self.before || later.before,
            zone: self.zone.or(later.zone),
            hint: self.hint.or(later.hint),
        }
    }
}

/// The instant phrases are counted from, in the speaker's zone.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    utc: DateTime<Utc>,
    local: NaiveDateTime,
    zone: Tz,
    now: DateTime<Utc>,
}

const RECENT: Duration = Duration::days(7);
/// "In 9999 years" is no date.
const FURTHEST: Duration = Duration::days(36_525);
const GRACE: Duration = Duration::days(1);

impl Moment {
    /// None for years in which calendar arithmetic has no meaning.
    pub fn of(setting: &Setting) -> Option<Moment> {
        let sane = |instant: &DateTime<Utc>| (1900..3000).contains(&instant.year());
        if !sane(&setting.reference) || !sane(&setting.now) {
            return None;
        }
        let stale = setting.now.signed_duration_since(setting.reference) > RECENT;
        let utc = if stale {
            setting.now
        } else {
            setting.reference
        };
        let local = utc.with_timezone(&setting.time_zone).naive_local();
        Some(Moment {
            utc,
            local,
            zone: setting.time_zone,
            now: setting.now,
        })
    }

    /// None when nothing was said, the date does not exist, or it is more than
    /// a day past or a century ahead.
    pub fn resolve(&self, when: &When) -> Option<DateTime<Utc>> {
        let at = self.instant(when)?;
        let earliest = self.now.max(self.utc).checked_sub_signed(GRACE)?;
        let latest = self.utc.checked_add_signed(FURTHEST)?;
        (earliest..=latest).contains(&at).then_some(at)
    }

    fn instant(&self, when: &When) -> Option<DateTime<Utc>> {
        if when.is_empty() {
            return None;
        }
        if let (Some(minutes), None, None) = (when.minutes, when.clock, when.day) {
            return self
                .utc
                .checked_add_signed(Duration::minutes(i64::from(minutes)));
        }
        let today = self.local.date();
        let date = when.day.map_or(Some(today), |day| self.date(day))?;
        let date = if when.is_ahead_of_its_day() {
            date.pred_opt()?
        } else {
            date
        };
        let zone = when.zone.unwrap_or(self.zone);
        let (time, carry) = self.time(when, date == today && when.day.is_some())?;
        let date = date.checked_add_days(Days::new(u64::from(carry)))?;
        let mut at = clock::in_zone(date.and_time(time), zone)?;
        if at <= self.utc && when.day.is_none() {
            at = clock::in_zone(date.checked_add_days(Days::new(1))?.and_time(time), zone)?;
        }
        // "Tonight", said at ten: what is left of the day.
        let late_part = matches!(
            when.part,
            Some(Part::Afternoon | Part::Evening | Part::Night)
        );
        if at <= self.utc && when.clock.is_none() && late_part {
            at = clock::in_zone(today.and_time(last_minute()?), self.zone)?;
        }
        Some(at)
    }

    /// The clock time, and days to add for hours after midnight.
    fn time(&self, when: &When, is_today: bool) -> Option<(NaiveTime, u32)> {
        let Some(clock) = when.clock else {
            let hour = match when.part {
                Some(Part::Morning) => 9,
                Some(Part::Afternoon) => 14,
                Some(Part::Evening) => 18,
                Some(Part::Night) => 20,
                None => return last_minute().map(|time| (time, 0)),
            };
            return NaiveTime::from_hms_opt(hour, 0, 0).map(|time| (time, 0));
        };
        let part = when.part.or(when.hint);
        let (mut hour, carry) = hour24(clock, part);
        let passed = (hour, clock.minute) <= (self.local.hour(), self.local.minute());
        if is_today && passed && clock.half == Half::Bare && part.is_none() && hour < 12 {
            hour += 12;
        }
        NaiveTime::from_hms_opt(hour, clock.minute, 0).map(|time| (time, carry))
    }

    fn date(&self, day: Day) -> Option<NaiveDate> {
        let today = self.local.date();
        let ahead = |days: u32| today.checked_add_days(Days::new(u64::from(days)));
        match day {
            Day::After(days) => ahead(days),
            Day::Weeks(weeks) => ahead(weeks * 7),
            Day::Months(months) => today.checked_add_months(Months::new(months)),
            Day::Weekday { day, this } => ahead(days_to(today, day, this)),
            Day::WeekdayPlus { day, weeks } => ahead(days_to(today, day, false) + weeks * 7),
            Day::WeekdayIn { day, weeks } => {
                let monday = today.checked_sub_days(Days::new(u64::from(
                    today.weekday().num_days_from_monday(),
                )))?;
                monday
                    .checked_add_days(Days::new(u64::from(weeks * 7 + day.num_days_from_monday())))
            }
            Day::Weekend { weeks } => match today.weekday() {
                Weekday::Sun => ahead(if weeks == 0 { 0 } else { weeks * 7 - 1 }),
                _ => ahead(days_to(today, Weekday::Sat, true) + weeks * 7),
            },
            Day::EndOfWeek { weeks } => match today.weekday() {
                Weekday::Sat | Weekday::Sun if weeks == 0 => {
                    ahead(days_to(today, Weekday::Sun, true))
                }
                _ => self.date(Day::WeekdayIn {
                    day: Weekday::Fri,
                    weeks,
                }),
            },
            Day::EndOfMonth { months } => {
                let later = today
                    .with_day(1)?
                    .checked_add_months(Months::new(months + 1))?;
                later.pred_opt()
            }
            Day::EndOf(month) => {
                let year = today.year() + i32::from(month < today.month());
                let first = NaiveDate::from_ymd_opt(year, month, 1)?;
                first.checked_add_months(Months::new(1))?.pred_opt()
            }
            Day::EndOfYear => NaiveDate::from_ymd_opt(today.year(), 12, 31),
            Day::Month(month) if month == today.month() => self.date(Day::EndOfMonth { months: 0 }),
            Day::Month(month) => self.date(Day::Date {
                year: None,
                month,
                day: 1,
            }),
            Day::OfMonth {
                day,
                months: Some(months),
            } => {
                let first = today.with_day(1)?;
                first.checked_add_months(Months::new(months))?.with_day(day)
            }
            Day::OfMonth { day, months: None } => {
                let first = today.with_day(1)?;
                (0..12)
                    .filter_map(|months| {
                        first.checked_add_months(Months::new(months))?.with_day(day)
                    })
                    .find(|date| *date > today)
            }
            Day::Date {
                year: Some(year),
                month,
                day,
            } => NaiveDate::from_ymd_opt(year, month, day),
            Day::Date {
                year: None,
                month,
                day,
            } => {
                // Nine years reach the next 29 February from anywhere.
                (0..9)
                    .filter_map(|years| NaiveDate::from_ymd_opt(today.year() + years, month, day))
                    .find(|date| *date >= today)
            }
        }
    }
}

fn last_minute() -> Option<NaiveTime> {
    NaiveTime::from_hms_opt(23, 59, 0)
}

/// 1-7, or 0-6 when today counts.
fn days_to(today: NaiveDate, day: Weekday, today_counts: bool) -> u32 {
    let days = (7 + day.num_days_from_monday() - today.weekday().num_days_from_monday()) % 7;
    if days == 0 && !today_counts { 7 } else { days }
}

/// The hour 0-23, and 1 when it falls on the morning after.
pub fn hour24(clock: Clock, part: Option<Part>) -> (u32, u32) {
    let hour = clock.hour;
    match (clock.half, part) {
        (Half::Exact, _) => (hour.min(23), 0),
        (Half::Am, Some(Part::Night)) if hour < 6 || hour == 12 => (hour % 12, 1),
        (Half::Am, _) => (hour % 12, 0),
        (Half::Pm, _) => (hour % 12 + 12, 0),
        (Half::Bare, _) if hour > 12 => (hour.min(23), 0),
        (Half::Bare, Some(Part::Morning)) => (if hour == 12 { 12 } else { hour }, 0),
        (Half::Bare, Some(Part::Night)) if hour == 12 || hour <= 4 => (hour % 12, 1),
        (Half::Bare, Some(Part::Evening | Part::Night)) => (hour % 12 + 12, 0),
        (Half::Bare, _) if hour <= 6 || hour == 12 => (hour % 12 + 12, 0),
        (Half::Bare, _) => (hour, 0),
    }
}
