//! Who is recognised next: sessions take turns, and what is spoken now goes before what is old. What nobody needs, interims,
//! gets the places that are left over.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::SpeechError;

/// Utterances of one session that wait, and of all.
const MOST_OF_SESSION: usize = 64;
const MOST: usize = 10_000;

/// After so many live turns in a row the backlog has one, so that it gets on while many speak.
const LIVE_IN_A_ROW: u32 = 9;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Somebody speaks and waits for the words.
    Live,
    /// Nobody waits: audio of an earlier time.
    Backlog,
}

impl Class {
    const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Backlog => "backlog",
        }
    }
}

/// A handle; clones share the places.
#[derive(Clone)]
pub struct Turns(Arc<Mutex<State>>);

struct State {
    places: usize,
    free: usize,
    /// Places that interims have.
    interims: usize,
    /// Has the interims end that hold a place now.
    hurry: CancellationToken,
    closed: bool,
    live: Line,
    backlog: Line,
    live_in_a_row: u32,
}

/// Sessions that wait, each once, in the order of their turns.
#[derive(Default)]
struct Line {
    order: VecDeque<Uuid>,
    waiting: HashMap<Uuid, VecDeque<oneshot::Sender<Turn>>>,
}

/// A place among those that are recognised, until it is dropped.
pub struct Turn {
    turns: Option<Turns>,
    /// Of an interim.
    hurry: Option<CancellationToken>,
}

/// A place for what nobody needs.
pub enum Spare {
    Free(Turn),
    /// Others have them all.
    Busy,
    /// This provider recognises only what has ended.
    Never,
}

impl Turn {
    /// Whether it is for an interim.
    pub fn is_spare(&self) -> bool {
        self.hurry.is_some()
    }

    /// Is cancelled when the place is needed, which only happens to interims.
    pub fn needed(&self) -> CancellationToken {
        let hurry = self.hurry.as_ref();
        hurry.map_or_else(CancellationToken::new, CancellationToken::child_token)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.turns.take() {
            let mut state = turns.state();
            state.free += 1;
            state.interims -= usize::from(self.is_spare());
            turns.serve(&mut state);
        }
    }
}

impl Turns {
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            places,
            free: places,
            interims: 0,
            hurry: CancellationToken::new(),
            closed: false,
            live: Line::default(),
            backlog: Line::default(),
            live_in_a_row: 0,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn. Dropping the future gives it up.
    pub async fn take(&self, session: Uuid, class: Class) -> Result<Turn, SpeechError> {
        let queued = Queued::new(class);
        let turn = {
            let mut state = self.state();
            if state.closed {
                return Err(SpeechError::Stopped);
            }
            if state.live.len() + state.backlog.len() >= MOST {
                return Err(SpeechError::Busy);
            }
            let (sender, turn) = oneshot::channel();
            state.line(class).join(session, sender)?;
            self.serve(&mut state);
            if state.live.len() + state.backlog.len() > 0 && state.interims > 0 {
                std::mem::take(&mut state.hurry).cancel();
            }
            turn
        };
        let turn = turn.await.map_err(|_| SpeechError::Stopped)?;
        drop(queued);
        Ok(turn)
    }

    /// A place that nobody waits for. Interims have half of all at most, or one; whoever has to wait ends them.
    pub fn spare(&self) -> Spare {
        let mut state = self.state();
        if state.closed || state.free == 0 || state.interims >= (state.places / 2).max(1) {
            return Spare::Busy;
        }
        state.free -= 1;
        state.interims += 1;
        Spare::Free(Turn {
            turns: Some(self.clone()),
            hurry: Some(state.hurry.clone()),
        })
    }

    /// Those who wait, and those who come, are told that it has stopped.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.live = Line::default();
        state.backlog = Line::default();
    }

    fn serve(&self, state: &mut State) {
        while state.free > 0
            && let Some(next) = state.next()
        {
            let turn = Turn {
                turns: Some(self.clone()),
                hurry: None,
            };
            match next.send(turn) {
                Ok(()) => state.free -= 1,
                // It was given up; its turn must not come back to this lock.
                Err(mut turn) => turn.turns = None,
            }
        }
    }
}

impl State {
    fn line(&mut self, class: Class) -> &mut Line {
        match class {
            Class::Live => &mut self.live,
            Class::Backlog => &mut self.backlog,
        }
    }

    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let waits = !self.backlog.order.is_empty();
        if (!waits || self.live_in_a_row < LIVE_IN_A_ROW)
            && let Some(next) = self.live.next()
        {
            self.live_in_a_row = if waits { self.live_in_a_row + 1 } else { 0 };
            return Some(next);
        }
        self.live_in_a_row = 0;
        self.backlog.next()
    }
}

impl Line {
    fn len(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum()
    }

    fn join(&mut self, session: Uuid, sender: oneshot::Sender<Turn>) -> Result<(), SpeechError> {
        let own = self.waiting.entry(session).or_default();
        own.retain(|waiting| !waiting.is_closed());
        if own.len() >= MOST_OF_SESSION {
            return Err(SpeechError::Busy);
        }
        own.push_back(sender);
        if !self.order.contains(&session) {
            self.order.push_back(session);
        }
        Ok(())
    }

    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some(session) = self.order.pop_front() {
            let Some(own) = self.waiting.get_mut(&session) else {
                continue;
            };
            let next = own.pop_front();
            if own.is_empty() {
                self.waiting.remove(&session);
            } else {
                self.order.push_back(session);
            }
            if next.is_some() {
                return next;
            }
        }
        None
    }
}

