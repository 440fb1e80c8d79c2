//! Vectors of users in memory, as long as they fit, and how near they lie to a question.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use half::{f16, slice::HalfFloatSliceExt as _};

use super::{
    Kind,
    model::{Key, Place},
    store::{self, VectorRow},
    turns::Turns,
};
use crate::{error::Result, platform::database::Db};

/// Vectors written a little before the newest known one may have become visible after it, but no later than this.
const OVERLAP: Duration = Duration::from_secs(10);

/// Vectors of the users who searched last, and who searches.
pub struct Vectors {
    users: moka::sync::Cache<String, Arc<Slot>>,
    pub(super) turns: Turns,
}

#[derive(Default)]
struct Slot {
    /// Held by who brings the vectors up to date.
    refresh: tokio::sync::Mutex<()>,
    vectors: RwLock<Matrix>,
    kilobytes: AtomicU32,
}

impl Vectors {
    pub fn new(megabytes: u32) -> Self {
        let users = moka::sync::Cache::builder()
            .weigher(|uid: &String, slot: &Arc<Slot>| {
                let key = u32::try_from(uid.len() / 1024).unwrap_or(u32::MAX);
                slot.kilobytes
                    .load(Ordering::Relaxed)
                    .saturating_add(key + 1)
            })
            .max_capacity(u64::from(megabytes) * 1024)
            .build();
        Self {
            users,
            turns: Turns::default(),
        }
    }

    /// How near vectors of a user lie to each of some others: those with a cosine of `at_least`. Computed off the threads
    /// that serve requests.
    pub async fn nearness(
        &self,
        db: &Db,
        uid: &str,
        model: &str,
        to: Vec<Vec<f32>>,
        only: Option<Kind>,
        at_least: f32,
    ) -> Result<Vec<Nearness>> {
        let slot = self.users.get_with(uid.to_string(), Arc::default);
        {
            let _alone = slot.refresh.lock().await;
            let begun = Instant::now();
            let since = {
                let vectors = slot.vectors.read().unwrap_or_else(PoisonError::into_inner);
                vectors.since()
            };
            let rows = store::vectors(db, uid, model, since).await?;
            if !rows.is_empty() {
                let mut vectors = slot.vectors.write().unwrap_or_else(PoisonError::into_inner);
                rows.into_iter().for_each(|row| vectors.put(row, begun));
                vectors.read_at(begun);
                let kilobytes = u32::try_from(vectors.bytes() / 1024).unwrap_or(u32::MAX);
                let before = slot.kilobytes.swap(kilobytes, Ordering::Relaxed);
                drop(vectors);
                if kilobytes != before {
                    // Weighed again.
                    self.users.insert(uid.to_string(), slot.clone());
                }
            }
        }
        let scored = tokio::task::spawn_blocking(move || {
            let vectors = slot.vectors.read().unwrap_or_else(PoisonError::into_inner);
            to.iter()
                .map(|vector| vectors.nearness(vector, only, at_least))
                .collect()
        });
        Ok(scored.await.map_err(anyhow::Error::from)?)
    }

    /// These items of a user are gone.
    pub fn forget(&self, uid: &str, keys: &[Key]) {
        if let Some(slot) = self.users.get(uid) {
            let mut vectors = slot.vectors.write().unwrap_or_else(PoisonError::into_inner);
            keys.iter().for_each(|key| vectors.remove(key));
        }
    }
}

/// Cosine of each item that has a vector, and where it stands.
pub type Nearness = HashMap<Key, (f32, Place)>;

#[derive(Default)]
struct Matrix {
    width: usize,
    keys: Vec<Key>,
    places: Vec<Place>,
    rows: HashMap<Key, usize>,
    values: Vec<f16>,
    newest: Option<Newest>,
}

/// The newest vector that is known.
struct Newest {
    changed_at: DateTime<Utc>,
    /// When it was read first.
    since: Instant,
    /// Whether all was read once more so long after that nothing older can come.
    settled: bool,
}

impl Matrix {
    /// From when on vectors have to be read.
    fn since(&self) -> DateTime<Utc> {
        match &self.newest {
            None => DateTime::UNIX_EPOCH,
            Some(newest) if newest.settled => newest.changed_at,
            Some(newest) => newest.changed_at - OVERLAP,
        }
    }

