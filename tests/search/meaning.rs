//! What shares no word with the question is found by what it means, with the real model.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{ask, texts};
use crate::{
    api::plant,
    support::{Server, material, server::ServerOptions, server::User},
};

const QUESTION: &str = "When is my tooth appointment?";
const ANSWER: &str = "The dentist expects me on Tuesday at three.";

/// The models that the vectors of a user come from, once none is missing.
async fn models(db: &PgPool, uid: &str) -> Vec<String> {
    for _ in 0..400 {
        let (waiting, models): (i64, Vec<String>) = sqlx::query_as(
            "select (select count(*) from search_changes) + count(*) filter (where model is null),
                    coalesce(array_agg(distinct model) filter (where model is not null), '{}')
             from search_vectors where uid = $1",
        )
        .bind(uid)
        .fetch_one(db)
        .await
        .unwrap();
        if waiting == 0 {
            return models;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the vectors do not follow");
}

async fn plant_days(db: &PgPool, user: &User) {
    let home = plant::Conversation::default().put(db, &user.uid).await;
    for (n, text) in [
        "We should repaint the kitchen before the winter.",
        "Anna is allergic to peanuts and to cats.",
        ANSWER,
        "My favourite band plays in the old harbour.",
        "Please send the invoice to the accountant.",
    ]
    .into_iter()
    .enumerate()
    {
        plant::segment(db, &user.uid, home, 0, true, n as f64 * 60.0, text).await;
    }
}

fn with(hit: &Value, reason: &str) -> bool {
    hit["matched"].as_array().unwrap().contains(&json!(reason))
}

#[tokio::test]
async fn a_paraphrase_is_found_and_the_index_follows() {
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: vec![(
            "OMI_EMBEDDINGS__MODEL",
            material::embedding_model().to_str().unwrap().into(),
        )],
        ..ServerOptions::default()
    })
    .await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let db = server.pool().await;
    plant_days(&db, &ann).await;
    let models = models(&db, &ann.uid).await;
    assert_eq!(models, ["local:all-MiniLM-L6-v2@53aa5117"]);

    let found = ask(&server, &ann, &[("q", QUESTION), ("kinds", "segment")]).await;
    let best = &found["hits"][0];
    assert!(best["text"].as_str().unwrap().contains(ANSWER), "{found:#}");
    assert!(with(best, "meaning") && !with(best, "words"), "{best:#}");
    assert!(texts(&server, &ben, QUESTION).await.is_empty());

    // What changes takes its meaning with it.
    sqlx::query("update transcript_segments set text = $3 where uid = $1 and text = $2")
        .bind(&ann.uid)
        .bind(ANSWER)
        .bind("The plumber repairs the sink.")
        .execute(&db)
        .await
        .unwrap();
    self::models(&db, &ann.uid).await;
    let meant = |found: &Value| {
        let hits = found["hits"].as_array().unwrap();
        hits.iter().any(|hit| with(hit, "meaning"))
    };
    let found = ask(&server, &ann, &[("q", QUESTION)]).await;
    assert!(!meant(&found), "{found:#}");
    let path = "/v1/dev/user/memories";
    let body = json!({"content": "Goes to Doctor Hale's dental surgery on Tuesday"});
    let made = server.post(path, &ann.developer_key, body).await.ok();
    self::models(&db, &ann.uid).await;
    let found = ask(&server, &ann, &[("q", QUESTION)]).await;
    assert_eq!(found["hits"][0]["id"], made["id"], "{found:#}");
    let path = format!("{path}/{}", made["id"].as_str().unwrap());
    let method = reqwest::Method::DELETE;
    server
        .send(method, &path, Some(&ann.developer_key), None)
        .await
        .ok();
    let found = ask(&server, &ann, &[("q", QUESTION)]).await;
    assert!(!meant(&found), "{found:#}");
}

#[tokio::test]
async fn without_a_model_words_answer_and_a_new_model_makes_all_vectors_again() {
    let mut server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let db = server.pool().await;
    plant_days(&db, &ann).await;
    assert!(
        server
            .log()
            .contains("search goes by words only: the embedding model all-MiniLM-L6-v2 is not in"),
        "{}",
        server.log()
    );
    let check = |found: Value, understood: bool| {
        let best = &found["hits"][0];
        assert_eq!(
            best["text"]
                .as_str()
                .is_some_and(|text| text.contains(ANSWER)),
            understood,
            "{found:#}"
        );
    };
    assert!(!texts(&server, &ann, "dentist").await.is_empty());
    check(ask(&server, &ann, &[("q", QUESTION)]).await, false);

    for name in ["one", "two"] {
        server.stop().await;
        let folder = server.data_dir.join("models").join(name);
        std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
        symlink(material::embedding_model(), folder).unwrap();
        server.set("OMI_EMBEDDINGS__MODEL", name);
        server.run().await;
        for _ in 0..200 {
            if models(&db, &ann.uid).await == [format!("local:{name}@53aa5117")] {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let models = models(&db, &ann.uid).await;
        assert_eq!(models, [format!("local:{name}@53aa5117")]);
        check(
            ask(&server, &ann, &[("q", QUESTION), ("kinds", "segment")]).await,
            true,
        );
    }

    // A model that is broken is told once, and words go on answering.
    server.stop().await;
    let broken = server.data_dir.join("models/broken");
    std::fs::create_dir(&broken).unwrap();
    for file in ["config.json", "tokenizer.json"] {
        symlink(material::embedding_model().join(file), broken.join(file)).unwrap();
    }
    std::fs::write(broken.join("model.safetensors"), "nonsense").unwrap();
    server.set("OMI_EMBEDDINGS__MODEL", "broken");
    server.run().await;
    for _ in 0..3 {
        assert!(!texts(&server, &ann, "dentist").await.is_empty());
    }
    let log = server.log();
    assert_eq!(
        log.matches("models/broken cannot be loaded").count(),
        1,
        "{log}"
    );
}
