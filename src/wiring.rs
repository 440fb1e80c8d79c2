//! What joins the floors: which job an event causes, how each kind of job runs, and what goes on in
//! the background while the server serves.

use std::fmt;

use anyhow::Result;
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext, WorkerOptions};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    features::{
        audio, chat, connectors, conversations, credentials,
        daily_summaries::{self, DueDay},
        identities,
        knowledge_graph::{self, Batch, OfConversation, Rebuild},
        leaving, listening,
        processing::{self, BroughtText, Step},
        search, uploads,
    },
    platform::{idempotency, jobs, mcp_sessions, outbox::Event, rate_limits},
};

/// Topic of an event, kind of the job that it causes.
pub const SUBSCRIPTIONS: &[(&str, &str)] = &[
    (conversations::FINISHED, processing::JOB),
    (conversations::MERGING, conversations::MERGE_JOB),
    (processing::UNDERSTOOD, Step::ActionItems.name()),
    (processing::UNDERSTOOD, Step::Memories.name()),
    (processing::UNDERSTOOD, Step::Folder.name()),
    (processing::UNDERSTOOD, Step::Goals.name()),
    (listening::PHOTO_TAKEN, listening::DESCRIBE_JOB),
    (processing::REMEMBERED, knowledge_graph::GROW),
];

/// Jobs at the same time, on this instance, of those that understand; the same where they wait for a language model; and
/// of the others, which are not to wait for it.
const UNDERSTANDING: usize = 4;
const UNDERSTANDING_BY_MODEL: usize = 8;
const OTHERS: usize = 4;

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct ProcessConversation(Event);

impl TaskHandler for ProcessConversation {
    const IDENTIFIER: &'static str = processing::JOB;

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let app = app_of(&context)?;
        let job = context.job();
        let last = job.attempts() >= job.max_attempts();
        processing::process(app, &self.0.uid, self.0.id, last)
            .await
            .map_err(|error| format!("{error:#}"))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct MergeConversations(Event);

impl TaskHandler for MergeConversations {
    const IDENTIFIER: &'static str = conversations::MERGE_JOB;

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let app = app_of(&context)?;
        let job = context.job();
        let last = job.attempts() >= job.max_attempts();
        let Event {
            uid, id, detail, ..
        } = self.0;
        conversations::run_merge(&app.db, &app.outbox, &uid, id, &detail, last)
            .await
            .map_err(|error| format!("{error:#}"))
    }
}

/// Jobs with a payload of their own, which are told which attempt it is.
macro_rules! jobs_with_attempts {
    ($($job:ident($of:ty): $kind:path, $run:path;)*) => {$(
        #[derive(Serialize, Deserialize)]
        #[serde(transparent)]
        struct $job($of);

        impl TaskHandler for $job {
            const IDENTIFIER: &'static str = $kind;

            async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
                let app = app_of(&context)?;
                let attempts = i32::from(*context.job().attempts());
                $run(app, self.0, attempts)
                    .await
                    .map_err(|error| format!("{error:#}"))
            }
        }
    )*};
}

jobs_with_attempts!(
    DescribePhoto(Event): listening::DESCRIBE_JOB, listening::describe_photo;
    FindMemories(BroughtText): processing::MEMORIES_JOB, processing::find_memories;
    MakeDailySummary(DueDay): daily_summaries::JOB, daily_summaries::make;
    GrowGraph(OfConversation): knowledge_graph::GROW, knowledge_graph::grow;
    RebuildGraph(Rebuild): knowledge_graph::REBUILD, knowledge_graph::read_all;
    ReadMemories(Batch): knowledge_graph::READ, knowledge_graph::read_memories;
    RecogniseUpload(uploads::Work): uploads::JOB, uploads::run;
    EraseAccount(leaving::Erasure): leaving::JOB, leaving::erase;
);

macro_rules! further_steps {
    ($($job:ident: $step:ident),*) => {$(
        #[derive(Serialize, Deserialize)]
        #[serde(transparent)]
        struct $job(Event);

        impl TaskHandler for $job {
            const IDENTIFIER: &'static str = Step::$step.name();

            async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
                let app = app_of(&context)?;
                let job = context.job();
                let last = job.attempts() >= job.max_attempts();
                processing::run_step(app, Step::$step, &self.0.uid, self.0.id, last)
                    .await
                    .map_err(|error| format!("{error:#}"))
            }
        }
    )*};
}

further_steps!(
    FindActionItems: ActionItems,
    FindConversationMemories: Memories,
    ChooseFolder: Folder,
    TrackGoals: Goals
);

/// The App inside the job runner, which wants its extensions printable.
#[derive(Clone)]
struct Handles(App);

