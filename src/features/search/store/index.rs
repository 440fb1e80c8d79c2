//! SQL of the index's upkeep.

use sqlx::{PgConnection, Result};
use uuid::Uuid;

use crate::platform::database::Db;

/// Marks of one batch, column by column.
#[derive(Default)]
pub struct Marks {
    pub kinds: Vec<String>,
    pub conversations: Vec<Uuid>,
    pub ids: Vec<Uuid>,
}

/// Users of whom something waits, those of the oldest marks first as far as can be told cheaply.
pub async fn users_waiting(db: &Db, marks: i64) -> Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select uid as "uid!" from (select uid, at from search_changes limit $1) as few
           group by uid order by min(at)"#,
        marks
    )
    .fetch_all(db)
    .await
}

/// How many marks of a user wait, counted up to `most`.
pub async fn waiting(db: &Db, uid: &str, most: i64) -> Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from (select 1 from search_changes where uid = $1 limit $2) as few"#,
        uid,
        most
    )
    .fetch_one(db)
    .await
}

/// Marks and vectors of a user that wait.
pub async fn backlog_of(db: &Db, uid: &str) -> Result<(i64, i64)> {
    let row = sqlx::query!(
        r#"select (select count(*) from search_changes where uid = $1) as "marks!",
                  (select count(*) from search_vectors where uid = $1 and model is null) as "vectors!""#,
        uid
    )
    .fetch_one(db)
    .await?;
    Ok((row.marks, row.vectors))
}

/// Marks and vectors of everybody that wait, and the age of the oldest mark in seconds.
pub async fn backlog(db: &Db) -> Result<(i64, i64, f64)> {
    let row = sqlx::query!(
        r#"select (select count(*) from search_changes) as "marks!",
                  (select count(*) from search_vectors where model is null) as "vectors!",
                  (select coalesce(extract(epoch from now() - min(at)), 0)::float8 from search_changes) as "seconds!""#
    )
    .fetch_one(db)
    .await?;
    Ok((row.marks, row.vectors, row.seconds))
}

/// One at a time writes the index of a user, until the end of `tx`. False, only without `wait`: somebody else does.
///
/// What is lost with the database's last moments is lost together with the removal of its mark, so nothing has to be
/// waited for.
pub async fn lock(tx: &mut PgConnection, uid: &str, wait: bool) -> Result<bool> {
    sqlx::query!(r#"select set_config('synchronous_commit', 'off', true) as "set!""#)
        .fetch_one(&mut *tx)
        .await?;
    if wait {
        sqlx::query!(
            r#"select 1 as "one!" from (select pg_advisory_xact_lock(hashtextextended('search ' || $1, 0))) as locked"#,
            uid
        )
        .fetch_one(tx)
        .await?;
        return Ok(true);
    }
    sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended('search ' || $1, 0)) as "locked!""#,
        uid
    )
    .fetch_one(tx)
    .await
}

/// Takes marks away, the newest first: what was just made is looked for first. What they tell of is read after this, so a change that comes later leaves a mark of its own.
pub async fn take(tx: &mut PgConnection, uid: &str, most: i64) -> Result<Marks> {
    let rows = sqlx::query!(
        "delete from search_changes
         where uid = $1 and mark in (select mark from search_changes where uid = $1 order by at desc limit $2)
         returning kind, conversation_id, id",
        uid,
        most
    )
    .fetch_all(tx)
    .await?;
    let mut marks = Marks::default();
    for row in rows {
        marks.kinds.push(row.kind);
        marks.conversations.push(row.conversation_id);
        marks.ids.push(row.id);
    }
    Ok(marks)
}

