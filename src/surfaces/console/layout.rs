//! How every page looks, and what it may load and lead to.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use maud::{DOCTYPE, Markup, html};
use reqwest::Url;

use super::{
    assets::{SCRIPT_ADDRESS, STYLE_ADDRESS},
    session::{SignedIn, csrf_field},
    sign_in,
};
use crate::{
    error::Error,
    surfaces::respond::{self, ApiError},
};

/// A page, until it is an answer.
pub struct Page<'a> {
    title: &'a str,
    body: Markup,
    status: StatusCode,
    signed_in: Option<&'a SignedIn>,
    /// Where its forms may lead besides this server, as a policy names it.
    leads_to: String,
}

impl<'a> Page<'a> {
    pub fn new(title: &'a str, body: Markup) -> Self {
        Self {
            title,
            body,
            status: StatusCode::OK,
            signed_in: None,
            leads_to: String::new(),
        }
    }

    pub fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Says on top who is signed in, with a way out.
    pub fn of(self, signed_in: &'a SignedIn) -> Self {
        Self {
            signed_in: Some(signed_in),
            ..self
        }
    }

    /// A form of the page may be answered by a redirect to this address: browsers follow it only if the page says so.
    pub fn leads_to(self, address: &Url) -> Self {
        let origin = address.origin();
        let leads_to = if origin.is_tuple() {
            format!(" {}", origin.ascii_serialization())
        } else {
            format!(" {}:", address.scheme())
        };
        Self { leads_to, ..self }
    }
}

impl axum::response::IntoResponse for Page<'_> {
    fn into_response(self) -> Response {
        let html = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width,initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Omi" }
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href=(*STYLE_ADDRESS);
                    script src=(*SCRIPT_ADDRESS) defer {}
                }
                body {
                    header {
                        a.brand href="/" { "Omi" }
                        @if let Some(signed_in) = self.signed_in {
                            form.out method="post" action=(sign_in::OUT) {
                                (csrf_field(signed_in))
                                span.who { (signed_in.known_as()) }
                                button.plain { "Sign out" }
                            }
                        }
                    }
                    main { (self.body) }
                }
            }
        };
        let policy = format!(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
             form-action 'self'{}; base-uri 'none'; frame-ancestors 'none'",
            self.leads_to
        );
        let mut response = (self.status, html).into_response();
        close(&mut response, &policy);
        response
    }
}

/// What every page says to browsers: it is kept, framed and told of nowhere, and may load what `policy` says.
pub fn close(response: &mut Response, policy: &str) {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
}

/// Sends a browser on, by GET.
pub fn go_to(address: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(address) = HeaderValue::from_str(address) {
        headers.insert(header::LOCATION, address);
    }
    response
}

/// A page that says what went wrong.
pub fn sorry(error: Error) -> Response {
    let status = respond::status(&error);
    let text = match &error {
        // Logs it, too.
        Error::Internal(_) => {
            drop(ApiError(error).into_response());
            "Something went wrong on the server; its log says what.".into()
        }
        error => error.to_string(),
    };
    let body = html! {
        h1 { "That did not work" }
        p.wrong role="alert" { (text) }
    };
    Page::new("That did not work", body)
        .status(status)
        .into_response()
}
