//! Older and mistaken names of paths that published clients use, led to the routes that are meant.

use axum::http::{Request, Uri, uri::PathAndQuery};

/// Rewrites the path of a request before it is routed. The query stays.
pub fn lead<B>(mut request: Request<B>) -> Request<B> {
    if let Some(path) = meant(request.uri().path()) {
        let mut parts = request.uri().clone().into_parts();
        let with_query = match request.uri().query() {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        if let Ok(path_and_query) = PathAndQuery::try_from(with_query) {
            parts.path_and_query = Some(path_and_query);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
    }
    request
}

fn meant(path: &str) -> Option<String> {
    if let Some(rest) = path.strip_prefix("/v1/dev/user/user/") {
        return Some(format!("/v1/dev/user/{rest}"));
    }
    if path == "/v1/dev/user/conversations/from_segments" {
        return Some("/v1/dev/user/conversations/from-segments".into());
    }
    // Chat is the same under both numbers.
    for rest in ["messages", "initial-message", "files"] {
        if path.strip_prefix("/v1/") == Some(rest) {
            return Some(format!("/v2/{rest}"));
        }
    }
    if let Some(message) = path.strip_prefix("/v1/messages/")
        && message.ends_with("/report")
    {
        return Some(format!("/v2/messages/{message}"));
    }
    // Memories were called facts.
    let app = path.strip_prefix("/v2/integrations/")?;
    let app = app.strip_suffix("/facts")?;
    Some(format!("/v2/integrations/{app}/memories"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn old_names_lead_to_new_ones() {
        let led = |uri: &str| {
            let request = Request::builder().uri(uri).body(()).unwrap();
            lead(request).uri().to_string()
        };
        for (old, new) in [
            (
                "/v2/integrations/a/user/facts?uid=u",
                "/v2/integrations/a/user/memories?uid=u",
            ),
            ("/v2/integrations/a/facts", "/v2/integrations/a/memories"),
            (
                "/v1/dev/user/user/memories?limit=1",
                "/v1/dev/user/memories?limit=1",
            ),
            (
                "/v1/dev/user/conversations/from_segments",
                "/v1/dev/user/conversations/from-segments",
            ),
            ("/v1/messages?app_id=a", "/v2/messages?app_id=a"),
            ("/v1/initial-message", "/v2/initial-message"),
            ("/v1/files", "/v2/files"),
            ("/v1/messages/m/report", "/v2/messages/m/report"),
        ] {
            assert_eq!(led(old), new);
            assert_eq!(led(new), new);
        }
        assert_eq!(led("/facts"), "/facts");
    }
}
