//! What the tools have in common: who asks, how arguments are read, and what is told of errors.

use axum::http::request::Parts;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use rmcp::{ErrorData, model::ErrorCode};
use uuid::Uuid;

use crate::{
    error::Error,
    features::{
        credentials::{Caller, Scope},
        lenient,
    },
    platform::clock,
};

/// What is told of an error inside.
pub const BROKEN: &str = "Something went wrong on the server; its log says what.";

/// An argument that the documented tools name in a code of its own.
pub const MISSING: ErrorCode = ErrorCode(-32000);
/// Absent, or somebody else's.
pub const ABSENT: ErrorCode = ErrorCode(-32001);
/// The caller's scopes do not reach so far.
const FORBIDDEN: ErrorCode = ErrorCode(-32003);

/// Who asks, if this caller may do what needs `scopes`.
pub fn caller<'a>(request: &'a Parts, scopes: &[Scope]) -> Result<&'a Caller, ErrorData> {
    let caller = asking(request)?;
    match scopes.iter().find(|scope| !caller.scopes.contains(scope)) {
        None => Ok(caller),
        Some(lacking) => {
            let text = format!(
                "This needs the scope {lacking}, which this connection was not given. Connect again and allow it."
            );
            Err(ErrorData::new(FORBIDDEN, text, None))
        }
    }
}

/// Who asks, whatever they may do.
pub fn asking(request: &Parts) -> Result<&Caller, ErrorData> {
    request
        .extensions
        .get::<Caller>()
        .ok_or_else(|| ErrorData::internal_error("the request has no caller", None))
}

/// The documented codes of the errors that a client can act upon.
pub fn failed(error: Error) -> ErrorData {
    match &error {
        Error::NotFound(_) | Error::Absent(_) | Error::NotThere(_) => {
            ErrorData::new(ABSENT, error.to_string(), None)
        }
        Error::Invalid(_) | Error::BadRequest(_) => invalid(error.to_string()),
        Error::Internal(cause) => {
            tracing::error!(error = format!("{cause:#}"), "an MCP request failed");
            ErrorData::internal_error(BROKEN, None)
        }
        _ => ErrorData::internal_error(error.to_string(), None),
    }
}

pub fn invalid(sentence: impl Into<String>) -> ErrorData {
    ErrorData::invalid_params(sentence.into(), None)
}

/// A text that must be there and must not be blank; else `sentence`.
pub fn text(given: Option<String>, sentence: &'static str) -> Result<String, ErrorData> {
    given
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| ErrorData::new(MISSING, sentence, None))
}

/// No UUID is the id of nothing.
pub fn id(text: &str, noun: &'static str) -> Result<Uuid, ErrorData> {
    text.trim()
        .parse()
        .map_err(|_| failed(Error::NotFound(noun)))
}

/// A part of a list.
#[derive(Clone, Copy)]
pub struct Page {
    limit: i64,
    offset: i64,
}

impl Page {
    pub fn of(limit: i64, offset: i64, most: i64) -> Result<Self, ErrorData> {
        within("limit", limit, most)?;
        if offset < 0 {
            return Err(invalid("offset must not be negative"));
        }
        Ok(Self { limit, offset })
    }

    /// One more than is shown, by which it is known whether there is more.
    pub fn fetched(self) -> i64 {
        self.limit + 1
    }

    pub fn shown(self) -> i64 {
        self.limit
    }

    pub fn offset(self) -> i64 {
        self.offset
    }

    /// Takes what is not shown off `found`. Where the next part begins, if there is one.
    pub fn cut<T>(self, found: &mut Vec<T>) -> Option<i64> {
        let shown = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = found.len() > shown;
        found.truncate(shown);
        self.next(more)
    }

    pub fn next(self, more: bool) -> Option<i64> {
        more.then(|| self.offset.saturating_add(self.limit))
    }
}

