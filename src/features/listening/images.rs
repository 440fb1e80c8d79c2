//! Puts pictures together that come in slices.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::commands::ImageChunk;
use crate::features::conversations::LARGEST_PHOTO;

/// Pictures that are on their way at the same time; then the oldest is given up.
const MOST: usize = 50;
/// A picture whose slices do not all come in this time is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Characters of base64 that all of them may have.
const ROOM: usize = 4 * LARGEST_BASE64;
const LARGEST_BASE64: usize = LARGEST_PHOTO / 3 * 4 + 4;
const MOST_SLICES: usize = 4096;
const LONGEST_ID: usize = 200;

#[derive(Default)]
pub struct Images {
    coming: Vec<Coming>,
}

struct Coming {
    id: String,
    total: usize,
    slices: BTreeMap<usize, String>,
    size: usize,
    since: Instant,
}

/// A whole picture, under the id that the device gave it.
#[derive(Debug, PartialEq)]
pub struct Image {
    pub id: String,
    pub bytes: Vec<u8>,
}

impl Images {
    /// The picture that this slice completes. What cannot be a slice of a picture is passed over.
    pub fn take(&mut self, slice: ImageChunk, now: Instant) -> Option<Image> {
        self.coming.retain(|one| now - one.since < PATIENCE);
        let ImageChunk {
            id,
            index,
            total,
            data,
        } = slice;
        if total == 0 || total > MOST_SLICES || index >= total || id.len() > LONGEST_ID {
            return None;
        }
        let known = self.coming.iter().position(|one| one.id == id);
        let at = known.unwrap_or_else(|| {
            if self.coming.len() == MOST {
                self.coming.remove(0);
            }
            self.coming.push(Coming {
                id,
                total,
                slices: BTreeMap::new(),
                size: 0,
                since: now,
            });
            self.coming.len() - 1
        });
        let one = &mut self.coming[at];
        if one.total != total || one.slices.contains_key(&index) {
            return None;
        }
        one.size += data.len();
        one.slices.insert(index, data);
        if one.size > LARGEST_BASE64 {
            self.coming.remove(at);
            return None;
        }
        if one.slices.len() == total {
            let whole = self.coming.remove(at);
            return whole.image();
        }
        while self.coming.iter().map(|one| one.size).sum::<usize>() > ROOM {
            self.coming.remove(0);
        }
        None
    }
}

impl Coming {
    /// None: this is no JPEG.
    fn image(self) -> Option<Image> {
        let text: String = self.slices.into_values().collect();
        let bytes = STANDARD.decode(text.trim()).ok()?;
        let is_jpeg = bytes.starts_with(&[0xff, 0xd8, 0xff]);
        is_jpeg.then_some(Image { id: self.id, bytes })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn slice(id: &str, index: usize, total: usize, data: &str) -> ImageChunk {
        ImageChunk {
            id: id.into(),
            index,
            total,
            data: data.into(),
        }
    }

    #[test]
    fn slices_in_any_order_make_a_picture_once() {
        let jpeg = [&[0xff, 0xd8, 0xff, 0xe0][..], &[7; 100]].concat();
        let text = STANDARD.encode(&jpeg);
        let (first, rest) = text.split_at(33);
        let now = Instant::now();
        let mut images = Images::default();
        assert_eq!(images.take(slice("a", 1, 2, rest), now), None);
        assert_eq!(images.take(slice("b", 0, 2, first), now), None);
        assert_eq!(images.take(slice("a", 1, 2, rest), now), None);
        let whole = images.take(slice("a", 0, 2, first), now).unwrap();
        assert_eq!(whole.bytes, jpeg);
        assert_eq!(whole.id, "a");
        assert_eq!(images.take(slice("a", 0, 2, first), now), None);
        // Too late for the rest of the other one.
        let late = now + PATIENCE;
        assert_eq!(images.take(slice("b", 1, 2, rest), late), None);
    }

    #[test]
    fn what_cannot_be_a_picture_takes_no_room() {
        let now = Instant::now();
        let mut images = Images::default();
        for (index, total) in [(0, 0), (2, 2), (0, usize::MAX), (5, 1)] {
            assert_eq!(images.take(slice("a", index, total, "/9j/"), now), None);
        }
        assert!(images.coming.is_empty());
        assert_eq!(images.take(slice("a", 0, 1, "no base64!"), now), None);
        assert_eq!(images.take(slice("a", 0, 1, "AAAA"), now), None);
        let big = "A".repeat(1024 * 1024);
        for n in 0..200 {
            let id = format!("{}", n % 70);
            images.take(slice(&id, n, 4000, &big), now);
        }
        assert!(images.coming.len() <= MOST);
        assert!(images.coming.iter().map(|one| one.size).sum::<usize>() <= ROOM + big.len());
    }
}
