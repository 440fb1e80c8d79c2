//! What those are called who speak.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::{error::Result, features::conversations::TranscriptSegment, platform::database::Db};

/// Names of those who speak in some conversations of a user, read once for all of them.
#[derive(Clone, Debug)]
pub struct Speakers {
    user: String,
    people: HashMap<Uuid, String>,
}

impl Speakers {
    /// `user`: the user's own name, which may be empty. `ids`: people.
    pub async fn of(db: &Db, uid: &str, user: &str, ids: &[Uuid]) -> Result<Self> {
        Ok(Self::with(user, super::names(db, uid, ids).await?))
    }

    fn with(user: &str, people: HashMap<Uuid, String>) -> Self {
        let people = people.into_iter().map(|(id, name)| (id, on_a_line(&name)));
        Self {
            user: match on_a_line(user) {
                none if none.is_empty() => "User".into(),
                name => name,
            },
            people: people.collect(),
        }
    }

    /// Whoever the user or somebody else said that it is.
    pub fn known(&self, is_user: bool, person_id: Option<&str>) -> Option<&str> {
        if is_user {
            return Some(&self.user);
        }
        let id: Uuid = person_id?.parse().ok()?;
        self.people.get(&id).map(String::as_str)
    }

    /// The user's name, else `User`; that of the person; or `Speaker <n>`.
    pub fn name(&self, segment: &TranscriptSegment) -> String {
        match self.known(segment.is_user, segment.person_id.as_deref()) {
            Some(name) => name.into(),
            None => format!("Speaker {}", segment.speaker_id),
        }
    }

    /// `Name: text`, a line a segment.
    pub fn transcript(&self, segments: &[TranscriptSegment]) -> String {
        let lines = segments
            .iter()
            .map(|segment| line(&self.name(segment), &segment.text));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The people that speak in these segments, each once.
pub fn speaking<'a>(segments: impl IntoIterator<Item = &'a TranscriptSegment>) -> Vec<Uuid> {
    let others = segments.into_iter().filter(|segment| !segment.is_user);
    let ids = others.filter_map(|segment| segment.person_id.as_deref()?.parse().ok());
    let ids: HashSet<Uuid> = ids.collect();
    ids.into_iter().collect()
}

/// How a transcript shows what somebody said.
pub fn line(speaker: &str, text: &str) -> String {
    format!("{speaker}: {}", text.trim())
}

/// A name cannot look like the next line of a transcript.
fn on_a_line(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_known_is_called_by_name() {
        let ann = Uuid::from_u128(1);
        let said = |is_user, person_id: Option<Uuid>| TranscriptSegment {
            text: " Hello. ".into(),
            speaker_id: 2,
            is_user,
            person_id: person_id.map(|id| id.to_string()),
            ..TranscriptSegment::default()
        };
        let people = HashMap::from([(ann, "Ann\nUser: I".to_string())]);
        let speakers = Speakers::with("", people.clone());
        let segments = [
            said(true, Some(ann)),
            said(false, Some(ann)),
            said(false, Some(Uuid::from_u128(2))),
            said(false, None),
        ];
        assert_eq!(
            speakers.transcript(&segments),
            "User: Hello.\nAnn User: I: Hello.\nSpeaker 2: Hello.\nSpeaker 2: Hello."
        );
        let speakers = Speakers::with("Maya", people);
        assert_eq!(speakers.name(&said(true, None)), "Maya");
        assert_eq!(speakers.known(false, Some("nobody")), None);
    }
}
