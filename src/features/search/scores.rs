//! How much an item answers a question: words, meaning and time in one number.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{
    Kind,
    admitted::Said,
    model::Key,
    store::{Alike, Lexeme, WordHit},
    vectors::Nearness,
};

/// Saturation and the weight of length of BM25.
const K1: f64 = 1.2;
const B: f64 = 0.3;
/// A word that occurs in more of the items than this says nothing.
const COMMON: f64 = 0.2;
/// A word in a title counts as much more.
const TITLED: f64 = 1.5;
/// So many rows of one question's words are looked at.
const MOST_ROWS: f64 = 8000.0;
/// Spellings are alike from here.
pub const ALIKE: f32 = 0.4;
/// A segment of so many different words says as much as one can.
const SOLID: f64 = 12.0;
/// A cosine below this is chance.
pub const CHANCE: f32 = 0.1;

/// A word of the question: what of the user's words it may stand for, and how telling it is.
#[derive(Debug)]
pub struct Concept {
    /// A word in its base form, and how surely it is meant, 0 to 1.
    pub words: Vec<(String, f64)>,
    items: f64,
}

/// The words of a question that say something, most telling first.
pub fn concepts(lexemes: Vec<Lexeme>, alike: Vec<Alike>, total: f64) -> Vec<Concept> {
    let mut seen = HashSet::new();
    let mut concepts: Vec<_> = lexemes
        .into_iter()
        .filter(|lexeme| seen.insert(lexeme.lexeme.clone()))
        .map(|lexeme| {
            if lexeme.items > 0 {
                return Concept {
                    items: f64::from(lexeme.items),
                    words: vec![(lexeme.lexeme, 1.0)],
                };
            }
            let near = alike
                .iter()
                .filter(|near| near.given == lexeme.lexeme && near.alike >= ALIKE);
            Concept {
                items: near.clone().map(|near| f64::from(near.items)).sum(),
                words: near
                    .map(|near| (near.word.clone(), f64::from(near.alike)))
                    .collect(),
            }
        })
        .collect();
    concepts.sort_by(|a, b| a.items.total_cmp(&b.items));
    let common = (total * COMMON).max(50.0);
    let mut rows = 0.0;
    // What nobody ever said still is a part of the question that goes unanswered.
    let mut kept = 0;
    concepts.retain(|concept| {
        rows += concept.items;
        let keep =
            concept.items == 0.0 || kept == 0 || (concept.items <= common && rows <= MOST_ROWS);
        kept += usize::from(keep && concept.items > 0.0);
        keep
    });
    concepts
}

/// BM25 of each item as a share of what an item with all the words would have, 0 to 1.
pub fn words(
    concepts: &[Concept],
    hits: &[WordHit],
    (total, average): (f64, f64),
) -> HashMap<Key, f64> {
    let weight = |concept: &Concept| {
        let items = concept.items;
        (1.0 + (total - items + 0.5).max(0.0) / (items + 0.5)).ln()
    };
    // Which concept a lexeme, counted from 1, belongs to.
    let places: Vec<(usize, f64)> = concepts
        .iter()
        .enumerate()
        .flat_map(|(n, concept)| concept.words.iter().map(move |(_, sure)| (n, *sure)))
        .collect();
    let mut best: HashMap<Key, HashMap<usize, f64>> = HashMap::new();
    for hit in hits {
        let Some(kind) = Kind::known(&hit.kind) else {
            continue;
        };
        let place = usize::try_from(hit.n - 1).ok().and_then(|n| places.get(n));
        let Some(&(concept, sure)) = place else {
            continue;
        };
        let length = f64::from(hit.length) / average;
        let often = if hit.titled { TITLED } else { 1.0 };
        let gain = often * (K1 + 1.0) / (often + K1 * (1.0 - B + B * length));
        let score = weight(&concepts[concept]) * sure * gain;
        let scores = best.entry(Key { kind, id: hit.id }).or_default();
        let known = scores.entry(concept).or_default();
        *known = known.max(score);
    }
    let whole: f64 = concepts.iter().map(weight).sum::<f64>() * (K1 + 1.0) / (1.0 + K1 * (1.0 - B));
    best.into_iter()
        .map(|(key, scores)| (key, (scores.values().sum::<f64>() / whole).clamp(0.0, 1.0)))
        .collect()
}

