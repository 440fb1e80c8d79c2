//! SQL of questions.

use chrono::{DateTime, Utc};
use sqlx::Result;
use uuid::Uuid;

use super::super::{Search, admitted::Filters, model::Place};
use crate::platform::database::Db;

/// Ids of conversations that a query looks at.
pub struct Homes {
    /// Those that are left out.
    pub discarded: Vec<Uuid>,
    pub folder: Vec<Uuid>,
}

pub async fn homes(
    db: &Db,
    uid: &str,
    include_discarded: bool,
    folder_id: Option<&str>,
) -> Result<Homes> {
    sqlx::query_as!(
        Homes,
        r#"select array(select id from conversations where uid = $1 and discarded and not $2) as "discarded!",
                  array(select id from conversations where uid = $1 and folder_id = $3) as "folder!""#,
        uid,
        include_discarded,
        folder_id
    )
    .fetch_one(db)
    .await
}

/// Segments that any of these people said, and the conversations in which they did.
pub async fn said(db: &Db, uid: &str, people: &[String]) -> Result<(Vec<Uuid>, Vec<Uuid>)> {
    let row = sqlx::query!(
        r#"with said as materialized (
               select id, conversation_id from search_items where uid = $1 and person_id = any($2::text[])
           )
           select array(select id from said) as "segments!",
                  array(select distinct conversation_id from said where conversation_id is not null) as "conversations!""#,
        uid,
        people
    )
    .fetch_one(db)
    .await?;
    Ok((row.segments, row.conversations))
}

/// A word of a query in its base form.
pub struct Lexeme {
    pub lexeme: String,
    /// In how many items it occurs.
    pub items: i32,
}

/// The words of some texts as the user has them: one with accents that they never used counts without.
pub async fn lexemes(db: &Db, uid: &str, texts: &[String]) -> Result<Vec<Lexeme>> {
    sqlx::query_as!(
        Lexeme,
        r#"select coalesce(w.word, plain.word, lexeme) as "lexeme!", coalesce(w.items, plain.items, 0) as "items!"
           from (select search_configuration(language) as configuration from users where uid = $1) c
           cross join unnest($2::text[]) with ordinality as given (text, n)
           cross join lateral unnest(tsvector_to_array(to_tsvector(c.configuration, given.text))) as lexeme
           left join search_words w on w.uid = $1 and w.word = lexeme
           left join search_words plain on w.word is null and plain.uid = $1 and plain.word = unaccent(lexeme)
           order by given.n"#,
        uid,
        texts
    )
    .fetch_all(db)
    .await
}

/// A word of the user's that is spelt like one that they never used.
pub struct Alike {
    pub given: String,
    pub word: String,
    pub items: i32,
    /// 0 to 1.
    pub alike: f32,
}

pub async fn alike(db: &Db, uid: &str, words: &[String]) -> Result<Vec<Alike>> {
    sqlx::query_as!(
        Alike,
        r#"select given.word as "given!", near.word as "word!", near.items as "items!", near.alike as "alike!"
           from unnest($2::text[]) as given (word)
           cross join lateral (
               select w.word, w.items, similarity(w.word, given.word) as alike from search_words w
               where w.uid = $1 and w.word % given.word
               order by alike desc, w.items desc limit 4) as near"#,
        uid,
        words
    )
    .fetch_all(db)
    .await
}

/// How many items a user has, and how many different words these have on average.
pub async fn totals(db: &Db, uid: &str) -> Result<(f64, f64)> {
    let row = sqlx::query!(
        "select items, lengths from search_totals where uid = $1",
        uid
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map_or((0.0, 1.0), |row| {
        let items = row.items.max(0) as f64;
        (items, (row.lengths as f64 / items.max(1.0)).max(1.0))
    }))
}

pub struct WordHit {
    /// Which of the lexemes, from 1.
    pub n: i64,
    pub kind: String,
    pub id: Uuid,
    pub conversation_id: Option<Uuid>,
    pub length: i32,
    pub at: DateTime<Utc>,
    /// In the title.
    pub titled: bool,
}

impl WordHit {
    pub fn place(&self) -> Place {
        Place {
            conversation_id: self.conversation_id,
            length: self.length,
            at: self.at,
        }
    }
}

