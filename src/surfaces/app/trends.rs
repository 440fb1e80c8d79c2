//! `/v1/trends`

use axum::Json;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, surfaces::guard};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(guard::open(routes!(list)))
}

/// What everybody talks about. A server of one's own tells nobody: the list is empty. Needs no credential.
#[utoipa::path(get, path = "/v1/trends", tag = "vendor cloud", responses((status = 200, body = Vec<Object>)))]
pub async fn list() -> Json<[(); 0]> {
    Json([])
}
