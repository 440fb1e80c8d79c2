//! What the pages load: it is part of the program, nothing comes from elsewhere.

use std::sync::LazyLock;

use axum::{
    Router,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
    routing::get,
};

use crate::{app::App, platform::ids};

pub const STYLE_PATH: &str = "/assets/console.css";
pub const SCRIPT_PATH: &str = "/assets/console.js";

const STYLE: &str = include_str!("assets/console.css");
const SCRIPT: &str = include_str!("assets/console.js");

/// Addresses that change with the content, so that browsers may keep it.
pub static STYLE_ADDRESS: LazyLock<String> = LazyLock::new(|| address(STYLE_PATH, STYLE));
pub static SCRIPT_ADDRESS: LazyLock<String> = LazyLock::new(|| address(SCRIPT_PATH, SCRIPT));

fn address(path: &str, content: &str) -> String {
    let digest = hex::encode(ids::digest(content));
    format!("{path}?{}", &digest[..16])
}

pub fn routes() -> Router<App> {
    Router::new()
        .route(
            STYLE_PATH,
            get(async || asset("text/css; charset=utf-8", STYLE)),
        )
        .route(
            SCRIPT_PATH,
            get(async || asset("text/javascript; charset=utf-8", SCRIPT)),
        )
}

fn asset(kind: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)));
    (headers, content).into_response()
}
