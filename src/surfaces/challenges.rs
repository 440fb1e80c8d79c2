//! What the MCP server tells a client that it does not let in: where to ask the user, and for what (RFC 6750, 9728).

use axum::http::{HeaderMap, HeaderValue, header};

use super::{caller, mcp::PATH};
use crate::{
    error::Error,
    features::{connectors, credentials::Scope},
};

/// Where the MCP server describes itself: there, and with its own path behind it.
pub const METADATA: &str = "/.well-known/oauth-protected-resource";

/// The name of the MCP server, as tokens are asked for it.
pub fn resource(public_url: &str) -> String {
    format!("{public_url}{PATH}")
}

/// Adds to a refusal what a client can do about it.
pub fn add(public_url: &str, refused: &Error, asked: &HeaderMap, answer: &mut HeaderMap) {
    match refused {
        // Whoever shows nothing has not made a mistake.
        Error::Unauthenticated(_) if caller::secret(asked, true).is_none() => {
            put(public_url, "", &connectors::written(&Scope::READ), answer);
        }
        Error::Unauthenticated(_) => {
            let error = "error=\"invalid_token\", ";
            put(
                public_url,
                error,
                &connectors::written(&Scope::READ),
                answer,
            );
        }
        Error::MissingScope(scope) => lacks(public_url, scope, answer),
        _ => {}
    }
}

/// `scopes`: those that it has, and those that it needs besides.
pub fn lacks(public_url: &str, scopes: &str, answer: &mut HeaderMap) {
    put(public_url, "error=\"insufficient_scope\", ", scopes, answer);
}

fn put(public_url: &str, error: &str, scopes: &str, answer: &mut HeaderMap) {
    let text = format!(
        "Bearer {error}resource_metadata=\"{public_url}{METADATA}{PATH}\", scope=\"{scopes}\""
    );
    if let Ok(value) = HeaderValue::from_str(&text) {
        answer.insert(header::WWW_AUTHENTICATE, value);
    }
}
