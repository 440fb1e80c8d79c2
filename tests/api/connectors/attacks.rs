//! What others try with the codes, tokens, pages and names of assistants, and what comes of it.

use serde_json::json;

use crate::support::{
    Server,
    connector::{Connector, RETURNS, VERIFIER, allow, call, form, led, pair, send, ticked},
    openid::parameter,
    visitor::Visitor,
};

#[tokio::test]
async fn a_stolen_code_is_worth_nothing() {
    let server = Server::unguarded().await;
    let ann = server.user("ann@example.org").await;
    let visitor = Visitor::signed_in(&server, &ann).await;
    let connector = Connector::new(&server).await;
    let thief = Connector::new(&server).await;
    let refused = async |who: &Connector<'_>, code: &str, other: (&str, &str)| {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", RETURNS),
            ("code_verifier", VERIFIER),
        ];
        form.retain(|(name, _)| *name != other.0);
        form.push(other);
        let answer = who.ask(&form).await;
        assert_eq!(
            (answer.status, &answer.body["error"]),
            (400, &json!("invalid_grant")),
            "{other:?}"
        );
    };
    let wrong = "x".repeat(43);
    for other in [
        ("code_verifier", wrong.as_str()),
        ("redirect_uri", "https://assistant.example/other"),
        ("redirect_uri", "https://evil.example/callback"),
    ] {
        let code = connector.code(&visitor, &[]).await;
        refused(&connector, &code, other).await;
        // It was used up.
        refused(&connector, &code, ("code", &code)).await;
    }
    let code = connector.code(&visitor, &[]).await;
    refused(&thief, &code, ("code", &code)).await;
    refused(&connector, &code, ("code", "made up")).await;
    let code = connector.code(&visitor, &[]).await;
    let db = server.pool().await;
    sqlx::query("update connector_codes set expires_at = now()")
        .execute(&db)
        .await
        .unwrap();
    refused(&connector, &code, ("code", &code)).await;
    assert_eq!(
        server.get("/v1/mcp/assistants", &ann.token).await.ok(),
        json!([])
    );
    db.close().await;
}