/// Brings items up to date: writes those that there are, removes the others, counts their words, and has vectors made
/// of those whose words changed and of the segments after them, which are embedded with them. The user must be locked.
pub async fn index(tx: &mut PgConnection, uid: &str, marks: &Marks) -> Result<()> {
    sqlx::query!(
        "with sources as materialized (
             select s.kind, s.id, s.conversation_id, s.person_id, s.position, s.at,
                    setweight(search_vector(c.configuration, s.title), 'A') || search_vector(c.configuration, s.text) as words
             from search_sources($1, $2, $3, $4) s,
                  (select search_configuration(language) as configuration from users where uid = $1) c
         ), marks as materialized (
             select distinct m.kind, m.conversation_id, m.id
             from unnest($2::text[], $3::uuid[], $4::uuid[]) as m (kind, conversation_id, id)
         ), old as materialized (
             select distinct i.kind, i.id, i.conversation_id, i.position, i.at, i.words, i.length
             from marks m join search_items i on i.uid = $1 and i.kind = m.kind and i.id = m.id
         ), gone as (
             select o.* from old o
             where not exists (select from sources s where s.kind = o.kind and s.id = o.id)
               and (o.kind <> 'segment' or exists (
                   select from marks m where m.kind = o.kind and m.id = o.id and m.conversation_id = o.conversation_id))
         ), removed as (
             delete from search_items i using gone g where i.uid = $1 and i.kind = g.kind and i.id = g.id
         ), written as (
             insert into search_items (uid, kind, id, conversation_id, person_id, position, at, words, length)
             select $1, kind, id, conversation_id, person_id, position, at, words, length(words) from sources
             on conflict (uid, kind, id) do update set
                conversation_id = excluded.conversation_id, person_id = excluded.person_id, position = excluded.position,
                at = excluded.at, words = excluded.words, length = excluded.length
         ), changed as materialized (
             select s.kind, s.id, s.conversation_id, s.position
             from sources s left join old o on o.kind = s.kind and o.id = s.id
             where o.words is distinct from s.words
         ), after as (
             select next.id
             from (select kind, id, conversation_id, position from changed
                   union all select kind, id, conversation_id, position from gone) as before
             cross join lateral (
                 select i.id from search_items i
                 where i.uid = $1 and i.conversation_id = before.conversation_id and i.kind = 'segment'
                   and (i.position, i.id) > (before.position, before.id)
                 order by i.position, i.id limit 1) as next
             where before.kind = 'segment' and not exists (select from gone g where g.kind = 'segment' and g.id = next.id)
         ), vectors as (
             insert into search_vectors (uid, kind, id)
             select $1, kind, id from changed union select $1, 'segment', id from after
             on conflict (uid, kind, id) do update
                set model = null, vector = null, changed_at = clock_timestamp(), claimed_at = null
         ), moved as (
             -- The same words elsewhere: who holds the vector learns where.
             update search_vectors v set changed_at = clock_timestamp()
             from sources s join old o on o.kind = s.kind and o.id = s.id
             where v.uid = $1 and v.kind = s.kind and v.id = s.id and v.model is not null and o.words = s.words
               and (o.conversation_id is distinct from s.conversation_id or o.at <> s.at)
               and not exists (select from after a where v.kind = 'segment' and a.id = v.id)
         ), before as (
             select o.words, o.length from old o
             where exists (select from sources s where s.kind = o.kind and s.id = o.id)
             union all
             select words, length from gone
         ), counts as materialized (
             select word, sum(n)::integer as n
             from (select unnest(tsvector_to_array(words)) as word, 1 as n from sources
                   union all
                   select unnest(tsvector_to_array(words)), -1 from before) as each
             group by word having sum(n) <> 0
         ), less as (
             delete from search_words w using counts c where w.uid = $1 and w.word = c.word and w.items + c.n <= 0
         ), more as (
             insert into search_words (uid, word, items)
             select $1, c.word, c.n from counts c left join search_words w on w.uid = $1 and w.word = c.word
             where coalesce(w.items, 0) + c.n > 0
             on conflict (uid, word) do update set items = search_words.items + excluded.items
         ), sums as (
             select (select count(*) from sources) - (select count(*) from before) as items,
                    (select coalesce(sum(length(words)), 0) from sources)
                        - (select coalesce(sum(length), 0) from before) as lengths
         )
         insert into search_totals (uid, items, lengths) select uid, sums.items, sums.lengths from users, sums where uid = $1
         on conflict (uid) do update
            set items = search_totals.items + excluded.items, lengths = search_totals.lengths + excluded.lengths",
        uid,
        &marks.kinds,
        &marks.conversations,
        &marks.ids
    )
    .execute(&mut *tx)
    .await?;
    // What was said keeps its place in a conversation whose beginning turned out to be another.
    sqlx::query!(
        "with moved as (
             update search_items i set at = c.started_at + make_interval(secs => i.position)
             from unnest($2::text[], $3::uuid[]) as m (kind, id)
             join conversations c on c.uid = $1 and c.id = m.id
             where m.kind = 'conversation' and i.uid = $1 and i.conversation_id = c.id and i.kind = 'segment'
               and i.at <> c.started_at + make_interval(secs => i.position)
             returning i.kind, i.id
         )
         update search_vectors v set changed_at = clock_timestamp()
         from moved m where v.uid = $1 and v.kind = m.kind and v.id = m.id and v.model is not null",
        uid,
        &marks.kinds,
        &marks.ids
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Has everything of a user looked at again; gives how much that is.
pub async fn mark_all(db: &Db, uid: &str) -> Result<i64> {
    sqlx::query_scalar!(r#"select search_mark_all($1) as "count!""#, uid)
        .fetch_one(db)
        .await
}

pub async fn users(db: &Db) -> Result<Vec<String>> {
    sqlx::query_scalar!("select uid from users order by uid")
        .fetch_all(db)
        .await
}
