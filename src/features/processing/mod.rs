//! A finished conversation becomes a title, an overview, action items, events and memories. `rules` is
//! the engine that does it without a language model.

mod alike;
mod facts;
mod filing;
mod heard;
mod meeting;
mod model;
mod progress;
mod rules;
mod steps;
mod store;
mod structure;
mod tasks;
mod texts;
mod trial;

pub use heard::{Heard, clean, cut, language_rule, numbered};
pub use model::{Step, StepStanding};
pub use progress::by_model as progress_in;
pub use steps::{
    Judged, REMEMBERED, STEPPED, UNDERSTOOD, finds_action_items, or_rules, requeue_stale, run_step,
    steps,
};
pub use structure::is_emoji;
pub use texts::{
    BroughtText, MEMORIES_JOB, NewMemories, TextSource, bring_memories, find_memories,
};
pub use trial::{MAXIMUM_PROMPT, try_prompt};

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::sync::broadcast;
use uuid::Uuid;

use crate::{
    app::Handles,
    error::{Error, Result},
    features::{
        accounts, action_items,
        conversations::{self, Conversation, Standing, Status, Structured},
        folders,
        search::{self, Kind},
    },
    platform::{clock, database::Db, outbox::Notice},
};

use facts::Facts;
use model::{Ended, State};
use structure::Outline;

/// The kind of job that a finished conversation causes.
pub const JOB: &str = "process_conversation";
/// How what the rule engine found is marked.
pub const RULES: &str = "rules";

/// Understands one conversation that waits for it; does nothing if none does. `last` is the job's last
/// attempt: after it the conversation counts as failed, with the reason.
pub async fn process(app: &Handles, uid: &str, id: Uuid, last: bool) -> Result<()> {
    let Some(conversation) = conversations::begin_processing(&app.db, uid, id).await? else {
        return Ok(());
    };
    let attempts = conversation.processing_attempts;
    let outcome = understand(app, uid, conversation).await;
    if let Err(error) = &outcome {
        let why = steps::told(error);
        if !error.is_unavailable() {
            conversations::fail_processing(&app.db, &app.outbox, uid, id, &why, last).await?;
        }
        let failed = last && !error.is_unavailable();
        let state = if failed {
            State::Failed
        } else {
            State::Waiting
        };
        steps::count(Step::Structure, if failed { "failed" } else { "retried" });
        store::note_structure(&app.db, uid, id, attempts, (state, &why), clock::now()).await?;
    }
    outcome
}

/// What was found before the transaction begins. Tasks and facts: None, they are for their own jobs.
struct Understood {
    outline: Outline,
    tasks: Option<Vec<action_items::Found>>,
    facts: Option<Facts>,
}

async fn understand(app: &Handles, uid: &str, conversation: Conversation) -> Result<()> {
    let conversation = meeting::with_meeting(app, uid, conversation).await?;
    let profile = accounts::profile(&app.db, uid).await?;
    let id = conversation.id;
    let attempts = conversation.processing_attempts;
    let seen = conversations::seen(&app.db, uid, id).await?;
    let heard = Heard::read(&app.db, uid, &conversation, profile).await?;
    let heard = Arc::new(heard.with_pictures(seen));
    let language = app.language.as_ref();
    let mut outline = structure::find(language, uid, &conversation, &heard, attempts).await?;
    let (mut tasks, mut facts) = (outline.tasks.take(), None);
    // Without a model all is found already: nobody has to wait for further jobs.
    if let (None, Some(rules)) = (language, outline.rules.take()) {
        tasks = Some(tasks::of_rules(rules.action_items));
        facts = Some(facts::by_rules(app, uid, id, &heard, rules.memories).await?);
    }
    let understood = Understood {
        outline,
        tasks,
        facts,
    };
    store_understood(app, uid, conversation, understood).await
}

