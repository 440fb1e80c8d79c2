//! What clients send: new folders, and changes of one.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    error::{Error, Result},
    features::lenient,
};

/// Longest name, in characters.
const MAXIMUM_NAME: usize = 100;
/// Longest description, in characters.
const MAXIMUM_DESCRIPTION: usize = 500;
/// Longest icon, in characters: an emoji may have several.
const MAXIMUM_ICON: usize = 50;
/// Last place in the list.
const MAXIMUM_ORDER: i32 = 1_000_000;

const COLOR: &str = "#6B7280";
const ICON: &str = "📁";

#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewFolder {
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    pub name: String,
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^[^\x00]*$")]
    pub description: Option<String>,
    /// `#` and six hex digits; grey if left out.
    #[serde(default)]
    #[schema(pattern = "^#[0-9A-Fa-f]{6}$")]
    pub color: Option<String>,
    /// An emoji; 📁 if left out.
    #[serde(default)]
    #[schema(max_length = 50, pattern = r"^[^\x00]*$")]
    pub icon: Option<String>,
}

/// What is left out stays; null takes a description away and leaves everything else as it is.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct FolderChanges {
    #[serde(default)]
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "lenient::nullable")]
    #[schema(value_type = Option<String>, max_length = 500, pattern = r"^[^\x00]*$")]
    pub description: Option<Option<String>>,
    #[serde(default)]
    #[schema(pattern = "^#[0-9A-Fa-f]{6}$")]
    pub color: Option<String>,
    #[serde(default)]
    #[schema(max_length = 50, pattern = r"^[^\x00]*$")]
    pub icon: Option<String>,
    /// Its place in the list.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub order: Option<i32>,
}

/// A new folder with everything that was left out.
pub(super) struct Filled {
    pub name: String,
    pub description: Option<String>,
    pub color: String,
    pub icon: String,
}

impl NewFolder {
    pub(super) fn filled(self) -> Result<Filled> {
        Ok(Filled {
            name: lenient::text("name", &self.name, MAXIMUM_NAME)?,
            description: described(self.description)?,
            color: colored(self.color)?.unwrap_or_else(|| COLOR.into()),
            icon: pictured(self.icon)?.unwrap_or_else(|| ICON.into()),
        })
    }
}

impl FolderChanges {
    pub(super) fn checked(self) -> Result<Self> {
        if self
            .order
            .is_some_and(|order| !(0..=MAXIMUM_ORDER).contains(&order))
        {
            let text = format!("order must be between 0 and {MAXIMUM_ORDER}");
            return Err(Error::invalid("order", text));
        }
        let name = self.name.as_deref();
        Ok(Self {
            name: name
                .map(|name| lenient::text("name", name, MAXIMUM_NAME))
                .transpose()?,
            description: self.description.map(described).transpose()?,
            color: colored(self.color)?,
            icon: pictured(self.icon)?,
            order: self.order,
        })
    }
}

/// Without blanks around it; a blank one is none.
fn present(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_string())
        .filter(|text| !text.is_empty())
}

fn described(text: Option<String>) -> Result<Option<String>> {
    let text = present(text);
    if let Some(text) = &text {
        lenient::at_most("description", text, MAXIMUM_DESCRIPTION)?;
    }
    Ok(text)
}

fn colored(text: Option<String>) -> Result<Option<String>> {
    let text = present(text);
    let well_formed = |text: &String| {
        let digits = text.strip_prefix('#').unwrap_or_default();
        digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    if text.as_ref().is_some_and(|text| !well_formed(text)) {
        return Err(Error::invalid(
            "color",
            "color must be # and six hex digits, such as #3B82F6",
        ));
    }
    Ok(text)
}

fn pictured(text: Option<String>) -> Result<Option<String>> {
    let text = present(text);
    if let Some(text) = &text {
        lenient::at_most("icon", text, MAXIMUM_ICON)?;
    }
    Ok(text)
}
