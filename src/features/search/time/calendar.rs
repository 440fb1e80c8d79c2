//! Spans of the calendar. None: it is beyond the calendar.

use chrono::{Datelike as _, Days, Months, NaiveDate, NaiveDateTime, NaiveTime};

use super::reader::Span;

pub(super) fn midnight(day: NaiveDate) -> NaiveDateTime {
    day.and_time(NaiveTime::MIN)
}

pub(super) fn days(first: NaiveDate, count: u64) -> Option<Span> {
    Some((
        midnight(first),
        midnight(first.checked_add_days(Days::new(count))?),
    ))
}

pub(super) fn month(first: NaiveDate) -> Option<Span> {
    let first = first.with_day(1)?;
    Some((
        midnight(first),
        midnight(first.checked_add_months(Months::new(1))?),
    ))
}

pub(super) fn year(year: i32) -> Option<Span> {
    let first = |year| NaiveDate::from_ymd_opt(year, 1, 1).map(midnight);
    Some((first(year)?, first(year + 1)?))
}

pub(super) fn back(day: NaiveDate, count: u64) -> Option<NaiveDate> {
    day.checked_sub_days(Days::new(count))
}

pub(super) fn forth(day: NaiveDate, count: u64) -> Option<NaiveDate> {
    day.checked_add_days(Days::new(count))
}
