//! Any credential to a Caller.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};

use super::respond::ApiError;
use crate::{
    app::App,
    error::Error,
    features::{
        credentials::{Caller, Kind, Who},
        identities,
    },
};

/// What a route accepts, and how it says no.
#[derive(Clone, Copy)]
pub struct Accepts {
    pub kinds: &'static [Kind],
    pub missing: &'static str,
    pub invalid: &'static str,
    /// Configurations of MCP clients also send the bare key, or `X-API-Key`.
    pub bare_keys: bool,
}

/// As Omi's clients know it.
pub const NO_HEADER: &str = "Authorization header not found";

pub const USER: Accepts = Accepts {
    kinds: &[Kind::User],
    missing: NO_HEADER,
    invalid: "Invalid authorization token",
    bare_keys: false,
};

pub const DEVELOPER: Accepts = Accepts {
    kinds: &[Kind::Developer],
    missing: "Missing or invalid Authorization header. Must be 'Bearer API_KEY'",
    invalid: "Invalid API Key",
    bare_keys: false,
};

/// A person who is signed in, or a developer key: for keys themselves.
pub const USER_OR_DEVELOPER: Accepts = Accepts {
    kinds: &[Kind::User, Kind::Developer],
    missing: USER.missing,
    invalid: "Invalid authentication credentials",
    bare_keys: false,
};

/// The kinds do not matter here: the import API says in its own way who is not let in.
pub const APP: Accepts = Accepts {
    kinds: &[Kind::App],
    missing: DEVELOPER.missing,
    invalid: "Invalid API key",
    bare_keys: false,
};

pub const MCP: Accepts = Accepts {
    kinds: &[Kind::Mcp, Kind::Connector],
    missing: "Missing API key. Provide it as Authorization: Bearer omi_mcp_…",
    invalid: "Invalid or missing API key. Provide via Authorization header.",
    bare_keys: true,
};

/// Why nobody is let in.
pub struct Refused {
    pub error: Error,
    /// The secret that was shown is nobody's.
    pub guessed: bool,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self {
            error,
            guessed: false,
        }
    }
}

pub async fn authenticate(
    app: &App,
    headers: &HeaderMap,
    accepts: Accepts,
) -> Result<Caller, Refused> {
    let Some(secret) = secret(headers, accepts.bare_keys) else {
        // A header that is no two words is told from none.
        let told = accepts.missing == NO_HEADER && headers.contains_key(header::AUTHORIZATION);
        return Err(Error::Unauthenticated(match told {
            true => accepts.invalid,
            false => accepts.missing,
        })
        .into());
    };
    of_secret(app, secret, accepts).await
}

/// The same where there are no headers.
pub async fn of_secret(app: &App, secret: &str, accepts: Accepts) -> Result<Caller, Refused> {
    let who = identities::authenticate(&app.db, &app.known, app.firebase.as_ref(), secret).await?;
    let guessed = matches!(who, Who::Nobody);
    match who {
        Who::Caller(caller) if accepts.kinds.contains(&caller.kind) => Ok(caller),
        _ => Err(Refused {
            error: Error::Unauthenticated(accepts.invalid),
            guessed,
        }),
    }
}

/// What was shown in the headers.
pub fn secret(headers: &HeaderMap, bare_keys: bool) -> Option<&str> {
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

/// Who the guard of the route let in.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // Absent only where a route was mounted without a guard.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or(ApiError(Error::Unauthenticated("Not authenticated")))
    }
}
