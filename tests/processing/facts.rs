//! Newer facts take the place of older ones that were found; what the user stated or changed stays.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::{CONVERSATIONS, bring, memories, nothing, server_asking, tasks, transcript};
use crate::{
    api::integration::importer::{ALL, Importer},
    support::{
        Server,
        peer::{Peer, Script},
    },
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

#[tokio::test]
async fn in_texts_that_an_app_brings() {
    let peer = Peer::start(Script::by_task(|task, _, _| match task {
        "find_memories" => Script::json(json!({"facts": [
            {"content": "User plays the cello", "category": "interesting"},
            {"content": "user LIKES tea", "category": "system"},
            {"content": "", "category": "system"},
        ]})),
        other => nothing(other),
    }))
    .await;
    let server = server_asking(&peer).await;
    let user = server.user("ann@example.org").await;
    let app = Importer::new(&server, "ann@example.org", ALL).await;
    app.enabled_by(&user).await;
    let stated = json!({"content": "User likes tea"});
    let path = "/v1/dev/user/memories";
    server.post(path, &user.developer_key, stated).await.ok();
    let said = "Dear diary, today I played the cello again.";
    let body = json!({"text": said, "text_source": "social_post"});
    app.post("user/memories", &user.uid, body).await.ok();
    let found = server
        .wait_for(
            path,
            &user.developer_key,
            Duration::from_secs(30),
            |found| found.as_array().unwrap().len() > 1,
        )
        .await;
    assert_eq!(found.as_array().unwrap().len(), 2, "{found:#}");
    let expected = ["User likes tea", "User plays the cello"];
    assert_eq!(memories(&server, &user).await, expected);
    let asked = peer.asked_for("find_memories");
    assert_eq!(asked.len(), 1);
    let (instructions, material) = &asked[0];
    assert!(
        instructions.contains("The user wrote the text."),
        "{instructions}"
    );
    assert!(
        material.contains(said) && material.contains("- User likes tea"),
        "{material}"
    );
}

#[tokio::test]
async fn what_two_conversations_say_at_the_same_time_is_found_once() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let mut expected = Vec::new();
    for town in ["Lisbon", "Porto", "Faro", "Braga", "Evora"] {
        let say = async |end: &str| {
            let text = format!("Remind me to call the bank in {town}. I love {town}. {end}");
            bring(&server, &user, CONVERSATIONS, json!({"text": text})).await
        };
        tokio::join!(say("So much."), say("Indeed."), say("I do."));
        expected.push(format!("Call the bank in {town}"));
    }
    expected.sort();
    assert_eq!(tasks(&server, &user).await, expected);
    let known = memories(&server, &user).await;
    let mut distinct = known.clone();
    distinct.dedup();
    assert_eq!(known, distinct);
    assert_eq!(known.len(), expected.len(), "{known:#?}");
}
