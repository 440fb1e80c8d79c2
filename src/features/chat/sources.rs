//! What is found for a question. The only place of this room that searches; the signature of `search` is all that the
//! rest knows of it.

use std::collections::HashSet;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, Utc, Weekday};
use chrono_tz::Tz;
use uuid::Uuid;

use crate::{
    app::Handles,
    error::Result,
    features::{action_items, conversations, credentials::Caller, memories},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Segment,
    Conversation,
    Memory,
    ActionItem,
}

#[derive(Clone, Debug)]
pub struct Hit {
    pub kind: Kind,
    pub id: Uuid,
    pub conversation_id: Option<Uuid>,
    pub text: String,
    pub at: DateTime<Utc>,
}

#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Best first.
    pub hits: Vec<Hit>,
    /// What time words in the text meant, in the user's zone; the end is not part of it.
    pub period: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// What bears on a text, among everything of the caller.
pub async fn search(
    app: &Handles,
    caller: &Caller,
    text: &str,
    zone: Tz,
    now: DateTime<Utc>,
    limit: usize,
) -> Result<Found> {
    let period = period(text, now.with_timezone(&zone).date_naive(), zone);
    let words = content_words(text);
    if words.is_empty() {
        return Ok(Found {
            hits: Vec::new(),
            period,
        });
    }
    let within = |at: DateTime<Utc>| period.is_none_or(|(from, to)| from <= at && at < to);
    let mut hits = Vec::new();
    let mut note = |hit: Hit| {
        let found = content_words(&hit.text);
        let matched = words.intersection(&found).count();
        if matched > 0 && within(hit.at) {
            hits.push((matched, hit));
        }
    };
    let filter = conversations::Filter {
        statuses: vec!["completed".into(), "processing".into()],
        from: period.map(|(from, _)| from),
        to: period.map(|(_, to)| to),
        limit: 200,
        ..Default::default()
    };
    for conversation in conversations::list(&app.db, caller, &filter, true).await? {
        let id = conversation.id;
        let whole = [
            conversation.structured.title,
            conversation.structured.overview,
        ];
        note(Hit {
            kind: Kind::Conversation,
            id,
            conversation_id: Some(id),
            text: whole.join("\n"),
            at: conversation.started_at,
        });
        for segment in conversation.transcript_segments {
            let after = chrono::TimeDelta::milliseconds((segment.start * 1000.0) as i64);
            note(Hit {
                kind: Kind::Segment,
                id: segment.id,
                conversation_id: Some(id),
                text: segment.text,
                at: conversation.started_at + after,
            });
        }
    }
    for memory in memories::list(&app.db, caller, None, 500, 0).await? {
        note(Hit {
            kind: Kind::Memory,
            id: memory.id,
            conversation_id: memory.conversation_id,
            text: memory.content,
            at: memory.created_at,
        });
    }
    let all = action_items::Filter::default();
    for item in action_items::list(&app.db, caller, &all, 200, 0).await?.0 {
        note(Hit {
            kind: Kind::ActionItem,
            id: item.id,
            conversation_id: item.conversation_id,
            text: item.description,
            at: item.created_at,
        });
    }
    hits.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.at.cmp(&a.1.at)));
    hits.truncate(limit);
    Ok(Found {
        hits: hits.into_iter().map(|(_, hit)| hit).collect(),
        period,
    })
}

const COMMON: &str = "a about after again all also am an and any are as at be been before but by can could day did do \
    does doing done for from get go going had happen happened has have he her him his how i if in into is it its last \
    me month morning my need next not of off on or our out people said say she should so some somebody someone tell \
    than that the their them then there these they thing this those to today tomorrow tonight up us was we week were \
    what when where which who why will with would year yesterday you your";

fn content_words(text: &str) -> HashSet<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !COMMON.split_whitespace().any(|known| known == *word))
        .map(|word| word.strip_suffix('s').unwrap_or(word).to_string())
        .collect()
}

const DAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Mon),
    ("tuesday", Weekday::Tue),
    ("wednesday", Weekday::Wed),
    ("thursday", Weekday::Thu),
    ("friday", Weekday::Fri),
    ("saturday", Weekday::Sat),
    ("sunday", Weekday::Sun),
];

fn period(text: &str, today: NaiveDate, zone: Tz) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let text = text.to_lowercase();
    let words: Vec<_> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let has = |word: &str| words.contains(&word);
    let says = |phrase: &str| words.join(" ").contains(phrase);
    let back = |days| today.checked_sub_days(Days::new(days));
    let monday = back(today.weekday().num_days_from_monday().into())?;
    let (from, days) = if has("yesterday") {
        (back(1)?, 1)
    } else if has("today") || says("this morning") {
        (today, 1)
    } else if says("last week") {
        (monday.checked_sub_days(Days::new(7))?, 7)
    } else if says("this week") {
        (monday, 7)
    } else {
        let (_, day) = DAYS.iter().find(|(name, _)| has(name))?;
        let ago = today.weekday().days_since(*day);
        (back(if ago == 0 { 7 } else { ago.into() })?, 1)
    };
    let midnight = |day: NaiveDate| {
        let time = day
            .and_hms_opt(0, 0, 0)?
            .and_local_timezone(zone)
            .earliest()?;
        Some(time.to_utc())
    };
    Some((
        midnight(from)?,
        midnight(from.checked_add_days(Days::new(days))?)?,
    ))
}
