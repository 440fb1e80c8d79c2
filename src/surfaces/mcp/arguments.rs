//! Arguments of a tool: read kindly, refused with the argument's name as invalid params (−32602).

use std::borrow::Cow;

use rmcp::{
    ErrorData,
    handler::server::{common::FromContextPart, tool::ToolCallContext},
    schemars::{JsonSchema, Schema, SchemaGenerator},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Stands in for rmcp's type of this name, by which its macro finds the schema: rmcp's own answers wrong arguments with a
/// result instead of an error.
pub struct Parameters<T>(pub T);

impl<T: JsonSchema> JsonSchema for Parameters<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<S, T: DeserializeOwned> FromContextPart<ToolCallContext<'_, S>> for Parameters<T> {
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, ErrorData> {
        read(context.arguments.take().unwrap_or_default()).map(Self)
    }
}

fn read<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, ErrorData> {
    let arguments: Map<_, _> = arguments
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name, whole(value)))
        .collect();
    serde_path_to_error::deserialize(Value::Object(arguments)).map_err(|error| {
        let name = error.path().to_string();
        let reason = error.into_inner().to_string();
        let missing = reason
            .strip_prefix("missing field `")
            .and_then(|rest| rest.strip_suffix('`'));
        let sentence = match missing {
            Some(name) => format!("The argument {name} is required."),
            None => format!("The argument {name} is wrong: {reason}."),
        };
        ErrorData::invalid_params(sentence, None)
    })
}

/// 5.0 as 5: models and JavaScript make no difference.
fn whole(value: Value) -> Value {
    // Up to here a double holds each whole number exactly.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value.as_f64() {
        Some(number) if value.is_f64() && number.fract() == 0.0 && number.abs() <= EXACT => {
            Value::from(number as i64)
        }
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Wanted {
        name: String,
        #[serde(default)]
        limit: i64,
    }

    fn taken(arguments: Value) -> Result<Wanted, String> {
        let Value::Object(arguments) = arguments else {
            panic!("not an object")
        };
        read(arguments).map_err(|error| error.message.into_owned())
    }

    #[test]
    fn null_is_left_out_and_a_whole_float_is_an_integer() {
        let wanted = taken(json!({"name": "x", "limit": 5.0, "more": true})).unwrap();
        assert_eq!((wanted.name.as_str(), wanted.limit), ("x", 5));
        assert_eq!(taken(json!({"name": "x", "limit": null})).unwrap().limit, 0);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (arguments, sentence) in [
            (json!({}), "The argument name is required."),
            (json!({"name": null}), "The argument name is required."),
            (
                json!({"name": 1}),
                "The argument name is wrong: invalid type: integer `1`, expected a string.",
            ),
            (
                json!({"name": "x", "limit": 5.5}),
                "The argument limit is wrong: invalid type: floating point `5.5`, expected i64.",
            ),
            (
                json!({"name": "x", "limit": 1e300}),
                "The argument limit is wrong: invalid type: floating point `1e+300`, expected i64.",
            ),
        ] {
            assert_eq!(taken(arguments).unwrap_err(), sentence);
        }
    }
}
