//! What speaks for which item: the words, the meaning, the time and the people that a question names.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{
    Parts, Query,
    admitted::{Admitted, Filters, Said},
    asked, embedder, key,
    model::{Key, Matched, Place},
    scores::{self, Scores, Weights},
    store::{self, Neighbour},
    time::{Period, Understood},
    vectors::{self, Nearness},
};
use crate::{app::Handles, error::Result, features::people, platform::database::Db};

/// From this cosine on the meaning is told as a reason.
const TELLING: f32 = 0.25;

pub struct Gathered {
    pub weights: Weights,
    words: HashMap<Key, f64>,
    places: HashMap<Key, Place>,
    near: Nearness,
    period: Option<Period>,
    in_period: HashSet<Key>,
    said: Option<Said>,
}

impl Gathered {
    /// `due` is in the time to come that the question names.
    pub async fn of(
        app: &Handles,
        uid: &str,
        (query, understood): (&Query, &Understood),
        admitted: &Admitted,
        due: &[Key],
        parts: Parts,
    ) -> Result<Self> {
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
        let ((words, places), near, said) = tokio::try_join!(words, near, said)?;
        let mut gathered = Self {
            weights: match parts {
                Parts::Meaning => Weights::MEANING,
                Parts::All if !near.is_empty() => Weights::FUSED,
                // Of two one is missing: the other one has all the weight.
                Parts::All | Parts::Words => Weights::WORDS,
            },
            words,
            places,
            near,
            period: understood.period,
            in_period: due.iter().copied().collect(),
            said,
        };
        let within: Vec<_> = gathered
            .items()
            .filter(|(_, place)| gathered.within(place))
            .map(|(key, _)| key)
            .collect();
        gathered.in_period.extend(within);
        Ok(gathered)
    }

    /// What words or meaning speak for.
    pub fn items(&self) -> impl Iterator<Item = (Key, Place)> {
        let meant = self.near.iter().map(|(key, (_, place))| (*key, *place));
        self.places
            .iter()
            .map(|(key, place)| (*key, *place))
            .chain(meant.filter(|(key, _)| !self.places.contains_key(key)))
    }

    /// Where an item stands, as far as words, period or vectors tell.
    pub fn place(&self, key: &Key) -> Option<Place> {
        let known = self.places.get(key).copied();
        known.or_else(|| self.near.get(key).map(|near| near.1))
    }

    /// Takes in segments beside those that are found.
    pub fn add(&mut self, rows: &[Neighbour]) {
        for row in rows {
            let key = Key::segment(row.id);
            let place = Place {
                conversation_id: Some(row.conversation_id),
                length: row.length,
                at: row.at,
            };
            if self.within(&place) {
                self.in_period.insert(key);
            }
            self.places.insert(key, place);
        }
    }

    fn within(&self, place: &Place) -> bool {
        self.period
            .is_some_and(|(start, end)| start <= place.at && place.at < end)
    }

    pub fn scores(&self) -> Scores<'_> {
        Scores {
            weights: self.weights,
            words: &self.words,
            near: &self.near,
            in_period: &self.in_period,
            said: self.said.as_ref(),
        }
    }

    /// Why an item is found by itself.
    pub fn reasons(&self, key: &Key) -> Vec<Matched> {
        let telling = self.near(key).is_some_and(|cosine| cosine >= TELLING);
        [
            (self.words.contains_key(key), Matched::Words),
            (telling, Matched::Meaning),
            (self.in_period.contains(key), Matched::Time),
        ]
        .into_iter()
        .filter(|(holds, _)| *holds)
        .map(|(_, why)| why)
        .collect()
    }

    /// The cosine of its meaning and the question's.
    pub fn near(&self, key: &Key) -> Option<f32> {
        self.near.get(key).map(|near| near.0)
    }
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
    let concepts = scores::concepts(lexemes, alike, totals.0);
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
    Ok((scores::words(&concepts, &hits, totals), places))
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
            scores::CHANCE,
        )
        .await?;
    Ok(near.into_iter().next().unwrap_or_default())
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
