//! Google and Apple say who it is.

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use reqwest::Method;
use serde_json::{Value, json};

use super::{APP, IDENTITIES, accounts, assert_page, come, exchange, server, text, tokens};
use crate::support::{
    firebase::Key,
    openid::{CLIENT, Issuer, Trip, browser, ec_key, encoded, leads_to, parameter, post_form},
    server::Answer,
};

#[tokio::test(flavor = "multi_thread")]
async fn google_says_who_it_is_and_that_is_one_account_each_time() {
    let issuer = Issuer::start().await;
    let firebase = Key::new("account");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("service-account.json");
    let content =
        json!({"client_email": "signer@example.org", "private_key": firebase.private_pem()});
    std::fs::write(&file, content.to_string()).unwrap();
    let mut env = issuer.as_google();
    env.push((
        "OMI_FIREBASE__SERVICE_ACCOUNT",
        file.to_str().unwrap().into(),
    ));
    let server = server(env).await;
    let local = server.user("ann@example.org").await;

    let trip = Trip::to_sign_in(&server, "google").await;
    assert!(
        trip.to
            .as_str()
            .starts_with(&format!("{}/authorize?x=1&", issuer.url))
    );
    let callback = format!("{}/v1/auth/callback/google", server.url);
    for (name, told) in [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", callback.as_str()),
        ("scope", "openid email profile"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(trip.get(name), told);
    }
    assert!(
        trip.set_cookie
            .ends_with("; Path=/v1/auth/callback; Max-Age=300; HttpOnly; SameSite=Lax"),
        "{}",
        trip.set_cookie
    );
    // What the provider sees tells nothing of what the browser keeps, or the app sent.
    let (_, kept) = trip.cookie.split_once('=').unwrap();
    assert!(!trip.to.as_str().contains(kept) && !trip.to.as_str().contains("omi%3A"));

    let code = issuer.code(&trip, "ann");
    let page = trip.back(&server, &code).await;
    assert_page(&page, 200, "You are signed in");
    let gone = page.headers["set-cookie"].to_str().unwrap();
    assert!(gone.contains("=; ") && gone.contains("Max-Age=0"), "{gone}");
    let led = leads_to(&page);
    assert!(
        led.as_str().starts_with("omi://auth/callback?code="),
        "{led}"
    );
    assert_eq!(parameter(&led, "state"), "a+b/c=&<\"");
    let asked = issuer.asked.lock().unwrap()[0].clone();
    assert_eq!(asked["grant_type"], "authorization_code");
    assert_eq!(
        (asked["client_id"].as_str(), asked["client_secret"].as_str()),
        (CLIENT, "a secret of google")
    );
    assert_eq!(
        (asked["code"].as_str(), asked["redirect_uri"].as_str()),
        (code.as_str(), callback.as_str())
    );

    let custom = [("use_custom_token", "true")];
    let signed_in = exchange(&server, &parameter(&led, "code"), &custom)
        .await
        .ok();
    assert_eq!(
        (
            text(&signed_in, "provider"),
            text(&signed_in, "provider_id")
        ),
        ("google", "google.com")
    );
    let uid = text(&signed_in, "uid").to_string();
    // Firebase is told of the same uid.
    let public = jsonwebtoken::DecodingKey::from_rsa_pem(firebase.public_pem().as_bytes()).unwrap();
    let mut rules = Validation::new(Algorithm::RS256);
    rules.validate_aud = false;
    let told = decode::<Value>(text(&signed_in, "custom_token"), &public, &rules).unwrap();
    assert_eq!(told.claims["uid"], uid.as_str());

    // The address is verified, and that of a local account: it is shown, and joins nothing.
    let token = text(&signed_in, "access_token");
    let profile = server.get("/v1/users/profile", token).await.ok();
    assert_eq!(
        (text(&profile, "name"), text(&profile, "email")),
        ("ann of the issuer", "ann@example.org")
    );
    assert_ne!(uid, local.uid);
    let fact = json!({"content": "Likes tea"});
    server
        .post("/v1/dev/user/memories", &local.developer_key, fact)
        .await
        .ok();
    assert_eq!(server.get("/v3/memories", token).await.ok(), json!([]));
    let identities = server.get(IDENTITIES, token).await.ok();
    assert_eq!(
        (
            text(&identities[0], "provider"),
            text(&identities[0], "email")
        ),
        ("google", "ann@example.org")
    );
    assert_eq!(server.get(IDENTITIES, &local.token).await.ok(), json!([]));

    // Whoever comes again is the same, whatever else is said of them; two at once are one.
    let again = come(&server, &issuer, "ann").await;
    assert_eq!(text(&again, "uid"), uid);
    let (one, two) = tokio::join!(come(&server, &issuer, "ben"), come(&server, &issuer, "ben"));
    assert_eq!(text(&one, "uid"), text(&two, "uid"));
    let trip = Trip::to_sign_in(&server, "google").await;
    let mut claims = issuer.claims(&trip, "carol");
    claims["email"] = json!("ben@example.org");
    claims["email_verified"] = json!(false);
    claims["name"] = json!("<b>\u{0}");
    let page = trip
        .back(&server, &issuer.code_for(&trip, issuer.key.sign(&claims)))
        .await;
    let carol = tokens(&server, &page).await;
    assert_ne!(text(&carol, "uid"), text(&one, "uid"));
    let profile = server
        .get("/v1/users/profile", text(&carol, "access_token"))
        .await
        .ok();
    // Nobody knows that it is hers.
    assert_eq!(
        (&profile["email"], text(&profile, "name")),
        (&Value::Null, "<b>")
    );
    assert_eq!(accounts(&server).await, 4);

    // Who leaves is forgotten at once.
    let left = server
        .send(
            Method::DELETE,
            "/v1/users/delete-account",
            Some(token),
            None,
        )
        .await;
    left.ok();
    assert_ne!(text(&come(&server, &issuer, "ann").await, "uid"), uid);
}

#[tokio::test(flavor = "multi_thread")]
async fn apple_posts_a_form_and_tells_a_name_once() {
    let issuer = Issuer::start().await;
    let (private, public) = ec_key();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.p8");
    std::fs::write(&file, private).unwrap();
    let server = server(issuer.as_apple(&file)).await;

    let trip = Trip::to_sign_in(&server, "apple").await;
    assert_eq!(trip.get("response_mode"), "form_post");
    assert_eq!(trip.get("scope"), "openid name email");
    // A form of another site brings only such a cookie along.
    assert!(
        trip.set_cookie
            .ends_with("; HttpOnly; SameSite=None; Secure"),
        "{}",
        trip.set_cookie
    );
    let mut claims = issuer.claims(&trip, "ann");
    claims.as_object_mut().unwrap().remove("name");
    // As Apple writes it.
    claims["email_verified"] = json!("true");
    let code = issuer.code_for(&trip, issuer.key.sign(&claims));
    let user =
        json!({"name": {"firstName": "Ann", "lastName": "Lee"}, "email": "other@example.org"})
            .to_string();
    let page = trip
        .post_back(&server, &[("code", &code), ("user", &user)])
        .await;
    assert_page(&page, 200, "You are signed in");
    let signed_in = tokens(&server, &page).await;
    assert_eq!(
        (
            text(&signed_in, "provider"),
            text(&signed_in, "provider_id")
        ),
        ("apple", "apple.com")
    );
    let profile = server
        .get("/v1/users/profile", text(&signed_in, "access_token"))
        .await
        .ok();
    assert_eq!(
        (text(&profile, "name"), text(&profile, "email")),
        ("Ann Lee", "ann@example.org")
    );

    // The client secret is a token of ours, for this exchange.
    let secret = issuer.asked.lock().unwrap()[0]["client_secret"].clone();
    let head = decode_header(&secret).unwrap();
    assert_eq!(
        (head.alg, head.kid.as_deref()),
        (Algorithm::ES256, Some("KEY"))
    );
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_audience(&[&issuer.url]);
    let told = decode::<Value>(&secret, &public, &rules).unwrap().claims;
    assert_eq!(
        (&told["iss"], &told["sub"]),
        (&json!("TEAM"), &json!(CLIENT))
    );
    assert_eq!(
        told["exp"].as_i64().unwrap() - told["iat"].as_i64().unwrap(),
        300
    );

    // Later it tells neither name nor address.
    let trip = Trip::to_sign_in(&server, "apple").await;
    for name in ["name", "email", "email_verified"] {
        claims.as_object_mut().unwrap().remove(name);
    }
    claims["nonce"] = json!(trip.get("nonce"));
    let code = issuer.code_for(&trip, issuer.key.sign(&claims));
    let page = trip.post_back(&server, &[("code", &code)]).await;
    assert_eq!(tokens(&server, &page).await["uid"], signed_in["uid"]);
    let profile = server
        .get("/v1/users/profile", text(&signed_in, "access_token"))
        .await
        .ok();
    assert_eq!(text(&profile, "name"), "Ann Lee");

    let trip = Trip::to_sign_in(&server, "apple").await;
    let page = trip
        .post_back(&server, &[("error", "user_cancelled_authorize")])
        .await;
    assert_page(&page, 200, "You are not signed in");
    // A form is what it takes, and nothing else opens a page.
    let path = "/v1/auth/callback/apple";
    assert_eq!(server.send(Method::GET, path, None, None).await.status, 405);
    assert_page(
        &post_form(&server, path, &[], &[]).await,
        400,
        "Start again",
    );
    // Google is not set up: the form says so, and is there all the same.
    let asked = encoded(&[("provider", "google"), ("redirect_uri", APP)]);
    let page = server
        .send(
            Method::GET,
            &format!("/v1/auth/authorize?{asked}"),
            None,
            None,
        )
        .await;
    assert_page(
        &page,
        200,
        "This server is not set up for signing in with Google.",
    );
    assert_page(&page, 200, "name=\"password\"");
    assert_page(&page, 200, "Continue with Apple");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_may_prove_that_it_is_the_one_that_asked() {
    let issuer = Issuer::start().await;
    let server = server(issuer.as_google()).await;
    let created = server
        .cli(&["user", "create", "--email", "ann@example.org"])
        .await;
    let (_, password) = created.split_once('\n').unwrap();
    // RFC 7636, appendix B.
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let asked = [
        ("redirect_uri", APP),
        (
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        ),
        ("code_challenge_method", "S256"),
    ];
    let by_google = async || {
        let mut asked = asked.to_vec();
        asked.push(("provider", "google"));
        let trip = Trip::begin(&server, &asked).await;
        let page = trip.back(&server, &issuer.code(&trip, "ann")).await;
        parameter(&leads_to(&page), "code")
    };
    let by_password = async || {
        let mut form = asked.to_vec();
        form.extend([("email", "ann@example.org"), ("password", password)]);
        let page = post_form(&server, "/v1/auth/authorize", &[], &form).await;
        parameter(&leads_to(&page), "code")
    };
    let refused = async |code: &str, shown: &[(&str, &str)]| {
        let answer = exchange(&server, code, shown).await;
        assert_eq!(
            (answer.status, &answer.body["detail"]),
            (400, &json!("code_verifier mismatch")),
            "{answer:#?}"
        );
        // That used it up.
        let answer = exchange(&server, code, &[("code_verifier", verifier)]).await;
        assert_eq!(answer.status, 400);
    };
    for wrong in [
        &[][..],
        &[("code_verifier", "")],
        &[("code_verifier", "another")],
    ] {
        refused(&by_google().await, wrong).await;
        refused(&by_password().await, wrong).await;
    }
    for code in [by_google().await, by_password().await] {
        exchange(&server, &code, &[("code_verifier", verifier)])
            .await
            .ok();
    }
    // Nobody adds one afterwards.
    let trip = Trip::to_sign_in(&server, "google").await;
    let page = trip.back(&server, &issuer.code(&trip, "ann")).await;
    refused(
        &parameter(&leads_to(&page), "code"),
        &[("code_verifier", verifier)],
    )
    .await;
    // The form leads to the provider, with all that the app asked for.
    let url = format!("{}/v1/auth/authorize?{}", server.url, encoded(&asked));
    let page = Answer::of(browser().get(url).send().await.unwrap()).await;
    let html = page.body.as_str().unwrap();
    let (_, rest) = html.split_once("href=\"").unwrap();
    let (way, _) = rest.split_once('"').unwrap();
    let way = way.replace("&amp;", "&");
    assert!(
        way.starts_with("/v1/auth/authorize?provider=google&")
            && way.contains("code_challenge=E9Mel"),
        "{way}"
    );
    let answer = browser()
        .get(format!("{}{way}", server.url))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 307);
}
