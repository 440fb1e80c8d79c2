//! A browser that went to a provider comes back once.

use serde_json::{Value, json};

use super::{assert_page, exchange, server, tokens};
use crate::support::{
    openid::{Issuer, Trip, ec_key, leads_to, parameter},
    server::Answer,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_ends_once_in_the_browser_in_which_it_began() {
    let issuer = Issuer::start().await;
    let (private, _) = ec_key();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.p8");
    std::fs::write(&file, private).unwrap();
    let mut env = issuer.as_google();
    env.extend(issuer.as_apple(&file));
    let server = server(env).await;
    let lost = |page: &Answer| assert_page(page, 400, "began in another browser");

    // Another browser, or none: its owner can go on.
    let trip = Trip::to_sign_in(&server, "google").await;
    let other = Trip::to_sign_in(&server, "google").await;
    let (code, state) = (issuer.code(&trip, "ann"), trip.get("state"));
    let told = [("code", code.as_str()), ("state", state.as_str())];
    let (name, _) = trip.cookie.split_once('=').unwrap();
    let (_, value) = other.cookie.split_once('=').unwrap();
    let swapped = format!("{name}={value}");
    for cookie in ["", other.cookie.as_str(), &swapped, &format!("{name}=")] {
        lost(&trip.back_with(&server, cookie, &told).await);
    }
    // Nor does another provider end it.
    lost(&trip.post_back(&server, &[("code", &code)]).await);
    for state in ["", "x", &"0".repeat(64), "\u{0}"] {
        lost(
            &trip
                .back_with(&server, &trip.cookie, &[("code", &code), ("state", state)])
                .await,
        );
    }
    assert_eq!(issuer.asked.lock().unwrap().len(), 0);
    // Among others, the right cookie is found.
    let among = format!("a=b; {}; {}", other.cookie, trip.cookie);
    let page = trip.back_with(&server, &among, &told).await;
    tokens(&server, &page).await;

    // What was used does not count again, with the same code or another.
    lost(&trip.back(&server, &code).await);
    lost(&trip.back(&server, &issuer.code(&trip, "ann")).await);
    let code = parameter(&leads_to(&page), "code");
    let answer = exchange(&server, &code, &[]).await;
    assert_eq!(
        (answer.status, &answer.body["detail"]),
        (400, &json!("Invalid or expired code"))
    );
    // Two at once: one of them.
    let trip = Trip::to_sign_in(&server, "google").await;
    let code = issuer.code(&trip, "ann");
    let (one, two) = tokio::join!(trip.back(&server, &code), trip.back(&server, &code));
    let mut both = [one.status, two.status];
    both.sort();
    assert_eq!(both, [200, 400]);
    // A code of the provider that it has not given, or gave to another visit.
    for subject in ["made up", "stolen"] {
        let trip = Trip::to_sign_in(&server, "google").await;
        let code = match subject {
            "stolen" => issuer.code(&other, "ann"),
            made_up => made_up.to_string(),
        };
        assert_page(&trip.back(&server, &code).await, 400, "does not count");
    }
    let trip = Trip::to_sign_in(&server, "google").await;
    let db = server.pool().await;
    sqlx::query("update provider_visits set expires_at = now() - interval '1 second'")
        .execute(&db)
        .await
        .unwrap();
    lost(&trip.back(&server, &issuer.code(&trip, "ann")).await);
    // Nobody who reads the database can end a visit.
    let trip = Trip::to_sign_in(&server, "google").await;
    let row: Value = sqlx::query_scalar(
        "select to_jsonb(v) from provider_visits v order by expires_at desc limit 1",
    )
    .fetch_one(&db)
    .await
    .unwrap();
    let row = row.to_string();
    for secret in [
        trip.get("state"),
        trip.get("nonce"),
        trip.cookie.split_once('=').unwrap().1.to_string(),
    ] {
        assert!(!row.contains(&secret), "{row}");
    }
    db.close().await;
}
