//! From a question to the numbered sources of its answer.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::{
    answer::{Question, Told},
    basket::{Basket, Source},
    due,
    model::Sender,
    quotes::supports,
    reading,
    sought::{Period, Sought},
    wanted::{Wanted, content_of_tasks},
};
use crate::{
    app::Handles,
    error::Result,
    features::{
        accounts, action_items,
        conversations::{self, Conversation},
        credentials::Caller,
        daily_summaries::{self, DailySummary, Days},
        goals, memories, search,
    },
    platform::{clock, database::Db},
};

/// Most sources of an answer.
const MOST_SOURCES: usize = 48;
const MOST_HITS: usize = 24;
const MOST_OF_PERIOD: usize = 20;
/// Conversations of a period, and tasks, that are counted and chosen from.
const MOST_COUNTED: i64 = 5000;
const MOST_TASKS: i64 = 1000;
const MOST_MEMORIES: i64 = 20;
const MOST_GOALS: i64 = 10;
/// Days of which summaries are told.
const MOST_DAYS: i64 = 8;

/// What was found for a question.
pub struct Gathered {
    /// Best first.
    pub sources: Vec<Source>,
    /// What is true of all there is, such as how much of it there is.
    pub notes: Vec<String>,
    /// What the question is about.
    pub content: Vec<String>,
    /// What the client says that the user looks at.
    pub looks_at: Option<String>,
    pub name: String,
    pub zone: Tz,
    pub now: DateTime<Utc>,
}

/// With `background`, also what is known of the person in general.
pub async fn gather(
    app: &Handles,
    caller: &Caller,
    question: &Question,
    background: bool,
    told: &mut Told,
) -> Result<Gathered> {
    let profile = accounts::profile(&app.db, &caller.uid).await?;
    let (now, zone) = (clock::now(), profile.time_zone);
    let sought = Sought::by(question, now, zone);
    let wanted = Wanted::by(&sought.text);
    let mut basket = Basket::default();
    let mut notes = Vec::new();
    let texts = reading::read(app, caller, &question.files, told).await;
    for (file, text) in question.files.iter().zip(texts) {
        basket.file(file, text);
    }
    if let Some(context) = &question.context {
        basket.look_at(app, caller, &profile.name, context).await?;
    }

    told.status("Searching conversations").await;
    let query = search::Query {
        text: sought.text.clone(),
        limit: MOST_HITS,
        ..Default::default()
    };
    let found = search::search(app, &caller.uid, &query).await?;
    let period = sought.period.or(found.period);
    let ahead = sought.ahead.or(found.ahead);
    let state = wanted.done.filter(|_| wanted.tasks && !wanted.promise);
    let mut other_tasks = Vec::new();
    if wanted.tasks {
        told.status("Checking action items").await;
        let filter = action_items::Filter {
            completed: wanted.done,
            ..Default::default()
        };
        let (items, more) = action_items::list(&app.db, caller, &filter, MOST_TASKS, 0).await?;
        let words = content_of_tasks(&sought.content.join(" "));
        let picked = due::pick(items, more, &wanted, (period, ahead), &words, now);
        picked
            .asked
            .iter()
            .for_each(|item| basket.task(item, false));
        notes.extend(picked.note);
        other_tasks = picked.others;
    }
    let known = if wanted.person || background {
        told.status("Searching memories").await;
        memories::list(&app.db, caller, None, MOST_MEMORIES, 0).await?
    } else {
        Vec::new()
    };
    if wanted.person {
        known.iter().for_each(|memory| basket.memory(memory, false));
    }
    let goals = if wanted.goals || background {
        goals::list(&app.db, caller, false, MOST_GOALS).await?
    } else {
        Vec::new()
    };
    if wanted.goals {
        goals.iter().for_each(|goal| basket.goal(goal, false));
    }
    // Of a question about a time and something else what matches comes first, and the time last.
    let matches_first = !sought.content.is_empty();
    if matches_first {
        basket.hits(app, caller, found.hits.clone(), state).await?;
    }
    if let Some(period) = period {
        let first = basket.sources.len();
        for summary in summaries(&app.db, caller, period, zone).await? {
            basket.summary(&summary);
        }
        let (there, total) = of_period(&app.db, caller, period, zone).await?;
        let shown = there.len();
        for conversation in &there {
            basket.conversation(conversation);
        }
        // Where something answers better, the others are only told to a model.
        let of_tasks = wanted.tasks && !wanted.promise;
        let better = of_tasks
            || (matches_first
                && basket.sources[..first]
                    .iter()
                    .any(|source| source.score.is_some() && supports(&sought.content, source)));
        for source in &mut basket.sources[first..] {
            source.background = better;
        }
        if background || (wanted.count && !of_tasks) {
            notes.push(counted("Conversations in this time", total, shown));
        }
    } else if wanted.count && wanted.conversations {
        let filter = completed(MOST_COUNTED);
        let all = conversations::ids(&app.db, caller, &filter).await?;
        notes.push(counted("Conversations in all", all.len(), 0));
    }
    if !matches_first {
        basket.hits(app, caller, found.hits, state).await?;
    }
    if sought.goes_on {
        let nothing = basket.sources.iter().all(|source| source.background);
        let cited = question.earlier.iter().rev();
        let cited = cited
            .filter(|message| message.sender == Sender::Ai)
            .map(|message| message.memories_id.as_slice())
            .next()
            .unwrap_or_default();
        if !cited.is_empty() {
            let first = basket.sources.len();
            let cited = conversations::of_ids(&app.db, &caller.uid, cited, false).await?;
            cited.iter().for_each(|one| basket.conversation(one));
            for source in &mut basket.sources[first..] {
                source.background = !nothing;
            }
        }
    }
    other_tasks.iter().for_each(|item| basket.task(item, true));
    goals
        .iter()
        .filter(|_| !wanted.goals)
        .for_each(|goal| basket.goal(goal, true));
    known.iter().for_each(|memory| basket.memory(memory, true));
    let mut sources = basket.sources;
    sources.truncate(MOST_SOURCES);
    let looks_at = question.context.as_ref().and_then(|context| {
        let title = context
            .title
            .as_deref()?
            .split_whitespace()
            .collect::<Vec<_>>();
        (!title.is_empty()).then(|| cut(&title.join(" "), 200))
    });
    Ok(Gathered {
        sources,
        notes,
        content: sought.content,
        looks_at,
        name: profile.name,
        zone,
        now,
    })
}

