//! `/v1/auth`: people sign in, by themselves with the password of a local account, or through a browser.

mod identities;
mod page;
mod visits;

use std::net::IpAddr;

use axum::{Json, Router, body::Bytes, extract::State, response::Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    client_address::ClientAddress,
    extract::Body,
    limits,
    respond::{ApiError, ErrorBody, Result, private},
};
use crate::{
    app::App,
    error::Error,
    features::{
        accounts,
        credentials::{self, Tokens},
        identities::redeem,
    },
};

/// Paths that need no credential; POST is known.
pub const PUBLIC: [&str; 3] = ["/v1/auth/login", "/v1/auth/refresh", "/v1/auth/token"];

/// What browsers open without a credential, and whether GET and POST are known.
pub const PAGES: [(&str, bool, bool); 4] = [
    (page::PATH, true, true),
    (visits::GOOGLE, true, false),
    (visits::APPLE, false, true),
    (visits::LINK, true, true),
];

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(exchange))
        .merge(identities::routes())
}

/// What browsers open, which no OpenAPI document holds.
pub fn pages() -> Router<App> {
    page::routes().merge(visits::routes())
}

#[derive(Deserialize, ToSchema)]
pub struct Login {
    #[schema(max_length = 254, format = "email")]
    email: String,
    #[schema(value_type = String, min_length = 1, max_length = 1024, format = "password")]
    password: SecretString,
}

#[derive(Deserialize, ToSchema)]
pub struct Refresh {
    #[schema(value_type = String)]
    refresh_token: SecretString,
}

#[derive(Serialize, ToSchema)]
pub struct SignedIn {
    uid: String,
    /// For `Authorization: Bearer …` on the routes of a signed-in user.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds that the access token counts.
    expires_in: i64,
    /// Exchange it for the next pair, once.
    refresh_token: String,
}

/// Sign in with the e-mail address and the password of a local account.
#[utoipa::path(post, path = "/v1/auth/login", tag = "sign-in", request_body = Login,
    responses((status = 200, body = SignedIn), (status = 401, body = ErrorBody, description = "Unknown address or wrong password"),
              (status = 413, body = ErrorBody), (status = 422, body = ErrorBody), (status = 500, body = ErrorBody),
              (status = 429, body = ErrorBody, description = "Too many failed attempts from this address"),
              (status = 503, body = ErrorBody)))]
async fn login(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    Body(login): Body<Login>,
) -> Result<Response> {
    let uid = verify(&app, address, &login.email, login.password).await?;
    let uid = uid.ok_or(Error::Unauthenticated("Invalid e-mail address or password"))?;
    Ok(answer(credentials::sign_in(&app.db, &uid).await?))
}

/// Whose address and password these are. Wrong ones count against the address that they come from.
async fn verify(
    app: &App,
    address: IpAddr,
    email: &str,
    password: SecretString,
) -> std::result::Result<Option<String>, Error> {
    let attempt = limits::admit_password(app, address)?;
    let (asked, email) = (app.clone(), email.to_string());
    // On a task of its own: who hangs up has tried all the same.
    let verified = tokio::spawn(async move {
        let _attempt = attempt;
        let uid = accounts::verify(&asked.db, &email, password).await?;
        if uid.is_none() {
            limits::count_failure(&asked.wrong_passwords, address)?;
        }
        Ok::<_, Error>(uid)
    });
    verified.await.map_err(anyhow::Error::new)?
}

#[derive(Deserialize, ToSchema)]
pub struct Exchange {
    /// `authorization_code`
    grant_type: String,
    #[schema(value_type = String)]
    code: SecretString,
    /// The same that the code was asked for with.
    redirect_uri: String,
    /// Whose SHA-256 the code was asked for with, if it was.
    code_verifier: Option<String>,
    /// `true`: with a custom token for Firebase, where a service account is configured.
    #[serde(default)]
    use_custom_token: String,
}