/// Stores what was understood, and has the jobs of the steps made that are still to be done.
async fn store_understood(
    app: &Handles,
    uid: &str,
    conversation: Conversation,
    understood: Understood,
) -> Result<()> {
    let id = conversation.id;
    let Understood {
        outline:
            Outline {
                structured,
                by,
                worth_keeping,
                ..
            },
        tasks,
        facts,
    } = understood;
    let mut tx = app.db.begin().await?;
    // What the user decided meanwhile counts, not how it was when the work began.
    let Some(waiting) = conversations::lock_processing(&mut tx, uid, id).await? else {
        return Ok(());
    };
    let kept = waiting.keep || worth_keeping;
    let discarded = waiting.discarded || !kept;
    let structured = if kept { kept_as(structured) } else { nothing() };
    let done =
        conversations::complete_processing(&mut tx, uid, id, &structured, &by, discarded).await?;
    let Some(run) = done else { return Ok(()) };
    let asks = app.language.is_some();
    let files = run == 1 && conversation.folder_id.is_none();
    let state = |wanted: bool, found: bool| match (wanted && !discarded, found) {
        (false, _) => State::Skipped,
        (true, true) => State::Done,
        (true, false) => State::Waiting,
    };
    let steps = [
        (Step::Structure, State::Done),
        (Step::ActionItems, state(true, tasks.is_some())),
        (Step::Memories, state(true, facts.is_some())),
        (Step::Folder, state(files, !asks)),
        (Step::Goals, state(asks, false)),
    ]
    .map(|(step, state)| Ended {
        step,
        state,
        by: (state == State::Done).then_some(by.as_str()),
        attempts: match (step, state) {
            (Step::Structure, _) => conversation.processing_attempts,
            (_, State::Done) => 1,
            _ => 0,
        },
    });
    if !discarded {
        if let Some(found) = tasks {
            tasks::save(&mut tx, uid, id, found).await?;
        }
        if let Some(facts) = facts {
            facts::save(&mut tx, uid, id, facts).await?;
        }
        if files && !asks {
            let known = folders::of_user(&mut tx, uid).await?;
            if let Some(folder) = folders::of_category(&known, &structured.category) {
                folders::put_found(&mut tx, uid, id, &folder.id).await?;
            }
        }
    }
    store::put(&mut tx, uid, id, run, &steps, clock::now()).await?;
    if steps.iter().any(|one| one.state == State::Waiting) {
        let event = conversations::event(UNDERSTOOD, uid, id, "steps");
        app.outbox.publish(&mut tx, &event).await?;
    }
    let remembered = |one: &&Ended<'_>| one.step == Step::Memories && one.state == State::Done;
    if steps.iter().any(|one| remembered(&one)) {
        let event = conversations::event(REMEMBERED, uid, id, "memories");
        app.outbox.publish(&mut tx, &event).await?;
    }
    let event = conversations::event(conversations::PROCESSED, uid, id, "completed");
    app.outbox.publish(&mut tx, &event).await?;
    tx.commit().await?;
    for one in steps.iter().filter(|one| one.state != State::Waiting) {
        steps::count(one.step, steps::outcome_of(one.state, one.by));
    }
    Ok(())
}

/// One that the user chose to keep has a title, whoever thought that there was nothing in it.
fn kept_as(structured: Structured) -> Structured {
    if structured.title.is_empty() {
        Structured {
            title: "Conversation".into(),
            ..structured
        }
    } else {
        structured
    }
}

fn nothing() -> Structured {
    Structured {
        title: String::new(),
        overview: String::new(),
        emoji: "🧠".into(),
        category: "other".into(),
        action_items: Vec::new(),
        events: Vec::new(),
    }
}

/// What the user has that is near a text, with how near it is. A search that fails finds nothing: the step goes on without.
async fn near(
    app: &Handles,
    uid: &str,
    kind: Kind,
    text: &str,
    at_least: f64,
    limit: usize,
) -> HashMap<Uuid, f64> {
    let texts = [text.to_string()];
    match search::similar(app, uid, kind, &texts, at_least, limit).await {
        Ok(lists) => lists.into_iter().flatten().collect(),
        Err(error) => {
            tracing::warn!(%error, "what is similar could not be looked for");
            HashMap::new()
        }
    }
}

/// `system` for what is about the user's life, `interesting` for other knowledge.
pub fn memory_category(content: &str) -> &'static str {
    rules::memory_category(content)
}

/// What the user told in a conversation, or somebody who may be the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Lasting facts in the third person: "User lives in Lisbon".
    pub facts: Vec<String>,
    /// As they were said.
    pub sentences: Vec<String>,
}

/// By the rules, in English.
pub async fn told_by_user(heard: Heard) -> Result<Told> {
    by_rule_engine(move || rules::told(&heard.rule_lines())).await
}

/// Has rules work apart from what waits for them.
pub async fn by_rule_engine<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| {
        anyhow::Error::new(error)
            .context("the rule engine failed")
            .into()
    })
}

/// Waits until a conversation is understood and its action items are found, at most `patience`; then it is answered as it
/// stands. `news` must have been listened to since before it was finished.
pub async fn outcome(
    db: &Db,
    news: broadcast::Receiver<Notice>,
    uid: &str,
    id: Uuid,
    patience: Duration,
) -> Result<Conversation> {
    settled(db, news, uid, id, patience).await?;
    conversations::get(db, uid, id).await
}

/// The same, for who needs no more than how it stands.
pub async fn settled(
    db: &Db,
    mut news: broadcast::Receiver<Notice>,
    uid: &str,
    id: Uuid,
    patience: Duration,
) -> Result<Standing> {
    let deadline = tokio::time::Instant::now() + patience;
    let over = [conversations::PROCESSED, conversations::DELETED, STEPPED];
    loop {
        let standing = conversations::standing(db, uid, id).await?;
        let understood = standing.status != Status::Processing.as_str();
        let settled = understood && !finds_action_items(db, uid, id).await?;
        if settled || tokio::time::Instant::now() >= deadline {
            return Ok(standing);
        }
        loop {
            match tokio::time::timeout_at(deadline, news.recv()).await {
                Ok(Ok(Notice::Event(event)))
                    if event.id != id || !over.contains(&event.topic.as_str()) => {}
                Ok(Err(broadcast::error::RecvError::Closed)) => {
                    return Err(Error::Unavailable("the server is stopping".into()));
                }
                _ => break,
            }
        }
    }
}
