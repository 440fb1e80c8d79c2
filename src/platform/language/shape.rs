//! The shape of a typed answer: as it is told to the model, as strict servers take it, and as it is checked.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::answer;

/// What the answer is called when it is no object by itself: strict servers want one.
const WRAPPER: &str = "answer";
const MOST_COMPLAINTS: usize = 5;
const LONGEST_COMPLAINT: usize = 1000;

pub(super) struct Shape {
    /// As declared, with all its bounds.
    pub schema: Value,
    /// With only what strict servers understand.
    pub strict_schema: Value,
    /// The strict schema says all there is; otherwise (free keys, free values) it may not be called strict.
    pub strict: bool,
    validator: jsonschema::Validator,
    wrapped: bool,
    fields: Vec<String>,
}

/// Why an answer is not accepted.
#[derive(Debug)]
pub(super) struct Complaint {
    /// For the model: may quote its answer.
    pub told: String,
    /// For the log: only where.
    pub place: String,
}

impl Shape {
    /// Err: the type cannot be described, which is a mistake in the program.
    pub fn of<T: JsonSchema>() -> Result<Self, String> {
        let generator = SchemaSettings::draft2020_12()
            .with(|settings| {
                settings.inline_subschemas = true;
                settings.meta_schema = None;
            })
            .into_generator();
        let mut schema = generator.into_root_schema_for::<T>().to_value();
        let wrapped = schema["type"] != "object" || !schema["properties"].is_object();
        if wrapped {
            let definitions = schema
                .as_object_mut()
                .and_then(|schema| schema.remove("$defs"));
            schema =
                json!({"type": "object", "properties": {WRAPPER: schema}, "required": [WRAPPER]});
            if let Some(definitions) = definitions {
                schema["$defs"] = definitions;
            }
        }
        let mut strict = true;
        let strict_schema = strictly(&schema, &mut strict);
        let validator = jsonschema::options()
            .build(&schema)
            .map_err(|error| error.to_string())?;
        let fields = schema["properties"]
            .as_object()
            .map(|fields| fields.keys().cloned().collect())
            .unwrap_or_default();
        Ok(Self {
            schema,
            strict_schema,
            strict,
            validator,
            wrapped,
            fields,
        })
    }

    /// The first part of what the model wrote that fits.
    pub fn read<T: DeserializeOwned>(&self, text: &str) -> Result<T, Complaint> {
        let mut complaint = None;
        for value in answer::candidates(text) {
            match self.accept(value) {
                Ok(answer) => return Ok(answer),
                Err(why) => complaint = complaint.or(Some(why)),
            }
        }
        Err(complaint.unwrap_or_else(|| Complaint {
            told: "it holds no complete JSON object".into(),
            place: "no JSON".into(),
        }))
    }

    fn accept<T: DeserializeOwned>(&self, value: Value) -> Result<T, Complaint> {
        // A model that was asked for a list may give just that.
        let value = if self.wrapped && value.get(WRAPPER).is_none() {
            json!({WRAPPER: value})
        } else {
            value
        };
        // Where every field has a default, any object would do.
        if !self.fields.is_empty() && !self.fields.iter().any(|field| value.get(field).is_some()) {
            return Err(Complaint {
                told: format!("it has none of the fields {}", self.fields.join(", ")),
                place: "none of the fields".into(),
            });
        }
        let errors: Vec<_> = self
            .validator
            .iter_errors(&value)
            .take(MOST_COMPLAINTS)
            .collect();
        if !errors.is_empty() {
            let list = |write: &dyn Fn(&jsonschema::ValidationError<'_>) -> String| {
                errors.iter().map(write).collect::<Vec<_>>().join("; ")
            };
            let place = |error: &jsonschema::ValidationError<'_>| {
                format!("at {:?}", error.instance_path().to_string())
            };
            return Err(Complaint {
                told: bounded(list(&|error| format!("{}: {error}", place(error)))),
                place: bounded(list(&place)),
            });
        }
        let value = match value {
            Value::Object(mut fields) if self.wrapped => fields.remove(WRAPPER).unwrap_or_default(),
            value => value,
        };
        serde_path_to_error::deserialize(value).map_err(|error| Complaint {
            told: bounded(format!(
                "at {:?}: {}",
                error.path().to_string(),
                error.inner()
            )),
            place: bounded(format!("at {:?}", error.path().to_string())),
        })
    }
}

fn bounded(text: String) -> String {
    super::messages::fit(&text, LONGEST_COMPLAINT).into_owned()
}

/// Every object closed and every field required; bounds and hints that strict servers refuse are left out.
fn strictly(schema: &Value, strict: &mut bool) -> Value {
    let Value::Object(schema) = schema else {
        // `true`: anything.
        *strict = false;
        return json!({});
    };
    if let Some(reference) = schema.get("$ref") {
        return json!({"$ref": reference});
    }
    if let Some(names) = named_values(schema) {
        return json!({"type": "string", "enum": names});
    }
    let mut shaped = Map::new();
    for (key, value) in schema {
        match key.as_str() {
            "type" | "enum" | "const" | "description" => {
                shaped.insert(key.clone(), value.clone());
            }
            "items" => {
                shaped.insert(key.clone(), strictly(value, strict));
            }
            "anyOf" | "oneOf" => {
                let choices = value.as_array().map_or(&[][..], Vec::as_slice);
                let choices = choices.iter().map(|choice| strictly(choice, strict));
                shaped.insert("anyOf".into(), choices.collect());
            }
            "properties" | "$defs" => {
                let fields = value.as_object().into_iter().flatten();
                let fields = fields.map(|(name, field)| (name.clone(), strictly(field, strict)));
                shaped.insert(key.clone(), Value::Object(fields.collect()));
            }
            "additionalProperties" => *strict &= *value == json!(false),
            "allOf" | "patternProperties" | "prefixItems" | "not" => *strict = false,
            _ => {}
        }
    }
    let is_object = match shaped.get("type") {
        Some(Value::Array(types)) => types.iter().any(|name| name == "object"),
        Some(name) => name == "object",
        None => false,
    };
    if is_object {
        let names = shaped.get("properties").and_then(Value::as_object);
        let names: Vec<Value> = names
            .into_iter()
            .flat_map(Map::keys)
            .map(|name| json!(name))
            .collect();
        *strict &= !names.is_empty();
        if !names.is_empty() {
            shaped.insert("required".into(), names.into());
            shaped.insert("additionalProperties".into(), json!(false));
        }
    }
    if !["type", "enum", "const", "anyOf"]
        .iter()
        .any(|key| shaped.contains_key(*key))
    {
        *strict = false;
    }
    Value::Object(shaped)
}

