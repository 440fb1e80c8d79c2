//! What users have spent of their days, as all instances know it.

use std::{collections::HashMap, sync::Arc};

use chrono::NaiveDate;
use sqlx::Result;

use crate::platform::database::Db;

/// Who has spent most of a day.
pub async fn spent(db: &Db, day: NaiveDate, most: i64) -> Result<Vec<(String, i64)>> {
    let rows = sqlx::query!(
        "select uid, tokens from language_tokens where day = $1 order by tokens desc limit $2",
        day,
        most
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.uid, row.tokens)).collect())
}

/// Adds what was spent, and answers what each has spent now, of that day, on all instances. Users who are gone are left out.
pub async fn add(
    db: &Db,
    spent: &HashMap<(Arc<str>, NaiveDate), i64>,
) -> Result<Vec<(String, NaiveDate, i64)>> {
    // In one order, so that instances that write together do not wait for each other in a circle.
    let mut rows: Vec<_> = spent.iter().collect();
    rows.sort_unstable();
    let uids: Vec<String> = rows.iter().map(|((uid, _), _)| uid.to_string()).collect();
    let days: Vec<NaiveDate> = rows.iter().map(|((_, day), _)| *day).collect();
    let tokens: Vec<i64> = rows.iter().map(|(_, tokens)| **tokens).collect();
    let rows = sqlx::query!(
        "insert into language_tokens as known (uid, day, tokens)
         select u.uid, new.day, new.tokens
         from unnest($1::text[], $2::date[], $3::bigint[]) with ordinality as new (uid, day, tokens, place)
         join users u on u.uid = new.uid
         order by new.place
         on conflict (uid, day) do update set tokens = known.tokens + excluded.tokens
         returning uid, day, tokens",
        &uids,
        &days,
        &tokens
    )
    .fetch_all(db)
    .await?;
    let rows = rows.into_iter();
    Ok(rows.map(|row| (row.uid, row.day, row.tokens)).collect())
}

/// Forgets days that are over.
pub async fn purge(db: &Db, today: NaiveDate) -> Result<()> {
    sqlx::query!("delete from language_tokens where day < $1", today)
        .execute(db)
        .await?;
    Ok(())
}
