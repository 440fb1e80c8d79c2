//! From a question to the numbered sources of its answer.

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;

use super::{
    answer::{Question, Told},
    basket::{Basket, Source},
    due,
    model::Sender,
    period::{MOST_COUNTED, completed, counted, of_period, summaries},
    quotes::supports,
    reading,
    sought::Sought,
    wanted::{Wanted, content_of_events, content_of_tasks, held, is_foreign},
};
use crate::{
    app::Handles,
    error::Result,
    features::{
        accounts, action_items, conversations, credentials::Caller, goals, memories, search,
    },
    platform::clock,
};

/// Most sources of an answer.
const MOST_SOURCES: usize = 64;
const MOST_HITS: usize = 24;
/// Tasks that are counted and chosen from.
const MOST_TASKS: i64 = 1000;
/// Open tasks that a model is told beside what was asked for.
const MOST_BESIDE: usize = 12;
const MOST_EVENTS: i64 = 20;
/// Where nothing else is found a model is told what there was in so many days, and so many characters of each.
const LAST_DAYS: i64 = 7;
const LONGEST_OF_LAST: usize = 200;
const MOST_MEMORIES: i64 = 20;
const MOST_GOALS: i64 = 10;

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
    let foreign = is_foreign(&question.text);
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
    if let Some(ahead) = ahead {
        let planned = conversations::planned(&app.db, &caller.uid, ahead, MOST_EVENTS).await?;
        let words = content_of_events(&sought.content.join(" "));
        for (of, event) in &planned {
            let text = format!("{} {}", event.title, event.description);
            let asked = words.is_empty() || held(&words, &text) > 0;
            basket.event(*of, event, !asked);
        }
    }
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
    } else if background && (foreign || ahead.is_some()) {
        // A question in another language, or one such as "Am I free tomorrow?", may be about them.
        (other_tasks, _) = action_items::soonest(&app.db, &caller.uid, MOST_BESIDE).await?;
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
    // Of a question about tasks they come first.
    if wanted.tasks {
        other_tasks.iter().for_each(|item| basket.task(item, true));
    }
    goals
        .iter()
        .filter(|_| !wanted.goals)
        .for_each(|goal| basket.goal(goal, true));
    known.iter().for_each(|memory| basket.memory(memory, true));
    other_tasks.iter().for_each(|item| basket.task(item, true));
    // The words of times and tasks are understood in English only.
    let mut found = basket.sources.iter();
    let nothing = found.all(|source| source.noun != "conversation");
    let other =
        period.is_some() || ahead.is_some() || wanted.tasks || wanted.person || wanted.goals;
    if background && !other && (foreign || nothing) {
        let last = (now - Duration::days(LAST_DAYS), now);
        let (there, _) = of_period(&app.db, caller, last, zone).await?;
        let first = basket.sources.len();
        there.iter().for_each(|one| basket.conversation(one));
        for source in &mut basket.sources[first..] {
            source.text = cut(&source.text, LONGEST_OF_LAST);
            source.background = true;
        }
    }
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
}
