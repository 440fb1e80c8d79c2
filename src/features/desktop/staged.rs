//! Tasks that the desktop app proposes.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::store;
use crate::{
    error::{Error, Result},
    features::{
        action_items::{self, ActionItem, Proposal},
        credentials::Caller,
        lenient,
        schema::Moment,
    },
    platform::{clock, database::Db, ids},
};

/// Where a proposal comes from that was an action item of a conversation.
const OF_CONVERSATIONS: &str = "conversation_migration";
/// Most scores that one request sets.
const MOST_SCORES: usize = 500;
/// The worst score.
const WORST: i32 = 1000;

#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewStagedTask {
    #[schema(
        min_length = 1,
        max_length = 5000,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    pub description: String,
    #[serde(default, with = "lenient::optional_datetime")]
    #[schema(value_type = Option<Moment>)]
    pub due_at: Option<DateTime<Utc>>,
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^[^\x00]*$")]
    pub source: Option<String>,
    #[serde(default)]
    #[schema(max_length = 100, pattern = r"^[^\x00]*$")]
    pub priority: Option<String>,
    #[serde(default)]
    #[schema(max_length = 20000, pattern = r"^[^\x00]*$")]
    pub metadata: Option<String>,
    #[serde(default)]
    #[schema(max_length = 100, pattern = r"^[^\x00]*$")]
    pub category: Option<String>,
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1000)]
    pub relevance_score: Option<i32>,
}

impl NewStagedTask {
    fn checked(self) -> Result<Proposal> {
        for (field, text, most) in [
            ("source", &self.source, 500),
            ("priority", &self.priority, 100),
            ("metadata", &self.metadata, 20_000),
            ("category", &self.category, 100),
        ] {
            lenient::at_most(field, text.as_deref().unwrap_or_default(), most)?;
        }
        scored(self.relevance_score)?;
        Ok(Proposal {
            id: ids::new(),
            description: lenient::text("description", &self.description, 5000)?,
            due_at: self.due_at,
            source: self.source,
            priority: self.priority,
            metadata: self.metadata,
            category: self.category,
            relevance_score: self.relevance_score,
        })
    }
}

fn scored(score: Option<i32>) -> Result<()> {
    if score.is_none_or(|score| (0..=WORST).contains(&score)) {
        Ok(())
    } else {
        Err(Error::invalid(
            "relevance_score",
            format!("relevance_score must be between 0 and {WORST}"),
        ))
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StagedTask {
    pub id: Uuid,
    pub description: String,
    /// It was promoted.
    pub completed: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    #[schema(required)]
    pub due_at: Option<DateTime<Utc>>,
    #[schema(required)]
    pub source: Option<String>,
    #[schema(required)]
    pub priority: Option<String>,
    #[schema(required)]
    pub metadata: Option<String>,
    #[schema(required)]
    pub category: Option<String>,
    /// The lower, the better.
    #[schema(required)]
    pub relevance_score: Option<i32>,
}

/// An action item that was proposed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PromotedTask {
    #[serde(flatten)]
    pub item: ActionItem,
    #[schema(required)]
    pub source: Option<String>,
    #[schema(required)]
    pub priority: Option<String>,
    #[schema(required)]
    pub metadata: Option<String>,
    #[schema(required)]
    pub category: Option<String>,
    #[schema(required)]
    pub relevance_score: Option<i32>,
    /// True.
    pub from_staged: bool,
}

/// Keeps a proposal. The same words again are the one that is there, also if it was promoted.
pub async fn stage(db: &Db, caller: &Caller, new: NewStagedTask) -> Result<StagedTask> {
    let proposal = new.checked()?;
    Ok(store::stage(db, &caller.uid, &proposal, clock::now()).await?)
}

/// Open proposals, the best first, those without a score last; and whether more follow.
pub async fn staged(
    db: &Db,
    caller: &Caller,
    limit: i64,
    offset: i64,
) -> Result<(Vec<StagedTask>, bool)> {
    let mut found = store::staged(db, &caller.uid, limit + 1, offset).await?;
    let more = found.len() as i64 > limit;
    found.truncate(limit as usize);
    Ok((found, more))
}

/// Whether there was one does not matter.
pub async fn delete_staged(db: &Db, caller: &Caller, id: Uuid) -> Result<()> {
    Ok(store::delete_staged(db, &caller.uid, id).await?)
}

/// Scores of open proposals; others are left alone.
pub async fn score_staged(db: &Db, caller: &Caller, scores: &[(Uuid, i32)]) -> Result<()> {
    if scores.len() > MOST_SCORES {
        return Err(Error::invalid(
            "scores",
            format!("scores must hold at most {MOST_SCORES}"),
        ));
    }
    for (index, (_, score)) in scores.iter().enumerate() {
        scored(Some(*score)).map_err(|error| error.in_item("scores", index))?;
    }
    Ok(store::score_staged(db, &caller.uid, scores, clock::now()).await?)
}

/// Makes an action item of the best proposal. None: there is none.
pub async fn promote(db: &Db, caller: &Caller) -> Result<Option<PromotedTask>> {
    let now = clock::now();
    let mut tx = db.begin().await?;
    let Some(best) = store::take_best(&mut tx, &caller.uid, now).await? else {
        return Ok(None);
    };
    let item = action_items::take_up(&mut tx, &caller.uid, &best, ids::new(), now).await?;
    tx.commit().await?;
    Ok(Some(PromotedTask {
        item,
        source: best.source,
        priority: best.priority,
        metadata: best.metadata,
        category: best.category,
        relevance_score: best.relevance_score,
        from_staged: true,
    }))
}

/// Action items that were found on the screen become proposals again, but for the best: how many, and how many stay.
pub async fn stage_of_screen(db: &Db, caller: &Caller) -> Result<(usize, i64)> {
    let mut tx = db.begin().await?;
    let (back, kept) = action_items::put_back_of_screen(&mut tx, &caller.uid).await?;
    store::stage_all(&mut tx, &caller.uid, &back, clock::now()).await?;
    tx.commit().await?;
    Ok((back.len(), kept))
}

/// Action items that were found in conversations become proposals: how many.
pub async fn stage_of_conversations(db: &Db, caller: &Caller) -> Result<usize> {
    let mut tx = db.begin().await?;
    let mut back = action_items::put_back_of_conversations(&mut tx, &caller.uid).await?;
    for proposal in &mut back {
        proposal.source = Some(OF_CONVERSATIONS.into());
    }
    store::stage_all(&mut tx, &caller.uid, &back, clock::now()).await?;
    tx.commit().await?;
    Ok(back.len())
}
