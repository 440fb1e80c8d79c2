//! What the Omi app and the web client call: `/v1`, `/v3`, with the user's access token.

mod action_items;
mod conversations;
mod memories;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(conversations::list, conversations::finish))
        .routes(routes!(conversations::get))
        .routes(routes!(conversations::reprocess))
        .routes(routes!(memories::list))
        .routes(routes!(action_items::list))
}
