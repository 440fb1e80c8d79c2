//! Pictures: stored when they have come, looked at by a job.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, Transaction};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    images::Image,
    scribe::{FIRST_PAUSE, Scribe},
    session::Update,
};
use crate::{
    app::Handles,
    error::{Error, Result},
    features::{conversations, processing::or_rules},
    platform::{ids, outbox::Event},
};

/// A picture waits to be looked at. `id` is its own.
pub const TAKEN: &str = "photo.taken";
/// A picture was looked at. `detail` is a [`Described`].
pub const DESCRIBED: &str = "photo.described";
/// The kind of job that looks at a picture.
pub const DESCRIBE_JOB: &str = "describe_photo";

/// What Omi's clients show of a picture that a model failed at.
const FAILED: &str = "Could not generate description.";
const LONGEST_DESCRIPTION: usize = 500;

#[derive(Debug, Serialize, Deserialize)]
pub struct Described {
    pub conversation_id: Uuid,
    pub description: String,
    pub discarded: bool,
}

/// What is on a picture.
#[derive(Deserialize, JsonSchema)]
struct Seen {
    /// One or two sentences; empty if there is nothing worth remembering on it.
    description: String,
}

/// Adds a picture to the session's conversation, and tells its device.
pub async fn store(
    scribe: &Scribe,
    image: Image,
    updates: &mpsc::UnboundedSender<Update>,
) -> Result<()> {
    let id = ids::new();
    let mut pause = FIRST_PAUSE;
    while let Err(error) = add(scribe, &image, id, updates).await {
        scribe.wait_out(error, &mut pause).await?;
        // It may have been committed although the answer was lost.
        if let Ok(Some(_)) = conversations::photo_image(&scribe.app.db, &scribe.live.uid, id).await
        {
            tell(&image, id, updates);
            break;
        }
    }
    Ok(())
}

async fn add(
    scribe: &Scribe,
    image: &Image,
    id: Uuid,
    updates: &mpsc::UnboundedSender<Update>,
) -> Result<()> {
    let put = async |tx: &mut Transaction<'_, Postgres>, conversation_id| {
        let uid = &scribe.live.uid;
        conversations::add_photo(&mut *tx, uid, conversation_id, id, &image.bytes).await?;
        let taken = Event {
            topic: TAKEN.into(),
            uid: uid.clone(),
            id,
            detail: serde_json::Value::Null,
        };
        scribe.app.outbox.publish(tx, &taken).await?;
        Ok(())
    };
    scribe
        .in_conversation(put, || tell(image, id, updates))
        .await
}

fn tell(image: &Image, id: Uuid, updates: &mpsc::UnboundedSender<Update>) {
    let temporary = image.id.clone();
    drop(updates.send(Update::PhotoTaken { temporary, id }));
}

/// Has a model say what is on a picture. Without one it has no description, and is kept. `attempts`: with this one.
pub async fn describe(app: &Handles, taken: Event, attempts: i32) -> Result<()> {
    let Event { uid, id, .. } = taken;
    let Some((conversation_id, image)) = conversations::photo_image(&app.db, &uid, id).await?
    else {
        return Ok(());
    };
    let (description, discarded) = match &app.language {
        None => (String::new(), false),
        Some(language) => {
            let instructions = include_str!("prompts/photo.txt");
            let asked = language.look::<Seen>(&uid, DESCRIBE_JOB, instructions, &image);
            match or_rules(asked.await, attempts, DESCRIBE_JOB)? {
                Some(seen) => {
                    let text = seen.description.trim().replace('\0', "");
                    let text: String = text.chars().take(LONGEST_DESCRIPTION).collect();
                    let nothing = text.is_empty();
                    (text, nothing)
                }
                None => (FAILED.into(), true),
            }
        }
    };
    let mut tx = app.db.begin().await?;
    conversations::describe_photo(&mut tx, &uid, id, &description, discarded).await?;
    let described = Described {
        conversation_id,
        description,
        discarded,
    };
    let detail = serde_json::to_value(described).map_err(|error| Error::Internal(error.into()))?;
    let event = Event {
        topic: DESCRIBED.into(),
        uid,
        id,
        detail,
    };
    app.outbox.publish(&mut tx, &event).await?;
    tx.commit().await?;
    Ok(())
}
