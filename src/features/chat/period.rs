//! What there is of a time: conversations from all of its days, how many they are, and the summaries of its days.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::sought::Period;
use crate::{
    error::Result,
    features::{
        conversations::{self, Conversation},
        credentials::Caller,
        daily_summaries::{self, DailySummary, Days},
    },
    platform::database::Db,
};

/// Conversations that are told at most.
const MOST_OF_PERIOD: usize = 20;
/// Conversations that are counted and chosen from.
pub const MOST_COUNTED: i64 = 5000;
/// Days of which summaries are told.
const MOST_DAYS: i64 = 8;

pub fn counted(what: &str, total: usize, shown: usize) -> String {
    let more = if total as i64 >= MOST_COUNTED {
        "at least "
    } else {
        ""
    };
    if shown > 0 && shown < total {
        format!("{what}: {more}{total}, of which {shown} are shown.")
    } else {
        format!("{what}: {more}{total}.")
    }
}

pub fn completed(limit: i64) -> conversations::Filter {
    conversations::Filter {
        statuses: vec!["completed".into(), "processing".into()],
        limit,
        ..Default::default()
    }
}

/// Conversations of a period, oldest first, from all of its days, and how many there are.
pub async fn of_period(
    db: &Db,
    caller: &Caller,
    (from, to): Period,
    zone: Tz,
) -> Result<(Vec<Conversation>, usize)> {
    let filter = conversations::Filter {
        from: Some(from),
        // The end is not part of it.
        to: Some(to - Duration::microseconds(1)),
        ..completed(MOST_COUNTED)
    };
    let mut ids = conversations::ids(db, caller, &filter).await?;
    let total = ids.len();
    if total > MOST_OF_PERIOD {
        let began = conversations::began(db, &caller.uid, &ids).await?;
        ids.reverse();
        let day = |id: &Uuid| {
            let at = began.get(id).copied().unwrap_or(from);
            at.with_timezone(&zone).date_naive()
        };
        let days: Vec<NaiveDate> = ids.iter().map(day).collect();
        let chosen = spread(&days, MOST_OF_PERIOD);
        ids = chosen.into_iter().map(|place| ids[place]).collect();
    }
    let mut there = conversations::of_ids(db, &caller.uid, &ids, false).await?;
    there.sort_by_key(|conversation| conversation.started_at);
    Ok((there, total))
}

/// Places of at most `most` things, of whose days as many as can be are among them.
fn spread(days: &[NaiveDate], most: usize) -> Vec<usize> {
    let mut of_day: Vec<Vec<usize>> = Vec::new();
    for (place, day) in days.iter().enumerate() {
        match of_day.last_mut() {
            Some(places) if days[places[0]] == *day => places.push(place),
            _ => of_day.push(vec![place]),
        }
    }
    if of_day.len() > most {
        let all = of_day.len();
        of_day = (0..most).map(|n| of_day[n * all / most].clone()).collect();
    }
    let mut shares = vec![0; of_day.len()];
    let mut left = most.min(of_day.iter().map(Vec::len).sum());
    while left > 0 {
        for (share, places) in shares.iter_mut().zip(&of_day) {
            if *share < places.len() && left > 0 {
                *share += 1;
                left -= 1;
            }
        }
    }
    let chosen = of_day.iter().zip(shares);
    chosen
        .flat_map(|(places, share)| (0..share).map(move |n| places[n * places.len() / share]))
        .collect()
}

/// Of a period of a few days.
pub async fn summaries(
    db: &Db,
    caller: &Caller,
    (from, to): Period,
    zone: Tz,
) -> Result<Vec<DailySummary>> {
    if to - from > Duration::days(MOST_DAYS) {
        return Ok(Vec::new());
    }
    let day = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
    on_days(db, caller, day(from), day(to - Duration::microseconds(1))).await
}

/// Summaries of these days, oldest first.
pub async fn on_days(
    db: &Db,
    caller: &Caller,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<DailySummary>> {
    let days = Days {
        from: Some(from),
        to: Some(to),
    };
    let mut found = daily_summaries::list(db, caller, days, MOST_DAYS, 0).await?;
    found.sort_by_key(|summary| summary.date);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_days_of_a_period_are_among_the_chosen() {
        let day = |n: i64| NaiveDate::default() + Duration::days(n);
        let days: Vec<_> = (0..143)
            .map(|n| day(i64::from(n >= 3) + i64::from(n >= 5)))
            .collect();
        let chosen = spread(&days, 20);
        assert_eq!(chosen.len(), 20);
        assert!(chosen.is_sorted() && chosen[..5] == [0, 1, 2, 3, 4]);
        assert!(chosen[19] > 120, "{chosen:?}");
        let days: Vec<_> = (0..60).map(day).collect();
        let chosen = spread(&days, 20);
        assert_eq!((chosen.len(), chosen[0], chosen[19]), (20, 0, 57));
        assert_eq!(spread(&days[..3], 20), [0, 1, 2]);
        assert_eq!(spread(&[], 20), [0; 0]);
    }
}
