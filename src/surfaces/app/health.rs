//! `/v1/integrations/apple-health/sync`

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::connections::APPLE_HEALTH;
use crate::{
    app::App,
    features::{
        credentials::Caller,
        health::{self, HealthData},
    },
    surfaces::{extract::Body, guard, respond::Result},
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(guard::user().on(routes!(sync)))
}

#[derive(Serialize, ToSchema)]
pub struct HealthSynced {
    /// `ok`
    status: &'static str,
    /// `apple_health`
    app_key: &'static str,
    synced_at: DateTime<Utc>,
    /// Of `steps`, `sleep`, `heart_rate`, `active_energy`, `workouts`.
    data_types_synced: Vec<&'static str>,
}

/// Tell of the user's health, in place of what was told before.
#[utoipa::path(put, path = "/v1/integrations/apple-health/sync", tag = "users", request_body = HealthData,
    responses((status = 200, body = HealthSynced)))]
pub async fn sync(
    State(app): State<App>,
    caller: Caller,
    Body(data): Body<HealthData>,
) -> Result<Json<HealthSynced>> {
    let (synced_at, data_types_synced) = health::sync(&app.db, &caller, data).await?;
    Ok(Json(HealthSynced {
        status: "ok",
        app_key: APPLE_HEALTH,
        synced_at,
        data_types_synced,
    }))
}
