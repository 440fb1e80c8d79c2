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
