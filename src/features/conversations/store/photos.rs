//! SQL of pictures.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Result};
use uuid::Uuid;

use super::super::Photo;
use crate::platform::database::Db;

pub async fn photos(db: &Db, uid: &str, conversation_id: Uuid) -> Result<Vec<Photo>> {
    let rows = sqlx::query!(
        "select id, image, description, discarded, created_at from conversation_photos
         where uid = $1 and conversation_id = $2
         order by created_at, id",
        uid,
        conversation_id
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            Photo::of(
                row.id,
                &row.image,
                row.description,
                row.discarded,
                row.created_at,
            )
        })
        .collect())
}

pub async fn seen(db: &Db, uid: &str, conversation_id: Uuid) -> Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select description as "description!" from conversation_photos
           where uid = $1 and conversation_id = $2 and not discarded and description <> ''
           order by created_at, id limit 100"#,
        uid,
        conversation_id
    )
    .fetch_all(db)
    .await
}

pub async fn add_photo(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    id: Uuid,
    image: &[u8],
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "with added as (
             insert into conversation_photos (uid, conversation_id, id, image, created_at)
             values ($1, $2, $3, $4, $5)
             on conflict (uid, conversation_id, id) do nothing)
         update conversations set finished_at = greatest(finished_at, $5), updated_at = now()
         where uid = $1 and id = $2",
        uid,
        conversation_id,
        id,
        image,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn photo_image(db: &Db, uid: &str, id: Uuid) -> Result<Option<(Uuid, Vec<u8>)>> {
    let row = sqlx::query!(
        "select conversation_id, image from conversation_photos where uid = $1 and id = $2",
        uid,
        id
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (row.conversation_id, row.image)))
}

pub async fn describe_photo(
    tx: &mut PgConnection,
    uid: &str,
    id: Uuid,
    description: &str,
    discarded: bool,
) -> Result<()> {
    sqlx::query!(
        "update conversation_photos set description = $3, discarded = $4 where uid = $1 and id = $2",
        uid,
        id,
        description,
        discarded
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The pictures of several conversations become those of another.
pub async fn move_photos(
    tx: &mut PgConnection,
    uid: &str,
    from: &[Uuid],
    into: Uuid,
) -> Result<()> {
    sqlx::query!(
        "update conversation_photos set conversation_id = $3 where uid = $1 and conversation_id = any($2)",
        uid,
        from,
        into
    )
    .execute(tx)
    .await?;
    Ok(())
}