/// Counts as one in the queue while it lives.
struct Queued(Class, Instant);

impl Queued {
    fn new(class: Class) -> Self {
        metrics::gauge!("omi_speech_queue_length", "class" => class.name()).increment(1.0);
        Self(class, Instant::now())
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        let class = self.0.name();
        metrics::gauge!("omi_speech_queue_length", "class" => class).decrement(1.0);
        metrics::histogram!("omi_speech_wait_seconds", "class" => class)
            .record(self.1.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::time::Duration;

    use super::*;

    const BUSY: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);
    const OLD: Uuid = Uuid::from_u128(3);

    /// Has them all wait for the one place in this order; gives the order in which they had it.
    async fn order(asked: &[(Uuid, Class)]) -> Vec<Uuid> {
        let turns = Turns::new(1);
        let held = turns.take(Uuid::nil(), Class::Live).await.unwrap();
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (session, class) in asked.iter().copied() {
            let (turns, served) = (turns.clone(), served.clone());
            tasks.push(tokio::spawn(async move {
                let _turn = turns.take(session, class).await.unwrap();
                served.lock().unwrap().push(session);
            }));
            // Each waits before the next one comes.
            tokio::task::yield_now().await;
        }
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        let served = served.lock().unwrap();
        served.clone()
    }

    #[tokio::test]
    async fn a_session_with_many_utterances_leaves_others_their_turn() {
        let mut asked = vec![(BUSY, Class::Live); 50];
        asked.extend([(OTHER, Class::Live); 3]);
        let served = order(&asked).await;
        assert_eq!(served[..6], [BUSY, OTHER, BUSY, OTHER, BUSY, OTHER]);
        assert_eq!(served.len(), 53);
    }

    #[tokio::test]
    async fn live_speech_goes_first_and_the_backlog_gets_on() {
        let mut asked = vec![(OLD, Class::Backlog); 40];
        asked.extend([(BUSY, Class::Live); 30]);
        let served = order(&asked).await;
        let old: Vec<usize> = (0..served.len())
            .filter(|place| served[*place] == OLD)
            .collect();
        assert_eq!(old[..4], [9, 19, 29, 33]);
        assert_eq!(served.len(), 70);
    }

    #[tokio::test]
    async fn a_turn_that_is_given_up_is_free_again() {
        let turns = Turns::new(1);
        let held = turns.take(BUSY, Class::Live).await.unwrap();
        let short = Duration::from_millis(5);
        let impatient = tokio::time::timeout(short, turns.take(OTHER, Class::Live)).await;
        assert!(impatient.is_err());
        drop(held);
        drop(turns.take(OTHER, Class::Live).await.unwrap());
        assert_eq!(turns.state().free, 1);
        assert_eq!(turns.state().live.len(), 0);
    }

    fn spare(turns: &Turns) -> Option<Turn> {
        match turns.spare() {
            Spare::Free(turn) => Some(turn),
            Spare::Busy | Spare::Never => None,
        }
    }

    #[tokio::test]
    async fn interims_have_half_of_the_places_and_only_free_ones() {
        let turns = Turns::new(4);
        let interims = [spare(&turns).unwrap(), spare(&turns).unwrap()];
        assert!(spare(&turns).is_none());
        drop(interims);
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(turns.take(BUSY, Class::Live).await.unwrap());
        }
        let last = spare(&turns).unwrap();
        assert!(spare(&turns).is_none());
        drop(last);
        held.push(turns.take(OLD, Class::Backlog).await.unwrap());
        assert!(spare(&turns).is_none());
        drop(held);
        assert_eq!(turns.state().free, 4);
        assert_eq!(turns.state().interims, 0);

        let alone = Turns::new(1);
        let only = spare(&alone).unwrap();
        assert!(spare(&alone).is_none());
        drop(only);
        assert!(spare(&alone).is_some());
        alone.close();
        assert!(spare(&alone).is_none());
    }

    #[tokio::test]
    async fn whoever_has_to_wait_ends_the_interims() {
        for class in [Class::Live, Class::Backlog] {
            let turns = Turns::new(2);
            let interim = spare(&turns).unwrap();
            let needed = interim.needed();
            // The other place is free: nobody has to wait.
            let first = turns.take(BUSY, class).await.unwrap();
            assert!(!needed.is_cancelled() && !first.needed().is_cancelled());
            let (second, ()) = tokio::join!(turns.take(OTHER, class), async {
                needed.cancelled().await;
                drop(interim);
            });
            drop((first, second.unwrap()));
            // The next interim is not in a hurry.
            assert!(!spare(&turns).unwrap().needed().is_cancelled());
            assert_eq!(turns.state().free, 2);
        }
    }

    #[tokio::test]
    async fn the_queue_is_bounded_and_ends() {
        let turns = Turns::new(0);
        let waiting: Vec<_> = (0..MOST_OF_SESSION)
            .map(|_| {
                let turns = turns.clone();
                tokio::spawn(async move { turns.take(BUSY, Class::Live).await.map(drop) })
            })
            .collect();
        while turns.state().live.len() < MOST_OF_SESSION {
            tokio::task::yield_now().await;
        }
        let one_more = turns.take(BUSY, Class::Live).await;
        assert!(matches!(one_more, Err(SpeechError::Busy)));
        turns.close();
        for task in waiting {
            assert!(matches!(task.await.unwrap(), Err(SpeechError::Stopped)));
        }
        let late = turns.take(BUSY, Class::Live).await;
        assert!(matches!(late, Err(SpeechError::Stopped)));
    }
}
