//! Requests that may come twice: within 24 hours the same user, route and key give the answer that was given first.

mod store;

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Result;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::platform::{clock, database::Db};

/// How long an answer is kept.
const KEPT: chrono::Duration = chrono::Duration::hours(24);
/// A run without an answer for so long was cut off. Longer than any request takes.
const CUT_OFF: chrono::Duration = chrono::Duration::minutes(2);
/// How long a second request waits for the first.
const PATIENCE: Duration = Duration::from_secs(25);
/// Between two looks, the first time; later ones are longer.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A key as one user named it for one route.
#[derive(Clone, Debug)]
pub struct Id {
    pub uid: String,
    /// Method and path.
    pub route: String,
    pub key: String,
}

/// This request is the one to run. `seed`: what it creates takes ids that follow from it, so that a run that was cut
/// off and comes again creates nothing twice.
pub struct Claim {
    id: Id,
    claimed_at: DateTime<Utc>,
    pub seed: Uuid,
}

pub enum Outcome {
    Run(Claim),
    /// Status and body that were answered before.
    Answered(u16, Vec<u8>),
    /// The key was used for another request.
    Another,
    /// The first one still runs.
    Busy,
}

/// `request` is a digest of all that the client sent.
pub async fn begin(db: &Db, id: Id, request: &[u8]) -> Result<Outcome> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = PAUSE;
    loop {
        let now = clock::now();
        let run = |seed| {
            Outcome::Run(Claim {
                id: id.clone(),
                claimed_at: now,
                seed,
            })
        };
        let known = store::find(db, &id).await?;
        let Some(row) = known.filter(|row| row.claimed_at >= now - KEPT) else {
            let seed = Uuid::new_v4();
            if store::claim(db, &id, request, seed, now, now - KEPT).await? {
                return Ok(run(seed));
            }
            continue;
        };
        if row.request != request {
            return Ok(Outcome::Another);
        }
        if let (Some(status), Some(answer)) = (row.status, row.answer) {
            return Ok(Outcome::Answered(status.unsigned_abs(), answer));
        }
        if row.claimed_at < now - CUT_OFF {
            if let Some(seed) = store::take_over(db, &id, row.claimed_at, now).await? {
                return Ok(run(seed));
            }
            continue;
        }
        if Instant::now() >= deadline {
            return Ok(Outcome::Busy);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What no server runs any more can be taken over at once. Only right where no other server can be alive, that is, with
/// a private database whose lock this process holds.
pub async fn release_all(db: &Db) -> Result<()> {
    store::release_all(db, clock::now() - CUT_OFF - CUT_OFF).await
}

/// How a run ended.
pub enum Ended {
    Answered(u16, Vec<u8>),
    /// It was refused, or failed: the key is free again.
    Refused,
    /// It goes on behind the answer: the same request again is run again, with the same seed.
    Unfinished,
}

impl Claim {
    pub async fn end(self, db: &Db, ended: Ended) -> Result<()> {
        let Self { id, claimed_at, .. } = self;
        match ended {
            Ended::Answered(status, answer) => {
                store::keep(db, &id, claimed_at, status.cast_signed() as _, &answer).await
            }
            Ended::Refused => store::forget(db, &id, claimed_at).await,
            Ended::Unfinished => {
                let cut_off = claimed_at - CUT_OFF - CUT_OFF;
                store::release(db, &id, claimed_at, cut_off).await
            }
        }
    }
}

/// Forgets answers that are not given any more.
pub async fn purge(db: &Db) -> Result<()> {
    store::purge(db, clock::now() - KEPT).await
}
