//! The index follows what it is made of.

use serde_json::json;
use sqlx::PgPool;

use super::{ask, ids, texts};
use crate::{
    api::plant::{self, at},
    support::{Server, server::User},
};

async fn remember(server: &Server, user: &User, content: &str) -> String {
    let body = json!({"content": content});
    let made = server
        .post("/v1/dev/user/memories", &user.developer_key, body)
        .await
        .ok();
    made["id"].as_str().unwrap().to_string()
}

/// Rows of the index that belong to a user.
async fn rows(db: &PgPool, uid: &str) -> i64 {
    sqlx::query_scalar(
        "select (select count(*) from search_items where uid = $1) + (select count(*) from search_words where uid = $1)
              + (select count(*) from search_vectors where uid = $1)",
    )
    .bind(uid)
    .fetch_one(db)
    .await
    .unwrap()
}

/// Until nothing waits to be taken in.
async fn settle(db: &PgPool) {
    for _ in 0..200 {
        let waiting: i64 = sqlx::query_scalar("select count(*) from search_changes")
            .fetch_one(db)
            .await
            .unwrap();
        if waiting == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the index does not follow");
}

#[tokio::test]
async fn what_is_created_changed_and_deleted_is_so_at_once() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let db = server.pool().await;
    let id = remember(&server, &ann, "Keeps three hedgehogs in the garden").await;
    assert_eq!(texts(&server, &ann, "hedgehog").await.len(), 1);
    assert!(texts(&server, &ben, "hedgehog").await.is_empty());

    let path = format!("/v1/dev/user/memories/{id}");
    let change = json!({"content": "Keeps two squirrels in the attic"});
    server
        .send(
            reqwest::Method::PATCH,
            &path,
            Some(&ann.developer_key),
            Some(change),
        )
        .await
        .ok();
    assert!(texts(&server, &ann, "hedgehogs").await.is_empty());
    assert_eq!(texts(&server, &ann, "the squirrel").await.len(), 1);

    // Rejected: as good as gone.
    for (review, hits) in [(false, 0), (true, 1)] {
        sqlx::query("update memories set user_review = $2 where uid = $1")
            .bind(&ann.uid)
            .bind(review)
            .execute(&db)
            .await
            .unwrap();
        assert_eq!(texts(&server, &ann, "squirrel").await.len(), hits);
    }
    server
        .send(
            reqwest::Method::DELETE,
            &path,
            Some(&ann.developer_key),
            None,
        )
        .await
        .ok();
    assert!(texts(&server, &ann, "squirrel").await.is_empty());
    settle(&db).await;
    assert_eq!(rows(&db, &ann.uid).await, 0, "not even a word is left");
}

#[tokio::test]
async fn a_conversation_takes_all_its_traces_with_it() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let db = server.pool().await;
    let heard = plant::Conversation {
        title: "Boiler",
        ..plant::Conversation::default()
    };
    let id = heard.put(&db, &ann.uid).await;
    for (n, text) in [
        "The plumber comes on Friday.",
        "Which plumber?",
        "Mister Ogden.",
    ]
    .into_iter()
    .enumerate()
    {
        plant::segment(&db, &ann.uid, id, 0, true, n as f64 * 5.0, text).await;
    }
    let found = ask(
        &server,
        &ann,
        &[("q", "plumber ogden"), ("kinds", "segment")],
    )
    .await;
    assert_eq!(ids(&found).len(), 1, "{found:#}");
    let best = &found["hits"][0];
    assert_eq!(best["conversation_id"], id.to_string());
    assert_eq!(best["matched"], json!(["words"]));
    assert_eq!(best["segment_ids"].as_array().unwrap().len(), 3, "{best:#}");

    // It turns out to have begun earlier: so did what was said in it.
    sqlx::query("update conversations set started_at = $2 where uid = $1")
        .bind(&ann.uid)
        .bind(at("2026-01-30T08:00:00Z"))
        .execute(&db)
        .await
        .unwrap();
    let found = ask(
        &server,
        &ann,
        &[
            ("q", "ogden"),
            ("to", "2026-01-30T09:00:00Z"),
            ("kinds", "segment"),
        ],
    )
    .await;
    assert_eq!(found["hits"][0]["at"], "2026-01-30T08:00:10Z", "{found:#}");

    let path = format!("/v1/dev/user/conversations/{id}");
    server
        .send(
            reqwest::Method::DELETE,
            &path,
            Some(&ann.developer_key),
            None,
        )
        .await
        .ok();
    assert!(texts(&server, &ann, "plumber").await.is_empty());
    settle(&db).await;
    assert_eq!(rows(&db, &ann.uid).await, 0);

    // And a user everything.
    remember(&server, &ann, "Likes rhubarb").await;
    texts(&server, &ann, "rhubarb").await;
    sqlx::query("delete from users where uid = $1")
        .bind(&ann.uid)
        .execute(&db)
        .await
        .unwrap();
    settle(&db).await;
    assert_eq!(rows(&db, &ann.uid).await, 0);
}

