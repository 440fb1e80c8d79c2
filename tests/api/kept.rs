//! What the user did to their tasks, memories and conversations stays, whoever writes next.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgPool};
use uuid::Uuid;

use super::{
    integration::importer::{ALL, Importer},
    plant::{self, at},
};
use crate::support::{
    Server,
    server::{Answer, User, client},
};

const MEMORIES: &str = "/v1/dev/user/memories";
const ITEMS: &str = "/v1/dev/user/action-items";
const CONVERSATIONS: &str = "/v1/dev/user/conversations";

async fn patch(server: &Server, user: &User, path: &str, id: &Value, body: Value) -> Value {
    let path = format!("{path}/{}", id.as_str().unwrap());
    let key = Some(user.developer_key.as_str());
    server
        .send(Method::PATCH, &path, key, Some(body))
        .await
        .ok()
}

/// Sorted by the text under `field`.
async fn list(server: &Server, user: &User, path: &str, field: &str) -> Vec<Value> {
    let path = format!("{path}?limit=1000");
    let mut found = server.get(&path, &user.developer_key).await.ok();
    let found = found.as_array_mut().unwrap();
    found.sort_by_key(|one| one[field].as_str().unwrap().to_string());
    found.clone()
}

fn texts<'a>(found: &'a [Value], field: &str) -> Vec<&'a str> {
    found
        .iter()
        .map(|one| one[field].as_str().unwrap())
        .collect()
}

async fn reprocess(server: &Server, user: &User, id: &Value) -> Value {
    let path = format!("/v1/conversations/{}/reprocess", id.as_str().unwrap());
    let done = server.post(&path, &user.token, json!({})).await.ok();
    assert_eq!(done["status"], "completed", "{done:#}");
    done
}

#[tokio::test]
async fn a_conversation_is_understood_again() {
    let server = Server::unguarded().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let body = json!({"text": "Remind me to call the dentist tomorrow. Remind me to water the roses on Friday. \
        Remind me to buy some paint. Remind me to pay the rent. Remind me to mow the lawn. \
        I live in Lisbon. I have a dog."});
    let conversation = server
        .post(CONVERSATIONS, &user.developer_key, body)
        .await
        .ok();
    let id = &conversation["id"];
    let found = list(&server, &user, ITEMS, "description").await;
    let names = [
        "Buy some paint",
        "Call the dentist",
        "Mow the lawn",
        "Pay the rent",
        "Water the roses",
    ];
    assert_eq!(texts(&found, "description"), names);
    let memories = list(&server, &user, MEMORIES, "content").await;
    assert_eq!(
        texts(&memories, "content"),
        ["User has a dog", "User lives in Lisbon"]
    );

    // Untouched, all is found anew.
    reprocess(&server, &user, id).await;
    let [paint, dentist, lawn, rent, roses] = &list(&server, &user, ITEMS, "description").await[..]
    else {
        panic!("not five");
    };
    assert_ne!(paint["id"], found[0]["id"]);

    let paint = patch(
        &server,
        &user,
        ITEMS,
        &paint["id"],
        json!({"description": "Buy white paint"}),
    )
    .await;
    let dentist = patch(
        &server,
        &user,
        ITEMS,
        &dentist["id"],
        json!({"completed": true}),
    )
    .await;
    let rent = patch(
        &server,
        &user,
        ITEMS,
        &rent["id"],
        json!({"due_at": "2030-01-31T09:00:00Z"}),
    )
    .await;
    sqlx::query("update action_items set exported = true, description = ' WATER the roses' where id::text = $1")
        .bind(roses["id"].as_str())
        .execute(&db)
        .await
        .unwrap();
    let dog = patch(
        &server,
        &user,
        MEMORIES,
        &memories[0]["id"],
        json!({"tags": ["pets"]}),
    )
    .await;
    let body = json!({"content": "User lives in Porto"});
    let home = patch(&server, &user, MEMORIES, &memories[1]["id"], body).await;
    for _ in 0..2 {
        let done = reprocess(&server, &user, id).await;
        assert_eq!(
            done["structured"]["action_items"].as_array().unwrap().len(),
            5
        );
        let after = list(&server, &user, ITEMS, "description").await;
        let after_names: Vec<_> = texts(&after, "description");
        assert_eq!(
            after_names,
            [
                " WATER the roses",
                "Buy white paint",
                "Call the dentist",
                "Mow the lawn",
                "Pay the rent"
            ]
        );
        assert_eq!(after[0]["id"], roses["id"]);
        assert_eq!([&after[1], &after[2], &after[4]], [&paint, &dentist, &rent]);
        assert_ne!(after[3]["id"], lawn["id"], "nobody touched it");
        // The place that the user has corrected does not come back either.
        let memories = list(&server, &user, MEMORIES, "content").await;
        assert_eq!(memories, [dog.clone(), home.clone()]);
    }

    // Said in another conversation, it is another memory; and there too only once.
    let body = json!({"text": "I live in Lisbon. Remind me to pay the rent."});
    let other = server
        .post(CONVERSATIONS, &user.developer_key, body)
        .await
        .ok();
    reprocess(&server, &user, &other["id"]).await;
    let memories = list(&server, &user, MEMORIES, "content").await;
    assert_eq!(
        texts(&memories, "content"),
        [
            "User has a dog",
            "User lives in Lisbon",
            "User lives in Porto"
        ]
    );
    assert_ne!(memories[1]["id"], home["id"]);
    assert_eq!(memories[2], home);
    // Nor does understanding it again touch what the user has stated by then.
    let body = json!({"content": "User lives in Lisbon", "tags": ["mine"]});
    let stated = server.post(MEMORIES, &user.developer_key, body).await.ok();
    assert_eq!(stated["id"], memories[1]["id"]);
    for id in [id, &other["id"]] {
        reprocess(&server, &user, id).await;
        let memories = list(&server, &user, MEMORIES, "content").await;
        assert_eq!(memories[1]["tags"], json!(["mine"]));
        assert_eq!(memories.len(), 3, "{memories:#?}");
    }
}

