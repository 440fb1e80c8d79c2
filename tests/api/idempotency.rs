//! Creates that name an `Idempotency-Key`.

use serde_json::{Value, json};

use crate::support::{
    Server,
    server::{Answer, client},
};

async fn create(server: &Server, path: &str, secret: &str, key: &str, body: &Value) -> Answer {
    let response = client()
        .post(format!("{}{path}", server.url))
        .bearer_auth(secret)
        .header("idempotency-key", key)
        .json(body)
        .send()
        .await
        .unwrap();
    Answer::of(response).await
}

const ITEMS: &str = "/v1/dev/user/action-items";

#[tokio::test]
async fn the_same_key_gives_the_same_answer_and_one_row() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let key = &ann.developer_key;
    let body = json!({"description": "buy milk"});

    let first = create(&server, ITEMS, key, "one", &body).await;
    assert_eq!(first.status, 200, "{first:#?}");
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let again = create(&server, ITEMS, key, "one", &body).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!((again.status, &again.body), (200, &first.body));
    let other = create(
        &server,
        ITEMS,
        key,
        "one",
        &json!({"description": "buy tea"}),
    )
    .await;
    assert_eq!(other.status, 422, "{other:#?}");
    assert_eq!(
        other.body["detail"][0]["loc"],
        json!(["header", "Idempotency-Key"])
    );

    // Another key, another user and another route are other requests.
    assert_ne!(
        create(&server, ITEMS, key, "two", &body).await.ok()["id"],
        first.body["id"]
    );
    create(
        &server,
        ITEMS,
        &ben.developer_key,
        "one",
        &json!({"description": "rest"}),
    )
    .await
    .ok();
    create(
        &server,
        "/v1/dev/user/memories",
        key,
        "one",
        &json!({"content": "x"}),
    )
    .await
    .ok();
    assert_eq!(
        server.get(ITEMS, key).await.ok().as_array().unwrap().len(),
        2
    );

    // A refusal is not kept: the right body may follow with the same key.
    let refused = create(&server, ITEMS, key, "three", &json!({"description": " "})).await;
    assert_eq!(refused.status, 422);
    create(&server, ITEMS, key, "three", &body).await.ok();
    for bad in ["", &"x".repeat(256)] {
        let answer = create(&server, ITEMS, key, bad, &body).await;
        assert_eq!(answer.status, 400, "{answer:#?}");
    }

    // All at once: one is run, the rest get its answer.
    let body = json!({"description": "once"});
    let at_once = (0..8).map(|_| create(&server, ITEMS, key, "four", &body));
    let answers = futures_util::future::join_all(at_once).await;
    let ids: std::collections::BTreeSet<_> = answers
        .into_iter()
        .map(|answer| answer.ok()["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");

    // Cut off after the row was stored and before the answer was: the row is found again.
    let db = server.pool().await;
    sqlx::query(
        "update idempotency_keys set status = null, answer = null, claimed_at = now() - interval '10 minutes'
         where key = 'four'",
    )
    .execute(&db)
    .await
    .unwrap();
    let resumed = create(&server, ITEMS, key, "four", &body).await.ok();
    assert_eq!(resumed["id"].to_string(), *ids.first().unwrap());
    let rows: i64 =
        sqlx::query_scalar("select count(*) from action_items where description = 'once'")
            .fetch_one(&db)
            .await
            .unwrap();
    assert_eq!(rows, 1);

    // After a day a key is free.
    sqlx::query(
        "update idempotency_keys set claimed_at = now() - interval '25 hours' where key = 'one'",
    )
    .execute(&db)
    .await
    .unwrap();
    let later = create(
        &server,
        ITEMS,
        key,
        "one",
        &json!({"description": "buy tea"}),
    )
    .await
    .ok();
    assert_ne!(later["id"], first.body["id"]);
    db.close().await;
}

#[tokio::test]
async fn while_the_first_still_runs_the_second_waits_and_is_told_to_come_again() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let body = json!({"description": "once"});
    create(&server, ITEMS, &ann.developer_key, "slow", &body)
        .await
        .ok();
    let db = server.pool().await;
    sqlx::query("update idempotency_keys set status = null, answer = null, claimed_at = now() where key = 'slow'")
        .execute(&db)
        .await
        .unwrap();
    db.close().await;
    let busy = create(&server, ITEMS, &ann.developer_key, "slow", &body).await;
    assert_eq!(busy.status, 503, "{busy:#?}");
    assert_eq!(busy.headers["retry-after"], "5");
    assert_eq!(busy.body["error"]["code"], "unavailable");
    let items = server.get(ITEMS, &ann.developer_key).await.ok();
    assert_eq!(items.as_array().unwrap().len(), 1);
}
