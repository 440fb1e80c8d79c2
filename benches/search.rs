//! How long a search takes one user who has 50,000 items. Questions and words are those of the search corpus.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    unused_imports
)]

use std::time::{Duration, Instant};

#[path = "../tests/support/mod.rs"]
mod support;

use support::Server;

const DAYS: &str = include_str!("../tests/search/corpus/days.txt");
const QUESTIONS: &str = include_str!("../tests/search/corpus/questions.txt");
const CONVERSATIONS: i32 = 1000;
/// Of each conversation.
const SEGMENTS: i32 = 50;
const PATIENCE: Duration = Duration::from_secs(3600);

/// `cargo bench` also asks for the tests of a bench.
fn main() {
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    tokio::runtime::Runtime::new().unwrap().block_on(measure());
}

async fn measure() {
    let server = Server::deaf().await;
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
    let waiting = "select (select count(*) from search_changes)";
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
