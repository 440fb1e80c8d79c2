//! Search over everything that a user has: by words, by meaning and by time.

mod admitted;
mod asked;
mod gathered;
mod indexer;
mod model;
mod nouns;
mod overview;
mod ranked;
mod scores;
mod similar;
mod store;
mod time;
mod turns;
mod vectors;
mod windows;

pub use indexer::run_forever;
pub use model::{Found, Hit, Kind, Matched, Page, Query, Search};
pub use nouns::{Spelling, action_items, best_conversations, conversations, memories};
pub use similar::similar;
pub use time::Period;
pub use vectors::Vectors;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use self::{
    admitted::Admitted,
    gathered::Gathered,
    model::{Key, Place},
    store::Shown,
    windows::Window,
};
use crate::{
    app::Handles,
    error::Result,
    features::{accounts, lenient, people::Speakers},
    platform::{clock, database::Db, embeddings::Embedder},
};

/// Longest question, in characters.
pub const MAXIMUM_QUERY: usize = 500;
/// Most hits of one question.
pub const MOST_HITS: usize = 100;
/// Open action items of a time to come that are looked at.
const MOST_DUE: i64 = 100;
/// So many changes are taken in before a question is answered; of more the newest are, and the rest is left to the
/// background.
const CATCH_UP: i64 = 2000;

fn embedder(app: &Handles) -> Option<&Embedder> {
    app.embeddings.as_ref()
}

/// What answers a question, best first.
pub async fn search(app: &Handles, uid: &str, query: &Query) -> Result<Found> {
    search_at(app, uid, query, clock::now(), Parts::All, Lines::Once).await
}

/// Which of words and meaning count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    All,
    Words,
    Meaning,
}

/// Whether hits may show the same lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// Each line is in one hit: others that would show it are a part of that one.
    Once,
    /// Each segment is a hit of its own.
    Raw,
}

/// Whether meaning counts at all on this server.
pub fn understands(app: &Handles) -> bool {
    embedder(app).is_some()
}

/// The period of the past and the time to come that a question names, and the question without them.
pub fn asked_time(
    text: &str,
    now: DateTime<Utc>,
    zone: Tz,
) -> (Option<Period>, Option<Period>, String) {
    let understood = time::read(text, now, zone);
    (understood.period, understood.ahead, understood.rest)
}

/// The same as if it was asked at another time, or with less; for measuring.
pub async fn search_at(
    app: &Handles,
    uid: &str,
    query: &Query,
    now: DateTime<Utc>,
    parts: Parts,
    lines: Lines,
) -> Result<Found> {
    lenient::at_most("query", &query.text, MAXIMUM_QUERY)?;
    let limit = query.limit.min(MOST_HITS);
    let _turn = app.vectors.turns.of(uid).await;
    let profile = accounts::profile(&app.db, uid).await?;
    let understood = time::read(&query.text, now, profile.time_zone);
    let (period, ahead) = (understood.period, understood.ahead);
    indexer::catch_up(&app.db, uid, CATCH_UP).await?;
    let admitted = Admitted::read(&app.db, uid, query).await?;

    let overview = async || {
        let windows = overview::overview(&app.db, uid, query, &admitted, period, limit).await?;
        let hits = finish(app, uid, &profile.name, windows.into_iter(), lines, limit).await?;
        Ok(Found {
            hits,
            period,
            ahead,
        })
    };
    let due: Vec<Key> = match ahead {
        Some(ahead) => store::due(&app.db, uid, ahead, MOST_DUE).await?,
        None => Vec::new(),
    }
    .into_iter()
    .map(Key::action_item)
    .collect();
    if ahead.is_some() && period.is_none() && time::asks_what_comes(&understood.rest) {
        let windows = overview::in_order(&app.db, uid, &due, &admitted).await?;
        let hits = finish(app, uid, &profile.name, windows.into_iter(), lines, limit).await?;
        return Ok(Found {
            hits,
            period,
            ahead,
        });
    }
    let vague = time::vague(&understood.rest);
    if vague && (period.is_some() || admitted::narrow(query)) {
        return overview().await;
    }

    let asked = (query, &understood);
    let mut gathered = Gathered::of(app, uid, asked, &admitted, &due, parts).await?;
    // Some may turn out to be gone, or to show what others show.
    let most = 3 * limit + 20;
    let ranked = ranked::ranked(&app.db, uid, &mut gathered, &admitted, most).await?;
    let keys: Vec<Key> = ranked.best.iter().map(|(_, key)| *key).collect();
    let mut shown = show(&app.db, uid, &keys, |key| gathered.place(key)).await?;
    let gone: Vec<Key> = keys
        .into_iter()
        .filter(|key| gathered.near(key).is_some() && !shown.contains_key(key))
        .collect();
    app.vectors.forget(uid, &gone);
    let windows = ranked.best.iter().filter_map(|(score, key)| {
        let item = shown.remove(key)?;
        let matched = gathered.reasons(key);
        // A segment may stand beside one that matches; anything else stands for itself.
        if (item.discarded && !query.include_discarded)
            || (matched.is_empty() && !ranked.beside.contains(key))
        {
            return None;
        }
        Some(Window::new(key.kind, item, *score, matched))
    });
    let hits = finish(app, uid, &profile.name, windows, lines, limit).await?;
    if hits.is_empty() && vague && query.to.is_some() {
        return overview().await;
    }
    Ok(Found {
        hits,
        period,
        ahead,
    })
}

