//! The whole route map on one screen: surface, prefix, accepted credential.

use axum::{Router, extract::DefaultBodyLimit, http::Request, middleware};
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    trace::TraceLayer,
};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use super::{
    listen::PATH as LISTEN, mcp::PATH as MCP, mcp::PUBLIC as MCP_PUBLIC, operations::PUBLIC,
};

use super::{app as app_routes, caller, developer, listen, mcp, operations, respond};
use crate::app::App;

/// Largest body of a request, in bytes.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// A set of routes that take one kind of credential, with their documentation.
pub struct Surface {
    pub name: &'static str,
    pub accepts: caller::Accepts,
    pub routes: OpenApiRouter<App>,
}

/// Every surface whose routes need a credential.
pub fn surfaces() -> [Surface; 2] {
    [
        Surface {
            name: "developer",
            accepts: caller::DEVELOPER,
            routes: developer::routes(),
        }, // /v1/dev
        Surface {
            name: "user",
            accepts: caller::USER,
            routes: app_routes::routes(),
        }, // /v1 /v3
    ]
}

/// The OpenAPI document of each surface.
pub fn documents() -> Vec<(&'static str, OpenApi)> {
    surfaces()
        .into_iter()
        .map(|surface| {
            let mut document = surface.routes.into_openapi();
            document.info = utoipa::openapi::InfoBuilder::new()
                .title(format!("omi-server: {} API", surface.name))
                .version(env!("CARGO_PKG_VERSION"))
                .build();
            (surface.name, document)
        })
        .collect()
}

pub fn router(app: App, metrics: metrics_exporter_prometheus::PrometheusHandle) -> Router {
    let mut router = Router::new();
    for surface in surfaces() {
        let (routes, _) = surface.routes.split_for_parts();
        let state = (app.clone(), surface.accepts);
        router = router
            .merge(routes.route_layer(middleware::from_fn_with_state(state, caller::require)));
    }
    router
        .merge(listen::routes()) // /v4/listen: refuses before the upgrade, by itself
        .merge(mcp::routes(&app)) // /v1/mcp
        .merge(operations::routes(metrics)) // /healthz /readyz /metrics /v1/health
        .fallback(respond::not_found)
        .method_not_allowed_fallback(respond::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CatchPanicLayer::custom(|_| {
            let error = anyhow::anyhow!("a handler panicked");
            axum::response::IntoResponse::into_response(respond::ApiError(error.into()))
        }))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(TraceLayer::new_for_http().make_span_with(|request: &Request<_>| {
            let id = request.headers().get("x-request-id").and_then(|value| value.to_str().ok());
            // The query is left out: it may hold what a user said.
            tracing::info_span!("request", method = %request.method(), path = request.uri().path(), id)
        }))
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .with_state(app)
}
