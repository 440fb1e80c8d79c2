//! Answers that are rated, reported, and shown to others.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::chat::{ask, history};
use crate::support::{
    Server,
    server::{User, client},
};

const SHARE: &str = "/v2/messages/share";

async fn send(
    server: &Server,
    user: &User,
    method: Method,
    path: &str,
    body: Value,
) -> (u16, Value) {
    let answer = server
        .send(method, path, Some(&user.token), Some(body))
        .await;
    (answer.status, answer.body["detail"].clone())
}

#[tokio::test]
async fn answers_are_rated_and_reported() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let bob = server.user("bob@example.org").await;
    ask(&server, &ann, "Where is my bow?").await;
    let kept = history(&server, &ann, "").await;
    let (answer, question) = (
        kept[0]["id"].as_str().unwrap(),
        kept[1]["id"].as_str().unwrap(),
    );

    let rate = async |user: &User, id: &str, rating: Value| {
        let path = format!("/v2/messages/{id}/rating");
        let body = json!({"rating": rating});
        let answer = server
            .send(Method::PATCH, &path, Some(&user.token), Some(body))
            .await;
        (answer.status, answer.body["status"].clone())
    };
    let rating = async || history(&server, &ann, "").await[0]["rating"].clone();
    let ok = (200, json!("ok"));
    for (given, stands) in [
        (json!(1), json!(1)),
        (json!(-1), json!(-1)),
        (json!(null), json!(null)),
        (json!(1), json!(1)),
    ] {
        assert_eq!(rate(&ann, answer, given).await, ok);
        assert_eq!(rating().await, stands);
    }
    // Where there is none nothing happens, and nobody is told.
    for (user, id) in [(&bob, answer), (&ann, "no-uuid"), (&ann, question)] {
        assert_eq!(rate(user, id, json!(-1)).await, ok, "{id}");
    }
    assert_eq!(rating().await, 1);
    for bad in [json!(2), json!("good"), json!(1.5)] {
        assert_eq!(rate(&ann, answer, bad.clone()).await.0, 422, "{bad}");
    }

    let report =
        async |user: &User, path: &str| send(&server, user, Method::POST, path, json!({})).await;
    let of = |id: &str| format!("/v2/messages/{id}/report");
    let made_up = Uuid::new_v4().to_string();
    let refused = (400, json!("Only AI messages can be reported"));
    assert_eq!(report(&ann, &of(question)).await, refused);
    for (user, id) in [(&bob, answer), (&ann, "no-uuid"), (&ann, made_up.as_str())] {
        assert_eq!(
            report(user, &of(id)).await,
            (404, json!("Message not found")),
            "{id}"
        );
    }
    let old = format!("/v1/messages/{answer}/report");
    let done = server.post(&old, &ann.token, json!({})).await.ok();
    assert_eq!(done, json!({"message": "Message reported"}));
    assert_eq!(
        report(&ann, &of(answer)).await,
        (400, json!("Message already reported"))
    );
    let shown = history(&server, &ann, "").await;
    assert!(shown.iter().all(|one| one["id"] != answer), "{shown:#?}");
}

#[tokio::test]
async fn messages_are_shown_to_who_has_the_link() {
    let server = Server::deaf().await;
    let created = [
        "user",
        "create",
        "--email",
        "ann@example.org",
        "--name",
        "Ann <b> Bee",
    ];
    let created = server.cli(&created).await;
    let uid = created.lines().next().unwrap().to_string();
    let token = server
        .cli(&["token", "create", "--email", "ann@example.org"])
        .await;
    let ann = User {
        uid,
        token,
        email: String::new(),
        password: String::new(),
        developer_key: String::new(),
        mcp_key: String::new(),
    };
    let bob = server.user("bob@example.org").await;
    ask(&server, &ann, "Is 1 < 2 & \"so\"?").await;
    let kept = history(&server, &ann, "").await;
    let (answer, question) = (
        kept[0]["id"].as_str().unwrap(),
        kept[1]["id"].as_str().unwrap(),
    );

    let body = json!({"message_ids": [question, answer]});
    let link = server.post(SHARE, &ann.token, body).await.ok();
    let token = link["token"].as_str().unwrap();
    assert_eq!(token.len(), 32);
    assert_eq!(link["url"], format!("{}/chat/{token}", server.url));
    let path = format!("/v2/messages/shared/{token}");
    let look = async || server.send(Method::GET, &path, None, None).await;
    let messages: Vec<_> = [&kept[1], &kept[0]]
        .iter()
        .map(|one| json!({"id": one["id"], "text": one["text"], "sender": one["sender"], "created_at": one["created_at"]}))
        .collect();
    let expected = json!({"sender_name": "Ann", "messages": messages, "count": 2});
    assert_eq!(look().await.ok(), expected);
    let page = client()
        .get(link["url"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = page.text().await.unwrap();
    assert!(page.contains("Is 1 &lt; 2 &amp; &quot;so&quot;?"), "{page}");

    for (body, status, detail) in [
        (
            json!({"message_ids": []}),
            400,
            json!("No message IDs provided"),
        ),
        (
            json!({"message_ids": [question, "no-uuid"]}),
            404,
            json!("Message no-uuid not found"),
        ),
    ] {
        assert_eq!(
            send(&server, &ann, Method::POST, SHARE, body).await,
            (status, detail)
        );
    }
    let many = json!({"message_ids": vec![question; 201]});
    assert_eq!(send(&server, &ann, Method::POST, SHARE, many).await.0, 422);
    // Another's message is one that there is not.
    let theirs = json!({"message_ids": [question]});
    let told = send(&server, &bob, Method::POST, SHARE, theirs).await;
    assert_eq!(told, (404, json!(format!("Message {question} not found"))));

    // What is deleted is shown no more; after 30 days nothing is.
    server
        .send(Method::DELETE, "/v2/messages", Some(&ann.token), None)
        .await
        .ok();
    assert_eq!(look().await.ok()["messages"], json!([]));
    let db = server.pool().await;
    sqlx::query("update message_shares set expires_at = now() - interval '1 second'")
        .execute(&db)
        .await
        .unwrap();
    let expired = look().await;
    assert_eq!(
        (expired.status, &expired.body["detail"]),
        (404, &json!("Share link expired or not found"))
    );
    let absent = format!("/v2/messages/shared/{}", "f".repeat(32));
    let absent = server.send(Method::GET, &absent, None, None).await;
    assert_eq!(absent.body, expired.body);
}
