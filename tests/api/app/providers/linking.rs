//! An owner adds Google to an account, and takes it away.

use reqwest::Method;
use serde_json::json;

use super::{IDENTITIES, accounts, assert_page, come, server, text};
use crate::support::{
    openid::{Issuer, Trip, browser, post_form},
    server::Answer,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_links_an_identity_and_takes_it_away() {
    let issuer = Issuer::start().await;
    let server = server(issuer.as_google()).await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let path = format!("{IDENTITIES}/google");
    let address = async |token: &str| {
        let answer = server.post(&path, token, json!({})).await;
        assert_eq!(answer.headers["cache-control"], "no-store");
        let told = answer.ok();
        assert_eq!(told["expires_in"], 300);
        text(&told, "url").to_string()
    };
    let url = address(&ann.token).await;
    assert!(
        url.starts_with(&format!("{}/v1/auth/link?ticket=", server.url)),
        "{url}"
    );
    // To look at the address uses nothing up; it says whose account it is.
    for _ in 0..2 {
        let page = Answer::of(browser().get(&url).send().await.unwrap()).await;
        assert_page(&page, 200, "ann@example.org");
    }
    let (_, ticket) = url.split_once("ticket=").unwrap();
    for headers in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let page = post_form(&server, "/v1/auth/link", &[headers], &[("ticket", ticket)]).await;
        assert_page(&page, 403, "another site");
    }
    let trip = Trip::to_link(&server, &url).await;
    let page = post_form(&server, "/v1/auth/link", &[], &[("ticket", ticket)]).await;
    assert_page(&page, 404, "has been used");
    let page = Answer::of(browser().get(&url).send().await.unwrap()).await;
    assert_page(&page, 404, "has been used");
    let page = trip.back(&server, &issuer.code(&trip, "ann")).await;
    assert_page(&page, 200, "Google is linked");

    // From now on that is her, without a second account.
    let signed_in = come(&server, &issuer, "ann").await;
    assert_eq!(text(&signed_in, "uid"), ann.uid);
    assert_eq!(accounts(&server).await, 2);
    let listed = server.get(IDENTITIES, &ann.token).await.ok();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(
        (text(&listed[0], "provider"), text(&listed[0], "email")),
        ("google", "ann@example.org")
    );
    // Her own once more is no mistake; another of hers is, and so is hers for another.
    let link = async |token: &str, subject: &str| {
        let trip = Trip::to_link(&server, &address(token).await).await;
        trip.back(&server, &issuer.code(&trip, subject)).await
    };
    assert_page(&link(&ann.token, "ann").await, 200, "Google is linked");
    assert_page(
        &link(&ann.token, "second").await,
        409,
        "Unlink that one first",
    );
    assert_page(
        &link(&ben.token, "ann").await,
        409,
        "belongs to another account",
    );
    let uid = come(&server, &issuer, "ann").await;
    assert_eq!(text(&uid, "uid"), ann.uid);
    assert_eq!(server.get(IDENTITIES, &ben.token).await.ok(), json!([]));
    // It begins in one browser and ends there.
    let trip = Trip::to_link(&server, &address(&ben.token).await).await;
    let (code, state) = (issuer.code(&trip, "ben"), trip.get("state"));
    let told = [("code", code.as_str()), ("state", state.as_str())];
    assert_page(
        &trip.back_with(&server, "", &told).await,
        400,
        "another browser",
    );

    let unlink = async |token: &str| server.send(Method::DELETE, &path, Some(token), None).await;
    assert_eq!(unlink(&ben.token).await.status, 404);
    assert_eq!(unlink(&ann.token).await.status, 204);
    assert_eq!(unlink(&ann.token).await.status, 404);
    assert_eq!(server.get(IDENTITIES, &ann.token).await.ok(), json!([]));
    // Now it is somebody new, who has nothing else to sign in with.
    let new = come(&server, &issuer, "ann").await;
    assert_ne!(text(&new, "uid"), ann.uid);
    let answer = unlink(text(&new, "access_token")).await;
    assert_eq!(answer.status, 409, "{answer:#?}");
    assert_eq!(
        text(&come(&server, &issuer, "ann").await, "uid"),
        text(&new, "uid")
    );
    for (method, path, status) in [
        (Method::POST, "/v1/users/me/identities/facebook", 400),
        (Method::DELETE, "/v1/users/me/identities/facebook", 400),
        // Known, but not set up here.
        (Method::POST, "/v1/users/me/identities/apple", 400),
        (Method::DELETE, "/v1/users/me/identities/apple", 404),
    ] {
        let answer = server
            .send(method.clone(), path, Some(&ann.token), None)
            .await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:#?}");
        let sentence = answer.body["detail"].as_str().unwrap();
        assert!(!sentence.is_empty());
    }
    // The account goes with all that waits for it.
    let trip = Trip::to_link(&server, &address(&ben.token).await).await;
    let waiting = address(&ben.token).await;
    server
        .send(
            Method::DELETE,
            "/v1/users/delete-account",
            Some(&ben.token),
            None,
        )
        .await
        .ok();
    assert_page(
        &trip.back(&server, &issuer.code(&trip, "ben")).await,
        400,
        "Start again",
    );
    let page = Answer::of(browser().get(&waiting).send().await.unwrap()).await;
    assert_eq!(page.status, 404);
}