/// Hits with the names of who speaks in them.
async fn finish(
    app: &Handles,
    uid: &str,
    user: &str,
    windows: impl Iterator<Item = Window>,
    lines: Lines,
    limit: usize,
) -> Result<Vec<Hit>> {
    let windows = match lines {
        Lines::Once => windows::apart(windows, limit),
        Lines::Raw => windows.take(limit).collect(),
    };
    let mut hits: Vec<_> = windows.into_iter().map(Window::finish).collect();
    name_speakers(&app.db, uid, user, &mut hits).await?;
    Ok(hits)
}

fn key(kind: &str, id: Uuid) -> Option<Key> {
    Some(Key {
        kind: Kind::known(kind)?,
        id,
    })
}

/// What is shown of each item that is still there. `place`: where it stands; of a segment it must be known.
async fn show(
    db: &Db,
    uid: &str,
    keys: &[Key],
    place: impl Fn(&Key) -> Option<Place>,
) -> Result<HashMap<Key, Shown>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let kinds: Vec<_> = keys.iter().map(|key| key.kind.as_str().into()).collect();
    let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
    let conversations: Vec<_> = keys
        .iter()
        .map(|key| {
            let home = place(key).and_then(|place| place.conversation_id);
            home.filter(|_| key.kind == Kind::Segment)
                .unwrap_or(Uuid::nil())
        })
        .collect();
    let shown = store::shown(db, uid, &kinds, &conversations, &ids).await?;
    Ok(shown
        .into_iter()
        .filter_map(|item| Some((key(&item.kind, item.id)?, item)))
        .collect())
}

/// Puts names for the ids of who speaks.
async fn name_speakers(db: &Db, uid: &str, user: &str, hits: &mut [Hit]) -> Result<()> {
    let ids = hits.iter().flat_map(|hit| &hit.speakers).flatten();
    let ids: Vec<Uuid> = ids.filter_map(|id| id.parse().ok()).collect();
    let speakers = Speakers::of(db, uid, user, &ids).await?;
    for speaker in hits.iter_mut().flat_map(|hit| &mut hit.speakers) {
        let known = speakers.known(speaker.as_deref() == Some("user"), speaker.as_deref());
        *speaker = known.map(str::to_string);
    }
    Ok(())
}

/// Has everything of a user taken into the index again, words and vectors; gives how many items that are.
pub async fn rebuild(db: &Db, uid: &str) -> Result<i64> {
    store::outdate_all(db, uid).await?;
    Ok(store::mark_all(db, uid).await?)
}

/// Takes in what has changed of a user, words only.
pub async fn take_in(db: &Db, uid: &str) -> Result<()> {
    indexer::catch_up(db, uid, i64::MAX - 1).await
}

/// Everybody.
pub async fn users(db: &Db) -> Result<Vec<String>> {
    Ok(store::users(db).await?)
}

/// What the index has still to take in.
#[derive(Clone, Copy, Debug)]
pub struct Backlog {
    /// Changes.
    pub items: i64,
    /// Items without a vector, which stays so where nothing makes them.
    pub vectors: i64,
    /// Age of the oldest change.
    pub seconds: f64,
}

/// Of one user.
pub async fn backlog_of(db: &Db, uid: &str) -> Result<(i64, i64)> {
    Ok(store::backlog_of(db, uid).await?)
}

pub async fn backlog(db: &Db) -> Result<Backlog> {
    let (items, vectors, seconds) = store::backlog(db).await?;
    Ok(Backlog {
        items,
        vectors,
        seconds,
    })
}
