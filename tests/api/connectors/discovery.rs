//! What clients find out, and how they register.

use reqwest::{Method, header::ORIGIN};
use serde_json::{Value, json};

use super::READ;
use crate::support::{
    Server, ServerOptions,
    connector::{RETURNS, register},
    server::{Answer, client},
};

#[tokio::test]
async fn clients_find_out_where_to_ask() {
    let public = "https://omi.example.org";
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: vec![("OMI_PUBLIC_URL", format!("{public}/"))],
        ..ServerOptions::default()
    })
    .await;
    let metadata = format!("{public}/.well-known/oauth-protected-resource/v1/mcp/sse");
    let challenge = |answer: &Answer| {
        assert_eq!(answer.status, 401, "{answer:#?}");
        let value = &answer.headers["www-authenticate"];
        value.to_str().unwrap().to_string()
    };
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    for path in ["/v1/mcp/sse", "/v1/mcp/sse/"] {
        for (method, body) in [(Method::POST, Some(call.clone())), (Method::GET, None)] {
            let answer = server.send(method, path, None, body).await;
            let expected = format!("Bearer resource_metadata=\"{metadata}\", scope=\"{READ}\"");
            assert_eq!(challenge(&answer), expected);
        }
    }
    let user = server.user("ann@example.org").await;
    let made_up = format!("omi_at_{}", "0".repeat(64));
    for wrong in [made_up.as_str(), &user.token, &user.developer_key, "a.b.c"] {
        let answer = server.post("/v1/mcp/sse", wrong, call.clone()).await;
        assert_eq!(
            challenge(&answer),
            format!(
                "Bearer error=\"invalid_token\", resource_metadata=\"{metadata}\", scope=\"{READ}\""
            )
        );
    }

    let get = async |path: String| {
        let request = client().get(format!("{}{path}", server.url));
        // A program in a browser may read it.
        let request = request.header(ORIGIN, "https://inspector.example");
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.headers["access-control-allow-origin"], "*", "{path}");
        answer.ok()
    };
    for place in ["", "/v1/mcp/sse", "/v1/mcp/sse/"] {
        let resource = get(format!("/.well-known/oauth-protected-resource{place}")).await;
        assert_eq!(resource["resource"], format!("{public}/v1/mcp/sse"));
        assert_eq!(resource["authorization_servers"], json!([public]));
        assert_eq!(resource["bearer_methods_supported"], json!(["header"]));
        let scopes = resource["scopes_supported"].as_array().unwrap();
        assert!(
            scopes
                .iter()
                .all(|scope| READ.contains(scope.as_str().unwrap()))
        );

        let issued = get(format!("/.well-known/oauth-authorization-server{place}")).await;
        assert_eq!(
            issued["issuer"], public,
            "to the letter, as the resource names it"
        );
        for (name, path) in [
            ("authorization_endpoint", "/oauth/authorize"),
            ("token_endpoint", "/oauth/token"),
            ("registration_endpoint", "/oauth/register"),
            ("revocation_endpoint", "/oauth/revoke"),
        ] {
            assert_eq!(issued[name], format!("{public}{path}"));
        }
        assert_eq!(issued["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(
            issued["authorization_response_iss_parameter_supported"],
            true
        );
        let ways = issued["token_endpoint_auth_methods_supported"].to_string();
        assert!(
            ways.contains("\"none\"") && ways.contains("\"client_secret_post\""),
            "{ways}"
        );
        assert_eq!(issued["scopes_supported"].as_array().unwrap().len(), 8);
    }
    // Before a browser lets a page post, it asks.
    for path in ["/oauth/register", "/oauth/token", "/oauth/revoke"] {
        let request = client()
            .request(Method::OPTIONS, format!("{}{path}", server.url))
            .header(ORIGIN, "https://inspector.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    }
}

#[tokio::test]
async fn clients_register_as_often_as_they_like() {
    let server = Server::unguarded().await;
    let metadata = json!({"client_name": " Claude\n Code ", "redirect_uris": ["http://localhost:3118/callback"],
                          "token_endpoint_auth_method": "none", "scope": "anything",
                          "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"]});
    let first = register(&server, metadata.clone()).await;
    assert_eq!(first.status, 201, "{first:#?}");
    assert_eq!(first.headers["cache-control"], "no-store");
    let first = first.body;
    assert_eq!(first["client_name"], "Claude Code");
    assert_eq!(first["redirect_uris"], metadata["redirect_uris"]);
    assert_eq!(first["token_endpoint_auth_method"], "none");
    assert!(first.get("client_secret").is_none(), "{first}");
    let second = register(&server, metadata.clone()).await.body;
    assert_ne!(first["client_id"], second["client_id"]);
    let alias = server
        .send(Method::POST, "/register", None, Some(metadata))
        .await;
    assert_eq!(alias.status, 201, "{alias:#?}");

    let db = server.pool().await;
    for (way, told) in [
        (json!("client_secret_post"), "client_secret_post"),
        (json!("client_secret_basic"), "client_secret_basic"),
        (Value::Null, "client_secret_basic"),
    ] {
        let mut metadata =
            json!({"redirect_uris": ["cursor://anysphere.cursor-mcp/oauth/callback"]});
        if !way.is_null() {
            metadata["token_endpoint_auth_method"] = way;
        }
        let made = register(&server, metadata).await;
        assert_eq!(made.status, 201, "{made:#?}");
        assert_eq!(made.body["token_endpoint_auth_method"], told);
        assert_eq!(made.body["client_secret_expires_at"], 0);
        let secret = made.body["client_secret"].as_str().unwrap();
        assert_eq!(secret.len(), 64);
        let stored: i64 = sqlx::query_scalar(
            "select count(*) from connector_clients where secret_hash is not null and encode(secret_hash, 'hex') = $1",
        )
        .bind(secret)
        .fetch_one(&db)
        .await
        .unwrap();
        assert_eq!(stored, 0, "the secret itself is not stored");
    }

    for (metadata, error) in [
        (json!({}), "invalid_redirect_uri"),
        (json!({"redirect_uris": []}), "invalid_redirect_uri"),
        (
            json!({"redirect_uris": ["javascript:alert(1)"]}),
            "invalid_redirect_uri",
        ),
        (
            json!({"redirect_uris": ["http://assistant.example/cb"]}),
            "invalid_redirect_uri",
        ),
        (
            json!({"redirect_uris": ["https://assistant.example/cb#x"]}),
            "invalid_redirect_uri",
        ),
        (
            json!({"redirect_uris": vec![RETURNS; 17]}),
            "invalid_redirect_uri",
        ),
        (
            json!({"redirect_uris": "https://a.example"}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": [RETURNS], "token_endpoint_auth_method": "private_key_jwt"}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": [RETURNS], "grant_types": ["client_credentials"]}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": [RETURNS], "response_types": ["token"]}),
            "invalid_client_metadata",
        ),
        (json!([]), "invalid_client_metadata"),
    ] {
        let answer = register(&server, metadata.clone()).await;
        assert_eq!(
            (answer.status, &answer.body["error"]),
            (400, &json!(error)),
            "{metadata}"
        );
        assert_ne!(answer.body["error_description"].as_str().unwrap(), "");
    }
    let long = json!({"redirect_uris": [RETURNS], "contacts": ["x".repeat(70_000)]});
    assert_eq!(register(&server, long).await.status, 413);
    let nul = json!({"redirect_uris": [RETURNS], "client_name": "a\u{0}b"});
    assert_eq!(register(&server, nul).await.body["client_name"], "ab");

    // Nobody lets them in: they are forgotten in time, when the server tidies up.
    let kept: Vec<i64> = sqlx::query_scalar(
        "select distinct extract(epoch from expires_at - created_at)::bigint from connector_clients",
    )
    .fetch_all(&db)
    .await
    .unwrap();
    assert_eq!(kept, [7 * 86_400]);
    db.close().await;
}

#[tokio::test]
async fn registrations_of_one_address_are_limited() {
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: vec![("OMI_RATE_LIMIT__FAILURES_PER_MINUTE", "2".into())],
        ..ServerOptions::default()
    })
    .await;
    let metadata = json!({"redirect_uris": [RETURNS], "token_endpoint_auth_method": "none"});
    for _ in 0..2 {
        assert_eq!(register(&server, metadata.clone()).await.status, 201);
    }
    let answer = register(&server, metadata).await;
    assert_eq!(answer.status, 429, "{answer:#?}");
    assert_eq!(answer.body["error"], "temporarily_unavailable");
    assert!(answer.headers.contains_key("retry-after"));
}
