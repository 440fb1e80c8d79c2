//! Signing in through a browser, as the Omi app does it: the page, the code, the tokens.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use reqwest::{StatusCode, Url};
use serde_json::{Value, json};

use crate::support::{
    Server, ServerOptions,
    firebase::{Key, KeysServer, claims},
    openid::{encoded, leads_to, parameter, post_form},
    server::{Answer, client},
};

const PAGE: &str = "/v1/auth/authorize";
const APP: &str = "omi://auth/callback";

fn page(server: &Server, asked: &[(&str, &str)]) -> String {
    format!("{}{PAGE}?{}", server.url, encoded(asked))
}

/// Signs in on the page and gives the address that leads back to the app.
async fn back(server: &Server, email: &str, password: &str, redirect_uri: &str) -> Url {
    let form = [
        ("provider", "google"),
        ("redirect_uri", redirect_uri),
        ("state", "a+b/c=&<\""),
        ("email", email),
        ("password", password),
    ];
    let answer = post_form(server, PAGE, &[("sec-fetch-site", "same-origin")], &form).await;
    assert_eq!(answer.status, 200, "{answer:#?}");
    leads_to(&answer)
}

async fn exchange(server: &Server, code: &str, redirect_uri: &str, custom: &str) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri),
        ("use_custom_token", custom),
    ];
    post_form(server, "/v1/auth/token", &[], &form).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_on_the_page_signs_the_app_in_and_firebase_too() {
    let key = Key::new("first");
    let account = Key::new("account");
    let keys = KeysServer::start(200, json!({"keys": [key.jwk()]})).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("service-account.json");
    let email = "signer@omi-test.iam.gserviceaccount.com";
    let content = json!({"type": "service_account", "project_id": "omi-test", "client_email": email,
                         "private_key": account.private_pem()});
    std::fs::write(&file, content.to_string()).unwrap();
    let mut env = keys.settings();
    env.push((
        "OMI_FIREBASE__SERVICE_ACCOUNT",
        file.to_str().unwrap().into(),
    ));
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env,
        ..ServerOptions::default()
    })
    .await;
    let created = server
        .cli(&["user", "create", "--email", "ann@example.org"])
        .await;
    let (uid, password) = created.split_once('\n').unwrap();

    // The page needs no script, no cookie and nothing from elsewhere, and shows what it was given as text.
    let asked = [
        ("provider", "apple"),
        ("redirect_uri", APP),
        ("state", "\"><script>alert(1)</script>"),
    ];
    let page = client().get(page(&server, &asked)).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let headers = page.headers().clone();
    let policy = headers["content-security-policy"].to_str().unwrap();
    for rule in [
        "default-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "style-src 'sha256-",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-frame-options"], "DENY");
    assert!(!headers.contains_key("set-cookie"));
    let html = page.text().await.unwrap();
    assert!(!html.contains("<script"), "{html}");
    assert!(html.contains("&quot;&gt;&lt;script&gt;"), "{html}");

    let led = back(&server, " Ann@example.org", password, APP).await;
    assert!(led.as_str().starts_with("omi://auth/callback?"));
    assert_eq!(parameter(&led, "state"), "a+b/c=&<\"");
    let code = parameter(&led, "code");
    let answer = exchange(&server, &code, APP, "true").await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(
        answer.headers["content-type"],
        "application/json; charset=utf-8"
    );
    let signed_in = answer.ok();
    assert_eq!(
        (
            &signed_in["provider"],
            &signed_in["token_type"],
            &signed_in["expires_in"]
        ),
        (&json!("local"), &json!("Bearer"), &json!(3600))
    );
    assert_eq!(signed_in["uid"], uid);
    let access = signed_in["access_token"].as_str().unwrap();
    assert_eq!(signed_in["id_token"], access);
    assert_eq!(server.get("/v3/memories", access).await.status, 200);

    // Firebase would take the custom token, and sign for the same uid.
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_audience(&[
        "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit",
    ]);
    let public = DecodingKey::from_rsa_pem(account.public_pem().as_bytes()).unwrap();
    let custom = signed_in["custom_token"].as_str().unwrap();
    let told = decode::<Value>(custom, &public, &rules).unwrap().claims;
    assert_eq!((&told["iss"], &told["sub"]), (&json!(email), &json!(email)));
    assert_eq!(told["uid"], uid);
    let life = told["exp"].as_i64().unwrap() - told["iat"].as_i64().unwrap();
    assert_eq!(life, 3600);
    let body = json!({"content": "Likes tea"});
    let minted = key.sign(&claims(told["uid"].as_str().unwrap()));
    let developer = server
        .post(
            "/v1/dev/keys",
            &minted,
            json!({"name": "k", "scopes": ["memories:write"]}),
        )
        .await
        .ok();
    let developer = developer["key"].as_str().unwrap();
    server
        .post("/v1/dev/user/memories", developer, body)
        .await
        .ok();
    let list = server.get("/v3/memories", access).await.ok();
    assert_eq!(list[0]["uid"], uid);

    // A code counts once, for the address it was asked for, and five minutes.
    let refused = async |code: &str, redirect: &str, detail: &str| {
        let answer = exchange(&server, code, redirect, "false").await;
        assert_eq!(answer.status, 400, "{answer:#?}");
        assert_eq!(answer.body["detail"], detail);
    };
    refused(&code, APP, "Invalid or expired code").await;
    refused("", APP, "Invalid or expired code").await;
    let led = back(&server, "ann@example.org", password, APP).await;
    let code = parameter(&led, "code");
    refused(&code, "evil://auth/callback", "redirect_uri mismatch").await;
    refused(&code, APP, "Invalid or expired code").await;
    let led = back(&server, "ann@example.org", password, APP).await;
    let code = parameter(&led, "code");
    let db = server.pool().await;
    sqlx::query("update sign_in_codes set expires_at = now() - interval '1 second'")
        .execute(&db)
        .await
        .unwrap();
    refused(&code, APP, "Invalid or expired code").await;
    let loopback = "http://127.0.0.1:5000/cb";
    let led = back(&server, "ann@example.org", password, loopback).await;
    let code = parameter(&led, "code");
    let stored: Vec<u8> = sqlx::query_scalar("select hash from sign_in_codes")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_ne!(stored, code.as_bytes());
    // Two at once: one of them gets it.
    let redirect = "http://127.0.0.1:5000/cb";
    let (one, two) = tokio::join!(
        exchange(&server, &code, redirect, "false"),
        exchange(&server, &code, redirect, "false")
    );
    let mut both = [one.status, two.status];
    both.sort();
    assert_eq!(both, [200, 400]);
    let winner = if one.status == 200 { one } else { two };
    assert!(winner.body.get("custom_token").is_none());
    let grant = [
        ("grant_type", "password"),
        ("code", "x"),
        ("redirect_uri", APP),
    ];
    let answer = post_form(&server, "/v1/auth/token", &[], &grant).await;
    assert_eq!(
        (answer.status, &answer.body["detail"]),
        (400, &json!("Unsupported grant type"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_go_nowhere_else_and_passwords_are_not_guessed() {
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: vec![("OMI_RATE_LIMIT__FAILURES_PER_MINUTE", "4".into())],
        ..ServerOptions::default()
    })
    .await;
    let created = server
        .cli(&["user", "create", "--email", "ann@example.org"])
        .await;
    let (_, password) = created.split_once('\n').unwrap();
    for redirect in [
        "https://evil.example/cb",
        "javascript://x/%0aalert(1)",
        "http://evil.example",
    ] {
        let asked = [("provider", "google"), ("redirect_uri", redirect)];
        let answer = client().get(page(&server, &asked)).send().await.unwrap();
        assert_eq!(Answer::of(answer).await.status, 400, "{redirect}");
        let form = [
            ("redirect_uri", redirect),
            ("email", "ann@example.org"),
            ("password", password),
        ];
        let answer = post_form(&server, PAGE, &[], &form).await;
        assert_eq!(answer.status, 400, "{redirect}");
    }
    let other = format!("{PAGE}?provider=facebook&redirect_uri=omi%3A%2F%2Fauth");
    let answer = server.send(reqwest::Method::GET, &other, None, None).await;
    assert_eq!(
        (answer.status, &answer.body["detail"]),
        (400, &json!("Unsupported provider"))
    );

    // Another site's form signs nobody in, even with the right password.
    let form = [
        ("redirect_uri", APP),
        ("email", "ann@example.org"),
        ("password", password),
    ];
    for headers in [
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
    ] {
        let answer = post_form(&server, PAGE, &headers, &form).await;
        assert_eq!(answer.status, 403, "{headers:?}: {answer:#?}");
    }
    let own = [("origin", server.url.as_str())];
    assert_eq!(post_form(&server, PAGE, &own, &form).await.status, 200);

    // The page stays, with the address that was typed, until there were too many.
    let wrong = [
        ("redirect_uri", APP),
        ("email", "ann@example.org"),
        ("password", "guess"),
    ];
    let answer = post_form(&server, PAGE, &[], &wrong).await;
    assert_eq!(answer.status, 401);
    let html = answer.body.as_str().unwrap();
    assert!(
        html.contains("is wrong") && html.contains("value=\"ann@example.org\""),
        "{html}"
    );
    assert!(!html.contains("guess"));
    let mut last = 0;
    for _ in 0..6 {
        last = post_form(&server, PAGE, &[], &wrong).await.status;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(last, 429);
    // Then the right one does not count either.
    assert_eq!(post_form(&server, PAGE, &[], &form).await.status, 429);
}
