//! Any credential to a Caller, and the extractors that demand one.

use std::marker::PhantomData;

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::respond::ApiError;
use crate::{
    app::App,
    error::Error,
    features::credentials::{self, Caller, Kind, Scope},
};

/// What a surface accepts, and how it says no.
#[derive(Clone, Copy)]
pub struct Accepts {
    pub kind: Kind,
    pub missing: &'static str,
    pub invalid: &'static str,
    /// Configurations of MCP clients also send the bare key, or `X-API-Key`.
    pub bare_keys: bool,
}

pub const USER: Accepts = Accepts {
    kind: Kind::User,
    missing: "Missing access token: send the header Authorization: Bearer <token>",
    invalid: "Invalid authorization token",
    bare_keys: false,
};

pub const DEVELOPER: Accepts = Accepts {
    kind: Kind::Developer,
    missing: "Missing or invalid Authorization header. Must be 'Bearer API_KEY'",
    invalid: "Invalid API Key",
    bare_keys: false,
};

pub const MCP: Accepts = Accepts {
    kind: Kind::Mcp,
    missing: "Missing API key. Provide it as Authorization: Bearer omi_mcp_…",
    invalid: "Invalid or missing API key. Provide via Authorization header.",
    bare_keys: true,
};

/// Middleware of a whole surface: no request gets further without a credential of its kind.
pub async fn require(
    State((app, accepts)): State<(App, Accepts)>,
    mut request: Request,
    next: Next,
) -> Response {
    match authenticate(&app, request.headers(), accepts).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => ApiError(error).into_response(),
    }
}

pub async fn authenticate(
    app: &App,
    headers: &HeaderMap,
    accepts: Accepts,
) -> Result<Caller, Error> {
    let secret =
        secret(headers, accepts.bare_keys).ok_or(Error::Unauthenticated(accepts.missing))?;
    let caller = credentials::authenticate(&app.db, &app.last_used, secret).await?;
    caller
        .filter(|caller| caller.kind == accepts.kind)
        .ok_or(Error::Unauthenticated(accepts.invalid))
}

fn secret(headers: &HeaderMap, bare_keys: bool) -> Option<&str> {
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let from_authorization = authorization.and_then(|text| {
        let mut words = text.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some(scheme), Some(secret), None) if scheme.eq_ignore_ascii_case("bearer") => {
                Some(secret)
            }
            (Some(secret), None, None) if bare_keys => Some(secret),
            _ => None,
        }
    });
    // A proxy may use Authorization for a password of its own.
    let from_key_header = || headers.get("x-api-key")?.to_str().ok();
    from_authorization
        .filter(|secret| !secret.is_empty())
        .or_else(|| if bare_keys { from_key_header() } else { None })
        .filter(|secret| !secret.is_empty())
}

/// The caller of a route whose surface knows no scopes.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // Absent only where a route was mounted without `require`.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or(ApiError(Error::Unauthenticated("Not authenticated")))
    }
}

/// A caller that has the scope `W` names.
pub struct Scoped<W>(pub Caller, pub PhantomData<W>);

pub trait Wanted {
    const SCOPE: Scope;
}

impl<S: Send + Sync, W: Wanted> FromRequestParts<S> for Scoped<W> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, state).await?;
        if caller.scopes.contains(&W::SCOPE) {
            Ok(Self(caller, PhantomData))
        } else {
            Err(Error::MissingScope(W::SCOPE.as_str()).into())
        }
    }
}

macro_rules! wanted {
    ($($name:ident),*) => { $(
        pub struct $name;
        impl Wanted for $name {
            const SCOPE: Scope = Scope::$name;
        }
    )* };
}

wanted!(
    ReadConversations,
    WriteConversations,
    ReadMemories,
    WriteMemories,
    ReadActionItems
);
