//! One at a time, for work that must not be done twice at once.

use sqlx::{PgConnection, Result};

/// Waits until nobody else does `what` for this user, and keeps others from it until the end of `tx`.
pub async fn take_turn(tx: &mut PgConnection, uid: &str, what: &str) -> Result<()> {
    sqlx::query!(
        r#"select 1 as "one!" from (select pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 0))) as locked"#,
        uid,
        what
    )
    .fetch_one(tx)
    .await?;
    Ok(())
}