/// The names of a choice whose variants are described one by one.
fn named_values(schema: &Map<String, Value>) -> Option<Vec<Value>> {
    let mut names = Vec::new();
    for choice in schema.get("oneOf")?.as_array()? {
        match (choice.get("const"), choice.get("enum")) {
            (Some(name @ Value::String(_)), _) => names.push(name.clone()),
            (None, Some(Value::Array(more))) if more.iter().all(Value::is_string) => {
                names.extend(more.iter().cloned());
            }
            _ => return None,
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]
    use serde::Deserialize;

    use super::*;

    /// What was understood.
    #[derive(Debug, Deserialize, JsonSchema, PartialEq)]
    struct Summary {
        /// In title case.
        title: String,
        #[serde(default)]
        emoji: String,
        mood: Option<Mood>,
        #[schemars(length(max = 2))]
        #[serde(default)]
        events: Vec<Event>,
        #[schemars(range(min = 0, max = 1))]
        score: f32,
    }

    #[derive(Debug, Deserialize, JsonSchema, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Mood {
        /// Glad.
        Good,
        Bad,
    }

    #[derive(Debug, Deserialize, JsonSchema, PartialEq)]
    struct Event {
        title: String,
        minutes: Option<u32>,
    }

    #[derive(Debug, Deserialize, JsonSchema, PartialEq)]
    struct Tree {
        name: String,
        children: Vec<Tree>,
    }

    #[test]
    fn strict_servers_get_what_they_take() {
        let shape = Shape::of::<Summary>().unwrap();
        assert!(shape.strict, "{:#}", shape.schema);
        assert_eq!(
            shape.strict_schema,
            json!({
                "type": "object",
                "description": "What was understood.",
                "properties": {
                    "title": {"type": "string", "description": "In title case."},
                    "emoji": {"type": "string"},
                    "mood": {"anyOf": [{"type": "string", "enum": ["bad", "good"]}, {"type": "null"}]},
                    "events": {"type": "array", "items": {
                        "type": "object",
                        "properties": {"title": {"type": "string"}, "minutes": {"type": ["integer", "null"]}},
                        "required": ["minutes", "title"],
                        "additionalProperties": false,
                    }},
                    "score": {"type": "number"},
                },
                "required": ["emoji", "events", "mood", "score", "title"],
                "additionalProperties": false,
            })
        );
        let tree = Shape::of::<Tree>().unwrap();
        assert!(tree.strict, "{:#}", tree.strict_schema);
        let free = Shape::of::<std::collections::HashMap<String, u8>>().unwrap();
        assert!(!free.strict);
        #[derive(Deserialize, JsonSchema)]
        struct Anything {
            anything: Value,
        }
        assert!(!Shape::of::<Anything>().unwrap().strict);
    }

    #[test]
    fn an_answer_is_checked_against_what_was_declared() {
        let shape = Shape::of::<Summary>().unwrap();
        let read = |text: &str| shape.read::<Summary>(text);
        let summary = read("Here: {\"title\": \"Tea\", \"score\": 0.5, \"extra\": 1}").unwrap();
        assert_eq!(summary.title, "Tea");
        for (text, place) in [
            ("none", "no JSON"),
            ("{}", "none of the fields"),
            ("{\"summary\": {\"title\": \"Tea\"}}", "none of the fields"),
            ("{\"title\": \"Tea\"}", "\"\""),
            ("{\"title\": 1, \"score\": 0.5}", "/title"),
            ("{\"title\": \"Tea\", \"score\": 7}", "/score"),
            (
                "{\"title\": \"Tea\", \"score\": 1, \"mood\": \"odd\"}",
                "/mood",
            ),
            (
                "{\"title\": \"Tea\", \"score\": 1, \"events\": [{\"title\": \"x\", \"minutes\": 1.0e30}]}",
                "/events/0/minutes",
            ),
        ] {
            let complaint = read(text).unwrap_err();
            // serde names places its own way.
            let found = complaint
                .place
                .replace("[0].", "/0/")
                .replace("events/", "/events/");
            assert!(found.contains(place), "{text}: {complaint:?}");
            assert!(!complaint.place.contains("Tea"), "{complaint:?}");
        }
    }

    #[test]
    fn what_is_no_object_travels_in_one() {
        let shape = Shape::of::<Vec<Event>>().unwrap();
        assert_eq!(shape.strict_schema["required"], json!([WRAPPER]));
        let one = vec![Event {
            title: "x".into(),
            minutes: None,
        }];
        for text in ["{\"answer\": [{\"title\": \"x\"}]}", "[{\"title\": \"x\"}]"] {
            assert_eq!(shape.read::<Vec<Event>>(text).unwrap(), one);
        }
        assert!(shape.read::<Vec<Event>>("{\"answer\": 1}").is_err());
    }
}
