//! What clients send: goals to set, and changes of one.

use serde::Deserialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Object, ObjectBuilder, RefOr, Schema,
        schema::{KnownFormat, SchemaFormat, SchemaType, Type},
    },
};

use super::{GoalType, MAXIMUM_TITLE, MAXIMUM_UNIT};
use crate::{
    error::{Error, Result},
    features::{lenient, schema},
};

/// The bounds say how to draw a goal; target and progress may lie outside them.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewGoal {
    #[schema(schema_with = title)]
    pub title: String,
    #[serde(default)]
    #[schema(schema_with = goal_type)]
    pub goal_type: GoalType,
    pub target_value: f64,
    #[serde(default)]
    #[schema(default = 0.0)]
    pub current_value: f64,
    #[serde(default)]
    #[schema(default = 0.0)]
    pub min_value: f64,
    #[serde(default = "ten")]
    #[schema(default = 10.0)]
    pub max_value: f64,
    #[serde(default)]
    #[schema(schema_with = unit)]
    pub unit: Option<String>,
}

fn ten() -> f64 {
    10.0
}

impl NewGoal {
    /// Trimmed, or refused.
    pub(super) fn checked(mut self) -> Result<Self> {
        self.title = lenient::text("title", &self.title, MAXIMUM_TITLE)?;
        trim_unit(&mut self.unit)?;
        finite("target_value", Some(self.target_value))?;
        finite("current_value", Some(self.current_value))?;
        finite("min_value", Some(self.min_value))?;
        finite("max_value", Some(self.max_value))?;
        Ok(self)
    }
}

/// What of a goal is changed. What is left out stays, and so does what is null, but for `unit`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct GoalChanges {
    pub title: Option<String>,
    pub target_value: Option<f64>,
    /// The history does not notice.
    pub current_value: Option<f64>,
    pub min_value: Option<f64>,
    pub max_value: Option<f64>,
    /// Some(None) takes the unit away.
    #[serde(deserialize_with = "lenient::nullable")]
    pub unit: Option<Option<String>>,
}

impl GoalChanges {
    pub fn is_empty(&self) -> bool {
        self.title.is_none()
            && self.target_value.is_none()
            && self.current_value.is_none()
            && self.min_value.is_none()
            && self.max_value.is_none()
            && self.unit.is_none()
    }

    /// Trimmed, or refused.
    pub(super) fn checked(mut self) -> Result<Self> {
        if self.is_empty() {
            return Err(Error::invalid_body(
                "At least one field (title, target_value, current_value, min_value, max_value or unit) must be provided",
            ));
        }
        if let Some(title) = &mut self.title {
            *title = lenient::text("title", title, MAXIMUM_TITLE)?;
        }
        if let Some(unit) = &mut self.unit {
            trim_unit(unit)?;
        }
        finite("target_value", self.target_value)?;
        finite("current_value", self.current_value)?;
        finite("min_value", self.min_value)?;
        finite("max_value", self.max_value)?;
        Ok(self)
    }
}

impl PartialSchema for GoalChanges {
    fn schema() -> RefOr<Schema> {
        let progress = ObjectBuilder::from(number())
            .description(Some("Not noted in the history: `/progress` does that."));
        let object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("title", title())
            .property("target_value", number())
            .property("current_value", progress)
            .property("min_value", number())
            .property("max_value", number())
            .property("unit", unit());
        schema::at_least_one(
            object.build(),
            &[
                "title",
                "target_value",
                "current_value",
                "min_value",
                "max_value",
                "unit",
            ],
        )
    }
}

impl ToSchema for GoalChanges {}

fn title() -> Object {
    schema::text(MAXIMUM_TITLE)
        .description(Some("1 to 500 characters."))
        .build()
}

fn goal_type() -> Object {
    schema::one_of(&["boolean", "scale", "numeric"])
        .default(Some("scale".into()))
        .build()
}

fn number() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Number)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)))
        .build()
}

fn unit() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .max_length(Some(MAXIMUM_UNIT))
        .pattern(Some(r"^[^\x00]*$"))
        .description(Some("What the values count, such as `km`."))
        .build()
}

/// A blank unit is none.
fn trim_unit(unit: &mut Option<String>) -> Result<()> {
    if let Some(text) = unit.take().filter(|text| !text.trim().is_empty()) {
        *unit = Some(lenient::text("unit", &text, MAXIMUM_UNIT)?);
    }
    Ok(())
}

fn finite(field: &str, value: Option<f64>) -> Result<()> {
    if value.is_none_or(f64::is_finite) {
        Ok(())
    } else {
        Err(Error::invalid(field, format!("{field} must be finite")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    fn new(title: &str) -> NewGoal {
        serde_json::from_value(json!({"title": title, "target_value": 3})).unwrap()
    }

    fn changes(body: Value) -> Result<GoalChanges> {
        serde_json::from_value::<GoalChanges>(body)
            .unwrap()
            .checked()
    }

    #[track_caller]
    fn assert_refused<T: std::fmt::Debug>(found: Result<T>, location: &[&str]) {
        match found.unwrap_err() {
            Error::Invalid(problems) => assert_eq!(problems[0].location, location),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn numbers_are_finite_and_units_short() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let goal = NewGoal {
                max_value: value,
                ..new("Run")
            };
            assert_refused(goal.checked(), &["body", "max_value"]);
            let changes = GoalChanges {
                min_value: Some(value),
                ..GoalChanges::default()
            };
            assert_refused(changes.checked(), &["body", "min_value"]);
        }
        let goal = NewGoal {
            unit: Some("é".repeat(MAXIMUM_UNIT + 1)),
            ..new("Run")
        };
        assert_refused(goal.checked(), &["body", "unit"]);
    }

    #[test]
    fn only_the_unit_can_be_nulled() {
        for nothing in [
            json!({}),
            json!({"title": null, "max_value": null}),
            json!({"goal_type": "scale"}),
        ] {
            assert_refused(changes(nothing), &["body"]);
        }
        assert_eq!(changes(json!({"min_value": 1})).unwrap().unit, None);
        for none in [json!({"unit": null}), json!({"unit": " "})] {
            assert_eq!(changes(none).unwrap().unit, Some(None));
        }
        let named = changes(json!({"unit": " km "})).unwrap();
        assert_eq!(named.unit, Some(Some("km".into())));
    }
}