#[tokio::test]
async fn a_code_that_comes_twice_ends_what_it_gave() {
    let server = Server::unguarded().await;
    let ann = server.user("ann@example.org").await;
    let visitor = Visitor::signed_in(&server, &ann).await;
    let connector = Connector::new(&server).await;
    let code = connector.code(&visitor, &[]).await;
    let (access, refresh) = pair(&connector.redeem(&code).await.ok());
    let (fresh, _) = pair(&connector.refresh(&refresh).await.ok());
    assert_eq!(
        call(&server, &fresh, "get_memories", json!({}))
            .await
            .status,
        200
    );
    assert_eq!(connector.redeem(&code).await.body["error"], "invalid_grant");
    for token in [&access, &fresh] {
        assert_eq!(
            call(&server, token, "get_memories", json!({})).await.status,
            401
        );
    }
    // Two at once: one gets it, then both have nothing.
    let code = connector.code(&visitor, &[]).await;
    let (one, two) = tokio::join!(connector.redeem(&code), connector.redeem(&code));
    let mut both = [one.status, two.status];
    both.sort();
    assert_eq!(both, [200, 400]);
    let (access, _) = pair(&if one.status == 200 { one } else { two }.body);
    assert_eq!(
        call(&server, &access, "get_memories", json!({}))
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_the_whole_family() {
    let server = Server::unguarded().await;
    let ann = server.user("ann@example.org").await;
    let visitor = Visitor::signed_in(&server, &ann).await;
    let connector = Connector::new(&server).await;
    let other = Connector::new(&server).await;
    let (bystander, _) = other.tokens(&visitor, &[]).await;
    let (first, stolen) = connector.tokens(&visitor, &[]).await;
    let (second, next) = pair(&connector.refresh(&stolen).await.ok());
    assert_ne!(next, stolen);
    // Of another client it is worth nothing, and stays what it was.
    assert_eq!(other.refresh(&next).await.body["error"], "invalid_grant");
    let (third, last) = pair(&connector.refresh(&next).await.ok());
    assert_eq!(
        call(&server, &third, "get_memories", json!({}))
            .await
            .status,
        200
    );
    assert_eq!(
        connector.refresh(&stolen).await.body["error"],
        "invalid_grant"
    );
    for token in [&first, &second, &third] {
        assert_eq!(
            call(&server, token, "get_memories", json!({})).await.status,
            401
        );
    }
    assert_eq!(
        connector.refresh(&last).await.body["error"],
        "invalid_grant"
    );
    assert_eq!(
        call(&server, &bystander, "get_memories", json!({}))
            .await
            .status,
        200
    );
    let list = server.get("/v1/mcp/assistants", &ann.token).await.ok();
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");

    // Two at once are two.
    let (_, token) = connector.tokens(&visitor, &[]).await;
    let (one, two) = tokio::join!(connector.refresh(&token), connector.refresh(&token));
    let mut both = [one.status, two.status];
    both.sort();
    assert_eq!(both, [200, 400]);
    let (access, _) = pair(&if one.status == 200 { one } else { two }.body);
    assert_eq!(
        call(&server, &access, "get_memories", json!({}))
            .await
            .status,
        401
    );

    // An access token ends after its hour.
    let (access, refresh) = connector.tokens(&visitor, &[]).await;
    let db = server.pool().await;
    sqlx::query("update credentials set expires_at = now() where kind = 'connector'")
        .execute(&db)
        .await
        .unwrap();
    assert_eq!(
        call(&server, &access, "get_memories", json!({}))
            .await
            .status,
        401
    );
    let (access, _) = pair(&connector.refresh(&refresh).await.ok());
    assert_eq!(
        call(&server, &access, "get_memories", json!({}))
            .await
            .status,
        200
    );
    db.close().await;
}

#[tokio::test]
async fn nothing_is_given_while_it_is_taken_back() {
    let server = Server::unguarded().await;
    let ann = server.user("ann@example.org").await;
    let visitor = Visitor::signed_in(&server, &ann).await;
    let connector = Connector::new(&server).await;
    for _ in 0..5 {
        let (_, refresh) = connector.tokens(&visitor, &[]).await;
        let list = server.get("/v1/mcp/assistants", &ann.token).await.ok();
        let path = format!("/v1/mcp/assistants/{}", list[0]["id"].as_str().unwrap());
        let (renewed, gone) = tokio::join!(
            connector.refresh(&refresh),
            server.send(reqwest::Method::DELETE, &path, Some(&ann.token), None)
        );
        assert_eq!(gone.status, 204, "{gone:#?}");
        if renewed.status == 200 {
            let (access, refresh) = pair(&renewed.body);
            assert_eq!(
                call(&server, &access, "get_memories", json!({}))
                    .await
                    .status,
                401
            );
            assert_eq!(connector.refresh(&refresh).await.status, 400);
        }
    }
    // A client has one permission of a user, however often it asks at once.
    let codes = [
        connector.code(&visitor, &[]).await,
        connector.code(&visitor, &[]).await,
    ];
    let (one, two) = tokio::join!(connector.redeem(&codes[0]), connector.redeem(&codes[1]));
    let mut count = Vec::new();
    for given in [one, two] {
        let (access, _) = pair(&given.ok());
        count.push(
            call(&server, &access, "get_memories", json!({}))
                .await
                .status,
        );
    }
    count.sort();
    assert_eq!(count, [200, 401]);
    let list = server.get("/v1/mcp/assistants", &ann.token).await.ok();
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
}

#[tokio::test]
async fn a_link_leads_nobody_astray() {
    let server = Server::unguarded().await;
    let ann = server.user("ann@example.org").await;
    let connector = Connector::new(&server).await;
    let visitor = Visitor::signed_in(&server, &ann).await;
    let stranger = Visitor::new(&server);
    for redirect in [
        "https://evil.example/callback",
        "https://assistant.example/callback",
        "https://assistant.example/callback?of=omi&next=https://evil.example",
        "https://assistant.example@evil.example/callback?of=omi",
        "https://assistant.example.evil.example/callback?of=omi",
        "http://assistant.example/callback?of=omi",
        "//evil.example",
        "javascript:alert(1)",
        "",
    ] {
        for who in [&visitor, &stranger] {
            let shown = who
                .get(&connector.page(&[("redirect_uri", redirect)]))
                .await;
            assert_eq!(shown.status, 400, "{redirect}: {shown:#?}");
            assert!(!shown.headers.contains_key("location"), "{redirect}");
        }
    }
    for id in ["", "omi", "00000000-0000-0000-0000-000000000000"] {
        let shown = visitor.get(&connector.page(&[("client_id", id)])).await;
        assert_eq!(shown.status, 400, "{id}: {shown:#?}");
    }
    // Anybody can register a site and ask wrongly: whoever is not signed in is not sent there.
    let wrong = connector.page(&[("response_type", "token")]);
    assert!(
        stranger
            .get(&wrong)
            .await
            .location()
            .starts_with("/sign-in?next=")
    );
    // Nor does a parameter that comes twice.
    let twice = format!(
        "{}&redirect_uri=https%3A%2F%2Fevil.example",
        connector.page(&[])
    );
    assert_eq!(visitor.get(&twice).await.status, 400);
    // A name is text, and its owner is told by the address.
    let named = json!({"client_name": "<script>alert(1)</script>", "redirect_uris": [RETURNS],
                       "token_endpoint_auth_method": "none"});
    let made = crate::support::connector::register(&server, named)
        .await
        .body;
    let id = made["client_id"].as_str().unwrap();
    let shown = visitor.get(&connector.page(&[("client_id", id)])).await;
    assert_eq!(shown.status, 200);
    assert!(!shown.html.contains("<script>alert"), "{}", shown.html);
    assert!(shown.html.contains("&lt;script&gt;"), "{}", shown.html);
}

#[tokio::test]
async fn nobody_else_answers_for_the_user() {
    let server = Server::unguarded().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let connector = Connector::new(&server).await;
    let at_ann = Visitor::signed_in(&server, &ann).await;
    let at_ben = Visitor::signed_in(&server, &ben).await;
    let page = at_ann.get(&connector.page(&[])).await;
    let fields = form(&page);

    // A page of another site sends the form with Ann's cookie.
    for headers in [
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
    ] {
        let refused = send(&at_ann, &fields, "allow", &headers).await;
        assert_eq!(refused.status, 403, "{headers:?}: {refused:#?}");
    }
    // Without the secret of her session, or with that of another.
    let mut forged = fields.clone();
    forged.retain(|(name, _)| name != "csrf");
    assert_eq!(send(&at_ann, &forged, "allow", &[]).await.status, 403);
    let of_ben = form(&at_ben.get(&connector.page(&[])).await);
    assert_eq!(send(&at_ann, &of_ben, "allow", &[]).await.status, 403);
    assert_eq!(send(&at_ben, &fields, "allow", &[]).await.status, 403);
    // Without her cookie, or with a made-up one, or one that is another credential.
    let stranger = Visitor::new(&server);
    assert!(
        send(&stranger, &fields, "allow", &[])
            .await
            .location()
            .starts_with("/sign-in")
    );
    for value in [
        "omi_browser_0",
        ann.token.as_str(),
        ann.mcp_key.as_str(),
        "",
    ] {
        stranger.set_cookie("omi", value);
        let shown = send(&stranger, &fields, "allow", &[]).await;
        assert!(
            shown.location().starts_with("/sign-in"),
            "{value}: {shown:#?}"
        );
    }
    // Another client, or another address, in the form that was sent.
    let mut elsewhere = fields.clone();
    for (name, value) in &mut elsewhere {
        if name == "redirect_uri" {
            *value = "https://evil.example/callback".into();
        }
    }
    assert_eq!(send(&at_ann, &elsewhere, "allow", &[]).await.status, 400);
    for user in [&ann, &ben] {
        assert_eq!(
            server.get("/v1/mcp/assistants", &user.token).await.ok(),
            json!([])
        );
    }

    // Each lets it in for their own: one's tokens show nothing of the other.
    let (of_ann, _) = connector.tokens(&at_ann, &["memories:write"]).await;
    let (of_ben, _) = connector.tokens(&at_ben, &[]).await;
    call(
        &server,
        &of_ann,
        "create_memory",
        json!({"content": "Ann likes tea"}),
    )
    .await
    .ok();
    let seen = call(&server, &of_ben, "get_memories", json!({})).await.ok();
    assert_eq!(seen["result"]["structuredContent"]["memories"], json!([]));
    // What Ann allowed is not ticked for Ben.
    assert!(!ticked(&at_ben.get(&connector.page(&[])).await).contains(&"memories:write".into()));
}

#[tokio::test]
async fn answers_say_who_gives_them_and_tokens_are_for_one_server() {
    let server = Server::unguarded().await;
    let other = Server::unguarded().await;
    let ann = server.user("ann@example.org").await;
    let at_other = other.user("ann@example.org").await;
    let connector = Connector::new(&server).await;
    let visitor = Visitor::signed_in(&server, &ann).await;
    let page = visitor.get(&connector.page(&[])).await;
    let back = led(&allow(&visitor, &page, &[]).await);
    assert_eq!(parameter(&back, "iss"), server.url);
    assert_ne!(parameter(&back, "iss"), other.url);

    // A client that was mixed up asks the other server with it.
    let code = parameter(&back, "code");
    let elsewhere = Connector::new(&other).await;
    assert_eq!(elsewhere.redeem(&code).await.body["error"], "invalid_grant");
    let (access, refresh) = pair(&connector.redeem(&code).await.ok());
    assert_eq!(
        call(&other, &access, "get_memories", json!({}))
            .await
            .status,
        401
    );
    assert_eq!(
        elsewhere.refresh(&refresh).await.body["error"],
        "invalid_grant"
    );
    for token in [&at_other.mcp_key, &at_other.token] {
        assert_eq!(
            call(&server, token, "get_memories", json!({})).await.status,
            401
        );
    }
    // Nor are tokens given for another resource.
    let target = format!("{}/v1/mcp/sse", other.url);
    let back = led(&visitor.get(&connector.page(&[("resource", &target)])).await);
    assert_eq!(parameter(&back, "error"), "invalid_target");
    let code = connector.code(&visitor, &[]).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", RETURNS),
        ("code_verifier", VERIFIER),
        ("resource", target.as_str()),
    ];
    let answer = connector.ask(&form).await;
    assert_eq!(
        (answer.status, &answer.body["error"]),
        (400, &json!("invalid_target"))
    );
}
