//! Newer facts take the place of older ones that were found; what the user stated or changed stays.

use reqwest::Method;
use serde_json::json;

use super::{CONVERSATIONS, bring, memories, nothing, server_asking, transcript};
use crate::support::{
    Server,
    peer::{Peer, Script},
};

#[tokio::test]
async fn by_the_rules() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let say = async |text: &str, at: &str| {
        bring(
            &server,
            &user,
            CONVERSATIONS,
            json!({"text": text, "started_at": at}),
        )
        .await
    };
    let first = say(
        "I live in Lisbon. My dog is called Rex.",
        "2026-01-01T10:00:00Z",
    )
    .await;
    assert_eq!(
        memories(&server, &user).await,
        ["User lives in Lisbon", "User's dog is called Rex"]
    );
    say(
        "I live in Porto. My cat is called Bo.",
        "2026-02-01T10:00:00Z",
    )
    .await;
    let known = [
        "User lives in Porto",
        "User's cat is called Bo",
        "User's dog is called Rex",
    ];
    assert_eq!(memories(&server, &user).await, known);
    // Old news, told late or read again.
    say(
        "I live in Faro. The weather is fine today.",
        "2025-06-01T10:00:00Z",
    )
    .await;
    let path = format!("/v1/conversations/{first}/reprocess");
    server.post(&path, &user.token, json!({})).await.ok();
    assert_eq!(memories(&server, &user).await, known);

    // Stated and changed ones stay, and the new stands beside them.
    let stated = json!({"content": "User works at Acme"});
    server
        .post("/v1/dev/user/memories", &user.developer_key, stated)
        .await;
    let list = server
        .get("/v1/dev/user/memories", &user.developer_key)
        .await
        .ok();
    let home = list
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["content"] == "User lives in Porto");
    let path = format!(
        "/v1/dev/user/memories/{}",
        home.unwrap()["id"].as_str().unwrap()
    );
    let change = Some(json!({"content": "User lives in Porto, near the river"}));
    server
        .send(Method::PATCH, &path, Some(&user.developer_key), change)
        .await
        .ok();
    say(
        "I live in Braga. I work at Initech.",
        "2026-03-01T10:00:00Z",
    )
    .await;
    assert_eq!(
        memories(&server, &user).await,
        [
            "User lives in Braga",
            "User lives in Porto, near the river",
            "User works at Acme",
            "User works at Initech",
            known[1],
            known[2],
        ]
    );
}

#[tokio::test]
async fn by_the_model() {
    let peer = Peer::start(Script::by_task(|task, _, _| nothing(task))).await;
    let server = server_asking(&peer).await;
    let user = server.user("ann@example.org").await;
    let cases = [
        (
            "User lives in Lisbon",
            json!(null),
            vec!["User lives in Lisbon"],
        ),
        (
            "User lives in Porto",
            json!({"action": "keep_new", "known": 1}),
            vec!["User lives in Porto"],
        ),
        (
            "User lives in Porto now",
            json!({"action": "keep_existing"}),
            vec!["User lives in Porto"],
        ),
        (
            "User lives in Porto happily",
            json!({"action": "merge", "merged_content": "User lives in Porto, happily", "known": 99}),
            vec!["User lives in Porto, happily"],
        ),
        (
            "User lives in Faro in summer",
            json!({"action": "keep_both"}),
            vec![
                "User lives in Faro in summer",
                "User lives in Porto, happily",
            ],
        ),
        (
            "User lives in Braga",
            json!({"action": "drop table memories"}),
            vec![
                "User lives in Braga",
                "User lives in Faro in summer",
                "User lives in Porto, happily",
            ],
        ),
    ];
    for (number, (fact, verdict, after)) in (1..).zip(cases) {
        let told = verdict.clone();
        peer.script(Script::by_task(move |task, _, _| match task {
            "find_conversation_memories" => {
                Script::json(json!({"facts": [{"content": fact, "category": "system"}]}))
            }
            "resolve_memory" => Script::json(told.clone()),
            other => nothing(other),
        }));
        peer.forget();
        let text = format!("Something was said about where somebody lives, number {number}.");
        bring(&server, &user, CONVERSATIONS, json!({"text": text})).await;
        assert_eq!(
            memories(&server, &user).await,
            after,
            "{fact}\n{}",
            server.log()
        );
        assert_eq!(
            peer.asked_for("resolve_memory").len(),
            usize::from(!verdict.is_null()),
            "{fact}"
        );
    }
    // What is known is told, and nothing is looked for in a few letters.
    let (_, material) = &peer.asked_for("find_conversation_memories")[0];
    assert!(
        material.contains("- User lives in Porto, happily"),
        "{material}"
    );
    peer.script(Script::by_task(|task, _, _| nothing(task)));
    peer.forget();
    bring(
        &server,
        &user,
        "/v1/dev/user/conversations/from-segments",
        transcript(&["I live here."]),
    )
    .await;
    assert!(peer.asked_for("find_conversation_memories").is_empty());
}
