//! How a conversation that is heard begins, or goes on.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Status, store};
use crate::{
    error::Result,
    platform::{clock, database::Db, ids},
};

/// What a device says of the conversation that it is about to hear.
#[derive(Clone, Copy, Default)]
pub struct Opening<'a> {
    pub source: &'static str,
    pub language: &'a str,
    /// Silence that ends it.
    pub timeout_seconds: i32,
    /// Its id, if the device chose one.
    pub id: Option<Uuid>,
    /// Of a telephone call: its name at whoever connects it.
    pub call_id: Option<&'a str>,
}

/// Continues the conversation that has the wanted id, else, if none is wanted, the user's open one whose last word is younger
/// than its time-out, which becomes that of `opening`; else opens a new one. An older one is left to the sweeper. An id that
/// was used for a conversation that has ended is not used again.
pub async fn open(db: &Db, uid: &str, opening: Opening<'_>) -> Result<Uuid> {
    let now = clock::now();
    let mut tx = db.begin().await?;
    let timeout = opening.timeout_seconds;
    let resume = async |tx: &mut PgConnection| match opening.id {
        Some(id) => store::resume_that(tx, uid, id, timeout).await,
        None => store::resume(tx, uid, timeout, now).await,
    };
    let resumed = match resume(&mut tx).await? {
        Some(id) => Some(id),
        None => {
            // Two sockets of one user may get here at once: they are to share one.
            store::lock_opening(&mut tx, uid).await?;
            resume(&mut tx).await?
        }
    };
    let id = match resumed {
        Some(id) => id,
        None => open_new(&mut tx, uid, opening, now).await?,
    };
    tx.commit().await?;
    Ok(id)
}

/// Opens one whatever else is open: for a call, or for audio of an earlier time.
pub async fn open_apart(db: &Db, uid: &str, opening: Opening<'_>) -> Result<Uuid> {
    let mut tx = db.begin().await?;
    let id = open_new(&mut tx, uid, opening, clock::now()).await?;
    tx.commit().await?;
    Ok(id)
}

async fn open_new(
    tx: &mut PgConnection,
    uid: &str,
    opening: Opening<'_>,
    now: DateTime<Utc>,
) -> Result<Uuid> {
    let row = |id| store::NewRow {
        id,
        status: Status::InProgress,
        source: opening.source,
        language: Some(opening.language),
        started_at: now,
        finished_at: now,
        timeout_seconds: opening.timeout_seconds,
        keep: false,
        geolocation: None,
        external_data: None,
        app_id: None,
        content_hash: None,
        call_id: opening.call_id,
    };
    if let Some(id) = opening.id
        && store::insert(&mut *tx, uid, row(id)).await?
    {
        return Ok(id);
    }
    let id = ids::new();
    store::insert(tx, uid, row(id)).await?;
    Ok(id)
}
