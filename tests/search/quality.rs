//! How well it finds: a month of one person's days, and questions whose answers are marked.

use std::{collections::HashMap, fmt::Write as _};

use chrono::{DateTime, Duration, NaiveDateTime, TimeZone as _, Utc};
use chrono_tz::Europe::London;
use omi_server::features::search::{self, Kind, Lines, Parts, Query};
use sqlx::PgPool;
use uuid::Uuid;

use crate::api::table::handles;
use crate::support::postgres::TestDatabase;

const DAYS: &str = include_str!("corpus/days.txt");
const QUESTIONS: &str = include_str!("corpus/questions.txt");
const UID: &str = "nora";
const DEPTHS: [usize; 3] = [5, 10, 25];
/// When questions are asked that do not say so.
const END: &str = "2026-03-31 21:00";
/// Least recall at each depth: by words alone, and with the meaning.
const FLOORS: [[f64; 3]; 2] = [[0.40, 0.47, 0.55], [0.50, 0.63, 0.73]];

fn local(text: &str) -> DateTime<Utc> {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    London
        .from_local_datetime(&time)
        .earliest()
        .unwrap()
        .to_utc()
}

/// Puts the days into the database; gives the id of each segment by conversation and number.
async fn load(db: &PgPool) -> HashMap<(String, usize), Uuid> {
    sqlx::query("insert into users (uid, name, time_zone) values ($1, 'Nora', 'Europe/London')")
        .bind(UID)
        .execute(db)
        .await
        .unwrap();
    let mut ids = HashMap::new();
    let (mut name, mut home, mut number, mut offset) = (String::new(), Uuid::nil(), 0, 0.0);
    for line in DAYS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with(';'))
    {
        if let Some(head) = line.strip_prefix("# ") {
            let parts: Vec<_> = head.splitn(4, ' ').collect();
            name = parts[0].to_string();
            (home, number, offset) = (Uuid::now_v7(), 0, 0.0);
            // The title is for readers: nobody said it.
            sqlx::query(
                "insert into conversations (uid, id, status, source, created_at, started_at, finished_at)
                 values ($1, $2, 'completed', 'omi', $3, $3, $3)",
            )
            .bind(UID)
            .bind(home)
            .bind(local(&format!("{} {}", parts[1], parts[2])))
            .execute(db)
            .await
            .unwrap();
            continue;
        }
        let (speaker, text) = line.split_once("> ").unwrap();
        let speaker: i32 = speaker[1..].parse().unwrap();
        let length = text.split_whitespace().count() as f64 / 2.5;
        number += 1;
        let id = Uuid::now_v7();
        sqlx::query(
            "insert into transcript_segments (uid, conversation_id, id, text, speaker, speaker_id, is_user,
                                              start_seconds, end_seconds)
             values ($1, $2, $3, $4, 'SPEAKER_0' || $5, $5, $5 = 1, $6, $7)",
        )
        .bind(UID)
        .bind(home)
        .bind(id)
        .bind(text)
        .bind(speaker)
        .bind(offset)
        .bind(offset + length)
        .execute(db)
        .await
        .unwrap();
        offset += length;
        ids.insert((name.clone(), number), id);
    }
    ids
}

struct Question {
    kind: &'static str,
    text: &'static str,
    evidence: Vec<(String, usize)>,
    asked_at: DateTime<Utc>,
}

fn questions() -> Vec<Question> {
    QUESTIONS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with(';'))
        .map(|line| {
            let fields: Vec<_> = line.split(" | ").map(str::trim).collect();
            let evidence = fields[2].split_whitespace().flat_map(|place| {
                let (name, numbers) = place.split_once(':').unwrap();
                numbers
                    .split(',')
                    .map(move |number| (name.to_string(), number.parse().unwrap()))
            });
            Question {
                kind: fields[0],
                text: fields[1],
                evidence: evidence.collect(),
                asked_at: local(fields.get(3).unwrap_or(&END)),
            }
        })
        .collect()
}

/// Sum of recalls at each depth, and how many questions.
#[derive(Clone, Copy, Default)]
struct Recall([f64; 3], f64);

impl Recall {
    fn at(self) -> [f64; 3] {
        self.0.map(|sum| sum / self.1.max(1.0))
    }
}

#[tokio::test]
async fn what_was_said_is_found() {
    let database = TestDatabase::new().await;
    let db = database.pool().await;
    let ids = load(&db).await;
    let app = handles(db.clone());
    let indexing = tokio::spawn(search::run_forever(app.clone()));
    loop {
        let waiting = search::backlog(&app.db).await.unwrap();
        let vectors = if search::understands(&app) {
            waiting.vectors
        } else {
            0
        };
        if waiting.items + vectors == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    indexing.abort();

    let mut ways = vec![("words", Parts::Words)];
    if search::understands(&app) {
        ways.extend([("meaning", Parts::Meaning), ("fused", Parts::All)]);
    }
    let end = local(END);
    // By way, then by kind of question; "odd" and "even" are halves of all.
    let mut recalls: Vec<HashMap<&str, Recall>> = vec![HashMap::new(); ways.len()];
    let mut missed = String::new();
    let best = ways[ways.len() - 1].0;
    for (n, question) in questions().into_iter().enumerate() {
        let query = Query {
            text: question.text.into(),
            kinds: vec![Kind::Segment],
            // What was said after the question was asked is not there yet.
            to: (question.asked_at < end).then(|| question.asked_at - Duration::seconds(1)),
            limit: 25,
            ..Query::default()
        };
        for (way, recalls) in ways.iter().zip(&mut recalls) {
            let found = search::search_at(&app, UID, &query, question.asked_at, way.1, Lines::Raw)
                .await
                .unwrap();
            let ranks: Vec<_> = question
                .evidence
                .iter()
                .map(|place| found.hits.iter().position(|hit| hit.id == ids[place]))
                .collect();
            if way.0 == best && ranks.iter().all(Option::is_none) {
                writeln!(missed, "{} {}", question.kind, question.text).unwrap();
            }
            let half = if n % 2 == 0 { "odd" } else { "even" };
            for group in ["all", half, question.kind] {
                let recall = recalls.entry(group).or_default();
                recall.1 += 1.0;
                for (sum, depth) in recall.0.iter_mut().zip(DEPTHS) {
                    let hits = ranks.iter().flatten().filter(|rank| **rank < depth).count();
                    *sum += hits as f64 / ranks.len() as f64;
                }
            }
        }
    }
    println!("recall of segments     @5     @10    @25");
    for group in [
        "fact", "name", "multi", "time", "update", "task", "odd", "even", "all",
    ] {
        for (way, recalls) in ways.iter().zip(&recalls) {
            let [five, ten, many] = recalls[group].at();
            println!("{group:7} {:9} {five:9.3} {ten:7.3} {many:7.3}", way.0);
        }
    }
    println!("not found at all:\n{missed}");
    let all: Vec<_> = recalls.iter().map(|recalls| recalls["all"].at()).collect();
    let (alone, together) = (&all[..all.len() - 1], all[all.len() - 1]);
    for n in 0..DEPTHS.len() {
        let floor = FLOORS[usize::from(!alone.is_empty())][n];
        assert!(together[n] >= floor, "at {}: {together:?}", DEPTHS[n]);
        for part in alone {
            assert!(
                together[n] >= part[n],
                "at {}: {part:?} {together:?}",
                DEPTHS[n]
            );
        }
    }
    // Not the bare pool: it would wait for the connections that stay warm.
    app.db.close().await;
}
