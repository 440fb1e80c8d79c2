//! Action items that were proposed first, and those that become proposals again.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ActionItem, store};
use crate::error::Result;

/// Of what was found on the screen so many stay; the others become proposals again.
const MOST_OF_SCREEN: i64 = 3;

/// A task that is not on the list, or that left it.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub id: Uuid,
    pub description: String,
    pub due_at: Option<DateTime<Utc>>,
    pub source: Option<String>,
    pub priority: Option<String>,
    pub metadata: Option<String>,
    pub category: Option<String>,
    /// 0 to 1000; the lower, the better.
    pub relevance_score: Option<i32>,
}

/// Puts a proposal on the list, under an id of its own.
pub async fn take_up(
    tx: &mut PgConnection,
    uid: &str,
    proposal: &Proposal,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<ActionItem> {
    Ok(store::take_up(tx, uid, proposal, id, now).await?)
}

/// Takes off the list what was found on the screen and is open, but for the best; with how many those are.
pub async fn put_back_of_screen(tx: &mut PgConnection, uid: &str) -> Result<(Vec<Proposal>, i64)> {
    let back = store::put_back_of_screen(&mut *tx, uid, MOST_OF_SCREEN).await?;
    Ok((back, store::count_of_screen(tx, uid).await?))
}

/// Takes off the list what was found in conversations and is open.
pub async fn put_back_of_conversations(tx: &mut PgConnection, uid: &str) -> Result<Vec<Proposal>> {
    Ok(store::put_back_of_conversations(tx, uid).await?)
}
