//! Daily summaries: a look back at the day of a user, made by itself at an hour that they choose.

mod by_model;
mod by_rules;
mod day;
mod days;
mod model;
mod store;

pub use model::{Content, DailySummary, Days, Settings};

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::{App, Handles},
    error::{Error, Result},
    features::{
        accounts,
        credentials::Caller,
        processing::{RULES, clean},
    },
    platform::{
        clock,
        database::Db,
        ids,
        jobs::{self, JobOptions, Priority},
        outbox::Event,
    },
};

use day::Day;
use model::Told;

/// The kind of job that makes one.
pub const JOB: &str = "make_daily_summary";
/// There is a new one. `detail` is what to tell the user: `date`, `title`, `body`, `navigate_to`.
pub const CREATED: &str = "daily_summary.created";

/// A server that comes back later than this after an hour leaves it out.
const CATCH_UP: chrono::Duration = chrono::Duration::hours(12);
/// Jobs made in one transaction.
const BATCH: i64 = 100;
/// How long somebody who asks for one waits for the model.
const PATIENCE: Duration = Duration::from_secs(60);
/// Words and characters of a headline.
const HEADLINE_WORDS: usize = 8;
const LONGEST_HEADLINE: usize = 120;
/// Characters of the body of what the user is told.
const LONGEST_BODY: usize = 150;

/// What a job is to make: the summary of a day of the user's zone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DueDay {
    pub uid: String,
    pub date: NaiveDate,
}

/// What is to change; None: stays.
#[derive(Clone, Copy, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct SettingsChanges {
    #[serde(default)]
    pub enabled: Option<bool>,
    /// 0 to 23, of the user's time zone.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 23)]
    pub hour: Option<i64>,
}

pub async fn settings(db: &Db, caller: &Caller) -> Result<Settings> {
    let found = store::settings(db, &caller.uid).await?;
    Ok(found.unwrap_or_default())
}

pub async fn change_settings(
    db: &Db,
    caller: &Caller,
    changes: SettingsChanges,
) -> Result<Settings> {
    let hour = changes
        .hour
        .map(|hour| i32::try_from(hour).unwrap_or(i32::MAX));
    if hour.is_some_and(|hour| !(0..=23).contains(&hour)) {
        return Err(Error::BadRequest("Hour must be between 0 and 23".into()));
    }
    Ok(store::change_settings(db, &caller.uid, changes.enabled, hour, clock::now()).await?)
}

/// A page of the caller's summaries of these days, the newest day first.
pub async fn list(
    db: &Db,
    caller: &Caller,
    days: Days,
    limit: i64,
    offset: i64,
) -> Result<Vec<DailySummary>> {
    Ok(store::list(db, &caller.uid, days, limit, offset).await?)
}

pub async fn get(db: &Db, caller: &Caller, id: Uuid) -> Result<DailySummary> {
    store::get(db, &caller.uid, id)
        .await?
        .ok_or(Error::NotFound("Daily summary"))
}

pub async fn delete(db: &Db, caller: &Caller, id: Uuid) -> Result<()> {
    if store::delete(db, &caller.uid, id).await? {
        Ok(())
    } else {
        Err(Error::NotFound("Daily summary"))
    }
}

/// Makes one now, beside those that there are. `date`: `YYYY-MM-DD`; None: the day that would be looked back at now. A
/// model that fails or takes longer than a minute is done without.
pub async fn make_now(app: &Handles, caller: &Caller, date: Option<&str>) -> Result<DailySummary> {
    let profile = accounts::profile(&app.db, &caller.uid).await?;
    let date = match date {
        Some(text) => day_of(text)?,
        None => days::current(profile.time_zone, clock::now()),
    };
    let day = day::of(app, &caller.uid, profile, date).await?;
    if day.is_empty() {
        return Err(Error::BadRequest(format!(
            "No conversations found for {date}"
        )));
    }
    let told = tokio::time::timeout(PATIENCE, sum_up(app, &caller.uid, &day, i32::MAX)).await;
    let told = match told {
        Ok(told) => told?,
        Err(_) => {
            tracing::warn!("the language model took too long for a daily summary");
            (by_rules::sum_up(&day), RULES.into())
        }
    };
    let summary = summary(date, &day, told);
    keep(app, &caller.uid, &summary, false).await?;
    Ok(summary)
}

fn day_of(text: &str) -> Result<NaiveDate> {
    let digits = text
        .bytes()
        .enumerate()
        .all(|(at, byte)| matches!((at, byte), (4 | 7, b'-') | (_, b'0'..=b'9')));
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    date.filter(|_| digits && text.len() == 10 && text >= "0001")
        .ok_or_else(|| Error::BadRequest("Invalid date format. Use YYYY-MM-DD".into()))
}

