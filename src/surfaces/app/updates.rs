//! `/v2/firmware`, `/v2/desktop`: updates of devices and of the desktop app, of which this server has none

use axum::Json;
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    error::Error,
    surfaces::{
        extract::Query,
        guard,
        respond::{ErrorBody, Result},
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::open(routes!(latest_firmware)))
        .routes(guard::open(routes!(stable_firmware)))
        .routes(guard::open(routes!(feed)))
        .routes(guard::open(routes!(latest_installer)))
        .routes(guard::open(routes!(beta_installer)))
}

/// As Omi's app knows it.
const NO_FIRMWARE: Error =
    Error::NotThere("No suitable firmware update found for your device version.");
const NO_RELEASE: Error = Error::NotThere("This server has no releases of the desktop app.");

/// Firmware that is newer than a device has: none.
#[utoipa::path(get, path = "/v2/firmware/latest", tag = "vendor cloud",
    responses((status = 200, body = Object), (status = 404, body = ErrorBody)))]
pub async fn latest_firmware() -> Result<Json<Value>> {
    Err(NO_FIRMWARE.into())
}

/// Firmware that a device may go back to: none.
#[utoipa::path(get, path = "/v2/firmware/stable", tag = "vendor cloud",
    responses((status = 200, body = Object), (status = 404, body = ErrorBody)))]
pub async fn stable_firmware() -> Result<Json<Value>> {
    Err(NO_FIRMWARE.into())
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    Macos,
    Windows,
    Linux,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Beta,
    Stable,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)] // Checked, and the same for each.
pub struct Release {
    /// Left out: `macos`.
    #[param(inline)]
    platform: Option<Platform>,
    /// Left out: `stable`.
    #[param(inline)]
    channel: Option<Channel>,
}

/// Releases of the desktop app: none.
#[utoipa::path(get, path = "/v2/desktop/appcast.xml", tag = "vendor cloud", params(Release),
    responses((status = 200, body = Object), (status = 404, body = ErrorBody)))]
pub async fn feed(_: Query<Release>) -> Result<Json<Value>> {
    Err(NO_RELEASE.into())
}

/// The newest desktop app: there is none.
#[utoipa::path(get, path = "/v2/desktop/download/latest", tag = "vendor cloud", params(Release),
    responses((status = 200, body = Object), (status = 404, body = ErrorBody)))]
pub async fn latest_installer(_: Query<Release>) -> Result<Json<Value>> {
    Err(NO_RELEASE.into())
}

/// The newest desktop app in trial: there is none.
#[utoipa::path(get, path = "/v2/desktop/download/beta", tag = "vendor cloud", params(Release),
    responses((status = 200, body = Object), (status = 404, body = ErrorBody)))]
pub async fn beta_installer(_: Query<Release>) -> Result<Json<Value>> {
    Err(NO_RELEASE.into())
}
