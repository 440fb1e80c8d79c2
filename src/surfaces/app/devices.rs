//! `/v1/users/fcm-token`, `/v1/users/developer/webhook`: where a user wants to be told

use axum::{Json, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::StatusAnswer;
use crate::{
    app::App,
    error::Error,
    features::{
        credentials::Caller,
        notifications,
        webhooks::{self, Kind, Switches},
    },
    surfaces::{
        extract::{Body, TextId},
        guard,
        respond::Result,
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(register, forget)))
        .routes(guard::user().on(routes!(webhook, set_webhook)))
        .routes(guard::user().on(routes!(enable_webhook)))
        .routes(guard::user().on(routes!(disable_webhook)))
        .routes(guard::user().on(routes!(webhooks_status)))
}

#[derive(Deserialize, ToSchema)]
pub struct PushToken {
    #[schema(min_length = 1, max_length = 4096, pattern = r"^[^\x00]*$")]
    fcm_token: String,
    /// IANA name. The user lives in it from now on.
    #[schema(
        example = "Europe/Berlin",
        pattern = "^(UTC|Europe/Berlin|America/New_York|Asia/Tokyo)$"
    )]
    time_zone: String,
}

/// Keep the token of a device, which `X-App-Platform` and `X-Device-Id-Hash` name, and the zone that the user lives in.
#[utoipa::path(post, path = "/v1/users/fcm-token", tag = "notifications", request_body = PushToken,
    responses((status = 200, body = StatusAnswer)))]
pub async fn register(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(sent): Body<PushToken>,
) -> Result<Json<StatusAnswer>> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let device = (header("x-app-platform"), header("x-device-id-hash"));
    notifications::register(&app.db, &caller, device, &sent.fcm_token, &sent.time_zone).await?;
    Ok(StatusAnswer::capital())
}

/// Forget all tokens of the user's devices.
#[utoipa::path(delete, path = "/v1/users/fcm-token", tag = "notifications",
    responses((status = 200, body = StatusAnswer)))]
pub async fn forget(State(app): State<App>, caller: Caller) -> Result<Json<StatusAnswer>> {
    notifications::forget(&app.db, &caller).await?;
    Ok(StatusAnswer::ok())
}

fn kind(TextId(name): TextId) -> Result<Kind> {
    let known = || Kind::ALL.map(|(name, _)| name).join(", ");
    Kind::named(&name).ok_or_else(|| {
        let message = format!("there is no such webhook; use one of: {}", known());
        Error::invalid_parameter("wtype", message).into()
    })
}

#[derive(Serialize, ToSchema)]
pub struct WebhookUrl {
    /// Empty if none is set; of `audio_bytes`: `url,seconds`.
    url: String,
}

/// The address of a webhook.
#[utoipa::path(get, path = "/v1/users/developer/webhook/{wtype}", tag = "webhooks", params(("wtype" = Kind, Path)),
    responses((status = 200, body = WebhookUrl)))]
pub async fn webhook(
    State(app): State<App>,
    caller: Caller,
    wtype: TextId,
) -> Result<Json<WebhookUrl>> {
    let url = webhooks::url(&app.db, &caller, kind(wtype)?).await?;
    Ok(Json(WebhookUrl { url }))
}

#[derive(Deserialize, ToSchema)]
pub struct NewWebhookUrl {
    #[schema(max_length = 2000, pattern = r"^[^\x00]*$")]
    url: String,
}

/// Set the address of a webhook, which does not switch it on. An empty one switches it off.
#[utoipa::path(post, path = "/v1/users/developer/webhook/{wtype}", tag = "webhooks", params(("wtype" = Kind, Path)),
    request_body = NewWebhookUrl, responses((status = 200, body = StatusAnswer)))]
pub async fn set_webhook(
    State(app): State<App>,
    caller: Caller,
    wtype: TextId,
    Body(new): Body<NewWebhookUrl>,
) -> Result<Json<StatusAnswer>> {
    webhooks::set_url(&app.db, &caller, kind(wtype)?, &new.url).await?;
    Ok(StatusAnswer::ok())
}

/// Switch a webhook on.
#[utoipa::path(post, path = "/v1/users/developer/webhook/{wtype}/enable", tag = "webhooks",
    params(("wtype" = Kind, Path)), responses((status = 200, body = StatusAnswer)))]
pub async fn enable_webhook(
    State(app): State<App>,
    caller: Caller,
    wtype: TextId,
) -> Result<Json<StatusAnswer>> {
    webhooks::switch(&app.db, &caller, kind(wtype)?, true).await?;
    Ok(StatusAnswer::ok())
}

/// Switch a webhook off.
#[utoipa::path(post, path = "/v1/users/developer/webhook/{wtype}/disable", tag = "webhooks",
    params(("wtype" = Kind, Path)), responses((status = 200, body = StatusAnswer)))]
pub async fn disable_webhook(
    State(app): State<App>,
    caller: Caller,
    wtype: TextId,
) -> Result<Json<StatusAnswer>> {
    webhooks::switch(&app.db, &caller, kind(wtype)?, false).await?;
    Ok(StatusAnswer::ok())
}

/// Which webhooks are switched on. One that was never switched is from now on, if it has an address.
#[utoipa::path(get, path = "/v1/users/developer/webhooks/status", tag = "webhooks",
    responses((status = 200, body = Switches)))]
pub async fn webhooks_status(State(app): State<App>, caller: Caller) -> Result<Json<Switches>> {
    Ok(Json(webhooks::switches(&app.db, &caller).await?))
}
