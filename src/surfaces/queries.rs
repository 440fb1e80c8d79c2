//! Query strings that more than one surface reads.

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    error::Error,
    features::{action_items::Filter, lenient},
    surfaces::extract::bounded,
};

/// Which action items a list shows; what is left out does not count, and bounds are inclusive.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ActionItems {
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    completed: Option<bool>,
    /// `null`: items of no conversation.
    conversation_id: Option<String>,
    /// Created at or after; without an offset UTC.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    start_date: Option<DateTime<Utc>>,
    /// Created at or before.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    end_date: Option<DateTime<Utc>>,
    /// Due at or after.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    due_start_date: Option<DateTime<Utc>>,
    /// Due at or before.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    due_end_date: Option<DateTime<Utc>>,
}

/// Where surfaces differ in what the same query means.
#[derive(Clone, Copy)]
pub struct Reading {
    /// An empty `conversation_id` asks for items of no conversation, as `null` does; else for all.
    pub empty_is_none: bool,
    /// Bounds of the creation do not count beside a bound of the due date.
    pub due_alone: bool,
}

impl ActionItems {
    pub fn filter(self, reading: Reading) -> Filter {
        let conversation_id = match self.conversation_id.as_deref() {
            None => None,
            Some("") => reading.empty_is_none.then_some(None),
            Some("null") => Some(None),
            // No UUID is the id of no conversation, and neither is the nil one: nothing matches.
            Some(id) => Some(Some(id.parse().unwrap_or(Uuid::nil()))),
        };
        let due = self.due_start_date.is_some() || self.due_end_date.is_some();
        let created_counts = !(due && reading.due_alone);
        Filter {
            completed: self.completed,
            conversation_id,
            created_from: self.start_date.filter(|_| created_counts),
            created_to: self.end_date.filter(|_| created_counts),
            due_from: self.due_start_date,
            due_to: self.due_end_date,
        }
    }
}

/// A day of UTC.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Day {
    /// `YYYY-MM-DD`, a day of UTC.
    #[param(format = Date)]
    date: Option<String>,
}

impl Day {
    pub fn date(&self) -> Result<Option<NaiveDate>, Error> {
        let Some(text) = self.date.as_deref() else {
            return Ok(None);
        };
        let well_formed = text.len() == 10 && text.as_bytes()[0].is_ascii_digit();
        let day = text.parse::<NaiveDate>().ok();
        match day.filter(|day| well_formed && (1..=9999).contains(&day.year())) {
            Some(day) => Ok(Some(day)),
            None => Err(Error::invalid_parameter(
                "date",
                "date must be a day such as 2026-01-31",
            )),
        }
    }
}

/// A page of a long list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LongPage {
    /// 1 to 1000, 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    #[param(minimum = 0)]
    offset: Option<i64>,
}

impl LongPage {
    /// Limit and offset.
    pub fn bounds(&self) -> Result<(i64, i64), Error> {
        Ok((
            bounded("limit", self.limit, 100, 1, 1000)?,
            bounded("offset", self.offset, 0, 0, i64::MAX)?,
        ))
    }
}
