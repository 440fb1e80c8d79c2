//! SQL of sign-in codes.

use chrono::{DateTime, Utc};
use sqlx::Result;

use crate::platform::database::Db;

/// Whose a code was, and what it was bound to.
pub struct Code {
    pub uid: String,
    pub redirect_uri: String,
    pub expires_at: DateTime<Utc>,
}

pub async fn insert(db: &Db, hash: &[u8], code: &Code) -> Result<()> {
    sqlx::query!(
        "insert into sign_in_codes (hash, uid, redirect_uri, expires_at) values ($1, $2, $3, $4)",
        hash,
        code.uid,
        code.redirect_uri,
        code.expires_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gone with it: nobody gets it twice.
pub async fn take(db: &Db, hash: &[u8]) -> Result<Option<Code>> {
    sqlx::query_as!(
        Code,
        "delete from sign_in_codes where hash = $1 returning uid, redirect_uri, expires_at",
        hash
    )
    .fetch_optional(db)
    .await
}

/// Forgets what expired before.
pub async fn purge(db: &Db, before: DateTime<Utc>) -> Result<()> {
    sqlx::query!("delete from sign_in_codes where expires_at < $1", before)
        .execute(db)
        .await?;
    Ok(())
}
