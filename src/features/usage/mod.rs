//! How much a user had heard, understood and remembered, counted from what is stored; in UTC.

mod store;

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    error::Result,
    features::credentials::Caller,
    platform::{clock, database::Db},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// By the hour.
    Today,
    /// This month, by the day.
    Monthly,
    /// This year, by the month.
    Yearly,
    /// By the year.
    AllTime,
}

#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Usage {
    /// How long conversations lasted.
    #[schema(minimum = 0)]
    pub transcription_seconds: i64,
    #[schema(minimum = 0)]
    pub words_transcribed: i64,
    /// Action items.
    #[schema(minimum = 0)]
    pub insights_gained: i64,
    #[schema(minimum = 0)]
    pub memories_created: i64,
    /// How long somebody spoke.
    #[schema(minimum = 0)]
    pub speech_seconds: i64,
}

/// What belongs to one hour, day, month or year.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UsagePoint {
    /// When it began.
    pub date: DateTime<Utc>,
    #[serde(flatten)]
    pub usage: Usage,
}

/// The whole, and its parts in order; parts without anything are left out.
pub async fn of(db: &Db, caller: &Caller, period: Period) -> Result<(Usage, Vec<UsagePoint>)> {
    let (since, step) = spans(period, clock::now());
    let points = store::points(db, &caller.uid, since, step).await?;
    let whole = points.iter().fold(Usage::default(), |sum, point| Usage {
        transcription_seconds: sum.transcription_seconds + point.usage.transcription_seconds,
        words_transcribed: sum.words_transcribed + point.usage.words_transcribed,
        insights_gained: sum.insights_gained + point.usage.insights_gained,
        memories_created: sum.memories_created + point.usage.memories_created,
        speech_seconds: sum.speech_seconds + point.usage.speech_seconds,
    });
    Ok((whole, points))
}

/// When a period began, and how long its parts are.
fn spans(period: Period, now: DateTime<Utc>) -> (Option<DateTime<Utc>>, &'static str) {
    let midnight = |date: Option<NaiveDate>| Some(date?.and_hms_opt(0, 0, 0)?.and_utc());
    let today = now.date_naive();
    match period {
        Period::Today => (midnight(Some(today)), "hour"),
        Period::Monthly => (midnight(today.with_day(1)), "day"),
        Period::Yearly => (
            midnight(NaiveDate::from_ymd_opt(today.year(), 1, 1)),
            "month",
        ),
        Period::AllTime => (None, "year"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn periods_begin_where_the_calendar_says() {
        let now = "2026-11-26T15:40:00Z".parse().unwrap();
        for (period, since, step) in [
            (Period::Today, Some("2026-11-26T00:00:00Z"), "hour"),
            (Period::Monthly, Some("2026-11-01T00:00:00Z"), "day"),
            (Period::Yearly, Some("2026-01-01T00:00:00Z"), "month"),
            (Period::AllTime, None, "year"),
        ] {
            let since = since.map(|text| text.parse().unwrap());
            assert_eq!(spans(period, now), (since, step), "{period:?}");
        }
    }
}
