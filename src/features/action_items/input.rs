//! What clients send: things to get done, and changes of one.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Object, ObjectBuilder, RefOr, Schema,
        schema::{OneOfBuilder, Type},
    },
};
use uuid::Uuid;

use super::{ActionItem, MAXIMUM_DESCRIPTION, Manner};
use crate::{
    error::{Error, Result},
    features::{
        lenient,
        schema::{self, Moment},
    },
};

#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Sent")]
pub struct NewActionItem {
    pub description: String,
    pub completed: bool,
    pub due_at: Option<DateTime<Utc>>,
    /// It need not exist.
    pub conversation_id: Option<Uuid>,
}

/// What is sent for a new action item, also under the names that the published omi-mcp uses.
#[derive(Deserialize, ToSchema)]
struct Sent {
    #[schema(schema_with = description)]
    description: Option<String>,
    #[schema(schema_with = content)]
    content: Option<String>,
    /// Left out: false.
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    completed: Option<bool>,
    #[serde(default, with = "lenient::optional_datetime")]
    #[schema(value_type = Option<Moment>)]
    due_at: Option<DateTime<Utc>>,
    /// Another name of `due_at`.
    #[serde(default, with = "lenient::optional_datetime")]
    #[schema(value_type = Option<Moment>)]
    due_date: Option<DateTime<Utc>>,
}

impl TryFrom<Sent> for NewActionItem {
    type Error = &'static str;

    fn try_from(sent: Sent) -> Result<Self, Self::Error> {
        Ok(Self {
            // In serde's words for what is missing.
            description: lenient::first_text([sent.description, sent.content])
                .ok_or("missing field `description`")?,
            completed: sent.completed.unwrap_or(false),
            due_at: sent.due_at.or(sent.due_date),
            conversation_id: None,
        })
    }
}

impl PartialSchema for NewActionItem {
    fn schema() -> RefOr<Schema> {
        schema::at_least_one(Sent::schema(), &["description", "content"])
    }
}

impl ToSchema for NewActionItem {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Sent::schemas(schemas);
    }
}

impl NewActionItem {
    pub(super) fn into_item(
        self,
        id: Uuid,
        manner: Manner,
        now: DateTime<Utc>,
    ) -> Result<ActionItem> {
        Ok(ActionItem {
            id,
            description: lenient::text("description", &self.description, manner.longest())?,
            completed: self.completed,
            completed_at: self.completed.then_some(now),
            due_at: self.due_at,
            conversation_id: self.conversation_id,
            created_at: now,
            updated_at: now,
            ..ActionItem::default()
        })
    }
}

/// What of an action item is changed. What is left out stays, and so does what is null, but for `due_at`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "SentChanges")]
pub struct ActionItemChanges {
    pub description: Option<String>,
    pub completed: Option<bool>,
    /// Some(None) takes the date away.
    pub due_at: Option<Option<DateTime<Utc>>>,
    pub exported: Option<bool>,
    pub export_date: Option<DateTime<Utc>>,
    pub export_platform: Option<String>,
    pub apple_reminder_id: Option<String>,
    pub sort_order: Option<i32>,
    /// 0 to 3.
    pub indent_level: Option<i32>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SentChanges {
    description: Option<String>,
    content: Option<String>,
    #[serde(deserialize_with = "lenient::optional_bool")]
    completed: Option<bool>,
    #[serde(deserialize_with = "lenient::nullable_datetime")]
    due_at: Option<Option<DateTime<Utc>>>,
    #[serde(deserialize_with = "lenient::nullable_datetime")]
    due_date: Option<Option<DateTime<Utc>>>,
}

impl From<SentChanges> for ActionItemChanges {
    fn from(sent: SentChanges) -> Self {
        Self {
            description: lenient::first_text([sent.description, sent.content]),
            completed: sent.completed,
            due_at: lenient::first([sent.due_at, sent.due_date], Option::is_none),
            ..Self::default()
        }
    }
}

impl ActionItemChanges {
    /// Trimmed, or refused.
    pub(super) fn checked(mut self, manner: Manner) -> Result<Self> {
        let nothing =
            self.description.is_none() && self.completed.is_none() && self.due_at.is_none();
        if manner == Manner::Strict && nothing {
            return Err(Error::invalid_body("At least one field must be provided"));
        }
        if let Some(description) = &mut self.description {
            *description = lenient::text("description", description, manner.longest())?;
        }
        for (field, text) in [
            ("export_platform", &self.export_platform),
            ("apple_reminder_id", &self.apple_reminder_id),
        ] {
            lenient::at_most(field, text.as_deref().unwrap_or_default(), MAXIMUM_NAME)?;
        }
        indented(self.indent_level)?;
        Ok(self)
    }
}

/// Longest name of another task app, or id in it, in characters.
const MAXIMUM_NAME: usize = 500;

pub(super) fn indented(level: Option<i32>) -> Result<()> {
    if level.is_none_or(|level| (0..=3).contains(&level)) {
        Ok(())
    } else {
        Err(Error::invalid(
            "indent_level",
            "indent_level must be between 0 and 3",
        ))
    }
}

impl PartialSchema for ActionItemChanges {
    fn schema() -> RefOr<Schema> {
        let date = |text: &str| {
            OneOfBuilder::new()
                .item(ObjectBuilder::new().schema_type(Type::Null))
                .item(Moment::schema())
                .description(Some(text))
        };
        let object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("description", description())
            .property("content", content())
            .property("completed", ObjectBuilder::new().schema_type(Type::Boolean))
            .property("due_at", date("Null takes the date away."))
            .property("due_date", date("Another name of `due_at`."));
        schema::at_least_one(
            object.build(),
            &["description", "content", "completed", "due_at", "due_date"],
        )
    }
}

impl ToSchema for ActionItemChanges {}

fn description() -> Object {
    schema::text(MAXIMUM_DESCRIPTION)
        .description(Some("1 to 500 characters."))
        .build()
}

fn content() -> Object {
    schema::text(MAXIMUM_DESCRIPTION)
        .description(Some("Another name of `description`."))
        .build()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    /// Which fields the document says are enough by themselves.
    fn enough(schema: RefOr<Schema>) -> Vec<Value> {
        let schema = serde_json::to_value(schema).unwrap();
        let any = schema["allOf"][1]["anyOf"].as_array().unwrap();
        any.iter().map(|one| one["required"][0].clone()).collect()
    }

    #[test]
    fn the_document_takes_what_is_taken() {
        assert_eq!(enough(NewActionItem::schema()), ["description", "content"]);
        let changes = enough(ActionItemChanges::schema());
        assert_eq!(changes.len(), 5);
        for field in changes {
            let field = field.as_str().unwrap();
            let value = match field {
                "completed" => json!(true),
                "due_at" | "due_date" => json!(null),
                _ => json!("Buy milk"),
            };
            let sent: ActionItemChanges = serde_json::from_value(json!({field: value})).unwrap();
            sent.checked(Manner::Strict).unwrap();
        }
    }
}
