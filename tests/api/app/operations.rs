//! What Omi's own server has for its app and what this one makes of it, operation by operation. `tests/omi_app/operations.tsv`
//! is the table, `docs/omi-app-operations.md` the page made of it.

use std::{collections::BTreeMap, fmt::Write as _};

use reqwest::Method;

use crate::support::Server;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/omi-app-operations.md");

/// How an operation stands, and what that means.
const STANDINGS: [(&str, &str); 4] = [
    ("here", "works as on Omi's own server"),
    (
        "cloud",
        "answered truthfully for a server without what only Omi's own has, so that no screen waits for it",
    ),
    ("planned", "answers 404 until it is built"),
    ("absent", "answers 404 and will"),
];

pub struct Operation {
    pub method: &'static str,
    pub path: &'static str,
    pub standing: &'static str,
    why: &'static str,
}

pub fn operations() -> Vec<Operation> {
    let table = include_str!("../../omi_app/operations.tsv");
    let lines = table.lines().skip(1);
    lines
        .map(|line| {
            let mut cells = line.split('\t');
            let mut cell = || cells.next().unwrap_or_default();
            Operation {
                method: cell(),
                path: cell(),
                standing: cell(),
                why: cell(),
            }
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_of_omis_server_stands_as_the_table_says() {
    let operations = operations();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    let server = Server::deaf().await;
    let fallback = server.get("/v1/no-such-thing", "").await;
    assert_eq!(fallback.status, 404);
    for one in &operations {
        let what = format!("{} {}", one.method, one.path);
        assert!(
            STANDINGS
                .iter()
                .any(|(standing, _)| *standing == one.standing),
            "{what}: {}",
            one.standing
        );
        *counts.entry(one.standing).or_default() += 1;
        let explained = matches!(one.standing, "cloud" | "absent");
        assert!(!explained || !one.why.is_empty(), "{what}: why?");
        let parts = one.path.split('/').map(|part| match part.starts_with('{') {
            true => "x",
            false => part,
        });
        let path: Vec<_> = parts.collect();
        let method: Method = one.method.parse().unwrap();
        let answer = server.send(method, &path.join("/"), None, None).await;
        let missing = answer.status == 405 || answer.status == 404 && answer.body == fallback.body;
        if missing != matches!(one.standing, "planned" | "absent") {
            wrong.push(format!("{what}: {} but {}", one.standing, answer.status));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{} operations: {counts:?}", operations.len());

    let mut page = String::from(
        "# Operations of Omi's server for its app\n\nMade from `tests/omi_app/operations.tsv`, which a test compares with the \
         server.\n\n| | operations | meaning |\n|---|---|---|\n",
    );
    for (standing, meaning) in STANDINGS {
        let count = counts.get(standing).copied().unwrap_or_default();
        writeln!(page, "| {standing} | {count} | {meaning} |").unwrap();
    }
    page.push_str("\n| method | path | | |\n|---|---|---|---|\n");
    for one in &operations {
        let Operation {
            method,
            path,
            standing,
            why,
        } = one;
        writeln!(page, "| {method} | `{path}` | {standing} | {why} |").unwrap();
    }
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(PAGE, &page).unwrap();
    }
    let known = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        known == page,
        "docs/omi-app-operations.md is not what the table says; run this with INSTA_UPDATE=always"
    );
}
