//! Who is listening right now on this instance.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::course::Course;

/// What others may ask of a session: to recognise all it has heard so far.
pub(super) type Flush = oneshot::Sender<()>;

/// The part of a session that others may look at.
pub(super) struct Live {
    pub uid: String,
    pub course: Arc<Course>,
    /// Somebody is speaking.
    pub speaking: AtomicBool,
    /// Where its audio has come to, in microseconds since 1970; ahead of the clock if the device sends
    /// faster than it hears.
    pub heard_until: AtomicI64,
    /// Utterances that have ended and are not stored yet.
    pub queued: AtomicU64,
    /// What its device said and is not done yet.
    pub ordered: watch::Sender<u64>,
    /// The sample before which everything heard is silence or was queued as an utterance.
    pub safe: AtomicU64,
    /// The sample before which the spool is not needed any more to keep the sound.
    pub kept: AtomicU64,
    /// Utterances in a row in which no word was recognised.
    pub wordless: AtomicU32,
    flush: mpsc::Sender<Flush>,
}

impl Live {
    /// The receiver gets the requests to flush.
    pub fn new(uid: &str, course: Arc<Course>) -> (Arc<Self>, mpsc::Receiver<Flush>) {
        let (flush, requests) = mpsc::channel(8);
        let live = Self {
            uid: uid.into(),
            course,
            speaking: AtomicBool::new(false),
            heard_until: AtomicI64::new(0),
            queued: AtomicU64::new(0),
            ordered: watch::Sender::new(0),
            safe: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            wordless: AtomicU32::new(0),
            flush,
        };
        (Arc::new(live), requests)
    }

    /// Until all is done that its device said.
    pub async fn obeyed(&self) {
        let mut ordered = self.ordered.subscribe();
        drop(ordered.wait_for(|orders| *orders == 0).await);
    }

    /// Somebody speaks, or spoke and is not understood yet. Endless noise does not count.
    fn busy(&self) -> bool {
        let sound =
            self.speaking.load(Ordering::Acquire) || self.queued.load(Ordering::Acquire) > 0;
        let heard = sound && self.wordless.load(Ordering::Acquire) < NOISE;
        heard || *self.ordered.borrow() > 0
    }
}

/// So many utterances without a word are noise.
const NOISE: u32 = 3;

#[derive(Clone, Default)]
pub struct LiveSessions {
    sessions: Arc<Mutex<HashMap<Uuid, Arc<Live>>>>,
    /// Open sockets by user.
    sockets: Arc<Mutex<HashMap<String, usize>>>,
}

/// A place among the sockets of a user, for as long as it is held.
pub struct Place {
    live: LiveSessions,
    uid: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut sockets = self.live.sockets();
        if let Some(count) = sockets.get_mut(&self.uid) {
            *count -= 1;
            if *count == 0 {
                sockets.remove(&self.uid);
            }
        }
    }
}

/// Takes the session off the list when it ends.
pub(super) struct Registration {
    sessions: LiveSessions,
    id: Uuid,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.sessions.all().remove(&self.id);
    }
}

impl LiveSessions {
    fn all(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<Live>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sockets(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None: the user has `limit` sockets already.
    pub fn take_place(&self, uid: &str, limit: usize) -> Option<Place> {
        let mut sockets = self.sockets();
        let count = sockets.entry(uid.to_string()).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(Place {
            live: self.clone(),
            uid: uid.to_string(),
        })
    }

    /// Puts a session on the list; None if somebody has it already.
    pub(super) fn claim(&self, id: Uuid, live: Arc<Live>) -> Option<Registration> {
        let mut all = self.all();
        if all.contains_key(&id) {
            return None;
        }
        all.insert(id, live);
        Some(Registration {
            sessions: self.clone(),
            id,
        })
    }

    pub(super) fn ids(&self) -> Vec<(String, Uuid)> {
        self.all()
            .iter()
            .map(|(id, live)| (live.uid.clone(), *id))
            .collect()
    }

    /// Whether sound of that user is heard or recognised.
    pub(super) fn has(&self, uid: &str) -> bool {
        self.all().values().any(|live| live.uid == uid)
    }

    pub fn count(&self) -> usize {
        self.all().len()
    }

    /// Conversations in which somebody is speaking or was not yet understood.
    pub(super) fn busy(&self) -> Vec<Uuid> {
        self.all()
            .values()
            .filter(|live| live.busy())
            .map(|live| live.course.conversation_id())
            .collect()
    }

    /// Where the audio of a conversation has come to, over all sessions that write to it.
    pub(super) fn heard_until(&self, conversation_id: Uuid) -> Option<DateTime<Utc>> {
        let latest = self
            .all()
            .values()
            .filter(|live| live.course.conversation_id() == conversation_id)
            .map(|live| live.heard_until.load(Ordering::Acquire))
            .max()?;
        DateTime::from_timestamp_micros(latest)
    }

    /// How many channels write to that conversation.
    pub(super) fn holders(&self, conversation_id: Uuid) -> usize {
        let all = self.all();
        let writes = |live: &&Arc<Live>| live.course.conversation_id() == conversation_id;
        all.values().filter(writes).count()
    }

    /// Conversations that a live session holds.
    pub(super) fn held(&self) -> Vec<Uuid> {
        self.all()
            .values()
            .map(|live| live.course.conversation_id())
            .collect()
    }

    /// Has every session of `uid` recognise what it has heard so far; waits no longer than `patience`.
    pub(super) async fn flush(&self, uid: &str, patience: Duration) {
        let sessions: Vec<_> = self
            .all()
            .iter()
            .filter(|(_, live)| live.uid == uid)
            .map(|(id, live)| (*id, live.clone()))
            .collect();
        let flushing = sessions.into_iter().map(|(id, live)| async move {
            let (done, wait) = oneshot::channel();
            if live.flush.send(done).await.is_ok() && wait.await.is_ok() {
                return live.obeyed().await;
            }
            // Its device is gone, and it is just recognising the rest.
            while self.all().contains_key(&id) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let _ = tokio::time::timeout(patience, futures_util::future::join_all(flushing)).await;
    }
}
