//! What questions find beside others: a time alone, filters alone, who said it, what was discarded, what just came.

use std::time::{Duration, Instant};

use axum::{Json, Router, extract::DefaultBodyLimit, routing::post};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::{ask, texts};
use crate::{
    api::plant::{self, at},
    support::{Server, ServerOptions, server::User},
};

/// An embeddings endpoint that takes its time: what is junk means the sea as exactly as a question does, what is good nearly so.
async fn endpoint(pause: Duration) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let answer = async move |Json(asked): Json<Value>| {
        tokio::time::sleep(pause).await;
        let texts = asked["input"].as_array().unwrap();
        let data: Vec<_> = texts
            .iter()
            .enumerate()
            .map(|(index, text)| {
                let text = text.as_str().unwrap();
                let vector = match () {
                    () if text.contains('?') => [1.0, 0.0],
                    () if text.contains("junk") => [1.0, 0.1],
                    () if text.contains("good") => [0.7, 0.7],
                    () => [0.0, 1.0],
                };
                json!({"index": index, "embedding": vector})
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

async fn with_endpoint(url: String) -> Server {
    Server::start_with(ServerOptions {
        deaf: true,
        env: vec![
            ("OMI_EMBEDDINGS__PROVIDER", "openai".into()),
            ("OMI_EMBEDDINGS__MODEL", "made-up".into()),
            ("OMI_EMBEDDINGS__URL", url),
        ],
        ..ServerOptions::default()
    })
    .await
}

/// How many items of a user have no vector yet, or are not even taken in.
async fn waiting(db: &PgPool, user: &User) -> i64 {
    sqlx::query_scalar(
        "select (select count(*) from search_changes where uid = $1)
              + (select count(*) from search_vectors where uid = $1 and model is null)",
    )
    .bind(&user.uid)
    .fetch_one(db)
    .await
    .unwrap()
}

async fn settle(db: &PgPool, user: &User) {
    for _ in 0..600 {
        if waiting(db, user).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the vectors do not follow");
}

async fn conversation(db: &PgPool, user: &User, title: &'static str, begun: &str) -> Uuid {
    let heard = plant::Conversation {
        title,
        created_at: at(begun),
        finished_at: at(begun),
        ..plant::Conversation::default()
    };
    heard.put(db, &user.uid).await
}

/// Kind and first line of each hit.
fn told(found: &Value) -> Vec<String> {
    let hits = found["hits"].as_array().unwrap();
    hits.iter()
        .map(|hit| {
            let text = hit["text"].as_str().unwrap();
            let line = text.lines().next().unwrap_or_default();
            format!("{} {line}", hit["kind"].as_str().unwrap())
        })
        .collect()
}

async fn person(db: &PgPool, user: &User, name: &str) -> Uuid {
    let id = Uuid::now_v7();
    sqlx::query(
        "insert into people (uid, id, name, created_at, updated_at) values ($1, $2, $3, now(), now())",
    )
    .bind(&user.uid)
    .bind(id)
    .bind(name)
    .execute(db)
    .await
    .unwrap();
    id
}

async fn says(db: &PgPool, user: &User, home: Uuid, person: Uuid, start: f64, text: &str) {
    plant::segment(db, &user.uid, home, 1, false, start, text).await;
    sqlx::query("update transcript_segments set person_id = $2 where uid = $1 and text = $3")
        .bind(&user.uid)
        .bind(person.to_string())
        .bind(text)
        .execute(db)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_time_or_a_filter_alone_is_answered_in_the_order_of_time() {
    let server = Server::deaf().await;
    let ann = server.user_in("ann@example.org", "Pacific/Auckland").await;
    let db = server.pool().await;
    let jonas = person(&db, &ann, "Jonas").await;
    // The evening before in UTC, the morning in Auckland.
    let second = conversation(&db, &ann, "Lunch", "2026-01-30T23:30:00Z").await;
    let first = conversation(&db, &ann, "Breakfast", "2026-01-30T19:00:00Z").await;
    let other = conversation(&db, &ann, "Elsewhere", "2026-01-28T19:00:00Z").await;
    plant::segment(&db, &ann.uid, second, 0, true, 0.0, "Soup for me.").await;
    says(&db, &ann, first, jonas, 0.0, "Eggs are ready.").await;
    plant::segment(&db, &ann.uid, other, 0, true, 0.0, "Far away.").await;
    plant::memory(&db, &ann.uid, "Likes soup", "system", Some(second), None).await;
    sqlx::query("update memories set created_at = '2026-01-31T01:00:00Z' where uid = $1")
        .bind(&ann.uid)
        .execute(&db)
        .await
        .unwrap();
    let task = plant::ActionItem {
        description: "Buy eggs",
        created_at: at("2026-01-30T19:30:00Z"),
        ..plant::ActionItem::default()
    };
    task.put(&db, &ann.uid).await;

    let day = [
        "conversation Breakfast",
        "conversation Lunch",
        "segment Eggs are ready.",
        "segment Soup for me.",
        "memory Likes soup",
        "action_item Buy eggs",
    ];
    let bounds = [
        ("from", "2026-01-30T11:00:00Z"),
        ("to", "2026-01-31T11:00:00Z"),
    ];
    for question in [
        vec![("q", "what happened on January 31st 2026?")],
        [vec![("q", "what happened")], bounds.to_vec()].concat(),
        [vec![("q", "")], bounds.to_vec()].concat(),
        vec![("q", "anything"), ("from", "2026-01-30T11:00:00Z")],
    ] {
        let found = ask(&server, &ann, &question).await;
        assert_eq!(told(&found), day, "{question:?} {found:#}");
        for hit in found["hits"].as_array().unwrap() {
            assert_eq!(hit["score"], 1.0, "{hit:#}");
            assert_eq!(hit["matched"], json!(["time"]), "{hit:#}");
        }
    }
    let found = ask(
        &server,
        &ann,
        &[("q", "anything"), ("to", "2026-01-29T11:00:00Z")],
    )
    .await;
    assert_eq!(
        told(&found),
        ["conversation Elsewhere", "segment Far away."]
    );
    let id = jonas.to_string();
    let parameters = [("q", "what did we talk about"), ("person_id", id.as_str())];
    let found = ask(&server, &ann, &parameters).await;
    assert_eq!(
        told(&found),
        ["conversation Breakfast", "segment Eggs are ready."]
    );

    // Days of a tool are those of the person.
    let call = async |tool: &str| {
        let arguments =
            json!({"query": "what happened", "start_date": "2026-01-31", "end_date": "2026-01-31"});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                          "params": {"name": tool, "arguments": arguments}});
        let answer = server.post("/v1/mcp/sse", &ann.mcp_key, body).await.body;
        answer["result"]["structuredContent"].clone()
    };
    assert_eq!(told(&call("search").await), day);
    let found = call("search_conversations").await;
    let titles: Vec<_> = found["conversations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            one["structured"]["title"]
                .as_str()
                .or(one["title"].as_str())
        })
        .collect();
    assert_eq!(titles, [Some("Breakfast"), Some("Lunch")], "{found:#}");
}

#[tokio::test]
async fn no_line_is_shown_twice() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let db = server.pool().await;
    let home = conversation(&db, &ann, "Teeth", "2026-01-30T19:00:00Z").await;
    for (n, text) in [
        "When is the dentist?",
        "The dentist is on Tuesday.",
        "Which dentist?",
        "Your dentist, at three.",
    ]
    .into_iter()
    .enumerate()
    {
        plant::segment(&db, &ann.uid, home, 0, true, n as f64 * 5.0, text).await;
    }
    let away = conversation(&db, &ann, "Away", "2026-01-30T20:00:00Z").await;
    plant::segment(&db, &ann.uid, away, 0, true, 0.0, "I was at the dentist.").await;
    let parameters = [
        ("q", "when is the dentist"),
        ("limit", "4"),
        ("kinds", "segment"),
    ];
    let found = ask(&server, &ann, &parameters).await;
    let hits = found["hits"].as_array().unwrap();
    assert_eq!(hits.len(), 2, "{found:#}");
    let whole = hits
        .iter()
        .find(|hit| hit["conversation_id"] == home.to_string());
    let whole = whole.unwrap();
    assert_eq!(
        whole["segment_ids"].as_array().unwrap().len(),
        4,
        "{found:#}"
    );
    assert_eq!(whole["speakers"].as_array().unwrap().len(), 4, "{found:#}");
    assert_eq!(
        whole["text"].as_str().unwrap().lines().count(),
        4,
        "{found:#}"
    );
}

#[tokio::test]
async fn what_was_discarded_does_not_crowd_out_the_rest() {
    let server = with_endpoint(endpoint(Duration::ZERO).await).await;
    let ann = server.user("ann@example.org").await;
    let db = server.pool().await;
    for (discarded, conversations, segments) in [(true, 40, 10), (false, 20, 1)] {
        for n in 0..conversations {
            let heard = plant::Conversation {
                title: "",
                discarded,
                ..plant::Conversation::default()
            };
            let home = heard.put(&db, &ann.uid).await;
            for m in 0..segments {
                let what = if discarded { "junk" } else { "good" };
                let text = format!("{what} {n} {m}");
                plant::segment(&db, &ann.uid, home, 0, true, f64::from(m) * 5.0, &text).await;
            }
        }
    }
    settle(&db, &ann).await;
    let question = "sea animals?";
    let parameters = [("q", question), ("kinds", "segment")];
    let found = ask(&server, &ann, &parameters).await;
    let hits = told(&found);
    assert_eq!(hits.len(), 20, "{hits:?}");
    assert!(
        hits.iter().all(|hit| hit.starts_with("segment good")),
        "{hits:?}"
    );
    // One that is discarded later is gone at once, and one that is not any more is there.
    let both = [
        ("q", question),
        ("kinds", "segment"),
        ("include_discarded", "true"),
    ];
    let found = told(&ask(&server, &ann, &both).await);
    assert!(found[0].starts_with("segment junk"), "{found:?}");
    sqlx::query("update conversations set discarded = not discarded where uid = $1")
        .bind(&ann.uid)
        .execute(&db)
        .await
        .unwrap();
    let found = told(&ask(&server, &ann, &parameters).await);
    assert!(
        !found.is_empty() && found.iter().all(|hit| hit.starts_with("segment junk")),
        "{found:?}"
    );
}

#[tokio::test]
async fn the_words_of_whom_the_question_names_come_first() {
    let server = with_endpoint(endpoint(Duration::ZERO).await).await;
    let ann = server.user("ann@example.org").await;
    let db = server.pool().await;
    for name in ["Maria", "Piotr", "Jonas", "Selma"] {
        let who = person(&db, &ann, name).await;
        let home = conversation(&db, &ann, "", "2026-01-30T19:00:00Z").await;
        for (n, book) in ["novel", "poem"].into_iter().enumerate() {
            let text = format!("A good {book}, number {}", name.len());
            let text = format!("{text} of {}", who.simple());
            says(&db, &ann, home, who, n as f64 * 60.0, &text).await;
        }
    }
    settle(&db, &ann).await;
    for (question, who) in [
        ("What did Jonas recommend?", "Jonas"),
        ("What did Jonah recommend?", "Jonas"),
        ("So what would maria like?", "Maria"),
    ] {
        let found = ask(&server, &ann, &[("q", question), ("kinds", "segment")]).await;
        let hits = found["hits"].as_array().unwrap();
        assert!(hits.len() > 1, "{found:#}");
        assert_eq!(hits[0]["speakers"][0], who, "{question} {found:#}");
    }
}

#[tokio::test]
async fn what_was_just_made_is_found_beside_a_large_import() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let db = server.pool().await;
    sqlx::query(
        "insert into memories (uid, id, content, category, visibility, manually_added, reviewed, scoring, created_at, updated_at)
         select $1, gen_random_uuid(), 'Imported lamp number ' || n, 'system', 'private', false, true, '00_998_1769850000',
                now(), now()
         from generate_series(1, 12000) n",
    )
    .bind(&ann.uid)
    .execute(&db)
    .await
    .unwrap();
    let body = json!({"content": "Keeps three hedgehogs"});
    server
        .post("/v1/dev/user/memories", &ann.developer_key, body)
        .await
        .ok();
    let found = texts(&server, &ann, "hedgehog").await;
    assert_eq!(found, ["Keeps three hedgehogs"]);
    let left: i64 = sqlx::query_scalar("select count(*) from search_changes where uid = $1")
        .bind(&ann.uid)
        .fetch_one(&db)
        .await
        .unwrap();
    assert!(left > 2000, "the import was on its way: {left}");
}