#[tokio::test]
async fn an_edited_memory_outlives_its_former_text() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let app = Importer::new(&server, "ann@example.org", ALL).await;
    app.enabled_by(&user).await;
    let state = async |body: Value| server.post(MEMORIES, &user.developer_key, body).await.ok();
    let batch = async |contents: Value| {
        let path = format!("{MEMORIES}/batch");
        let body = json!({"contents": contents});
        let answer = server.post(&path, &user.developer_key, body).await.ok();
        answer["memories"].as_array().unwrap().clone()
    };
    let remember = async |content: &str| {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "create_memory", "arguments": {"content": content}}});
        let answer = server.post("/v1/mcp/sse", &user.mcp_key, call).await.ok();
        answer["result"]["structuredContent"]["memory"].clone()
    };
    let bring = async |content: &str| {
        let body = json!({"memories": [{"content": content}, {"content": "User sails"}]});
        app.post("user/memories", &user.uid, body).await.ok();
    };
    let all = async || list(&server, &user, MEMORIES, "content").await;
    let edit = async |id: &Value, content: &str| {
        patch(&server, &user, MEMORIES, id, json!({"content": content})).await
    };

    let first = state(json!({"content": "User likes tea"})).await;
    let coffee = edit(&first["id"], "User likes coffee").await;
    assert_eq!(coffee["id"], first["id"]);
    // Each answers what it stored, always under the same id.
    let second = state(json!({"content": "User likes tea"})).await;
    assert_eq!(second["content"], "User likes tea");
    assert_ne!(second["id"], first["id"]);
    assert_eq!(
        second["id"]
            .as_str()
            .unwrap()
            .parse::<Uuid>()
            .unwrap()
            .get_version_num(),
        4
    );
    assert_eq!(all().await, [coffee.clone(), second.clone()]);
    assert_eq!(remember("User likes tea").await["id"], second["id"]);
    let tea = &batch(json!(["User skis", "User likes tea", "User likes tea"])).await[1..];
    assert_eq!((&tea[0], &tea[0]["id"]), (&tea[1], &second["id"]));
    bring("User likes tea").await;
    let texts_of = [
        "User likes coffee",
        "User likes tea",
        "User sails",
        "User skis",
    ];
    let known = all().await;
    assert_eq!(texts(&known, "content"), texts_of);
    assert_eq!((&known[0], &known[1]), (&coffee, &tea[0]));

    // The same for the second id, and for each kind of writer as the first one to come.
    let milk = edit(&second["id"], "User likes milk").await;
    let third = remember("User likes tea").await;
    assert_eq!(third["content"], "User likes tea");
    let juice = edit(&third["id"], "User likes juice").await;
    let [fourth] = &batch(json!(["User likes tea"])).await[..] else {
        panic!("not one");
    };
    let water = edit(&fourth["id"], "User likes water").await;
    bring("User likes tea").await;
    bring("User likes tea").await;
    let known = all().await;
    assert_eq!(
        texts(&known, "content"),
        [
            "User likes coffee",
            "User likes juice",
            "User likes milk",
            "User likes tea",
            "User likes water",
            "User sails",
            "User skis"
        ]
    );
    assert_eq!(
        [&known[0], &known[1], &known[2], &known[4]],
        [&coffee, &juice, &milk, &water]
    );
    let fifth = state(json!({"content": "User likes tea"})).await;
    assert_eq!(fifth["id"], known[3]["id"]);
}

