//! Signing in to the pages, with the same page and codes as the app, and out.

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use maud::html;
use subtle::ConstantTimeEq as _;

use super::{
    HOME,
    layout::{Page, go_to, sorry},
    session::{self, Browser, CSRF},
};
use crate::{
    app::App,
    error::Error,
    features::{
        credentials,
        identities::{self, OWN_PAGE},
    },
    platform::{openid, secrets},
    surfaces::{client_address::ClientAddress, limits},
};

pub const IN: &str = "/sign-in";
pub const BACK: &str = OWN_PAGE;
pub const OUT: &str = "/sign-out";

/// What a browser keeps while somebody signs in, and for how many seconds.
const VISIT: &str = "omi_visit";
const VISIT_SECONDS: i64 = 900;
/// Longest address that is come back to, in bytes: browsers keep 4,096 of a cookie.
const LONGEST_NEXT: usize = 2900;

pub fn routes() -> Router<App> {
    Router::new()
        .route(IN, get(depart))
        .route(BACK, get(arrive))
        .route(OUT, post(sign_out))
}

/// Sends a browser to sign in, and then back to `next`, a path of this server with its query.
pub fn to_sign_in(next: &str) -> Response {
    go_to(&sign_in_address(next))
}

pub fn sign_in_address(next: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("next", next)
        .finish();
    format!("{IN}?{query}")
}

/// A path on this server: nobody is sent elsewhere by a link.
fn is_ours(next: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && c != '\\';
    next.len() <= LONGEST_NEXT
        && next.starts_with('/')
        && !next.starts_with("//")
        && next.chars().all(plain)
}

/// Of a form or a query.
pub fn parameter(text: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(text)
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

async fn depart(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let next = parameter(query.unwrap_or_default().as_bytes(), "next");
    let next = next.filter(|next| is_ours(next));
    let next = next.as_deref().unwrap_or(HOME);
    let (state, verifier) = (secrets::random_hex(16), secrets::random_hex(32));
    let address = form_urlencoded::Serializer::new(String::new())
        .append_pair("redirect_uri", BACK)
        .append_pair("state", &state)
        .append_pair("code_challenge", &openid::challenge(&verifier))
        .append_pair("code_challenge_method", "S256")
        .finish();
    let mut response = go_to(&format!("/v1/auth/authorize?{address}"));
    let kept = format!("{state}.{verifier}.{}", BASE64_URL_SAFE_NO_PAD.encode(next));
    session::set(&app, VISIT, &kept, BACK, VISIT_SECONDS, &mut response);
    response
}

/// State, verifier, and where to go on.
fn visit(headers: &HeaderMap) -> Option<(String, String, String)> {
    let mut parts = session::cookie(headers, VISIT)?.split('.');
    let (state, verifier, next) = (parts.next()?, parts.next()?, parts.next()?);
    let next = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(next).ok()?).ok()?;
    Some((state.into(), verifier.into(), next)).filter(|(_, _, next)| is_ours(next))
}

async fn arrive(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let told = |name| parameter(query.as_bytes(), name).unwrap_or_default();
    let (code, returned) = (told("code"), told("state"));
    let Some((state, verifier, next)) = visit(&headers)
        .filter(|(state, _, _)| bool::from(state.as_bytes().ct_eq(returned.as_bytes())))
    else {
        let text = "This sign-in has taken too long, or began in another browser or under another address. Start again.";
        return again(text, HOME);
    };
    drop(state);
    if code.is_empty() {
        return again("You have not signed in.", &next);
    }
    let signed_in = async {
        let redeemed = identities::redeem(&app.db, &code, BACK, Some(&verifier)).await?;
        credentials::open_browser(&app.db, &redeemed.uid).await
    };
    let secret = match signed_in.await {
        Ok(secret) => secret,
        Err(Error::BadRequest(_)) => {
            if let Err(blocked) = limits::count_failure(&app.failures, address) {
                return sorry(blocked);
            }
            return again("This sign-in was completed before. Start again.", &next);
        }
        Err(error) => return sorry(error),
    };
    let mut response = go_to(&next);
    session::keep(&app, &secret, &mut response);
    session::set(&app, VISIT, "", BACK, 0, &mut response);
    response
}

fn again(why: &str, next: &str) -> Response {
    let body = html! {
        h1 { "You are not signed in" }
        p { (why) }
        p { a.button href=(sign_in_address(next)) { "Sign in" } }
    };
    Page::new("Sign in", body)
        .status(StatusCode::BAD_REQUEST)
        .into_response()
}

async fn sign_out(
    State(app): State<App>,
    Browser(signed_in): Browser,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(signed_in) = signed_in {
        let csrf = parameter(&body, CSRF).unwrap_or_default();
        let closed = async {
            signed_in.check(&app, &headers, &csrf)?;
            credentials::close_browser(&app.db, &app.outbox, &app.known, &signed_in.caller).await
        };
        if let Err(error) = closed.await {
            return sorry(error);
        }
    }
    let body = html! {
        h1 { "You are signed out" }
        p { a.button href=(IN) { "Sign in" } }
    };
    let mut response = Page::new("Signed out", body).into_response();
    session::keep(&app, "", &mut response);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_come_back_to() {
        for next in [
            "/",
            "/connect?a=b#c",
            "/oauth/authorize?redirect_uri=https%3A%2F%2Fa.example",
        ] {
            assert!(is_ours(next), "{next}");
        }
        for next in [
            "",
            "connect",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a b",
            "/a\r\nb: c",
            "/ä",
        ] {
            assert!(!is_ours(next), "{next}");
        }
    }
}
