//! `/v1/action-items/share`: a link to action items, and what others take from it.

use serde_json::{Value, json};

use crate::{
    api::plant::{self, at},
    support::{
        Server,
        server::{Answer, User, client},
    },
};

async fn share(server: &Server, user: &User, ids: Value) -> Answer {
    let body = json!({"task_ids": ids});
    server
        .post("/v1/action-items/share", &user.token, body)
        .await
}

async fn accept(server: &Server, user: &User, token: &Value) -> Answer {
    let body = json!({"token": token});
    server
        .post("/v1/action-items/accept", &user.token, body)
        .await
}

async fn item(server: &Server, user: &User, description: &'static str) -> uuid::Uuid {
    let db = server.pool().await;
    let item = plant::ActionItem {
        description,
        completed: true,
        due_at: Some(at("2026-03-01T00:00:00Z")),
        ..Default::default()
    };
    item.put(&db, &user.uid).await
}

#[tokio::test]
async fn a_link_shows_and_gives_copies_once() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let db = server.pool().await;
    sqlx::query("update users set name = 'Ann & Bob <b>' where uid = $1")
        .bind(&ann.uid)
        .execute(&db)
        .await
        .unwrap();
    let milk = item(&server, &ann, "Buy <milk>").await;
    let boat = item(&server, &ann, "Paint the boat").await;
    let link = share(&server, &ann, json!([boat, milk])).await.ok();
    let token = &link["token"];
    assert_eq!(token.as_str().unwrap().len(), 32);
    let url = link["url"].as_str().unwrap();
    assert_eq!(
        url,
        format!("{}/tasks/{}", server.url, token.as_str().unwrap())
    );

    // For everybody, without a credential; in the order of the wish.
    let open = format!("/v1/action-items/shared/{}", token.as_str().unwrap());
    let look = async || server.send(reqwest::Method::GET, &open, None, None).await;
    assert_eq!(
        look().await.ok(),
        json!({
            "sender_name": "Ann",
            "tasks": [{"description": "Paint the boat", "due_at": "2026-03-01T00:00:00Z"},
                      {"description": "Buy <milk>", "due_at": "2026-03-01T00:00:00Z"}],
            "count": 2,
        })
    );
    let page = client().get(url).send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert!(page.headers().contains_key("content-security-policy"));
    let page = page.text().await.unwrap();
    assert!(
        page.contains("<li>Buy &lt;milk&gt; <small>due 1 Mar 2026</small></li>"),
        "{page}"
    );

    // Copies, which are open whatever the originals are; once, and not one's own.
    let own = accept(&server, &ann, token).await;
    assert_eq!(own.status, 400);
    assert_eq!(own.body["detail"], "Cannot accept your own shared tasks");
    let taken = accept(&server, &ben, token).await.ok();
    assert_eq!(taken["count"], 2);
    let path = format!("/v1/action-items/{}", taken["created"][0].as_str().unwrap());
    let copy = server.get(&path, &ben.token).await.ok();
    assert_eq!(copy["description"], "Paint the boat");
    assert_eq!(
        (&copy["completed"], &copy["due_at"]),
        (&json!(false), &json!("2026-03-01T00:00:00Z"))
    );
    let from: Value =
        sqlx::query_scalar("select shared_from from action_items where uid = $1 and id = $2")
            .bind(&ben.uid)
            .bind(copy["id"].as_str().unwrap().parse::<uuid::Uuid>().unwrap())
            .fetch_one(&db)
            .await
            .unwrap();
    assert_eq!(
        from,
        json!({"token": token, "sender_uid": ann.uid, "sender_name": "Ann", "original_task_id": boat})
    );
    let again = accept(&server, &ben, token).await;
    assert_eq!(again.status, 409);
    assert_eq!(again.body["detail"], "You have already accepted this share");

    // What is removed is left out; without anything left there is nothing to take.
    let path = format!("/v1/action-items/{boat}");
    server
        .send(reqwest::Method::DELETE, &path, Some(&ann.token), None)
        .await;
    assert_eq!(look().await.ok()["count"], 1);
    let path = format!("/v1/action-items/{milk}");
    server
        .send(reqwest::Method::DELETE, &path, Some(&ann.token), None)
        .await;
    let cleo = server.user("cleo@example.org").await;
    let nothing = accept(&server, &cleo, token).await;
    assert_eq!(
        (nothing.status, &nothing.body["detail"]),
        (404, &json!("Share link expired or not found"))
    );
}

#[tokio::test]
async fn a_link_needs_ones_own_items_and_ends() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let db = server.pool().await;
    let own = item(&server, &ann, "Own").await;
    let theirs = item(&server, &ben, "Theirs").await;
    for bad in [json!(theirs), json!("none")] {
        let refused = share(&server, &ann, json!([own, bad])).await;
        let sentence = format!("Action item {} not found", bad.as_str().unwrap());
        assert_eq!(
            (refused.status, &refused.body["detail"]),
            (404, &json!(sentence))
        );
    }
    let many: Vec<_> = (0..21).map(|_| own).collect();
    for bad in [json!([]), json!(many)] {
        assert_eq!(share(&server, &ann, bad).await.status, 422);
    }

    let token = share(&server, &ann, json!([own])).await.ok()["token"].clone();
    let strange = [
        json!("0".repeat(32)),
        json!("g".repeat(32)),
        json!(token.as_str().unwrap().to_uppercase()),
        json!("a\u{0}b"),
        json!(""),
    ];
    for strange in &strange {
        assert_eq!(
            accept(&server, &ben, strange).await.status,
            404,
            "{strange}"
        );
    }
    // For 30 days, and then it is forgotten.
    let days = async |days: f64| {
        let sql = "update action_item_shares set expires_at = expires_at - make_interval(secs => $1 * 86400)";
        sqlx::query(sql).bind(days).execute(&db).await.unwrap();
    };
    let open = format!("/v1/action-items/shared/{}", token.as_str().unwrap());
    days(29.9).await;
    assert_eq!(
        server
            .send(reqwest::Method::GET, &open, None, None)
            .await
            .status,
        200
    );
    days(0.2).await;
    let ended = server.send(reqwest::Method::GET, &open, None, None).await;
    assert_eq!(
        (ended.status, &ended.body["detail"]),
        (404, &json!("Share link expired or not found"))
    );
    assert_eq!(accept(&server, &ben, &token).await.status, 404);
    share(&server, &ann, json!([own])).await.ok();
    let left: i64 = sqlx::query_scalar("select count(*) from action_item_share_tokens")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(left, 1);
}
