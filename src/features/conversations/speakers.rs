//! Whose voice a segment is, and what it means in another language.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{TranscriptSegment, store};
use crate::{error::Result, platform::database::Db};

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaker {
    User,
    /// Id of a person.
    Person(String),
}

impl Speaker {
    /// As Omi's clients name one: `user`, or the id of a person.
    pub fn named(id: &str) -> Self {
        if id == "user" {
            Self::User
        } else {
            Self::Person(id.into())
        }
    }

    pub fn is_user(&self) -> bool {
        *self == Self::User
    }

    pub fn person_id(&self) -> Option<&str> {
        match self {
            Self::User => None,
            Self::Person(id) => Some(id),
        }
    }

    pub(super) fn of(is_user: bool, person_id: Option<String>) -> Option<Self> {
        if is_user {
            Some(Self::User)
        } else {
            person_id.map(Self::Person)
        }
    }
}

/// Says whose these segments of a conversation are, and with `label` all others that carry this number and are nobody's yet.
/// Gives those that it changed.
pub async fn assign(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    segments: &[Uuid],
    label: Option<i32>,
    speaker: &Speaker,
) -> Result<Vec<TranscriptSegment>> {
    Ok(store::assign(tx, uid, conversation_id, segments, label, speaker).await?)
}

/// Who was said to be behind the labels of a conversation.
pub async fn voices(db: &Db, uid: &str, conversation_id: Uuid) -> Result<Vec<(i32, Speaker)>> {
    let known = store::voices(db, uid, conversation_id).await?;
    Ok(known
        .into_iter()
        .filter_map(|(label, is_user, person_id)| Some((label, Speaker::of(is_user, person_id)?)))
        .collect())
}

/// Translations of segments, in the order of `ids`.
pub struct Translated<'a> {
    pub ids: Vec<Uuid>,
    /// What was translated.
    pub texts: Vec<String>,
    pub translations: Vec<String>,
    pub language: &'a str,
}

/// Adds translations to those of the segments whose text is still what was translated; gives those.
pub async fn translate(
    db: &Db,
    uid: &str,
    conversation_id: Uuid,
    found: Translated<'_>,
) -> Result<Vec<TranscriptSegment>> {
    Ok(store::translate(db, uid, conversation_id, &found).await?)
}
