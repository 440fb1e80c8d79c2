//! Days and hours of a time zone, with its changes of the clock.

use chrono::{DateTime, Days, Duration, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _, Utc};
use chrono_tz::Tz;

use crate::platform::clock;

/// Below this hour it is the day before that is looked back at.
const NOON: i32 = 12;

/// An hour of summaries that came, in one zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub hour: i32,
    pub moment: DateTime<Utc>,
    /// The day that it is about.
    pub date: NaiveDate,
}

/// The latest hours that came, each at most once, none longer ago than `since`.
pub fn due(zone: Tz, since: Duration, now: DateTime<Utc>) -> Vec<Due> {
    let today = now.with_timezone(&zone).date_naive();
    (0_i32..24)
        .filter_map(|hour| {
            let time = NaiveTime::from_hms_opt(hour.unsigned_abs(), 0, 0)?;
            [Some(today), today.pred_opt()]
                .into_iter()
                .flatten()
                .map(|day| (day, instant(day.and_time(time), zone)))
                .find(|(_, moment)| *moment <= now && *moment > now - since)
                .map(|(day, moment)| Due {
                    hour,
                    moment,
                    date: looked_back_at(day, hour),
                })
        })
        .collect()
}

/// In the morning it is yesterday.
fn looked_back_at(day: NaiveDate, hour: i32) -> NaiveDate {
    let before = day.pred_opt().filter(|_| hour < NOON);
    before.unwrap_or(day)
}

/// The day that is looked back at now.
pub fn current(zone: Tz, now: DateTime<Utc>) -> NaiveDate {
    let local = now.with_timezone(&zone);
    let hour = i32::try_from(local.hour()).unwrap_or(NOON);
    looked_back_at(local.date_naive(), hour)
}

/// First and last microsecond of a day.
pub fn bounds(date: NaiveDate, zone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
    let begins = |day: NaiveDate| instant(day.and_time(NaiveTime::MIN), zone);
    let next = date.checked_add_days(Days::new(1)).unwrap_or(date);
    (begins(date), begins(next) - Duration::microseconds(1))
}

/// `clock::in_zone`; beyond the calendar as if the zone were UTC.
fn instant(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    clock::in_zone(local, zone).unwrap_or_else(|| local.and_utc())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn hours_come_in_each_zone_and_mornings_look_at_yesterday() {
        for (zone, now, hour, expected) in [
            // 22:00 local is 21:00 and 20:00 UTC.
            (
                "Europe/Berlin",
                "2026-01-15T21:05:00Z",
                22,
                Some(("2026-01-15T21:00:00Z", "2026-01-15")),
            ),
            (
                "Europe/Berlin",
                "2026-07-15T21:05:00Z",
                22,
                Some(("2026-07-15T20:00:00Z", "2026-07-15")),
            ),
            ("Europe/Berlin", "2026-01-15T20:59:59Z", 22, None),
            // A server that comes back late.
            (
                "Europe/Berlin",
                "2026-01-16T08:00:00Z",
                22,
                Some(("2026-01-15T21:00:00Z", "2026-01-15")),
            ),
            ("Europe/Berlin", "2026-01-16T09:30:00Z", 22, None),
            (
                "Asia/Kolkata",
                "2026-01-15T02:30:00Z",
                8,
                Some(("2026-01-15T02:30:00Z", "2026-01-14")),
            ),
            (
                "Asia/Kathmandu",
                "2026-01-15T16:15:00Z",
                22,
                Some(("2026-01-15T16:15:00Z", "2026-01-15")),
            ),
            (
                "Pacific/Kiritimati",
                "2026-01-15T08:00:00Z",
                22,
                Some(("2026-01-15T08:00:00Z", "2026-01-15")),
            ),
            // There is no 02:00; there are two 02:00.
            (
                "Europe/Berlin",
                "2026-03-29T01:00:00Z",
                2,
                Some(("2026-03-29T01:00:00Z", "2026-03-28")),
            ),
            (
                "Europe/Berlin",
                "2026-10-25T01:30:00Z",
                2,
                Some(("2026-10-25T00:00:00Z", "2026-10-24")),
            ),
        ] {
            let found = due(zone.parse().unwrap(), Duration::hours(12), at(now));
            let found = found.iter().find(|due| due.hour == hour);
            let expected = expected.map(|(moment, date)| Due {
                hour,
                moment: at(moment),
                date: date.parse().unwrap(),
            });
            assert_eq!(found.copied(), expected, "{zone} {now}");
        }
    }

    #[test]
    fn a_day_may_have_23_or_25_hours_or_begin_late() {
        for (zone, date, from, to) in [
            (
                "UTC",
                "2026-01-15",
                "2026-01-15T00:00:00Z",
                "2026-01-15T23:59:59.999999Z",
            ),
            (
                "Europe/Berlin",
                "2026-03-29",
                "2026-03-28T23:00:00Z",
                "2026-03-29T21:59:59.999999Z",
            ),
            (
                "Europe/Berlin",
                "2026-10-25",
                "2026-10-24T22:00:00Z",
                "2026-10-25T22:59:59.999999Z",
            ),
            // The clock goes from 24:00 to 01:00.
            (
                "America/Santiago",
                "2026-09-06",
                "2026-09-06T04:00:00Z",
                "2026-09-07T02:59:59.999999Z",
            ),
        ] {
            let found = bounds(date.parse().unwrap(), zone.parse().unwrap());
            assert_eq!(found, (at(from), at(to)), "{zone} {date}");
        }
        // The day that Samoa left out.
        let (from, to) = bounds(
            "2011-12-30".parse().unwrap(),
            "Pacific/Apia".parse().unwrap(),
        );
        assert!(to - from <= Duration::days(1), "{from} {to}");
        for edge in ["0001-01-01", "9999-12-31"] {
            let (from, to) = bounds(edge.parse().unwrap(), "Asia/Tokyo".parse().unwrap());
            assert!(from < to, "{edge}");
        }
    }

    #[test]
    fn which_day_it_is_for() {
        let zone = "America/New_York".parse().unwrap();
        for (now, date) in [
            ("2026-01-15T16:59:00Z", "2026-01-14"),
            ("2026-01-15T17:00:00Z", "2026-01-15"),
            ("2026-01-16T04:00:00Z", "2026-01-15"),
        ] {
            assert_eq!(current(zone, at(now)).to_string(), date, "{now}");
        }
    }
}
