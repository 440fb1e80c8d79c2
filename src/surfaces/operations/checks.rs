//! What `/readyz` and `doctor` look at.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::unistd::{AccessFlags, Uid, User, access};
use serde::Serialize;

use crate::{
    app::App,
    config::Config,
    platform::{
        database::Db,
        database::{self, Database},
        embeddings, jobs,
        language::{Language, LanguageError},
        speech::{Speech, models},
        telemetry,
    },
};

/// Folders in the data directory that are the server's alone (0700).
pub const INNER_FOLDERS: [&str; 7] = [
    "secrets", "audio", "files", "voices", "spool", "uploads", "models",
];

/// How long `doctor` waits for a language model's word, and for a provider of speech recognition.
const PATIENCE: Duration = Duration::from_secs(15);
/// Jobs that wait longer mean that nobody works on them, in seconds.
const QUEUE_STALE: f64 = 300.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    /// Works, but less than it should.
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub state: State,
    /// For anybody: no path, no version, no other program's words.
    pub message: String,
    /// For the operator: what was found and, unless it is well, what to do.
    #[serde(skip)]
    pub detail: String,
}

impl Check {
    fn new(
        name: &'static str,
        state: State,
        message: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            name,
            state,
            message: message.into(),
            detail: detail.into(),
        }
    }

    /// One that strangers never see.
    fn inside(name: &'static str, state: State, detail: impl Into<String>) -> Self {
        Self::new(name, state, "", detail)
    }
}

/// Database, migrations, queue, disk and speech of a running server.
pub async fn ready(app: &App) -> Vec<Check> {
    let mut checks = database(&app.db).await;
    let least = app.config.listening.minimum_free_bytes();
    checks.push(disk(&app.data_dir, least));
    let settings = app.config.speech_settings(&app.data_dir);
    checks.push(speech(&app.speech, settings.whisper_model()));
    checks
}

/// Every check of `doctor`, which may run without a server. Changes nothing.
pub async fn all(
    config: &Config,
    data_dir: &Path,
    db: Result<Option<&Database>, &anyhow::Error>,
) -> Vec<Check> {
    let mut checks = match db {
        Ok(Some(db)) => database(&db.pool).await,
        Ok(None) => {
            let text = "the private database does not run; it starts with `omi-server serve`";
            let unseen = "not checked: the database does not run";
            vec![
                Check::inside("database", State::Warn, text),
                Check::inside("migrations", State::Warn, unseen),
                Check::inside("queue", State::Warn, unseen),
            ]
        }
        Err(error) => vec![Check::inside(
            "database",
            State::Fail,
            telemetry::describe(error),
        )],
    };
    checks.push(data(data_dir));
    let least = config.listening.minimum_free_bytes();
    checks.push(disk(data_dir, least));
    checks.extend(providers(config, data_dir).await);
    checks.push(language(config).await);
    let (state, text) = match embeddings::status(&config.embedding_settings(data_dir)) {
        Ok(text) => (State::Ok, text),
        Err(text) => (State::Warn, text),
    };
    checks.push(Check::inside("embeddings", state, text));
    checks
}

async fn database(db: &Db) -> Vec<Check> {
    let version: Result<String, _> = sqlx::query_scalar("select current_setting('server_version')")
        .fetch_one(db)
        .await;
    let version = match version {
        Ok(version) => version,
        Err(error) => {
            let detail = format!("does not answer: {error}");
            return vec![Check::new(
                "database",
                State::Fail,
                "does not answer",
                detail,
            )];
        }
    };
    let mut checks = vec![Check::new(
        "database",
        State::Ok,
        "answers",
        format!("PostgreSQL {version}"),
    )];
    checks.push(match database::pending_migrations(db).await {
        Ok(0) => Check::new("migrations", State::Ok, "up to date", "up to date"),
        Ok(pending) => Check::new(
            "migrations",
            State::Fail,
            "some are missing",
            format!("{pending} missing: run `omi-server migrate`"),
        ),
        Err(error) => Check::new(
            "migrations",
            State::Fail,
            "cannot be read",
            format!("cannot be read: {error}"),
        ),
    });
    checks.push(match jobs::backlog(db).await {
        Ok((waiting, oldest)) if oldest > QUEUE_STALE => Check::new(
            "queue",
            State::Fail,
            "jobs wait for too long",
            format!("{waiting} jobs wait, the oldest for {oldest:.0} s: is a server running?"),
        ),
        Ok((waiting, _)) => Check::new(
            "queue",
            State::Ok,
            "jobs are worked on",
            format!("{waiting} jobs wait"),
        ),
        Err(error) => Check::new(
            "queue",
            State::Fail,
            "cannot be read",
            format!("cannot be read: {error}"),
        ),
    });
    checks
}

