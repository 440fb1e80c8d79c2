//! What signs nobody in: ID tokens that do not count, and providers that refuse or are down.

use base64::{Engine as _, prelude::*};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::{APP, accounts, assert_page, come, server};
use crate::support::{
    Server, ServerOptions,
    firebase::Key,
    openid::{CLIENT, Issuer, Trip, browser, encoded},
    server::Answer,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_count_signs_nobody_in() {
    let issuer = Issuer::start().await;
    let server = server(issuer.as_google()).await;
    let refused = async |what: &str, token: &dyn Fn(&Trip) -> String| {
        let trip = Trip::to_sign_in(&server, "google").await;
        let page = trip
            .back(&server, &issuer.code_for(&trip, token(&trip)))
            .await;
        assert_eq!(page.status, 400, "{what}: {page:#?}");
        assert_page(&page, 400, "does not count");
    };
    let changed = async |what: &str, change: &dyn Fn(&mut Value)| {
        refused(what, &|trip| {
            let mut claims = issuer.claims(trip, "ann");
            change(&mut claims);
            issuer.key.sign(&claims)
        })
        .await;
    };
    changed("another nonce", &|one| one["nonce"] = json!("0".repeat(64))).await;
    changed("no nonce", &|one| one["nonce"] = Value::Null).await;
    changed("another audience", &|one| one["aud"] = json!("another")).await;
    changed("no audience", &|one| one["aud"] = Value::Null).await;
    changed("several, and not issued to us", &|one| {
        one["aud"] = json!([CLIENT, "another"])
    })
    .await;
    changed("issued to another", &|one| one["azp"] = json!("another")).await;
    changed("another issuer", &|one| {
        one["iss"] = json!("https://evil.example")
    })
    .await;
    changed("expired", &|one| {
        one["exp"] = json!(one["iat"].as_i64().unwrap() - 61)
    })
    .await;
    changed("from the future", &|one| {
        one["iat"] = json!(one["iat"].as_i64().unwrap() + 90)
    })
    .await;
    changed("nobody", &|one| one["sub"] = json!("")).await;
    changed("a name too long", &|one| {
        one["sub"] = json!("s".repeat(256))
    })
    .await;
    changed("U+0000", &|one| one["sub"] = json!("a\u{0}")).await;
    let stranger = Key::new("issuer");
    refused("another's signature", &|trip| {
        stranger.sign(&issuer.claims(trip, "ann"))
    })
    .await;
    let unknown = Key::new("unknown");
    refused("an unknown key", &|trip| {
        unknown.sign(&issuer.claims(trip, "ann"))
    })
    .await;
    refused("a changed payload", &|trip| {
        let (one, two) = (
            issuer.key.sign(&issuer.claims(trip, "ann")),
            issuer.key.sign(&issuer.claims(trip, "ben")),
        );
        let part = |token: &str, n: usize| token.split('.').nth(n).unwrap().to_string();
        format!("{}.{}.{}", part(&one, 0), part(&two, 1), part(&one, 2))
    })
    .await;
    for algorithm in ["none", "None", "HS256"] {
        refused(algorithm, &|trip| {
            let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
            let head = part(json!({"alg": algorithm, "kid": "issuer", "typ": "JWT"}));
            format!("{head}.{}.", part(issuer.claims(trip, "ann")))
        })
        .await;
    }
    let with = |algorithm: Algorithm, key: &EncodingKey, claims: &Value| {
        let mut head = Header::new(algorithm);
        head.kid = Some("issuer".into());
        encode(&head, claims, key).unwrap()
    };
    let public = issuer.key.public_pem();
    let shared = EncodingKey::from_secret(public.as_bytes());
    refused("the public key as a secret", &|trip| {
        with(Algorithm::HS256, &shared, &issuer.claims(trip, "ann"))
    })
    .await;
    let private = EncodingKey::from_rsa_pem(issuer.key.private_pem().as_bytes()).unwrap();
    refused("another algorithm", &|trip| {
        with(Algorithm::PS256, &private, &issuer.claims(trip, "ann"))
    })
    .await;
    refused("no token", &|_| "no token".into()).await;
    assert_eq!(accounts(&server).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_may_refuse_or_be_down() {
    let mut issuer = Some(Issuer::start().await);
    let mut env = issuer.as_ref().unwrap().as_google();
    env.push((
        "OMI_GOOGLE__NEWCOMERS",
        "ann@example.org, @family.example".into(),
    ));
    let server = server(env).await;
    let here = issuer.as_ref().unwrap();
    let told = async |error: &str| {
        let trip = Trip::to_sign_in(&server, "google").await;
        let state = trip.get("state");
        let told = [
            ("error", error),
            ("state", state.as_str()),
            ("error_description", "<script>"),
        ];
        let page = trip.back_with(&server, &trip.cookie, &told).await;
        // It counts as an end, too.
        assert_eq!(
            trip.back(&server, &here.code(&trip, "ann")).await.status,
            400
        );
        page
    };
    let page = told("access_denied").await;
    assert_page(&page, 200, "You are not signed in");
    assert_page(
        &page,
        200,
        "omi://auth/callback?error=access_denied&amp;state=a%2Bb",
    );
    assert_page(
        &told("invalid_scope\"><script>").await,
        400,
        "(invalid_scopescript)",
    );
    assert_page(
        &told("temporarily_unavailable").await,
        503,
        "Google does not answer",
    );
    let trip = Trip::to_sign_in(&server, "google").await;
    let state = trip.get("state");
    let page = trip
        .back_with(&server, &trip.cookie, &[("state", &state)])
        .await;
    assert_page(&page, 400, "no code");

    // Who has no account gets one only if the operator says so.
    let trip = Trip::to_sign_in(&server, "google").await;
    let page = trip.back(&server, &here.code(&trip, "ben")).await;
    assert_page(&page, 403, "makes no account for you");
    come(&server, here, "ann").await;
    // What an app would be sent to is looked at first; so is what it proves later.
    for (name, value) in [
        ("redirect_uri", "https://evil.example/cb"),
        ("redirect_uri", "javascript://x/%0aalert(1)"),
        ("code_challenge", "short"),
        ("code_challenge_method", "plain"),
    ] {
        let mut asked = vec![("provider", "google")];
        if name != "redirect_uri" {
            asked.extend([
                ("redirect_uri", APP),
                (
                    "code_challenge",
                    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
                ),
                ("code_challenge_method", "S256"),
            ]);
            asked.retain(|(known, _)| *known != name);
        }
        asked.push((name, value));
        let url = format!("{}/v1/auth/authorize?{}", server.url, encoded(&asked));
        let answer = Answer::of(browser().get(url).send().await.unwrap()).await;
        assert_eq!(answer.status, 400, "{name} {value}: {answer:#?}");
    }

    for status in [500, 503, 429] {
        here.answer(status);
        let trip = Trip::to_sign_in(&server, "google").await;
        let page = trip.back(&server, &here.code(&trip, "ann")).await;
        assert_page(&page, 503, "Google does not answer");
    }
    here.answer(401);
    let trip = Trip::to_sign_in(&server, "google").await;
    assert_page(
        &trip.back(&server, &here.code(&trip, "ann")).await,
        400,
        "does not count",
    );
    // Nobody listens there any more.
    let trip = Trip::to_sign_in(&server, "google").await;
    let code = here.code(&trip, "ann");
    drop(issuer.take());
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_page(
        &trip.back(&server, &code).await,
        503,
        "Google does not answer",
    );
    assert!(
        !server.log().contains("a secret of google"),
        "{}",
        server.log()
    );
}

#[tokio::test]
async fn browsers_are_sent_to_a_provider_so_often_and_no_more() {
    let issuer = Issuer::start().await;
    let mut env = issuer.as_google();
    env.push(("OMI_RATE_LIMIT__FAILURES_PER_MINUTE", "3".into()));
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env,
        ..ServerOptions::default()
    })
    .await;
    let asked = encoded(&[("provider", "google"), ("redirect_uri", APP)]);
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let url = format!("{}/v1/auth/authorize?{asked}", server.url);
        statuses.push(browser().get(url).send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses[..3], [307; 3], "{statuses:?}");
    assert!(statuses.contains(&429), "{statuses:?}");
}
