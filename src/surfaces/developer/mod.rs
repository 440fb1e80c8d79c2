//! The Developer API: `/v1/dev`, with a developer key.

mod action_items;
mod conversations;
mod memories;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(memories::list, memories::create))
        .routes(routes!(conversations::list, conversations::create))
        .routes(routes!(conversations::get))
        .routes(routes!(action_items::list))
}
