//! Search: its doors, its freshness, its understanding, its quality.

mod asking;
mod doors;
mod fresh;
mod meaning;
mod quality;

use serde_json::Value;

use crate::support::{Server, server::User};

/// What `GET /v1/search` answers to these parameters.
async fn ask(server: &Server, user: &User, parameters: &[(&str, &str)]) -> Value {
    let query = serde_urlencoded::to_string(parameters).unwrap();
    let path = format!("/v1/search?{query}");
    server.get(&path, &user.token).await.ok()
}

/// The texts of the hits of a question.
async fn texts(server: &Server, user: &User, question: &str) -> Vec<String> {
    let found = ask(server, user, &[("q", question)]).await;
    let hits = found["hits"].as_array().unwrap();
    hits.iter()
        .map(|hit| hit["text"].as_str().unwrap().to_string())
        .collect()
}

/// The ids of the hits.
fn ids(found: &Value) -> Vec<&str> {
    let hits = found["hits"].as_array().unwrap();
    hits.iter().map(|hit| hit["id"].as_str().unwrap()).collect()
}
