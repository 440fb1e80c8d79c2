//! Who speaks is called by name wherever words are read: by the model, by people and by programs.

use serde_json::{Value, json};

use super::{bring, nothing, server_asking};
use crate::{
    api::app::chat,
    support::{
        Server,
        peer::{Peer, Script},
    },
};

const FROM_SEGMENTS: &str = "/v1/dev/user/conversations/from-segments";
const QUESTION: &str = "Who feeds the heron?";

#[tokio::test]
async fn people_are_named_wherever_their_words_are_read() {
    let peer = Peer::start(Script::by_task(|task, _, _| nothing(task))).await;
    let server = server_asking(&peer).await;
    let ann = server.user_in("ann@example.org", "Europe/Berlin").await;
    let ben = server.user("ben@example.org").await;
    let db = server.pool().await;
    sqlx::query("update users set name = 'Ann' where uid = $1")
        .bind(&ann.uid)
        .execute(&db)
        .await
        .unwrap();
    let person = async |token: &str, name: &str| {
        let new = server.post("/v1/users/people", token, json!({"name": name}));
        new.await.ok()["id"].as_str().unwrap().to_string()
    };
    let maya = person(&ann.token, "Maya").await;
    // Another's person is nobody here.
    let others = person(&ben.token, "Mallory").await;
    let segments: Vec<_> = [
        ("I promised to send the contract to Ada on Friday.", true, None),
        ("I feed the heron every morning before work.", false, Some(&maya)),
        ("The harbour is closed until the end of winter.", false, Some(&others)),
        ("Nobody told me about that heron at all.", false, None),
    ]
    .iter()
    .enumerate()
    .map(|(at, (text, is_user, person))| {
        let start = at as f64 * 10.0;
        json!({"text": text, "speaker": format!("SPEAKER_0{at}"), "is_user": is_user, "person_id": person,
            "start": start, "end": start + 9.0})
    })
    .collect();
    let said = json!({"transcript_segments": segments, "source": "omi", "language": "en"});
    let id = bring(&server, &ann, FROM_SEGMENTS, said).await;
    let lines = [
        "Ann: I promised to send the contract to Ada on Friday.",
        "Maya: I feed the heron every morning before work.",
        "Speaker 2: The harbour is closed until the end of winter.",
        "Speaker 3: Nobody told me about that heron at all.",
    ];
    let all_there = |text: &str, what: &str| {
        for line in lines {
            assert!(text.contains(line), "{what}: {line}\n{text}");
        }
        assert!(!text.contains("Mallory"), "{what}: {text}");
    };
    for task in [
        "structure",
        "find_action_items",
        "find_conversation_memories",
    ] {
        let asked = peer.asked_for(task);
        all_there(&asked[0].1, task);
    }

    // Programs.
    let names = ["Ann", "Maya", "Speaker 2", "Speaker 3"];
    let names_of = |found: &Value| -> Vec<String> {
        let said = found["transcript_segments"].as_array().unwrap().iter();
        said.map(|one| one["speaker_name"].as_str().unwrap().to_string())
            .collect()
    };
    let path = format!("/v1/dev/user/conversations/{id}?include_transcript=true");
    let one = server.get(&path, &ann.developer_key).await.ok();
    assert_eq!(names_of(&one), names);
    let path = "/v1/dev/user/conversations?include_transcript=true";
    let list = server.get(path, &ann.developer_key).await.ok();
    assert_eq!(names_of(&list[0]), names);
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "get_conversation_by_id", "arguments": {"conversation_id": id}}});
    let told = server.post("/v1/mcp/sse", &ann.mcp_key, call).await.body;
    let told = told.to_string();
    for name in names {
        assert!(told.contains(name), "{name}: {told}");
    }
    assert!(!told.contains("Mallory"), "{told}");
    let tool = server.get("/v1/tools/conversations", &ann.token).await.ok();
    all_there(tool["result_text"].as_str().unwrap(), "tools");

    // Search tells who says each line; a voice that nobody named is null.
    let path = "/v1/search?q=heron%20morning&kinds=segment&limit=1";
    let found = server.get(path, &ann.token).await.ok();
    // The line after the next one is about the same: its hit is part of this one.
    let hit = &found["hits"][0];
    assert_eq!(
        hit["speakers"],
        json!(["Ann", "Maya", null, null]),
        "{hit:#}"
    );
    assert_eq!(hit["segment_ids"].as_array().unwrap().len(), 4);
    assert!(!hit["text"].as_str().unwrap().contains("Maya"));

    // Chat: what is found, and the conversation that is looked at.
    peer.script(Script::says(&["Maya does [1]."]));
    peer.forget();
    let context = json!({"text": QUESTION, "context": {"type": "conversation", "id": id}});
    chat::ask_with(&server, &ann, "", context).await;
    let prompt = || {
        let mut asked = peer.asked().into_iter().rev().map(|body| body.to_string());
        asked.find(|body| body.contains(QUESTION)).unwrap()
    };
    all_there(&prompt(), "chat");
    peer.forget();
    chat::ask(&server, &ann, QUESTION).await;
    assert!(prompt().contains(lines[1]), "{}", prompt());

    // A name that changes changes everywhere, and one that is gone is a number again.
    let renamed = format!("/v1/users/people/{maya}/name?value=Maja");
    let patch = reqwest::Method::PATCH;
    server
        .send(patch, &renamed, Some(&ann.token), None)
        .await
        .ok();
    let path = format!("/v1/dev/user/conversations/{id}?include_transcript=true");
    let one = server.get(&path, &ann.developer_key).await.ok();
    assert_eq!(names_of(&one)[1], "Maja");
    let delete = reqwest::Method::DELETE;
    let gone = format!("/v1/users/people/{maya}");
    server.send(delete, &gone, Some(&ann.token), None).await;
    let one = server.get(&path, &ann.developer_key).await.ok();
    assert_eq!(names_of(&one)[1], "Speaker 1");
}

#[tokio::test]
async fn what_somebody_else_says_of_themselves_is_no_memory_of_the_user() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let new = server.post("/v1/users/people", &ann.token, json!({"name": "Maya"}));
    let maya = new.await.ok()["id"].clone();
    let said = json!({"source": "omi", "language": "en", "transcript_segments": [
        {"text": "I live in Rome and I am allergic to peanuts.", "speaker": "SPEAKER_01", "is_user": false,
         "person_id": maya, "start": 0, "end": 9},
        {"text": "I live in Lisbon and I have a daughter called Ines.", "speaker": "SPEAKER_00", "is_user": true,
         "start": 10, "end": 19}]});
    bring(&server, &ann, FROM_SEGMENTS, said).await;
    let found = server
        .get("/v1/dev/user/memories", &ann.developer_key)
        .await
        .ok();
    let found = found.to_string();
    assert!(found.contains("Lisbon"), "{found}");
    assert!(
        !found.contains("Rome") && !found.contains("peanuts"),
        "{found}"
    );
}
