//! How much of what was found is right, and how much of what is expected was found.

use std::collections::BTreeMap;

/// Right, found and expected of each kind, and what was wrong.
#[derive(Default)]
pub struct Tally {
    counts: BTreeMap<&'static str, [u32; 3]>,
    pub wrong: Vec<String>,
}

impl Tally {
    /// Matches what was found with what is expected, each once.
    pub fn compare(
        &mut self,
        talk: &str,
        kind: &'static str,
        found: &[(String, String)],
        expected: &[&str],
    ) {
        let mut open: Vec<&str> = expected.to_vec();
        let counts = self.counts.entry(kind).or_default();
        counts[1] += found.len() as u32;
        counts[2] += expected.len() as u32;
        for (text, time) in found {
            let fits = |wanted: &&str| {
                let (words, at) = wanted.split_once(" | ").unwrap_or((wanted, ""));
                holds(text, words) && (at.is_empty() || at_one_of(time, at))
            };
            match open.iter().position(fits) {
                Some(place) => {
                    open.remove(place);
                    counts[0] += 1;
                }
                None => self
                    .wrong
                    .push(format!("{talk}: {kind} not expected: {text} | {time}")),
            }
        }
        let missed = open
            .iter()
            .map(|wanted| format!("{talk}: {kind} missed: {wanted}"));
        self.wrong.extend(missed);
    }

    pub fn judge(
        &mut self,
        talk: &str,
        kind: &'static str,
        right: bool,
        shown: impl std::fmt::Display,
    ) {
        let counts = self.counts.entry(kind).or_default();
        counts[1] += 1;
        counts[2] += 1;
        if right {
            counts[0] += 1;
        } else {
            self.wrong.push(format!("{talk}: {kind}: {shown}"));
        }
    }

    fn share(&self, kind: &str) -> (f64, f64) {
        let [right, found, expected] = self.counts[kind];
        let of = |all: u32| f64::from(right) / f64::from(all.max(1));
        (of(found), of(expected))
    }

    /// Prints what was wrong and how much was right, and fails below a floor: kind, precision, recall.
    pub fn report(&self, floors: &[(&str, f64, f64)]) {
        for wrong in &self.wrong {
            println!("{wrong}");
        }
        for (kind, [right, found, expected]) in &self.counts {
            let (precision, recall) = self.share(kind);
            println!(
                "{kind:20} precision {precision:.2} recall {recall:.2} ({right} right, {found} found, {expected} expected)"
            );
        }
        for (kind, precision, recall) in floors {
            let (p, r) = self.share(kind);
            assert!(p >= *precision && r >= *recall, "{kind}: {p:.2} {r:.2}");
        }
    }
}

/// Each word, or one of those between which "/" stands.
pub fn holds(text: &str, words: &str) -> bool {
    let text = text.to_lowercase();
    words.split_whitespace().all(|word| {
        word.split('/')
            .any(|one| text.contains(&one.to_lowercase()))
    })
}

/// "03-03 18:00/23:59"
fn at_one_of(time: &str, wanted: &str) -> bool {
    let (day, clocks) = wanted.split_once(' ').unwrap();
    clocks
        .split('/')
        .any(|clock| time == format!("{day} {clock}"))
}
