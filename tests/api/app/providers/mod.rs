//! Signing in with Google and Apple: a browser goes there and comes back, and who it is becomes an account here.

mod linking;
mod refusals;
mod sign_in;
mod visits;

use serde_json::Value;

use crate::support::{
    Server, ServerOptions,
    openid::{Issuer, Trip, leads_to, parameter, post_form},
    server::Answer,
};

pub const APP: &str = "omi://auth/callback";
pub const IDENTITIES: &str = "/v1/users/me/identities";

/// A server without limits for guessing.
pub async fn server(mut env: Vec<(&'static str, String)>) -> Server {
    env.push(("OMI_RATE_LIMIT__FAILURES_PER_MINUTE", "0".into()));
    Server::start_with(ServerOptions {
        deaf: true,
        env,
        ..ServerOptions::default()
    })
    .await
}

pub async fn exchange(server: &Server, code: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", APP),
    ];
    form.extend(more);
    post_form(server, "/v1/auth/token", &[], &form).await
}

/// Tokens of whoever came back to this page.
pub async fn tokens(server: &Server, page: &Answer) -> Value {
    assert_eq!(page.status, 200, "{page:#?}");
    let code = parameter(&leads_to(page), "code");
    exchange(server, &code, &[]).await.ok()
}

pub async fn come(server: &Server, issuer: &Issuer, subject: &str) -> Value {
    let trip = Trip::to_sign_in(server, "google").await;
    let page = trip.back(server, &issuer.code(&trip, subject)).await;
    tokens(server, &page).await
}

pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name}: {value:#}"))
}

/// A page of ours with this status, which says this.
#[track_caller]
pub fn assert_page(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{answer:#?}");
    let html = answer.body.as_str().unwrap();
    assert!(html.contains(words), "{words}: {html}");
    assert!(!html.contains("<script"), "{html}");
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert_eq!(answer.headers["cache-control"], "no-store");
}

pub async fn accounts(server: &Server) -> i64 {
    let db = server.pool().await;
    let count = sqlx::query_scalar("select count(*) from users")
        .fetch_one(&db)
        .await;
    db.close().await;
    count.unwrap()
}
