//! The one source of "now".

use chrono::{DateTime, SubsecRound as _, Utc};

/// Now, cut to the microseconds that Postgres keeps, so that what is answered equals what is stored.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}