fn app_of(context: &WorkerContext) -> Result<&App, String> {
    match context.get_ext::<Handles>() {
        Some(Handles(app)) => Ok(app),
        None => Err("the job runner was started without the app".into()),
    }
}

impl fmt::Debug for Handles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("App")
    }
}

/// Forgets what has served its time, now and every hour; what one address may fill, every minute.
async fn tidy_forever(app: App) {
    for minute in 0_u64.. {
        if minute.is_multiple_of(60) {
            let tidied = async {
                rate_limits::purge(&app.db).await?;
                idempotency::purge(&app.db).await?;
                mcp_sessions::purge(&app.db).await?;
                identities::purge(&app.db).await?;
                credentials::purge(&app.db).await?;
                if let Some(language) = &app.language {
                    language.tidy(&app.db).await?;
                }
                connectors::purge(&app.db).await
            };
            if let Err(error) = tidied.await {
                tracing::warn!(%error, "what has expired could not be removed");
            }
        }
        app.failures.tidy();
        app.wrong_passwords.tidy();
        app.departures.tidy();
        app.rate_limits.tidy();
        if let Some(embedder) = &app.embeddings {
            embedder.tidy();
        }
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    }
}

async fn keep_spending(app: App) {
    if let Some(language) = &app.language {
        language.keep_forever(&app.db).await;
    }
}

/// Everything that goes on beside the requests, until `stop`. Returns when jobs have ended.
pub async fn run_in_background(app: App, stop: CancellationToken) -> Result<()> {
    let tasks = [
        tokio::spawn(app.outbox.clone().forward(PgPool::clone(&app.db))),
        tokio::spawn(app.known.last_used.clone().write_forever(app.db.clone())),
        tokio::spawn(app.known.clone().follow(app.outbox.listen())),
        tokio::spawn(app.platforms.clone().write_forever(app.db.clone())),
        tokio::spawn(app.mcp_sessions.clone().write_forever(app.db.clone())),
        tokio::spawn(keep_spending(app.clone())),
        tokio::spawn(tidy_forever(app.clone())),
        tokio::spawn(listening::run_forever(app.clone())),
        tokio::spawn(search::run_forever(app.clone())),
        tokio::spawn(daily_summaries::run_forever(app.clone())),
        tokio::spawn(uploads::run_forever(app.clone())),
        tokio::spawn(chat::run_forever(app.clone())),
        tokio::spawn(audio::run_forever(app.clone(), &[conversations::DELETED])),
    ];
    let keys = tokio::spawn({
        let app = app.clone();
        async move {
            let of_firebase = async {
                if let Some(firebase) = &app.firebase {
                    firebase.refresh_forever().await;
                }
            };
            tokio::join!(of_firebase, app.providers.refresh_forever());
        }
    });
    let understanding = match app.language {
        Some(_) => UNDERSTANDING_BY_MODEL,
        None => UNDERSTANDING,
    };
    let (understood, others) = tokio::join!(
        run_jobs(&app, understanding, jobs_that_understand, &stop),
        run_jobs(&app, OTHERS, other_jobs, &stop),
    );
    for task in tasks {
        task.abort();
    }
    keys.abort();
    if let Some(language) = &app.language
        && let Err(error) = language.keep(&app.db).await
    {
        tracing::warn!(%error, "what was spent on the language model in the last seconds is forgotten");
    }
    understood.and(others)
}

/// Those that may ask a language model, or come of its answers.
fn jobs_that_understand(options: WorkerOptions) -> WorkerOptions {
    options
        .define_job::<ProcessConversation>()
        .define_job::<DescribePhoto>()
        .define_job::<FindMemories>()
        .define_job::<FindActionItems>()
        .define_job::<FindConversationMemories>()
        .define_job::<ChooseFolder>()
        .define_job::<TrackGoals>()
        .define_job::<MakeDailySummary>()
        .define_job::<GrowGraph>()
        .define_job::<RebuildGraph>()
        .define_job::<ReadMemories>()
}

fn other_jobs(options: WorkerOptions) -> WorkerOptions {
    options
        .define_job::<MergeConversations>()
        .define_job::<RecogniseUpload>()
        .define_job::<EraseAccount>()
}

async fn run_jobs(
    app: &App,
    at_once: usize,
    kinds: fn(WorkerOptions) -> WorkerOptions,
    stop: &CancellationToken,
) -> Result<()> {
    loop {
        let define = |options| kinds(options).add_extension(Handles(app.clone()));
        let stopping = stop.clone();
        let ended = jobs::run(PgPool::clone(&app.db), at_once, define, async move {
            stopping.cancelled().await
        })
        .await;
        if stop.is_cancelled() {
            return ended;
        }
        // The database went away; it comes back.
        if let Err(error) = ended {
            tracing::warn!(
                error = format!("{error:#}"),
                "the job worker stopped; it is started again"
            );
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}
