//! Pages of browsers: which origins may call.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, Method, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::{app::App, error::Error};

/// How long a browser need not ask again.
const REMEMBERED: Duration = Duration::from_secs(600);

/// None: no page from elsewhere may read answers, which is what browsers think of a server that says nothing.
pub fn layer(app: &App) -> Option<CorsLayer> {
    let origins = app.config.cors.origins();
    let origins: Vec<_> = origins
        .iter()
        .filter_map(|origin| origin.parse().ok())
        .collect();
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_headers(AllowHeaders::mirror_request())
            .allow_methods([
                Method::GET,
                Method::HEAD,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
            ])
            .expose_headers([
                header::RETRY_AFTER,
                HeaderName::from_static("x-request-id"),
                HeaderName::from_static("x-ratelimit-limit"),
                HeaderName::from_static("x-ratelimit-remaining"),
                HeaderName::from_static("x-ratelimit-reset"),
            ])
            .max_age(REMEMBERED)
    })
}

/// Whether a request comes from a page that may call, or from no page at all.
pub fn may_call(app: &App, headers: &HeaderMap) -> bool {
    match headers.get(header::ORIGIN) {
        None => true,
        Some(origin) => {
            is_ours(&app.public_url, headers)
                || app.config.cors.origins().iter().any(|one| origin == one)
        }
    }
}

/// Whether a page of this server sent it: by its public address or the one that was asked.
pub fn is_ours(public_url: &str, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text(header::ORIGIN).and_then(|origin| reqwest::Url::parse(origin).ok())
    else {
        return false;
    };
    let public = reqwest::Url::parse(public_url).map(|url| url.origin());
    let authority = match (origin.host_str(), origin.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_string(),
        (None, _) => return false,
    };
    public.is_ok_and(|public| public == origin.origin())
        || text(header::HOST).is_some_and(|host| host.eq_ignore_ascii_case(&authority))
}

/// Whether a form was sent by a page of this server: somebody who was lured to another site does not act here unawares.
pub fn from_our_page(app: &App, headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    !headers.contains_key(header::ORIGIN) || is_ours(&app.public_url, headers)
}

pub fn strangers_form() -> Error {
    let text = "This form was sent by a page of another site. Start again from the app.";
    Error::Forbidden(text.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_page_is_ours_by_the_public_address_or_by_the_one_asked() {
        let ours = |origin: &str, host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            headers.insert(header::HOST, host.parse().unwrap());
            is_ours("https://omi.example.org", &headers)
        };
        assert!(ours("https://omi.example.org", "inside:8080"));
        assert!(ours("http://10.0.0.5:8080", "10.0.0.5:8080"));
        assert!(!ours("https://evil.example", "omi.example.org"));
        assert!(!ours(
            "https://omi.example.org.evil.example",
            "omi.example.org"
        ));
        assert!(!ours("null", "omi.example.org"));
        assert!(!ours("http://omi.example.org:81", "omi.example.org:80"));
    }
}
