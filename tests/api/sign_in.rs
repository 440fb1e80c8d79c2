//! Signing in with a password, and keys over HTTP.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, server::Answer};

async fn login(server: &Server, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    server
        .send(Method::POST, "/v1/auth/login", None, Some(body))
        .await
}

async fn refresh(server: &Server, token: &str) -> Answer {
    let body = json!({"refresh_token": token});
    server
        .send(Method::POST, "/v1/auth/refresh", None, Some(body))
        .await
}

#[tokio::test]
async fn a_password_gives_tokens_and_each_refresh_token_counts_once() {
    let server = Server::deaf().await;
    let created = server
        .cli(&["user", "create", "--email", "ann@example.org"])
        .await;
    let (uid, password) = created.split_once('\n').unwrap();

    let answer = login(&server, " Ann@Example.ORG ", password).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let first = answer.ok();
    assert_eq!(first["uid"], uid);
    assert_eq!(first["token_type"], "Bearer");
    assert_eq!(first["expires_in"], 3600);
    let access = first["access_token"].as_str().unwrap();
    let token = first["refresh_token"].as_str().unwrap();
    assert_eq!(server.get("/v3/memories", access).await.status, 200);
    // A refresh token opens nothing.
    assert_eq!(server.get("/v3/memories", token).await.status, 401);

    for (email, password) in [
        ("ann@example.org", "wrong password"),
        ("ben@example.org", password),
    ] {
        let answer = login(&server, email, password).await;
        assert_eq!(answer.status, 401, "{answer:#?}");
        assert_eq!(answer.body["detail"], "Invalid e-mail address or password");
    }
    for body in [
        json!({}),
        json!({"email": "ann", "password": "x"}),
        json!({"email": 1}),
    ] {
        let answer = server
            .send(Method::POST, "/v1/auth/login", None, Some(body))
            .await;
        assert_eq!(answer.status, 422, "{answer:#?}");
    }

    let second = refresh(&server, token).await.ok();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let fresh = second["access_token"].as_str().unwrap();
    assert_eq!(server.get("/v3/memories", fresh).await.status, 200);
    // The answer may have been lost: shortly after, the same token works once more.
    refresh(&server, token).await.ok();

    // Later it is a sign that it was stolen: the whole sign-in ends, at once.
    let db = server.pool().await;
    sqlx::query(
        "update credentials set used_at = now() - interval '2 minutes' where used_at is not null",
    )
    .execute(&db)
    .await
    .unwrap();
    assert_eq!(refresh(&server, token).await.status, 401);
    assert_eq!(server.get("/v3/memories", fresh).await.status, 401);
    assert_eq!(server.get("/v3/memories", access).await.status, 401);
    let newest = second["refresh_token"].as_str().unwrap();
    assert_eq!(refresh(&server, newest).await.status, 401);
    for nonsense in ["", "omi_refresh_", "omi_user_0", "\u{0}"] {
        assert_eq!(refresh(&server, nonsense).await.status, 401, "{nonsense:?}");
    }

    // An access token ends after its hour.
    let third = login(&server, "ann@example.org", password).await.ok();
    sqlx::query("update credentials set expires_at = now() where kind = 'user'")
        .execute(&db)
        .await
        .unwrap();
    let ended = third["access_token"].as_str().unwrap();
    assert_eq!(server.get("/v3/memories", ended).await.status, 401);
    db.close().await;
}