fn counted(what: &str, total: usize, shown: usize) -> String {
    let more = if total as i64 >= MOST_COUNTED {
        "at least "
    } else {
        ""
    };
    if shown > 0 && shown < total {
        format!("{what}: {more}{total}, of which {shown} are shown.")
    } else {
        format!("{what}: {more}{total}.")
    }
}

fn completed(limit: i64) -> conversations::Filter {
    conversations::Filter {
        statuses: vec!["completed".into(), "processing".into()],
        limit,
        ..Default::default()
    }
}

/// Conversations of a period, oldest first, from all of its days, and how many there are.
async fn of_period(
    db: &Db,
    caller: &Caller,
    (from, to): Period,
    zone: Tz,
) -> Result<(Vec<Conversation>, usize)> {
    let filter = conversations::Filter {
        from: Some(from),
        // The end is not part of it.
        to: Some(to - Duration::microseconds(1)),
        ..completed(MOST_COUNTED)
    };
    let mut ids = conversations::ids(db, caller, &filter).await?;
    let total = ids.len();
    if total > MOST_OF_PERIOD {
        let began = conversations::began(db, &caller.uid, &ids).await?;
        ids.reverse();
        let day = |id: &Uuid| {
            let at = began.get(id).copied().unwrap_or(from);
            at.with_timezone(&zone).date_naive()
        };
        let days: Vec<NaiveDate> = ids.iter().map(day).collect();
        let chosen = spread(&days, MOST_OF_PERIOD);
        ids = chosen.into_iter().map(|place| ids[place]).collect();
    }
    let mut there = conversations::of_ids(db, &caller.uid, &ids, false).await?;
    there.sort_by_key(|conversation| conversation.started_at);
    Ok((there, total))
}

/// Places of at most `most` things, of whose days as many as can be are among them.
fn spread(days: &[NaiveDate], most: usize) -> Vec<usize> {
    let mut of_day: Vec<Vec<usize>> = Vec::new();
    for (place, day) in days.iter().enumerate() {
        match of_day.last_mut() {
            Some(places) if days[places[0]] == *day => places.push(place),
            _ => of_day.push(vec![place]),
        }
    }
    if of_day.len() > most {
        let all = of_day.len();
        of_day = (0..most).map(|n| of_day[n * all / most].clone()).collect();
    }
    let mut shares = vec![0; of_day.len()];
    let mut left = most.min(of_day.iter().map(Vec::len).sum());
    while left > 0 {
        for (share, places) in shares.iter_mut().zip(&of_day) {
            if *share < places.len() && left > 0 {
                *share += 1;
                left -= 1;
            }
        }
    }
    let chosen = of_day.iter().zip(shares);
    chosen
        .flat_map(|(places, share)| (0..share).map(move |n| places[n * places.len() / share]))
        .collect()
}

/// Of a period of a few days.
async fn summaries(
    db: &Db,
    caller: &Caller,
    (from, to): Period,
    zone: Tz,
) -> Result<Vec<DailySummary>> {
    if to - from > Duration::days(MOST_DAYS) {
        return Ok(Vec::new());
    }
    let day = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
    on_days(db, caller, day(from), day(to - Duration::microseconds(1))).await
}

/// Summaries of these days, oldest first.
pub async fn on_days(
    db: &Db,
    caller: &Caller,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<DailySummary>> {
    let days = Days {
        from: Some(from),
        to: Some(to),
    };
    let mut found = daily_summaries::list(db, caller, days, MOST_DAYS, 0).await?;
    found.sort_by_key(|summary| summary.date);
    Ok(found)
}

/// Its first characters.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_counts_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äö üß", 3), "äö…");
    }

    #[test]
    fn all_days_of_a_period_are_among_the_chosen() {
        let day = |n: i64| NaiveDate::default() + Duration::days(n);
        let days: Vec<_> = (0..143)
            .map(|n| day(i64::from(n >= 3) + i64::from(n >= 5)))
            .collect();
        let chosen = spread(&days, 20);
        assert_eq!(chosen.len(), 20);
        assert!(chosen.is_sorted() && chosen[..5] == [0, 1, 2, 3, 4]);
        assert!(chosen[19] > 120, "{chosen:?}");
        let days: Vec<_> = (0..60).map(day).collect();
        let chosen = spread(&days, 20);
        assert_eq!((chosen.len(), chosen[0], chosen[19]), (20, 0, 57));
        assert_eq!(spread(&days[..3], 20), [0, 1, 2]);
        assert_eq!(spread(&[], 20), [0; 0]);
    }
}
