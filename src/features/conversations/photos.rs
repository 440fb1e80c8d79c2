//! Pictures that a device took while it listened.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Conversation, edits::or_absent, store};
use crate::{
    error::Result,
    features::credentials::Caller,
    platform::{clock, database::Db},
};

/// Bytes of one picture, at most.
pub const LARGEST_PHOTO: usize = 4 * 1024 * 1024;

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Photo {
    pub id: Uuid,
    /// JPEG.
    pub base64: String,
    /// Null until it was looked at.
    pub description: Option<String>,
    /// Nothing worth keeping is on it.
    pub discarded: bool,
    pub created_at: DateTime<Utc>,
    pub data_protection_level: Option<String>,
}

impl Photo {
    pub(super) fn of(
        id: Uuid,
        image: &[u8],
        description: Option<String>,
        discarded: bool,
        created_at: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            base64: STANDARD.encode(image),
            description,
            discarded,
            created_at,
            data_protection_level: None,
        }
    }
}

/// Adds a picture to a locked open conversation, which is not silent then.
pub async fn add_photo(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    id: Uuid,
    image: &[u8],
) -> Result<()> {
    Ok(store::add_photo(tx, uid, conversation_id, id, image, clock::now()).await?)
}

/// What is on it, wherever it is by now.
pub async fn describe_photo(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    description: &str,
    discarded: bool,
) -> Result<()> {
    Ok(store::describe_photo(tx, uid, id, description, discarded).await?)
}

/// The bytes of a picture, and the conversation that it is in. None: it is gone.
pub async fn photo_image(db: &Db, uid: &str, id: Uuid) -> Result<Option<(Uuid, Vec<u8>)>> {
    Ok(store::photo_image(db, uid, id).await?)
}

/// The conversation with its pictures, in the order in which they were taken. Lists are without.
pub async fn with_photos(
    db: &Db,
    uid: &str,
    mut conversation: Conversation,
) -> Result<Conversation> {
    conversation.photos = store::photos(db, uid, conversation.id).await?;
    Ok(conversation)
}

/// The same; those whose base64 does not fit into so many characters any more are without it.
pub async fn with_photos_within(
    db: &Db,
    uid: &str,
    conversation: Conversation,
    mut characters: usize,
) -> Result<Conversation> {
    let mut conversation = with_photos(db, uid, conversation).await?;
    for photo in &mut conversation.photos {
        match characters.checked_sub(photo.base64.len()) {
            Some(left) => characters = left,
            None => photo.base64 = String::new(),
        }
    }
    Ok(conversation)
}

/// The pictures of a conversation, in that order.
pub async fn photos(db: &Db, caller: &Caller, id: Uuid) -> Result<Vec<Photo>> {
    or_absent(store::standing(db, &caller.uid, id).await?.is_some())?;
    Ok(store::photos(db, &caller.uid, id).await?)
}

/// What is on the pictures of a conversation, in that order, without those that are not worth keeping.
pub async fn seen(db: &Db, uid: &str, conversation_id: Uuid) -> Result<Vec<String>> {
    Ok(store::seen(db, uid, conversation_id).await?)
}