fn names(keys: &Value) -> Vec<&str> {
    let keys = keys.as_array().unwrap();
    keys.iter()
        .map(|key| key["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn keys_are_made_listed_and_revoked() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let make = async |secret: &str, body: Value| server.post("/v1/dev/keys", secret, body).await;

    let answer = make(&ann.token, json!({"name": "  dashboard "})).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let made = answer.ok();
    let key = made["key"].as_str().unwrap();
    assert_eq!(key.len(), 40);
    assert_eq!(made["key_prefix"], key[..14]);
    assert_eq!(made["name"], "dashboard");
    assert_eq!(made["last_used_at"], Value::Null);
    let read = [
        "conversations:read",
        "memories:read",
        "action_items:read",
        "goals:read",
    ];
    assert_eq!(made["scopes"], json!(read));
    assert_eq!(server.get("/v1/dev/user/memories", key).await.status, 200);
    let write = server
        .post("/v1/dev/user/memories", key, json!({"content": "x"}))
        .await;
    assert_eq!(write.status, 403);

    let listed = server.get("/v1/dev/keys", &ann.token).await.ok();
    assert_eq!(names(&listed), ["dashboard", "test"]);
    assert!(listed[0].get("key").is_none());
    assert_eq!(listed, server.get("/v1/dev/keys", key).await.ok());

    // No more than it has itself.
    let child = make(key, json!({"name": "child", "scopes": ["memories:read"]}))
        .await
        .ok();
    assert_eq!(child["scopes"], json!(["memories:read"]));
    let more = make(key, json!({"name": "more", "scopes": ["memories:write"]})).await;
    assert_eq!(more.status, 403, "{more:#?}");
    assert_eq!(more.body["error"]["code"], "forbidden");
    let default = make(child["key"].as_str().unwrap(), json!({"name": "default"})).await;
    assert_eq!(default.status, 403, "{default:#?}");
    let none = make(&ann.token, json!({"name": "none", "scopes": []}))
        .await
        .ok();
    let refused = server
        .get("/v1/dev/user/memories", none["key"].as_str().unwrap())
        .await;
    assert_eq!(refused.status, 403);

    for (body, status) in [
        (json!({"name": " "}), 422),
        (json!({}), 422),
        (json!({"name": "x".repeat(201)}), 422),
        (json!({"name": "x", "scopes": ["memories:eat"]}), 400),
        (json!({"name": "x", "scopes": "all"}), 422),
    ] {
        let answer = make(&ann.token, body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {answer:#?}");
    }
    let unknown = make(&ann.token, json!({"name": "x", "scopes": ["memories:eat"]})).await;
    let sentence = unknown.body["detail"].as_str().unwrap();
    assert!(
        sentence.starts_with("Invalid scopes. Available: ["),
        "{sentence}"
    );

    // Somebody else's key stays; one's own ends at once.
    let path = format!("/v1/dev/keys/{}", made["id"].as_str().unwrap());
    for path in [path.as_str(), "/v1/dev/keys/none"] {
        let answer = server
            .send(Method::DELETE, path, Some(&ben.token), None)
            .await;
        assert_eq!(answer.status, 204);
    }
    assert_eq!(server.get("/v1/dev/user/memories", key).await.status, 200);
    for _ in 0..2 {
        let answer = server
            .send(Method::DELETE, &path, Some(&ann.token), None)
            .await;
        assert_eq!(answer.status, 204);
    }
    assert_eq!(server.get("/v1/dev/user/memories", key).await.status, 401);
    assert_eq!(
        names(&server.get("/v1/dev/keys", &ann.token).await.ok()),
        ["none", "child", "test"]
    );
    assert_eq!(
        names(&server.get("/v1/dev/keys", &ben.token).await.ok()),
        ["test"]
    );
}

#[tokio::test]
async fn keys_for_assistants_are_made_listed_and_revoked() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let make = async |body: Value| server.post("/v1/mcp/keys", &ann.token, body).await;
    let answer = make(json!({"name": "  assistant "})).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let made = answer.ok();
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("omi_mcp_") && key.len() == 40, "{key}");
    assert_eq!(made["key_prefix"], key[..14]);
    assert_eq!(
        (&made["name"], &made["last_used_at"]),
        (&json!("assistant"), &Value::Null)
    );
    let fields: Vec<_> = made.as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "created_at",
            "id",
            "key",
            "key_prefix",
            "last_used_at",
            "name"
        ]
    );

    // It opens the MCP server, and nothing else.
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let connect = async || server.post("/v1/mcp/sse", key, ping.clone()).await.status;
    assert_ne!(connect().await, 401);
    assert_eq!(server.get("/v3/memories", key).await.status, 401);
    assert_eq!(server.get("/v1/mcp/keys", key).await.status, 401);
    let listed = server.get("/v1/mcp/keys", &ann.token).await.ok();
    // Developer keys are listed elsewhere.
    assert_eq!(names(&listed), ["assistant", "test"]);
    assert!(listed[0].get("key").is_none());
    assert!(listed[0]["created_at"].as_str().unwrap().ends_with('Z'));
    for (body, status) in [
        (json!({"name": " "}), 422),
        (json!({}), 422),
        (json!({"name": "x".repeat(201)}), 422),
    ] {
        assert_eq!(make(body.clone()).await.status, status, "{body}");
    }

    let path = format!("/v1/mcp/keys/{}", made["id"].as_str().unwrap());
    let delete = async |path: &str, token: &str| {
        let answer = server.send(Method::DELETE, path, Some(token), None).await;
        assert_eq!(answer.status, 204, "{answer:#?}");
    };
    // Somebody else's stays, and it is no developer key.
    delete(&path, &ben.token).await;
    delete(&path.replace("/mcp/", "/dev/"), &ann.token).await;
    assert_ne!(connect().await, 401);
    for _ in 0..2 {
        delete(&path, &ann.token).await;
        assert_eq!(connect().await, 401);
    }
    assert_eq!(
        names(&server.get("/v1/mcp/keys", &ann.token).await.ok()),
        ["test"]
    );
}

#[tokio::test]
async fn what_one_instance_revokes_every_instance_refuses() {
    let first = Server::deaf().await;
    let second = Server::start_with(crate::support::ServerOptions {
        deaf: true,
        env: vec![("DATABASE_URL", first.database.as_ref().unwrap().url.clone())],
        ..Default::default()
    })
    .await;
    let ann = first.user("ann@example.org").await;
    let made = first
        .post("/v1/dev/keys", &ann.token, json!({"name": "short-lived"}))
        .await
        .ok();
    let key = made["key"].as_str().unwrap();
    for server in [&first, &second] {
        assert_eq!(server.get("/v1/dev/user/memories", key).await.status, 200);
    }
    let path = format!("/v1/dev/keys/{}", made["id"].as_str().unwrap());
    assert_eq!(
        first
            .send(Method::DELETE, &path, Some(&ann.token), None)
            .await
            .status,
        204
    );
    assert_eq!(first.get("/v1/dev/user/memories", key).await.status, 401);
    // Without the notification it would be known for 30 s.
    let revoked = std::time::Instant::now();
    while second.get("/v1/dev/user/memories", key).await.status != 401 {
        assert!(
            revoked.elapsed() < std::time::Duration::from_secs(25),
            "the other instance goes on knowing the key:\n{}",
            second.log()
        );
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
