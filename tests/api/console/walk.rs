//! The pages in a real browser, as somebody uses them, on a phone and on a desktop.

use std::net::Ipv4Addr;

use axum::{Router, extract::RawQuery, routing::get};
use tokio::{net::TcpListener, sync::mpsc};

use crate::support::{
    Server,
    chromium::Chromium,
    connector::{Connector, VERIFIER, call},
};

/// Where an assistant on the user's device waits for an answer: its address, and what comes there.
async fn assistant() -> (String, mpsc::UnboundedReceiver<String>) {
    let (heard, answers) = mpsc::unbounded_channel();
    let callback = async move |RawQuery(query): RawQuery| {
        heard.send(query.unwrap_or_default()).unwrap();
        "Back at the assistant."
    };
    let routes = Router::new().route("/callback", get(callback));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = format!("http://{}/callback", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (address, answers)
}

#[tokio::test]
async fn a_person_walks_the_pages_in_a_browser() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let home = tempfile::tempdir().unwrap();
    let mut browser = Chromium::start(home.path()).await;
    browser.screen(390, 844, true).await;

    browser.open(&server.url).await;
    browser.until_text("Sign in").await;
    browser.picture("phone-sign-in").await;
    browser.fill("[name=email]", &ann.email).await;
    browser.fill("[name=password]", "not the password").await;
    browser.click("form button").await;
    browser.until_text("wrong").await;
    browser.fill("[name=password]", &ann.password).await;
    browser.click("form button").await;
    browser.until_text("Connect an assistant").await;
    assert_eq!(
        browser.value("location.pathname").await,
        "/connect",
        "back where they wanted to go"
    );
    fits(&mut browser, "connect").await;
    browser.picture("phone-connect").await;

    browser.fill("[name=name]", "Laptop").await;
    browser.click("form[action='/connect/keys'] button").await;
    browser.until_text("Your new key").await;
    let key = browser
        .value("document.getElementById('key').textContent")
        .await;
    let steps = browser
        .value("document.getElementById('remote-key').textContent")
        .await;
    assert!(steps.as_str().unwrap().contains(key.as_str().unwrap()));
    fits(&mut browser, "a new key").await;
    browser.picture("phone-key").await;

    browser.screen(1280, 900, false).await;
    browser.open(&format!("{}/connect", server.url)).await;
    browser
        .until("document.querySelector('[data-copy=address]').hidden === false")
        .await;
    browser.click("[data-copy=address]").await;
    browser
        .until("document.querySelector('[data-copy=address]').textContent !== 'Copy'")
        .await;
    browser
        .value("document.querySelectorAll('details').forEach(it => it.open = true)")
        .await;
    browser.picture("desktop-connect").await;
    browser.dark(true).await;
    browser.picture("desktop-connect-dark").await;
    browser.dark(false).await;

    // An assistant asks, and gets what is ticked.
    let (returns, mut answers) = assistant().await;
    let connector = Connector::of(&server, "none", &returns).await;
    let page = format!(
        "{}{}",
        server.url,
        connector.page(&[("redirect_uri", &returns)])
    );
    for (width, phone) in [(390, true), (1280, false)] {
        browser.screen(width, 844, phone).await;
        browser.open(&page).await;
        browser.until_text("Test Assistant").await;
        fits(&mut browser, "the page that asks").await;
        browser
            .picture(if phone {
                "phone-consent"
            } else {
                "desktop-consent"
            })
            .await;
    }
    browser.click("[name='may.memories:write']").await;
    browser.click("[value=allow]").await;
    browser.until_text("Back at the assistant.").await;
    let told = answers.recv().await.unwrap();
    let told: Vec<_> = form_urlencoded::parse(told.as_bytes())
        .into_owned()
        .collect();
    let code = &told.iter().find(|(name, _)| name == "code").unwrap().1;
    let tokens = connector
        .ask(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &returns),
            ("code_verifier", VERIFIER),
        ])
        .await
        .ok();
    let token = tokens["access_token"].as_str().unwrap();
    let fact = serde_json::json!({"content": "Ann has a boat"});
    call(&server, token, "create_memory", fact).await.ok();

    browser.open(&format!("{}/connect", server.url)).await;
    browser.until_text("Test Assistant").await;
    browser.click("form[action^='/connect/test'] button").await;
    browser.until_text("Everything works.").await;
    browser.screen(390, 844, true).await;
    fits(&mut browser, "the test").await;
    browser.picture("phone-tested").await;
    browser
        .click("form[action='/connect/assistants/disconnect'] button")
        .await;
    browser.until_text("None yet.").await;
    let refused = call(&server, token, "get_memories", serde_json::json!({})).await;
    assert_eq!(refused.status, 401);

    browser.click(".out button").await;
    browser.until_text("You are signed out").await;
    browser.open(&format!("{}/connect", server.url)).await;
    browser.until_text("E-mail address").await;
    browser.complaints.retain(|text| !text.contains("401"));
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
}

/// Nobody has to scroll sideways.
async fn fits(browser: &mut Chromium, page: &str) {
    let wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.value(wider).await, 0, "{page} is too wide");
}
