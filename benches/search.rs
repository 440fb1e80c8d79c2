//! What the local model of sentence vectors costs, and how long a search takes one user who has 50,000 items, with a vector
//! each. Questions and words are those of the search corpus; the vectors of the items come from an endpoint that answers at
//! once and knows no meanings, so the time of a model is left out there.

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
    let lines: Vec<&str> = DAYS
        .lines()
        .filter_map(|line| Some(line.split_once("> ")?.1))
        .collect();
    sqlx::query(
        "insert into conversations (uid, id, status, source, created_at, started_at, finished_at, title, overview)
         select $1, gen_random_uuid(), 'completed', 'omi', at, at, at, 'Conversation ' || n, ''
         from generate_series(1, $2) n, lateral (select now() - n * interval '1 hour') as made (at)",
    )
    .bind(&user.uid)
    .bind(CONVERSATIONS)
    .execute(&db)
    .await
    .unwrap();
    // Halves of two lines: as many words as people use, none of the texts twice.
    sqlx::query(
        "insert into transcript_segments (uid, conversation_id, id, text, speaker, speaker_id, is_user, start_seconds,
                                          end_seconds)
         select c.uid, c.id, gen_random_uuid(),
                $2[1 + (random() * (cardinality($2) - 1))::int] || ' ' || $2[1 + (random() * (cardinality($2) - 1))::int],
                'SPEAKER_00', 0, true, s * 5, s * 5 + 4
         from conversations c, generate_series(1, $3) s where c.uid = $1",
    )
    .bind(&user.uid)
    .bind(&lines)
    .bind(SEGMENTS - 1)
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

    let mut times = Vec::new();
    for turn in 0..2 {
        for line in QUESTIONS
            .lines()
            .filter(|line| line.contains(" | ") && !line.starts_with(';'))
        {
            let question = line.split(" | ").nth(1).unwrap();
            let query = serde_urlencoded::to_string([("q", question)]).unwrap();
            let start = Instant::now();
            server
                .get(&format!("/v1/search?{query}"), &user.token)
                .await
                .ok();
            if turn > 0 {
                times.push(start.elapsed());
            }
        }
    }
    times.sort();
    let share = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    println!(
        "search: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms",
        share(50),
        share(95),
        share(99)
    );
}
