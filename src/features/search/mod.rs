//! Search over everything that a user has: by words, by meaning and by time.

mod admitted;
mod asked;
mod indexer;
mod model;
mod nouns;
mod overview;
mod rank;
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

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use self::{
    admitted::{Admitted, Filters, Said},
    model::{Key, Place},
    rank::{Scores, Weights},
    store::Shown,
    vectors::Nearness,
    windows::Window,
};
use crate::{
    app::Handles,
    error::Result,
    features::{
        accounts, lenient,
        people::{self, Speakers},
    },
    platform::{clock, database::Db, embeddings::Embedder},
};

/// Longest question, in characters.
pub const MAXIMUM_QUERY: usize = 500;
/// Most hits of one question.
pub const MOST_HITS: usize = 100;
/// So many changes are taken in before a question is answered; of more the newest are, and the rest is left to the
/// Open action items of a time to come that are looked at.
const MOST_DUE: i64 = 100;
/// background.
const CATCH_UP: i64 = 2000;
/// Items that go on to the second round, in which what lies around them counts.
const CLOSELY: usize = 200;
/// Segments whose neighbours are looked at too.
const CENTRES: usize = 50;
/// From this cosine on the meaning is told as a reason.
const TELLING: f32 = 0.25;

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
    .map(action_item)
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

    let words = async {
        match parts {
            Parts::Meaning => Ok(Default::default()),
            _ => {
                let text = asked::content(&understood.rest);
                by_words(&app.db, uid, &text, &admitted.filters).await
            }
        }
    };
    let near = async {
        match parts {
            Parts::Words => Ok(Nearness::new()),
            _ => by_meaning(app, uid, &understood.rest).await,
        }
    };
    let said = said_by_named(&app.db, uid, &query.text);
    let ((words, mut places), near, said) = tokio::try_join!(words, near, said)?;
    let weights = match parts {
        Parts::Meaning => Weights::MEANING,
        Parts::All if !near.is_empty() => Weights::FUSED,
        // Of two one is missing: the other one has all the weight.
        Parts::All | Parts::Words => Weights::WORDS,
    };
    let within = |at: DateTime<Utc>| period.is_some_and(|(start, end)| start <= at && at < end);
    let found = || {
        let meant = near.iter().map(|(key, (_, place))| (*key, *place));
        places
            .iter()
            .map(|(key, place)| (*key, *place))
            .chain(meant.filter(|(key, _)| !places.contains_key(key)))
    };
    let mut in_period: HashSet<Key> = found()
        .filter(|(_, place)| within(place.at))
        .map(|(key, _)| key)
        .chain(due)
        .collect();
    let scores = Scores {
        weights,
        words: &words,
        near: &near,
        in_period: &in_period,
        said: said.as_ref(),
    };
    let mut candidates: Vec<(f64, Key)> = found()
        .filter(|(key, place)| admitted.holds(key, place))
        .map(|(key, _)| (scores.own(key), key))
        .filter(|(score, _)| *score > 0.0)
        .collect();
    let around =
        scores.around(candidates.iter().filter_map(|(score, key)| {
            Some((*score, place(key, &places, &near)?.conversation_id?))
        }));
    cut(&mut candidates, CLOSELY);
    // Who answers often says it beside the word that was asked for.
    let centres: Vec<_> = candidates
        .iter()
        .filter(|(_, key)| key.kind == Kind::Segment)
        .map(|(_, key)| key.id)
        .take(CENTRES)
        .collect();
    let rows = store::neighbours(&app.db, uid, &centres).await?;
    in_period.extend(
        rows.iter()
            .filter(|row| within(row.at))
            .map(|row| segment(row.id)),
    );
    let scores = Scores {
        weights,
        words: &words,
        near: &near,
        in_period: &in_period,
        said: said.as_ref(),
    };
    let reasons = |key: &Key| {
        let telling = near.get(key).is_some_and(|near| near.0 >= TELLING);
        let reasons = [
            (words.contains_key(key), Matched::Words),
            (telling, Matched::Meaning),
            (in_period.contains(key), Matched::Time),
        ];
        reasons
            .into_iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, why)| why)
            .collect::<Vec<_>>()
    };
    // Segments beside one that matches.
    let mut beside = HashSet::new();
    let mut ranked: HashMap<Key, f64> = candidates
        .iter()
        .filter(|(_, key)| key.kind != Kind::Segment || !centres.contains(&key.id))
        .map(|(score, key)| {
            let place = place(key, &places, &near);
            let home = place.and_then(|place| place.conversation_id);
            let around = home.and_then(|id| around.get(&id)).copied();
            let around = weights.around * around.unwrap_or_default();
            let length = place.map_or(1, |place| place.length);
            (*key, score + around + scores.solid(key.kind, length))
        })
        .collect();
    for row in rows.chunk_by(|a, b| a.n == b.n) {
        let ids: Vec<_> = row.iter().map(|segment| segment.id).collect();
        let centre = usize::try_from(row[0].n - 1)
            .ok()
            .and_then(|n| centres.get(n));
        let centre = ids
            .iter()
            .position(|id| Some(id) == centre)
            .unwrap_or_default();
        let row_matches = ids.iter().map(|id| !reasons(&segment(*id)).is_empty());
        let row_matches: Vec<_> = row_matches.collect();
        for place in centre.saturating_sub(2)..ids.len().min(centre + 3) {
            let found = segment(ids[place]);
            if row_matches[place.saturating_sub(2)..ids.len().min(place + 3)].contains(&true) {
                beside.insert(found);
            }
            let said = &row[place];
            let stands = Place {
                conversation_id: Some(said.conversation_id),
                length: said.length,
                at: said.at,
            };
            places.insert(found, stands);
            if admitted.holds(&found, &stands) {
                let around = around.get(&said.conversation_id).copied();
                let score = scores.in_row(&ids, place, around.unwrap_or_default());
                ranked.insert(found, score + scores.solid(found.kind, said.length));
            }
        }
    }
    let mut ranked: Vec<_> = ranked
        .into_iter()
        .map(|(key, score)| (score, key))
        .collect();
    // Some may turn out to be gone, or to show what others show.
    cut(&mut ranked, 3 * limit + 20);
    let closely: Vec<Key> = ranked.iter().map(|(_, key)| *key).collect();
    let places = closely
        .iter()
        .filter_map(|key| Some((*key, place(key, &places, &near)?)))
        .collect();
    let mut shown: HashMap<Key, Shown> = show(&app.db, uid, &closely, &places)
        .await?
        .into_iter()
        .filter_map(|item| Some((key(&item.kind, item.id)?, item)))
        .collect();
    let gone: Vec<Key> = closely
        .into_iter()
        .filter(|key| near.contains_key(key) && !shown.contains_key(key))
        .collect();
    app.vectors.forget(uid, &gone);
    let windows = ranked.into_iter().filter_map(|(score, key)| {
        let item = shown.remove(&key)?;
        let matched = reasons(&key);
        // A segment may stand beside one that matches; anything else stands for itself.
        if (item.discarded && !query.include_discarded)
            || (matched.is_empty() && !beside.contains(&key))
        {
            return None;
        }
        Some(Window::new(key.kind, item, scores.share(score), matched))
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

fn action_item(id: Uuid) -> Key {
    Key {
        kind: Kind::ActionItem,
        id,
    }
}

fn segment(id: Uuid) -> Key {
    Key {
        kind: Kind::Segment,
        id,
    }
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

/// What the people said whom a question names.
async fn said_by_named(db: &Db, uid: &str, text: &str) -> Result<Option<Said>> {
    let people = people::all(db, uid).await?;
    let named: Vec<_> = asked::named(text, &people)
        .iter()
        .map(Uuid::to_string)
        .collect();
    if named.is_empty() {
        return Ok(None);
    }
    let (segments, conversations) = store::said(db, uid, &named).await?;
    Ok(Some(Said::new(&segments, &conversations)))
}

/// Where an item stands, as far as words, period or vectors tell.
fn place(key: &Key, places: &HashMap<Key, Place>, near: &Nearness) -> Option<Place> {
    let known = places.get(key).copied();
    known.or_else(|| near.get(key).map(|near| near.1))
}

/// Leaves the best, in their order.
fn cut(candidates: &mut Vec<(f64, Key)>, most: usize) {
    let better = |a: &(f64, Key), b: &(f64, Key)| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1));
    if candidates.len() > most {
        candidates.select_nth_unstable_by(most, better);
        candidates.truncate(most);
    }
    candidates.sort_unstable_by(better);
}

fn key(kind: &str, id: Uuid) -> Option<Key> {
    Some(Key {
        kind: Kind::known(kind)?,
        id,
    })
}

/// How well items match the words of a text, and the conversations they belong to.
async fn by_words(
    db: &Db,
    uid: &str,
    text: &str,
    filters: &Filters,
) -> Result<(HashMap<Key, f64>, HashMap<Key, Place>)> {
    let lexemes = store::lexemes(db, uid, &[text.to_string()]).await?;
    let unknown: Vec<_> = lexemes
        .iter()
        .filter(|lexeme| lexeme.items == 0)
        .map(|lexeme| lexeme.lexeme.clone())
        .collect();
    let alike = if unknown.is_empty() {
        Vec::new()
    } else {
        store::alike(db, uid, &unknown).await?
    };
    let totals = store::totals(db, uid).await?;
    let concepts = rank::concepts(lexemes, alike, totals.0);
    let terms: Vec<_> = concepts
        .iter()
        .flat_map(|concept| concept.words.iter().map(|(word, _)| word.clone()))
        .collect();
    if terms.is_empty() {
        return Ok(Default::default());
    }
    let hits = store::with_words(db, uid, terms, filters, 5000).await?;
    let places = hits
        .iter()
        .filter_map(|hit| Some((key(&hit.kind, hit.id)?, hit.place())))
        .collect();
    Ok((rank::words(&concepts, &hits, totals), places))
}

/// How near everything of a user is to a text. Empty if nothing can tell.
async fn by_meaning(app: &Handles, uid: &str, text: &str) -> Result<Nearness> {
    let Some(embedder) = embedder(app) else {
        return Ok(Nearness::new());
    };
    if text.trim().is_empty() {
        return Ok(Nearness::new());
    }
    let vector = match embedder.embed_query(text).await {
        Ok(vector) => Some(vector),
        // Words are better than no answer.
        Err(error) => {
            if error.is_temporary() {
                tracing::warn!(%error, "a question could not be embedded; it is answered by its words");
            }
            None
        }
    };
    let Some(vector) = vector.and_then(|vector| vectors::unit(&vector)) else {
        return Ok(Nearness::new());
    };
    let near = app
        .vectors
        .nearness(
            &app.db,
            uid,
            embedder.model_id(),
            vec![vector],
            None,
            rank::CHANCE,
        )
        .await?;
    Ok(near.into_iter().next().unwrap_or_default())
}

async fn show(
    db: &Db,
    uid: &str,
    keys: &[Key],
    places: &HashMap<Key, Place>,
) -> Result<Vec<Shown>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let kinds: Vec<_> = keys.iter().map(|key| key.kind.as_str().into()).collect();
    let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
    let conversations: Vec<_> = keys
        .iter()
        .map(|key| {
            let home = places.get(key).and_then(|place| place.conversation_id);
            home.filter(|_| key.kind == Kind::Segment)
                .unwrap_or(Uuid::nil())
        })
        .collect();
    Ok(store::shown(db, uid, &kinds, &conversations, &ids).await?)
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
