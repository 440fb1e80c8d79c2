//! What clients send: memories that the user states, and changes of one.

use serde::Deserialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, Object, ObjectBuilder, RefOr, Schema,
        schema::{Array, Type},
    },
};

use super::{CATEGORIES, MAXIMUM_CONTENT, MAXIMUM_TAG, MAXIMUM_TAGS};
use crate::{
    error::{Error, Result},
    features::{lenient, schema},
};

pub(super) const VISIBILITIES: [&str; 2] = ["private", "public"];

/// What a user or client states.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewMemory {
    #[schema(schema_with = content)]
    pub content: String,
    /// None: the server chooses.
    #[serde(default)]
    #[schema(schema_with = category)]
    pub category: Option<String>,
    #[serde(default = "private")]
    #[schema(schema_with = visibility)]
    pub visibility: String,
    #[serde(default)]
    #[schema(schema_with = tags)]
    pub tags: Vec<String>,
    /// Only the app gives one.
    #[serde(skip)]
    #[schema(ignore)]
    pub headline: Option<String>,
}

pub(super) fn private() -> String {
    VISIBILITIES[0].into()
}

impl NewMemory {
    /// A private memory without tags.
    pub fn of(content: String) -> Self {
        Self {
            content,
            category: None,
            visibility: private(),
            tags: Vec::new(),
            headline: None,
        }
    }

    /// Trimmed, or refused.
    pub(super) fn checked(mut self, longest: usize) -> Result<Self> {
        self.content = lenient::text("content", &self.content, longest)?;
        if let Some(headline) = &self.headline {
            lenient::at_most("headline", headline, MAXIMUM_CONTENT)?;
        }
        check(
            self.category.as_deref(),
            Some(&self.visibility),
            Some(&self.tags),
        )?;
        Ok(self)
    }
}

/// What of a memory is changed; what is left out or null stays.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct MemoryChanges {
    pub content: Option<String>,
    pub category: Option<String>,
    pub visibility: Option<String>,
    /// In place of all tags.
    pub tags: Option<Vec<String>>,
}

impl MemoryChanges {
    /// Trimmed, or refused.
    pub(super) fn checked(mut self, longest: usize) -> Result<Self> {
        let Self {
            content: None,
            category: None,
            visibility: None,
            tags: None,
        } = self
        else {
            if let Some(content) = &mut self.content {
                *content = lenient::text("content", content, longest)?;
            }
            check(
                self.category.as_deref(),
                self.visibility.as_deref(),
                self.tags.as_deref(),
            )?;
            return Ok(self);
        };
        Err(Error::invalid_body(
            "At least one field (content, visibility, tags, or category) must be provided",
        ))
    }
}

fn check(category: Option<&str>, visibility: Option<&str>, tags: Option<&[String]>) -> Result<()> {
    if category.is_some_and(|category| !CATEGORIES.contains(&category)) {
        return Err(Error::invalid(
            "category",
            format!("category must be one of: {}", CATEGORIES.join(", ")),
        ));
    }
    if visibility.is_some_and(|visibility| !VISIBILITIES.contains(&visibility)) {
        return Err(Error::invalid(
            "visibility",
            "visibility must be 'public' or 'private'",
        ));
    }
    check_tags(tags.unwrap_or_default())
}

pub(super) fn check_tags(tags: &[String]) -> Result<()> {
    if tags.len() > MAXIMUM_TAGS {
        return Err(Error::invalid(
            "tags",
            format!("tags must hold at most {MAXIMUM_TAGS}"),
        ));
    }
    let fits = |tag: &String| (1..=MAXIMUM_TAG).contains(&tag.chars().count());
    if !tags.iter().all(fits) {
        return Err(Error::invalid(
            "tags",
            format!("tags must have 1 to {MAXIMUM_TAG} characters each"),
        ));
    }
    Ok(())
}

impl PartialSchema for MemoryChanges {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("content", content())
            .property("category", category())
            .property("visibility", visibility())
            .property("tags", tags());
        schema::at_least_one(
            object.build(),
            &["content", "category", "visibility", "tags"],
        )
    }
}

impl ToSchema for MemoryChanges {}

pub(super) fn content() -> Object {
    schema::text(MAXIMUM_CONTENT)
        .description(Some("1 to 500 characters."))
        .build()
}

fn category() -> Object {
    schema::one_of(&CATEGORIES)
        .description(Some(
            "For a new memory the server chooses, if it is left out.",
        ))
        .build()
}

fn visibility() -> Object {
    schema::one_of(&VISIBILITIES)
        .description(Some("A new memory is private, if it is left out."))
        .build()
}

pub(super) fn tags() -> Array {
    let tag = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(MAXIMUM_TAG))
        .pattern(Some(r"^[^\x00]+$"));
    ArrayBuilder::new()
        .items(tag)
        .max_items(Some(MAXIMUM_TAGS))
        .description(Some("At most 50, of 1 to 100 characters each."))
        .build()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn assert_refused<T: std::fmt::Debug>(outcome: Result<T>, field: &str) {
        match outcome.unwrap_err() {
            Error::Invalid(problems) => assert_eq!(problems[0].location, ["body", field]),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_statement_and_a_change_obey_the_same_rules() {
        let many = |tag: &str, count| vec![tag.to_string(); count];
        let most = "é".repeat(MAXIMUM_TAG);
        let good = MemoryChanges {
            content: Some(format!(" {} ", "é".repeat(MAXIMUM_CONTENT))),
            category: Some("auto".into()),
            visibility: Some("public".into()),
            tags: Some(many(&most, MAXIMUM_TAGS)),
        };
        let bad = |field, change: fn(&mut MemoryChanges)| {
            let mut changes = MemoryChanges {
                content: Some("x".into()),
                ..MemoryChanges::default()
            };
            change(&mut changes);
            (changes, field)
        };
        let cases = [
            bad("content", |c| c.content = Some(" \n".into())),
            bad("content", |c| {
                c.content = Some("é".repeat(MAXIMUM_CONTENT + 1));
            }),
            bad("category", |c| c.category = Some("travel".into())),
            bad("visibility", |c| c.visibility = Some("shared".into())),
            bad("tags", |c| c.tags = Some(vec!["x".into(), String::new()])),
            bad("tags", |c| c.tags = Some(vec!["x".repeat(MAXIMUM_TAG + 1)])),
            bad("tags", |c| {
                c.tags = Some(vec!["x".into(); MAXIMUM_TAGS + 1]);
            }),
        ];
        let stated = |changes: MemoryChanges| NewMemory {
            content: changes.content.unwrap_or_default(),
            category: changes.category,
            visibility: changes.visibility.unwrap_or_else(private),
            tags: changes.tags.unwrap_or_default(),
            headline: None,
        };
        let kept = good
            .clone()
            .checked(MAXIMUM_CONTENT)
            .unwrap()
            .content
            .unwrap();
        assert_eq!(kept, "é".repeat(MAXIMUM_CONTENT));
        assert_eq!(stated(good).checked(MAXIMUM_CONTENT).unwrap().content, kept);
        for (changes, field) in cases {
            assert_refused(changes.clone().checked(MAXIMUM_CONTENT), field);
            assert_refused(stated(changes).checked(MAXIMUM_CONTENT), field);
        }
    }
}
