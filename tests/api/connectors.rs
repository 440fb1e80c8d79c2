//! AI assistants are let in: what clients find, how they register, the page that asks, tokens, and their end.

use reqwest::{Method, Url, header::ORIGIN};
use serde_json::{Value, json};

use crate::support::{
    Server, ServerOptions,
    connector::{
        CHALLENGE, Connector, RETURNS, VERIFIER, allow, call, form, led, pair, register, send,
        ticked,
    },
    openid::{encoded, parameter, post_form},
    server::{Answer, client},
    visitor::Visitor,
};

const READ: &str = "conversations:read memories:read action_items:read goals:read";

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

#[tokio::test]
async fn a_user_lets_an_assistant_in_and_sends_it_away() {
    let server = Server::unguarded().await;
    let ann = server.user("ann@example.org").await;
    let connector = Connector::new(&server).await;
    let visitor = Visitor::new(&server);
    let resource = format!("{}/v1/mcp/sse", server.url);
    let asked = connector.page(&[
        ("resource", &resource),
        ("scope", &format!("{READ} memories:write")),
    ]);

    // Whoever is not signed in signs in first, and comes back.
    let away = visitor.get(&asked).await;
    assert_eq!(
        away.location(),
        format!("/sign-in?{}", encoded(&[("next", &asked)]))
    );
    let page = visitor.sign_in(&ann, &asked).await;
    assert_eq!(page.status, 200, "{page:#?}");
    for text in [
        "Test Assistant",
        "assistant.example",
        "ann@example.org",
        "/sign-in?next=",
    ] {
        assert!(page.html.contains(text), "{text} in {}", page.html);
    }
    assert_eq!(page.headers["cache-control"], "no-store");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("form-action 'self' https://assistant.example;"),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    // To see is ticked, to change is not, even if it was asked for.
    assert_eq!(ticked(&page).join(" "), READ);

    let denied = led(&send(&visitor, &form(&page), "deny", &[]).await);
    assert_eq!(parameter(&denied, "error"), "access_denied");
    assert_eq!(parameter(&denied, "iss"), server.url);

    let mut nothing = form(&page);
    nothing.retain(|(name, _)| !name.starts_with("may."));
    let again = send(&visitor, &nothing, "allow", &[]).await;
    assert_eq!(again.status, 200);
    assert!(again.html.contains("Tick at least one"), "{}", again.html);

    let answered = allow(&visitor, &page, &[]).await;
    assert_eq!(answered.headers["referrer-policy"], "no-referrer");
    assert_eq!(answered.headers["cache-control"], "no-store");
    let back = led(&answered);
    assert_eq!(parameter(&back, "of"), "omi");
    assert_eq!(parameter(&back, "iss"), server.url);
    let code = parameter(&back, "code");
    let answer = connector
        .ask(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", RETURNS),
            ("code_verifier", VERIFIER),
            ("resource", &resource),
        ])
        .await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let tokens = answer.ok();
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 3600);
    assert_eq!(tokens["scope"], READ);
    let (access, refresh) = pair(&tokens);

    // It sees, and changes nothing.
    let memories = call(&server, &access, "get_memories", json!({})).await.ok();
    assert_eq!(
        memories["result"]["structuredContent"]["memories"],
        json!([])
    );
    let refused = call(
        &server,
        &access,
        "create_memory",
        json!({"content": "Likes tea"}),
    )
    .await;
    assert_eq!(refused.status, 403, "{refused:#?}");
    let challenge = refused.headers["www-authenticate"].to_str().unwrap();
    let expected = "conversations:read memories:read memories:write action_items:read goals:read";
    assert!(
        challenge.starts_with("Bearer error=\"insufficient_scope\", "),
        "{challenge}"
    );
    assert!(
        challenge.contains(&format!("scope=\"{expected}\"")),
        "{challenge}"
    );
    assert!(
        challenge.contains("resource_metadata=\"http"),
        "{challenge}"
    );
    assert_eq!(refused.body["id"], 5);
    assert_eq!(refused.body["error"]["code"], -32003);
    assert!(
        refused.body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("memories:write")
    );

    // It opens nothing else.
    for path in [
        "/v3/memories",
        "/v1/dev/user/memories",
        "/v1/mcp/keys",
        "/v1/mcp/assistants",
    ] {
        assert_eq!(server.get(path, &access).await.status, 401, "{path}");
        assert_eq!(server.get(path, &refresh).await.status, 401, "{path}");
    }
    assert_eq!(
        call(&server, &refresh, "get_memories", json!({}))
            .await
            .status,
        401
    );

    // Without MCP it is the same.
    assert_eq!(
        server.get("/v1/mcp/memories", &access).await.ok(),
        json!([])
    );
    let body = json!({"content": "Likes tea"});
    let refused = server.post("/v1/mcp/memories", &access, body).await;
    assert_eq!(refused.status, 403, "{refused:#?}");
    let challenge = refused.headers["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.contains("insufficient_scope") && challenge.contains("memories:write"),
        "{challenge}"
    );

    // It asks for what it was refused; that is ticked now, and counts.
    let page = visitor.get(&connector.page(&[("scope", expected)])).await;
    assert_eq!(
        ticked(&page).join(" "),
        "conversations:read memories:read action_items:read goals:read memories:write"
    );
    assert!(page.html.contains("It asks for this now"), "{}", page.html);
    let code = parameter(&led(&allow(&visitor, &page, &[]).await), "code");
    let (wider, refresh) = pair(&connector.redeem(&code).await.ok());
    let created = call(
        &server,
        &wider,
        "create_memory",
        json!({"content": "Likes tea"}),
    )
    .await
    .ok();
    assert_eq!(
        created["result"]["structuredContent"]["success"], true,
        "{created}"
    );
    // What the user decided last is what counts.
    assert_eq!(
        call(&server, &access, "get_memories", json!({}))
            .await
            .status,
        401
    );
    let plain = visitor.get(&connector.page(&[])).await;
    assert!(
        ticked(&plain).contains(&"memories:write".to_string()),
        "as it was allowed"
    );

    // Fewer scopes for one access token.
    let narrow = connector
        .ask(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &refresh),
            ("scope", "memories:read"),
        ])
        .await
        .ok();
    assert_eq!(narrow["scope"], "memories:read");
    let (access, refresh) = pair(&narrow);
    assert_eq!(
        call(&server, &access, "get_memories", json!({}))
            .await
            .status,
        200
    );
    assert_eq!(
        call(&server, &access, "get_conversations", json!({}))
            .await
            .status,
        403
    );
    let more = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &refresh),
        ("scope", "goals:write"),
    ];
    let more = connector.ask(&more).await;
    assert_eq!(
        (more.status, &more.body["error"]),
        (400, &json!("invalid_scope"))
    );
    let (access, _) = pair(&connector.refresh(&refresh).await.ok());
    assert_eq!(
        call(&server, &access, "get_conversations", json!({}))
            .await
            .status,
        200
    );

    // The user sees it, and others do not; then it goes.
    let list = server.get("/v1/mcp/assistants", &ann.token).await.ok();
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    assert_eq!(
        (&list[0]["name"], &list[0]["redirect_host"]),
        (&json!("Test Assistant"), &json!("assistant.example"))
    );
    assert_eq!(list[0]["scopes"].as_array().unwrap().len(), 5, "{list}");
    let used = server
        .wait_for(
            "/v1/mcp/assistants",
            &ann.token,
            std::time::Duration::from_secs(20),
            |list| list[0]["last_used_at"].is_string(),
        )
        .await;
    assert!(used[0]["connected_at"].is_string());
    let path = format!("/v1/mcp/assistants/{}", list[0]["id"].as_str().unwrap());
    let gone = server
        .send(Method::DELETE, &path, Some(&ann.token), None)
        .await;
    assert_eq!(gone.status, 204);
    assert_eq!(
        call(&server, &access, "get_memories", json!({}))
            .await
            .status,
        401
    );
    assert_eq!(
        server.get("/v1/mcp/assistants", &ann.token).await.ok(),
        json!([])
    );
    // Again from the start.
    let (access, _) = connector.tokens(&visitor, &[]).await;
    assert_eq!(
        call(&server, &access, "get_memories", json!({}))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_client_with_a_secret_shows_it_each_time() {
    let server = Server::unguarded().await;
    let ann = server.user("ann@example.org").await;
    let visitor = Visitor::signed_in(&server, &ann).await;
    let connector = Connector::of(&server, "client_secret_post", RETURNS).await;
    let secret = connector.secret.clone().unwrap();
    let code = connector.code(&visitor, &[]).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", RETURNS),
        ("code_verifier", VERIFIER),
    ];
    let with = |more: &[(&'static str, &'static str)]| [&form[..], more].concat();
    let own: &'static str = connector.id.clone().leak();
    for more in [
        vec![("client_id", own)],
        vec![("client_id", own), ("client_secret", "wrong")],
        vec![
            ("client_id", "00000000-0000-0000-0000-000000000000"),
            ("client_secret", "wrong"),
        ],
        vec![("client_id", "no-uuid")],
    ] {
        let answer = post_form(&server, "/oauth/token", &[], &with(&more)).await;
        assert_eq!(
            (answer.status, &answer.body["error"]),
            (401, &json!("invalid_client")),
            "{more:?}"
        );
        assert!(!answer.headers.contains_key("www-authenticate"));
    }
    let wrong = client()
        .get(&server.url)
        .basic_auth(own, Some("wrong"))
        .build()
        .unwrap();
    let header = wrong.headers()["authorization"].to_str().unwrap();
    let answer = post_form(&server, "/oauth/token", &[("authorization", header)], &form).await;
    assert_eq!(
        (answer.status, &answer.body["error"]),
        (401, &json!("invalid_client"))
    );
    assert!(
        answer.headers["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Basic ")
    );

    // None of that used the code up. By a header is as good as in the form, and by both is not.
    let right = client()
        .get(&server.url)
        .basic_auth(own, Some(&secret))
        .build()
        .unwrap();
    let header = [(
        "authorization",
        right.headers()["authorization"].to_str().unwrap(),
    )];
    let both: &'static str = secret.clone().leak();
    let answer = post_form(
        &server,
        "/token",
        &header,
        &with(&[("client_secret", both)]),
    )
    .await;
    assert_eq!(
        (answer.status, &answer.body["error"]),
        (400, &json!("invalid_request"))
    );
    let (access, refresh) = pair(&post_form(&server, "/token", &header, &form).await.ok());
    assert_eq!(
        call(&server, &access, "get_memories", json!({}))
            .await
            .status,
        200
    );
    pair(&connector.refresh(&refresh).await.ok());
}

