//! A person stays signed in to the pages of this server.

use chrono::Duration;

use super::{Caller, Kind, Known, Which, revoke, store};
use crate::{
    error::Result,
    platform::{clock, database::Db, ids, outbox::Outbox},
};

/// How long a browser stays signed in.
pub const BROWSER: Duration = Duration::days(30);

/// The secret of a browser whose user has shown who they are.
pub async fn open_browser(db: &Db, uid: &str) -> Result<String> {
    let (id, now) = (ids::new(), clock::now());
    let row = store::NewRow {
        uid,
        id,
        kind: Kind::Browser,
        name: "browser",
        scopes: None,
        app_id: None,
        session_id: Some(id),
        expires_at: Some(now + BROWSER),
        now,
    };
    let mut tx = db.begin().await?;
    let secret = store::insert(&mut tx, row).await?;
    tx.commit().await?;
    Ok(secret.whole)
}

/// Signs a browser out.
pub async fn close_browser(
    db: &Db,
    outbox: &Outbox,
    known: &Known,
    browser: &Caller,
) -> Result<()> {
    let which = Which::Kind(Kind::Browser, None);
    revoke(
        db,
        outbox,
        known,
        &browser.uid,
        which,
        browser.credential_id,
    )
    .await?;
    Ok(())
}
