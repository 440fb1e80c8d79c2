//! Conversations that are processed while the server is killed again and again: each is completed or discarded, once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{memories, nothing, tasks, transcript};
use crate::support::{
    Server, ServerOptions,
    peer::{Peer, Script},
    rounds,
    server::client,
};

const PATH: &str = "/v1/dev/user/conversations/from-segments";

/// Different words, so that no two tasks or facts are the same.
fn word(number: usize) -> String {
    let syllables = ["ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su"];
    let mut word: String = format!("{number:03}")
        .bytes()
        .map(|digit| syllables[usize::from(digit - b'0')])
        .collect();
    word.insert(0, 'Z');
    word
}

/// One in which the user owns a dog and has to call it.
fn body(number: usize) -> Value {
    let name = word(number);
    let said = format!("I have a dog named {name}. Remind me to call {name}.");
    let mut body = transcript(&[&said, "I see."]);
    body["client_session_id"] = json!(name);
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_while_the_rules_work_loses_and_doubles_nothing() {
    survives(Vec::new(), rounds(6, 50), rounds(40, 200), 120).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_while_steps_wait_for_the_model_loses_and_doubles_nothing() {
    let peer = Peer::start(Script::by_task(|task, _, material| {
        // The transcript comes last.
        let said = material.rsplit("I have a dog named ").next();
        let name = said.and_then(|rest| rest.split('.').next());
        let name = name.unwrap_or_default();
        let answer = match task {
            "find_action_items" => {
                Script::json(json!({"action_items": [{"description": format!("Call {name}")}]}))
            }
            "find_conversation_memories" => {
                let fact = format!("User has a dog named {name}");
                Script::json(json!({"facts": [{"content": fact, "category": "system"}]}))
            }
            other => nothing(other),
        };
        Script::Later(Duration::from_millis(20), Box::new(answer))
    }))
    .await;
    survives(peer.settings(), rounds(3, 20), rounds(15, 80), 500).await;
}

/// Each is understood once, however often the server is killed within `window` milliseconds after they were sent.
async fn survives(
    env: Vec<(&'static str, String)>,
    kills: usize,
    conversations: usize,
    window: u64,
) {
    let began = Instant::now();
    let mut server = Server::start_with(ServerOptions {
        private_database: true,
        deaf: true,
        env,
    })
    .await;
    let user = server.user("ann@example.org").await;
    let mut next = 0;
    let mut random = 7_u64;
    for kill in 0..kills {
        let until = conversations * (kill + 1) / kills;
        let posts: Vec<_> = (next..until)
            .map(|number| {
                let request = client()
                    .post(format!("{}{PATH}", server.url))
                    .bearer_auth(&user.developer_key)
                    .json(&body(number));
                tokio::spawn(request.send())
            })
            .collect();
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_millis((random >> 33) % window)).await;
        server.kill().await;
        for post in posts {
            drop(post.await.unwrap());
        }
        server.run().await;
        // What was not answered is sent again.
        for number in next..until {
            let answer = server.post(PATH, &user.developer_key, body(number)).await;
            assert_eq!(answer.status, 200, "{answer:#?}");
        }
        next = until;
    }
    let path = "/v1/conversations?limit=1000&statuses=in_progress,processing,completed,failed";
    let list = server
        .wait_for(path, &user.token, Duration::from_secs(60), |list| {
            list.as_array()
                .unwrap()
                .iter()
                .all(|one| one["status"] == "completed")
        })
        .await;
    assert_eq!(list.as_array().unwrap().len(), conversations);
    let db = server.pool().await;
    let ends = Instant::now() + Duration::from_secs(60);
    loop {
        let sql = "select count(*) from processing_steps where state in ('waiting', 'failed')";
        let open: i64 = sqlx::query_scalar(sql).fetch_one(&db).await.unwrap();
        if open == 0 {
            break;
        }
        assert!(Instant::now() < ends, "{open} steps are not done");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    db.close().await;
    let named = |text: &str| {
        let mut all: Vec<_> = (0..conversations)
            .map(|number| format!("{text} {}", word(number)))
            .collect();
        all.sort();
        all
    };
    assert_eq!(tasks(&server, &user).await, named("Call"));
    let known = memories(&server, &user).await;
    let distinct: std::collections::HashSet<_> = known.iter().collect();
    assert_eq!(
        (known.len(), distinct.len()),
        (conversations, conversations),
        "no memory is lost or there twice: {known:#?}"
    );
    println!(
        "{kills} kills, {conversations} conversations in {:?}",
        began.elapsed()
    );
    server.stop().await;
}
