//! Whose voice a segment is, and what it means in another language.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Conversation, TranscriptSegment, edits::or_absent, get, store, with_photos};
use crate::{
    error::{Error, Result},
    features::credentials::Caller,
    platform::database::Db,
};

/// Longest id of a person, in characters.
const LONGEST_PERSON: usize = 200;

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

/// Which segments of a conversation are meant.
#[derive(Clone, Copy, Debug)]
pub enum Spoken<'a> {
    /// The one at this place; None is beyond the last.
    At(Option<i64>),
    /// All that carry this number; None: no number.
    Labelled(Option<i32>),
    /// Those of these ids that there are.
    Ids(&'a [String]),
}

/// Says whose segments are, or that they are nobody's, and gives the whole conversation. `kind` is `is_user`, where any value
/// means that the user speaks, even `false`; or `person_id`, where the value is the id of a person, who need not be known. A
/// value that is left out, empty or `null` takes the speaker away.
pub async fn assign_by_hand(
    db: &Db,
    caller: &Caller,
    id: Uuid,
    spoken: Spoken<'_>,
    kind: &str,
    value: Option<&str>,
) -> Result<Conversation> {
    let uid = &caller.uid;
    let mut tx = db.begin().await?;
    or_absent(store::lock(&mut tx, uid, id).await?)?;
    let segments = match spoken {
        Spoken::At(place) => {
            let found = match place.filter(|place| *place >= 0) {
                Some(place) => store::segment_at(&mut tx, uid, id, place).await?,
                None => None,
            };
            vec![found.ok_or(Error::NotFound("Segment"))?]
        }
        Spoken::Labelled(label) => store::labelled(&mut tx, uid, id, label).await?,
        Spoken::Ids(ids) => {
            let wanted: Vec<Uuid> = ids.iter().filter_map(|id| id.parse().ok()).collect();
            store::known_segments(&mut tx, uid, id, &wanted).await?
        }
    };
    // Nothing is wrong with what is said of no segment.
    let bulk = matches!(spoken, Spoken::Ids(_));
    if !(bulk && segments.is_empty()) {
        let (is_user, person_id) = speaker(kind, value)?;
        store::set_speaker(&mut tx, uid, id, &segments, is_user, person_id).await?;
        tx.commit().await?;
    }
    with_photos(db, uid, get(db, uid, id).await?).await
}

fn speaker<'a>(kind: &str, value: Option<&'a str>) -> Result<(bool, Option<&'a str>)> {
    let value = value.filter(|value| !value.is_empty() && *value != "null");
    if value.is_some_and(|value| value.chars().count() > LONGEST_PERSON) {
        return Err(Error::BadRequest(format!(
            "value must have at most {LONGEST_PERSON} characters"
        )));
    }
    match kind {
        "is_user" => Ok((value.is_some(), None)),
        "person_id" => Ok((false, value)),
        _ => Err(Error::BadRequest(
            "Invalid assign type: assign_type must be is_user or person_id".into(),
        )),
    }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_speaker_is_read_as_clients_send_it() {
        for (kind, value, expected) in [
            ("is_user", Some("true"), (true, None)),
            ("is_user", Some("false"), (true, None)),
            ("is_user", Some("null"), (false, None)),
            ("is_user", Some(""), (false, None)),
            ("is_user", None, (false, None)),
            ("person_id", Some("p1"), (false, Some("p1"))),
            ("person_id", Some("null"), (false, None)),
            ("person_id", None, (false, None)),
        ] {
            assert_eq!(speaker(kind, value).unwrap(), expected, "{kind} {value:?}");
        }
        speaker("person", Some("p1")).unwrap_err();
        speaker("person_id", Some(&"p".repeat(201))).unwrap_err();
    }
}
