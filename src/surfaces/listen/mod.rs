//! `/v4/listen`: live audio in, segments and events out.

mod events;
mod query;
mod socket;

use axum::{
    Router,
    extract::{RawQuery, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    middleware,
    response::{IntoResponse as _, Response},
    routing::get,
};

use super::{
    guard,
    respond::{self, ApiError},
};
use crate::{app::App, error::Error, features::credentials::Caller};

/// Largest message, in bytes; a larger one closes the socket with 1009.
pub const MESSAGE_LIMIT: usize = 1024 * 1024;

/// The path of this surface, which no OpenAPI document can hold.
pub const PATH: &str = "/v4/listen";

pub fn routes() -> Router<App> {
    let guard = |request, next| guard::user().pass(request, next);
    Router::new().route(PATH, get(listen).route_layer(middleware::from_fn(guard)))
}

/// Refuses a bad credential, a bad number and too many sockets before the upgrade.
async fn listen(
    State(app): State<App>,
    caller: Caller,
    RawQuery(raw): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let query = match query::read(&raw.unwrap_or_default(), &app.config.listening) {
        Ok(query) => query,
        Err(error) => return ApiError(error).into_response(),
    };
    let limit = app.config.listening.max_sockets_per_user;
    let Some(place) = app.live.take_place(&caller.uid, limit) else {
        return respond::too_many_sockets(limit);
    };
    match upgrade {
        Ok(upgrade) => upgrade
            // More than the limit is read, so that the socket can say why it closes.
            .max_message_size(4 * MESSAGE_LIMIT)
            .max_frame_size(4 * MESSAGE_LIMIT)
            .on_upgrade(move |socket| async move {
                socket::serve(app, caller, query, socket).await;
                drop(place);
            }),
        Err(_) => ApiError(Error::BadRequest(
            "This address takes WebSocket upgrades only.".into(),
        ))
        .into_response(),
    }
}