/// Makes the scheduled summary of a day, unless there is one or nothing was said. `attempts`: with this one.
pub async fn make(app: &Handles, due: DueDay, attempts: i32) -> Result<()> {
    let DueDay { uid, date } = due;
    if store::is_made(&app.db, &uid, date).await? {
        return Ok(());
    }
    let profile = match accounts::profile(&app.db, &uid).await {
        Err(Error::NotFound(_)) => return Ok(()),
        found => found?,
    };
    let day = day::of(app, &uid, profile, date).await?;
    if day.is_empty() {
        return Ok(());
    }
    let told = sum_up(app, &uid, &day, attempts).await?;
    keep(app, &uid, &summary(date, &day, told), true).await
}

/// By the model, else by the rules; who did it.
async fn sum_up(app: &Handles, uid: &str, day: &Day, attempts: i32) -> Result<(Told, String)> {
    if let Some(language) = &app.language
        && let Some(told) = by_model::sum_up(language, uid, day, attempts).await?
    {
        return Ok(told);
    }
    Ok((by_rules::sum_up(day), RULES.into()))
}

fn summary(date: NaiveDate, day: &Day, (told, by): (Told, String)) -> DailySummary {
    DailySummary {
        id: ids::new(),
        date,
        created_at: clock::now(),
        understood_by: by,
        content: day.with(told),
    }
}

/// Stores it and tells of it; a scheduled one only if the day has none.
async fn keep(app: &Handles, uid: &str, summary: &DailySummary, scheduled: bool) -> Result<()> {
    let mut tx = app.db.begin().await?;
    if !store::insert(&mut tx, uid, summary, scheduled).await? {
        return Ok(());
    }
    let told = &summary.content.told;
    let event = Event {
        topic: CREATED.into(),
        uid: uid.into(),
        id: summary.id,
        detail: json!({
            "date": summary.date,
            "title": format!("{} {}", told.day_emoji, told.headline),
            "body": body(&told.overview),
            "navigate_to": format!("/daily-summary/{}", summary.id),
        }),
    };
    app.outbox.publish(&mut tx, &event).await?;
    tx.commit().await?;
    Ok(())
}

/// At most 150 characters.
fn body(overview: &str) -> String {
    if overview.chars().count() <= LONGEST_BODY {
        return overview.into();
    }
    let head: String = overview.chars().take(LONGEST_BODY - 3).collect();
    format!("{head}...")
}

fn headline(text: &str) -> String {
    let text = clean(text, LONGEST_HEADLINE);
    let words: Vec<_> = text.split(' ').take(HEADLINE_WORDS).collect();
    words.join(" ").trim_end_matches([',', ';', ':']).into()
}

/// Makes jobs for the users whose hour came within the last twelve hours, each day of each user once, on whatever instance.
/// How many.
pub async fn schedule(db: &Db, now: DateTime<Utc>) -> Result<usize> {
    let zones = accounts::time_zones(db).await?;
    let due: Vec<_> = zones
        .iter()
        .flat_map(|zone| {
            let due = days::due(*zone, CATCH_UP, now);
            due.into_iter().map(|one| (zone.name().to_string(), one))
        })
        .collect();
    let mut made = 0;
    loop {
        let mut tx = db.begin().await?;
        let taken = store::take_due(&mut tx, &due, BATCH).await?;
        if taken.is_empty() {
            return Ok(made);
        }
        made += taken.len();
        for (uid, date) in taken {
            let key = format!("{JOB}:{uid}:{date}");
            let options = JobOptions {
                key: Some(&key),
                max_attempts: 8,
                priority: Priority::default(),
            };
            let due = serde_json::to_value(DueDay { uid, date }).map_err(anyhow::Error::from)?;
            jobs::add(&mut tx, JOB, due, options).await?;
        }
        tx.commit().await?;
    }
}

/// Schedules at once and at every quarter of an hour: that is when hours begin, in all zones.
pub async fn run_forever(app: App) {
    let quarter = |at: DateTime<Utc>| at.timestamp().div_euclid(15 * 60);
    let mut done = None;
    loop {
        let now = clock::now();
        if done != Some(quarter(now)) {
            match schedule(&app.db, now).await {
                Ok(0) => done = Some(quarter(now)),
                Ok(count) => {
                    tracing::info!(count, "daily summaries are due");
                    done = Some(quarter(now));
                }
                Err(error) => {
                    tracing::warn!(%error, "daily summaries could not be scheduled; it is tried again")
                }
            }
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_to_size() {
        assert_eq!(body(&"x".repeat(150)), "x".repeat(150));
        assert_eq!(body(&"x".repeat(151)), format!("{}...", "x".repeat(147)));
        assert_eq!(
            headline("one two\u{0} three\nfour five six seven eight, nine"),
            "one two three four five six seven eight"
        );
        assert_eq!(clean(" a\tb \u{7} ", 10), "a b");
    }

    #[test]
    fn a_date_has_one_spelling() {
        assert!(day_of("2026-01-31").is_ok());
        for other in [
            "",
            "today",
            "2026-1-31",
            "2026-02-30",
            "+026-01-31",
            "0000-01-01",
            "2026-01-31 ",
            "31.01.2026",
            "2026−01-1",
        ] {
            assert!(day_of(other).is_err(), "{other}");
        }
    }
}
