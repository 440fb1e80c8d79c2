//! `/oauth/token` and `/oauth/revoke`: clients exchange codes and refresh tokens (RFC 6749), and give tokens up (RFC 7009).

use std::net::IpAddr;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use secrecy::SecretString;
use serde_json::json;

use super::{answers::refused, parameters::Parameters};
use crate::{
    app::App,
    error::Error,
    features::{
        connectors::{self, Given, Known, Refusal},
        credentials,
    },
    surfaces::{challenges, client_address::ClientAddress, limits, respond::private},
};

pub const PATH: &str = "/oauth/token";
pub const REVOKE: &str = "/oauth/revoke";
/// Where clients go that have read nothing.
pub const ALIAS: &str = "/token";
pub const REVOKE_ALIAS: &str = "/revoke";

pub fn routes() -> Router<App> {
    Router::new()
        .route(PATH, post(exchange))
        .route(ALIAS, post(exchange))
        .route(REVOKE, post(revoke))
        .route(REVOKE_ALIAS, post(revoke))
}

type Body = Result<Bytes, BytesRejection>;

async fn exchange(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let given = async {
        let form = read(body)?;
        let client = client(&app, &headers, &form).await?;
        give(&app, &client, &form).await
    };
    match given.await {
        Ok(given) => private(Json(json!({
            "access_token": given.access,
            "token_type": "Bearer",
            "expires_in": credentials::ACCESS.num_seconds(),
            "refresh_token": given.refresh,
            "scope": connectors::written(&given.scopes),
        }))),
        Err(refusal) => counted(&app, address, &headers, refusal),
    }
}

async fn give(app: &App, client: &Known, form: &Parameters) -> Result<Given, Refusal> {
    form.check_resource(&challenges::resource(&app.public_url))?;
    let secret = |name| form.needed(name).map(SecretString::from);
    match form.needed("grant_type")? {
        "authorization_code" => {
            let (code, verifier) = (secret("code")?, secret("code_verifier")?);
            let redirect_uri = form.needed("redirect_uri")?;
            connectors::redeem(app, client, &code, redirect_uri, &verifier).await
        }
        "refresh_token" => {
            let token = secret("refresh_token")?;
            connectors::refresh(app, client, &token, form.get("scope")).await
        }
        _ => {
            let text = "grant_type must be authorization_code or refresh_token.";
            Err(Refusal::new("unsupported_grant_type", text))
        }
    }
}

async fn revoke(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let revoked = async {
        let form = read(body)?;
        let client = client(&app, &headers, &form).await?;
        let token = form.needed("token").map(SecretString::from)?;
        connectors::revoke(&app, &client, &token).await
    };
    match revoked.await {
        Ok(()) => private(StatusCode::OK),
        Err(refusal) => counted(&app, address, &headers, refusal),
    }
}

fn read(body: Body) -> Result<Parameters, Refusal> {
    let bytes = body.map_err(|_| {
        let text = "The body could not be read, or is larger than 64 KiB.";
        Refusal::Failed(Error::TooLarge(text.into()))
    })?;
    Parameters::read(&bytes)
}

/// Who sends the request, by `Authorization` or in the form.
async fn client(app: &App, headers: &HeaderMap, form: &Parameters) -> Result<Known, Refusal> {
    let in_form = form.get("client_secret");
    let (id, secret) = match headers.get(header::AUTHORIZATION) {
        None => (
            form.needed("client_id")?.to_string(),
            in_form.map(Into::into),
        ),
        Some(_) if in_form.is_some() => {
            let text = "client_secret comes in the form and by Authorization. Use one of them.";
            return Err(Refusal::request(text));
        }
        Some(value) => {
            let shown = value.to_str().ok().and_then(basic);
            let (id, secret) = shown.ok_or_else(|| {
                let text = "Authorization must be Basic, of client_id and client_secret.";
                Refusal::new("invalid_client", text)
            })?;
            if form.get("client_id").is_some_and(|other| other != id) {
                let text = "client_id is another one in the form than by Authorization.";
                return Err(Refusal::request(text));
            }
            (id, Some(secret))
        }
    };
    connectors::authenticate(app, &id, secret.as_ref()).await
}

/// Id and secret, each written as in a form.
fn basic(value: &str) -> Option<(String, SecretString)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    let read = |text: &str| {
        let pair = format!("x={text}");
        let mut pairs = form_urlencoded::parse(pair.as_bytes());
        pairs.next().map(|(_, value)| value.into_owned())
    };
    Some((read(id)?, read(secret)?.into()))
}

/// A secret that nobody has may have been guessed.
fn counted(app: &App, address: IpAddr, headers: &HeaderMap, refusal: Refusal) -> Response {
    let by_header = headers.contains_key(header::AUTHORIZATION);
    let guessed = matches!(
        refusal,
        Refusal::Told("invalid_client" | "invalid_grant", _)
    );
    let blocked = guessed.then(|| limits::count_failure(&app.failures, address));
    match blocked {
        Some(Err(blocked)) => refused(blocked.into(), by_header),
        _ => refused(refusal, by_header).into_response(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_client_shows_itself_by_a_header() {
        let (id, secret) = basic("basic aWQ6c2VjcmV0JTNB").unwrap();
        assert_eq!((id.as_str(), secret.expose_secret()), ("id", "secret:"));
        for odd in ["Bearer aWQ6cw==", "Basic", "Basic !", "Basic aWQ="] {
            assert!(basic(odd).is_none(), "{odd}");
        }
    }
}
