//! The steps that follow the structure, each a job of its own: retried, independent of the others, and without effect once
//! the conversation is understood again, discarded or gone.

use std::sync::Arc;

use chrono::Duration;
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::{
    RULES, by_rule_engine, facts, filing,
    heard::Heard,
    model::{Ended, State, Step, StepStanding},
    progress, rules, store, tasks,
};
use crate::{
    app::Handles,
    error::{Error, Result},
    features::{
        accounts, action_items,
        conversations::{self, Conversation},
        credentials::Caller,
        folders, goals,
    },
    platform::{clock, database::Db, language::LanguageError, outbox::Outbox},
};

/// A conversation was understood, and further steps wait for their jobs.
pub const UNDERSTOOD: &str = "conversation.understood";
/// Memories of a conversation were looked for; no more are found until it is understood again.
pub const REMEMBERED: &str = "conversation.remembered";
/// A further step of a conversation is over; `detail` is its name.
pub const STEPPED: &str = "conversation.stepped";

/// Attempts with a model that does not answer; the last one ends with the rules.
const ATTEMPTS: i32 = 4;
/// The same while it works, but for others. The structure's job has one more.
const ATTEMPTS_WHEN_BUSY: i32 = 7;
/// A step that began so often without an end is given up.
const MOST_ATTEMPTS: i32 = 40;

/// What a model found, and its name. None: the rules are to do it.
pub type Judged<T> = Option<(T, String)>;

/// What becomes of an answer: while the model does not answer the attempt fails, to be made again; what it refuses, or
/// cannot do, is for the rules at once (None), and so is what it has failed to answer for long.
pub fn or_rules<T>(
    answer: Result<T, LanguageError>,
    attempts: i32,
    task: &str,
) -> Result<Option<T>> {
    let error = match answer {
        Ok(answer) => return Ok(Some(answer)),
        Err(error) => error,
    };
    // A model that works for others is no dead one. A budget comes back on another day: nothing is gained by waiting.
    let most = match error {
        LanguageError::Busy => ATTEMPTS_WHEN_BUSY,
        _ => ATTEMPTS,
    };
    if error.is_temporary() && attempts < most {
        return Err(Error::Unavailable(error.to_string()));
    }
    tracing::warn!(%error, task, "the language model is done without");
    Ok(None)
}

/// Does a further step of a conversation, if it waits. `last` is the job's last attempt.
pub async fn run_step(app: &Handles, step: Step, uid: &str, id: Uuid, last: bool) -> Result<()> {
    let Some(begun) = store::begin(&app.db, uid, id, step, clock::now()).await? else {
        return Ok(());
    };
    let outcome = attempt(app, step, uid, id, &begun).await;
    if let Err(error) = &outcome {
        let state = if last { State::Failed } else { State::Waiting };
        count(step, if last { "failed" } else { "retried" });
        let why = told(error);
        let mut tx = app.db.begin().await?;
        store::note(
            &mut *tx,
            uid,
            id,
            begun.run,
            step,
            (state, &why),
            clock::now(),
        )
        .await?;
        if last {
            tell_ended(app, &mut tx, uid, id, step).await?;
        }
        tx.commit().await?;
    }
    outcome
}

/// What the user is told of a failure; what broke inside is for the log, where the job runner puts it.
pub fn told(error: &Error) -> String {
    match error {
        Error::Internal(_) => "something went wrong on the server; its log says what".into(),
        Error::Unavailable(why) => why.clone(),
        other => other.to_string(),
    }
}

pub fn count(step: Step, outcome: &'static str) {
    metrics::counter!("omi_processing_steps_total", "step" => step.name(), "outcome" => outcome)
        .increment(1);
}

/// How a step came out, in metrics.
pub fn outcome_of(state: State, by: Option<&str>) -> &'static str {
    match (state, by) {
        (State::Done, Some(RULES)) => "rules",
        (State::Done, _) => "model",
        (State::Skipped, _) => "skipped",
        (State::Failed, _) => "failed",
        (State::Waiting, _) => "waiting",
    }
}

/// What a step wants to have stored.
enum Found {
    ActionItems(Vec<action_items::Found>),
    Memories(facts::Facts),
    Folder(Option<String>),
    Goals(Vec<(String, f64)>),
}

async fn attempt(
    app: &Handles,
    step: Step,
    uid: &str,
    id: Uuid,
    begun: &store::Begun,
) -> Result<()> {
    let conversation = match conversations::get(&app.db, uid, id).await {
        Err(Error::NotFound(_)) => return Ok(()),
        found => found?,
    };
    let found = find(app, step, uid, conversation, begun.attempts).await?;
    let now = clock::now();
    let mut tx = app.db.begin().await?;
    let current = conversations::lock_run(&mut tx, uid, id, begun.run).await?;
    let (state, by) = match &found {
        Some((_, by)) if current => (State::Done, Some(by.as_str())),
        _ => (State::Skipped, None),
    };
    let ended = Ended {
        step,
        state,
        by,
        attempts: begun.attempts,
    };
    // Whoever ends the step stores what was found: nobody else does it again.
    if !store::end(&mut *tx, uid, id, begun.run, ended, now).await? {
        return Ok(());
    }
    if let Some((found, _)) = found.as_ref().filter(|_| current) {
        match found {
            Found::ActionItems(items) => tasks::save(&mut tx, uid, id, items.clone()).await?,
            Found::Memories(facts) => facts::save(&mut tx, uid, id, facts.clone()).await?,
            Found::Folder(Some(folder)) => folders::put_found(&mut tx, uid, id, folder).await?,
            Found::Folder(None) => {}
            Found::Goals(moved) => goals::heard(&mut tx, uid, moved).await?,
        }
    }
    tell_ended(app, &mut tx, uid, id, step).await?;
    tx.commit().await?;
    count(step, outcome_of(state, by));
    Ok(())
}

