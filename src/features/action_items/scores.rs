//! How much of what was to be done is done.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::store;
use crate::{
    error::Result,
    features::credentials::Caller,
    platform::{clock, database::Db},
};

/// How far back the week goes from the day.
const WEEK: TimeDelta = TimeDelta::days(7);

#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Score {
    /// In per cent, to one decimal; 0 without tasks.
    pub score: f64,
    pub completed_tasks: i64,
    pub total_tasks: i64,
}

impl Score {
    fn of(completed_tasks: i64, total_tasks: i64) -> Self {
        let share = if total_tasks == 0 {
            0.0
        } else {
            completed_tasks as f64 / total_tasks as f64
        };
        Self {
            score: (share * 1000.0).round() / 10.0,
            completed_tasks,
            total_tasks,
        }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Scores {
    /// Due on the day.
    pub daily: Score,
    /// Made on the day or in the seven before it.
    pub weekly: Score,
    pub overall: Score,
    /// `daily`, `weekly` or `overall`: the best one.
    pub default_tab: &'static str,
    pub date: NaiveDate,
}

/// Of a day of UTC, today if none is given.
pub async fn scores(db: &Db, caller: &Caller, day: Option<NaiveDate>) -> Result<Scores> {
    let date = day.unwrap_or_else(|| clock::now().date_naive());
    let (from, to) = day_of(date);
    let sums = store::tally(db, &caller.uid, from, to, from - WEEK).await?;
    let daily = Score::of(sums.daily_done, sums.daily);
    let weekly = Score::of(sums.weekly_done, sums.weekly);
    let overall = Score::of(sums.overall_done, sums.overall);
    Ok(Scores {
        default_tab: best(daily, weekly, overall),
        daily,
        weekly,
        overall,
        date,
    })
}

fn day_of(date: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
    let from = date.and_time(chrono::NaiveTime::MIN).and_utc();
    (from, from + TimeDelta::days(1))
}

fn best(daily: Score, weekly: Score, overall: Score) -> &'static str {
    if daily.total_tasks > 0 && daily.score >= weekly.score && daily.score >= overall.score {
        "daily"
    } else if weekly.score >= overall.score {
        "weekly"
    } else {
        "overall"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_score_is_shown_first() {
        assert_eq!(Score::of(0, 0).score, 0.0);
        assert_eq!(Score::of(12, 46).score, 26.1);
        let (none, half, all) = (Score::of(0, 0), Score::of(1, 2), Score::of(2, 2));
        for (daily, weekly, overall, expected) in [
            (none, none, none, "weekly"),
            (half, half, half, "daily"),
            (half, all, half, "weekly"),
            (half, half, all, "overall"),
            (none, half, half, "weekly"),
        ] {
            assert_eq!(best(daily, weekly, overall), expected);
        }
    }
}
