//! Lines of one conversation that were found, in the order in which they were said.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::gather::cut;
use crate::features::{people, search::Hit};

struct Block {
    at: DateTime<Utc>,
    segments: Vec<Uuid>,
    lines: Vec<String>,
    matched: String,
}

/// Added best first.
#[derive(Default)]
pub struct Lines(Vec<Block>);

impl Lines {
    /// Without lines that stand in `told`.
    pub fn add(&mut self, hit: &Hit, told: &str) {
        let lines = said(hit);
        let whole = lines.len() == hit.segment_ids.len();
        let place = hit.segment_ids.iter().position(|id| *id == hit.id);
        let matched = match place.filter(|_| whole).and_then(|place| lines.get(place)) {
            Some(line) => line.clone(),
            None => lines.join(" "),
        };
        let told = |line: &String| !line.is_empty() && told.lines().any(|known| known == line);
        if lines.iter().all(told) {
            return;
        }
        self.0.push(Block {
            at: hit.at,
            segments: hit.segment_ids.clone(),
            lines,
            matched,
        });
    }

    /// The lines that were found first, and which of them matched.
    pub fn first(&self) -> Option<(String, String)> {
        let best = self.0.first()?;
        Some((best.lines.join("\n"), best.matched.clone()))
    }

    /// As many of the best as have at most `most` characters, each line once, with `…` where something may be missing.
    pub fn in_order(self, most: usize) -> String {
        let mut left = most;
        let mut seen = HashSet::new();
        let mut kept: Vec<(DateTime<Utc>, Vec<Uuid>, Vec<String>)> = Vec::new();
        for block in self.0 {
            let whole = block.lines.len() == block.segments.len();
            let mut new = Vec::new();
            for (n, line) in block.lines.iter().enumerate() {
                let fresh = match block.segments.get(n).filter(|_| whole) {
                    Some(id) => seen.insert(id.to_string()),
                    None => seen.insert(line.clone()),
                };
                if fresh {
                    new.push(line.clone());
                }
            }
            let length: usize = new.iter().map(|line| line.chars().count() + 1).sum();
            if length > left && kept.is_empty() {
                return cut(&block.matched, most);
            }
            if new.is_empty() || length > left {
                continue;
            }
            left -= length;
            kept.push((block.at, block.segments, new));
        }
        kept.sort_by_key(|(at, ..)| *at);
        let mut text: Vec<String> = Vec::new();
        let mut before: Vec<Uuid> = Vec::new();
        for (_, segments, lines) in kept {
            let joined = segments.iter().any(|id| before.contains(id));
            if !text.is_empty() && !joined {
                text.push("…".into());
            }
            text.extend(lines);
            before.extend(segments);
        }
        text.join("\n")
    }
}

/// With the names of those whose voices are known; what nobody said may be anybody's words.
fn said(hit: &Hit) -> Vec<String> {
    let lines: Vec<_> = hit.text.lines().map(str::to_string).collect();
    if lines.len() != hit.speakers.len() {
        return lines;
    }
    let named = lines.iter().zip(&hit.speakers);
    let named = named.map(|(text, speaker)| match speaker {
        Some(name) => people::line(name, text),
        None => text.clone(),
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::search::Kind;

    fn hit(first: u128, minute: u32, lines: [&str; 3]) -> Hit {
        let ids: Vec<_> = (first..first + 3).map(Uuid::from_u128).collect();
        Hit {
            kind: Kind::Segment,
            id: ids[1],
            conversation_id: None,
            segment_ids: ids,
            speakers: vec![None, Some("Ann".into()), None],
            text: lines.join("\n"),
            at: format!("2026-01-31T09:{minute:02}:00Z")
                .parse()
                .unwrap_or_default(),
            score: 1.0,
            matched: Vec::new(),
        }
    }

    #[test]
    fn lines_stand_in_the_order_in_which_they_were_said() {
        let mut lines = Lines::default();
        for (first, minute, said) in [
            (20, 9, ["late", "later", "last"]),
            (1, 1, ["one", "two", "three"]),
            (3, 2, ["three", "four", "five"]),
        ] {
            lines.add(&hit(first, minute, said), "");
        }
        let (block, matched) = lines.first().unwrap_or_default();
        assert!(block.contains("late\n") && matched.contains("later"));
        let text = lines.in_order(800);
        let plain: Vec<_> = text
            .lines()
            .map(|line| line.rsplit(' ').next().unwrap_or(line))
            .collect();
        let trimmed: Vec<_> = plain
            .iter()
            .map(|word| word.trim_matches(['“', '”', '"']))
            .collect();
        assert_eq!(
            trimmed,
            [
                "one", "two", "three", "four", "five", "…", "late", "later", "last"
            ]
        );
    }

    #[test]
    fn the_best_is_kept_where_not_all_fits() {
        let mut lines = Lines::default();
        let long = "x".repeat(300);
        lines.add(&hit(20, 9, [&long, "the rent", &long]), "");
        lines.add(&hit(1, 1, ["one", "two", "three"]), "");
        let text = lines.in_order(100);
        assert!(
            text.contains("the rent") && text.chars().count() <= 101,
            "{text}"
        );
    }
}
