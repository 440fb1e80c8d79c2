//! Precision and recall on sentences that no rule was made for: `unseen.txt` was written without a look at the rules, and
//! rules are not made for what is missed here. The floors say what was reached; they keep it from getting worse.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;

use super::table::{cases, found, kind};

/// As `sentences.txt`, but an expectation is words that what is found must hold, and after ` | ` its time, of which `*` stands
/// for any hour. ` / ` parts several that are right; the word `?` stands for any text, or none at all.
const TABLE: &str = include_str!("unseen.txt");
/// Least precision and recall.
const FLOORS: [(&str, f64, f64); 3] = [
    ("events", 0.75, 0.5),
    ("facts", 0.85, 0.5),
    ("tasks", 0.88, 0.58),
];

#[test]
fn precision_and_recall_on_what_no_rule_was_made_for() {
    let cases = cases(TABLE);
    // Per kind: right, found, expected.
    let mut tally: BTreeMap<&str, [u32; 3]> = BTreeMap::new();
    for case in &cases {
        let mut open: Vec<&String> = case.expected.iter().collect();
        for entry in found(case) {
            let counts = tally.entry(kind(&entry)).or_default();
            counts[1] += 1;
            match open.iter().position(|expected| is(expected, &entry)) {
                Some(place) => {
                    counts[0] += 1;
                    open.remove(place);
                }
                None => println!("wrong   {entry}\n        in {:?}", case.lines),
            }
        }
        for entry in &case.expected {
            tally.entry(kind(entry)).or_default()[2] += 1;
        }
        for entry in open {
            println!("missed  {entry}\n        in {:?}", case.lines);
        }
    }
    println!("{} cases", cases.len());
    for (kind, least_precision, least_recall) in FLOORS {
        let [right, found, expected] = tally[kind];
        let ratio = |of: u32| f64::from(right) / f64::from(of.max(1));
        let (precision, recall) = (ratio(found), ratio(expected));
        println!(
            "{kind:8} precision {precision:.3} recall {recall:.3} ({right} right, {found} found, {expected} expected)"
        );
        assert!(
            precision >= least_precision && recall >= least_recall,
            "{kind}: precision {precision:.3}, recall {recall:.3}"
        );
    }
}

/// Whether what was found is what an expectation means.
fn is(expected: &str, found: &str) -> bool {
    if kind(expected) != kind(found) {
        return false;
    }
    let parts = |entry: &str| {
        let (text, time) = entry.split_once(" | ").unwrap_or((entry, ""));
        (text[2..].to_lowercase(), time.to_string())
    };
    let ((wanted, times), (text, time)) = (parts(expected), parts(found));
    let holds = |words: &str| {
        words
            .split_whitespace()
            .all(|word| word == "?" || text.contains(word))
    };
    let right = |wanted: &str| match wanted.strip_suffix('*') {
        Some(day) => time.starts_with(day.trim()),
        None => wanted == "?" || wanted == time,
    };
    wanted.split(" / ").any(holds) && (times.is_empty() || times.split(" / ").any(right))
}
