//! Prompts: questions that people ask often, together with what Omi knows to answer them.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use rmcp::{
    ErrorData,
    model::{GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage, Role},
};
use serde_json::Value;

use super::tools::reading::{day, failed, invalid};
use crate::{
    app::App,
    features::{
        accounts::{self, Profile},
        action_items::{self, Filter as TaskFilter},
        conversations::{self, Filter},
        credentials::{
            Caller,
            Scope::{self, ReadActionItems, ReadConversations, ReadMemories},
        },
        daily_summaries::{self, Days as SummaryDays},
        memories,
        people::Speakers,
        search,
    },
    platform::clock,
    surfaces::prose,
};

/// Most conversations, memories or tasks that a prompt holds.
const MOST: i64 = 100;
/// Longest topic, in characters.
const LONGEST: usize = search::MAXIMUM_QUERY;

const RECAP: &str = "daily_recap";
const KNOWN: &str = "what_do_you_know_about_me";
const TASKS: &str = "open_tasks";

/// The scopes that a prompt needs, all of them. None: there is no such prompt.
pub fn scopes_of(prompt: &str) -> Option<&'static [Scope]> {
    match prompt {
        RECAP => Some(&[ReadConversations]),
        KNOWN => Some(&[ReadMemories]),
        TASKS => Some(&[ReadActionItems]),
        _ => None,
    }
}

pub fn all() -> Vec<Prompt> {
    let prompt = |name: &str, title: &str, about: &str, argument: PromptArgument| {
        Prompt::new(name, Some(about), Some(vec![argument.with_required(false)])).with_title(title)
    };
    vec![
        prompt(
            RECAP,
            "Daily recap",
            "What happened on a day: what was talked about, decided and left to do.",
            PromptArgument::new("date")
                .with_title("Day")
                .with_description("yyyy-mm-dd in your time zone; left out: today"),
        ),
        prompt(
            TASKS,
            "Open tasks",
            "What is still to be done, and where to begin.",
            PromptArgument::new("days").with_title("Days").with_description(
                "Only what is due within so many days, 1 to 365, or overdue; left out: all open tasks",
            ),
        ),
        prompt(
            KNOWN,
            "What do you know about me?",
            "What Omi remembers about you, in short.",
            PromptArgument::new("topic")
                .with_title("Topic")
                .with_description("What it is to be about, such as work or my family; left out: everything"),
        ),
    ]
}

pub async fn get(
    app: &App,
    caller: &Caller,
    name: &str,
    arguments: &JsonObject,
) -> Result<GetPromptResult, ErrorData> {
    let profile = accounts::profile(&app.db, &caller.uid)
        .await
        .map_err(failed)?;
    let text = match name {
        RECAP => recap(app, caller, &profile, given(arguments, "date")?).await?,
        TASKS => open_tasks(app, caller, &profile, given(arguments, "days")?).await?,
        KNOWN => known(app, caller, &profile, given(arguments, "topic")?).await?,
        _ => return Err(invalid(format!("Unknown prompt: {name}"))),
    };
    let message = PromptMessage::new_text(Role::User, text);
    let about = all().into_iter().find(|prompt| prompt.name == name);
    let result = GetPromptResult::new(vec![message]);
    Ok(match about.and_then(|prompt| prompt.description) {
        Some(about) => result.with_description(about),
        None => result,
    })
}

/// An argument is a text; an empty one is none.
fn given<'a>(arguments: &'a JsonObject, name: &str) -> Result<Option<&'a str>, ErrorData> {
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
        Some(_) => Err(invalid(format!("The argument {name} must be a text."))),
    }
}

