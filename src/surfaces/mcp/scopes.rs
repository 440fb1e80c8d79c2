//! What a message needs its sender to be allowed. Whoever lacks it is told for what to ask the user.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

use super::tools;
use crate::{
    features::{
        connectors,
        credentials::{Caller, Scope},
    },
    surfaces::challenges,
};

/// In the range that JSON-RPC leaves to servers.
const LACKS: i32 = -32003;

fn needed(message: &Map<String, Value>) -> &'static [Scope] {
    let parameter = |name| {
        message
            .get("params")
            .and_then(|params| params.get(name)?.as_str())
    };
    match message.get("method").and_then(Value::as_str) {
        Some("tools/call") => parameter("name")
            .and_then(tools::scopes_of)
            .unwrap_or_default(),
        _ => &[],
    }
}

/// None: the sender may do it, or the message is wrong in another way.
pub fn refused(
    public_url: &str,
    caller: &Caller,
    message: &Map<String, Value>,
) -> Option<Response> {
    let needed = needed(message);
    let lacks = |scope: &Scope| !caller.scopes.contains(scope);
    if !needed.iter().any(lacks) {
        return None;
    }
    let together: Vec<_> = Scope::ALL
        .into_iter()
        .filter(|scope| caller.scopes.contains(scope) || needed.contains(scope))
        .collect();
    let lacking: Vec<_> = needed.iter().copied().filter(lacks).collect();
    let text = format!(
        "The user has not allowed this assistant {}. Ask the user for it and try again.",
        connectors::written(&lacking)
    );
    let error = json!({"code": LACKS, "message": text});
    let id = message.get("id").unwrap_or(&Value::Null);
    let body = json!({"jsonrpc": "2.0", "id": id, "error": error});
    let mut response = (StatusCode::FORBIDDEN, Json(body)).into_response();
    let headers = response.headers_mut();
    challenges::lacks(public_url, &connectors::written(&together), headers);
    Some(response)
}
