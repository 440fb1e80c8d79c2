//! How long an assistant waits for `search_memories` while 100 users, each with 1,000 memories, ask 50 times a second in
//! all. Words of memories and questions are those of the search corpus. The vectors of memories are made up, so that they
//! need not be computed; a question goes through the real model. `OMI_BENCH_SECONDS=30` says for how long.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    unused_imports
)]

#[path = "api/process.rs"]
mod process;
#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Json, Router, extract::DefaultBodyLimit, routing::post};
use omi_server::{
    config::Config,
    features::credentials::{self, Kind, NewCredential},
    platform::{database::Db, embeddings::Embedder},
};
use process::server_seconds;
use serde_json::{Value, json};
use sqlx::PgPool;
use support::{Server, ServerOptions, material, server::client};
use tokio::task::JoinSet;

const DAYS: &str = include_str!("../tests/search/corpus/days.txt");
const QUESTIONS: &str = include_str!("../tests/search/corpus/questions.txt");
const USERS: usize = 100;
/// Of each user.
const MEMORIES: i32 = 1000;
/// Between two calls.
const PERIOD: Duration = Duration::from_millis(20);
/// Calls before those that count.
const WARM_UP: usize = 300;
/// As many as all-MiniLM-L6-v2 has.
const DIMENSIONS: u64 = 384;
const PATIENCE: Duration = Duration::from_secs(3600);
const TARGET_MS: f64 = 80.0;

/// `cargo bench` also asks for the tests of a bench.
fn main() {
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    tokio::runtime::Runtime::new().unwrap().block_on(measure());
}

async fn measure() {
    let load = process::load_average();
    let mut server = Server::start_with(ServerOptions {
        deaf: true,
        env: vec![
            ("OMI_EMBEDDINGS__PROVIDER", "openai".into()),
            ("OMI_EMBEDDINGS__MODEL", "hash".into()),
            ("OMI_EMBEDDINGS__URL", embeddings().await),
        ],
        ..ServerOptions::default()
    })
    .await;
    let db = server.pool().await;
    let keys = fill(&db).await;
    let start = Instant::now();
    indexed(&db, start).await;
    println!(
        "{} memories indexed in {:.1} s",
        USERS * MEMORIES as usize,
        start.elapsed().as_secs_f64()
    );
    server.stop().await;
    // From now on as if the real model had made them.
    sqlx::query("update search_vectors set model = $1")
        .bind(real_model())
        .execute(&db)
        .await
        .unwrap();
    sqlx::query("vacuum analyze").execute(&db).await.unwrap();
    server.set("OMI_EMBEDDINGS__PROVIDER", "local");
    let model = material::embedding_model();
    server.set("OMI_EMBEDDINGS__MODEL", model.to_str().unwrap());
    server.run().await;

    let clients = begin(&server, keys).await;
    call_all(&server, &clients, WARM_UP).await;
    let seconds = std::env::var("OMI_BENCH_SECONDS").unwrap_or_else(|_| "30".into());
    let seconds: u32 = seconds.parse().unwrap();
    let before = server_seconds(&server);
    let count = (Duration::from_secs(seconds.into()).as_micros() / PERIOD.as_micros()) as usize;
    let mut times = call_all(&server, &clients, count).await;
    let busy = server_seconds(&server) - before;
    times.sort();
    let share = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    println!(
        "machine: {} cores, busy before with {load}\n\
         search_memories at {:.0}/s: p50 {:.1} ms, p95 {:.1} ms (target {TARGET_MS:.0}), p99 {:.1} ms; \
         the server's processors were busy for {:.1} ms a call",
        std::thread::available_parallelism().unwrap(),
        1.0 / PERIOD.as_secs_f64(),
        share(50),
        share(95),
        share(99),
        busy * 1000.0 / times.len() as f64
    );
}

/// The base address of an embeddings endpoint that knows no meanings.
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

/// What vectors of the real model are marked with.
fn real_model() -> String {
    let (config, _) = Config::load(None, []).unwrap();
    let mut settings = config.embedding_settings("/nowhere".as_ref());
    settings.model = material::embedding_model().to_str().unwrap().into();
    let embedder = Embedder::start(&settings).unwrap().unwrap();
    embedder.model_id().into()
}

