//! SQL of full-text search.

use sqlx::{Result, types::Json};
use uuid::Uuid;

use super::{
    super::{Conversation, Event, Geolocation, Search},
    Row,
};
use crate::platform::database::Db;

/// Conversations that hold each of the words, wherever: how many there are, and the ids of one page, newest first.
pub async fn search(
    db: &Db,
    uid: &str,
    words: &[String],
    search: &Search,
) -> Result<(i64, Vec<Uuid>)> {
    let row = sqlx::query!(
        r#"with terms as (
               select n, term
               from (select n, plainto_tsquery('english', word) as term
                     from unnest($2::text[]) with ordinality as given (word, n)) as parsed
               where numnode(term) > 0
           ), found as (
               select c.id, t.n from conversations c join terms t on c.search @@ t.term
               where c.uid = $1
               union
               select s.conversation_id, t.n from transcript_segments s join terms t on s.search @@ t.term
               where s.uid = $1
           ), hits as (
               select id from found group by id having count(*) = (select count(*) from terms)
           ), matched as (
               select c.id, c.created_at
               from hits join conversations c on c.uid = $1 and c.id = hits.id
               where ($3 or not c.discarded)
                 and ($4::timestamptz is null or c.created_at >= $4) and ($5::timestamptz is null or c.created_at <= $5)
           )
           select (select count(*) from matched) as "total!",
                  array(select id from matched order by created_at desc, id desc limit $6 offset $7) as "ids!""#,
        uid,
        words,
        search.include_discarded,
        search.from,
        search.to,
        search.limit,
        search.offset
    )
    .fetch_one(db)
    .await?;
    Ok((row.total, row.ids))
}

/// Those of these ids that there are, newest first.
pub async fn with_ids(db: &Db, uid: &str, ids: &[Uuid]) -> Result<Vec<Conversation>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, status, source, language, created_at, started_at, finished_at, title, overview, emoji, category,
                  events as "events: Json<Vec<Event>>", understood_by, keep, discarded, visibility, starred, folder_id,
                  app_id, call_id, geolocation as "geolocation: Json<Geolocation>", external_data,
                  private_cloud_sync_enabled, processing_attempts, processing_error
           from conversations
           where uid = $1 and id = any($2)
           order by created_at desc, id desc"#,
        uid,
        ids
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}
