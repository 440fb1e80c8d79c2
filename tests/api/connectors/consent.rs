//! The page that asks the user, and what an assistant gets by it, until it is sent away.

use reqwest::{Method, Url};
use serde_json::json;

use super::READ;
use crate::support::{
    Server,
    connector::{
        CHALLENGE, Connector, RETURNS, VERIFIER, allow, call, form, led, pair, send, ticked,
    },
    openid::{encoded, parameter},
    visitor::Visitor,
};

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