/// Items in which these lexemes occur, at most so many for each. Ids are looked up in sets (`in (select unnest(…))`): a plan
/// for any values goes through an array one by one.
pub async fn with_words(
    db: &Db,
    uid: &str,
    lexemes: Vec<String>,
    filters: &Filters,
    most: i64,
) -> Result<Vec<WordHit>> {
    let terms: Vec<_> = lexemes.iter().map(|lexeme| quoted(lexeme)).collect();
    sqlx::query_as!(
        WordHit,
        r#"with terms as materialized (
               select n, term::tsquery as term, (term || ':A')::tsquery as in_title
               from unnest($2::text[]) with ordinality as given (term, n)
           )
           select t.n as "n!", i.kind as "kind!", i.id as "id!", i.conversation_id, i.length as "length!", i.at as "at!",
                  i.kind = 'conversation' and i.words @@ t.in_title as "titled!"
           from terms t
           cross join lateral (
               select i.* from search_items i
               where i.uid = $1 and i.words @@ t.term
                 and (cardinality($3::text[]) = 0 or i.kind = any($3))
                 and ($4::timestamptz is null or i.at >= $4) and ($5::timestamptz is null or i.at <= $5)
                 and (i.kind in ('memory', 'action_item') or i.conversation_id not in (select unnest($6::uuid[])))
                 and ($7::uuid[] is null or i.conversation_id in (select unnest($7::uuid[])))
                 and ($8::text is null or i.person_id = $8
                      or (i.kind = 'conversation' and i.id in (select unnest($9::uuid[]))))
               limit $10) as i"#,
        uid,
        &terms,
        &filters.kinds,
        filters.from,
        filters.to,
        &filters.discarded,
        filters.folder.as_deref(),
        filters.person_id.as_deref(),
        filters.spoken.as_deref(),
        most
    )
    .fetch_all(db)
    .await
}

/// An item as it is now, whatever the index holds of it, with the segments beside it.
pub struct Shown {
    pub kind: String,
    pub id: Uuid,
    pub conversation_id: Option<Uuid>,
    pub at: DateTime<Utc>,
    pub title: String,
    pub text: String,
    pub before_id: Option<Uuid>,
    pub before: Option<String>,
    /// `user`, or the id of a person.
    pub before_speaker: Option<String>,
    pub speaker: Option<String>,
    pub after_speaker: Option<String>,
    pub after_id: Option<Uuid>,
    pub after: Option<String>,
    pub discarded: bool,
}

/// Those of the items that there are.
pub async fn shown(
    db: &Db,
    uid: &str,
    kinds: &[String],
    conversations: &[Uuid],
    ids: &[Uuid],
) -> Result<Vec<Shown>> {
    sqlx::query_as!(
        Shown,
        r#"select s.kind as "kind!", s.id as "id!", s.conversation_id, s.at as "at!", s.title as "title!",
                  left(s.text, 2000) as "text!",
                  b.id as "before_id?", left(b.text, 500) as "before?",
                  f.id as "after_id?", left(f.text, 500) as "after?",
                  b.speaker as "before_speaker?", f.speaker as "after_speaker?",
                  case when t.is_user then 'user' else t.person_id end as "speaker?",
                  coalesce(c.discarded, false) as "discarded!"
           from search_sources($1, $2, $3, $4) s
           left join conversations c
                on s.kind in ('segment', 'conversation') and c.uid = $1 and c.id = s.conversation_id
           left join transcript_segments t
                on s.kind = 'segment' and t.uid = $1 and t.conversation_id = s.conversation_id and t.id = s.id
           left join lateral (
               select n.id, n.text, case when n.is_user then 'user' else n.person_id end as speaker
               from transcript_segments n
               where s.kind = 'segment' and n.uid = $1 and n.conversation_id = s.conversation_id
                 and (n.start_seconds, n.id) < (s.position, s.id)
               order by n.start_seconds desc, n.id desc limit 1) b on true
           left join lateral (
               select n.id, n.text, case when n.is_user then 'user' else n.person_id end as speaker
               from transcript_segments n
               where s.kind = 'segment' and n.uid = $1 and n.conversation_id = s.conversation_id
                 and (n.start_seconds, n.id) > (s.position, s.id)
               order by n.start_seconds, n.id limit 1) f on true"#,
        uid,
        kinds,
        conversations,
        ids
    )
    .fetch_all(db)
    .await
}