#[tokio::test]
async fn apps_replace_only_what_they_brought() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let app = Importer::new(&server, "ann@example.org", ALL).await;
    let other = Importer::new(&server, "ann@example.org", ALL).await;
    app.enabled_by(&user).await;
    other.enabled_by(&user).await;
    let body = json!({"text": "I live in Lisbon."});
    let conversation = server
        .post(CONVERSATIONS, &user.developer_key, body)
        .await
        .ok();
    let bring = async |app: &Importer<'_>, tag: &str| {
        let body = json!({"memories": [{"content": "User lives in Lisbon", "tags": [tag]},
            {"content": "User sails", "tags": [tag]}, {"content": "User skis", "tags": [tag]}]});
        app.post("user/memories", &user.uid, body).await.ok();
        let mut found = app.list("memories", &user.uid).await;
        found.sort_by_key(|one| one["content"].as_str().unwrap().to_string());
        found
    };
    let first = bring(&app, "first").await;
    assert_eq!(
        texts(&first, "content"),
        ["User lives in Lisbon", "User sails", "User skis"]
    );
    assert_eq!(first[0]["conversation_id"], conversation["id"]);
    assert!(first[0].get("app_id").is_none(), "{:#}", first[0]);
    assert_eq!(bring(&other, "of the other").await, first);
    patch(
        &server,
        &user,
        MEMORIES,
        &first[2]["id"],
        json!({"visibility": "public"}),
    )
    .await;
    let again = bring(&app, "again").await;
    assert_eq!(again[0], first[0]);
    assert_eq!(
        (&again[1]["tags"], &again[1]["app_id"]),
        (&json!(["again"]), &first[1]["app_id"])
    );
    assert_eq!(
        (&again[2]["tags"], &again[2]["visibility"]),
        (&json!(["first"]), &json!("public"))
    );
    // What was found in the conversation goes with it still.
    let path = format!(
        "{CONVERSATIONS}/{}?cascade=true",
        conversation["id"].as_str().unwrap()
    );
    let key = Some(user.developer_key.as_str());
    server.send(Method::DELETE, &path, key, None).await.ok();
    assert_eq!(app.list("memories", &user.uid).await.len(), 2);
}

/// Processing, reprocessing, batches, apps, edits and removals at once: some may have to wait, none fails.
#[tokio::test]
async fn many_writers_do_not_stop_each_other() {
    let server = Server::unguarded().await;
    let user = server.user("ann@example.org").await;
    let app = Importer::new(&server, "ann@example.org", ALL).await;
    app.enabled_by(&user).await;
    let places = [
        "Lisbon", "Porto", "Braga", "Faro", "Evora", "Sintra", "Aveiro", "Beja",
    ];
    let contents: Vec<_> = places
        .iter()
        .map(|place| format!("User lives in {place}"))
        .collect();
    let post = async |path: &str, key: &str, body: Value| {
        let answer = server.post(path, key, body).await;
        assert!(
            [200, 404, 409].contains(&answer.status),
            "{path}: {answer:#?}"
        );
        answer.body
    };
    let talk = async |one: &str, other: &str| {
        let body =
            json!({"text": format!("I live in {one}. I live in {other}. Remind me to leave.")});
        let id = post(CONVERSATIONS, &user.developer_key, body).await["id"].clone();
        let id = id.as_str().unwrap();
        post(
            &format!("/v1/conversations/{id}/reprocess"),
            &user.token,
            json!({}),
        )
        .await;
        let key = Some(user.developer_key.as_str());
        let path = format!("{CONVERSATIONS}/{id}?cascade=true");
        server.send(Method::DELETE, &path, key, None).await.ok();
    };
    let state = async |turn: usize| {
        let mut contents = contents.clone();
        contents.rotate_left(turn);
        let path = format!("{MEMORIES}/batch");
        let stored = post(&path, &user.developer_key, json!({"contents": contents})).await;
        let id = stored["memories"][turn]["id"].as_str().unwrap();
        let path = format!("{MEMORIES}/{id}");
        let key = Some(user.developer_key.as_str());
        let body = json!({"content": format!("User moved in turn {turn}")});
        let edited = server.send(Method::PATCH, &path, key, Some(body)).await;
        assert_eq!(edited.status, 200, "{edited:#?}");
    };
    let bring = async || {
        let memories: Vec<_> = contents
            .iter()
            .rev()
            .map(|text| json!({"content": text}))
            .collect();
        let body = json!({"memories": memories});
        app.post("user/memories", &user.uid, body).await.ok();
    };
    for turn in 0..4 {
        tokio::join!(
            talk(places[turn], places[7 - turn]),
            talk(places[7 - turn], places[turn]),
            state(turn),
            state(7 - turn),
            bring(),
            bring(),
            state(turn),
        );
    }
    for trace in ["ERROR", "deadlock"] {
        assert!(!server.log().contains(trace), "{}", server.log());
    }
}

