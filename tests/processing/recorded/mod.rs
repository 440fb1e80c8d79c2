//! What the prompts are worth: conversations and questions, the answers that a large language model gave to each of the
//! server's own prompts, and what the server makes of them. See README.md here.

mod answered;
mod days;
mod talks;
mod tally;
mod understood;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;

use super::settled;
use crate::support::{
    Server, ServerOptions,
    peer::{Peer, Script},
    server::User,
};
use talks::Talk;

/// What the server's clock shows when it starts: Tuesday.
const NOW: &str = "@2026-03-03 09:40:00";
/// Where the library lies that shows it another time.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
/// Letters of a piece of an answer that is streamed.
const PIECE: usize = 7;
const ZONE: &str = "Europe/Berlin";
const GOALS: &str = "/v1/dev/user/goals";

/// A file beside this one, as it is now: answers may be recorded without building anew.
fn file(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/processing/recorded");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// Marks of one kind.
fn of(marks: &[(char, String)], kind: char) -> Vec<&str> {
    let marks = marks.iter().filter(|(mark, _)| *mark == kind);
    marks.map(|(_, text)| text.as_str()).collect()
}

fn parts(text: &str) -> Vec<&str> {
    text.split(" | ").map(str::trim).collect()
}

/// "Title | current value | target | unit", as a request.
fn goal(text: &str) -> Value {
    let [title, current, target, unit] = parts(text)[..] else {
        panic!("{text}");
    };
    let number = |text: &str| text.parse::<f64>().unwrap();
    json!({"title": title, "goal_type": "numeric", "current_value": number(current),
        "target_value": number(target), "unit": unit})
}

/// A prompt without what differs each time: the marks of its fence, and the minute.
fn steady(prompt: &str) -> String {
    let mut out = prompt.to_string();
    if let Some(mark) = out
        .split_once("<material ")
        .and_then(|(_, rest)| rest.get(..16).map(str::to_string))
    {
        out = out.replace(&mark, "…");
    }
    // As chat tells it.
    if let Some((before, after)) = out.split_once("It is Tuesday 3 March 2026, ") {
        let rest = after.get(5..).unwrap_or_default();
        out = format!("{before}It is Tuesday 3 March 2026, ….{rest}");
    }
    if let Some((before, after)) = out.split_once("It is now ") {
        let rest = after.split_once(". ").map_or("", |(_, rest)| rest);
        out = format!("{before}It is now …. {rest}");
    }
    out
}

fn key(task: &str, prompt: &str) -> String {
    let digest = Sha256::digest(format!("{task}\n{}", steady(prompt)));
    hex::encode(&digest[..6])
}

/// As words are streamed: a few letters at a time, and no mark of a citation in one piece.
fn pieces(words: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for letter in words.chars() {
        if let Some(piece) = pieces.last_mut() {
            piece.push(letter);
            if letter == '[' || piece.chars().count() == PIECE {
                pieces.push(String::new());
            }
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

#[derive(Default)]
struct Missing(Mutex<BTreeMap<String, (String, String)>>);

/// Answers what was recorded for just this prompt.
fn recording(answers: Arc<BTreeMap<String, Value>>, missing: Arc<Missing>) -> Script {
    Script::by_prompt(move |task, prompt| {
        let key = key(task, prompt);
        match answers.get(&key) {
            Some(Value::String(words)) => return Script::Says(pieces(words)),
            Some(answer) => return Script::json(answer.clone()),
            None => {}
        }
        // What is told in words is no typed question.
        let task = if task.is_empty() { "words" } else { task };
        let prompt = (task.to_string(), steady(prompt));
        missing.0.lock().unwrap().insert(key, prompt);
        // Refused for good: the rules do it, and the test fails at its end.
        Script::Refuses(401)
    })
}

/// A server of that morning, and a model that answers what was recorded.
struct Stage {
    server: Server,
    db: PgPool,
    missing: Arc<Missing>,
    _peer: Peer,
}

impl Stage {
    /// None: this machine has no such clock.
    async fn set() -> Option<Self> {
        // Elsewhere it lies elsewhere, if at all.
        if !cfg!(all(target_os = "linux", target_arch = "x86_64"))
            || !Path::new("/usr/bin/apt-get").exists()
        {
            return None;
        }
        assert!(
            Path::new(FAKETIME).exists(),
            "libfaketime is missing: tools/install-prerequisites test installs it"
        );
        let answers: BTreeMap<String, Value> = serde_json::from_str(&file("answers.json")).unwrap();
        let answers: BTreeMap<_, _> = answers
            .into_iter()
            .map(|(name, answer)| (name.rsplit(' ').next().unwrap().to_string(), answer))
            .collect();
        let missing: Arc<Missing> = Arc::default();
        let peer = Peer::start(recording(Arc::new(answers), missing.clone())).await;
        let mut env = peer.settings();
        env.extend([
            ("LD_PRELOAD", FAKETIME.to_string()),
            ("FAKETIME", NOW.into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("DONT_FAKE_MONOTONIC", "1".into()),
            ("NO_FAKE_STAT", "1".into()),
            ("TZ", "UTC".into()),
        ]);
        let server = Server::start_with(ServerOptions {
            deaf: true,
            env,
            ..ServerOptions::default()
        })
        .await;
        let db = server.pool().await;
        Some(Self {
            server,
            db,
            missing,
            _peer: peer,
        })
    }

    /// Has it understand each of these conversations, for a user who has nothing else.
    async fn understand(&self, talks: &[Talk]) -> Vec<(User, String)> {
        let Self { server, db, .. } = self;
        let mut held = Vec::new();
        for talk in talks {
            let email = format!("{}@example.org", talk.name);
            let user = server.user_in(&email, ZONE).await;
            let id = talks::plant(db, server, &user, talk).await;
            held.push((user, id));
        }
        for ((user, id), talk) in held.iter().zip(talks) {
            if talk.is_discarded() {
                let path = format!("/v1/conversations/{id}");
                let over = |found: &Value| found["status"] == "completed";
                server
                    .wait_for(&path, &user.token, Duration::from_secs(60), over)
                    .await;
            } else {
                settled(server, user, id, Duration::from_secs(60)).await;
            }
            graph_has_grown(db, user).await;
        }
        held
    }

    /// Fails if a prompt had no answer.
    async fn end(self) {
        self.db.close().await;
        save(&self.missing);
    }
}

/// The jobs of a user are over.
async fn graph_has_grown(db: &PgPool, user: &User) {
    for _ in 0..300 {
        let sql = "select count(*) from graphile_worker._private_jobs where payload ->> 'uid' = $1";
        let left: i64 = sqlx::query_scalar(sql)
            .bind(&user.uid)
            .fetch_one(db)
            .await
            .unwrap();
        if left == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("jobs are left");
}

/// Writes the prompts without an answer where somebody can answer them, and fails.
fn save(missing: &Missing) {
    let missing = missing.0.lock().unwrap();
    if missing.is_empty() {
        return;
    }
    let Some(folder) = std::env::var_os("OMI_TEST_PROMPTS").map(PathBuf::from) else {
        let tasks: BTreeSet<_> = missing.values().map(|(task, _)| task).collect();
        panic!(
            "{} prompts ({tasks:?}) have no recorded answer; tests/processing/recorded/README.md says how to record",
            missing.len()
        );
    };
    std::fs::create_dir_all(&folder).unwrap();
    for (key, (task, prompt)) in missing.iter() {
        std::fs::write(folder.join(format!("{task} {key}.txt")), prompt).unwrap();
    }
    panic!(
        "{} prompts without an answer are in {}",
        missing.len(),
        folder.display()
    );
}
