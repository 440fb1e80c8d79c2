//! What the prompts are worth: conversations, the answers that a large language model gave to each of the server's own
//! prompts, and what the server makes of them. See README.md here.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::DateTime;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;

use super::{CONVERSATIONS, settled};
use crate::{
    api::plant,
    support::{
        Server, ServerOptions,
        peer::{Peer, Script},
        server::User,
    },
};

/// What the server's clock shows when it starts: Tuesday.
const NOW: &str = "@2026-03-03 09:40:00";
/// Where the library lies that shows it another time.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

#[derive(Default, Debug)]
struct Talk {
    name: String,
    text: Option<String>,
    known: Vec<(String, String)>,
    lines: Vec<(bool, String)>,
    expected: Vec<(char, String)>,
}

impl Talk {
    fn of(&self, mark: char) -> Vec<&str> {
        let of_mark = self.expected.iter().filter(|(known, _)| *known == mark);
        of_mark.map(|(_, text)| text.as_str()).collect()
    }

    fn is_discarded(&self) -> bool {
        !self.of('d').is_empty()
    }
}

/// A file beside this one, as it is now: answers may be recorded without building anew.
fn file(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/processing/recorded");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn talks() -> Vec<Talk> {
    let mut talks: Vec<Talk> = Vec::new();
    for line in file("talks.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        if let Some(name) = line.strip_prefix("= ") {
            let text = name.ends_with(" text").then(String::new);
            let name = name.trim_end_matches(" text").to_string();
            talks.push(Talk {
                name,
                text,
                ..Talk::default()
            });
            continue;
        }
        let Some(talk) = talks.last_mut() else {
            continue;
        };
        let mark = line
            .chars()
            .next()
            .filter(|_| line.len() == 1 || line[1..].starts_with(' '));
        match (mark, &mut talk.text) {
            (
                Some(
                    mark @ ('-' | '@' | '*' | 'c' | 't' | 'f' | 'd' | 'g' | 'l' | 'n' | 'x' | '!'),
                ),
                _,
            ) => {
                talk.expected.push((mark, line[1..].trim().to_string()));
            }
            (Some('~'), _) => {
                let (kind, what) = line[2..].split_once(' ').unwrap();
                talk.known.push((kind.into(), what.into()));
            }
            (Some(mark @ ('>' | '<')), _) => talk.lines.push((mark == '>', line[2..].into())),
            (_, Some(text)) => {
                text.push_str(line);
                text.push('\n');
            }
            _ => assert!(line.trim().is_empty(), "not understood: {line}"),
        }
    }
    talks
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

#[derive(Default)]
struct Missing(Mutex<BTreeMap<String, (String, String)>>);

/// Answers what was recorded for just this prompt.
fn recording(answers: Arc<BTreeMap<String, Value>>, missing: Arc<Missing>) -> Script {
    Script::by_prompt(move |task, prompt| {
        let key = key(task, prompt);
        if let Some(answer) = answers.get(&key) {
            return Script::json(answer.clone());
        }
        let prompt = (task.to_string(), steady(prompt));
        missing.0.lock().unwrap().insert(key, prompt);
        // Refused for good: the rules do it, and the test fails at its end.
        Script::Refuses(401)
    })
}

async fn plant_talk(db: &PgPool, server: &Server, user: &User, talk: &Talk) -> String {
    for (kind, what) in &talk.known {
        let (path, body) = match kind.as_str() {
            "task" => ("/v1/dev/user/action-items", json!({"description": what})),
            "goal" => {
                let parts: Vec<_> = what.split(" | ").collect();
                let number = |at: usize| parts[at].parse::<f64>().unwrap();
                let goal = json!({"title": parts[0], "goal_type": "numeric", "current_value": number(1),
                    "target_value": number(2), "unit": parts[3]});
                ("/v1/dev/user/goals", goal)
            }
            _ => panic!("{kind}"),
        };
        server.post(path, &user.developer_key, body).await.ok();
    }
    if let Some(text) = &talk.text {
        let body = json!({"text": text.trim(), "text_source": "message",
            "started_at": "2026-03-03T09:20:00Z", "finished_at": "2026-03-03T09:25:00Z"});
        let made = server.post(CONVERSATIONS, &user.developer_key, body).await;
        return made.ok()["id"].as_str().unwrap().into();
    }
    let open = plant::Conversation {
        title: "",
        status: "in_progress",
        created_at: plant::at("2026-03-03T09:20:00Z"),
        finished_at: plant::at("2026-03-03T09:25:00Z"),
        ..plant::Conversation::default()
    };
    let id = open.put(db, &user.uid).await;
    if let [language] = talk.of('l')[..] {
        let sql = "update conversations set language = $2 where uid = $1";
        let update = sqlx::query(sql).bind(&user.uid).bind(language);
        update.execute(db).await.unwrap();
    }
    for (number, (own, text)) in (0..).zip(&talk.lines) {
        let start = f64::from(number) * 6.0;
        plant::segment(db, &user.uid, id, i32::from(!own), *own, start, text).await;
    }
    id.to_string()
}

/// Right, found and expected of each kind, and what was wrong.
#[derive(Default)]
struct Tally {
    counts: BTreeMap<&'static str, [u32; 3]>,
    wrong: Vec<String>,
}

impl Tally {
    /// Matches what was found with what is expected, each once.
    fn compare(
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

    fn judge(
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
}

/// Each word, or one of those between which "/" stands.
fn holds(text: &str, words: &str) -> bool {
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
    let found = super::conversation(server, user, id).await;
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
    let facts = super::memories(server, user).await;
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
        let goals = server
            .get("/v1/dev/user/goals", &user.developer_key)
            .await
            .ok();
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
    // Elsewhere it lies elsewhere, if at all.
    if !cfg!(all(target_os = "linux", target_arch = "x86_64"))
        || !Path::new("/usr/bin/apt-get").exists()
    {
        return;
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
    let talks = talks();
    assert!(talks.len() >= 16, "{}", talks.len());
    let mut held = Vec::new();
    for talk in &talks {
        let email = format!("{}@example.org", talk.name);
        let user = server.user_in(&email, "Europe/Berlin").await;
        let id = plant_talk(&db, &server, &user, talk).await;
        held.push((user, id));
    }
    let mut tally = Tally::default();
    for ((user, id), talk) in held.iter().zip(&talks) {
        if talk.is_discarded() {
            let path = format!("/v1/conversations/{id}");
            let over = |found: &Value| found["status"] == "completed";
            server
                .wait_for(&path, &user.token, Duration::from_secs(60), over)
                .await;
        } else {
            settled(&server, user, id, Duration::from_secs(60)).await;
        }
        graph_has_grown(&db, user).await;
        look(&server, user, id, talk, &mut tally).await;
    }
    db.close().await;
    save(&missing);
    for wrong in &tally.wrong {
        println!("{wrong}");
    }
    for (kind, [right, found, expected]) in &tally.counts {
        let (precision, recall) = tally.share(kind);
        println!(
            "{kind:20} precision {precision:.2} recall {recall:.2} ({right} right, {found} found, {expected} expected)"
        );
    }
    for (kind, precision, recall) in FLOORS {
        let (p, r) = tally.share(kind);
        assert!(p >= precision && r >= recall, "{kind}: {p:.2} {r:.2}");
    }
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
