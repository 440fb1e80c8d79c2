//! Stored sound of conversations: files below `audio/` in the data directory, a folder a user, a file a minute; their rows
//! say what they belong to. A file is there before its row and until after it.

mod model;
mod recording;
mod store;
mod sweeper;

pub use model::{AudioFile, Chunk};
pub use recording::{Format, Recording};
pub use sweeper::run_forever;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
};

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    features::credentials::Caller,
    platform::{audio::stored, database::Db, disk, ids},
};

/// Whether the sound of a user's live sessions is kept.
pub async fn is_kept(db: &Db, uid: &str) -> Result<bool> {
    Ok(store::is_kept(db, uid).await?.unwrap_or(false))
}

/// Counts from now on; what is stored stays.
pub async fn set_kept(db: &Db, caller: &Caller, kept: bool) -> Result<()> {
    Ok(store::set_kept(db, &caller.uid, kept).await?)
}

/// Gives up all sound of a user; the files go soon after.
pub async fn erase(db: &Db, caller: &Caller) -> Result<()> {
    Ok(store::give_up_all(db, &caller.uid).await?)
}

/// The files of a user. `root`: the folder of all sound.
pub fn folder_of(root: &Path, uid: &str) -> PathBuf {
    root.join(folder(uid))
}

/// Takes the files of a user away at once. `root`: the folder of all sound.
pub async fn erase_files(root: &Path, uid: &str) -> Result<()> {
    let path = folder_of(root, uid);
    let erase = move || disk::absent_is_fine(std::fs::remove_dir_all(path));
    Ok(disk::in_background("stored sound cannot be removed", erase).await?)
}

/// Puts sound on disk, whole or not at all, and gives its size in bytes; `add` makes it known. The same id again replaces
/// it. Blocks.
pub fn write(root: &Path, uid: &str, id: Uuid, samples: &[i16]) -> io::Result<i32> {
    let path = path(root, uid, id);
    let folder = path.parent().unwrap_or(root);
    std::fs::create_dir_all(folder)?;
    let bytes = stored::write(&path, &folder.join(format!("{}.new", ids::new())), samples)?;
    Ok(i32::try_from(bytes).unwrap_or(i32::MAX))
}

/// Adds a written chunk to its conversation. False: there is no such conversation, or nothing was said in it yet; then the
/// file is not wanted.
pub async fn add(tx: &mut PgConnection, uid: &str, chunk: &Chunk, bytes: i32) -> Result<bool> {
    Ok(store::put(tx, uid, chunk, bytes).await?)
}

/// Takes a file away that `add` did not want. Blocks.
pub fn remove(root: &Path, uid: &str, id: Uuid) -> io::Result<()> {
    disk::absent_is_fine(std::fs::remove_file(path(root, uid, id)))
}

/// The files of those of these conversations that have some.
pub async fn of_conversations(
    db: &Db,
    uid: &str,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Vec<AudioFile>>> {
    let mut chunks: HashMap<Uuid, Vec<Chunk>> = HashMap::new();
    if !ids.is_empty() {
        for chunk in store::of_conversations(db, uid, ids).await? {
            chunks.entry(chunk.conversation_id).or_default().push(chunk);
        }
    }
    let described = chunks.into_iter().map(|(id, chunks)| {
        let files = model::files(chunks).into_iter();
        (
            id,
            files
                .filter_map(|file| model::described(uid, file))
                .collect(),
        )
    });
    Ok(described.collect())
}

/// The files of one conversation, in order.
pub async fn list(db: &Db, caller: &Caller, conversation_id: Uuid) -> Result<Vec<AudioFile>> {
    if !store::is_conversation(db, &caller.uid, conversation_id).await? {
        return Err(Error::NotFound("Conversation"));
    }
    let mut found = of_conversations(db, &caller.uid, &[conversation_id]).await?;
    Ok(found.remove(&conversation_id).unwrap_or_default())
}

/// One file, to be played. `root`: the folder of all sound.
pub async fn open(
    db: &Db,
    root: &Path,
    caller: &Caller,
    conversation_id: Uuid,
    file_id: Uuid,
) -> Result<Recording> {
    let chunks = store::of_conversations(db, &caller.uid, &[conversation_id]).await?;
    let chunks = model::files(chunks)
        .into_iter()
        .find(|file| file.first().is_some_and(|first| first.id == file_id))
        .ok_or(Error::NotFound("Audio file"))?;
    Recording::open(root, &caller.uid, chunks).await
}

/// What belonged to some conversations belongs to one from now on.
pub async fn reassign(tx: &mut PgConnection, uid: &str, from: &[Uuid], into: Uuid) -> Result<()> {
    Ok(store::reassign(tx, uid, from, into).await?)
}

/// Made of ids only: a uid may be any text.
fn folder(uid: &str) -> String {
    ids::from_content(&format!("audio of {uid}")).to_string()
}

fn path(root: &Path, uid: &str, id: Uuid) -> PathBuf {
    folder_of(root, uid).join(format!("{id}.opus"))
}
