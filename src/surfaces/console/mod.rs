//! The pages of this server in a browser: how they look, who is signed in, and the pages themselves. Other surfaces with
//! pages use what is public here.

mod assets;
mod connect;
mod layout;
mod self_test;
mod session;
mod sign_in;
mod ways;

use axum::{Router, routing::get};

pub use layout::{Page, close, go_to, sorry};
pub use session::{Browser, CSRF, SignedIn, cookie, csrf_field};
pub use sign_in::{sign_in_address, to_sign_in};

use crate::app::App;

/// Where somebody lands who came for no page in particular.
const HOME: &str = "/";

/// What browsers open, and whether GET and POST are known.
pub const PAGES: [(&str, bool, bool); 11] = [
    (HOME, true, false),
    (sign_in::IN, true, false),
    (sign_in::BACK, true, false),
    (sign_in::OUT, false, true),
    (assets::STYLE_PATH, true, false),
    (assets::SCRIPT_PATH, true, false),
    (connect::PATH, true, false),
    (connect::NEW_KEY, false, true),
    (connect::REVOKE, false, true),
    (connect::TEST, false, true),
    (connect::DISCONNECT, false, true),
];

pub fn routes() -> Router<App> {
    Router::new()
        .route(HOME, get(async || go_to(connect::PATH)))
        .merge(assets::routes())
        .merge(sign_in::routes())
        .merge(connect::routes())
}
