//! The spellings of dates that Omi's clients send.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, Utc};

/// The last moment that RFC 3339 can write.
pub const LATEST: DateTime<Utc> = match DateTime::from_timestamp(253_402_300_799, 0) {
    Some(time) => time,
    None => DateTime::<Utc>::MAX_UTC,
};

/// RFC 3339, the same without an offset (UTC), with a space for `T`, with the `+` of the offset
/// lost to URL decoding, a date alone (midnight UTC), or epoch seconds. Of the years 1 to 9999, as RFC 3339
/// writes no others.
pub fn datetime(text: &str) -> Option<DateTime<Utc>> {
    spelled(text.trim()).filter(|time| (1..=9999).contains(&time.year()))
}

fn spelled(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    // "2026-01-01T00:00:00 00:00" was "+00:00" in a query.
    if let Some((time, offset)) = text.rsplit_once(' ')
        && time.contains('T')
        && let Ok(time) = DateTime::parse_from_rfc3339(&format!("{time}+{offset}"))
    {
        return Some(time.to_utc());
    }
    for format in [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M",
    ] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Some(time.and_utc());
        }
    }
    for format in [
        "%Y-%m-%d %H:%M:%S%.f%#z",
        "%Y-%m-%dT%H:%M:%S%.f%#z",
        "%Y-%m-%dT%H:%M%#z",
    ] {
        if let Ok(time) = DateTime::parse_from_str(text, format) {
            return Some(time.to_utc());
        }
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return date.and_hms_opt(0, 0, 0).map(|time| time.and_utc());
    }
    let seconds: f64 = text.parse().ok()?;
    if !seconds.is_finite() {
        return None;
    }
    DateTime::from_timestamp_micros((seconds * 1e6) as i64)
}

/// For `#[serde(with = …)]` on an optional date.
pub mod optional_datetime {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize as _, Deserializer, de::Error as _};

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        let text = match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Null => return Ok(None),
            serde_json::Value::String(text) if text.is_empty() => return Ok(None),
            serde_json::Value::String(text) => text,
            serde_json::Value::Number(number) => number.to_string(),
            _ => return Err(D::Error::custom("Input should be a valid datetime")),
        };
        super::datetime(&text).map(Some).ok_or_else(|| {
            D::Error::custom("Input should be a valid datetime, such as 2026-01-31T09:30:00Z")
        })
    }
}

/// For `#[serde(deserialize_with = …)]` on an optional yes or no.
pub fn optional_bool<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<bool>, D::Error> {
    use serde::{Deserialize as _, de::Error as _};
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    match text.to_lowercase().as_str() {
        "" => Ok(None),
        "true" | "1" | "yes" | "y" | "on" | "t" => Ok(Some(true)),
        "false" | "0" | "no" | "n" | "off" | "f" => Ok(Some(false)),
        _ => Err(D::Error::custom(
            "Input should be a valid boolean, such as true or false",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::datetime;

    #[test]
    fn every_spelling_means_the_same_instant() {
        let expected = datetime("2026-12-01T10:00:00Z");
        assert!(expected.is_some());
        for text in [
            "2026-12-01T10:00:00",
            "2026-12-01 10:00:00",
            "2026-12-01T10:00",
            "2026-12-01T10:00:00+00:00",
            "2026-12-01T10:00:00 00:00",
            "2026-12-01T11:00:00 01:00",
            "2026-12-01T10:00:00.000000+00:00",
            "2026-12-01T10:00:00+0000",
            "1796119200",
            "1796119200.0",
        ] {
            assert_eq!(datetime(text), expected, "{text}");
        }
        assert_eq!(datetime("2026-12-01"), datetime("2026-12-01T00:00:00Z"));
        for text in [
            "",
            "soon",
            "2026-13-01",
            "NaN",
            "1e400",
            "8e12",
            "-8e12",
            "+10000-01-01",
        ] {
            assert_eq!(datetime(text), None, "{text}");
        }
    }
}
