//! The whole route map on one screen: surface, prefix, accepted credential.

use axum::{Extension, Router, body::Body, extract::DefaultBodyLimit, http::Request};
use tower::util::MapRequest;
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    trace::TraceLayer,
};
use utoipa_axum::router::OpenApiRouter;

pub use super::{
    app::OPEN, connectors::PAGES as CONSENT, connectors::POSTS as CONNECTORS,
    connectors::PUBLIC as METADATA, console::PAGES as CONSOLE, documents::PUBLIC as DOCUMENTS,
    documents::all as documents, guard::BODY_LIMIT, listen::BROWSERS, listen::DICTATION,
    listen::PATH as LISTEN, mcp::PATH as MCP, mcp::PUBLIC as MCP_PUBLIC, operations::PUBLIC,
    sign_in::PAGES, sign_in::PUBLIC as SIGN_IN,
};

use super::{
    aliases, app as app_routes, clock, connectors, console, developer, documents, integration,
    listen, mcp, operations, origins, respond, sign_in,
};
use crate::app::App;

/// A set of routes with one OpenAPI document. Each route names its guard.
pub struct Surface {
    pub name: &'static str,
    pub title: &'static str,
    pub about: &'static str,
    /// What its security scheme says.
    pub credential: &'static str,
    pub routes: OpenApiRouter<App>,
}

/// Every surface that has an OpenAPI document.
pub fn surfaces() -> [Surface; 3] {
    [
        Surface {
            name: "developer",
            title: "omi-server: Developer API",
            about: "A user's memories, conversations, action items, goals and folders, for scripts and programs.",
            credential: "A developer key (`omi_dev_…`). For keys themselves also the access token of a signed-in user.",
            routes: developer::routes(),
        }, // /v1/dev
        Surface {
            name: "integration",
            title: "omi-server: import API",
            about: "What apps read and write for users who enabled them.",
            credential: "A key of an app (`sk_…`).",
            routes: integration::routes(),
        }, // /v2/integrations
        Surface {
            name: "user",
            title: "omi-server: user API",
            about: "What the Omi app calls, and signing in.",
            credential: "The access token of a signed-in user.",
            routes: app_routes::routes().merge(sign_in::routes()),
        }, // /v1 /v2 /v3
    ]
}

type Service = MapRequest<Router, fn(Request<Body>) -> Request<Body>>;

/// The routes as a service that also knows their older names.
pub fn service(app: App, metrics: metrics_exporter_prometheus::PrometheusHandle) -> Service {
    MapRequest::new(router(app, metrics), aliases::lead)
}

pub fn router(app: App, metrics: metrics_exporter_prometheus::PrometheusHandle) -> Router {
    let mut router = Router::new();
    let mut names = Vec::new();
    for surface in surfaces() {
        names.push(surface.name);
        let (mut routes, _) = surface.routes.split_for_parts();
        if surface.name == "user" {
            routes = routes.layer(axum::middleware::from_fn(clock::check));
        }
        router = router.merge(routes);
    }
    let cors = origins::layer(&app);
    router
        .merge(sign_in::pages()) // /v1/auth/authorize, and what leads to providers and back
        .merge(connectors::pages()) // /oauth/authorize
        .merge(console::routes()) // / /sign-in /connect and what they load
        .merge(listen::routes()) // /v4/listen: refuses before the upgrade, by itself
        .merge(mcp::routes(&app)) // /v1/mcp
        .merge(documents::routes(&names)) // /openapi /docs
        .merge(operations::routes(metrics)) // /healthz /readyz /metrics /v1/health
        .fallback(respond::not_found)
        .method_not_allowed_fallback(respond::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(tower::util::option_layer(cors))
        .merge(connectors::routes()) // /.well-known /oauth: open to pages from everywhere
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
        .layer(Extension(app.clone()))
        .with_state(app)
}
