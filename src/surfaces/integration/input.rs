//! Typed input of the import API. A wrong shape makes a malformed request here; only content that breaks a rule is
//! invalid.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::request::Parts,
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::de::DeserializeOwned;

use crate::{
    error::{Error, Problem},
    features::lenient,
    surfaces::{
        extract::{self, malformed},
        respond::{ApiError, Result},
    },
};

/// From the first moment of a day to its last.
const LAST_OF_DAY: TimeDelta = TimeDelta::microseconds(86_400_000_000 - 1);

/// A JSON object as body.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let body = extract::Body::from_request(request, state).await;
        body.map(|extract::Body(found)| Self(found))
            .map_err(malformed)
    }
}

/// A query string. `statuses` may come several times.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let query = parts.uri.query().unwrap_or_default();
        let (statuses, others): (Vec<_>, Vec<_>) = form_urlencoded::parse(query.as_bytes())
            .partition(|(name, _)| name == "statuses" || name == "statuses[]");
        let mut joined = form_urlencoded::Serializer::new(String::new());
        joined.extend_pairs(others);
        if !statuses.is_empty() {
            let values: Vec<_> = statuses.iter().map(|(_, value)| value.as_ref()).collect();
            joined.append_pair("statuses", &values.join(","));
        }
        extract::read_query(&joined.finish())
            .map(Self)
            .map_err(malformed)
    }
}

/// A number of the query between two bounds.
pub fn bounded(name: &str, value: Option<i64>, default: i64, least: i64, most: i64) -> Result<i64> {
    extract::bounded(name, value, default, least, most).map_err(malformed)
}

/// A number of the body between two bounds.
pub fn bounded_field(
    name: &str,
    value: Option<i64>,
    default: i64,
    least: i64,
    most: i64,
) -> Result<i64> {
    let value = value.unwrap_or(default);
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    let problem = Problem {
        location: vec!["body".into(), name.into()],
        message: format!("{name} must be between {least} and {most}"),
        kind: "value_error",
    };
    Err(Error::Malformed(vec![problem]).into())
}

/// The first moment that a date or time means.
pub fn from(name: &str, text: Option<&str>) -> Result<Option<DateTime<Utc>>> {
    moment(name, text, false)
}

/// The last moment that a date or time means: of a date alone, the end of the day.
pub fn to(name: &str, text: Option<&str>) -> Result<Option<DateTime<Utc>>> {
    moment(name, text, true)
}

fn moment(name: &str, text: Option<&str>, end: bool) -> Result<Option<DateTime<Utc>>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let day = text
        .get(..10)
        .and_then(|day| NaiveDate::parse_from_str(day, "%Y-%m-%d").ok());
    let bare = text.len() == 10;
    match day.and_then(|_| lenient::datetime(text)) {
        Some(start) if bare && end => Ok(Some(start + LAST_OF_DAY)),
        Some(found) => Ok(Some(found)),
        None => Err(Error::BadRequest(format!(
            "Invalid {name} format. Use ISO format (YYYY-MM-DDTHH:MM:SS.sssZ) or YYYY-MM-DD"
        ))
        .into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_bare_date_is_a_whole_day() {
        let read = |text: &str, end: bool| match moment("start_date", Some(text), end) {
            Ok(found) => found.map(|time| time.to_rfc3339()).unwrap_or_default(),
            Err(ApiError(error)) => error.to_string(),
        };
        for (text, first, last) in [
            (
                "2026-01-31",
                "2026-01-31T00:00:00+00:00",
                "2026-01-31T23:59:59.999999+00:00",
            ),
            (
                "9999-12-31",
                "9999-12-31T00:00:00+00:00",
                "9999-12-31T23:59:59.999999+00:00",
            ),
            (
                "2026-01-31T09:30:00Z",
                "2026-01-31T09:30:00+00:00",
                "2026-01-31T09:30:00+00:00",
            ),
            (
                "2026-01-31T10:30:00+01:00",
                "2026-01-31T09:30:00+00:00",
                "2026-01-31T09:30:00+00:00",
            ),
            ("", "", ""),
        ] {
            assert_eq!(read(text, false), first, "{text}");
            assert_eq!(read(text, true), last, "{text}");
        }
        for text in [
            "yesterday",
            "2026",
            "1769850000",
            "2026-02-30",
            "2026-01-31T25:00:00Z",
            "20260131",
            "0000-12-31",
            "+10000-1-1",
            "-001-01-01",
        ] {
            for end in [false, true] {
                assert_eq!(
                    read(text, end),
                    "Invalid start_date format. Use ISO format (YYYY-MM-DDTHH:MM:SS.sssZ) or YYYY-MM-DD",
                    "{text}"
                );
            }
        }
    }
}
