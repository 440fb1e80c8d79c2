//! What a memory is, and how it is ranked.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::{NewMemory, input::private};
use crate::platform::ids;

/// Every category a memory may have: three of today, and those of older clients, kept as sent.
pub const CATEGORIES: [&str; 13] = [
    "interesting",
    "system",
    "manual",
    "core",
    "hobbies",
    "lifestyle",
    "interests",
    "habits",
    "work",
    "skills",
    "learnings",
    "other",
    "auto",
];

#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    pub id: Uuid,
    pub content: String,
    pub category: String,
    /// `private` or `public`.
    pub visibility: String,
    pub tags: Vec<String>,
    pub headline: Option<String>,
    pub conversation_id: Option<Uuid>,
    pub app_id: Option<String>,
    pub manually_added: bool,
    pub reviewed: bool,
    /// False: rejected by the user. None: not judged.
    pub user_review: Option<bool>,
    pub edited: bool,
    /// `MM_CCC_EEEEEEEEEE`, sorted descending: stated by the user, rank of the category, creation in epoch seconds.
    pub scoring: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// What others need to know of a memory.
#[derive(Clone, Debug)]
pub struct Known {
    pub id: Uuid,
    pub content: String,
    pub conversation_id: Option<Uuid>,
    pub created_at: DateTime<Utc>,
    pub manually_added: bool,
    /// Found in a conversation, and the user neither stated nor changed nor judged it.
    pub replaceable: bool,
}

impl Memory {
    pub(super) fn stated(new: NewMemory, category: String, now: DateTime<Utc>) -> Self {
        Self {
            visibility: new.visibility,
            tags: new.tags,
            headline: new.headline,
            manually_added: true,
            user_review: Some(true),
            scoring: scoring(true, &category, now),
            ..Self::found_in(&new.content, category, None, now)
        }
    }

    /// Known already, and now stated by the user. Without a category that is new, a stated memory stays as it is.
    pub(super) fn stated_again(self, category: Option<String>, now: DateTime<Utc>) -> Self {
        let category = category.unwrap_or_else(|| self.category.clone());
        let unchanged =
            category == self.category && self.manually_added && self.user_review == Some(true);
        Self {
            manually_added: true,
            reviewed: true,
            user_review: Some(true),
            scoring: scoring(true, &category, self.created_at),
            category,
            updated_at: if unchanged { self.updated_at } else { now },
            ..self
        }
    }

    pub(super) fn found(
        content: &str,
        category: String,
        conversation_id: Uuid,
        now: DateTime<Utc>,
    ) -> Self {
        Self::found_in(content, category, Some(conversation_id), now)
    }

    /// Brought by an app, or found in a text that one brought.
    pub(super) fn brought(
        content: &str,
        category: String,
        tags: Vec<String>,
        app_id: Option<Uuid>,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            tags,
            app_id: app_id.map(|id| id.to_string()),
            ..Self::found_in(content, category, None, now)
        }
    }

    fn found_in(
        content: &str,
        category: String,
        conversation_id: Option<Uuid>,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id: ids::from_content(content),
            content: content.to_string(),
            scoring: scoring(false, &category, now),
            category,
            visibility: private(),
            tags: Vec::new(),
            headline: None,
            conversation_id,
            app_id: None,
            manually_added: false,
            reviewed: true,
            user_review: None,
            edited: false,
            created_at: now,
            updated_at: now,
        }
    }
}

/// The list order as text: the greater, the earlier.
fn scoring(manually_added: bool, category: &str, created_at: DateTime<Utc>) -> String {
    format!(
        "{:02}_{}_{:010}",
        i32::from(manually_added),
        rank(category),
        created_at.timestamp()
    )
}

/// The category's part of the list order, three digits.
pub(super) fn rank(category: &str) -> &'static str {
    match category {
        "system" | "habits" | "other" | "auto" => "999",
        _ => "998",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn scoring_sorts_stated_first_and_system_before_interesting() {
        let at = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
        assert_eq!(scoring(true, "manual", at), "01_998_1767225600");
        assert_eq!(scoring(false, "system", at), "00_999_1767225600");
        assert_eq!(scoring(false, "interesting", at), "00_998_1767225600");
    }
}
