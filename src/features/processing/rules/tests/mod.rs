//! Tests of the rules: a table of sentences with what they must and must not
//! yield, dates, whole conversations, and arbitrary input.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod days;
mod properties;
mod table;
mod unseen;
mod whole;

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::{Line, Setting, Understanding, understand};

pub const ZONE: Tz = chrono_tz::Europe::Berlin;

/// Wednesday, 4 March 2026, ten in the morning in Berlin.
pub fn wednesday() -> Setting {
    at("2026-03-04 10:00")
}

pub fn at(local: &str) -> Setting {
    let reference = instant(local);
    Setting {
        reference,
        now: reference,
        time_zone: ZONE,
    }
}

pub fn instant(local: &str) -> DateTime<Utc> {
    let local = NaiveDateTime::parse_from_str(local, "%Y-%m-%d %H:%M").unwrap();
    ZONE.from_local_datetime(&local)
        .unwrap()
        .with_timezone(&Utc)
}

/// As "MM-DD HH:MM" in Berlin.
pub fn shown(instant: DateTime<Utc>) -> String {
    instant
        .with_timezone(&ZONE)
        .format("%m-%d %H:%M")
        .to_string()
}

pub fn own(text: &str) -> Line<'_> {
    Line {
        speaker: "SPEAKER_00",
        is_user: true,
        text,
    }
}

pub fn other(text: &str) -> Line<'_> {
    Line {
        speaker: "SPEAKER_01",
        is_user: false,
        text,
    }
}

pub fn heard(text: &str) -> Understanding {
    understand(&[own(text)], &wednesday())
}
