//! What was said around a hit, and how hits that show the same lines become one.

use uuid::Uuid;

use super::{Hit, Kind, model::Matched, store::Shown};

/// Segments that one hit shows at most.
const MOST_SEGMENTS: usize = 9;

/// A hit whose lines are still apart; its speakers are ids still.
pub struct Window {
    hit: Hit,
    /// Of a segment's hit: who says what, in order.
    rows: Vec<Row>,
}

#[derive(Clone)]
struct Row {
    id: Uuid,
    speaker: Option<String>,
    text: String,
}

impl Window {
    pub fn new(kind: Kind, item: Shown, score: f64, matched: Vec<Matched>) -> Self {
        let mut rows = Vec::new();
        let mut text = String::new();
        if kind == Kind::Segment {
            let row = |id: Option<Uuid>, speaker, text: Option<String>| {
                Some(Row {
                    id: id?,
                    speaker,
                    text: text.unwrap_or_default(),
                })
            };
            rows.extend(row(item.before_id, item.before_speaker, item.before));
            rows.extend(row(Some(item.id), item.speaker, Some(item.text)));
            rows.extend(row(item.after_id, item.after_speaker, item.after));
        } else {
            text = joined([item.title.as_str(), item.text.as_str()].into_iter());
        }
        let hit = Hit {
            kind,
            id: item.id,
            conversation_id: item.conversation_id,
            segment_ids: Vec::new(),
            speakers: Vec::new(),
            text,
            at: item.at,
            score,
            matched,
        };
        Self { hit, rows }
    }

    fn shows(&self, id: Uuid) -> bool {
        self.rows.iter().any(|row| row.id == id)
    }

    /// Takes in the rows of another that stands on some of the same. False: it would become too long.
    fn join(&mut self, other: &Self) -> bool {
        let first = |rows: &[Row], of: &[Row]| {
            let id = of.first()?.id;
            rows.iter().position(|row| row.id == id)
        };
        let (begin, then, n) = match first(&self.rows, &other.rows) {
            Some(n) => (&self.rows, &other.rows, n),
            None => match first(&other.rows, &self.rows) {
                Some(n) => (&other.rows, &self.rows, n),
                None => return false,
            },
        };
        let mut rows = begin[..n].to_vec();
        rows.extend(then.iter().cloned());
        // One that lies within the other adds nothing.
        rows.extend(begin.iter().skip(n + then.len()).cloned());
        if rows.len() > MOST_SEGMENTS {
            return false;
        }
        self.rows = rows;
        for why in &other.hit.matched {
            if !self.hit.matched.contains(why) {
                self.hit.matched.push(*why);
            }
        }
        true
    }

    pub fn finish(self) -> Hit {
        let mut hit = self.hit;
        if hit.kind == Kind::Segment {
            hit.text = joined(self.rows.iter().map(|row| row.text.as_str()));
            for row in self.rows {
                hit.segment_ids.push(row.id);
                hit.speakers.push(row.speaker);
            }
        }
        hit
    }
}

fn joined<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

/// At most so many, best first: what shows some of the lines of a better one becomes a part of it. No line comes twice.
pub fn apart(windows: impl Iterator<Item = Window>, limit: usize) -> Vec<Window> {
    let mut kept: Vec<Window> = Vec::new();
    for mut window in windows {
        let touched: Vec<usize> = (0..kept.len())
            .filter(|n| window.rows.iter().any(|row| kept[*n].shows(row.id)))
            .collect();
        if let Some((best, others)) = touched.split_first() {
            let others: Vec<_> = others.iter().map(|n| &kept[*n]).collect();
            window
                .rows
                .retain(|row| !others.iter().any(|other| other.shows(row.id)));
            if !window.shows(window.hit.id) || kept[*best].join(&window) {
                continue;
            }
            window.rows.retain(|row| !kept[*best].shows(row.id));
            if !window.shows(window.hit.id) {
                continue;
            }
        }
        if kept.len() < limit {
            kept.push(window);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(centre: u128, ids: &[u128], matched: Matched) -> Window {
        let rows = ids.iter().map(|id| Row {
            id: Uuid::from_u128(*id),
            speaker: None,
            text: format!("line {id}"),
        });
        Window {
            hit: Hit {
                kind: Kind::Segment,
                id: Uuid::from_u128(centre),
                conversation_id: None,
                segment_ids: Vec::new(),
                speakers: Vec::new(),
                text: String::new(),
                at: chrono::DateTime::UNIX_EPOCH,
                score: 1.0,
                matched: vec![matched],
            },
            rows: rows.collect(),
        }
    }

    fn shown(windows: Vec<Window>, limit: usize) -> Vec<(u128, Vec<u128>)> {
        apart(windows.into_iter(), limit)
            .into_iter()
            .map(Window::finish)
            .map(|hit| {
                let ids = hit.segment_ids.iter().map(Uuid::as_u128);
                (hit.id.as_u128(), ids.collect())
            })
            .collect()
    }

    #[test]
    fn windows_on_the_same_lines_are_one_hit() {
        let words = Matched::Words;
        let three = || {
            [
                window(2, &[1, 2, 3], words),
                window(3, &[2, 3, 4], Matched::Meaning),
                window(1, &[1, 2], words),
                window(20, &[19, 20, 21], words),
            ]
        };
        let found = shown(three().into(), 9);
        assert_eq!(found, [(2, vec![1, 2, 3, 4]), (20, vec![19, 20, 21])]);
        let first = apart(three().into_iter(), 1).pop().map(Window::finish);
        let first = first.map(|hit| (hit.text, hit.matched));
        let text = "line 1\nline 2\nline 3\nline 4".to_string();
        assert_eq!(first, Some((text, vec![words, Matched::Meaning])));
        // The one before it comes later.
        let back = vec![window(5, &[4, 5, 6], words), window(3, &[2, 3, 4], words)];
        assert_eq!(shown(back, 9), [(5, vec![2, 3, 4, 5, 6])]);
    }

    #[test]
    fn no_line_comes_twice_and_none_grows_without_end() {
        let long = (1..40).map(|n| {
            let n = n * 2;
            window(n, &[n - 1, n, n + 1], Matched::Words)
        });
        let found = shown(long.collect(), 100);
        let mut all: Vec<u128> = found.iter().flat_map(|(_, ids)| ids.clone()).collect();
        assert!(found.iter().all(|(_, ids)| ids.len() <= MOST_SEGMENTS));
        assert!(found.iter().all(|(id, ids)| ids.contains(id)));
        assert_eq!(all, (1..80).collect::<Vec<u128>>());
        all.dedup();
        assert_eq!(all.len(), 79);
        // One that lies between two others.
        let between = vec![
            window(2, &[1, 2, 3], Matched::Words),
            window(6, &[5, 6, 7], Matched::Words),
            window(4, &[3, 4, 5], Matched::Words),
        ];
        let found = shown(between, 9);
        assert_eq!(found, [(2, vec![1, 2, 3, 4]), (6, vec![5, 6, 7])]);
    }
}
