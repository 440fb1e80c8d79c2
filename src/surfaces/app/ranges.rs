//! Answers that are files: all of it, or the part that a `Range` header asks for, as players do.

use std::ops::Range;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use crate::surfaces::respond;

/// `kind`: its media type. `whole`: its bytes. `body` gives the wanted ones.
pub fn answer(
    asked: &HeaderMap,
    kind: &'static str,
    file_name: &str,
    whole: u64,
    body: impl FnOnce(Range<u64>) -> Body,
) -> Response {
    let wanted = asked
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok());
    let (status, range) = match wanted.map(|text| part(text, whole)) {
        None | Some(Part::Whole) => (StatusCode::OK, 0..whole),
        Some(Part::Of(range)) => (StatusCode::PARTIAL_CONTENT, range),
        Some(Part::Nothing) => return respond::no_such_range(whole),
    };
    let mut answer = (
        status,
        [
            (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
            (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
            (header::CONTENT_LENGTH, (range.end - range.start).into()),
        ],
    )
        .into_response();
    let mut tell = |name, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            answer.headers_mut().insert(name, value);
        }
    };
    tell(
        header::CONTENT_DISPOSITION,
        format!("attachment; filename=\"{file_name}\""),
    );
    if status == StatusCode::PARTIAL_CONTENT {
        let last = range.end - 1;
        tell(
            header::CONTENT_RANGE,
            format!("bytes {}-{last}/{whole}", range.start),
        );
    }
    *answer.body_mut() = body(range);
    answer
}

#[derive(Debug, PartialEq)]
enum Part {
    /// Nothing else was asked for in a way that is understood.
    Whole,
    Of(Range<u64>),
    /// It begins behind the end.
    Nothing,
}

/// What a `Range` header asks for of so many bytes. Several ranges count as none.
fn part(text: &str, whole: u64) -> Part {
    let Some((first, last)) = text
        .trim()
        .strip_prefix("bytes=")
        .and_then(|range| range.trim().split_once('-'))
    else {
        return Part::Whole;
    };
    let number = |text: &str| -> Option<u64> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More than fit are behind every end.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (number(first), number(last)) {
        (Some(first), Some(last)) if last < first => Part::Whole,
        (Some(first), last) if last.is_some() || text.trim().ends_with('-') => {
            if first >= whole {
                return Part::Nothing;
            }
            Part::Of(first..last.map_or(whole, |last| last.saturating_add(1).min(whole)))
        }
        (None, Some(count)) if first.is_empty() => {
            if count == 0 || whole == 0 {
                return Part::Nothing;
            }
            Part::Of(whole.saturating_sub(count)..whole)
        }
        _ => Part::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (text, expected) in [
            ("bytes=0-", Part::Of(0..100)),
            ("bytes=10-19", Part::Of(10..20)),
            ("bytes=99-99", Part::Of(99..100)),
            ("bytes=90-1000", Part::Of(90..100)),
            ("bytes=-10", Part::Of(90..100)),
            ("bytes=-1000", Part::Of(0..100)),
            ("bytes=0-99999999999999999999999", Part::Of(0..100)),
            ("bytes=100-", Part::Nothing),
            ("bytes=99999999999999999999999-", Part::Nothing),
            ("bytes=-0", Part::Nothing),
            ("bytes=20-10", Part::Whole),
            ("bytes=0-1,5-6", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("seconds=0-1", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(part(text, 100), expected, "{text}");
        }
    }
}
