//! The first word of a thread: short, personal, and true.

use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use futures_util::StreamExt as _;

use super::{Message, Sender, answer::Thoughts, citations, gather::cut};
use crate::{
    app::Handles,
    error::Result,
    features::{
        accounts,
        action_items::{self, ActionItem},
        credentials::Caller,
        memories::{self, Memory},
    },
    platform::{
        clock,
        language::{Fence, Language, Message as Said},
        rate_limits::{Bucket, Name},
    },
};

/// How long a model may take; then the rules greet. Omi's app waits 30 s for an answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// Longest greeting of a model, in characters.
const LONGEST: usize = 400;
/// What greetings that are asked for are counted in too.
const BUCKET: &str = "chat:initial";
/// Open tasks, the soonest, that a model is told.
const MOST_TASKS: usize = 20;
const MOST_MEMORIES: i64 = 10;

struct Known {
    name: String,
    zone: Tz,
    now: DateTime<Utc>,
    /// Open, due soonest first.
    tasks: Vec<ActionItem>,
    /// Whether there are more.
    more: bool,
    memories: Vec<Memory>,
}

/// The first greeting of a thread. So many an hour as a user may ask for are the model's, then rules greet.
pub async fn counted(app: &Handles, caller: &Caller) -> Result<String> {
    let limit = app.config.rate_limit.chat_greetings_per_hour;
    let mut by_model = app.language.is_some();
    if by_model && limit > 0 {
        let bucket = Bucket {
            uid: caller.uid.clone(),
            name: Name::Hour(BUCKET),
            limit,
        };
        by_model = app.rate_limits.take(&app.db, &[bucket]).await?.is_ok();
    }
    greet(app, caller, &[], by_model).await
}

/// `earlier`: what was said last, oldest first.
pub async fn greeting(app: &Handles, caller: &Caller, earlier: &[Message]) -> Result<String> {
    greet(app, caller, earlier, true).await
}

async fn greet(
    app: &Handles,
    caller: &Caller,
    earlier: &[Message],
    by_model: bool,
) -> Result<String> {
    let profile = accounts::profile(&app.db, &caller.uid).await?;
    let (tasks, more) = action_items::soonest(&app.db, &caller.uid, MOST_TASKS).await?;
    let known = Known {
        name: profile.name.trim().into(),
        zone: profile.time_zone,
        now: clock::now(),
        tasks,
        more,
        memories: memories::list(&app.db, caller, None, MOST_MEMORIES, 0).await?,
    };
    if by_model
        && let Some(language) = &app.language
        && let Some(text) = written(language, &caller.uid, &known, earlier).await
    {
        return Ok(text);
    }
    Ok(by_rules(&known, earlier))
}

fn by_rules(known: &Known, earlier: &[Message]) -> String {
    let name = match known.name.as_str() {
        "" => String::new(),
        name => format!(" {name}"),
    };
    let last = earlier
        .iter()
        .rev()
        .find(|message| message.sender == Sender::Human);
    let opening = match last {
        Some(asked) => format!(
            "Hello again{name}! Last time you asked: “{}”",
            cut(&asked.text, 80)
        ),
        None => format!("Hello{name}!"),
    };
    let day = |time: DateTime<Utc>| time.with_timezone(&known.zone).date_naive();
    let count = match (known.tasks.len(), known.more) {
        (1, _) => "an open task".into(),
        (count, true) => format!("more than {count} open tasks"),
        (count, false) => format!("{count} open tasks"),
    };
    // With the date that comes next, or else one that is past.
    let dated = |item: &&ActionItem| item.due_at.is_some_and(|due| day(due) >= day(known.now));
    let next = known.tasks.iter().find(dated).or(known.tasks.first());
    let of_tasks = next.map(|task| {
        let text = cut(&task.description, 120);
        let text = text.trim_end_matches('.');
        let due = task.due_at.map_or_else(String::new, |due| {
            let days = (day(due) - day(known.now)).num_days();
            match days {
                0 => ", due today".into(),
                1 => ", due tomorrow".into(),
                _ => format!(", due {}", day(due).format("%a %-d %b")),
            }
        });
        let which = if known.tasks.len() == 1 {
            ":"
        } else {
            "; for one,"
        };
        format!(" You have {count}{which} “{text}”{due}.")
    });
    let of_memories = || {
        let memory = known.memories.first()?;
        let text = cut(&memory.content, 120);
        Some(format!(" I remember: “{}”.", text.trim_end_matches('.')))
    };
    let middle = of_tasks.or_else(of_memories).unwrap_or_default();
    format!("{opening}{middle} Ask me about anything that you said or heard.")
}

async fn written(
    language: &Language,
    uid: &str,
    known: &Known,
    earlier: &[Message],
) -> Option<String> {
    let fence = Fence::default();
    let rules = format!(
        "You are Omi, who hears what {} hears and answers questions about it. Open the chat with one or two short, warm \
         sentences that follow on from the earlier messages, or else from something in the material. Use nothing that \
         does not stand there, and do not list things. It is {}.\n{}",
        if known.name.is_empty() {
            "the user"
        } else {
            &known.name
        },
        known
            .now
            .with_timezone(&known.zone)
            .format("%A %-d %B %Y, %H:%M"),
        fence.rule()
    );
    let mut material = String::new();
    for memory in &known.memories {
        material.push_str(&format!("Known: {}\n", cut(&memory.content, 300)));
    }
    for task in &known.tasks {
        let due = task.due_at.map_or_else(String::new, |due| {
            let due = due.with_timezone(&known.zone);
            due.format(", due %A %-d %B %Y, %H:%M").to_string()
        });
        material.push_str(&format!(
            "Open task: {}{due}\n",
            cut(&task.description, 200)
        ));
    }
    for message in earlier {
        let who = match message.sender {
            Sender::Human => "They wrote",
            Sender::Ai => "You wrote",
        };
        material.push_str(&format!("{who}: {}\n", cut(&message.text, 500)));
    }
    let messages = [Said::system(rules), Said::user(fence.wrap(&material))];
    let write = async {
        let mut pieces = language.stream(uid, "greeting", &messages).await?;
        let mut thoughts = Thoughts::default();
        let mut text = String::new();
        while let Some(piece) = pieces.next().await {
            text.push_str(&thoughts.without(&piece?));
            if text.chars().count() > LONGEST {
                break;
            }
        }
        Ok::<_, crate::platform::language::LanguageError>(text)
    };
    match tokio::time::timeout(PATIENCE, write).await {
        Ok(Ok(text)) => {
            let (text, _) = citations::take(&text);
            (!text.is_empty()).then(|| cut(&text, LONGEST))
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "the language model did not greet");
            None
        }
        Err(_) => {
            tracing::warn!("the language model took too long to greet");
            None
        }
    }
}
