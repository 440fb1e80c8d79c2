//! What all channels of a session share: which conversation they write to, and who the voices are.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use uuid::Uuid;

use crate::features::conversations::Speaker;

/// Enough to recognise what is told about the last ones.
const MOST_CONVERSATIONS: usize = 16;
/// Voices that are remembered.
const MOST_VOICES: usize = 100;

#[derive(Default)]
pub struct Course {
    /// Where the next segments go, last, after every earlier conversation of this session.
    conversations: Mutex<Vec<Uuid>>,
    /// Held while the session moves to another conversation, or writes to one.
    pub turn: tokio::sync::Mutex<()>,
    /// Somebody tells voices apart.
    labelled: AtomicBool,
    /// By the number in `SPEAKER_<n>`.
    voices: Mutex<HashMap<i32, Speaker>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Course {
    /// The last ones that this session wrote to, the present one last.
    pub fn conversations(&self) -> Vec<Uuid> {
        lock(&self.conversations).clone()
    }

    pub fn conversation_id(&self) -> Uuid {
        lock(&self.conversations)
            .last()
            .copied()
            .unwrap_or_default()
    }

    /// Voices of one conversation are not those of another.
    pub fn roll_onto(&self, id: Uuid) {
        let mut conversations = lock(&self.conversations);
        if conversations.last() == Some(&id) {
            return;
        }
        conversations.retain(|known| *known != id);
        conversations.push(id);
        if conversations.len() > MOST_CONVERSATIONS {
            conversations.remove(0);
        }
        lock(&self.voices).clear();
    }

    /// Whether this session wrote to that conversation.
    pub fn wrote_to(&self, id: Uuid) -> bool {
        lock(&self.conversations).contains(&id)
    }

    pub fn told_voices_apart(&self) {
        self.labelled.store(true, Ordering::Release);
    }

    /// Whether labels mean voices: one recogniser that does not know them gives everybody the same.
    pub fn tells_voices_apart(&self) -> bool {
        self.labelled.load(Ordering::Acquire)
    }

    /// Who is meant by a label, from now on.
    pub fn name_voice(&self, number: i32, speaker: Speaker) {
        let mut voices = lock(&self.voices);
        if voices.len() < MOST_VOICES || voices.contains_key(&number) {
            voices.insert(number, speaker);
        }
    }

    pub fn voice(&self, number: i32) -> Option<Speaker> {
        lock(&self.voices).get(&number).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> Uuid {
        Uuid::from_u128(number as u128 + 1)
    }

    #[test]
    fn voices_are_those_of_one_conversation() {
        let course = Course::default();
        course.roll_onto(id(0));
        course.name_voice(1, Speaker::User);
        // Going on with the same one changes nothing.
        course.roll_onto(id(0));
        assert_eq!(course.voice(1), Some(Speaker::User));
        course.roll_onto(id(1));
        assert_eq!((course.conversation_id(), course.voice(1)), (id(1), None));
        // One that comes back is the present one, and known once.
        course.roll_onto(id(0));
        assert_eq!(course.conversations(), [id(1), id(0)]);
    }

    #[test]
    fn the_last_conversations_and_a_hundred_voices_are_remembered() {
        let course = Course::default();
        assert_eq!(course.conversation_id(), Uuid::nil());
        for number in 0..=MOST_CONVERSATIONS {
            course.roll_onto(id(number));
        }
        assert!(!course.wrote_to(id(0)));
        assert!(course.wrote_to(id(1)) && course.wrote_to(id(MOST_CONVERSATIONS)));
        for number in 0..MOST_VOICES as i32 {
            course.name_voice(number, Speaker::Person("one".into()));
        }
        course.name_voice(MOST_VOICES as i32, Speaker::User);
        assert_eq!(course.voice(MOST_VOICES as i32), None);
        course.name_voice(0, Speaker::User);
        assert_eq!(course.voice(0), Some(Speaker::User));
    }
}