pub fn within(name: &str, value: i64, most: i64) -> Result<i64, ErrorData> {
    if (1..=most).contains(&value) {
        Ok(value)
    } else {
        Err(invalid(format!("{name} must be between 1 and {most}")))
    }
}

/// From and to; both are inclusive.
pub type Bounds = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// The first moment of a day of UTC, and the last one: both days count whole.
pub fn days(start: (&str, Option<&str>), end: (&str, Option<&str>)) -> Result<Bounds, ErrorData> {
    let from = day(start.0, start.1)?.map(|day| day.and_time(NaiveTime::MIN).and_utc());
    Ok((from, day(end.0, end.1)?.and_then(end_of)))
}

/// The same of days in a time zone.
pub fn days_in(
    zone: Tz,
    start: (&str, Option<&str>),
    end: (&str, Option<&str>),
) -> Result<Bounds, ErrorData> {
    let midnight = |day: NaiveDate| clock::in_zone(day.and_time(NaiveTime::MIN), zone);
    let from = day(start.0, start.1)?.and_then(midnight);
    let to = day(end.0, end.1)?.and_then(|day| midnight(day.checked_add_days(Days::new(1))?));
    Ok((from, to.map(|to| to - chrono::Duration::microseconds(1))))
}

/// An empty text is no date.
pub fn day(name: &str, text: Option<&str>) -> Result<Option<NaiveDate>, ErrorData> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| {
        invalid(format!(
            "{name} must be a date like 2026-01-31, not '{text}'"
        ))
    })
}

/// A moment; an empty text is none.
pub fn moment(name: &str, text: &str) -> Result<Option<DateTime<Utc>>, ErrorData> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    lenient::datetime(text).map(Some).ok_or_else(|| {
        invalid(format!(
            "{name} must be a time like 2026-01-31T09:30:00+01:00, not '{text}'"
        ))
    })
}

/// The last microsecond of a day.
fn end_of(day: NaiveDate) -> Option<DateTime<Utc>> {
    let next = day
        .checked_add_days(Days::new(1))?
        .and_time(NaiveTime::MIN)
        .and_utc();
    Some(next - chrono::Duration::microseconds(1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::features::credentials::Kind;
    use axum::http::Request;

    fn asked_with(scopes: &[Scope]) -> Parts {
        let caller = Caller {
            uid: "ann".into(),
            credential_id: Uuid::nil(),
            kind: Kind::Mcp,
            scopes: scopes.into(),
            app: None,
        };
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.extensions.insert(caller);
        parts
    }

    #[test]
    fn who_lacks_one_of_the_scopes_is_told_which() {
        let wanted = [Scope::ReadConversations, Scope::ReadMemories];
        assert_eq!(&*caller(&asked_with(&wanted), &wanted).unwrap().uid, "ann");
        for (scopes, lacking) in [
            (&wanted[..1], "memories:read"),
            (&wanted[1..], "conversations:read"),
            (
                &[Scope::WriteMemories, Scope::ReadConversations],
                "memories:read",
            ),
            (&[], "conversations:read"),
        ] {
            let refused = caller(&asked_with(scopes), &wanted).unwrap_err();
            assert_eq!(refused.code, FORBIDDEN);
            assert!(refused.message.contains(lacking), "{}", refused.message);
        }
        let (nobody, ()) = Request::new(()).into_parts();
        assert!(caller(&nobody, &[]).is_err());
    }

    #[test]
    fn a_part_of_a_list_says_where_the_next_begins() {
        let page = Page::of(2, 4, 10).unwrap();
        let mut found = vec![1, 2, 3];
        assert_eq!((page.fetched(), page.cut(&mut found)), (3, Some(6)));
        assert_eq!((page.cut(&mut found), found), (None, vec![1, 2]));
        for (limit, offset) in [(0, 0), (11, 0), (-1, 0), (1, -1)] {
            assert!(Page::of(limit, offset, 10).is_err(), "{limit} {offset}");
        }
    }
}
