//! `/v3/memories`

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api::plant,
    support::{
        Server,
        server::{Answer, User},
    },
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

    // What was stated comes first, what only interests last; the newest first in each.
    let user = server.user("ben@example.org").await;
    for (content, scoring) in [
        ("interesting, newer", "00_998_1769850001"),
        ("system, older", "00_999_1769850000"),
        ("stated", "01_998_1769849999"),
        ("interesting, older", "00_998_1769850000"),
        ("system, newer", "00_999_1769850001"),
    ] {
        let id = plant::memory(&db, &user.uid, content, "system", None, None).await;
        sqlx::query("update memories set scoring = $3 where uid = $1 and id = $2")
            .bind(&user.uid)
            .bind(id)
            .bind(scoring)
            .execute(&db)
            .await
            .unwrap();
    }
    let order = [
        "stated",
        "system, newer",
        "system, older",
        "interesting, newer",
        "interesting, older",
    ];
    assert_eq!(contents(&list(&server, &user, "").await), order);
    assert_eq!(
        contents(&list(&server, &user, "offset=1&limit=2").await),
        order[1..3]
    );
}

async fn send(server: &Server, user: &User, method: Method, below: &str) -> Answer {
    let path = format!("/v3/memories{below}");
    server.send(method, &path, Some(&user.token), None).await
}

fn contents(memories: &[Value]) -> Vec<&str> {
    memories
        .iter()
        .map(|memory| memory["content"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn what_is_stated_is_stored_once_and_changes_in_place() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let state = async |body: Value| server.post("/v3/memories", &user.token, body).await;

    // The id follows from the content; the category that is sent does not count.
    let tea = state(json!({"content": "User likes tea", "category": "work", "tags": ["drinks"], "headline": "Tea"}))
        .await
        .ok();
    assert_eq!(tea["id"], "e2f077a7-05af-4e99-8112-96cc0d3d9096");
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("stated", tea, {
            ".uid" => "[uid]", ".created_at" => "[time]", ".updated_at" => "[time]", ".scoring" => "[scoring]"
        });
    });
    assert!(tea["scoring"].as_str().unwrap().starts_with("01_998_"));
    let id = format!("/{}", tea["id"].as_str().unwrap());

    // The same again replaces all of it, with new times.
    send(
        &server,
        &user,
        Method::POST,
        &format!("{id}/review?value=false"),
    )
    .await
    .ok();
    assert!(list(&server, &user, "").await.is_empty(), "rejected");
    let again = state(json!({"content": " User likes tea\n", "visibility": "public"}))
        .await
        .ok();
    assert_eq!(again["id"], tea["id"]);
    assert_eq!(again["user_review"], true);
    assert_eq!(again["tags"], json!([]));
    assert_eq!(again["visibility"], "public");
    assert!(again["created_at"].as_str() > tea["created_at"].as_str());
    assert_eq!(list(&server, &user, "").await, vec![again]);

    // A text in the address as the mobile app writes it; the id stays.
    let changed = send(
        &server,
        &user,
        Method::PATCH,
        &format!("{id}?value=User%20likes%20tea%20&%20C++"),
    )
    .await
    .ok();
    assert_eq!(changed, json!({"status": "ok"}));
    let found = list(&server, &user, "").await;
    assert_eq!(contents(&found), ["User likes tea & C++"]);
    assert_eq!(found[0]["id"], tea["id"]);
    assert_eq!(found[0]["edited"], true);
    // Search knows the new words at once.
    let hits = server
        .get("/v1/search?q=C%2B%2B%20tea&kinds=memory", &user.token)
        .await
        .ok();
    assert_eq!(hits["hits"][0]["text"], "User likes tea & C++");

    // To show it is no change of it.
    let shown = format!("{id}/visibility?value=private");
    send(&server, &user, Method::PATCH, &shown).await.ok();
    let private = list(&server, &user, "").await;
    assert_eq!(private[0]["visibility"], "private");
    assert_eq!(private[0]["updated_at"], found[0]["updated_at"]);
    let refused = send(
        &server,
        &user,
        Method::PATCH,
        &format!("{id}/visibility?value=x"),
    )
    .await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.body["detail"], "Invalid visibility value");

    for (method, below) in [
        (Method::PATCH, id.clone()),
        (Method::PATCH, format!("{id}?value=%20")),
        (Method::PATCH, format!("{id}?value={}", "x".repeat(5001))),
        (Method::POST, format!("{id}/review")),
        (Method::POST, format!("{id}/review?value=maybe")),
    ] {
        let answer = send(&server, &user, method, &below).await;
        assert_eq!(answer.status, 422, "{below}: {answer:#?}");
    }
    for body in [
        json!({}),
        json!({"content": ""}),
        json!({"content": "x".repeat(5001)}),
        json!({"content": "x", "visibility": "secret"}),
    ] {
        let answer = state(body.clone()).await;
        assert_eq!(answer.status, 422, "{body}: {answer:#?}");
    }
    // Longer than programs may send: the app would offer it for ever.
    state(json!({"content": "x".repeat(5000)})).await.ok();

    // Nobody else's.
    assert!(list(&server, &other, "").await.is_empty());
    assert_eq!(send(&server, &other, Method::DELETE, &id).await.status, 404);
    assert_eq!(
        send(&server, &user, Method::DELETE, &id).await.ok(),
        json!({"status": "ok"})
    );
    let gone = send(&server, &user, Method::DELETE, &id).await;
    assert_eq!(
        (gone.status, &gone.body["detail"]),
        (404, &json!("Memory not found"))
    );
}

#[tokio::test]
async fn many_at_once_and_none_at_all() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let state = async |memories: Value| {
        let body = json!({"memories": memories});
        server.post("/v3/memories/batch", &user.token, body).await
    };
    assert_eq!(
        state(json!([])).await.ok(),
        json!({"memories": [], "created_count": 0})
    );
    // The same twice is stored once and answered twice.
    let made = state(json!([{"content": "one"}, {"content": "two"}, {"content": "one"}]))
        .await
        .ok();
    assert_eq!(made["created_count"], 3);
    let made = made["memories"].as_array().unwrap().clone();
    assert_eq!(contents(&made), ["one", "two", "one"]);
    assert_eq!(made[0], made[2]);
    assert!(made.iter().all(|memory| memory["category"] == "manual"));
    let hundred: Vec<_> = (0..100)
        .map(|n| json!({"content": format!("fact {n}")}))
        .collect();
    assert_eq!(state(json!(hundred)).await.ok()["created_count"], 100);
    let more: Vec<_> = (0..101)
        .map(|n| json!({"content": format!("fact {n}")}))
        .collect();
    assert_eq!(state(json!(more)).await.status, 422);
    assert_eq!(list(&server, &user, "").await.len(), 102);

    server
        .post("/v3/memories", &other.token, json!({"content": "one"}))
        .await
        .ok();
    let forgotten = send(&server, &user, Method::DELETE, "").await.ok();
    assert_eq!(forgotten, json!({"status": "ok"}));
    assert!(list(&server, &user, "").await.is_empty());
    assert_eq!(list(&server, &other, "").await.len(), 1);
    let hits = server
        .get("/v1/search?q=fact&kinds=memory", &user.token)
        .await
        .ok();
    assert_eq!(hits["hits"], json!([]));
    // Twice an hour.
    send(&server, &user, Method::DELETE, "").await.ok();
    assert_eq!(send(&server, &user, Method::DELETE, "").await.status, 429);
}