#[derive(Serialize, ToSchema)]
pub struct Exchanged {
    /// Who has said that it is the user: `google`, `apple`, or `local` for the password of this server.
    provider: String,
    /// The same as Firebase writes it: `google.com`, `apple.com`, or `local`.
    provider_id: String,
    uid: String,
    /// The access token.
    id_token: String,
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds that the access token counts.
    expires_in: i64,
    /// Exchange it for the next pair, once.
    refresh_token: String,
    /// For Firebase's `signInWithCustomToken`.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_token: Option<String>,
}

/// Exchange the code that the sign-in page gave the app for tokens, once.
#[utoipa::path(post, path = "/v1/auth/token", tag = "sign-in",
    request_body(content = Exchange, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Exchanged), (status = 400, body = ErrorBody, description = "The code is unknown, used, expired, or of another redirect_uri or verifier"),
              (status = 413, body = ErrorBody), (status = 422, body = ErrorBody), (status = 500, body = ErrorBody),
              (status = 429, body = ErrorBody, description = "Too many failed attempts from this address"),
              (status = 503, body = ErrorBody)))]
async fn exchange(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    body: Bytes,
) -> Result<Response> {
    let Exchange {
        grant_type,
        code,
        redirect_uri,
        code_verifier,
        use_custom_token,
    } = form(&body)?;
    if grant_type != "authorization_code" {
        return Err(Error::BadRequest("Unsupported grant type".into()).into());
    }
    let verifier = code_verifier.as_deref();
    let redeemed = match redeem(&app.db, code.expose_secret(), &redirect_uri, verifier).await {
        Ok(redeemed) => redeemed,
        Err(refused @ Error::BadRequest(_)) => {
            limits::count_failure(&app.failures, address)?;
            return Err(refused.into());
        }
        Err(error) => return Err(error.into()),
    };
    let custom_token = match &app.service_account {
        Some(account) if use_custom_token == "true" => Some(account.custom_token(&redeemed.uid)?),
        _ => None,
    };
    let tokens = credentials::sign_in(&app.db, &redeemed.uid).await?;
    let provider_id = match redeemed.provider.as_str() {
        "local" => "local".into(),
        name => format!("{name}.com"),
    };
    Ok(private(Json(Exchanged {
        provider: redeemed.provider,
        provider_id,
        uid: tokens.uid,
        id_token: tokens.access.clone(),
        access_token: tokens.access,
        token_type: "Bearer",
        expires_in: credentials::ACCESS.num_seconds(),
        refresh_token: tokens.refresh,
        custom_token,
    })))
}

/// What a form or a query holds.
fn form<T: DeserializeOwned>(text: &[u8]) -> Result<T> {
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text));
    let read = serde_path_to_error::deserialize(pairs);
    read.map_err(|error| {
        let message = error.into_inner().to_string();
        let field = message
            .strip_prefix("missing field `")
            .and_then(|rest| rest.split_once('`'));
        match field {
            Some((field, _)) => ApiError(Error::missing(field)),
            None => ApiError(Error::invalid_body("The form could not be read")),
        }
    })
}

/// Exchange a refresh token for the next access token and refresh token.
#[utoipa::path(post, path = "/v1/auth/refresh", tag = "sign-in", request_body = Refresh,
    responses((status = 200, body = SignedIn), (status = 401, body = ErrorBody, description = "Unknown, expired or used before"),
              (status = 413, body = ErrorBody), (status = 422, body = ErrorBody), (status = 500, body = ErrorBody),
              (status = 429, body = ErrorBody, description = "Too many failed attempts from this address"),
              (status = 503, body = ErrorBody)))]
async fn refresh(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    Body(refresh): Body<Refresh>,
) -> Result<Response> {
    match credentials::refresh(&app.db, &app.outbox, &app.known, &refresh.refresh_token).await {
        Ok(tokens) => Ok(answer(tokens)),
        Err(refused @ Error::Unauthenticated(_)) => {
            limits::count_failure(&app.failures, address)?;
            Err(refused.into())
        }
        Err(error) => Err(error.into()),
    }
}

fn answer(tokens: Tokens) -> Response {
    private(Json(SignedIn {
        uid: tokens.uid,
        access_token: tokens.access,
        token_type: "Bearer",
        expires_in: credentials::ACCESS.num_seconds(),
        refresh_token: tokens.refresh,
    }))
}
