//! What an answer may rest on of files: the words of a text, and what a model sees on a picture.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    answer::Told,
    files::{self, Kind, Stored, WRONG},
    gather::cut,
    store,
};
use crate::{
    app::Handles,
    features::credentials::Caller,
    platform::{disk, pictures::Picture},
};

/// Pixels of a side of a picture that a model looks at, at most.
const LOOKED_AT: u32 = 1024;
/// Characters of a file that an answer may rest on, and of all files of a question together.
const LONGEST: usize = 12_000;
const LONGEST_OF_ALL: usize = 18_000;
const LONGEST_DESCRIPTION: usize = 4000;

/// What an answer may rest on of each of these files, in their order. Errors are told in its place.
pub async fn read(
    app: &Handles,
    caller: &Caller,
    files: &[Stored],
    told: &mut Told,
) -> Vec<String> {
    let mut texts = Vec::new();
    if files.is_empty() {
        return texts;
    }
    told.status("Reading files").await;
    let most = LONGEST.min(LONGEST_OF_ALL / files.len());
    for file in files {
        let text = if file.is(Kind::Text) {
            text_of(app, caller, file, most).await
        } else if file.is(Kind::Picture) {
            seen_on(app, caller, file)
                .await
                .map(|seen| cut(&seen, most))
        } else {
            Err(format!(
                "a file of the type {} that cannot be read here",
                file.mime_type
            ))
        };
        texts.push(text.unwrap_or_else(|why| format!("({why})")));
    }
    texts
}

async fn text_of(
    app: &Handles,
    caller: &Caller,
    file: &Stored,
    most: usize,
) -> Result<String, String> {
    let path = files::path(app, &caller.uid, file.id);
    // A character has four bytes at most.
    let bytes = disk::in_background(WRONG, move || files::beginning(&path, (most + 1) * 4)).await;
    match bytes {
        Ok(bytes) => Ok(cut(&String::from_utf8_lossy(&bytes), most)),
        Err(error) => {
            tracing::warn!(%error, id = %file.id, "a file of a chat could not be read");
            Err("a text that cannot be read any more".into())
        }
    }
}

/// What is on a picture.
#[derive(Deserialize, JsonSchema)]
struct Seen {
    /// A few sentences, with all text that can be read.
    description: String,
}

/// As a model described it once. Err: why it did not.
async fn seen_on(app: &Handles, caller: &Caller, file: &Stored) -> Result<String, String> {
    if let Some(description) = &file.description {
        return Ok(description.clone());
    }
    let Some(language) = &app.language else {
        return Err("a picture; there is no language model that could look at it".into());
    };
    let unseen = "a picture that could not be looked at";
    let path = files::path(app, &caller.uid, file.id);
    let drawn = files::draw(move || Ok(Picture::read(&path).and_then(|one| one.within(LOOKED_AT))));
    let jpeg = drawn.await.ok().flatten().ok_or(unseen)?;
    let instructions = include_str!("prompts/picture.txt");
    let looked = tokio::select! {
        looked = language.look::<Seen>(&caller.uid, "describe_file", instructions, &jpeg) => looked,
        () = app.stop.cancelled() => return Err(unseen.into()),
    };
    let seen = looked.map_err(|error| {
        tracing::warn!(%error, "the language model did not look at a picture");
        unseen
    })?;
    let seen = cut(seen.description.trim(), LONGEST_DESCRIPTION).replace('\0', "");
    if seen.is_empty() {
        return Err(unseen.into());
    }
    // It is looked at again if that fails.
    let _ = store::files::describe(&app.db, &caller.uid, file.id, &seen).await;
    Ok(seen)
}