    /// All since then was read, by a statement that began at `begun`.
    fn read_at(&mut self, begun: Instant) {
        if let Some(newest) = &mut self.newest {
            newest.settled |= begun.duration_since(newest.since) > OVERLAP;
        }
    }

    fn put(&mut self, row: VectorRow, begun: Instant) {
        let Some(kind) = Kind::known(&row.kind) else {
            return;
        };
        let known = self.newest.as_ref().map(|newest| newest.changed_at);
        if known < Some(row.changed_at) {
            self.newest = Some(Newest {
                changed_at: row.changed_at,
                since: begun,
                settled: false,
            });
        }
        let key = Key { kind, id: row.id };
        let place = Place {
            conversation_id: row.conversation_id,
            length: row.length,
            at: row.at,
        };
        // It has changed, and its new vector is still to come.
        let Some(vector) = row.vector else {
            self.remove(&key);
            return;
        };
        let values = vector
            .chunks_exact(2)
            .map(|bytes| f16::from_le_bytes([bytes[0], bytes[1]]));
        let width = vector.len() / 2;
        if self.keys.is_empty() {
            self.width = width;
        }
        if width != self.width || width == 0 {
            return;
        }
        match self.rows.get(&key) {
            Some(n) => {
                let start = n * width;
                self.places[*n] = place;
                for (old, value) in self.values[start..start + width].iter_mut().zip(values) {
                    *old = value;
                }
            }
            None => {
                self.rows.insert(key, self.keys.len());
                self.keys.push(key);
                self.places.push(place);
                self.values.extend(values);
            }
        }
    }

    /// The last one takes its row.
    fn remove(&mut self, key: &Key) {
        let Some(n) = self.rows.remove(key) else {
            return;
        };
        self.keys.swap_remove(n);
        self.places.swap_remove(n);
        let last = self.keys.len() * self.width;
        self.values.copy_within(last.., n * self.width);
        self.values.truncate(last);
        if let Some(moved) = self.keys.get(n) {
            self.rows.insert(*moved, n);
        }
    }

    fn nearness(&self, to: &[f32], only: Option<Kind>, at_least: f32) -> Nearness {
        if self.width == 0 || to.len() != self.width {
            return Nearness::new();
        }
        let mut row = vec![0.0; self.width];
        let vectors = self.values.chunks_exact(self.width);
        self.keys
            .iter()
            .zip(&self.places)
            .zip(vectors)
            .filter(|((key, _), _)| only.is_none_or(|kind| key.kind == kind))
            .map(|((key, place), vector)| {
                vector.convert_to_f32_slice(&mut row);
                (*key, (dot(&row, to), *place))
            })
            .filter(|(_, (cosine, _))| *cosine >= at_least)
            .collect()
    }

    fn bytes(&self) -> usize {
        let key = size_of::<Key>();
        self.values.capacity() * 2
            + self.keys.capacity() * (key + size_of::<Place>())
            + self.rows.capacity() * (key + 9)
    }
}

