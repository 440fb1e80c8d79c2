//! What the local model of sentence vectors costs, and how long a search takes one user who has 50,000 items, with a vector
//! each: plain, with filters, with periods, and many at once. Questions and words are those of the search corpus; the vectors of
//! the items come from an endpoint that answers at once and knows no meanings, so the time of a model is left out there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    unused_imports
)]

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::{Duration, Instant},
};

#[path = "../tests/support/mod.rs"]
mod support;

#[path = "api/process.rs"]
mod process;

use axum::{Json, Router, extract::DefaultBodyLimit, routing::post};
use chrono::Utc;
use omi_server::platform::embeddings::{Embedder, Provider, Settings};
use serde_json::{Value, json};
use support::{Server, ServerOptions, material};

/// As in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DAYS: &str = include_str!("../tests/search/corpus/days.txt");
const QUESTIONS: &str = include_str!("../tests/search/corpus/questions.txt");
const CONVERSATIONS: i32 = 1000;
/// Of each conversation.
const SEGMENTS: i32 = 50;
/// As many as all-MiniLM-L6-v2 has.
const DIMENSIONS: u64 = 384;
/// Who says every other line.
const PERSON: uuid::Uuid = uuid::Uuid::from_u128(7);
const PATIENCE: Duration = Duration::from_secs(3600);

/// `cargo bench` also asks for the tests of a bench.
fn main() {
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let only = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let wanted = |part| only.as_deref().is_none_or(|only| only == part);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if wanted("model") {
        runtime.block_on(model());
    }
    if wanted("items") {
        runtime.block_on(items());
    }
}

/// Processor time, which includes that of all threads.
async fn model() {
    let embedder = Embedder::start(&Settings {
        provider: Provider::Local,
        model: material::embedding_model().to_str().unwrap().into(),
        models_dir: ".".into(),
        url: String::new(),
        api_key: "".into(),
        batch: 64,
        timeout: PATIENCE,
    });
    let embedder = embedder.unwrap().unwrap();
    let sentence = |n: usize| format!("The dentist expects me on Tuesday at {n}, as she told me.");
    let before = (process::own_megabytes(), process::own_seconds());
    embedder.embed_query("a").await.unwrap();
    println!(
        "model: loaded in {:.2} s",
        process::own_seconds() - before.1
    );

    let start = process::own_seconds();
    for n in 0..100 {
        embedder.embed_query(&sentence(n)).await.unwrap();
    }
    let alone = (process::own_seconds() - start) * 1000.0 / 100.0;
    let start = process::own_seconds();
    embedder
        .embed((0..640).map(sentence).collect())
        .await
        .unwrap();
    let many = (process::own_seconds() - start) * 1000.0 / 640.0;
    let long = "The dentist expects me on Tuesday at three. ".repeat(30);
    let start = process::own_seconds();
    for _ in 0..20 {
        embedder.embed_query(&long).await.unwrap();
    }
    let long = (process::own_seconds() - start) * 1000.0 / 20.0;
    println!(
        "model: a sentence alone {alone:.1} ms, each of many {many:.1} ms, 256 word pieces {long:.0} ms, {:.0} MB",
        process::own_megabytes() - before.0
    );
}

/// The base address of an embeddings endpoint.
async fn embeddings() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let answer = async |Json(asked): Json<Value>| {
        let texts = asked["input"].as_array().unwrap();
        let data: Vec<_> = texts
            .iter()
            .enumerate()
            .map(|(index, text)| {
                let number = |n: u64| {
                    let mut hash = DefaultHasher::new();
                    (text.as_str(), n).hash(&mut hash);
                    (hash.finish() % 2001) as f64 / 1000.0 - 1.0
                };
                json!({"index": index, "embedding": (0..DIMENSIONS).map(number).collect::<Vec<_>>()})
            })
            .collect();
        Json(json!({"data": data}))
    };
    let router = Router::new()
        .route("/v1/embeddings", post(answer))
        .layer(DefaultBodyLimit::max(16 * 1024 * 1024));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

