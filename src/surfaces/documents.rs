//! The OpenAPI documents: what every operation has in common is written here, once.

use std::sync::LazyLock;

use axum::{
    Router,
    http::{HeaderValue, header},
    routing::get,
};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::{
    PartialSchema as _, ToSchema as _,
    openapi::{
        ComponentsBuilder, ContentBuilder, Header, InfoBuilder, ObjectBuilder, OpenApi, Paths, Ref,
        RefOr, Required, ResponseBuilder, Schema, SecurityRequirement, Type,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{guard::Guard, respond, router};
use crate::app::App;

/// Where the interactive page is.
pub const PAGE: &str = "/docs";
const PAGE_FILES: &str = "/docs/{*rest}";

/// Paths that answer without a credential.
pub const PUBLIC: [&str; 7] = [
    "/openapi/developer.json",
    "/openapi/integration.json",
    "/openapi/mcp.json",
    "/openapi/user.json",
    PAGE,
    "/docs/",
    PAGE_FILES,
];

/// The page loads its own files and asks this server, nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Name of the security scheme of all credentials.
const BEARER: &str = "bearer";

type Schemas = Vec<(String, RefOr<Schema>)>;

/// Adds to the operations of a route what their guard answers.
pub fn complete(guard: &Guard, schemas: &mut Schemas, paths: &mut Paths) {
    schemas.push((
        respond::ErrorBody::name().into(),
        respond::ErrorBody::schema(),
    ));
    respond::ErrorBody::schemas(schemas);
    for (path, item) in &mut paths.paths {
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.put,
            &mut item.patch,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            let mut refusals = vec![(401, "No credential, or one that does not count here")];
            if let Some(scope) = guard.scope {
                refusals.push((403, "The key lacks the scope"));
                note(operation, &format!("Scope: `{scope}`."));
            }
            if let Some(action) = guard.action {
                let parameters = operation.parameters.get_or_insert_default();
                parameters.splice(0..0, of_app().map(RefOr::T));
                refusals.push((
                    403,
                    "The key is not of this app, the user has not enabled the app, or the app may not do this",
                ));
                refusals.push((400, "The request cannot be read, or lacks something"));
                let names = action.names().join("` or `");
                note(operation, &format!("Action: `{names}`."));
            }
            if path.contains('{') {
                refusals.push((404, "There is no such thing, or it is another user's"));
            }
            let query = operation
                .parameters
                .as_ref()
                .is_some_and(|all| !all.is_empty());
            if operation.request_body.is_some() || query {
                refusals.push((422, "A value breaks a rule; the answer names it"));
            }
            if operation.request_body.is_some() {
                refusals.push((
                    400,
                    "The request cannot be read, or holds what cannot be stored (U+0000)",
                ));
                refusals.push((413, "The body is larger than 2 MiB"));
            }
            refusals.extend([
                (
                    429,
                    "More requests than a limit allows; `Retry-After` says when",
                ),
                (500, "Something went wrong on the server"),
                (
                    503,
                    "The server cannot answer for the moment, or a request with the same `Idempotency-Key` still runs; `Retry-After` says when",
                ),
            ]);
            if guard.once {
                operation
                    .parameters
                    .get_or_insert_default()
                    .push(RefOr::T(idempotency_key()));
            }
            refuse(operation, &refusals);
            tell_limits(operation);
            operation.security = Some(vec![SecurityRequirement::new(BEARER, [] as [&str; 0])]);
        }
    }
}

/// The same for a route without a guard.
pub fn complete_open(schemas: &mut Schemas, paths: &mut Paths) {
    schemas.push((
        respond::ErrorBody::name().into(),
        respond::ErrorBody::schema(),
    ));
    respond::ErrorBody::schemas(schemas);
    for (path, item) in &mut paths.paths {
        let operations = [&mut item.get, &mut item.post];
        for operation in operations.into_iter().flatten() {
            let mut refusals = vec![
                (500, "Something went wrong on the server"),
                (503, "The server cannot answer for the moment"),
            ];
            if path.contains('{') {
                refusals.push((404, "There is no such thing"));
            }
            if operation
                .parameters
                .as_ref()
                .is_some_and(|all| !all.is_empty())
            {
                refusals.push((422, "A value breaks a rule; the answer names it"));
            }
            refuse(operation, &refusals);
        }
    }
}

/// Describes these refusals, unless the operation has described them itself.
fn refuse(operation: &mut Operation, refusals: &[(u16, &str)]) {
    for (status, why) in refusals {
        let response = ResponseBuilder::new()
            .description(*why)
            .content(
                "application/json",
                ContentBuilder::new()
                    .schema(Some(Ref::from_schema_name(respond::ErrorBody::name())))
                    .build(),
            )
            .build();
        operation
            .responses
            .responses
            .entry(status.to_string())
            .or_insert(RefOr::T(response));
    }
}

fn note(operation: &mut Operation, note: &str) {
    operation.description = Some(match operation.description.take() {
        Some(text) => format!("{text}\n\n{note}"),
        None => note.into(),
    });
}

/// Which app, and for which user.
fn of_app() -> [Parameter; 2] {
    let parameter = |name: &str, place, text: &str| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(Required::True)
            .description(Some(text))
            .schema(Some(
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .min_length(Some(1)),
            ))
            .build()
    };
    [
        parameter("app_id", ParameterIn::Path, "The app that the key is of."),
        parameter(
            "uid",
            ParameterIn::Query,
            "The user, who has enabled the app.",
        ),
    ]
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Makes a repeated request safe: for 24 hours the same key on the same route gives the answer that it gave first.",
        ))
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .min_length(Some(1))
                .max_length(Some(255))
                .pattern(Some("^[!-~]+$")),
        ))
        .build()
}

