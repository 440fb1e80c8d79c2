//! Precision and recall on sentences that no rule was made for: `unseen.txt` was written without a look at the rules, and
//! rules are not made for what is missed here. The floors say what was reached; they keep it from getting worse.

use super::table::{cases, judge, kind};

/// As `sentences.txt`, but an expectation is words that what is found must hold, and after ` | ` its time, of which `*` stands
/// for any hour. ` / ` parts several that are right; `?` stands for any text, or any time.
const TABLE: &str = include_str!("unseen.txt");
/// Least precision and recall.
const FLOORS: [(&str, f64, f64); 3] = [
    ("events", 0.75, 0.5),
    ("facts", 0.85, 0.5),
    ("tasks", 0.88, 0.58),
];

#[test]
fn precision_and_recall_on_what_no_rule_was_made_for() {
    judge(&cases(TABLE), is, &FLOORS);
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