/// In eight sums side by side, which the compiler makes one instruction of.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    for (a, b) in a.iter().zip(b) {
        for n in 0..8 {
            sums[n] += a[n] * b[n];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// As it is stored: of length 1, in half precision. None: it has no direction.
pub fn stored(vector: &[f32]) -> Option<Vec<u8>> {
    let unit = unit(vector)?;
    Some(
        unit.into_iter()
            .flat_map(|value| f16::from_f32(value).to_le_bytes())
            .collect(),
    )
}

/// The same direction, of length 1.
pub fn unit(vector: &[f32]) -> Option<Vec<f32>> {
    let length = dot(vector, vector).sqrt();
    (length.is_finite() && length > 0.0)
        .then(|| vector.iter().map(|value| value / length).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use uuid::Uuid;

    use super::*;

    fn row(id: u128, vector: &[f32]) -> VectorRow {
        VectorRow {
            kind: "memory".into(),
            id: Uuid::from_u128(id),
            conversation_id: None,
            length: 1,
            at: DateTime::UNIX_EPOCH,
            vector: Some(stored(vector).unwrap()),
            changed_at: DateTime::UNIX_EPOCH,
        }
    }

    fn key(id: u128) -> Key {
        Key {
            kind: Kind::Memory,
            id: Uuid::from_u128(id),
        }
    }

    #[test]
    fn cosines_are_those_of_the_full_precision() {
        let mut matrix = Matrix::default();
        let now = Instant::now();
        let along: Vec<f32> = (0..19).map(|n| n as f32).collect();
        let against: Vec<f32> = along.iter().map(|value| -value).collect();
        let mut across = vec![0.0; 19];
        across[0] = 7.0;
        matrix.put(row(1, &along), now);
        matrix.put(row(2, &against), now);
        matrix.put(row(3, &across), now);
        let near = matrix.nearness(&unit(&along).unwrap(), None, -1.0);
        assert!((near[&key(1)].0 - 1.0).abs() < 1e-3, "{near:?}");
        assert!((near[&key(2)].0 + 1.0).abs() < 1e-3, "{near:?}");
        assert!(near[&key(3)].0.abs() < 1e-3, "{near:?}");
        // A vector that comes again takes the place of the old one; another width is none of these.
        matrix.put(row(2, &along), now);
        matrix.put(row(4, &[1.0]), now);
        let near = matrix.nearness(&unit(&along).unwrap(), None, -1.0);
        assert_eq!(near.len(), 3);
        assert!((near[&key(2)].0 - 1.0).abs() < 1e-3, "{near:?}");
        assert!(matrix.nearness(&[1.0], None, -1.0).is_empty());
    }

    #[test]
    fn what_is_gone_or_changed_leaves_the_others_in_their_rows() {
        let mut matrix = Matrix::default();
        let now = Instant::now();
        for (id, vector) in [(1, [1.0, 0.0]), (2, [0.0, 1.0]), (3, [-1.0, 0.0])] {
            matrix.put(row(id, &vector), now);
        }
        matrix.remove(&key(1));
        matrix.remove(&key(7));
        let cosines = |matrix: &Matrix| {
            let near = matrix.nearness(&[0.6, 0.8], None, -1.0);
            let mut near: Vec<_> = near
                .into_iter()
                .map(|(key, (cosine, _))| (key.id.as_u128(), (cosine * 10.0).round()))
                .collect();
            near.sort_by_key(|(id, _)| *id);
            near
        };
        assert_eq!(cosines(&matrix), [(2, 8.0), (3, -6.0)]);
        // An edited item keeps nothing of its old meaning.
        let edited = VectorRow {
            vector: None,
            ..row(3, &[1.0])
        };
        matrix.put(edited, now);
        assert_eq!(cosines(&matrix), [(2, 8.0)]);
        matrix.put(row(3, &[1.0, 0.0]), now);
        matrix.remove(&key(2));
        assert_eq!(cosines(&matrix), [(3, 6.0)]);
        matrix.remove(&key(3));
        assert!(cosines(&matrix).is_empty());
    }

    #[test]
    fn what_is_old_is_read_once_more_and_then_no_longer() {
        let mut matrix = Matrix::default();
        let begun = Instant::now();
        assert_eq!(matrix.since(), DateTime::UNIX_EPOCH);
        let at = |seconds: i64| DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap();
        let new = |id, seconds| VectorRow {
            changed_at: at(seconds),
            ..row(id, &[1.0])
        };
        matrix.put(new(1, 50), begun);
        matrix.read_at(begun);
        assert_eq!(matrix.since(), at(40));
        matrix.read_at(begun + OVERLAP);
        assert_eq!(matrix.since(), at(40));
        let later = begun + OVERLAP * 2;
        matrix.put(new(2, 45), later);
        matrix.read_at(later);
        assert_eq!(matrix.since(), at(50));
        matrix.put(new(1, 60), later);
        matrix.read_at(later);
        assert_eq!(matrix.since(), at(50));
    }

    #[test]
    fn what_has_no_direction_has_no_vector() {
        assert!(stored(&[0.0, 0.0]).is_none());
        assert!(stored(&[f32::NAN, 1.0]).is_none());
        assert!(stored(&[]).is_none());
    }
}
