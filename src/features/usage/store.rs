//! SQL of usage: it counts what other rooms store.

use chrono::{DateTime, Utc};
use sqlx::Result;

use super::{Usage, UsagePoint};
use crate::platform::database::Db;

/// `step`: as `date_trunc` calls it.
pub async fn points(
    db: &Db,
    uid: &str,
    since: Option<DateTime<Utc>>,
    step: &str,
) -> Result<Vec<UsagePoint>> {
    let rows = sqlx::query!(
        r#"select date_trunc($3, at, 'UTC') as "date!", sum(seconds)::bigint as "seconds!", sum(words)::bigint as "words!",
                  sum(items)::bigint as "items!", sum(memories)::bigint as "memories!", sum(speech)::bigint as "speech!"
           from (
               select created_at as at, extract(epoch from finished_at - started_at) as seconds, 0 as words, 0 as items,
                      0 as memories, 0 as speech
               from conversations where uid = $1 and ($2::timestamptz is null or created_at >= $2)
               union all
               select c.created_at, 0, length(s.text) - length(replace(s.text, ' ', '')) + 1, 0, 0,
                      s.end_seconds - s.start_seconds
               from conversations c
               join transcript_segments s on s.uid = $1 and s.conversation_id = c.id
               where c.uid = $1 and ($2::timestamptz is null or c.created_at >= $2)
               union all
               select created_at, 0, 0, 1, 0, 0
               from action_items where uid = $1 and ($2::timestamptz is null or created_at >= $2)
               union all
               select created_at, 0, 0, 0, 1, 0
               from memories where uid = $1 and ($2::timestamptz is null or created_at >= $2)
           ) as counted
           group by 1 order by 1"#,
        uid,
        since,
        step
    )
    .fetch_all(db)
    .await?;
    let points = rows.into_iter().map(|row| UsagePoint {
        date: row.date,
        usage: Usage {
            transcription_seconds: row.seconds.max(0),
            words_transcribed: row.words,
            insights_gained: row.items,
            memories_created: row.memories,
            speech_seconds: row.speech.max(0),
        },
    });
    Ok(points.collect())
}
