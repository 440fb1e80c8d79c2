//! What tools answer: JSON with the schema that it keeps to.

use std::{collections::HashMap, sync::Arc};

use rmcp::{
    ErrorData,
    handler::server::tool::IntoCallToolResult,
    model::{CallToolResponse, CallToolResult, ContentBlock, JsonObject},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The answer as structured content and, for clients that read text only, as indented text.
pub struct Json<T>(pub T);

impl<T: Serialize> IntoCallToolResult for Json<T> {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        let value = serde_json::to_value(self.0).map_err(|error| {
            tracing::error!(%error, "the answer of an MCP tool could not be written");
            ErrorData::internal_error(super::tools::BROKEN, None)
        })?;
        let text = format!("{value:#}");
        let mut result = CallToolResult::structured(value);
        result.content = vec![ContentBlock::text(text)];
        Ok(result.into())
    }
}

/// The names of formats that JSON Schema knows; OpenAPI has more.
const FORMATS: [&str; 4] = ["date", "date-time", "uri", "uuid"];

/// The JSON Schema of what is documented for OpenAPI, whose schemas are JSON Schema 2020-12, with everything in place that
/// it refers to.
pub fn schema<T: ToSchema>() -> Arc<JsonObject> {
    let mut named = Vec::new();
    T::schemas(&mut named);
    let value = |schema| serde_json::to_value(schema).unwrap_or_default();
    let named = named
        .into_iter()
        .map(|(name, schema)| (name, value(schema)))
        .collect();
    match plain(value(T::schema()), &named) {
        Value::Object(schema) => Arc::new(schema),
        _ => Arc::default(),
    }
}

/// A schema as any client can read it: without references, formats that only OpenAPI knows, defaults that are null, and
/// lists of types.
pub fn plain(schema: Value, named: &HashMap<String, Value>) -> Value {
    match schema {
        Value::Object(mut object) => {
            let reference = object
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|reference| reference.strip_prefix("#/components/schemas/"));
            if let Some(Value::Object(meant)) = reference.and_then(|name| named.get(name)) {
                object.remove("$ref");
                // What is said here, such as a description, counts more.
                for (key, value) in meant {
                    object.entry(key).or_insert_with(|| value.clone());
                }
            }
            let known = |format: &Value| format.as_str().is_some_and(|it| FORMATS.contains(&it));
            if object
                .get("format")
                .is_some_and(|format| format.is_string() && !known(format))
            {
                object.remove("format");
            }
            // That of an argument that is left out, which is no null.
            if object.get("default") == Some(&Value::Null) {
                object.remove("default");
            }
            let members = object.into_iter();
            let members = members.map(|(key, value)| (key, plain(value, named)));
            Value::Object(one_type(members.collect()))
        }
        Value::Array(list) => list.into_iter().map(|one| plain(one, named)).collect(),
        other => other,
    }
}

/// `{"type": ["string", "null"]}` as a choice of two: not every client knows a list of types.
fn one_type(mut schema: JsonObject) -> JsonObject {
    let Some(Value::Array(types)) = schema.get("type").cloned() else {
        return schema;
    };
    let about = schema.remove("description");
    let choices = types.into_iter().map(|name| {
        let mut choice = match name == "null" {
            true => JsonObject::new(),
            false => schema.clone(),
        };
        choice.insert("type".into(), name);
        Value::Object(choice)
    });
    let mut either = JsonObject::new();
    either.insert("anyOf".into(), choices.collect());
    either.extend(about.map(|about| ("description".into(), about)));
    either
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(ToSchema)]
    #[allow(dead_code)]
    struct Outer {
        inner: Inner,
        /// Told here.
        perhaps: Option<Inner>,
        count: i64,
        at: chrono::DateTime<chrono::Utc>,
    }

    #[derive(ToSchema)]
    #[allow(dead_code)]
    struct Inner {
        share: f64,
        /// Or none.
        #[schema(max_length = 5)]
        name: Option<String>,
    }

    #[test]
    fn a_schema_stands_alone() {
        let name = json!({
            "anyOf": [{"type": "string", "maxLength": 5}, {"type": "null"}], "description": "Or none."
        });
        let inner = json!({
            "type": "object", "required": ["share"], "properties": {"share": {"type": "number"}, "name": name}
        });
        let mut told = inner.clone();
        told["description"] = json!("Told here.");
        assert_eq!(
            Value::Object(schema::<Outer>().as_ref().clone()),
            json!({
                "type": "object",
                "required": ["inner", "count", "at"],
                "properties": {
                    "inner": inner,
                    "perhaps": {"oneOf": [told, {"type": "null"}]},
                    "count": {"type": "integer"},
                    "at": {"type": "string", "format": "date-time"},
                },
            })
        );
    }
}
