//! `/v4/listen` and `/v4/web/listen`: live audio in, segments and events out.

mod dictation;
mod events;
mod query;
mod socket;
mod web;

use std::net::IpAddr;

use axum::{
    Router,
    extract::{
        RawQuery, State, WebSocketUpgrade,
        ws::{WebSocket, close_code, rejection::WebSocketUpgradeRejection},
    },
    middleware,
    response::{IntoResponse as _, Response},
    routing::get,
};

use super::{
    client_address::ClientAddress,
    guard,
    limits::Policy,
    respond::{self, ApiError},
};
use crate::{
    app::App,
    error::Error,
    features::{credentials::Caller, listening::Place},
};

/// Largest message, in bytes; a larger one closes the socket with 1009.
pub const MESSAGE_LIMIT: usize = 1024 * 1024;

/// Bytes that are read at once.
const BUFFER: usize = 8 * 1024;

/// The path of this surface, which no OpenAPI document can hold.
pub const PATH: &str = "/v4/listen";
/// The same for browsers, which say who they are after the upgrade.
pub const BROWSERS: &str = "/v4/web/listen";
/// Push to talk.
pub const DICTATION: &str = "/v2/voice-message/transcribe-stream";

/// Who was let in is not any more: code and reason.
const REVOKED: (u16, &str) = (close_code::POLICY, "Invalid authorization token");

pub fn routes() -> Router<App> {
    let guard = |request, next| guard::user().pass(request, next);
    let dictate = |request, next| guard::user().hourly(Policy::Dictations).pass(request, next);
    Router::new()
        .route(PATH, get(listen).route_layer(middleware::from_fn(guard)))
        .route(BROWSERS, get(web::listen))
        .route(
            DICTATION,
            get(dictation::listen).route_layer(middleware::from_fn(dictate)),
        )
}

/// Refuses a bad credential, a bad number and too many sockets before the upgrade.
async fn listen(
    State(app): State<App>,
    caller: Caller,
    ClientAddress(address): ClientAddress,
    RawQuery(raw): RawQuery,
    upgrade: Upgrade,
) -> Response {
    let settings = match query::read(&raw.unwrap_or_default(), &app.config.listening) {
        Ok(settings) => settings,
        Err(error) => return ApiError(error).into_response(),
    };
    let places = match Places::take(&app, address, Some(&caller.uid)) {
        Ok(places) => places,
        Err(limit) => return respond::too_many_sockets(limit),
    };
    opened(upgrade, move |socket| async move {
        socket::serve(app, caller, settings, socket).await;
        drop(places);
    })
}

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

fn opened<F: Future<Output = ()> + Send + 'static>(
    upgrade: Upgrade,
    serve: impl FnOnce(WebSocket) -> F + Send + 'static,
) -> Response {
    match upgrade {
        Ok(upgrade) => upgrade
            // More than the limit is read, so that the socket can say why it closes.
            .max_message_size(4 * MESSAGE_LIMIT)
            .max_frame_size(4 * MESSAGE_LIMIT)
            // Messages are small; a buffer of the usual 128 KiB would be most of what a session takes.
            .read_buffer_size(BUFFER)
            .on_upgrade(serve),
        Err(_) => ApiError(Error::BadRequest(
            "This address takes WebSocket upgrades only.".into(),
        ))
        .into_response(),
    }
}

/// Of the sockets that an address and a user may have, for as long as it is held.
struct Places {
    _of_address: Place,
    _of_user: Option<Place>,
}

impl Places {
    /// `uid`: if it is known yet. An error is the limit that was reached.
    fn take(app: &App, address: IpAddr, uid: Option<&str>) -> Result<Self, usize> {
        let limits = &app.config.listening;
        let of_address = app
            .live
            .take_place(
                &format!("address {address}"),
                limits.max_sockets_per_address,
            )
            .ok_or(limits.max_sockets_per_address)?;
        let of_user = match uid {
            None => None,
            Some(uid) => Some(of_user(app, uid)?),
        };
        Ok(Self {
            _of_address: of_address,
            _of_user: of_user,
        })
    }
}

/// An error is the limit that was reached.
fn of_user(app: &App, uid: &str) -> Result<Place, usize> {
    let limit = app.config.listening.max_sockets_per_user;
    let place = app.live.take_place(uid, limit);
    place.ok_or(limit)
}
