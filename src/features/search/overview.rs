//! Answers to a question that asks for nothing in particular, but for a time or by a filter.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::{
    Kind, Query,
    admitted::Admitted,
    key,
    model::{Key, Matched, Place},
    show,
    store::{self, ItemRow},
    windows::Window,
};
use crate::{error::Result, platform::database::Db};

/// Kinds in the order of an answer, and how many of ten hits each may have where there is enough of all.
const SHARES: [(Kind, usize); 4] = [
    (Kind::Conversation, 4),
    (Kind::Segment, 3),
    (Kind::Memory, 2),
    (Kind::ActionItem, 1),
];

/// Conversations in the order of time, what was said in them, that first which says most, then memories and action items by
/// time. None fits better than another.
pub async fn overview(
    db: &Db,
    uid: &str,
    query: &Query,
    admitted: &Admitted,
    period: Option<(DateTime<Utc>, DateTime<Utc>)>,
    limit: usize,
) -> Result<Vec<Window>> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX).max(1);
    let rows = store::overview(db, uid, &admitted.filters, period, most).await?;
    let rows = allotted(rows, limit);
    let places: HashMap<Key, Place> = rows
        .iter()
        .filter_map(|row| Some((key(&row.kind, row.id)?, row.place())))
        .collect();
    let keys: Vec<_> = rows
        .iter()
        .filter_map(|row| key(&row.kind, row.id))
        .collect();
    let mut shown = show(db, uid, &keys, |key| places.get(key).copied()).await?;
    shown.retain(|_, item| query.include_discarded || !item.discarded);
    let why = if period.is_some() || query.from.is_some() || query.to.is_some() {
        vec![Matched::Time]
    } else {
        Vec::new()
    };
    Ok(keys
        .into_iter()
        .filter_map(|key| Some(Window::new(key.kind, shown.remove(&key)?, 1.0, why.clone())))
        .collect())
}

/// Action items that are due in the time that is asked for, in this order.
pub async fn in_order(
    db: &Db,
    uid: &str,
    keys: &[Key],
    admitted: &Admitted,
) -> Result<Vec<Window>> {
    let mut shown = show(db, uid, keys, |_| None).await?;
    let items = keys
        .iter()
        .filter_map(|key| Some((*key, shown.remove(key)?)));
    let windows = items.filter_map(|(key, item)| {
        let place = Place {
            conversation_id: item.conversation_id,
            length: 1,
            at: item.at,
        };
        let admitted = admitted.holds(&key, &place);
        admitted.then(|| Window::new(key.kind, item, 1.0, vec![Matched::Time]))
    });
    Ok(windows.collect())
}

/// So many of these rows, in the order of the answer.
fn allotted(rows: Vec<ItemRow>, limit: usize) -> Vec<ItemRow> {
    let mut kinds: Vec<Vec<ItemRow>> = SHARES.iter().map(|_| Vec::new()).collect();
    for row in rows {
        let place = SHARES
            .iter()
            .position(|(kind, _)| kind.as_str() == row.kind);
        if let Some(place) = place {
            kinds[place].push(row);
        }
    }
    let mut left = limit;
    let mut counts = [0; SHARES.len()];
    for (n, (_, share)) in SHARES.iter().enumerate() {
        counts[n] = (limit * share).div_ceil(10).min(kinds[n].len()).min(left);
        left -= counts[n];
    }
    // What one kind leaves the others may have.
    for (n, count) in counts.iter_mut().enumerate() {
        let more = (kinds[n].len() - *count).min(left);
        *count += more;
        left -= more;
    }
    let mut order = Vec::new();
    for ((mut rows, count), (kind, _)) in kinds.into_iter().zip(counts).zip(SHARES) {
        if kind == Kind::Segment {
            // The four of each conversation that say most, then the next four; each time the longest first.
            rows.sort_by_key(|row| (row.nth / 4, -row.length, row.at, row.id));
            rows.truncate(count);
        } else {
            rows.sort_by_key(|row| (row.at, row.id));
            let all = rows.len();
            let mut n = 0;
            rows.retain(|_| {
                n += 1;
                (n - 1) * count / all != n * count / all
            });
        }
        order.extend(rows);
    }
    order
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn row(kind: &str, at: i64, nth: i64) -> ItemRow {
        ItemRow {
            kind: kind.into(),
            id: Uuid::now_v7(),
            conversation_id: None,
            length: i32::try_from(at).unwrap_or_default(),
            at: DateTime::UNIX_EPOCH + chrono::Duration::seconds(at),
            nth,
        }
    }

    fn told(rows: Vec<ItemRow>, limit: usize) -> String {
        let told: Vec<_> = allotted(rows, limit)
            .iter()
            .map(|row| format!("{}{}", &row.kind[..1], row.at.timestamp()))
            .collect();
        told.join(" ")
    }

    #[test]
    fn each_kind_has_its_share_in_the_order_of_time() {
        let all = || {
            let mut rows = Vec::new();
            for at in (0..20).rev() {
                rows.push(row("action_item", at, 0));
                rows.push(row("memory", at, 0));
                rows.push(row("segment", at, at % 5));
                rows.push(row("conversation", at, 0));
            }
            rows
        };
        // Spread over the time; of what was said that which says most, but not the fifth of a conversation.
        assert_eq!(told(all(), 10), "c4 c9 c14 c19 s18 s17 s16 m9 m19 a19");
        assert_eq!(told(all(), 1), "c19");
        let few = vec![
            row("memory", 3, 0),
            row("memory", 2, 0),
            row("action_item", 1, 0),
        ];
        assert_eq!(told(few, 10), "m2 m3 a1");
        assert_eq!(told(Vec::new(), 10), "");
    }
}
