//! Words that come later, of a recording that was made without a server: they go to the conversation of that time.

use chrono::{DateTime, Duration, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{FINISHED, Status, event, store};
use crate::{
    error::Result,
    platform::{ids, outbox::Outbox},
};

/// A conversation that ended or began so long before or after still counts as of that time.
const NEAR: Duration = Duration::minutes(2);

/// A locked conversation.
pub struct Target {
    pub id: Uuid,
    pub started_at: DateTime<Utc>,
    pub discarded: bool,
    /// When something was said, in seconds from its start.
    pub spans: Vec<(f64, f64)>,
}

/// Locks the wanted conversation, or else the one that is nearest to that time, until the end of `tx`.
pub async fn lock_near(
    tx: &mut PgConnection,
    uid: &str,
    wanted: Option<Uuid>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Option<Target>> {
    let mut found = None;
    if let Some(id) = wanted {
        found = store::lock_one(tx, uid, id).await?;
    }
    if found.is_none() {
        found = store::lock_nearest(tx, uid, from, to, NEAR).await?;
    }
    let Some((id, started_at, discarded)) = found else {
        return Ok(None);
    };
    Ok(Some(Target {
        id,
        started_at,
        discarded,
        spans: store::spans(tx, uid, id).await?,
    }))
}

/// A conversation of that time, which waits to be understood; `hand_over` has that done.
pub async fn create_later(
    tx: &mut PgConnection,
    uid: &str,
    source: &str,
    language: Option<&str>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Uuid> {
    let id = ids::new();
    let row = store::NewRow {
        id,
        status: Status::Processing,
        source,
        language,
        started_at: from,
        finished_at: to,
        timeout_seconds: 0,
        keep: false,
        geolocation: None,
        external_data: None,
        app_id: None,
        content_hash: None,
        call_id: None,
    };
    store::insert(tx, uid, row).await?;
    Ok(id)
}

/// Has a conversation understood that words were added to. One that is still open or waits anyway is left alone.
pub async fn hand_over(
    tx: &mut sqlx::Transaction<'_, sqlx::Postgres>,
    outbox: &Outbox,
    uid: &str,
    id: Uuid,
    new: bool,
) -> Result<()> {
    if new || store::wait_again(tx, uid, id).await? {
        outbox
            .publish(tx, &event(FINISHED, uid, id, "uploaded"))
            .await?;
    }
    Ok(())
}