/// Users with memories. Gives a key of each.
async fn fill(db: &PgPool) -> Vec<String> {
    let lines: Vec<&str> = DAYS
        .lines()
        .filter_map(|line| Some(line.split_once("> ")?.1))
        .collect();
    sqlx::query("insert into users (uid, name) select 'user' || u, 'User ' || u from generate_series(1, $1) u")
        .bind(USERS as i32)
        .execute(db)
        .await
        .unwrap();
    // Two lines together: as many words as people use, hardly one of the texts twice.
    sqlx::query(
        "insert into memories (uid, id, content, category, visibility, manually_added, reviewed, scoring, created_at,
                               updated_at)
         select 'user' || u, gen_random_uuid(),
                left($2[1 + (random() * (cardinality($2) - 1))::int] || ' '
                     || $2[1 + (random() * (cardinality($2) - 1))::int], 500),
                'interesting', 'private', true, true, '01_998_' || extract(epoch from at)::bigint, at, at
         from generate_series(1, $1) u, generate_series(1, $3) n,
              lateral (select now() - n * interval '1 hour') as made (at)",
    )
    .bind(USERS as i32)
    .bind(&lines)
    .bind(MEMORIES)
    .execute(db)
    .await
    .unwrap();
    let keys = Db::new(db.clone());
    let mut made = Vec::new();
    for user in 1..=USERS {
        let uid = format!("user{user}");
        let new = NewCredential {
            uid: &uid,
            kind: Kind::Mcp,
            name: "bench",
            scopes: None,
            app: None,
        };
        made.push(credentials::create(&keys, new).await.unwrap().secret);
    }
    made
}

async fn indexed(db: &PgPool, start: Instant) {
    let waiting = "select (select count(*) from search_changes)
                        + (select count(*) from search_vectors where model is null)";
    while sqlx::query_scalar::<_, i64>(waiting)
        .fetch_one(db)
        .await
        .unwrap()
        > 0
    {
        assert!(start.elapsed() < PATIENCE, "the index does not follow");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

struct Assistant {
    key: String,
    session: String,
}

impl Assistant {
    async fn send(&self, client: &reqwest::Client, url: &str, message: Value) -> reqwest::Response {
        let mut request = client
            .post(url)
            .bearer_auth(&self.key)
            .header("accept", "application/json, text/event-stream");
        if !self.session.is_empty() {
            request = request.header("mcp-session-id", &self.session);
        }
        let response = request.json(&message).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response
    }
}

/// A session for each key.
async fn begin(server: &Server, keys: Vec<String>) -> Arc<[Assistant]> {
    let url = format!("{}/v1/mcp/sse", server.url);
    let (client, mut begun) = (client(), Vec::new());
    for key in keys {
        let mut assistant = Assistant {
            key,
            session: String::new(),
        };
        let message = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}});
        let response = assistant.send(&client, &url, message).await;
        let session = response.headers()["mcp-session-id"].to_str().unwrap();
        assistant.session = session.into();
        begun.push(assistant);
    }
    begun.into()
}

/// So many calls at their times, whether those before are answered or not. How long each took, from when it was due.
async fn call_all(server: &Server, assistants: &Arc<[Assistant]>, count: usize) -> Vec<Duration> {
    let url = format!("{}/v1/mcp/sse", server.url);
    let questions: Vec<String> = QUESTIONS
        .lines()
        .filter(|line| line.contains(" | ") && !line.starts_with(';'))
        .map(|line| line.split(" | ").nth(1).unwrap().to_string())
        .collect();
    let (client, mut calls) = (client(), JoinSet::new());
    let start = tokio::time::Instant::now();
    for n in 0..count {
        let due = start + PERIOD * n as u32;
        tokio::time::sleep_until(due).await;
        let (client, url, assistants) = (client.clone(), url.clone(), assistants.clone());
        // 37 and 100 have no divisor in common: each user asks as often as any other.
        let user = n * 37 % assistants.len();
        let message = json!({"jsonrpc": "2.0", "id": n + 1, "method": "tools/call", "params": {
            "name": "search_memories", "arguments": {"query": questions[n % questions.len()]}}});
        calls.spawn(async move {
            let response = assistants[user].send(&client, &url, message).await;
            let text = response.text().await.unwrap();
            let took = due.elapsed();
            assert!(text.contains("\"structuredContent\""), "{text}");
            took
        });
    }
    calls.join_all().await
}
