//! The one source of "now".

use chrono::{DateTime, Days, NaiveDateTime, Offset as _, SubsecRound as _, TimeZone as _, Utc};
use chrono_tz::Tz;

/// Now, cut to the microseconds that Postgres keeps, so that what is answered equals what is stored.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

/// When the clocks of a zone show this. What comes twice is meant the first time; what a change of the clock leaves out is
/// taken as if it had not changed. None: it is beyond the calendar.
pub fn in_zone(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    if let Some(found) = zone.from_local_datetime(&local).earliest() {
        return Some(found.to_utc());
    }
    let day_before = local.checked_sub_days(Days::new(1))?;
    let offset = zone.offset_from_utc_datetime(&day_before).fix();
    local.checked_sub_offset(offset).map(|utc| utc.and_utc())
}
