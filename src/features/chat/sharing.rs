//! Messages of a chat that a user shows to others by a link.

use chrono::TimeDelta;
use uuid::Uuid;

use super::{SharedChat, SharedMessage, store};
use crate::{
    error::{Error, Result},
    features::{accounts, credentials::Caller},
    platform::{clock, database::Db, secrets},
};

/// Most messages of one link.
const MOST_SHARED: usize = 200;
/// How long a link leads somewhere.
const LIFE: TimeDelta = TimeDelta::days(30);

/// "Share link expired or not found".
const EXPIRED: Error = Error::NotFound("Share link expired or");

/// Shows the caller's messages to whoever has the token; that of the link, 32 hex digits.
pub async fn share(db: &Db, caller: &Caller, wanted: &[String]) -> Result<String> {
    if wanted.is_empty() {
        return Err(Error::BadRequest("No message IDs provided".into()));
    }
    if wanted.len() > MOST_SHARED {
        return Err(Error::invalid(
            "message_ids",
            format!("message_ids must hold 1 to {MOST_SHARED}"),
        ));
    }
    let ids: Vec<Option<Uuid>> = wanted.iter().map(|id| id.parse().ok()).collect();
    let known: Vec<Uuid> = ids.iter().copied().flatten().collect();
    let messages = store::of_ids(db, &caller.uid, &known).await?;
    for (text, id) in wanted.iter().zip(ids) {
        if !messages.iter().any(|message| Some(message.id) == id) {
            let told: String = text.chars().take(100).collect();
            return Err(Error::Absent(format!("Message {told}")));
        }
    }
    let profile = accounts::profile(db, &caller.uid).await?;
    let name = profile.name.split_whitespace().next().unwrap_or("Someone");
    let share = store::sharing::Share {
        uid: caller.uid.to_string(),
        sender_name: name.into(),
        message_ids: known,
    };
    let token = secrets::random_hex(16);
    let now = clock::now();
    let mut tx = db.begin().await?;
    store::sharing::forget_expired(&mut tx, &caller.uid, now).await?;
    store::sharing::insert(&mut tx, &share, &token, now, now + LIFE).await?;
    tx.commit().await?;
    Ok(token)
}

/// What is shown under a token, to anybody. Messages that are gone are left out.
pub async fn shared(db: &Db, token: &str) -> Result<SharedChat> {
    if token.len() != 32 || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(EXPIRED);
    }
    let share = store::sharing::find(db, token, clock::now()).await?;
    let share = share.ok_or(EXPIRED)?;
    let messages = store::of_ids(db, &share.uid, &share.message_ids).await?;
    let messages: Vec<_> = messages
        .into_iter()
        .map(|message| SharedMessage {
            id: message.id,
            text: message.text,
            sender: message.sender,
            created_at: message.created_at,
        })
        .collect();
    Ok(SharedChat {
        sender_name: share.sender_name,
        count: messages.len(),
        messages,
    })
}
