//! Clients with a secret, tokens given up, and what is forgotten.

use reqwest::Method;
use serde_json::json;

use crate::support::{
    Server,
    connector::{Connector, RETURNS, VERIFIER, call, pair},
    openid::post_form,
    server::client,
    visitor::Visitor,
};

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
