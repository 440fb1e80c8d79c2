//! What one user, or a model that hangs, may take from the others: turns of jobs, tokens of a day, time.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use super::{CONVERSATIONS, bring, nothing, server_asking, server_with};
use crate::support::{
    Server,
    peer::{Peer, Script},
    server::User,
};

/// Brings a text without waiting for what becomes of it.
async fn bring_at_once(server: &Server, user: &User, number: usize) {
    let said = format!("This is talk {number} of the day. We spoke about many things at length.");
    let segments = json!([{"text": said, "speaker": "SPEAKER_00", "start": 0, "end": 9}]);
    let body = json!({"transcript_segments": segments, "language": "en"});
    let url = format!("{}{CONVERSATIONS}/from-segments", server.url);
    // The answer waits for the structure; whoever hangs up has brought it all the same.
    let sent = crate::support::server::client()
        .post(url)
        .bearer_auth(&user.developer_key)
        .json(&body)
        .timeout(Duration::from_millis(400))
        .send();
    let _ = sent.await;
}

async fn waiting(server: &Server, user: &User) -> i64 {
    let db = server.pool().await;
    let sql = "select count(*) from conversations where uid = $1 and status = 'processing'";
    let waiting = sqlx::query_scalar(sql).bind(&user.uid).fetch_one(&db);
    let waiting = waiting.await.unwrap();
    db.close().await;
    waiting
}

#[tokio::test]
async fn who_brings_little_does_not_wait_for_who_brings_much() {
    let peer = Peer::start(Script::by_task(|task, _, _| {
        Script::Later(Duration::from_millis(150), Box::new(nothing(task)))
    }))
    .await;
    let server = server_asking(&peer).await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let brought = (0..60).map(|number| bring_at_once(&server, &ann, number));
    futures_util::future::join_all(brought).await;
    let began = Instant::now();
    let body = json!({"text": "I live in Lisbon and I walked to the river today."});
    bring(&server, &ben, CONVERSATIONS, body).await;
    let left = waiting(&server, &ann).await;
    println!(
        "ben's was done after {:?}; {left} of ann's waited",
        began.elapsed()
    );
    assert!(left >= 20, "{left}");
}

#[tokio::test]
async fn a_model_that_hangs_is_left_alone_after_a_while() {
    let peer = Peer::start(Script::Later(
        Duration::from_secs(60),
        Box::new(Script::Refuses(503)),
    ))
    .await;
    let server = server_with(&peer, &[("OMI_LLM__TIMEOUT_SECONDS", "1")]).await;
    let ann = server.user("ann@example.org").await;
    let brought = (0..12).map(|number| bring_at_once(&server, &ann, number));
    futures_util::future::join_all(brought).await;
    let began = Instant::now();
    let db = server.pool().await;
    while waiting(&server, &ann).await > 0 {
        let sql = "update graphile_worker._private_jobs set run_at = now() where run_at > now() and locked_at is null";
        sqlx::query(sql).execute(&db).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    db.close().await;
    // Each of twelve conversations was tried four times, and each try might have waited for a second.
    println!(
        "asked {} times in {:?}",
        peer.asked().len(),
        began.elapsed()
    );
    assert!(peer.asked().len() < 12, "{}", peer.asked().len());
    assert!(
        server
            .log()
            .contains("left several requests without an answer"),
        "{}",
        server.log()
    );
}

#[tokio::test]
async fn what_asks_no_model_does_not_wait_for_one() {
    let peer = Peer::start(Script::Later(
        Duration::from_secs(60),
        Box::new(Script::Refuses(503)),
    ))
    .await;
    let server = server_asking(&peer).await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let memory = json!({"content": "Ben plays chess."});
    let made = server.post("/v1/dev/user/memories", &ben.developer_key, memory);
    made.await.ok();
    let brought = (0..12).map(|number| bring_at_once(&server, &ann, number));
    futures_util::future::join_all(brought).await;
    let db = server.pool().await;
    let count = async |sql: &'static str, uid: &str| -> i64 {
        let counted = sqlx::query_scalar(sql).bind(uid).fetch_one(&db).await;
        counted.unwrap()
    };
    // As many jobs as may ask at once wait for the model.
    let busy = "select count(*) from graphile_worker._private_jobs where locked_at is not null and payload->>'uid' = $1";
    let began = Instant::now();
    while count(busy, &ann.uid).await < 8 {
        assert!(began.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let path = "/v1/users/delete-account";
    let deleted = server.send(Method::DELETE, path, Some(&ben.token), None);
    deleted.await.ok();
    let left = "select count(*) from memories where uid = $1";
    let began = Instant::now();
    while count(left, &ben.uid).await > 0 {
        assert!(began.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(count(busy, &ann.uid).await, 8);
    db.close().await;
}

#[tokio::test]
async fn a_day_of_tokens_is_remembered() {
    let peer = Peer::start(Script::by_task(|task, _, _| nothing(task))).await;
    // A question of a few words and its instructions take more.
    let few = [("OMI_LLM__TOKENS_PER_DAY_PER_USER", "60")];
    let mut server = server_with(&peer, &few).await;
    let ann = server.user("ann@example.org").await;
    let body = json!({"text": "I live in Lisbon and I walked to the river today."});
    let made = server.post(CONVERSATIONS, &ann.developer_key, body).await;
    let path = format!(
        "/v1/conversations/{}/test-prompt",
        made.ok()["id"].as_str().unwrap()
    );
    let prompt = json!({"prompt": "Sum it up."});
    let refused = server.post(&path, &ann.token, prompt.clone()).await;
    assert_eq!(refused.status, 429, "{refused:#?}");
    // What is spent is noted within seconds, and then outlives the server.
    let db = server.pool().await;
    let noted = async |wanted: i64| {
        let began = Instant::now();
        loop {
            let sql = "select count(*) from language_tokens where uid = $1 and tokens >= 60";
            let noted = sqlx::query_scalar(sql).bind(&ann.uid).fetch_one(&db).await;
            let noted: i64 = noted.unwrap();
            if noted == wanted {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{noted}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    noted(1).await;
    let sql = "insert into language_tokens select uid, day - 1, tokens from language_tokens";
    sqlx::query(sql).execute(&db).await.unwrap();
    noted(2).await;
    server.kill().await;
    server.run().await;
    let refused = server.post(&path, &ann.token, prompt).await;
    assert_eq!(refused.status, 429, "{refused:#?}");
    assert!(refused.headers.contains_key("retry-after"), "{refused:#?}");
    // A day that is over is forgotten.
    noted(1).await;
    db.close().await;
}