/// The three headers of every answer behind a limit.
fn tell_limits(operation: &mut Operation) {
    let header = |text: &str| {
        let mut header = Header::new(ObjectBuilder::new().schema_type(Type::Integer));
        header.description = Some(text.into());
        RefOr::T(header)
    };
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else {
            continue;
        };
        if !status.starts_with('2') && status != "429" {
            continue;
        }
        response.headers.extend([
            (
                "X-RateLimit-Limit".into(),
                header("Requests a window of the tightest limit."),
            ),
            (
                "X-RateLimit-Remaining".into(),
                header("Requests that are left in it."),
            ),
            (
                "X-RateLimit-Reset".into(),
                header("When it ends, in epoch seconds."),
            ),
        ]);
        if status == "429" {
            let wait = header("Seconds to wait, at least 1.");
            response.headers.insert("Retry-After".into(), wait);
        }
    }
}

/// The OpenAPI document of each surface.
pub fn all() -> Vec<(&'static str, OpenApi)> {
    router::surfaces()
        .into_iter()
        .map(|surface| {
            let mut document = surface.routes.into_openapi();
            document.info = InfoBuilder::new()
                .title(surface.title)
                .description(Some(surface.about))
                .version(env!("CARGO_PKG_VERSION"))
                .build();
            let bearer = HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(surface.credential))
                .build();
            let components = document.components.take().unwrap_or_default();
            document.components = Some(
                ComponentsBuilder::from(components)
                    .security_scheme(BEARER, SecurityScheme::Http(bearer))
                    .build(),
            );
            (surface.name, document)
        })
        .collect()
}

/// As they are served and committed.
static PRINTED: LazyLock<Vec<(&'static str, String)>> = LazyLock::new(|| {
    all()
        .into_iter()
        .map(|(name, document)| (name, document.to_pretty_json().unwrap_or_default()))
        .collect()
});

/// `/openapi/<surface>.json`, and the page that shows them, with nothing from elsewhere.
pub fn routes(surfaces: &[&'static str]) -> Router<App> {
    let mut router = Router::new();
    let mut addresses = Vec::new();
    for name in surfaces.iter().copied() {
        let address = format!("/openapi/{name}.json");
        router = router.route(
            &address,
            get(async move || {
                let text = PRINTED.iter().find(|(known, _)| *known == name);
                let text = text.map_or("", |(_, text)| text.as_str());
                ([(header::CONTENT_TYPE, "application/json")], text)
            }),
        );
        addresses.push(address);
    }
    let page = SwaggerUi::new(PAGE).config(Config::new(addresses).validator_url("none"));
    let strict = SetResponseHeaderLayer::overriding(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    router.merge(Router::from(page).layer(strict))
}
