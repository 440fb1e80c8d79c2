//! How users like what was written for them.

mod store;

use uuid::Uuid;

use crate::{
    error::{Error, Result},
    features::{chat, credentials::Caller},
    platform::{clock, database::Db},
};

/// Rates the summary of a conversation: 1 or 0, or -1 where it was only seen. Nothing happens where there is none.
pub async fn rate_summary(
    db: &Db,
    caller: &Caller,
    conversation: Option<Uuid>,
    value: i64,
) -> Result<()> {
    let value = rating(value)?;
    if let Some(id) = conversation {
        store::rate_summary(db, &caller.uid, id, value, clock::now()).await?;
    }
    Ok(())
}

/// How the summary of a conversation was rated; None: it was not even seen.
pub async fn of_summary(
    db: &Db,
    caller: &Caller,
    conversation: Option<Uuid>,
) -> Result<Option<i16>> {
    match conversation {
        Some(id) => Ok(store::of_summary(db, &caller.uid, id).await?),
        None => Ok(None),
    }
}

/// Rates an answer of the chat: 1 or -1, or 0 to take that back. Nothing happens where there is none.
pub async fn rate_message(
    db: &Db,
    caller: &Caller,
    message: Option<Uuid>,
    value: i64,
) -> Result<()> {
    let value = rating(value)?;
    if let Some(id) = message {
        chat::rate(db, caller, id, (value != 0).then_some(value)).await?;
    }
    Ok(())
}

fn rating(value: i64) -> Result<i16> {
    match i16::try_from(value) {
        Ok(value @ -1..=1) => Ok(value),
        _ => Err(Error::invalid_parameter(
            "value",
            "value must be -1, 0 or 1",
        )),
    }
}
