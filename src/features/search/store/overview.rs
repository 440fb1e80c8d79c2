//! SQL of questions that ask for nothing in particular.

use chrono::{DateTime, Utc};
use sqlx::Result;
use uuid::Uuid;

use super::super::{admitted::Filters, model::Place};
use crate::platform::database::Db;

pub struct ItemRow {
    pub kind: String,
    pub id: Uuid,
    pub conversation_id: Option<Uuid>,
    pub length: i32,
    pub at: DateTime<Utc>,
    /// Of a segment: how many of its conversation say more, from 0.
    pub nth: i64,
}

impl ItemRow {
    pub fn place(&self) -> Place {
        Place {
            conversation_id: self.conversation_id,
            length: self.length,
            at: self.at,
        }
    }
}

/// Conversations, memories and action items that the filters let through, of a period if one is given (its end is not
/// part of it): at most so many of each kind, spread evenly over the time. Then the segments of as many conversations
/// that say most, at most so many of each.
pub async fn overview(
    db: &Db,
    uid: &str,
    filters: &Filters,
    period: Option<(DateTime<Utc>, DateTime<Utc>)>,
    most: i64,
) -> Result<Vec<ItemRow>> {
    let (start, end) = period.unzip();
    let from = filters.from.max(start);
    sqlx::query_as!(
        ItemRow,
        r#"with items as materialized (
               select i.kind, i.id, i.conversation_id, i.length, i.at,
                      row_number() over (partition by i.kind order by i.at, i.id) as n,
                      count(*) over (partition by i.kind) as total
               from search_items i
               where i.uid = $1 and i.kind in ('conversation', 'memory', 'action_item')
                 and ($3::timestamptz is null or i.at >= $3
                      -- What began the day before may go on.
                      or (i.kind = 'conversation' and i.at >= $3 - interval '1 day' and exists (
                          select from search_items s
                          where s.uid = $1 and s.conversation_id = i.id and s.kind = 'segment' and s.at >= $3)))
                 and ($4::timestamptz is null or i.at <= $4) and ($5::timestamptz is null or i.at < $5)
                 and (i.kind in ('memory', 'action_item') or i.conversation_id not in (select unnest($6::uuid[])))
                 and ($7::uuid[] is null or i.conversation_id in (select unnest($7::uuid[])))
                 and ($8::text is null or (i.kind = 'conversation' and i.id in (select unnest($9::uuid[]))))
           ), few as materialized (
               select * from items where n * $10 / total <> (n - 1) * $10 / total
           )
           select kind as "kind!", id as "id!", conversation_id, length as "length!", at as "at!", 0::bigint as "nth!"
           from few where cardinality($2::text[]) = 0 or kind = any($2)
           union all
           select 'segment', s.id, s.conversation_id, s.length, s.at, s.nth
           from few f
           cross join lateral (
               select i.id, i.conversation_id, i.length, i.at,
                      row_number() over (order by i.length desc, i.at, i.id) - 1 as nth
               from search_items i
               where i.uid = $1 and i.conversation_id = f.id and i.kind = 'segment'
                 and ($3::timestamptz is null or i.at >= $3)
                 and ($4::timestamptz is null or i.at <= $4) and ($5::timestamptz is null or i.at < $5)
                 and ($8::text is null or i.person_id = $8)
               order by i.length desc, i.at, i.id limit $10) as s
           where f.kind = 'conversation' and (cardinality($2::text[]) = 0 or 'segment' = any($2))"#,
        uid,
        &filters.kinds,
        from,
        filters.to,
        end,
        &filters.discarded,
        filters.folder.as_deref(),
        filters.person_id.as_deref(),
        filters.spoken.as_deref(),
        most
    )
    .fetch_all(db)
    .await
}
