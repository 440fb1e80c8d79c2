//! SQL of memories.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Result, types::Json};
use uuid::Uuid;

use super::{Known, Made, Memory, MemoryChanges};
use crate::platform::database::{self, Db};

pub async fn list(
    db: &Db,
    uid: &str,
    categories: Option<&[String]>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Memory>> {
    sqlx::query_as!(
        Memory,
        "select id, content, category, visibility, tags, headline, conversation_id, app_id, manually_added,
                reviewed, user_review, edited, scoring, created_at, updated_at
         from memories
         where uid = $1 and user_review is distinct from false
           and ($2::text[] is null or category = any($2))
         order by scoring desc, created_at desc, id
         limit $3 offset $4",
        uid,
        categories,
        limit,
        offset
    )
    .fetch_all(&db.steady())
    .await
}

/// Those that the user did not reject, of one conversation or of all, newest first.
pub async fn newest(
    db: &Db,
    uid: &str,
    conversation_id: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Memory>> {
    sqlx::query_as!(
        Memory,
        "select id, content, category, visibility, tags, headline, conversation_id, app_id, manually_added,
                reviewed, user_review, edited, scoring, created_at, updated_at
         from memories
         where uid = $1 and ($2::uuid is null or conversation_id = $2) and user_review is distinct from false
         order by created_at desc, id desc
         limit $3",
        uid,
        conversation_id,
        limit
    )
    .fetch_all(db)
    .await
}

pub async fn made(db: &Db, uid: &str, made: Made, limit: i64, offset: i64) -> Result<Vec<Memory>> {
    sqlx::query_as!(
        Memory,
        "select id, content, category, visibility, tags, headline, conversation_id, app_id, manually_added,
                reviewed, user_review, edited, scoring, created_at, updated_at
         from memories
         where uid = $1 and user_review is distinct from false
           and ($2::timestamptz is null or created_at >= $2) and ($3::timestamptz is null or created_at <= $3)
         order by created_at desc, id desc
         limit $4 offset $5",
        uid,
        made.from,
        made.to,
        limit,
        offset
    )
    .fetch_all(db)
    .await
}

/// Those of these ids that there are and that the user did not reject.
pub async fn of_ids(db: &Db, uid: &str, ids: &[Uuid]) -> Result<Vec<Memory>> {
    sqlx::query_as!(
        Memory,
        "select id, content, category, visibility, tags, headline, conversation_id, app_id, manually_added,
                reviewed, user_review, edited, scoring, created_at, updated_at
         from memories
         where uid = $1 and id = any($2) and user_review is distinct from false",
        uid,
        ids
    )
    .fetch_all(db)
    .await
}

/// A memory that nobody changes until the transaction ends.
pub async fn lock(tx: &mut PgConnection, uid: &str, id: Uuid) -> Result<Option<Memory>> {
    sqlx::query_as!(
        Memory,
        "select id, content, category, visibility, tags, headline, conversation_id, app_id, manually_added,
                reviewed, user_review, edited, scoring, created_at, updated_at
         from memories where uid = $1 and id = $2
         for update",
        uid,
        id
    )
    .fetch_optional(tx)
    .await
}

pub async fn get(db: &Db, uid: &str, id: Uuid) -> Result<Option<Memory>> {
    sqlx::query_as!(
        Memory,
        "select id, content, category, visibility, tags, headline, conversation_id, app_id, manually_added,
                reviewed, user_review, edited, scoring, created_at, updated_at
         from memories where uid = $1 and id = $2",
        uid,
        id
    )
    .fetch_optional(db)
    .await
}

/// One at a time changes what the memories of this user say, or writes several of them, until the end of `tx`. Whoever does
/// neither writes one row, by one statement, and needs no lock: so no two ever wait for each other.
pub async fn lock_texts(tx: &mut PgConnection, uid: &str) -> Result<()> {
    database::take_turn(tx, uid, "memories").await
}

pub struct Place {
    pub id: Uuid,
    /// On the way to it lies what the same conversation or app had given, and the user changed.
    pub corrected: bool,
}

/// Where these memories belong, in their order: from the id that follows from its text each goes on, for as long as
/// another text has the id, to the one that follows from both.
pub async fn places(tx: &mut PgConnection, uid: &str, memories: &[Memory]) -> Result<Vec<Place>> {
    sqlx::query_as!(
        Place,
        r#"with recursive place as (
               select ordinality as n, id, content, conversation_id, app_id, false as corrected
               from jsonb_populate_recordset(null::memories, $2) with ordinality
               union all
               -- Dressed as a UUIDv4.
               select n, overlay(overlay(md5(place.id || ' ' || place.content) placing '4' from 13) placing '8' from 17)::uuid,
                      place.content, place.conversation_id, place.app_id,
                      place.corrected
                          or coalesce(known.conversation_id = place.conversation_id or known.app_id = place.app_id, false)
               from place join memories known on known.id = place.id and known.content <> place.content
               where known.uid = $1
           )
           select id as "id!", corrected as "corrected!" from place
           where not exists (select from memories known
                             where known.uid = $1 and known.id = place.id and known.content <> place.content)
           order by n"#,
        uid,
        Json(memories) as _
    )
    .fetch_all(tx)
    .await
}

/// Inserts, or replaces the rows with the same ids, of which each may come once; gives how many. A row that says something
/// else is left alone. As JSON, because `unnest` takes no lists of lists.
pub async fn put(db: impl PgExecutor<'_>, uid: &str, memories: &[Memory]) -> Result<u64> {
    let done = sqlx::query!(
        "insert into memories (uid, id, content, category, visibility, tags, headline, conversation_id, app_id,
                               manually_added, reviewed, user_review, edited, scoring, created_at, updated_at)
         select $1, id, content, category, visibility, tags, headline, conversation_id, app_id,
                manually_added, reviewed, user_review, edited, scoring, created_at, updated_at
         from jsonb_populate_recordset(null::memories, $2)
         order by id
         on conflict (uid, id) do update set
            content = excluded.content, category = excluded.category, visibility = excluded.visibility,
            tags = excluded.tags, headline = excluded.headline, conversation_id = excluded.conversation_id,
            app_id = excluded.app_id, manually_added = excluded.manually_added, reviewed = excluded.reviewed,
            user_review = excluded.user_review, edited = excluded.edited, scoring = excluded.scoring,
            created_at = excluded.created_at, updated_at = excluded.updated_at
         where memories.content = excluded.content",
        uid,
        Json(memories) as _
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// A change by the user. `rank`: the place of the new category in the list order.
pub async fn update(
    db: impl PgExecutor<'_>,
    uid: &str,
    id: Uuid,
    changes: &MemoryChanges,
    rank: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<Memory>> {
    sqlx::query_as!(
        Memory,
        "update memories
         set content = coalesce($3, content), category = coalesce($4, category),
             visibility = coalesce($5, visibility), tags = coalesce($6, tags),
             edited = edited or $3 is not null,
             scoring = coalesce(overlay(scoring placing $7 from 4 for 3), scoring),
             touched = true, updated_at = $8
         where uid = $1 and id = $2
         returning id, content, category, visibility, tags, headline, conversation_id, app_id, manually_added,
                   reviewed, user_review, edited, scoring, created_at, updated_at",
        uid,
        id,
        changes.content,
        changes.category,
        changes.visibility,
        changes.tags.as_deref(),
        rank,
        now
    )
    .fetch_optional(db)
    .await
}

/// Whether there was one.
pub async fn delete(db: &Db, uid: &str, id: Uuid) -> Result<bool> {
    let deleted = sqlx::query!("delete from memories where uid = $1 and id = $2", uid, id)
        .execute(db)
        .await?;
    Ok(deleted.rows_affected() > 0)
}

/// Whether there is one.
pub async fn set_visibility(db: &Db, uid: &str, id: Uuid, visibility: &str) -> Result<bool> {
    let changed = sqlx::query!(
        "update memories set visibility = $3, touched = true where uid = $1 and id = $2",
        uid,
        id,
        visibility
    )
    .execute(db)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// Whether there is one.
pub async fn review(db: &Db, uid: &str, id: Uuid, right: bool) -> Result<bool> {
    let changed = sqlx::query!(
        "update memories set reviewed = true, user_review = $3 where uid = $1 and id = $2",
        uid,
        id,
        right
    )
    .execute(db)
    .await?;
    Ok(changed.rows_affected() > 0)
}

pub async fn delete_all(tx: &mut PgConnection, uid: &str) -> Result<()> {
    sqlx::query!("delete from memories where uid = $1", uid)
        .execute(tx)
        .await?;
    Ok(())
}

pub async fn known(db: &Db, uid: &str, except: Option<Uuid>) -> Result<Vec<Known>> {
    sqlx::query_as!(
        Known,
        r#"select id, content, conversation_id, created_at, manually_added,
                  conversation_id is not null and not manually_added and not touched and not edited
                      and user_review is null as "replaceable!"
           from memories
           where uid = $1 and user_review is distinct from false
             and ($2::uuid is null or conversation_id is distinct from $2 or manually_added or touched
                  or user_review is not null)
           order by scoring desc, created_at desc, id
           limit 1000"#,
        uid,
        except
    )
    .fetch_all(db)
    .await
}

pub async fn found_since(
    tx: &mut PgConnection,
    uid: &str,
    except: Uuid,
    since: DateTime<Utc>,
) -> Result<Vec<(Uuid, String)>> {
    let rows = sqlx::query!(
        "select id, content from memories
         where uid = $1 and conversation_id <> $2 and created_at > $3 and not manually_added",
        uid,
        except,
        since
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.content)).collect())
}

pub async fn supersede(tx: &mut PgConnection, uid: &str, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "delete from memories
         where uid = $1 and id = any($2) and conversation_id is not null and not manually_added and not touched
           and not edited and user_review is null
         returning id",
        uid,
        ids
    )
    .fetch_all(tx)
    .await
}

pub async fn replace_found(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
    memories: &[Memory],
) -> Result<()> {
    sqlx::query!(
        "delete from memories
         where uid = $1 and conversation_id = $2 and not manually_added and not touched and user_review is null",
        uid,
        conversation_id
    )
    .execute(&mut *tx)
    .await?;
    let ids: Vec<_> = memories.iter().map(|memory| memory.id).collect();
    let contents: Vec<_> = memories
        .iter()
        .map(|memory| memory.content.clone())
        .collect();
    let categories: Vec<_> = memories
        .iter()
        .map(|memory| memory.category.clone())
        .collect();
    let scorings: Vec<_> = memories
        .iter()
        .map(|memory| memory.scoring.clone())
        .collect();
    let times: Vec<_> = memories.iter().map(|memory| memory.created_at).collect();
    sqlx::query!(
        "insert into memories (uid, id, content, category, visibility, conversation_id, manually_added, reviewed,
                               scoring, created_at, updated_at)
         select $1, new.id, new.content, new.category, 'private', $2, false, true, new.scoring, new.at, new.at
         from unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
              as new (id, content, category, scoring, at)
         order by new.id
         on conflict (uid, id) do nothing",
        uid,
        conversation_id,
        &ids,
        &contents,
        &categories,
        &scorings,
        &times
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn reassign(
    tx: &mut PgConnection,
    uid: &str,
    conversation_ids: &[Uuid],
    into: Uuid,
) -> Result<()> {
    sqlx::query!(
        "update memories set conversation_id = $3 where uid = $1 and conversation_id = any($2)",
        uid,
        conversation_ids,
        into
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn delete_of_conversation(
    tx: &mut PgConnection,
    uid: &str,
    conversation_id: Uuid,
) -> Result<()> {
    sqlx::query!(
        "delete from memories where uid = $1 and conversation_id = $2 and not manually_added",
        uid,
        conversation_id
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Inserts memories of an app, no two with the same id. One that is there stays as it is, unless, if `replacing`, the same
/// app had brought it and the user has not touched it. Does nothing for a user who is gone.
pub async fn bring(
    db: impl PgExecutor<'_>,
    uid: &str,
    memories: &[Memory],
    replacing: bool,
) -> Result<()> {
    sqlx::query!(
        "insert into memories as known (uid, id, content, category, visibility, tags, app_id, manually_added, reviewed,
                                        scoring, created_at, updated_at)
         select $1, id, content, category, visibility, tags, app_id, manually_added, reviewed, scoring, created_at,
                updated_at
         from jsonb_populate_recordset(null::memories, $2)
         where exists (select from users where uid = $1)
         order by id
         on conflict (uid, id) do update set
            category = excluded.category, visibility = excluded.visibility, tags = excluded.tags,
            scoring = excluded.scoring, created_at = excluded.created_at, updated_at = excluded.updated_at
         where $3 and known.app_id = excluded.app_id and known.conversation_id is null
           and not known.manually_added and not known.touched and known.user_review is null",
        uid,
        Json(memories) as _,
        replacing
    )
    .execute(db)
    .await?;
    Ok(())
}
