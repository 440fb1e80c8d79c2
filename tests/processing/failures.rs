//! A model that is dead, back again, refusing, talking nonsense or too busy: no conversation is lost or stuck.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    CONVERSATIONS, conversation, done_by, memories, nothing, server_asking, settled, tasks,
};
use crate::support::{
    Server,
    peer::{Peer, Script},
    server::User,
};

const TEXT: &str = "I live in Lisbon. Remind me to call the dentist.";

/// The steps of a conversation, once all are over. No pause is made before a job's next attempt.
async fn hurried(server: &Server, user: &User, id: &str) -> Vec<Value> {
    let db = server.pool().await;
    let path = format!("/v1/conversations/{id}/processing");
    let began = Instant::now();
    loop {
        let sql = "update graphile_worker._private_jobs set run_at = now() where run_at > now() and locked_at is null";
        sqlx::query(sql).execute(&db).await.unwrap();
        let found = server.get(&path, &user.token).await.ok();
        let steps = found["steps"].as_array().unwrap();
        if steps.len() == 5 && steps.iter().all(|step| step["state"] != "waiting") {
            db.close().await;
            return steps.clone();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{found:#}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn refused_and_nonsense_go_to_the_rules_at_once() {
    let peer = Peer::start(Script::by_task(|_, _, _| Script::Refuses(401))).await;
    let server = server_asking(&peer).await;
    let user = server.user("ann@example.org").await;
    for (text, reply) in [
        ("Ann here.", Script::Refuses(401)),
        ("Bob here.", Script::says(&["Sure, I can help with that!"])),
        (
            "Cid here.",
            Script::says(&[r#"{"title": 7, "action_items": "no", "facts": {}"#]),
        ),
    ] {
        peer.script(Script::by_task(move |_, _, _| reply.clone()));
        peer.forget();
        let began = Instant::now();
        let body = json!({"text": format!("{text} {TEXT}")});
        let made = server
            .post(CONVERSATIONS, &user.developer_key, body)
            .await
            .ok();
        let id = made["id"].as_str().unwrap();
        let steps = settled(&server, &user, id, Duration::from_secs(20)).await;
        assert_eq!(
            done_by(&steps),
            ["rules", "rules", "rules", "rules", "-"],
            "{steps:#?}"
        );
        println!("{text} by the rules after {:?}", began.elapsed());
        let found = conversation(&server, &user, id).await;
        assert_eq!(found["understood_by"], "rules");
    }
    assert_eq!(tasks(&server, &user).await, ["Call the dentist"]);
    assert_eq!(memories(&server, &user).await, ["User lives in Lisbon"]);
}

#[tokio::test]
async fn a_model_that_comes_back_is_waited_for() {
    // Too busy at first, then broken, for whatever task: for longer than one attempt asks again.
    let peer = Peer::start(Script::by_task(|task, before, _| match before {
        0 => Script::Refuses(429),
        1..4 => Script::Refuses(503),
        _ => nothing(task),
    }))
    .await;
    let server = server_asking(&peer).await;
    let user = server.user("ann@example.org").await;
    let body = json!({"text": TEXT});
    let made = server
        .post(CONVERSATIONS, &user.developer_key, body)
        .await
        .ok();
    let id = made["id"].as_str().unwrap();
    let steps = hurried(&server, &user, id).await;
    assert_eq!(
        done_by(&steps),
        ["scripted", "scripted", "scripted", "scripted", "-"],
        "{steps:#?}"
    );
    // The tasks of a text come with its structure.
    let asked_again = [0, 2, 3].map(|at| &steps[at]);
    assert!(
        asked_again
            .iter()
            .all(|step| step["attempts"] == 2 && step["error"].is_null()),
        "{steps:#?}"
    );
}

#[tokio::test]
async fn a_dead_model_is_done_without_after_four_attempts() {
    let peer = Peer::start(Script::by_task(|_, _, _| Script::Refuses(503))).await;
    let server = server_asking(&peer).await;
    let user = server.user("ann@example.org").await;
    let began = Instant::now();
    let body = json!({"text": TEXT});
    let made = server
        .post(CONVERSATIONS, &user.developer_key, body)
        .await
        .ok();
    let id = made["id"].as_str().unwrap();
    let path = format!("/v1/conversations/{id}/processing");
    let waits = server
        .wait_for(&path, &user.token, Duration::from_secs(30), |found| {
            found["steps"][0]["error"].is_string()
        })
        .await;
    assert_eq!(waits["steps"][0]["state"], "waiting", "{waits:#}");
    let steps = hurried(&server, &user, id).await;
    assert_eq!(
        done_by(&steps),
        ["rules", "rules", "rules", "rules", "-"],
        "{steps:#?}"
    );
    assert!(
        steps[..4].iter().all(|step| step["attempts"] == 4),
        "{steps:#?}"
    );
    println!("by the rules after {:?}", began.elapsed());
    assert_eq!(tasks(&server, &user).await, ["Call the dentist"]);
    assert_eq!(memories(&server, &user).await, ["User lives in Lisbon"]);
}
