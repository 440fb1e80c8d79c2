//! The message that begins a session, with what older clients leave out of it.

use axum::http::HeaderMap;
use rmcp::model::InitializeRequestParams;
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::door::{OLDEST, VERSION};

/// They are kept with the session. In bytes.
const LARGEST: usize = 64 * 1024;

/// What each request of a revision without sessions names, and no other.
const REVISION: &str = "io.modelcontextprotocol/protocolVersion";

/// Whether the client speaks a revision that has no initialize.
pub fn is_of_stateless_client(message: &Map<String, Value>) -> bool {
    let params = message.get("params");
    let meta = params.and_then(|params| params.get("_meta"));
    meta.is_some_and(|meta| meta.get(REVISION).is_some())
}

/// Fills in what older clients leave out of `initialize`. The error is a sentence.
pub fn complete(message: &mut Map<String, Value>, headers: &HeaderMap) -> Result<(), String> {
    let version = headers
        .get(VERSION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or(OLDEST);
    let params = object(message, "params")?;
    fill(params, "protocolVersion", version.into());
    fill(params, "capabilities", json!({}));
    let client = object(params, "clientInfo")?;
    fill(client, "name", "unknown".into());
    fill(client, "version", "unknown".into());
    InitializeRequestParams::deserialize(&message["params"])
        .map_err(|error| format!("The params of initialize are wrong: {error}."))?;
    if message["params"].to_string().len() > LARGEST {
        return Err("The params of initialize are too large; 64 KiB is the most.".into());
    }
    Ok(())
}

fn fill(map: &mut Map<String, Value>, name: &str, default: Value) {
    let value = map.entry(name).or_insert(Value::Null);
    if value.is_null() {
        *value = default;
    }
}

fn object<'a>(
    map: &'a mut Map<String, Value>,
    name: &str,
) -> Result<&'a mut Map<String, Value>, String> {
    fill(map, name, json!({}));
    map.get_mut(name)
        .and_then(Value::as_object_mut)
        .ok_or_else(|| format!("The {name} of initialize must be an object."))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::http::HeaderValue;

    use super::*;

    fn completed(message: Value, version: Option<&'static str>) -> Result<Value, String> {
        let Value::Object(mut message) = message else {
            panic!("not an object")
        };
        let mut headers = HeaderMap::new();
        if let Some(version) = version {
            headers.insert(VERSION, HeaderValue::from_static(version));
        }
        complete(&mut message, &headers).map(|()| message["params"].clone())
    }

    #[test]
    fn an_empty_initialize_is_filled_in() {
        let filled = |version| {
            json!({"protocolVersion": version, "capabilities": {},
                   "clientInfo": {"name": "unknown", "version": "unknown"}})
        };
        for message in [
            json!({}),
            json!({"params": null}),
            json!({"params": {"clientInfo": null}}),
        ] {
            assert_eq!(
                completed(message.clone(), None).unwrap(),
                filled("2025-03-26")
            );
            assert_eq!(
                completed(message, Some("2025-11-25")).unwrap(),
                filled("2025-11-25")
            );
        }
        let whole = json!({"protocolVersion": "2025-06-18", "capabilities": {"roots": {}},
                           "clientInfo": {"name": "test", "version": "1"}});
        assert_eq!(completed(json!({"params": whole}), None).unwrap(), whole);
    }

    #[test]
    fn a_wrong_initialize_is_explained() {
        for (params, about) in [
            (json!([]), "The params of initialize"),
            (json!({"clientInfo": "x"}), "The clientInfo of initialize"),
            (json!({"protocolVersion": 3}), "invalid type"),
            (
                json!({"clientInfo": {"name": "x".repeat(LARGEST)}}),
                "too large",
            ),
        ] {
            let reason = completed(json!({"params": params}), None).unwrap_err();
            assert!(reason.contains(about), "{reason}");
        }
    }
}
