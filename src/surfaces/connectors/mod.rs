//! OAuth 2.1 for AI assistants: what this server says of itself, clients that register, the page on which a user lets one in,
//! and tokens.

mod answers;
mod authorize;
mod consent;
mod metadata;
mod parameters;
mod register;
mod token;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, Method, header},
};
use tower_http::cors::{Any, CorsLayer};

use super::respond;
use crate::app::App;

/// Largest body of a client's request, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// What anybody may read.
pub const PUBLIC: [&str; 6] = metadata::PATHS;

/// What clients post to, without a credential or with one of their own.
pub const POSTS: [&str; 6] = [
    register::PATH,
    register::ALIAS,
    token::PATH,
    token::ALIAS,
    token::REVOKE,
    token::REVOKE_ALIAS,
];

/// The page on which a user lets a client in.
pub const PAGES: [&str; 2] = [authorize::PATH, authorize::ALIAS];

pub fn pages() -> Router<App> {
    authorize::routes()
}

/// What programs ask, those that run in a browser, on any page, too. Nothing here counts on a cookie.
pub fn routes() -> Router<App> {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(Any)
        .expose_headers([
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
            HeaderName::from_static("x-request-id"),
        ]);
    metadata::routes()
        .merge(register::routes())
        .merge(token::routes())
        .method_not_allowed_fallback(respond::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(cors)
}
