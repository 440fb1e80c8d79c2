//! `/v1/announcements`: this server announces nothing.

use axum::Json;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::StatusAnswer;
use crate::{
    error::Error,
    features::credentials::Caller,
    surfaces::{
        extract::Query,
        respond::{ErrorBody, Result},
    },
};

type Nothing = Json<[(); 0]>;

/// What is new in versions of the app: nothing. Needs no credential.
#[utoipa::path(get, path = "/v1/announcements/changelogs", tag = "vendor cloud",
    responses((status = 200, body = Vec<Object>)))]
pub async fn changelogs() -> Nothing {
    Json([])
}

/// What a version of the app or of the firmware can: nothing is told. Needs no credential.
#[utoipa::path(get, path = "/v1/announcements/features", tag = "vendor cloud",
    responses((status = 200, body = Vec<Object>)))]
pub async fn features() -> Nothing {
    Json([])
}

/// Announcements for everybody: none. Needs no credential.
#[utoipa::path(get, path = "/v1/announcements/general", tag = "vendor cloud",
    responses((status = 200, body = Vec<Object>)))]
pub async fn general() -> Nothing {
    Json([])
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Client {
    #[allow(dead_code)]
    app_version: String,
    /// `ios` or `android`
    #[param(pattern = "^(ios|android)$")]
    platform: String,
    /// `app_launch`, `version_upgrade` or `firmware_upgrade`
    #[param(pattern = "^(app_launch|version_upgrade|firmware_upgrade)$")]
    trigger: String,
}

/// Announcements that the user has not seen: none.
#[utoipa::path(get, path = "/v1/announcements/pending", tag = "vendor cloud", params(Client),
    responses((status = 200, body = Vec<Object>), (status = 400, body = ErrorBody)))]
pub async fn pending(_: Caller, Query(client): Query<Client>) -> Result<Nothing> {
    one_of("platform", &client.platform, &["ios", "android"])?;
    let triggers = ["app_launch", "version_upgrade", "firmware_upgrade"];
    one_of("trigger", &client.trigger, &triggers)?;
    Ok(Json([]))
}

fn one_of(name: &str, value: &str, known: &[&str]) -> Result<()> {
    if known.contains(&value) {
        Ok(())
    } else {
        let text = format!("{name} must be one of: {}", known.join(", "));
        Err(Error::BadRequest(text).into())
    }
}

/// Dismiss an announcement: there is none.
#[utoipa::path(post, path = "/v1/announcements/{id}/dismiss", tag = "vendor cloud", params(("id" = String, Path)),
    responses((status = 200, body = StatusAnswer)))]
pub async fn dismiss(_: Caller) -> Result<Json<StatusAnswer>> {
    Err(Error::NotFound("Announcement").into())
}
