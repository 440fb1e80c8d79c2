//! The OpenAPI documents: committed as they are served, complete, and shown by a page that loads nothing from elsewhere.

use std::path::Path;

use omi_server::surfaces::router;
use serde_json::Value;

use crate::support::{Server, server::client};

#[tokio::test]
async fn the_committed_documents_are_those_that_are_served() {
    let server = Server::deaf().await;
    for (surface, _) in router::documents() {
        let served = client()
            .get(format!("{}/openapi/{surface}.json", server.url))
            .send()
            .await
            .unwrap();
        assert_eq!(served.headers()["content-type"], "application/json");
        let served = served.text().await.unwrap();
        let file = format!("docs/openapi/{surface}.json");
        let committed = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file))
            .unwrap_or_default();
        assert!(
            committed.trim_end() == served.trim_end(),
            "{file} is not what the server serves: run `make openapi` and look at the difference"
        );
        assert_eq!(
            server.cli(&["openapi", "--surface", surface]).await,
            served.trim_end()
        );
    }
}

#[test]
fn every_operation_says_what_it_does_and_how_it_refuses() {
    for (surface, document) in router::documents() {
        let document = serde_json::to_value(&document).unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let what = format!("{surface}: {method} {path}");
                let summary = operation["summary"].as_str().unwrap_or_default();
                let text = operation["description"].as_str().unwrap_or_default();
                assert!(
                    !summary.is_empty() || !text.is_empty(),
                    "{what} has no description"
                );
                let responses = operation["responses"].as_object().unwrap();
                assert!(
                    responses.keys().any(|status| status.starts_with('2')),
                    "{what}"
                );
                let open = router::OPEN.contains(&path.as_str());
                let always: &[&str] = if open {
                    &["500", "503"]
                } else {
                    &["401", "429", "500", "503"]
                };
                for status in always {
                    // Omi's clients know a code that does not count as a bad request.
                    if *status == "401" && path == "/v1/auth/token" {
                        continue;
                    }
                    assert!(
                        responses.contains_key(*status),
                        "{what}: {status} is not described"
                    );
                }
                for (status, response) in responses {
                    if !status.starts_with('2') {
                        let schema = &response["content"]["application/json"]["schema"]["$ref"];
                        assert_eq!(schema, "#/components/schemas/ErrorBody", "{what}: {status}");
                    }
                }
            }
        }
        assert_references(&document, &document);
    }
}

fn assert_references(value: &Value, document: &Value) {
    match value {
        Value::Object(object) => {
            if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                let pointer = reference.trim_start_matches('#');
                assert!(
                    document.pointer(pointer).is_some(),
                    "{reference} leads nowhere"
                );
            }
            object
                .values()
                .for_each(|inner| assert_references(inner, document));
        }
        Value::Array(list) => list
            .iter()
            .for_each(|inner| assert_references(inner, document)),
        _ => {}
    }
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let server = Server::deaf().await;
    let text = async |path: &str| {
        let response = client()
            .get(format!("{}{path}", server.url))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        response.text().await.unwrap()
    };
    let page = text("/docs").await;
    assert_eq!(page, text("/docs/").await);
    let links = regex::Regex::new(r#"(?:src|href)="([^"]+)""#).unwrap();
    let links: Vec<_> = links
        .captures_iter(&page)
        .map(|found| found[1].to_string())
        .collect();
    assert!(links.len() >= 4, "{page}");
    for link in links {
        assert!(!link.contains("//"), "{link} is elsewhere");
        text(&format!("/docs/{}", link.trim_start_matches("./"))).await;
    }
    let start = text("/docs/swagger-initializer.js").await;
    for (surface, _) in router::documents() {
        assert!(
            start.contains(&format!("/openapi/{surface}.json")),
            "{start}"
        );
    }
}
