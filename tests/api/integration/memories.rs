//! `/v2/integrations/{app_id}/memories` and `…/user/memories`

use std::time::Duration;

use serde_json::{Value, json};

use super::importer::{ALL, Importer};
use crate::{api::plant, support::Server};

fn content(content: &str) -> Value {
    json!({"memories": [{"content": content, "tags": ["of the app"]}]})
}

#[tokio::test]
async fn what_an_app_brings_never_overwrites_what_the_user_stated() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let app = Importer::new(&server, "ann@example.org", ALL).await;
    app.enabled_by(&ann).await;
    let path = "/v1/dev/user/memories";
    let stated = json!({"content": "User likes tea", "category": "work", "tags": ["mine"]});
    server.post(path, &ann.developer_key, stated).await.ok();
    let before = app.list("memories", &ann.uid).await;
    for text in ["User likes tea", " User likes tea\n"] {
        app.post("user/memories", &ann.uid, content(text))
            .await
            .ok();
        assert_eq!(app.list("memories", &ann.uid).await, before);
    }

    // Anything else makes way, and the same again is no second one.
    let db = server.pool().await;
    let twice = json!({"memories": [
        {"content": "User owns a boat", "tags": ["first"]},
        {"content": "User owns a boat ", "tags": ["second", "last"]},
        {"content": "User has a dog"},
    ]});
    for _ in 0..2 {
        app.post("user/memories", &ann.uid, twice.clone())
            .await
            .ok();
    }
    let found = app.list("memories", &ann.uid).await;
    assert_eq!(found.len(), 3, "{found:#?}");
    let boat = found
        .iter()
        .find(|one| one["content"] == "User owns a boat");
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("memory", boat.unwrap(), {
            ".uid" => "[uid]", ".app_id" => "[app]", ".created_at" => "[time]", ".updated_at" => "[time]",
            ".scoring" => "[scoring]"
        });
    });
    // The user sees it too, and what they rejected stays rejected.
    let own = server.get(path, &ann.developer_key).await.ok();
    assert_eq!(own.as_array().unwrap().len(), 3);
    sqlx::query(
        "update memories set user_review = false where uid = $1 and content = 'User has a dog'",
    )
    .bind(&ann.uid)
    .execute(&db)
    .await
    .unwrap();
    app.post("user/memories", &ann.uid, content("User has a dog"))
        .await
        .ok();
    assert_eq!(app.list("memories", &ann.uid).await.len(), 2);
}

#[tokio::test]
async fn a_list_is_cut_in_order() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let app = Importer::new(&server, "ann@example.org", ALL).await;
    app.enabled_by(&ann).await;
    let db = server.pool().await;
    for n in 0..120 {
        let text = format!("Fact {n}");
        plant::memory(&db, &ann.uid, &text, "interesting", None, None).await;
    }
    assert_eq!(
        app.list("memories", &ann.uid).await.len(),
        100,
        "the default"
    );
    let whole = app.list("memories?limit=1000", &ann.uid).await;
    assert_eq!(whole.len(), 120);
    let part = app.list("memories?limit=5&offset=7", &ann.uid).await;
    assert_eq!(part, whole[7..12]);
    assert!(app.list("memories?offset=120", &ann.uid).await.is_empty());
}

#[tokio::test]
async fn a_text_and_memories_come_together() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let app = Importer::new(&server, "ann@example.org", ALL).await;
    app.enabled_by(&ann).await;
    let both = json!({
        "text": "I live in Lisbon. Nothing else happened today.",
        "memories": [{"content": "User plays the piano"}],
        "text_source": null
    });
    let answer = app.post("user/memories", &ann.uid, both.clone()).await;
    assert_eq!(answer.ok(), json!({}));
    let path = app.path("memories", &ann.uid);
    let complete = |body: &Value| body["memories"].as_array().unwrap().len() == 2;
    let patience = Duration::from_secs(30);
    let body = server.wait_for(&path, &app.key, patience, complete).await;
    assert!(body.to_string().contains("User lives in Lisbon"));
    // In a mail, "I" is somebody else.
    let mail = json!({"text": "I live in Oslo. Your table at Chez Anna is booked.", "text_source": "email"});
    app.post("user/memories", &ann.uid, mail).await.ok();
    app.post("user/memories", &ann.uid, both).await.ok();
    let more = |body: &Value| body["memories"].as_array().unwrap().len() == 3;
    let body = server.wait_for(&path, &app.key, patience, more).await;
    assert!(
        body.to_string()
            .contains("User's table at Chez Anna is booked")
    );
}
