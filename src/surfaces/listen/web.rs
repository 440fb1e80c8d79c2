//! `/v4/web/listen`: a browser cannot set headers, so its first message is its credential.

use std::{net::IpAddr, time::Duration};

use axum::{
    extract::{
        RawQuery, State,
        ws::{CloseFrame, Message, WebSocket, close_code},
    },
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{Places, Upgrade, of_user, opened, query, socket};
use crate::{
    app::App,
    error::Error,
    features::{credentials::Caller, listening::Settings},
    surfaces::{
        caller::{self, USER},
        client_address::ClientAddress,
        limits, origins,
        respond::{self, ApiError},
    },
};

/// How long a browser may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST_TOKEN: usize = 16 * 1024;

#[derive(Deserialize)]
struct Auth {
    #[serde(rename = "type")]
    kind: String,
    token: String,
}

/// Refuses a page from elsewhere, a bad number and too many sockets before the upgrade, a bad credential after it with 1008.
pub async fn listen(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Response {
    if !origins::may_call(&app, &headers) {
        let text =
            "Pages from this origin may not listen; cors.allowed_origins names those that may.";
        return ApiError(Error::Forbidden(text.into())).into_response();
    }
    let settings = match query::read(&raw.unwrap_or_default(), &app.config.listening) {
        // Omi's web client does not take a segment back.
        Ok(settings) => Settings {
            interims: None,
            ..settings
        },
        Err(error) => return ApiError(error).into_response(),
    };
    let places = match Places::take(&app, address, None) {
        Ok(places) => places,
        Err(limit) => return respond::too_many_sockets(limit),
    };
    opened(upgrade, move |mut socket| async move {
        match admit(&app, address, &mut socket).await {
            Ok(caller) => match of_user(&app, &caller.uid) {
                Ok(place) => {
                    socket::serve(app, caller, settings, socket).await;
                    drop(place);
                }
                Err(_) => refuse(&mut socket, "Too many live connections").await,
            },
            Err(why) => refuse(&mut socket, why).await,
        }
        drop(places);
    })
}

async fn admit(app: &App, address: IpAddr, socket: &mut WebSocket) -> Result<Caller, &'static str> {
    let first = tokio::time::timeout(PATIENCE, socket.recv()).await;
    let text = match first {
        Err(_) => return Err("Auth timeout"),
        Ok(Some(Ok(Message::Text(text)))) if text.len() <= LONGEST_TOKEN => text,
        Ok(_) => return Err("Expected auth message"),
    };
    let auth: Auth = serde_json::from_str(&text).map_err(|_| "Expected auth message")?;
    if auth.kind != "auth" || auth.token.is_empty() {
        return Err("Expected auth message");
    }
    let answer = async |socket: &mut WebSocket, success: bool| {
        let told = json!({"type": "auth_response", "success": success});
        // Who is gone learns nothing.
        let _ = socket.send(Message::text(told.to_string())).await;
    };
    match caller::of_secret(app, &auth.token, USER).await {
        Ok(caller) => {
            answer(socket, true).await;
            Ok(caller)
        }
        Err(refused) => {
            let blocked = refused.guessed && limits::count_failure(&app.failures, address).is_err();
            answer(socket, false).await;
            Err(match (blocked, refused.guessed) {
                (true, _) => "Too many failed attempts",
                (_, true) => "Invalid token",
                _ => "Auth error",
            })
        }
    }
}

async fn refuse(socket: &mut WebSocket, reason: &'static str) {
    let frame = CloseFrame {
        code: close_code::POLICY,
        reason: reason.into(),
    };
    let _ = socket.send(Message::Close(Some(frame))).await;
    // Until the other side has read it, but not for long.
    let _ = tokio::time::timeout(Duration::from_secs(2), async {
        while let Some(Ok(_)) = socket.recv().await {}
    })
    .await;
}
