//! What a query lets through besides its words. What depends on a conversation or a person is read once for a question, as
//! it is now; then each item is decided upon in memory.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    Kind, Query,
    model::{Key, Place},
    store,
};
use crate::{error::Result, platform::database::Db};

/// Columns as statements take them.
#[derive(Default)]
pub struct Filters {
    pub kinds: Vec<String>,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    /// Conversations that are left out with what was said in them.
    pub discarded: Vec<Uuid>,
    /// Conversations of the folder.
    pub folder: Option<Vec<Uuid>>,
    /// Who said it.
    pub person_id: Option<String>,
    /// Conversations in which the person speaks.
    pub spoken: Option<Vec<Uuid>>,
}

pub struct Admitted {
    pub filters: Filters,
    kinds: Vec<Kind>,
    discarded: HashSet<Uuid>,
    folder: Option<HashSet<Uuid>>,
    person: Option<Said>,
}

/// What somebody said.
#[derive(Default)]
pub struct Said {
    segments: HashSet<Uuid>,
    conversations: HashSet<Uuid>,
}

impl Said {
    pub fn new(segments: &[Uuid], conversations: &[Uuid]) -> Self {
        Self {
            segments: segments.iter().copied().collect(),
            conversations: conversations.iter().copied().collect(),
        }
    }

    /// The segment is theirs, or they speak in the conversation.
    pub fn holds(&self, key: &Key) -> bool {
        match key.kind {
            Kind::Segment => self.segments.contains(&key.id),
            Kind::Conversation => self.conversations.contains(&key.id),
            Kind::Memory | Kind::ActionItem => false,
        }
    }
}

/// Whether the filters alone tell what is asked for. An end without a beginning does not.
pub fn narrow(query: &Query) -> bool {
    query.from.is_some() || query.folder_id.is_some() || query.person_id.is_some()
}

impl Admitted {
    pub async fn read(db: &Db, uid: &str, query: &Query) -> Result<Self> {
        let folder_id = query.folder_id.as_deref();
        let homes = store::homes(db, uid, query.include_discarded, folder_id).await?;
        let (person, spoken) = match query.person_id.clone() {
            Some(id) => {
                let (segments, conversations) = store::said(db, uid, &[id]).await?;
                let said = Said::new(&segments, &conversations);
                (Some(said), Some(conversations))
            }
            None => (None, None),
        };
        let filters = Filters {
            kinds: query
                .kinds
                .iter()
                .map(|kind| kind.as_str().into())
                .collect(),
            from: query.from,
            to: query.to,
            discarded: homes.discarded,
            folder: folder_id.map(|_| homes.folder),
            person_id: query.person_id.clone(),
            spoken,
        };
        Ok(Self {
            kinds: query.kinds.clone(),
            discarded: filters.discarded.iter().copied().collect(),
            folder: filters
                .folder
                .as_ref()
                .map(|ids| ids.iter().copied().collect()),
            person,
            filters,
        })
    }

    pub fn holds(&self, key: &Key, place: &Place) -> bool {
        let home = place.conversation_id;
        let spoken = matches!(key.kind, Kind::Segment | Kind::Conversation);
        (self.kinds.is_empty() || self.kinds.contains(&key.kind))
            && self.filters.from.is_none_or(|from| place.at >= from)
            && self.filters.to.is_none_or(|to| place.at <= to)
            && !(spoken && home.is_some_and(|id| self.discarded.contains(&id)))
            && self
                .folder
                .as_ref()
                .is_none_or(|folder| home.is_some_and(|id| folder.contains(&id)))
            && self.person.as_ref().is_none_or(|said| said.holds(key))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_filter_decides() {
        let [home, other, segment] = [1, 2, 3].map(Uuid::from_u128);
        let at = |day| format!("2026-01-{day:02}T00:00:00Z").parse().unwrap();
        let key = |kind, id| Key { kind, id };
        let place = |home, day| Place {
            conversation_id: home,
            length: 1,
            at: at(day),
        };
        let none = || Admitted {
            filters: Filters::default(),
            kinds: Vec::new(),
            discarded: HashSet::new(),
            folder: None,
            person: None,
        };
        let said = key(Kind::Segment, segment);
        assert!(none().holds(&said, &place(Some(home), 5)));

        let mut bounded = none();
        bounded.filters.from = Some(at(4));
        bounded.filters.to = Some(at(6));
        let days = [3, 4, 6, 7].map(|day| bounded.holds(&said, &place(Some(home), day)));
        assert_eq!(days, [false, true, true, false]);

        let mut kept = none();
        kept.discarded.insert(home);
        assert!(!kept.holds(&said, &place(Some(home), 5)));
        assert!(kept.holds(&said, &place(Some(other), 5)));
        // What was learnt in a discarded conversation stays.
        assert!(kept.holds(&key(Kind::Memory, other), &place(Some(home), 5)));

        let mut filed = none();
        filed.folder = Some([home].into());
        assert!(filed.holds(&said, &place(Some(home), 5)));
        assert!(!filed.holds(&said, &place(Some(other), 5)));
        assert!(!filed.holds(&key(Kind::Memory, other), &place(None, 5)));

        let mut spoken = none();
        spoken.person = Some(Said::new(&[segment], &[home]));
        assert!(spoken.holds(&said, &place(Some(home), 5)));
        assert!(spoken.holds(&key(Kind::Conversation, home), &place(Some(home), 5)));
        assert!(!spoken.holds(&key(Kind::Segment, other), &place(Some(home), 5)));
        assert!(!spoken.holds(&key(Kind::Memory, segment), &place(Some(home), 5)));
    }
}
