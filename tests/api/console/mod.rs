//! The pages in a browser: signing in, forms that only they can send, keys for assistants.

mod self_test;
mod walk;

use serde_json::json;

use crate::support::{
    Server, ServerOptions,
    openid::{Issuer, Trip, encoded, parameter},
    server::client,
    visitor::Visitor,
};

async fn answers(server: &Server, key: &str) -> u16 {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_memories"}});
    server.post("/v1/mcp/sse", key, call).await.status
}

#[tokio::test]
async fn somebody_signs_in_makes_a_key_and_signs_out() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let visitor = Visitor::new(&server);
    assert_eq!(visitor.get("/").await.location(), "/connect");
    let asked = visitor.get("/connect").await;
    assert_eq!(asked.location(), "/sign-in?next=%2Fconnect");

    let page = visitor.sign_in(&ann, "/connect?from=test").await;
    assert_eq!(page.status, 200);
    let address = format!("{}/v1/mcp/sse", server.url);
    for text in [
        "ann@example.org",
        address.as_str(),
        "claude mcp add",
        "mcp-remote",
    ] {
        assert!(page.html.contains(text), "{text} in {}", page.html);
    }
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "form-action 'self';",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert_eq!(page.headers["cache-control"], "no-store");
    assert!(!page.html.contains(" style=") && !page.html.contains("onclick"));
    for asset in ["/assets/console.css?", "/assets/console.js?"] {
        let (_, rest) = page.html.split_once(asset).unwrap();
        let path = format!("{asset}{}", rest.split('"').next().unwrap());
        let asset = visitor.get(&path).await;
        assert_eq!(asset.status, 200);
        assert!(
            asset.headers["cache-control"]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
    }

    let csrf = page.csrf();
    let unnamed = visitor
        .post("/connect/keys", &[("csrf", &csrf), ("name", " ")])
        .await;
    assert_eq!(unnamed.status, 422);
    assert!(unnamed.html.contains("Key name cannot be empty"));
    let made = visitor
        .post("/connect/keys", &[("csrf", &csrf), ("name", "<b>desk</b>")])
        .await;
    assert_eq!(made.status, 200);
    let (_, rest) = made.html.split_once("id=\"key\">").unwrap();
    let key = rest.split('<').next().unwrap();
    assert!(key.starts_with("omi_mcp_") && key.len() == 40, "{key}");
    assert!(made.html.contains("&lt;b&gt;desk&lt;/b&gt;") && !made.html.contains("<b>desk"));
    assert_eq!(answers(&server, key).await, 200);
    let again = visitor.get("/connect").await;
    assert!(!again.html.contains(key));

    let id = again.field("id");
    let revoked = visitor
        .post("/connect/keys/revoke", &[("csrf", &csrf), ("id", &id)])
        .await;
    assert_eq!(revoked.location(), "/connect");
    assert_eq!(answers(&server, key).await, 401);
    assert_eq!(answers(&server, &ann.mcp_key).await, 200);

    // The cookie opens pages and nothing else.
    let cookie = visitor.cookie("omi").unwrap();
    assert_eq!(server.get("/v1/mcp/keys", &cookie).await.status, 401);
    assert_eq!(answers(&server, &cookie).await, 401);
    let out = visitor.post("/sign-out", &[("csrf", &csrf)]).await;
    assert_eq!(out.status, 200);
    assert!(visitor.cookie("omi").is_none());
    visitor.set_cookie("omi", &cookie);
    assert_eq!(visitor.get("/connect").await.status, 303);
}

#[tokio::test]
async fn forms_of_others_are_refused() {
    let server = Server::deaf().await;
    let (ann, ben) = (
        server.user("ann@example.org").await,
        server.user("ben@example.org").await,
    );
    let anns = Visitor::signed_in(&server, &ann).await;
    let bens = Visitor::signed_in(&server, &ben).await;
    let (csrf, foreign) = (
        anns.get("/connect").await.csrf(),
        bens.get("/connect").await.csrf(),
    );
    assert_ne!(csrf, foreign);
    let site = "sec-fetch-site";
    for (headers, csrf) in [
        (vec![(site, "same-origin")], foreign.as_str()),
        (vec![(site, "same-origin")], ""),
        (vec![(site, "cross-site")], &csrf),
        (vec![(site, "same-site")], &csrf),
        (vec![("origin", "https://evil.example")], &csrf),
        (vec![("origin", "null")], &csrf),
    ] {
        for path in ["/connect/keys", "/connect/keys/revoke", "/sign-out"] {
            let form = [("csrf", csrf), ("name", "forged")];
            let refused = anns.post_from(path, &headers, &form).await;
            assert_eq!(refused.status, 403, "{path} {headers:?}: {refused:#?}");
        }
    }
    let page = anns.get("/connect").await;
    assert_eq!(page.status, 200, "still signed in");
    assert!(!page.html.contains("forged"));

    // Another's key is not there to be revoked.
    let id = page.field("id");
    let form = [("csrf", foreign.as_str()), ("id", id.as_str())];
    assert_eq!(
        bens.post("/connect/keys/revoke", &form).await.location(),
        "/connect"
    );
    assert_eq!(answers(&server, &ann.mcp_key).await, 200);
}