#[tokio::test]
async fn what_a_client_asks_wrongly_it_is_told() {
    let server = Server::unguarded().await;
    let ann = server.user("ann@example.org").await;
    let connector = Connector::new(&server).await;
    let visitor = Visitor::signed_in(&server, &ann).await;
    for (other, error) in [
        (("response_type", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("resource", "https://other.example/mcp"), "invalid_target"),
    ] {
        let back = led(&visitor.get(&connector.page(&[other])).await);
        assert_eq!(parameter(&back, "error"), error, "{other:?}");
        assert_eq!(parameter(&back, "iss"), server.url);
        assert_ne!(parameter(&back, "error_description"), "");
    }
    // Scopes that nobody knows here ask for nothing in particular.
    let page = visitor
        .get(&connector.page(&[("scope", "openid offline_access")]))
        .await;
    assert_eq!(ticked(&page).join(" "), READ);
    let page = visitor
        .get(&connector.page(&[("scope", "goals:read")]))
        .await;
    assert_eq!(ticked(&page).join(" "), "goals:read");
    // The root name of the page, and the other spelling of the resource.
    let resource = format!("{}/v1/mcp/sse/", server.url);
    let page = connector.page(&[("resource", &resource)]);
    let page = visitor.get(page.strip_prefix("/oauth").unwrap()).await;
    assert_eq!(ticked(&page).join(" "), READ);

    for (form, error) in [
        (vec![], "invalid_request"),
        (vec![("grant_type", "password")], "unsupported_grant_type"),
        (
            vec![("grant_type", "authorization_code")],
            "invalid_request",
        ),
        (vec![("grant_type", "refresh_token")], "invalid_request"),
        (
            vec![
                ("grant_type", "refresh_token"),
                ("refresh_token", "omi_rt_0"),
            ],
            "invalid_grant",
        ),
        (
            vec![
                ("grant_type", "refresh_token"),
                ("refresh_token", "a"),
                ("resource", "https://o.example"),
            ],
            "invalid_target",
        ),
        (
            vec![("grant_type", "a"), ("grant_type", "b")],
            "invalid_request",
        ),
        (
            vec![("grant_type", "refresh_token"), ("refresh_token", "\0")],
            "invalid_grant",
        ),
    ] {
        let answer = connector.ask(&form).await;
        assert_eq!(
            (answer.status, &answer.body["error"]),
            (400, &json!(error)),
            "{form:?}"
        );
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    // A program on the user's device learns it at once.
    let local = Connector::of(&server, "none", "http://127.0.0.1/cb").await;
    let wrong = [
        ("redirect_uri", "http://127.0.0.1:50001/cb"),
        ("code_challenge", ""),
    ];
    let stranger = Visitor::new(&server).get(&local.page(&wrong)).await;
    let back: Url = stranger.location().parse().unwrap();
    assert_eq!(
        (back.port(), parameter(&back, "error").as_str()),
        (Some(50001), "invalid_request")
    );
    assert_eq!(CHALLENGE.len(), 43);
}

#[tokio::test]
async fn a_client_gives_its_tokens_up() {
    let server = Server::unguarded().await;
    let ann = server.user("ann@example.org").await;
    let visitor = Visitor::signed_in(&server, &ann).await;
    let connector = Connector::new(&server).await;
    let other = Connector::new(&server).await;
    let give_up = async |who: &Connector<'_>, token: &str| {
        let form = [("client_id", who.id.as_str()), ("token", token)];
        post_form(&server, "/oauth/revoke", &[], &form).await.status
    };
    for n in [0, 1] {
        let (access, refresh) = connector.tokens(&visitor, &[]).await;
        let token = [&access, &refresh][n];
        // Another client's it cannot give up, and a made-up one is no mistake.
        assert_eq!(give_up(&other, token).await, 200);
        assert_eq!(give_up(&connector, "omi_rt_0").await, 200);
        assert_eq!(
            call(&server, &access, "get_memories", json!({}))
                .await
                .status,
            200
        );
        assert_eq!(give_up(&connector, token).await, 200);
        assert_eq!(
            call(&server, &access, "get_memories", json!({}))
                .await
                .status,
            401
        );
        assert_eq!(
            connector.refresh(&refresh).await.body["error"],
            "invalid_grant"
        );
    }
    let answer = connector.ask(&[("token", "x")]).await;
    assert_eq!(answer.status, 400, "a token is given up elsewhere");
    assert_eq!(
        server.get("/v1/mcp/assistants", &ann.token).await.ok(),
        json!([])
    );
}

#[tokio::test]
async fn an_account_that_goes_takes_its_assistants_along() {
    let server = Server::unguarded().await;
    let ann = server.user("ann@example.org").await;
    let visitor = Visitor::signed_in(&server, &ann).await;
    let connector = Connector::new(&server).await;
    let (access, refresh) = connector.tokens(&visitor, &[]).await;
    let code = connector.code(&visitor, &[]).await;
    let path = "/v1/users/delete-account";
    let gone = server
        .send(Method::DELETE, path, Some(&ann.token), None)
        .await;
    assert_eq!(gone.status, 200, "{gone:#?}");
    assert_eq!(
        call(&server, &access, "get_memories", json!({}))
            .await
            .status,
        401
    );
    assert_eq!(
        connector.refresh(&refresh).await.body["error"],
        "invalid_grant"
    );
    assert_eq!(connector.redeem(&code).await.body["error"], "invalid_grant");
}

#[tokio::test]
async fn what_nobody_uses_any_more_is_forgotten() {
    let mut server = Server::unguarded().await;
    let ann = server.user("ann@example.org").await;
    let (used, unused) = {
        let visitor = Visitor::signed_in(&server, &ann).await;
        let (used, unused) = (Connector::new(&server).await, Connector::new(&server).await);
        used.tokens(&visitor, &[]).await;
        used.code(&visitor, &[]).await;
        (used.id, unused.id)
    };
    let db = server.pool().await;
    crate::api::plant::assistant(&db, &ann.uid).await;
    let days: Vec<(bool, f64)> = sqlx::query_as(
        "select id::text = $1, extract(epoch from expires_at - now())::float8 / 86400 from connector_clients order by 1",
    )
    .bind(&used)
    .fetch_all(&db)
    .await
    .unwrap();
    assert!(!days[0].0 && days[0].1 < 7.01, "{days:?}");
    assert!(days[1].0 && days[1].1 > 89.9, "{days:?}");

    sqlx::query("update connector_clients set expires_at = now() where id::text = $1")
        .bind(&unused)
        .execute(&db)
        .await
        .unwrap();
    sqlx::query(
        "update connector_codes set expires_at = now() - interval '25 hours' where used_at is null",
    )
    .execute(&db)
    .await
    .unwrap();
    server.stop().await;
    server.run().await;
    let left = async || -> Vec<i64> {
        sqlx::query_scalar(
            "select count(*) from connector_clients union all select count(*) from connector_grants
             union all select count(*) from connector_codes",
        )
        .fetch_all(&db)
        .await
        .unwrap()
    };
    let start = std::time::Instant::now();
    // The client that is used, what it is allowed, and the code that gave it; not what was planted without a token.
    while left().await != [1, 1, 1] {
        assert!(start.elapsed().as_secs() < 20, "{:?}", left().await);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let list = server.get("/v1/mcp/assistants", &ann.token).await.ok();
    assert_eq!(list[0]["name"], "Test Assistant", "{list}");
    db.close().await;
}

#[tokio::test]
async fn the_client_of_omi_is_known_if_the_operator_wants_it() {
    const CLAUDE: &str = "https://claude.ai/api/mcp/auth_callback";
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: vec![("OMI_CONNECTORS__OMI_CLIENT", "true".into())],
        ..ServerOptions::default()
    })
    .await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let visitor = Visitor::signed_in(&server, &ann).await;
    let omi = |secret: &str| Connector {
        server: &server,
        id: "omi".into(),
        secret: Some(secret.into()),
    };
    let known = omi(&ann.mcp_key);
    for elsewhere in [
        RETURNS,
        "https://claude.ai/other",
        "https://claude.ai.evil.example/api/mcp/auth_callback",
    ] {
        let shown = visitor
            .get(&known.page(&[("redirect_uri", elsewhere)]))
            .await;
        assert_eq!(shown.status, 400, "{elsewhere}");
    }
    let code = async || {
        let asked = known.page(&[("redirect_uri", CLAUDE)]);
        let shown = visitor.get(asked.strip_prefix("/oauth").unwrap()).await;
        let back = allow(&visitor, &shown, &["memories:write"]).await;
        assert!(back.location().starts_with(CLAUDE), "{back:#?}");
        parameter(&back.location().parse().unwrap(), "code")
    };
    let redeem = async |who: &Connector<'_>, code: &str| {
        who.ask(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CLAUDE),
            ("code_verifier", VERIFIER),
        ])
        .await
    };
    // Another's key, another credential of hers, and nothing.
    let stolen = redeem(&omi(&ben.mcp_key), &code().await).await;
    assert_eq!(
        (stolen.status, &stolen.body["error"]),
        (400, &json!("invalid_grant"))
    );
    for wrong in [ann.token.as_str(), &ann.developer_key, "omi_mcp_0", ""] {
        let answer = redeem(&omi(wrong), &code().await).await;
        assert_eq!(
            (answer.status, &answer.body["error"]),
            (401, &json!("invalid_client")),
            "{wrong}"
        );
    }
    let once = code().await;
    let (access, refresh) = pair(&redeem(&known, &once).await.ok());
    let created = call(
        &server,
        &access,
        "create_memory",
        json!({"content": "Likes tea"}),
    )
    .await
    .ok();
    assert_eq!(
        created["result"]["structuredContent"]["success"], true,
        "{created}"
    );
    assert_eq!(omi(&ben.mcp_key).refresh(&refresh).await.status, 400);
    let (access, _) = pair(&known.refresh(&refresh).await.ok());
    assert_eq!(
        call(&server, &access, "get_memories", json!({}))
            .await
            .status,
        200
    );
    assert_eq!(redeem(&known, &once).await.status, 400);
    assert_eq!(
        call(&server, &access, "get_memories", json!({}))
            .await
            .status,
        401
    );
}