#[tokio::test]
async fn vectors_of_one_user_do_not_keep_others_waiting_and_a_rebuild_watches_them() {
    let server = with_endpoint(endpoint(Duration::from_millis(40)).await).await;
    let mut users = [
        server.user("ann@example.org").await,
        server.user("ben@example.org").await,
    ];
    users.sort_by(|a, b| a.uid.cmp(&b.uid));
    let [much, little] = users;
    let db = server.pool().await;
    for n in 0..3000 {
        let content = format!("Lamp {n}");
        plant::memory(&db, &much.uid, &content, "system", None, None).await;
    }
    loop {
        let made: i64 = sqlx::query_scalar("select count(*) from search_vectors where uid = $1")
            .bind(&much.uid)
            .fetch_one(&db)
            .await
            .unwrap();
        if made > 2000 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    plant::memory(&db, &little.uid, "A good book", "system", None, None).await;
    settle(&db, &little).await;
    assert!(
        waiting(&db, &much).await > 0,
        "there was something to wait for"
    );

    // Meaning goes on answering while a rebuild, which watches that user's vectors, makes them again.
    let meant = async || {
        let found = ask(&server, &little, &[("q", "tome?")]).await;
        found["hits"][0]["matched"] == json!(["meaning"])
    };
    assert!(meant().await);
    let arguments = ["search", "rebuild", "--email", &little.email];
    let (said, went_on) = tokio::join!(server.cli(&arguments), async {
        let mut all = true;
        for _ in 0..10 {
            all &= meant().await;
        }
        all
    });
    assert!(went_on);
    assert_eq!(said, "1 items of 1 accounts");
    assert_eq!(waiting(&db, &little).await, 0, "the vector is made again");
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_left_alone_for_a_while() {
    // It takes connections, and never answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = with_endpoint(format!("http://{}/v1", listener.local_addr().unwrap())).await;
    let ann = server.user("ann@example.org").await;
    let db = server.pool().await;
    plant::memory(&db, &ann.uid, "A good book", "system", None, None).await;
    let begun = Instant::now();
    assert_eq!(texts(&server, &ann, "book?").await, ["A good book"]);
    let first = begun.elapsed();
    assert!(first < Duration::from_secs(6), "{first:?}");
    let begun = Instant::now();
    for _ in 0..3 {
        assert_eq!(texts(&server, &ann, "book?").await, ["A good book"]);
    }
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn searches_an_hour_may_be_limited() {
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: vec![
            ("OMI_RATE_LIMIT__SEARCHES_PER_HOUR", "2".into()),
            ("OMI_RATE_LIMIT__QUESTIONS_PER_HOUR", "1".into()),
        ],
        ..ServerOptions::default()
    })
    .await;
    let ann = server.user("ann@example.org").await;
    for status in [200, 200, 429] {
        let body = json!({"query": "lamp"});
        let answer = server
            .post("/v1/conversations/search", &ann.token, body)
            .await;
        assert_eq!(answer.status, status, "{answer:#?}");
    }
    for status in [200, 429] {
        let answer = server.get("/v1/search?q=lamp", &ann.token).await;
        assert_eq!(answer.status, status, "{answer:#?}");
    }
}
