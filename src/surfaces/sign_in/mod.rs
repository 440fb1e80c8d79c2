//! `/v1/auth`: local accounts sign in with their password.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    client_address::ClientAddress,
    extract::Body,
    limits,
    respond::{ErrorBody, Result},
};
use crate::{
    app::App,
    error::Error,
    features::{
        accounts,
        credentials::{self, Tokens},
    },
};

/// Paths that need no credential; only POST is known.
pub const PUBLIC: [&str; 2] = ["/v1/auth/login", "/v1/auth/refresh"];

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(refresh))
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
    let attempt = limits::admit_password(&app, address)?;
    let asked = app.clone();
    // On a task of its own: who hangs up has tried all the same.
    let verified = tokio::spawn(async move {
        let _attempt = attempt;
        let uid = accounts::verify(&asked.db, &login.email, login.password).await?;
        if uid.is_none() {
            limits::count_failure(&asked.wrong_passwords, address)?;
        }
        Ok::<_, Error>(uid)
    });
    let uid = verified.await.map_err(anyhow::Error::new)??;
    let uid = uid.ok_or(Error::Unauthenticated("Invalid e-mail address or password"))?;
    Ok(answer(credentials::sign_in(&app.db, &uid).await?))
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
    let body = Json(SignedIn {
        uid: tokens.uid,
        access_token: tokens.access,
        token_type: "Bearer",
        expires_in: credentials::ACCESS.num_seconds(),
        refresh_token: tokens.refresh,
    });
    let private = HeaderValue::from_static("no-store");
    ([(header::CACHE_CONTROL, private)], body).into_response()
}