async fn recap(
    app: &App,
    caller: &Caller,
    profile: &Profile,
    date: Option<&str>,
) -> Result<String, ErrorData> {
    let zone = profile.time_zone;
    let today = clock::now().with_timezone(&zone).date_naive();
    let date = day("date", date)?.unwrap_or(today);
    let out_of_range = || invalid("date is out of range");
    let next = date
        .checked_add_days(Days::new(1))
        .ok_or_else(out_of_range)?;
    let from = midnight(date, zone).ok_or_else(out_of_range)?;
    let to = midnight(next, zone).ok_or_else(out_of_range)? - chrono::Duration::microseconds(1);
    let filter = Filter {
        statuses: vec!["completed".into()],
        from: Some(from),
        to: Some(to),
        limit: MOST,
        ..Filter::default()
    };
    let mut found = conversations::list(&app.db, caller, &filter, false)
        .await
        .map_err(failed)?;
    found.reverse();
    let of_day = SummaryDays {
        from: Some(date),
        to: Some(date),
    };
    let summary = daily_summaries::list(&app.db, caller, of_day, 1, 0)
        .await
        .map_err(failed)?
        .pop();
    let speakers = Speakers::of(&app.db, &caller.uid, &profile.name, &[])
        .await
        .map_err(failed)?;
    let mut text = format!(
        "Recap my day of {} in a few short paragraphs: what I talked about and with whom, what was decided, what stayed \
         open, and what I have to do. Use only what stands below, and say so where it is not enough; the tool \
         get_conversation_by_id has the transcript of a conversation.\n\n",
        date.format("%A, %-d %B %Y")
    );
    if let Some(summary) = summary {
        let told = summary.content.told;
        text.push_str(&format!(
            "Omi's own summary: {}\n{}\n\n",
            told.headline, told.overview
        ));
    }
    if found.is_empty() {
        text.push_str("Omi heard no conversation on that day.\n");
    }
    for (n, one) in found.iter().enumerate() {
        text.push_str(&prose::conversation(n + 1, one, &speakers, zone));
    }
    text.push_str(&rest(found.len(), "get_conversations"));
    Ok(text)
}

async fn open_tasks(
    app: &App,
    caller: &Caller,
    profile: &Profile,
    days: Option<&str>,
) -> Result<String, ErrorData> {
    let days = days.map(|text| {
        let days = text.parse::<i64>().ok();
        days.filter(|days| (1..=365).contains(days))
            .ok_or_else(|| invalid("days must be a number from 1 to 365"))
    });
    let days = days.transpose()?;
    let filter = TaskFilter {
        completed: Some(false),
        due_to: days.map(|days| clock::now() + chrono::Duration::days(days)),
        ..TaskFilter::default()
    };
    let (found, more) = action_items::list(&app.db, caller, &filter, MOST, 0)
        .await
        .map_err(failed)?;
    let which = match days {
        Some(days) => format!("my tasks that are overdue or due within {days} days"),
        None => "my open tasks".into(),
    };
    let zone = profile.time_zone;
    let mut text = format!(
        "Go through {which} with me: what is overdue, what comes next, what belongs together, and where to begin. It is \
         {} now ({zone}). When I say that something is done, mark it with the tool complete_action_item.\n\n{}",
        prose::at(clock::now(), zone),
        prose::action_items(&found, zone)
    );
    if more {
        text.push_str(&rest(found.len(), "get_action_items"));
    }
    Ok(text)
}

async fn known(
    app: &App,
    caller: &Caller,
    profile: &Profile,
    topic: Option<&str>,
) -> Result<String, ErrorData> {
    let (about, found) = match topic {
        Some(topic) if topic.chars().count() > LONGEST => {
            return Err(invalid(format!(
                "topic must have at most {LONGEST} characters"
            )));
        }
        Some(topic) => {
            let found = search::memories(app, caller, topic, MOST as usize)
                .await
                .map_err(failed)?;
            let found: Vec<_> = found.into_iter().map(|(memory, _)| memory).collect();
            (format!(" when it comes to {topic}"), found)
        }
        None => {
            let found = memories::list(&app.db, caller, None, MOST, 0)
                .await
                .map_err(failed)?;
            (String::new(), found)
        }
    };
    Ok(format!(
        "Tell me what you know about me{about}, grouped by subject and in plain words. Use only what stands below, and name \
         what looks wrong or outdated, so that I can correct it.\n\n{}{}",
        prose::memories(&found, profile.time_zone),
        rest(found.len(), "get_memories and search_memories")
    ))
}

/// What is said below a list that may not be whole.
fn rest(shown: usize, tools: &str) -> String {
    if shown < MOST as usize {
        return String::new();
    }
    format!("\nThere may be more than these {shown}: see {tools}.\n")
}

/// When a day begins in a zone.
fn midnight(date: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    clock::in_zone(date.and_time(NaiveTime::MIN), zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prompt_has_scopes() {
        for prompt in all() {
            assert!(scopes_of(&prompt.name).is_some(), "{}", prompt.name);
        }
        assert_eq!(scopes_of("sing"), None);
    }
}
