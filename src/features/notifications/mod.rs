//! Where notifications of a user would go. This server keeps the tokens of devices; nothing is sent.

mod store;

use crate::{
    error::{Error, Result},
    features::{accounts, credentials::Caller},
    platform::{clock, database::Db},
};

/// Longest token that is kept, in characters.
pub const MAXIMUM_TOKEN: usize = 4096;
/// Most devices of a user; those that were away longest are forgotten.
const DEVICES: i64 = 50;

/// Keeps the token of a device and the zone that the user lives in. `device`: its platform and the hash of its id, as far as
/// it tells them.
pub async fn register(
    db: &Db,
    caller: &Caller,
    device: (Option<&str>, Option<&str>),
    token: &str,
    time_zone: &str,
) -> Result<()> {
    if token.is_empty() || token.chars().count() > MAXIMUM_TOKEN {
        return Err(Error::invalid(
            "fcm_token",
            format!("fcm_token must have 1 to {MAXIMUM_TOKEN} characters"),
        ));
    }
    let name = |part: Option<&str>, otherwise: &str| -> String {
        let part = part.unwrap_or_default().trim();
        let part = if part.is_empty() { otherwise } else { part };
        part.chars().take(100).collect()
    };
    let device = format!(
        "{}_{}",
        name(device.0, "unknown"),
        name(device.1, "default")
    );
    let mut tx = db.begin().await?;
    accounts::set_time_zone(&mut tx, &caller.uid, time_zone).await?;
    store::put(&mut tx, &caller.uid, &device, token, clock::now()).await?;
    store::keep_newest(&mut tx, &caller.uid, DEVICES).await?;
    tx.commit().await?;
    Ok(())
}

/// Forgets where notifications of a user go.
pub async fn forget(db: &Db, caller: &Caller) -> Result<()> {
    Ok(store::delete_all(db, &caller.uid).await?)
}