#[tokio::test]
async fn a_sign_in_belongs_to_one_browser_and_leads_nowhere_else() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    for next in ["https://evil.example", "//evil.example", "/\\evil.example"] {
        let visitor = Visitor::new(&server);
        let query = encoded(&[("next", next)]);
        let asked = visitor.get(&format!("/sign-in?{query}")).await;
        assert!(asked.location().starts_with("/v1/auth/authorize?"));
        let kept = visitor.cookie("omi_visit").unwrap();
        assert!(kept.ends_with(".Lw"), "{kept}: goes back to the first page");
    }

    // A link with another's code signs nobody in.
    let attacker = Visitor::new(&server);
    let asked = attacker.get("/sign-in").await;
    let shown = attacker.get(asked.location()).await;
    let (state, challenge) = (shown.field("state"), shown.field("code_challenge"));
    let form = [
        ("redirect_uri", "/signed-in"),
        ("state", &state),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("email", &ann.email),
        ("password", &ann.password),
    ];
    let back = attacker.post("/v1/auth/authorize", &form).await;
    let link = back.location();
    assert!(link.starts_with("/signed-in?code="), "{link}");
    let victim = Visitor::new(&server);
    assert_eq!(victim.get(link).await.status, 400);
    assert!(victim.cookie("omi").is_none());
    victim.get("/sign-in").await;
    assert_eq!(victim.get(link).await.status, 400);
    assert!(victim.cookie("omi").is_none());
    assert_eq!(attacker.get(link).await.location(), "/");
    assert_eq!(attacker.get(link).await.status, 400, "once");

    // Elsewhere the page's own address is no place for codes.
    let foreign = format!(
        "{}/signed-in",
        server.url.replace("127.0.0.1", "omi.example")
    );
    let query = encoded(&[("redirect_uri", &foreign)]);
    let url = format!("{}/v1/auth/authorize?{query}", server.url);
    assert_eq!(client().get(url).send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn google_signs_somebody_in_to_the_pages() {
    let issuer = Issuer::start().await;
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: issuer.as_google(),
        ..ServerOptions::default()
    })
    .await;
    let visitor = Visitor::new(&server);
    let asked = visitor
        .get("/sign-in?next=%2Fconnect%3Ffrom%3Dgoogle")
        .await;
    let page = visitor.get(asked.location()).await;
    assert!(page.html.contains("Continue with Google"), "{page:#?}");
    let with_google = format!("{}&provider=google", asked.location());
    let away = visitor.get(&with_google).await;
    let trip = Trip {
        to: away.location().parse().unwrap(),
        cookie: String::new(),
        set_cookie: String::new(),
    };
    let (code, state) = (issuer.code(&trip, "ann"), parameter(&trip.to, "state"));
    let told = encoded(&[("code", &code), ("state", &state)]);
    let back = visitor
        .get(&format!("/v1/auth/callback/google?{told}"))
        .await;
    let signed_in = visitor.get(back.location()).await;
    assert_eq!(signed_in.location(), "/connect?from=google");
    let page = visitor.get(signed_in.location()).await;
    assert_eq!(page.status, 200, "{page:#?}");

    // Who stops there comes back, too, and may try again.
    let visitor = Visitor::new(&server);
    let asked = visitor.get("/sign-in").await;
    let away = visitor
        .get(&format!("{}&provider=google", asked.location()))
        .await;
    let to = away.location().parse().unwrap();
    let told = encoded(&[
        ("error", "access_denied"),
        ("state", &parameter(&to, "state")),
    ]);
    let back = visitor
        .get(&format!("/v1/auth/callback/google?{told}"))
        .await;
    assert_eq!(back.status, 200);
    let (_, rest) = back.html.split_once("href=\"/signed-in?").unwrap();
    let path = rest.split('"').next().unwrap().replace("&amp;", "&");
    let again = visitor.get(&format!("/signed-in?{path}")).await;
    assert_eq!(again.status, 400);
    assert!(again.html.contains("You have not signed in."), "{again:#?}");
    assert!(visitor.cookie("omi").is_none());
}
