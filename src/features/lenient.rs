//! What Omi's clients send: dates and booleans in many spellings, texts with blanks around them.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, TimeDelta, Timelike as _, Utc};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::error::{Error, Result};

/// How long the same creation again counts as a request that came twice: the app repeats one that failed after 200 ms,
/// and cannot know whether it was done.
pub const AGAIN: TimeDelta = TimeDelta::seconds(10);

/// The last moment that RFC 3339 can write.
pub const LATEST: DateTime<Utc> = match DateTime::from_timestamp(253_402_300_799, 0) {
    Some(time) => time,
    None => DateTime::<Utc>::MAX_UTC,
};

/// RFC 3339, the same without an offset (UTC), with a space for `T`, with the `+` of the offset
/// lost to URL decoding, a date alone (midnight UTC), or epoch seconds. Of the years 1 to 9999, as RFC 3339
/// writes no others. A leap second is the end of the second before, or the last one would be stored as the year 10000.
pub fn datetime(text: &str) -> Option<DateTime<Utc>> {
    let time = spelled(text.trim())?;
    let time = time.with_nanosecond(time.nanosecond().min(999_999_999))?;
    (1..=9999).contains(&time.year()).then_some(time)
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
    use super::{DateTime, Deserialize as _, Deserializer, Utc, Value};
    use serde::de::Error as _;

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        let text = match Value::deserialize(deserializer)? {
            Value::Null => return Ok(None),
            Value::String(text) if text.is_empty() => return Ok(None),
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            _ => return Err(D::Error::custom("Input should be a valid datetime")),
        };
        super::datetime(&text).map(Some).ok_or_else(|| {
            D::Error::custom("Input should be a valid datetime, such as 2026-01-31T09:30:00Z")
        })
    }
}

/// The same of one that must be there, with `#[serde(deserialize_with = …)]`.
pub fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    optional_datetime::deserialize(deserializer)?.ok_or_else(|| {
        D::Error::custom("Input should be a valid datetime, such as 2026-01-31T09:30:00Z")
    })
}

/// For `#[serde(default, deserialize_with = …)]` on an optional yes or no, of a query or a body.
pub fn optional_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    let text = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(None),
        Value::Bool(known) => return Ok(Some(known)),
        Value::String(text) => text.to_lowercase(),
        Value::Number(number) => number.to_string(),
        _ => String::from("neither"),
    };
    match text.as_str() {
        "" => Ok(None),
        "true" | "1" | "yes" | "y" | "on" | "t" => Ok(Some(true)),
        "false" | "0" | "no" | "n" | "off" | "f" => Ok(Some(false)),
        _ => Err(D::Error::custom(
            "Input should be a valid boolean, such as true or false",
        )),
    }
}

/// The same of one that must be there, with `#[serde(deserialize_with = …)]`.
pub fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    optional_bool(deserializer)?
        .ok_or_else(|| D::Error::custom("Input should be a valid boolean, such as true or false"))
}

/// For `#[serde(default, deserialize_with = …)]` where null says something else than absence: None is absent,
/// Some(None) is null.
pub fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// `nullable` for a date; an empty one counts as null.
pub fn nullable_datetime<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<DateTime<Utc>>>, D::Error> {
    optional_datetime::deserialize(deserializer).map(Some)
}

/// What came under several names: the first that is not blank, else the first.
pub fn first<T, const N: usize>(given: [Option<T>; N], blank: fn(&T) -> bool) -> Option<T> {
    let mut first = None;
    for one in given.into_iter().flatten() {
        if !blank(&one) {
            return Some(one);
        }
        first.get_or_insert(one);
    }
    first
}

/// `first` for texts.
pub fn first_text<const N: usize>(given: [Option<String>; N]) -> Option<String> {
    first(given, |text| text.trim().is_empty())
}

/// A text of a body without the blanks around it; refused if it is empty or longer than `most` characters.
pub fn text(field: &str, text: &str, most: usize) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::invalid(field, format!("{field} cannot be empty")));
    }
    at_most(field, text, most)?;
    Ok(text.into())
}

/// A text of a body that is refused if it is longer than `most` characters.
pub fn at_most(field: &str, text: &str, most: usize) -> Result<()> {
    if text.chars().count() > most {
        return Err(Error::invalid(
            field,
            format!("{field} must have at most {most} characters"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Sent {
        #[serde(deserialize_with = "optional_bool")]
        done: Option<bool>,
        #[serde(deserialize_with = "nullable")]
        unit: Option<Option<String>>,
        #[serde(deserialize_with = "nullable_datetime")]
        due: Option<Option<DateTime<Utc>>>,
    }

    fn sent(body: Value) -> Sent {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn absent_null_and_a_value_are_three_things() {
        assert_eq!(sent(json!({})), Sent::default());
        let null = sent(json!({"unit": null, "due": null}));
        assert_eq!((null.unit, null.due), (Some(None), Some(None)));
        let given = sent(json!({"unit": "km", "due": "2026-12-01"}));
        assert_eq!(given.unit, Some(Some("km".into())));
        assert_eq!(given.due, Some(datetime("2026-12-01")));
    }

    #[test]
    fn a_yes_has_many_spellings() {
        for yes in [json!(true), json!(1), json!("True"), json!("ON")] {
            assert_eq!(sent(json!({"done": yes})).done, Some(true), "{yes}");
        }
        for no in [json!(false), json!(0), json!("False"), json!("f")] {
            assert_eq!(sent(json!({"done": no})).done, Some(false), "{no}");
        }
        for none in [json!(null), json!("")] {
            assert_eq!(sent(json!({"done": none})).done, None, "{none}");
        }
        for bad in [json!(2), json!("maybe"), json!([true]), json!({})] {
            serde_json::from_value::<Sent>(json!({"done": bad})).unwrap_err();
        }
    }

    #[test]
    fn of_several_names_the_first_that_says_something_counts() {
        let text = |text: &str| Some(text.to_string());
        for (given, expected) in [
            ([None, None, None], None),
            ([None, text("a"), text("b")], text("a")),
            ([text(" "), None, text("b")], text("b")),
            ([text(" "), text(""), None], text(" ")),
        ] {
            assert_eq!(first_text(given), expected);
        }
    }

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
        let last = datetime("9999-12-31T23:59:59.999999999Z");
        assert!(last.is_some());
        for leap in [
            "9999-12-31T23:59:60Z",
            "9999-12-31T23:59:60.5",
            "9999-12-31 22:59:60-01:00",
        ] {
            assert_eq!(datetime(leap), last, "{leap}");
        }
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