#[tokio::test]
async fn what_the_user_decides_meanwhile_counts() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    // Their jobs come as far as reading the action items.
    let mut holder = db.acquire().await.unwrap().detach();
    let mut held = holder.begin().await.unwrap();
    sqlx::query("lock table action_items in access exclusive mode")
        .execute(&mut *held)
        .await
        .unwrap();
    let plant = async |said: &str| {
        let one = plant::Conversation {
            title: "",
            status: "in_progress",
            finished_at: at("2026-01-31T09:00:00Z"),
            ..Default::default()
        };
        let id = one.put(&db, &user.uid).await;
        plant::segment(&db, &user.uid, id, 0, true, 0.0, said).await;
        id
    };
    let telling = "I live in Lisbon. Remind me to call the dentist tomorrow.";
    let removed = plant(telling).await;
    let kept = plant("Hello.").await;
    let left = plant("Hello there.").await;
    until(async || {
        let waiting: i64 = sqlx::query_scalar(
            "select count(*) from conversations where status = 'processing' and processing_attempts = 1",
        )
        .fetch_one(&db)
        .await
        .unwrap();
        (waiting == 3).then_some(())
    })
    .await;
    let mut changes = Vec::new();
    for (id, discarded) in [(removed, true), (kept, false)] {
        let request = client()
            .patch(format!("{}{CONVERSATIONS}/{id}", server.url))
            .bearer_auth(&user.developer_key)
            .json(&json!({"discarded": discarded}));
        changes.push(tokio::spawn(async move {
            Answer::of(request.send().await.unwrap()).await
        }));
    }
    until(async || changed(&db, removed, kept).await).await;
    held.rollback().await.unwrap();
    for change in changes {
        change.await.unwrap().ok();
    }
    for (id, discarded, title) in [
        (removed, true, None),
        (kept, false, None),
        (left, true, Some("")),
    ] {
        let path = format!("/v1/conversations/{id}");
        let complete = |found: &Value| found["status"] == "completed";
        let patience = Duration::from_secs(20);
        let found = server
            .wait_for(&path, &user.token, patience, complete)
            .await;
        assert_eq!(found["discarded"], discarded, "{found:#}");
        let given = found["structured"]["title"].as_str().unwrap();
        match title {
            Some(title) => assert_eq!(given, title),
            None => assert_ne!(given, ""),
        }
    }
    let found: (i64, i64) = sqlx::query_as(
        "select (select count(*) from action_items), (select count(*) from memories)",
    )
    .fetch_one(&db)
    .await
    .unwrap();
    assert_eq!(
        found,
        (0, 0),
        "nothing is made of what the user does not want"
    );

    // Until it is understood again.
    reprocess(&server, &user, &json!(removed.to_string())).await;
    assert_eq!(list(&server, &user, ITEMS, "description").await.len(), 1);
    assert_eq!(list(&server, &user, MEMORIES, "content").await.len(), 1);
}

/// Once both decisions are stored.
async fn changed(db: &PgPool, removed: Uuid, kept: Uuid) -> Option<()> {
    let changed: bool = sqlx::query_scalar(
        "select (select discarded from conversations where id = $1)
                and (select updated_at > (select max(updated_at) from conversations where id not in ($1, $2))
                     from conversations where id = $2)",
    )
    .bind(removed)
    .bind(kept)
    .fetch_one(db)
    .await
    .unwrap();
    changed.then_some(())
}

async fn until<T>(found: impl AsyncFn() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = found().await {
            return value;
        }
        assert!(start.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
