//! Precision and recall over `sentences.txt` and `talk.txt`: each sentence with the tasks,
//! events and facts it must yield, and no others.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;

use super::{other, own, shown, wednesday};
use crate::features::processing::rules::understand;

/// `>` the user says, `<` somebody else says; then what is expected:
/// `-` a task, `@` an event, both with ` | MM-DD HH:MM`, `*` a fact.
const TABLES: [&str; 2] = [include_str!("sentences.txt"), include_str!("talk.txt")];

#[derive(Default)]
pub(super) struct Case<'a> {
    pub lines: Vec<(bool, &'a str)>,
    pub expected: Vec<String>,
}

pub(super) fn cases(table: &'static str) -> Vec<Case<'static>> {
    let mut out = Vec::new();
    for block in table.split("\n\n") {
        let mut case = Case::default();
        for line in block.lines().filter(|line| !line.starts_with('#')) {
            match line.split_at_checked(2) {
                Some(("> ", said)) => case.lines.push((true, said)),
                Some(("< ", said)) => case.lines.push((false, said)),
                Some(("- " | "@ " | "* ", _)) => case.expected.push(line.to_owned()),
                _ => assert!(line.trim().is_empty(), "not understood: {line}"),
            }
        }
        if !case.lines.is_empty() {
            out.push(case);
        }
    }
    out
}

fn found(case: &Case) -> Vec<String> {
    let lines: Vec<_> = case
        .lines
        .iter()
        .map(|(user, text)| if *user { own(text) } else { other(text) })
        .collect();
    let all = understand(&lines, &wednesday());
    let with_time = |text: String, time: Option<_>| match time.map(shown) {
        Some(time) => format!("{text} | {time}"),
        None => text,
    };
    let items = all
        .action_items
        .into_iter()
        .map(|item| with_time(format!("- {}", item.description), item.due_at));
    let events = all
        .events
        .into_iter()
        .map(|event| with_time(format!("@ {}", event.title), Some(event.start)));
    let facts = all
        .memories
        .into_iter()
        .map(|fact| format!("* {}", fact.content));
    items.chain(events).chain(facts).collect()
}

#[test]
fn precision_and_recall() {
    let cases: Vec<_> = TABLES.iter().flat_map(|table| cases(table)).collect();
    assert!(cases.len() >= 80, "{}", cases.len());
    let least = ["events", "facts", "tasks"].map(|kind| (kind, 0.9, 0.7));
    judge(&cases, |expected, found| expected == found, &least);
}

/// Matches what is found with what is expected, each once, and prints what is wrong and how much is right. Fails below a floor:
/// kind, precision, recall.
pub(super) fn judge(cases: &[Case], is: fn(&str, &str) -> bool, floors: &[(&str, f64, f64)]) {
    // Per kind: right, found, expected.
    let mut tally: BTreeMap<&str, [u32; 3]> = BTreeMap::new();
    for case in cases {
        let mut open: Vec<&String> = case.expected.iter().collect();
        for entry in &case.expected {
            tally.entry(kind(entry)).or_default()[2] += 1;
        }
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
        for entry in open {
            println!("missed  {entry}\n        in {:?}", case.lines);
        }
    }
    println!("{} cases", cases.len());
    for (kind, least_precision, least_recall) in floors {
        let [right, found, expected] = tally[kind];
        let ratio = |of: u32| f64::from(right) / f64::from(of.max(1));
        let (precision, recall) = (ratio(found), ratio(expected));
        println!(
            "{kind:8} precision {precision:.3} recall {recall:.3} ({right} right, {found} found, {expected} expected)"
        );
        assert!(
            precision >= *least_precision && recall >= *least_recall,
            "{kind}: precision {precision:.3}, recall {recall:.3}"
        );
    }
}

pub(super) fn kind(entry: &str) -> &'static str {
    match entry.as_bytes().first() {
        Some(b'-') => "tasks",
        Some(b'@') => "events",
        _ => "facts",
    }
}