#[tokio::test]
async fn a_killed_server_loses_no_change() {
    let mut server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let db = server.pool().await;
    server.kill().await;
    // As if it was killed in the middle: the marks are there, nothing has been taken in.
    for n in 0..1200 {
        let content = format!("Lamp {n} stands in room r{}", n % 7);
        plant::memory(&db, &ann.uid, &content, "system", None, None).await;
    }
    server.run().await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    server.kill().await;
    server.run().await;
    settle(&db).await;
    let (items, words): (i64, i32) = sqlx::query_as(
        "select (select items from search_totals where uid = $1),
                (select items from search_words where uid = $1 and word = 'lamp')",
    )
    .bind(&ann.uid)
    .fetch_one(&db)
    .await
    .unwrap();
    assert_eq!((items, words), (1200, 1200), "each once");

    // Everything again changes nothing.
    let said = server
        .cli(&["search", "rebuild", "--email", "ann@example.org"])
        .await;
    assert_eq!(said, "1200 items of 1 accounts");
    settle(&db).await;
    let again: i64 = sqlx::query_scalar("select items from search_totals where uid = $1")
        .bind(&ann.uid)
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(again, 1200);
}

#[tokio::test]
async fn words_are_stemmed_in_the_users_language() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let db = server.pool().await;
    plant::memory(
        &db,
        &ann.uid,
        "Die Häuser am Fluss gehören der Tante",
        "system",
        None,
        None,
    )
    .await;
    // In another language it would be found as well, but as a word that is spelt alike.
    let stemmed = async || {
        sqlx::query_scalar::<_, bool>(
            "select exists (select from search_words where uid = $1 and word = 'haus')",
        )
        .bind(&ann.uid)
        .fetch_one(&db)
        .await
        .unwrap()
    };
    assert_eq!(texts(&server, &ann, "Tante").await.len(), 1);
    assert!(!stemmed().await, "not in English");
    for (language, question, hits) in [
        ("de", "Haus", 1),
        ("de-AT", "die", 0),
        ("xx", "die", 1),
        ("xx", "Haus", 1),
    ] {
        sqlx::query("update users set language = $2 where uid = $1")
            .bind(&ann.uid)
            .bind(language)
            .execute(&db)
            .await
            .unwrap();
        let found = texts(&server, &ann, question).await;
        assert_eq!(found.len(), hits, "{question} in {language}");
        assert_eq!(stemmed().await, language != "xx", "{language}");
    }
}

#[tokio::test]
async fn accents_do_not_keep_words_apart() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let db = server.pool().await;
    for text in ["Crème brûlée at noon", "Élodie sings", "Zoe paints"] {
        plant::memory(&db, &ann.uid, text, "system", None, None).await;
    }
    for (question, found) in [
        ("creme brulee", "Crème brûlée at noon"),
        ("Crème brûlée", "Crème brûlée at noon"),
        ("elodie", "Élodie sings"),
        ("Élodie", "Élodie sings"),
        ("Zoë", "Zoe paints"),
    ] {
        assert_eq!(texts(&server, &ann, question).await, [found], "{question}");
    }
}