/// How the parts weigh.
#[derive(Clone, Copy, Debug)]
pub struct Weights {
    pub words: f64,
    pub meaning: f64,
    /// For lying in the period that the question names.
    pub time: f64,
    /// For being said by whom the question names; for a conversation in which they speak half as much.
    pub said: f64,
    /// Of the better one of the segments beside it; of those one farther half as much.
    pub beside: f64,
    /// Of the conversation around it.
    pub around: f64,
    /// For saying much: "Yes, sure." answers little, however well it fits.
    pub solid: f64,
}

impl Weights {
    /// Measured, see docs/search.md.
    pub const FUSED: Self = Self {
        words: 0.6,
        meaning: 0.4,
        time: 0.5,
        said: 0.15,
        beside: 0.5,
        around: 0.4,
        solid: 0.3,
    };
    pub const WORDS: Self = Self {
        meaning: 0.0,
        words: 1.0,
        ..Self::FUSED
    };
    pub const MEANING: Self = Self {
        meaning: 1.0,
        words: 0.0,
        ..Self::FUSED
    };
}

/// What is known of the question's items.
pub struct Scores<'a> {
    pub weights: Weights,
    pub words: &'a HashMap<Key, f64>,
    pub near: &'a Nearness,
    /// Items of the period that the question names.
    pub in_period: &'a HashSet<Key>,
    /// By the people whom it names.
    pub said: Option<&'a Said>,
}

impl Scores<'_> {
    /// Of the item by itself.
    pub fn own(&self, key: Key) -> f64 {
        let words = self.words.get(&key).copied().unwrap_or_default();
        let cosine = self.near.get(&key).map_or(0.0, |near| f64::from(near.0));
        let chance = f64::from(CHANCE);
        let meaning = ((cosine - chance) / (1.0 - chance)).max(0.0);
        let time = if self.in_period.contains(&key) {
            self.weights.time
        } else {
            0.0
        };
        let said = match key.kind {
            _ if !self.said.is_some_and(|said| said.holds(&key)) => 0.0,
            Kind::Segment => self.weights.said,
            _ => self.weights.said / 2.0,
        };
        self.weights.words * words + self.weights.meaning * meaning + time + said
    }

    /// Of each conversation, from what the scores of its items are: the mean of the best three.
    pub fn around(&self, items: impl Iterator<Item = (f64, Uuid)>) -> HashMap<Uuid, f64> {
        let mut best: HashMap<Uuid, [f64; 3]> = HashMap::new();
        for (mut score, conversation) in items {
            for place in best.entry(conversation).or_default() {
                if score > *place {
                    std::mem::swap(&mut score, place);
                }
            }
        }
        best.into_iter()
            .map(|(id, three)| (id, three.iter().sum::<f64>() / 3.0))
            .collect()
    }

    /// Of a segment in the row of those around it, with something of these and of its conversation.
    pub fn in_row(&self, row: &[Uuid], place: usize, around: f64) -> f64 {
        let own = |distance: isize| {
            let id = place.checked_add_signed(distance).and_then(|n| row.get(n));
            id.map_or(0.0, |id| {
                self.own(Key {
                    kind: Kind::Segment,
                    id: *id,
                })
            })
        };
        let beside = own(-1).max(own(1)) + own(-2).max(own(2)) / 2.0;
        own(0) + self.weights.beside * beside + self.weights.around * around
    }

    /// What a segment of so many different words gains by them. Other items are all that there is of them.
    pub fn solid(&self, kind: Kind, length: i32) -> f64 {
        match kind {
            Kind::Segment => self.weights.solid * (f64::from(length.max(1)) / SOLID).min(1.0),
            _ => self.weights.solid,
        }
    }

    /// As a share of the most that there can be, 0 to 1.
    pub fn share(&self, score: f64) -> f64 {
        let weights = &self.weights;
        let most = weights.words + weights.meaning + weights.time;
        let most = most * (1.0 + 1.5 * weights.beside + weights.around) + weights.solid;
        (score / most).clamp(0.0, 1.0)
    }
}
