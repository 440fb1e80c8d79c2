//! SQL of speech profiles.

use sqlx::{PgConnection, Result};
use uuid::Uuid;

use super::Profile;
use crate::platform::database::Db;

pub async fn get(db: &Db, uid: &str) -> Result<Option<Profile>> {
    sqlx::query_as!(
        Profile,
        "select id, samples, recorded_at, link_key from speech_profiles where uid = $1",
        uid
    )
    .fetch_optional(db)
    .await
}

pub async fn put(tx: &mut PgConnection, uid: &str, profile: &Profile) -> Result<()> {
    sqlx::query!(
        "insert into speech_profiles (uid, id, samples, recorded_at, link_key) values ($1, $2, $3, $4, $5)
         on conflict (uid) do update set
            id = excluded.id, samples = excluded.samples, recorded_at = excluded.recorded_at,
            link_key = excluded.link_key",
        uid,
        profile.id,
        profile.samples,
        profile.recorded_at,
        profile.link_key
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn current(tx: &mut PgConnection, uid: &str) -> Result<Option<Uuid>> {
    sqlx::query_scalar!("select id from speech_profiles where uid = $1", uid)
        .fetch_optional(tx)
        .await
}
