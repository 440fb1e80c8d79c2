//! `/v1/apps`

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    api::integration::importer::{Importer, assert_refused},
    support::{Server, server::User},
};

async fn ask(
    server: &Server,
    method: Method,
    path: &str,
    user: &User,
) -> crate::support::server::Answer {
    server.send(method, path, Some(&user.token), None).await
}

#[tokio::test]
async fn an_app_acts_for_those_who_enabled_it() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let app = Importer::new(&server, "ann@example.org", "create_facts,read_memories").await;
    let switch = async |word: &str, user: &User| {
        let path = format!("/v1/apps/{word}?app_id={}", app.id);
        ask(&server, Method::POST, &path, user).await
    };
    assert_refused(&switch("disable", &ben).await, 404, "App not found");
    for _ in 0..2 {
        assert_eq!(switch("enable", &ben).await.ok(), json!({"status": "ok"}));
    }
    let tea = json!({"memories": [{"content": "User likes tea"}]});
    app.post("user/memories", &ben.uid, tea.clone()).await.ok();
    assert_eq!(app.list("memories", &ben.uid).await.len(), 1);
    // Not for others: not even for its owner, and nobody can tell an account from none.
    let absent = app.get("memories", "nobody").await;
    assert_refused(&absent, 403, "App is not enabled for this user");
    let foreign = app.get("memories", &ann.uid).await;
    assert_eq!(foreign.body, absent.body);
    // Each user is served their own.
    assert_eq!(switch("enable", &ann).await.status, 200);
    assert!(app.list("memories", &ann.uid).await.is_empty());

    assert_eq!(switch("disable", &ben).await.ok(), json!({"status": "ok"}));
    let closed = app.post("user/memories", &ben.uid, tea).await;
    assert_refused(&closed, 403, "App is not enabled for this user");
    assert_refused(&switch("disable", &ben).await, 404, "App not found");

    for app_id in [&Uuid::new_v4().to_string(), "no-uuid", ""] {
        let path = format!("/v1/apps/enable?app_id={app_id}");
        let answer = ask(&server, Method::POST, &path, &ben).await;
        assert_refused(&answer, 404, "App not found");
    }
    let missing = ask(&server, Method::POST, "/v1/apps/enable", &ben).await;
    assert_eq!(missing.status, 422, "{missing:#?}");

    // Somebody else's private app is not there.
    let private = [
        "app",
        "create",
        "--email",
        "ann@example.org",
        "--name",
        "Mine",
        "--private",
    ];
    let private = server.cli(&private).await;
    let path = format!("/v1/apps/enable?app_id={private}");
    let answer = ask(&server, Method::POST, &path, &ben).await;
    assert_refused(&answer, 404, "App not found");
    ask(&server, Method::POST, &path, &ann).await.ok();
}

#[tokio::test]
async fn the_owner_makes_lists_and_deletes_keys() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let app = Importer::new(&server, "ann@example.org", "read_memories").await;
    app.enabled_by(&ann).await;
    let keys = format!("/v1/apps/{}/keys", app.id);
    let created = ask(&server, Method::POST, &keys, &ann).await;
    assert_eq!(created.headers["cache-control"], "no-store");
    let created = created.ok();
    let secret = created["secret"].as_str().unwrap();
    let digits = secret.strip_prefix("sk_").unwrap();
    assert_eq!(digits.len(), 32);
    let label = format!("sk_{}...{}", &digits[..4], &digits[28..]);
    assert_eq!(created["label"], label);

    let listed = ask(&server, Method::GET, &keys, &ann).await.ok();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 2, "with that of the command line");
    let fields = |key: &Value| json!([key["id"], key["label"], key["created_at"]]);
    assert_eq!(fields(&listed[0]), fields(&created), "the newest first");
    assert!(listed[0].get("secret").is_none());

    let memories = app.path("memories", &ann.uid);
    server.get(&memories, secret).await.ok();
    // A key is for the import API alone, and needs its prefix.
    let answer = server.get("/v1/dev/user/memories", secret).await;
    assert_eq!(answer.status, 401, "{answer:#?}");
    let answer = server.get(&memories, digits).await;
    assert_refused(&answer, 403, "Invalid API key");

    let one = format!("{keys}/{}", created["id"].as_str().unwrap());
    for (method, path, verb) in [
        (Method::POST, &keys, "create"),
        (Method::GET, &keys, "view"),
        (Method::DELETE, &one, "delete"),
    ] {
        let sentence = format!("You are not authorized to {verb} API keys for this app");
        assert_refused(
            &ask(&server, method.clone(), path, &ben).await,
            403,
            &sentence,
        );
        let absent = path.replace(&app.id, &Uuid::new_v4().to_string());
        assert_refused(
            &ask(&server, method, &absent, &ann).await,
            404,
            "App not found",
        );
    }
    server.get(&memories, secret).await.ok();
    let deleted = json!({"status": "ok", "message": "API key deleted"});
    for _ in 0..2 {
        let answer = ask(&server, Method::DELETE, &one, &ann).await;
        assert_eq!(answer.ok(), deleted);
        let answer = server.get(&memories, secret).await;
        assert_refused(&answer, 403, "Invalid API key");
    }
    let unknown = format!("{keys}/no-uuid");
    let answer = ask(&server, Method::DELETE, &unknown, &ann).await;
    assert_eq!(answer.ok(), deleted);
    app.get("memories", &ann.uid).await.ok();
}
