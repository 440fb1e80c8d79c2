//! Pages that show what somebody shares.

use axum::{
    http::header,
    response::{Html, IntoResponse as _, Response},
};

/// Such a page loads nothing and runs nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// A page. All three are HTML already.
pub fn page(title: &str, heading: &str, body: &str) -> Response {
    let page = Html(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title>\n<style>body {{ font: 1.1rem/1.5 sans-serif; \
         max-width: 40rem; margin: 3rem auto; padding: 0 1rem }} small {{ color: #666 }} \
         p {{ white-space: pre-wrap }}</style></head>\n<body><h1>{heading}</h1>\n{body}</body></html>\n"
    ));
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], page).into_response()
}

/// As text between tags, or in the quotes of an attribute.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
