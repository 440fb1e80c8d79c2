//! What the user's phone tells of their health: kept as it came, replaced by what comes next.

mod store;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    error::{Error, Result},
    features::credentials::Caller,
    platform::{clock, database::Db},
};

/// Longest JSON that is kept, in bytes.
const MAXIMUM_JSON: usize = 1_000_000;

#[derive(Clone, Debug)]
pub struct Health {
    pub data: Value,
    pub synced_at: DateTime<Utc>,
}

/// Sums and lists of some days; null is unknown.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub struct HealthData {
    /// 7 if left out.
    #[schema(minimum = 0)]
    period_days: Option<u32>,
    total_steps: Option<i64>,
    average_steps_per_day: Option<f64>,
    #[schema(value_type = Option<Vec<Object>>)]
    daily_steps: Option<Vec<Value>>,
    total_sleep_hours: Option<f64>,
    total_in_bed_hours: Option<f64>,
    sleep_sessions_count: Option<i64>,
    #[schema(value_type = Option<Vec<Object>>)]
    sleep_sessions: Option<Vec<Value>>,
    #[schema(value_type = Option<Vec<Object>>)]
    daily_sleep: Option<Vec<Value>>,
    heart_rate_average: Option<f64>,
    heart_rate_min: Option<f64>,
    heart_rate_max: Option<f64>,
    total_active_energy: Option<f64>,
    average_active_energy_per_day: Option<f64>,
    #[schema(value_type = Option<Vec<Object>>)]
    daily_active_energy: Option<Vec<Value>>,
    #[schema(value_type = Option<Vec<Object>>)]
    workouts: Option<Vec<Value>>,
}

impl HealthData {
    /// What of it there is.
    fn types(&self) -> Vec<&'static str> {
        let there = [
            (
                "steps",
                self.total_steps.is_some() || self.daily_steps.is_some(),
            ),
            (
                "sleep",
                self.total_sleep_hours.is_some()
                    || self.sleep_sessions.is_some()
                    || self.daily_sleep.is_some(),
            ),
            ("heart_rate", self.heart_rate_average.is_some()),
            (
                "active_energy",
                self.total_active_energy.is_some() || self.daily_active_energy.is_some(),
            ),
            ("workouts", self.workouts.is_some()),
        ];
        there
            .into_iter()
            .filter(|(_, there)| *there)
            .map(|(name, _)| name)
            .collect()
    }
}

pub async fn get(db: &Db, uid: &str) -> Result<Option<Health>> {
    Ok(store::get(db, uid).await?)
}

/// Replaces what was known; gives when, and of which kinds it is.
pub async fn sync(
    db: &Db,
    caller: &Caller,
    mut data: HealthData,
) -> Result<(DateTime<Utc>, Vec<&'static str>)> {
    data.period_days.get_or_insert(7);
    let types = data.types();
    let data = serde_json::to_value(data).map_err(anyhow::Error::new)?;
    if data.to_string().len() > MAXIMUM_JSON {
        return Err(Error::invalid_body(format!(
            "all together must have at most {MAXIMUM_JSON} bytes"
        )));
    }
    let now = clock::now();
    store::put(db, &caller.uid, &data, now).await?;
    Ok((now, types))
}

/// Notes that the phone is going to tell something.
pub async fn connect(db: &Db, caller: &Caller) -> Result<()> {
    Ok(store::open(db, &caller.uid, clock::now()).await?)
}

/// Forgets all of it. False: there was nothing.
pub async fn disconnect(db: &Db, caller: &Caller) -> Result<bool> {
    Ok(store::delete(db, &caller.uid).await?)
}
