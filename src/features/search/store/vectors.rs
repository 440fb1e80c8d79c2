//! SQL of vectors: which wait, what they are made of, all of a user.

use chrono::{DateTime, Utc};
use sqlx::Result;
use uuid::Uuid;

use crate::platform::database::Db;

/// An item that waits for its vector, and what says what it means.
pub struct Waiting {
    pub uid: String,
    pub kind: String,
    pub id: Uuid,
    pub changed_at: DateTime<Utc>,
    pub title: String,
    /// What was said just before, the newest last.
    pub before: Vec<String>,
    pub text: String,
}

/// Claims items of the next user after `after` of whom something waits for a vector, the newest first: by and by other
/// instances may claim them too. What is said in a conversation that goes on waits for its end.
pub async fn claim(db: &Db, after: &str, most: i64) -> Result<Vec<Waiting>> {
    sqlx::query_as!(
        Waiting,
        r#"with next as materialized (
               select v.uid
               from search_vectors v
               join search_items i on i.uid = v.uid and i.kind = v.kind and i.id = v.id
               where v.uid > $2
                 and v.model is null and (v.claimed_at is null or v.claimed_at < now() - interval '2 minutes')
                 and (v.kind in ('memory', 'action_item') or not exists (
                     select from conversations c
                     where c.uid = v.uid and c.id = i.conversation_id and c.status in ('in_progress', 'processing')))
               order by v.uid limit 1
           ), picked as materialized (
               select v.uid, v.kind, v.id, i.conversation_id
               from search_vectors v
               join search_items i on i.uid = v.uid and i.kind = v.kind and i.id = v.id
               where v.uid = (select uid from next)
                 and v.model is null and (v.claimed_at is null or v.claimed_at < now() - interval '2 minutes')
                 and (v.kind in ('memory', 'action_item') or not exists (
                     select from conversations c
                     where c.uid = v.uid and c.id = i.conversation_id and c.status in ('in_progress', 'processing')))
               order by v.changed_at desc, v.id
               limit $1
               for update of v skip locked
           ), claimed as (
               update search_vectors v set claimed_at = now() from picked
               where v.uid = picked.uid and v.kind = picked.kind and v.id = picked.id
               returning v.uid, v.kind, v.id, v.changed_at, picked.conversation_id
           )
           select k.uid, k.kind, k.id, k.changed_at,
                  coalesce(c.title, '') as "title!",
                  coalesce((select array_agg(b.text order by b.start_seconds, b.id)
                            from (select n.text, n.start_seconds, n.id from transcript_segments n
                                  where n.uid = k.uid and n.conversation_id = k.conversation_id
                                    and (n.start_seconds, n.id) < (s.start_seconds, s.id)
                                  order by n.start_seconds desc, n.id desc limit 1) as b), '{}') as "before!",
                  coalesce(s.text, m.content, a.description,
                           left(coalesce(nullif(c.overview, ''), c.external_data ->> 'text'), 2000), '') as "text!"
           from claimed k
           left join transcript_segments s on k.kind = 'segment'
                and s.uid = k.uid and s.conversation_id = k.conversation_id and s.id = k.id
           left join conversations c on k.kind in ('segment', 'conversation') and c.uid = k.uid and c.id = k.conversation_id
           left join memories m on k.kind = 'memory' and m.uid = k.uid and m.id = k.id
           left join action_items a on k.kind = 'action_item' and a.uid = k.uid and a.id = k.id"#,
        most,
        after
    )
    .fetch_all(db)
    .await
}

/// A vector of the item as it was at `changed_at`.
pub struct Made {
    pub uid: String,
    pub kind: String,
    pub id: Uuid,
    pub changed_at: DateTime<Utc>,
    /// Empty: there is nothing to tell the meaning of.
    pub vector: Vec<u8>,
}

/// Keeps vectors, but for items that have changed meanwhile: those wait again.
pub async fn keep(db: &Db, model: &str, made: Vec<Made>) -> Result<()> {
    let mut columns = (vec![], vec![], vec![], vec![], vec![]);
    for one in made {
        columns.0.push(one.uid);
        columns.1.push(one.kind);
        columns.2.push(one.id);
        columns.3.push(one.changed_at);
        columns.4.push(one.vector);
    }
    sqlx::query!(
        "update search_vectors v
         set model = $1, vector = nullif(new.vector, ''), changed_at = clock_timestamp(), claimed_at = null
         from unnest($2::text[], $3::text[], $4::uuid[], $5::timestamptz[], $6::bytea[])
              as new (uid, kind, id, changed_at, vector)
         where v.uid = new.uid and v.kind = new.kind and v.id = new.id and v.changed_at = new.changed_at and v.model is null",
        model,
        &columns.0,
        &columns.1,
        &columns.2,
        &columns.3,
        &columns.4
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Has vectors of other models made again, so many of them; gives how many those were. `unsure`: also those that were kept
/// until they are made again, and may be of any model.
pub async fn outdate(db: &Db, model: &str, unsure: bool, most: i64) -> Result<u64> {
    let done = sqlx::query!(
        "update search_vectors v set model = null, vector = null, changed_at = clock_timestamp(), claimed_at = null
         from (select uid, kind, id from search_vectors
               where model <> $1 or ($3 and model is null and vector is not null) limit $2 for update skip locked) as old
         where v.uid = old.uid and v.kind = old.kind and v.id = old.id",
        model,
        most,
        unsure
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Has all vectors of a user made again. Until then those that there are answer.
pub async fn outdate_all(db: &Db, uid: &str) -> Result<()> {
    sqlx::query!(
        "update search_vectors set model = null, changed_at = clock_timestamp(), claimed_at = null
         where uid = $1 and model is not null",
        uid
    )
    .execute(db)
    .await?;
    Ok(())
}

pub struct VectorRow {
    pub kind: String,
    pub id: Uuid,
    pub conversation_id: Option<Uuid>,
    pub length: i32,
    pub at: DateTime<Utc>,
    /// None: it has none of this model, or none any more.
    pub vector: Option<Vec<u8>>,
    pub changed_at: DateTime<Utc>,
}

/// What has changed after `since` of a user's vectors and of where their items stand.
pub async fn vectors(
    db: &Db,
    uid: &str,
    model: &str,
    since: DateTime<Utc>,
) -> Result<Vec<VectorRow>> {
    sqlx::query_as!(
        VectorRow,
        r#"select v.kind, v.id, i.conversation_id, i.length, i.at,
                  case when v.model = $2 or v.model is null then v.vector end as vector, v.changed_at
           from search_vectors v join search_items i on i.uid = v.uid and i.kind = v.kind and i.id = v.id
           where v.uid = $1 and v.changed_at > $3"#,
        uid,
        model,
        since
    )
    .fetch_all(db)
    .await
}
