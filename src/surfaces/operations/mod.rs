//! For whoever runs the server: `/healthz`, `/readyz`, `/metrics`, and `/v1/health`, which the Omi app probes.

mod checks;

pub use checks::{INNER_FOLDERS, State as CheckState, all as checks};

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret as _;
use serde_json::json;
use subtle::ConstantTimeEq as _;

use crate::{
    app::App, error::Error, features::search, platform::jobs, surfaces::respond::ApiError,
};

/// Headers by which a proxy says that it is not the client itself.
const FORWARDED: [&str; 3] = ["forwarded", "x-forwarded-for", "x-real-ip"];

/// Paths that answer without a credential (`/metrics`: from loopback).
pub const PUBLIC: [&str; 4] = ["/healthz", "/readyz", "/metrics", "/v1/health"];

pub fn routes(metrics: PrometheusHandle) -> Router<App> {
    let last = Arc::new(Mutex::new(Vec::new()));
    Router::new()
        .route("/healthz", get(async || Json(json!({"status": "ok"}))))
        .route("/v1/health", get(async || Json(json!({"status": "ok"}))))
        .route("/readyz", get(move |app| ready(app, last)))
        .route(
            "/metrics",
            get(move |app, peer, headers| scrape(app, peer, headers, metrics)),
        )
}

type States = Vec<(&'static str, CheckState)>;

/// 200 when requests can be served, else 503; either way with what was checked, in words fit for strangers. The log has
/// the rest, each time that a state differs from the `last`.
async fn ready(State(app): State<App>, last: Arc<Mutex<States>>) -> Response {
    let checks = checks::ready(&app).await;
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    for check in &checks {
        let before = last.iter().find(|(name, _)| *name == check.name);
        if before.map_or(CheckState::Ok, |(_, state)| *state) == check.state {
            continue;
        }
        match check.state {
            CheckState::Ok => tracing::info!("{} is well: {}", check.name, check.detail),
            CheckState::Warn | CheckState::Fail => {
                tracing::warn!("{} is not well: {}", check.name, check.detail);
            }
        }
    }
    *last = checks
        .iter()
        .map(|check| (check.name, check.state))
        .collect();
    drop(last);
    let failed = checks.iter().any(|check| check.state == CheckState::Fail);
    let status = if failed {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    let body = json!({"status": if failed { "unavailable" } else { "ready" }, "checks": checks});
    (status, Json(body)).into_response()
}

async fn scrape(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    metrics: PrometheusHandle,
) -> Response {
    let proxied = FORWARDED.iter().any(|name| headers.contains_key(*name));
    let told = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .is_some_and(|token| {
            bool::from(
                token
                    .as_bytes()
                    .ct_eq(app.metrics_token.expose_secret().as_bytes()),
            )
        });
    if !told && (proxied || !peer.ip().to_canonical().is_loopback()) {
        return ApiError(Error::Unauthenticated(
            "Missing metrics token: send Authorization: Bearer with the content of secrets/metrics_token",
        ))
        .into_response();
    }
    if let Ok((waiting, oldest_seconds)) = jobs::backlog(&app.db).await {
        metrics::gauge!("omi_jobs_waiting").set(waiting as f64);
        metrics::gauge!("omi_jobs_oldest_seconds").set(oldest_seconds);
    }
    if let Ok(backlog) = search::backlog(&app.db).await {
        metrics::gauge!("omi_search_items_waiting").set(backlog.items as f64);
        metrics::gauge!("omi_search_vectors_waiting").set(backlog.vectors as f64);
        metrics::gauge!("omi_search_seconds_behind").set(backlog.seconds);
    }
    metrics::gauge!("omi_live_sessions").set(app.live.count() as f64);
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        metrics.render(),
    )
        .into_response()
}
