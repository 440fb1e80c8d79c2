//! The step that puts a conversation into one of the user's folders.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    heard::{cut, numbered},
    steps::{Judged, or_rules},
};
use crate::{
    app::Handles,
    error::Result,
    features::{
        conversations::Structured,
        folders::{self, Folder},
    },
};

/// Below this the default folder is taken, if there is one.
const SURE: f64 = 0.7;

/// The folder that fits.
#[derive(Deserialize, JsonSchema)]
struct FolderAnswer {
    /// The number of the folder; 0: none fits.
    folder: i64,
    /// 0 to 1.
    #[serde(default)]
    confidence: Option<f64>,
}

/// The id of the folder, if one fits.
pub async fn by_model(
    app: &Handles,
    uid: &str,
    structured: &Structured,
    folders: &[Folder],
    attempts: i32,
) -> Result<Judged<Option<String>>> {
    let Some(language) = &app.language else {
        return Ok(None);
    };
    let list: Vec<_> = (1..)
        .zip(folders)
        .map(|(number, folder)| {
            let description = folder.description.as_deref().unwrap_or_default();
            format!(
                "{number}. {}: {}",
                cut(&folder.name, 100),
                cut(description, 500)
            )
        })
        .collect();
    let material = format!(
        "# Conversation\n{}\nCategory: {}\n{}\n\n# Folders\n{}",
        structured.title,
        structured.category,
        cut(&structured.overview, 4000),
        list.join("\n")
    );
    let rules = include_str!("prompts/folder.txt");
    let asked = language.ask::<FolderAnswer>(uid, "choose_folder", rules, &material);
    let Some(answer) = or_rules(asked.await, attempts, "choose_folder")? else {
        return Ok(None);
    };
    let chosen = numbered(folders, answer.folder);
    let default = folders::default(folders);
    let folder = match chosen {
        Some(_) if answer.confidence.unwrap_or(0.5) < SURE && default.is_some() => default,
        Some(chosen) => Some(chosen),
        None => default,
    };
    let folder = folder.map(|folder| folder.id.clone());
    Ok(Some((folder, language.model().into())))
}