/// Whether this user can keep things in the data directory, and nobody else can look into them.
fn data(dir: &Path) -> Check {
    let check = |state, detail: String| Check::inside("data", state, detail);
    let shown = dir.display();
    let may = |path: &Path| access(path, AccessFlags::W_OK | AccessFlags::X_OK).is_ok();
    if !dir.exists() {
        let above = existing(dir);
        return if above.is_dir() && may(&above) {
            check(
                State::Ok,
                format!("{shown} is not there yet; the first start makes it"),
            )
        } else {
            check(
                State::Fail,
                format!(
                    "{shown} cannot be made: this user may not write in {}; set OMI_DATA_DIR to another folder",
                    above.display()
                ),
            )
        };
    }
    if !dir.is_dir() {
        let text = format!("{shown} is no folder; set OMI_DATA_DIR to one");
        return check(State::Fail, text);
    }
    if !may(dir) {
        let text = format!("this user may not write in {shown}; run this as its owner");
        return check(State::Fail, text);
    }
    let me = Uid::effective();
    let folders = INNER_FOLDERS.map(|name| dir.join(name));
    for path in std::iter::once(dir).chain(folders.iter().map(PathBuf::as_path)) {
        let Ok(found) = path.symlink_metadata() else {
            continue;
        };
        let owner = Uid::from_raw(found.uid());
        if found.is_dir() && owner != me {
            let owner = match User::from_uid(owner) {
                Ok(Some(user)) => user.name,
                _ => owner.to_string(),
            };
            let text = format!(
                "{} belongs to {owner}, not to this user; run the server and its commands as one user",
                path.display()
            );
            // Root gets in all the same, but leaves files that the other cannot read.
            let state = if me.is_root() {
                State::Warn
            } else {
                State::Fail
            };
            return check(state, text);
        }
        if path != dir && found.is_dir() && found.mode() & 0o077 != 0 {
            let text = format!(
                "{} is open to other users (mode {:03o}); the next start closes it, or do it with chmod 700",
                path.display(),
                found.mode() & 0o777
            );
            return check(State::Warn, text);
        }
    }
    check(State::Ok, format!("{shown} can be written by this user"))
}

/// The path itself, or the nearest above that exists.
fn existing(path: &Path) -> PathBuf {
    let found = path.ancestors().find(|path| path.exists());
    found.unwrap_or(Path::new("/")).to_path_buf()
}

/// `least`: bytes below which the disk counts as full.
fn disk(data_dir: &Path, least: u64) -> Check {
    let dir = existing(data_dir);
    match crate::platform::disk::free(&dir) {
        Ok(free) => {
            let text = format!("{} MiB free in {}", free / (1024 * 1024), dir.display());
            if free < least {
                let text = format!(
                    "{text}, less than listening.minimum_free_megabytes: make room; until then live sockets are refused"
                );
                Check::new("disk", State::Fail, "too little room", text)
            } else {
                Check::new("disk", State::Ok, "enough room", text)
            }
        }
        Err(error) => Check::new(
            "disk",
            State::Fail,
            "cannot be read",
            format!("{} cannot be read: {error}", dir.display()),
        ),
    }
}

/// Asks the model for a word.
async fn language(config: &Config) -> Check {
    let check = |state, detail: String| Check::inside("language", state, detail);
    let Some(mut settings) = config.language_settings() else {
        return check(
            State::Ok,
            "no language model: the rule engine is used (OMI_LLM__URL names one)".into(),
        );
    };
    settings.timeout = settings.timeout.min(PATIENCE);
    let asked = match Language::new(settings) {
        Ok(language) => language.check().await,
        Err(error) => return check(State::Fail, telemetry::describe(&error)),
    };
    match asked {
        Ok(text) => check(State::Ok, text),
        Err(error) => {
            let advice = match &error {
                LanguageError::Unavailable { .. } | LanguageError::Busy => {
                    ": see that it runs; a model that is still being loaded may answer in a minute; until then the rule engine is used"
                }
                LanguageError::Invalid(_) => ": choose another llm.model",
                LanguageError::Refused(_) | LanguageError::OverBudget { .. } => "",
            };
            let state = if error.is_temporary() {
                State::Warn
            } else {
                State::Fail
            };
            check(state, format!("{error}{advice}"))
        }
    }
}

/// Asks each provider of speech recognition, a check each.
async fn providers(config: &Config, data_dir: &Path) -> Vec<Check> {
    let check = |state, detail: String| Check::inside("speech", state, detail);
    let mut settings = config.speech_settings(data_dir);
    settings.limit_patience(PATIENCE);
    let speech = match Speech::look(&settings) {
        Ok(speech) => speech,
        Err(error) => return vec![check(State::Fail, telemetry::describe(&error))],
    };
    if settings.providers.is_empty() {
        let why = speech.status().err().unwrap_or_default();
        return vec![check(State::Warn, why)];
    }
    let asked = speech.check().await.into_iter();
    asked
        .map(|found| match found {
            Ok(text) => check(State::Ok, text),
            Err(error) if error.is_temporary() => check(State::Warn, error.to_string()),
            Err(error) => check(State::Fail, error.to_string()),
        })
        .collect()
}

fn speech(speech: &Speech, model: Option<&str>) -> Check {
    match speech.status() {
        Ok(text) => {
            let (state, short) = match speech.working() {
                Some(0) => (State::Ok, "can be recognised"),
                Some(_) => (State::Warn, "is recognised by a stand-in"),
                None => (State::Warn, "is not recognised right now"),
            };
            Check::new("speech", state, short, text)
        }
        Err(text) => {
            // The name of a public model; otherwise it is a path.
            let short = match model.and_then(models::find) {
                Some(model) => format!(
                    "is not recognised; if the model is missing, `omi-server model fetch {}` gets it",
                    model.name
                ),
                None => "is not recognised; the operator sees why with `omi-server doctor`".into(),
            };
            Check::new("speech", State::Warn, short, text)
        }
    }
}
