//! Pieces of OpenAPI schemas that several rooms need and that no derive can write.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        AllOfBuilder, ObjectBuilder, RefOr, Schema,
        schema::{AnyOfBuilder, KnownFormat, SchemaFormat, Type},
    },
};

/// A date in a body, as `lenient::optional_datetime` takes it; the best of its spellings.
pub struct Moment;

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            // An offset can move the first day of the year 1 out of what RFC 3339 can write.
            .pattern(Some("^([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[2-9])-"))
            .description(Some(
                "RFC 3339, of the years 1 to 9999. Without an offset: UTC. A day alone and epoch seconds are taken too.",
            ))
            .into()
    }
}

impl ToSchema for Moment {}

/// An object in which one of `fields` must be there at least.
pub fn at_least_one(object: impl Into<RefOr<Schema>>, fields: &[&str]) -> RefOr<Schema> {
    let any = fields.iter().fold(AnyOfBuilder::new(), |any, field| {
        any.item(ObjectBuilder::new().required(*field))
    });
    AllOfBuilder::new().item(object).item(any).into()
}

/// Names of these, separated by commas.
pub fn list_of(names: &[&str]) -> RefOr<Schema> {
    let one = names.join("|");
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(format!("^({one})(,({one}))*$")))
        .into()
}

/// 1 to `most` characters, not all of them blank, none of them U+0000.
pub fn text(most: usize) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(most))
        .pattern(Some(r"^[^\x00]*[^\s\x85\x00][^\x00]*$"))
}

pub fn one_of(names: &[&'static str]) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names.iter().copied()))
}
