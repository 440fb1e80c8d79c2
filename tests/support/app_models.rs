//! The parsers of the Omi app, as a table: what each needs of an answer, and what makes it throw.
//!
//! `tests/omi_app/models.json`: model → key → its type; `required`: missing or null throws; `closed`: an unknown word throws;
//! `tolerant`: another type does not throw; `required_when`: only then required.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Field {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    required: bool,
    list_of: Option<String>,
    #[serde(default, rename = "enum")]
    words: Vec<Value>,
    #[serde(default)]
    closed: bool,
    #[serde(default)]
    tolerant: bool,
    #[serde(default)]
    aliases: Vec<String>,
    required_when: Option<String>,
}

type Models = BTreeMap<String, BTreeMap<String, Field>>;

static MODELS: LazyLock<Models> =
    LazyLock::new(|| serde_json::from_str(include_str!("../omi_app/models.json")).unwrap());

/// What the app would stumble over in this answer, as `path: why`; nothing is as it should be.
pub fn faults(model: &str, answer: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    object(model, answer, model, &mut faults);
    faults
}

/// The same of a list of answers.
pub fn faults_in_list(model: &str, answer: &Value) -> Vec<String> {
    let Some(items) = answer.as_array() else {
        return vec![format!("{model}: no list but {answer}")];
    };
    let mut faults = Vec::new();
    for (index, item) in items.iter().enumerate() {
        object(model, item, &format!("{model}[{index}]"), &mut faults);
    }
    faults
}

fn object(model: &str, value: &Value, path: &str, faults: &mut Vec<String>) {
    let fields = MODELS
        .get(model)
        .unwrap_or_else(|| panic!("the app has no model {model}"));
    let Some(found) = value.as_object() else {
        faults.push(format!("{path}: no object but {value}"));
        return;
    };
    for (key, field) in fields {
        let keys = [key].into_iter().chain(&field.aliases);
        let value = keys
            .filter_map(|key| found.get(key))
            .find(|value| !value.is_null());
        let path = format!("{path}.{key}");
        match value {
            Some(value) => one(field, value, &path, faults),
            None if field.required && field.required_when.is_none() => {
                faults.push(format!("{path}: missing or null"));
            }
            None => {}
        }
    }
}

fn one(field: &Field, value: &Value, path: &str, faults: &mut Vec<String>) {
    let known = faults.len();
    typed(&field.kind, value, path, faults);
    if field.tolerant {
        faults.truncate(known);
    }
    if field.closed && !field.words.contains(value) {
        faults.push(format!("{path}: {value} is none of {:?}", field.words));
    }
    if let (Some(kind), Some(items)) = (&field.list_of, value.as_array()) {
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            match kind.split_once('|') {
                Some((_, "string")) if item.is_string() => {}
                Some((model, _)) => typed(model, item, &path, faults),
                None => typed(kind, item, &path, faults),
            }
        }
    }
}

fn typed(kind: &str, value: &Value, path: &str, faults: &mut Vec<String>) {
    let fits = match kind {
        "string" | "enum" => value.is_string(),
        "bool" => value.is_boolean(),
        // 1.0 is no integer to Dart, and 1 is no double.
        "int" => value.is_i64() || value.is_u64(),
        "double_strict" => value.is_f64(),
        "num" => value.is_number(),
        "num|numeric_string" => {
            value.is_number()
                || value
                    .as_str()
                    .is_some_and(|text| text.parse::<f64>().is_ok())
        }
        "datetime" => value.as_str().is_some_and(is_instant),
        "datetime|int_epoch_seconds" => value.is_i64() || value.as_str().is_some_and(is_instant),
        "list" => value.is_array(),
        "map" => value.is_object(),
        "any" | "any_to_string" | "any_to_double" | "any_to_int" => true,
        _ => {
            let model = kind.strip_prefix("object:").unwrap_or(kind);
            return object(model, value, path, faults);
        }
    };
    if !fits {
        faults.push(format!("{path}: {value} is no {kind}"));
    }
}

/// An ISO 8601 instant that says its zone: without one the app takes it for local time.
fn is_instant(text: &str) -> bool {
    chrono::DateTime::parse_from_rfc3339(text).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_makes_the_app_throw_is_a_fault() {
        let whole = json!({
            "id": "1", "created_at": "2026-01-02T03:04:05Z", "discarded": false,
            "structured": {
                "title": "", "overview": "", "emoji": "🧠", "category": "other",
                "action_items": ["in short", {"description": "at length"}],
                "events": [{"title": "Tea", "start": "2026-01-02T03:04:05.123456Z", "duration": 30}],
            },
            "geolocation": {"latitude": 5.0, "longitude": 5.5},
        });
        assert_eq!(faults("ServerConversation", &whole), Vec::<String>::new());
        for (pointer, bad, path) in [
            ("/id", json!(null), ".id"),
            ("/created_at", json!("2026-01-02T03:04:05"), ".created_at"),
            ("/structured/title", json!(null), ".structured.title"),
            (
                "/structured/events/0/duration",
                json!(30.0),
                ".structured.events[0].duration",
            ),
            (
                "/structured/action_items/1/description",
                json!(null),
                ".structured.action_items[1].description",
            ),
            ("/geolocation/latitude", json!(5), ".geolocation.latitude"),
            ("/discarded", json!("no"), ".discarded"),
        ] {
            let mut broken = whole.clone();
            *broken.pointer_mut(pointer).unwrap() = bad;
            let faults = faults("ServerConversation", &broken);
            assert_eq!(faults.len(), 1, "{pointer}: {faults:?}");
            assert!(faults[0].contains(path), "{faults:?}");
        }
        assert!(!faults_in_list("Folder", &json!({})).is_empty());
    }

    #[test]
    fn each_model_that_a_call_names_is_known() {
        let calls: Vec<Value> =
            serde_json::from_str(include_str!("../omi_app/calls.json")).unwrap();
        assert!(calls.len() > 150);
        for call in calls {
            if let Some(model) = call["model"].as_str() {
                assert!(MODELS.contains_key(model), "{model}");
            }
        }
        let refers = |kind: &str| kind.strip_prefix("object:").map(String::from);
        for (model, fields) in MODELS.iter() {
            for field in fields.values() {
                if let Some(other) = refers(&field.kind) {
                    assert!(MODELS.contains_key(&other), "{model}: {other}");
                }
            }
        }
    }
}