/// Items of a kind whose text is spelt like one of these, 0 to 1, best first; those with a vector only if `all`.
pub async fn spelt_like(
    db: &Db,
    uid: &str,
    kind: &str,
    texts: &[String],
    at_least: f64,
    limit: i64,
    all: bool,
) -> Result<Vec<(i64, Uuid, f64)>> {
    let rows = sqlx::query!(
        r#"with items as materialized (
               select n.id, n.text
               from (select id, content as text from memories
                     where uid = $1 and $2 = 'memory' and user_review is distinct from false
                     union all
                     select id, description from action_items where uid = $1 and $2 = 'action_item') as n
               where $6 or not exists (
                   select from search_vectors v where v.uid = $1 and v.kind = $2 and v.id = n.id and v.model is not null)
           )
           select given.n as "n!", near.id as "id!", near.alike::float8 as "alike!"
           from unnest($3::text[]) with ordinality as given (text, n)
           cross join lateral (
               select i.id, similarity(i.text, given.text) as alike from items i
               where similarity(i.text, given.text) >= $4::float8
               order by alike desc, i.id limit $5) as near
           order by given.n, near.alike desc"#,
        uid,
        kind,
        texts,
        at_least,
        limit,
        all
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.n, row.id, row.alike))
        .collect())
}

/// Conversations that hold each of the terms (queries as text), wherever: how many there are, and the ids of one page,
/// newest first. Without terms: all, if `all`.
pub async fn conversations(
    db: &Db,
    uid: &str,
    terms: &[String],
    all: bool,
    search: &Search,
) -> Result<(i64, Vec<Uuid>)> {
    let row = sqlx::query!(
        r#"with terms as materialized (
               select n, term::tsquery as term from unnest($2::text[]) with ordinality as given (term, n)
           ), found as (
               select distinct i.conversation_id as id, t.n
               from terms t cross join lateral (
                   select i.conversation_id from search_items i
                   where i.uid = $1 and i.words @@ t.term and i.kind in ('segment', 'conversation')) as i
           ), hits as (
               select id from found group by id having count(*) = (select count(*) from terms)
               union all
               select id from conversations where uid = $1 and $8
           ), matched as (
               select c.id, c.created_at
               from hits join conversations c on c.uid = $1 and c.id = hits.id
               where ($3 or not c.discarded)
                 and ($4::timestamptz is null or c.created_at >= $4) and ($5::timestamptz is null or c.created_at <= $5)
           )
           select (select count(*) from matched) as "total!",
                  array(select id from matched order by created_at desc, id desc limit $6 offset $7) as "ids!""#,
        uid,
        terms,
        search.include_discarded,
        search.from,
        search.to,
        search.limit,
        search.offset,
        all
    )
    .fetch_one(db)
    .await?;
    Ok((row.total, row.ids))
}

/// A segment near one that was asked for.
pub struct Neighbour {
    /// Near which of the segments, from 1.
    pub n: i64,
    pub id: Uuid,
    pub conversation_id: Uuid,
    pub length: i32,
    pub at: DateTime<Utc>,
}

/// Each of these segments with the four before it and the four after it, in the order of what was said.
pub async fn neighbours(db: &Db, uid: &str, segments: &[Uuid]) -> Result<Vec<Neighbour>> {
    sqlx::query_as!(
        Neighbour,
        r#"select given.n as "n!", near.id as "id!", i.conversation_id as "conversation_id!",
                  near.length as "length!", near.at as "at!"
           from unnest($2::uuid[]) with ordinality as given (id, n)
           join search_items i on i.uid = $1 and i.kind = 'segment' and i.id = given.id
           cross join lateral (
               (select b.id, b.position, b.length, b.at from search_items b
                where b.uid = $1 and b.conversation_id = i.conversation_id and b.kind = 'segment'
                  and (b.position, b.id) <= (i.position, i.id)
                order by b.position desc, b.id desc limit 5)
               union all
               (select f.id, f.position, f.length, f.at from search_items f
                where f.uid = $1 and f.conversation_id = i.conversation_id and f.kind = 'segment'
                  and (f.position, f.id) > (i.position, i.id)
                order by f.position, f.id limit 4)) as near
           order by given.n, near.position, near.id"#,
        uid,
        segments
    )
    .fetch_all(db)
    .await
}

/// A lexeme as a query of its own, whatever characters it holds.
pub fn quoted(lexeme: &str) -> String {
    format!("'{}'", lexeme.replace('\\', "\\\\").replace('\'', "''"))
}

/// Open action items that are due then, the soonest first.
pub async fn due(
    db: &Db,
    uid: &str,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    most: i64,
) -> Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select id from action_items
         where uid = $1 and not completed and due_at >= $2 and due_at < $3
         order by due_at, id limit $4",
        uid,
        from,
        to,
        most
    )
    .fetch_all(db)
    .await
}