async fn items() {
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: vec![
            ("OMI_EMBEDDINGS__PROVIDER", "openai".into()),
            ("OMI_EMBEDDINGS__MODEL", "hash".into()),
            ("OMI_EMBEDDINGS__URL", embeddings().await),
        ],
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let folder = uuid::Uuid::now_v7();
    let lines: Vec<&str> = DAYS
        .lines()
        .filter_map(|line| Some(line.split_once("> ")?.1))
        .collect();
    sqlx::query(
        "insert into conversations (uid, id, status, source, created_at, started_at, finished_at, title, overview, folder_id,
                                    discarded)
         select $1, gen_random_uuid(), 'completed', 'omi', at, at, at, 'Conversation ' || n, '',
                case when n % 5 = 0 then $3 end, n % 10 = 1
         from generate_series(1, $2) n, lateral (select now() - n * interval '8 hours') as made (at)",
    )
    .bind(&user.uid)
    .bind(CONVERSATIONS)
    .bind(folder.to_string())
    .execute(&db)
    .await
    .unwrap();
    // Halves of two lines: as many words as people use, none of the texts twice.
    sqlx::query(
        "insert into transcript_segments (uid, conversation_id, id, text, speaker, speaker_id, is_user, start_seconds,
                                          end_seconds, person_id)
         select c.uid, c.id, gen_random_uuid(),
                $2[1 + (random() * (cardinality($2) - 1))::int] || ' ' || $2[1 + (random() * (cardinality($2) - 1))::int],
                'SPEAKER_00', 0, s % 2 = 0, s * 5, s * 5 + 4, case when s % 2 = 1 then $4 end
         from conversations c, generate_series(1, $3) s where c.uid = $1",
    )
    .bind(&user.uid)
    .bind(&lines)
    .bind(SEGMENTS - 1)
    .bind(PERSON.to_string())
    .execute(&db)
    .await
    .unwrap();
    let start = Instant::now();
    let waiting = "select (select count(*) from search_changes)
                        + (select count(*) from search_vectors where model is null)";
    while sqlx::query_scalar::<_, i64>(waiting)
        .fetch_one(&db)
        .await
        .unwrap()
        > 0
    {
        assert!(start.elapsed() < PATIENCE, "the index does not follow");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!(
        "50,000 items indexed in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    sqlx::query("vacuum analyze").execute(&db).await.unwrap();

    let id = folder.to_string();
    let year = Utc::now().format("%Y").to_string();
    let person = PERSON.to_string();
    // What it is called, its parameters, what is added to each question.
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
    let cases: [Case<'_>; 9] = [
        ("plain", &[], ""),
        ("person", &[("person_id", &person)], ""),
        ("folder", &[("folder_id", &id)], ""),
        ("from 2020", &[("from", "2020-01-01")], ""),
        ("from this year", &[("from", &format!("{year}-01-01"))], ""),
        (
            "memories and conversations",
            &[("kinds", "memory,conversation")],
            "",
        ),
        ("in the last 3 months", &[], " in the last 3 months"),
        ("this year", &[], " this year"),
        ("a period alone", &[], "this year alone"),
    ];
    let questions: Vec<&str> = QUESTIONS
        .lines()
        .filter(|line| line.contains(" | ") && !line.starts_with(';'))
        .filter_map(|line| line.split(" | ").nth(1))
        .collect();
    for (name, parameters, period) in cases {
        // First to warm up.
        for turn in 0..2 {
            let mut times = Vec::new();
            for question in questions.iter().step_by(if turn == 0 { 20 } else { 3 }) {
                let q = match period {
                    "this year alone" => "What happened this year?".to_string(),
                    _ => format!("{question}{period}"),
                };
                let query = [("q", q.as_str())]
                    .into_iter()
                    .chain(parameters.iter().copied());
                let query = serde_urlencoded::to_string(query.collect::<Vec<_>>()).unwrap();
                let start = Instant::now();
                server
                    .get(&format!("/v1/search?{query}"), &user.token)
                    .await
                    .ok();
                times.push(start.elapsed());
            }
            if turn > 0 {
                say(name, times);
            }
        }
    }
    // One user asks much at once, another one little.
    let other = server.user("ben@example.org").await;
    let busy = async {
        let asked = questions.iter().take(30).map(|question| {
            let query = [("q", *question), ("person_id", person.as_str())];
            let query = serde_urlencoded::to_string(query).unwrap();
            let path = format!("/v1/search?{query}");
            let (server, token) = (&server, &user.token);
            async move {
                let start = Instant::now();
                server.get(&path, token).await.ok();
                start.elapsed()
            }
        });
        futures_util::future::join_all(asked).await
    };
    let beside = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let start = Instant::now();
        server.get("/v1/search?q=lamp", &other.token).await.ok();
        vec![start.elapsed()]
    };
    let (busy, beside) = tokio::join!(busy, beside);
    say("30 at once of one user", busy);
    say("another user meanwhile", beside);

    // The scan in memory by itself: 50,000 vectors of 384 numbers in half precision, one core, this build.
    let vectors: Vec<half::f16> = (0..50_000 * 384)
        .map(|n| half::f16::from_f32((n % 97) as f32 / 97.0 - 0.5))
        .collect();
    let question = vec![0.05_f32; 384];
    let mut row = vec![0.0_f32; 384];
    let mut times = Vec::new();
    for _ in 0..20 {
        let start = Instant::now();
        let mut sum = 0.0;
        for vector in vectors.chunks_exact(384) {
            half::slice::HalfFloatSliceExt::convert_to_f32_slice(vector, &mut row);
            sum += row.iter().zip(&question).map(|(a, b)| a * b).sum::<f32>();
        }
        std::hint::black_box(sum);
        times.push(start.elapsed());
    }
    say("the scan of all vectors alone", times);
}

fn say(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let share = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    println!(
        "{name:30} p50 {:6.1} ms, p95 {:6.1} ms, p99 {:6.1} ms",
        share(50),
        share(95),
        share(99)
    );
}
