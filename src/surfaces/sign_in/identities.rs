//! `/v1/users/me/identities`: with what the user signs in besides a password

use axum::{Json, extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::visits;
use crate::{
    app::App,
    error::Error,
    features::{
        credentials::Caller,
        identities::{self, Linked, Provider},
    },
    surfaces::{
        extract::TextId,
        guard,
        respond::{ErrorBody, Result, private},
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(list)))
        .routes(guard::user().on(routes!(link, unlink)))
}

#[derive(Serialize, ToSchema)]
pub struct IdentityAnswer {
    provider: Provider,
    /// As the provider has verified it. It may be another than that of the account.
    #[schema(required)]
    email: Option<String>,
    linked_at: DateTime<Utc>,
}

impl From<Linked> for IdentityAnswer {
    fn from(linked: Linked) -> Self {
        Self {
            provider: linked.provider,
            email: linked.email,
            linked_at: linked.linked_at,
        }
    }
}

/// The providers that the user signs in with, in the order in which they were linked.
#[utoipa::path(get, path = "/v1/users/me/identities", tag = "sign-in",
    responses((status = 200, body = Vec<IdentityAnswer>)))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Vec<IdentityAnswer>>> {
    let linked = identities::list(&app.db, &caller.uid).await?;
    Ok(Json(linked.into_iter().map(Into::into).collect()))
}

fn provider(TextId(name): TextId) -> Result<Provider> {
    let known = Provider::named(&name);
    Ok(known.ok_or(Error::BadRequest("Unsupported provider".into()))?)
}

#[derive(Serialize, ToSchema)]
pub struct LinkAnswer {
    /// To be opened in a browser, once.
    url: String,
    /// Seconds that it counts.
    expires_in: i64,
}

/// An address at which the user, in a browser, adds the way to sign in to their account.
#[utoipa::path(post, path = "/v1/users/me/identities/{provider}", tag = "sign-in",
    params(("provider" = Provider, Path)), responses((status = 200, body = LinkAnswer),
    (status = 400, body = ErrorBody, description = "The provider is unknown, or not set up on this server")))]
pub async fn link(State(app): State<App>, caller: Caller, name: TextId) -> Result<Response> {
    let ticket = identities::ticket(&app, &caller, provider(name)?).await?;
    Ok(private(Json(LinkAnswer {
        url: format!("{}{}?ticket={ticket}", app.public_url, visits::LINK),
        expires_in: identities::TICKET.num_seconds(),
    })))
}

/// Take a way to sign in away, unless it is the last.
#[utoipa::path(delete, path = "/v1/users/me/identities/{provider}", tag = "sign-in",
    params(("provider" = Provider, Path)), responses((status = 204),
    (status = 400, body = ErrorBody, description = "The provider is unknown"),
    (status = 409, body = ErrorBody, description = "It is the only way to sign in to the account")))]
pub async fn unlink(State(app): State<App>, caller: Caller, name: TextId) -> Result<StatusCode> {
    identities::unlink(&app.db, &caller, provider(name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
