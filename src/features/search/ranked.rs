//! The best of what was gathered: first each item by itself, then with what lies around it.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use uuid::Uuid;

use super::{
    Kind,
    admitted::Admitted,
    gathered::Gathered,
    model::Key,
    store::{self, Neighbour},
};
use crate::{error::Result, platform::database::Db};

/// Items that go on to the second round, in which what lies around them counts.
const CLOSELY: usize = 200;
/// Segments whose neighbours are looked at too.
const CENTRES: usize = 50;

pub struct Ranked {
    /// Best first, each with its share of the most that there can be, 0 to 1.
    pub best: Vec<(f64, Key)>,
    /// Segments at most two lines from one that matches.
    pub beside: HashSet<Key>,
}

/// At most `most` of them.
pub async fn ranked(
    db: &Db,
    uid: &str,
    gathered: &mut Gathered,
    admitted: &Admitted,
    most: usize,
) -> Result<Ranked> {
    let scores = gathered.scores();
    let mut candidates: Vec<(f64, Key)> = gathered
        .items()
        .filter(|(key, place)| admitted.holds(key, place))
        .map(|(key, _)| (scores.own(key), key))
        .filter(|(score, _)| *score > 0.0)
        .collect();
    let around = scores.around(
        candidates
            .iter()
            .filter_map(|(score, key)| Some((*score, gathered.place(key)?.conversation_id?))),
    );
    cut(&mut candidates, CLOSELY);
    // Who answers often says it beside the word that was asked for.
    let centres: Vec<_> = candidates
        .iter()
        .filter(|(_, key)| key.kind == Kind::Segment)
        .map(|(_, key)| key.id)
        .take(CENTRES)
        .collect();
    let rows = store::neighbours(db, uid, &centres).await?;
    gathered.add(&rows);

    let scores = gathered.scores();
    let weight_around = gathered.weights.around;
    let mut ranked: HashMap<Key, f64> = candidates
        .iter()
        .filter(|(_, key)| key.kind != Kind::Segment || !centres.contains(&key.id))
        .map(|(score, key)| {
            let place = gathered.place(key);
            let home = place.and_then(|place| place.conversation_id);
            let around = home.and_then(|id| around.get(&id)).copied();
            let length = place.map_or(1, |place| place.length);
            let around = weight_around * around.unwrap_or_default();
            (*key, score + around + scores.solid(key.kind, length))
        })
        .collect();
    let mut beside = HashSet::new();
    for row in rows.chunk_by(|a, b| a.n == b.n) {
        let ids: Vec<_> = row.iter().map(|segment| segment.id).collect();
        let row_matches: Vec<bool> = ids
            .iter()
            .map(|id| !gathered.reasons(&Key::segment(*id)).is_empty())
            .collect();
        for place in near_centre(row, &centres) {
            let found = Key::segment(ids[place]);
            if row_matches[place.saturating_sub(2)..ids.len().min(place + 3)].contains(&true) {
                beside.insert(found);
            }
            let stands = gathered.place(&found);
            if stands.is_some_and(|stands| admitted.holds(&found, &stands)) {
                let said = &row[place];
                let around = around.get(&said.conversation_id).copied();
                let score = scores.in_row(&ids, place, around.unwrap_or_default());
                ranked.insert(found, score + scores.solid(found.kind, said.length));
            }
        }
    }
    let mut best: Vec<_> = ranked
        .into_iter()
        .map(|(key, score)| (score, key))
        .collect();
    cut(&mut best, most);
    for (score, _) in &mut best {
        *score = scores.share(*score);
    }
    Ok(Ranked { best, beside })
}

/// The places of a row that are at most two from the segment it was read for.
fn near_centre(row: &[Neighbour], centres: &[Uuid]) -> Range<usize> {
    let centre = usize::try_from(row[0].n - 1)
        .ok()
        .and_then(|n| centres.get(n));
    let centre = row
        .iter()
        .position(|segment| Some(&segment.id) == centre)
        .unwrap_or_default();
    centre.saturating_sub(2)..row.len().min(centre + 3)
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
