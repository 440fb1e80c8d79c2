//! Who may see a conversation: its owner, or everyone who knows its id.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Conversation, edits::or_absent, get, store, with_photos};
use crate::{
    error::{Error, Result},
    features::credentials::Caller,
    platform::database::Db,
};

/// Whom a conversation is shown to. `shared` and `public` are the same but for their name.
pub const VISIBILITIES: [&str; 3] = ["private", "shared", "public"];

const HIDDEN: Error = Error::NotThere("Conversation is private");

/// Shows a conversation to everyone who knows its id, or to its owner only.
pub async fn set_visibility(db: &Db, caller: &Caller, id: Uuid, visibility: &str) -> Result<()> {
    if !VISIBILITIES.contains(&visibility) {
        let text = format!("value must be one of {}", VISIBILITIES.join(", "));
        return Err(Error::invalid_parameter("value", text));
    }
    let mut tx = db.begin().await?;
    or_absent(store::set_visibility(&mut tx, &caller.uid, id, visibility).await?)?;
    if visibility == VISIBILITIES[0] {
        store::unshare(&mut tx, &caller.uid, id).await?;
    } else {
        share(&mut tx, &caller.uid, id).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Has a conversation that is not private found by its id alone.
pub(super) async fn share(tx: &mut PgConnection, uid: &str, id: Uuid) -> Result<()> {
    if store::share(tx, uid, id).await? {
        return Ok(());
    }
    // Devices choose ids: two users may have the same.
    let text = "The conversation cannot be shared: another user shares one with the same id.";
    Err(Error::Conflict(text.into()))
}

/// A conversation that its owner shows to everyone, with its pictures. Where it was, whom the calendar knew of and what was
/// recorded is the owner's alone. Also gives whose it is.
pub async fn shared(db: &Db, id: Option<Uuid>) -> Result<(String, Conversation)> {
    let id = id.ok_or(HIDDEN)?;
    let uid = store::shared_by(db, id).await?.ok_or(HIDDEN)?;
    let found = match get(db, &uid, id).await {
        Err(Error::NotFound(_)) => return Err(HIDDEN),
        found => found?,
    };
    let mut found = with_photos(db, &uid, found).await?;
    found.geolocation = None;
    found.audio_files = Vec::new();
    if let Some(data) = found
        .external_data
        .as_mut()
        .and_then(|data| data.as_object_mut())
    {
        data.remove("calendar_meeting_context");
    }
    Ok((uid, found))
}
