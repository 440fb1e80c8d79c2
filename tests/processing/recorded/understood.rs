//! What the prompts of processing are worth.

use std::collections::BTreeSet;

use chrono::DateTime;
use serde_json::Value;

use super::{
    super::{conversation, memories},
    GOALS, Stage,
    talks::{Talk, talks},
    tally::{Tally, holds},
};
use crate::support::{Server, server::User};

/// As "MM-DD HH:MM" in Berlin.
fn local(time: &Value) -> String {
    let Some(time) = time.as_str() else {
        return String::new();
    };
    let at = DateTime::parse_from_rfc3339(time).unwrap();
    at.with_timezone(&chrono_tz::Europe::Berlin)
        .format("%m-%d %H:%M")
        .to_string()
}

async fn look(server: &Server, user: &User, id: &str, talk: &Talk, tally: &mut Tally) {
    let name = &talk.name;
    let found = conversation(server, user, id).await;
    let structured = &found["structured"];
    let discarded = found["discarded"] == true;
    tally.judge(
        name,
        "kept or discarded",
        discarded == talk.is_discarded(),
        discarded,
    );
    let path = "/v1/dev/user/action-items?limit=1000";
    let items = server.get(path, &user.developer_key).await.ok();
    let items: Vec<_> = items
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["conversation_id"] == id)
        .map(|item| {
            (
                item["description"].as_str().unwrap().to_string(),
                local(&item["due_at"]),
            )
        })
        .collect();
    tally.compare(name, "tasks", &items, &talk.of('-'));
    let events: Vec<_> = structured["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            let text = format!("{} {}", event["title"], event["description"]);
            (text, local(&event["start"]))
        })
        .collect();
    tally.compare(name, "events", &events, &talk.of('@'));
    let facts = memories(server, user).await;
    let facts: Vec<_> = facts
        .into_iter()
        .map(|fact| (fact, String::new()))
        .collect();
    tally.compare(name, "memories", &facts, &talk.of('*'));
    let record = format!("{} {}", structured["title"], structured["overview"]);
    for words in talk.of('t') {
        tally.judge(name, "title and overview", holds(&record, words), &record);
    }
    for categories in talk.of('c') {
        let right = categories
            .split(' ')
            .any(|one| structured["category"] == one);
        tally.judge(name, "category", right, &structured["category"]);
    }
    for folder in talk.of('f') {
        let folders = server.get("/v1/folders", &user.token).await.ok();
        let list = folders.as_array().unwrap();
        let own = list.iter().find(|one| one["id"] == found["folder_id"]);
        let right = own.is_some_and(|own| own["name"] == folder);
        tally.judge(name, "folder", right, &found["folder_id"]);
    }
    for value in talk.of('g') {
        let goals = server.get(GOALS, &user.developer_key).await.ok();
        let at = goals[0]["current_value"].as_f64().unwrap();
        tally.judge(name, "goal", at.to_string() == value, at);
    }
    for names in talk.of('n') {
        let graph = server.get("/v1/knowledge-graph", &user.token).await.ok();
        let labels: BTreeSet<_> = graph["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["label"].as_str().unwrap().to_string())
            .collect();
        let labels = format!("{labels:?}");
        tally.judge(name, "names in the graph", holds(&labels, names), &labels);
    }
    let all = [&items, &events, &facts].into_iter().flatten();
    let mut all: Vec<_> = all.map(|(text, _)| text.clone()).collect();
    for (marks, more) in [('!', None), ('x', Some(record))] {
        all.extend(more);
        for word in talk
            .of(marks)
            .iter()
            .flat_map(|words| words.split_whitespace())
        {
            let spoilt = all.iter().find(|text| holds(text, word));
            let shown = format!("{word} in {spoilt:?}");
            tally.judge(name, "nothing wrong", spoilt.is_none(), shown);
        }
    }
}

#[tokio::test]
async fn what_a_large_model_finds() {
    let Some(stage) = Stage::set().await else {
        return;
    };
    let talks = talks();
    assert!(talks.len() >= 16, "{}", talks.len());
    let held = stage.understand(&talks).await;
    let mut tally = Tally::default();
    for ((user, id), talk) in held.iter().zip(&talks) {
        look(&stage.server, user, id, talk, &mut tally).await;
    }
    stage.end().await;
    tally.report(&FLOORS);
}

/// Kind, precision, recall.
const FLOORS: [(&str, f64, f64); 10] = [
    ("kept or discarded", 1.0, 1.0),
    ("tasks", 0.9, 0.8),
    ("events", 0.9, 0.8),
    ("memories", 0.9, 0.8),
    ("title and overview", 0.9, 0.9),
    ("category", 0.9, 0.9),
    ("folder", 1.0, 1.0),
    ("goal", 1.0, 1.0),
    ("names in the graph", 0.9, 0.9),
    ("nothing wrong", 1.0, 1.0),
];