async fn tell_ended(
    app: &Handles,
    tx: &mut Transaction<'_, Postgres>,
    uid: &str,
    id: Uuid,
    step: Step,
) -> Result<()> {
    let event = conversations::event(STEPPED, uid, id, step.name());
    app.outbox.publish(tx, &event).await?;
    if step == Step::Memories {
        let event = conversations::event(REMEMBERED, uid, id, "memories");
        app.outbox.publish(tx, &event).await?;
    }
    Ok(())
}

/// By the model, else by the rules. None: there is nothing to do.
async fn find(
    app: &Handles,
    step: Step,
    uid: &str,
    conversation: Conversation,
    attempts: i32,
) -> Result<Judged<Found>> {
    let id = conversation.id;
    let structured = &conversation.structured;
    let heard = async || -> Result<Arc<Heard>> {
        let profile = accounts::profile(&app.db, uid).await?;
        let seen = conversations::seen(&app.db, uid, id).await?;
        let heard = Heard::read(&app.db, uid, &conversation, profile).await?;
        Ok(Arc::new(heard.with_pictures(seen)))
    };
    let ruled = |found| (found, RULES.to_string());
    Ok(match step {
        Step::Structure => None,
        Step::ActionItems => {
            let heard = heard().await?;
            match tasks::by_model(app, uid, id, &heard, &structured.overview, attempts).await? {
                Some((items, by)) => Some((Found::ActionItems(items), by)),
                None => {
                    let items = tasks::of_rules(by_rules(&heard).await?.action_items);
                    Some(ruled(Found::ActionItems(items)))
                }
            }
        }
        Step::Memories => {
            let heard = heard().await?;
            match facts::by_model(app, uid, id, &heard, attempts).await? {
                Some((facts, by)) => Some((Found::Memories(facts), by)),
                None => {
                    let drafts = by_rules(&heard).await?.memories;
                    let facts = facts::by_rules(app, uid, id, &heard, drafts).await?;
                    Some(ruled(Found::Memories(facts)))
                }
            }
        }
        Step::Folder => {
            if conversation.folder_id.is_some() {
                return Ok(None);
            }
            let mut tx = app.db.begin().await?;
            let known = folders::of_user(&mut tx, uid).await?;
            tx.commit().await?;
            match filing::by_model(app, uid, structured, &known, attempts).await? {
                Some((folder, by)) => Some((Found::Folder(folder), by)),
                None => {
                    let folder = folders::of_category(&known, &structured.category);
                    Some(ruled(Found::Folder(folder.map(|folder| folder.id.clone()))))
                }
            }
        }
        Step::Goals => {
            let active = goals::active(&app.db, uid).await?;
            let text = if structured.overview.is_empty() {
                heard().await?.beginning()
            } else {
                structured.overview.clone()
            };
            if text.trim().chars().count() < progress::LEAST {
                return Ok(None);
            }
            let moved = progress::by_model(app, uid, &text, &active, attempts).await?;
            moved.map(|(moved, by)| (Found::Goals(moved), by))
        }
    })
}

async fn by_rules(heard: &Arc<Heard>) -> Result<rules::Understanding> {
    let heard = heard.clone();
    by_rule_engine(move || rules::understand(&heard.rule_lines(), &heard.setting())).await
}

/// How the steps of a conversation stand, in the order in which they are begun. Those that never were are left out.
pub async fn steps(db: &Db, caller: &Caller, id: Uuid) -> Result<Vec<StepStanding>> {
    conversations::standing(db, &caller.uid, id).await?;
    Ok(store::list(db, &caller.uid, id).await?)
}

/// Whether action items of an understood conversation are still to be found.
pub async fn finds_action_items(db: &Db, uid: &str, id: Uuid) -> Result<bool> {
    Ok(store::is_waiting(db, uid, id, Step::ActionItems).await?)
}

/// Gives steps that have waited for an hour new jobs: theirs were lost with servers that were killed in the middle of them,
/// time after time.
pub async fn requeue_stale(db: &Db, outbox: &Outbox, limit: i64) -> Result<()> {
    let now = clock::now();
    for (uid, id) in store::stale(db, now - Duration::hours(1), limit).await? {
        tracing::warn!(conversation = %id, "steps had waited for an hour: their jobs are renewed");
        let mut tx = db.begin().await?;
        store::renew(&mut tx, &uid, id, MOST_ATTEMPTS, now).await?;
        let event = conversations::event(UNDERSTOOD, &uid, id, "stale");
        outbox.publish(&mut tx, &event).await?;
        tx.commit().await?;
    }
    Ok(())
}
