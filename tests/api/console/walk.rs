//! The pages in a real browser, as somebody uses them, on a phone and on a desktop.

use crate::support::{Server, chromium::Chromium};

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
