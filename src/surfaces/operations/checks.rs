//! What `/readyz` and `doctor` look at.

use std::path::Path;

use serde::Serialize;
use sqlx::PgPool;

use crate::{
    app::App,
    config::Config,
    platform::{
        database::{self, Database},
        jobs,
        speech::Speech,
    },
};

/// Below this the disk counts as full, in bytes.
const DISK_LOW: u64 = 512 * 1024 * 1024;
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
    /// What was found and, unless it is well, what to do.
    pub message: String,
}

impl Check {
    pub fn new(name: &'static str, state: State, message: impl Into<String>) -> Self {
        Self {
            name,
            state,
            message: message.into(),
        }
    }
}

/// Database, migrations, queue, disk and speech of a running server.
pub async fn ready(app: &App) -> Vec<Check> {
    let mut checks = database(&app.db).await;
    checks.push(disk(&app.data_dir));
    checks.push(speech(&app.speech));
    checks
}

/// Every check of `doctor`, which may run without a server.
pub async fn all(
    config: &Config,
    data_dir: &Path,
    db: Result<Option<&Database>, &anyhow::Error>,
) -> Vec<Check> {
    let mut checks = match db {
        Ok(Some(db)) => database(&db.pool).await,
        Ok(None) => {
            let text = "the private database does not run; it starts with `omi-server serve`";
            vec![Check::new("database", State::Warn, text)]
        }
        Err(error) => vec![Check::new("database", State::Fail, format!("{error:#}"))],
    };
    checks.push(disk(data_dir));
    checks.push(speech(&Speech::look(config.speech_settings(data_dir))));
    checks
}

async fn database(db: &PgPool) -> Vec<Check> {
    let version: Result<String, _> = sqlx::query_scalar("select current_setting('server_version')")
        .fetch_one(db)
        .await;
    let version = match version {
        Ok(version) => version,
        Err(error) => {
            return vec![Check::new(
                "database",
                State::Fail,
                format!("does not answer: {error}"),
            )];
        }
    };
    let mut checks = vec![Check::new(
        "database",
        State::Ok,
        format!("PostgreSQL {version}"),
    )];
    checks.push(match database::pending_migrations(db).await {
        Ok(0) => Check::new("migrations", State::Ok, "up to date"),
        Ok(pending) => Check::new(
            "migrations",
            State::Fail,
            format!("{pending} missing: run `omi-server migrate`"),
        ),
        Err(error) => Check::new("migrations", State::Fail, error.to_string()),
    });
    checks.push(match jobs::backlog(db).await {
        Ok((waiting, oldest)) if oldest > QUEUE_STALE => Check::new(
            "queue",
            State::Fail,
            format!("{waiting} jobs wait, the oldest for {oldest:.0} s: is a server running?"),
        ),
        Ok((waiting, _)) => Check::new("queue", State::Ok, format!("{waiting} jobs wait")),
        Err(error) => Check::new("queue", State::Fail, format!("cannot be read: {error}")),
    });
    checks
}

fn disk(data_dir: &Path) -> Check {
    match nix::sys::statvfs::statvfs(data_dir) {
        Ok(stat) => {
            // They are u32 on macOS.
            #[allow(clippy::unnecessary_cast)]
            let free = stat.blocks_available() as u64 * stat.fragment_size() as u64;
            let text = format!(
                "{} MiB free in {}",
                free / (1024 * 1024),
                data_dir.display()
            );
            if free < DISK_LOW {
                Check::new(
                    "disk",
                    State::Fail,
                    format!("{text}: make room, or audio cannot be kept"),
                )
            } else {
                Check::new("disk", State::Ok, text)
            }
        }
        Err(error) => Check::new(
            "disk",
            State::Fail,
            format!("{} cannot be read: {error}", data_dir.display()),
        ),
    }
}

fn speech(speech: &Speech) -> Check {
    match speech.status() {
        Ok(text) => Check::new("speech", State::Ok, text),
        Err(text) => Check::new("speech", State::Warn, text),
    }
}
