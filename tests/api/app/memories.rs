//! `/v3/memories`

use serde_json::{Value, json};

use crate::{
    api::plant,
    support::{Server, server::User},
};

async fn list(server: &Server, user: &User, query: &str) -> Vec<Value> {
    let answer = server
        .get(&format!("/v3/memories?{query}"), &user.token)
        .await;
    answer.ok().as_array().unwrap().clone()
}

#[tokio::test]
async fn the_first_page_is_whole() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    assert!(list(&server, &user, "").await.is_empty());
    for batch in 0..5 {
        let facts = (0..24).map(|n| json!({"content": format!("Fact {batch} {n}")}));
        let body = json!({"memories": facts.collect::<Vec<_>>()});
        server
            .post("/v1/dev/user/memories/batch", &user.developer_key, body)
            .await
            .ok();
    }
    let whole = list(&server, &user, "").await;
    assert_eq!(whole.len(), 120);
    // Whatever is asked for: the app pages only after it.
    for query in ["limit=1", "limit=1&offset=0", "limit=5000"] {
        assert_eq!(list(&server, &user, query).await, whole, "{query}");
    }
    assert_eq!(
        list(&server, &user, "limit=2&offset=118").await,
        whole[118..]
    );
    assert_eq!(
        list(&server, &user, "offset=10").await,
        whole[10..110],
        "100 by default"
    );
    assert!(list(&server, &user, "offset=120").await.is_empty());
    // On the first page the limit does not count, whatever it is.
    assert_eq!(
        server.get("/v3/memories?limit=0", &user.token).await.status,
        200
    );
    for query in ["offset=1&limit=0", "offset=-1", "limit=x"] {
        assert_eq!(
            server
                .get(&format!("/v3/memories?{query}"), &user.token)
                .await
                .status,
            422,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_memory_is_as_the_app_reads_it() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let conversation = plant::Conversation::default().put(&db, &user.uid).await;
    let uid = user.uid.as_str();
    plant::memory(&db, uid, "found", "interesting", Some(conversation), None).await;
    plant::memory(
        &db,
        uid,
        "rejected",
        "interesting",
        Some(conversation),
        Some(false),
    )
    .await;
    let found = list(&server, &user, "").await;
    assert_eq!(found.len(), 1, "what was rejected is hidden");
    assert_eq!(found[0]["conversation_id"], conversation.to_string());
    assert_eq!(found[0]["memory_id"], found[0]["conversation_id"]);
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("memory", found[0], {
            ".id" => "[id]", ".uid" => "[uid]", ".conversation_id" => "[conversation]", ".memory_id" => "[conversation]"
        });
    });

    // The app knows three categories; older ones are `system`, strange ones `interesting`.
    for category in [
        "system",
        "manual",
        "core",
        "work",
        "habits",
        "learnings",
        "auto",
        "romance",
    ] {
        plant::memory(&db, uid, category, category, None, None).await;
    }
    let mut shown: Vec<_> = list(&server, &user, "")
        .await
        .iter()
        .map(|memory| {
            format!(
                "{}: {}",
                memory["content"].as_str().unwrap(),
                memory["category"].as_str().unwrap()
            )
        })
        .collect();
    shown.sort();
    assert_eq!(
        shown,
        [
            "auto: system",
            "core: system",
            "found: interesting",
            "habits: system",
            "learnings: system",
            "manual: manual",
            "romance: interesting",
            "system: system",
            "work: system",
        ]
    );
}
