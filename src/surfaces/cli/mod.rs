//! The command line: a file a command. Results on stdout, the rest on stderr, errors as one sentence.

mod app;
mod backup;
mod doctor;
mod healthcheck;
mod key;
mod migrate;
mod model;
mod moving;
mod openapi;
mod progress;
mod search;
mod serve;
mod stream;
mod token;
mod user;

use std::{
    fmt,
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::{
    config::Config,
    error::Error,
    features::accounts,
    platform::{
        database::{self, Database},
        telemetry,
    },
    surfaces::operations,
};

/// Threads for files and long arithmetic, at most. Hundreds would not be faster, and each keeps some memory.
const FILE_THREADS: usize = 64;

/// A self-hosted, Omi-compatible backend.
#[derive(Parser)]
#[command(name = "omi-server", version, about)]
struct Cli {
    /// Settings file (TOML); config/default.toml of the source lists every setting.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server (what `omi-server` alone does).
    Serve,
    /// People with an account.
    #[command(subcommand)]
    User(user::Command),
    /// Access tokens for the app-facing routes and live audio.
    #[command(subcommand)]
    Token(token::Command),
    /// Keys for the Developer API and for AI assistants.
    #[command(subcommand)]
    Key(key::Command),
    /// Apps, which read and write for accounts that enabled them.
    #[command(subcommand)]
    App(app::Command),
    /// Speech models.
    #[command(subcommand)]
    Model(model::Command),
    /// The search index.
    #[command(subcommand)]
    Search(search::Command),
    /// Play an audio file into /v4/listen as a device would, and print what comes back.
    Stream(stream::Arguments),
    /// Check this installation: a line a check; exit code 1 if one fails.
    Doctor,
    /// Exit code 0 when the server is ready to serve.
    Healthcheck,
    /// Bring the database schema up to date.
    Migrate,
    /// Print the OpenAPI document of a surface.
    Openapi(openapi::Arguments),
    /// Write the whole server, its database and its files, into one file.
    Backup(backup::ToFile),
    /// Bring such a file back, into a server that has no accounts yet and does not run.
    Restore(backup::FromFile),
    /// Write everything of an account into a new folder.
    Export(moving::Export),
    /// Take such a folder into an account. The same again changes nothing.
    Import(moving::Import),
}

pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        // Like others whose reader has gone, as in `omi-server stream … | head`.
        Err(error) if error.is::<ReaderGone>() => ExitCode::FAILURE,
        Err(error) => {
            complain(&telemetry::describe(&error));
            if error.is::<Usage>() {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// Wrong usage that clap cannot see: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

#[derive(Debug, thiserror::Error)]
#[error("nobody reads standard output any more")]
struct ReaderGone;

/// Puts text and a line end on standard output. An error: not all of it arrived.
fn say(text: impl fmt::Display) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        Err(error) => Err(error).context("standard output cannot be written"),
    }
}

/// One sentence on standard error. Whether anybody reads it changes nothing.
fn complain(sentence: &str) {
    let _ = writeln!(std::io::stderr().lock(), "omi-server: {sentence}");
}

fn run(cli: Cli) -> Result<ExitCode> {
    // Two providers could be compiled in; rustls wants to be told which.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (config, warnings) = Config::load(cli.config, std::env::vars_os())?;
    let command = cli.command.unwrap_or(Command::Serve);
    // Beside their result the other commands say only what is wrong.
    let filter = if matches!(command, Command::Serve) {
        config.log.as_str()
    } else {
        "warn,symphonia=off"
    };
    telemetry::start_logs(filter, config.log_format == crate::config::LogFormat::Json)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(FILE_THREADS)
        .build()?;
    runtime.block_on(async {
        match command {
            Command::Serve => serve::run(config).await?,
            Command::User(command) => user::run(&config, command).await?,
            Command::Token(command) => token::run(&config, command).await?,
            Command::Key(command) => key::run(&config, command).await?,
            Command::App(command) => app::run(&config, command).await?,
            Command::Model(command) => model::run(&config, command).await?,
            Command::Search(command) => search::run(&config, command).await?,
            Command::Stream(arguments) => stream::run(&config, arguments).await?,
            Command::Doctor => return doctor::run(&config).await,
            Command::Healthcheck => return healthcheck::run(&config).await,
            Command::Migrate => migrate::run(&config).await?,
            Command::Openapi(arguments) => openapi::run(&arguments)?,
            Command::Backup(arguments) => backup::backup(&config, &arguments).await?,
            Command::Restore(arguments) => backup::restore(&config, &arguments).await?,
            Command::Export(arguments) => moving::export(&config, &arguments).await?,
            Command::Import(arguments) => moving::import(&config, &arguments).await?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Creates the data directory: 0711, so that a private database can live in it under another user.
/// What the server alone uses is 0700, also where it was made by other means.
fn prepare_data_dir(config: &Config) -> Result<PathBuf> {
    let data_dir = config.data_dir()?;
    make_dir(&data_dir, 0o711)?;
    for name in operations::INNER_FOLDERS {
        let folder = data_dir.join(name);
        make_dir(&folder, 0o700)?;
        // A link leads to a folder that others may share.
        let found = folder
            .symlink_metadata()
            .with_context(|| format!("{} cannot be read", folder.display()))?;
        let mine = found.is_dir() && found.uid() == nix::unistd::geteuid().as_raw();
        if mine && found.mode() & 0o777 != 0o700 {
            set_mode(&folder, 0o700)?;
        }
    }
    Ok(data_dir)
}

/// The mode is for the last folder alone; those above get the usual one.
fn make_dir(path: &Path, mode: u32) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let made = match path.parent() {
        Some(parent) => std::fs::create_dir_all(parent),
        None => Ok(()),
    };
    let made = made.and_then(|()| std::fs::DirBuilder::new().mode(mode).create(path));
    match made {
        Ok(()) => set_mode(path, mode),
        // Another command was quicker.
        Err(_) if path.is_dir() => Ok(()),
        Err(error) => Err(error).with_context(|| {
            format!(
                "{} cannot be created; set OMI_DATA_DIR to a folder that can",
                path.display()
            )
        }),
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .with_context(|| format!("the mode of {} cannot be set", path.display()))
}

fn source<'a>(config: &'a Config, data_dir: &'a Path) -> database::Source<'a> {
    database::Source {
        url: &config.database_url,
        data_dir,
        postgres_bin: config.postgres_bin(),
        database_user: config.database_user(),
        connections: config.database_connections,
    }
}

/// Runs one command's work on the database, shared with a running server or started for the moment.
async fn with_database<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Database) -> Result<T>,
) -> Result<T> {
    let data_dir = prepare_data_dir(config)?;
    let database = source(config, &data_dir).open_beside().await?;
    let outcome = async {
        database::migrate(&database.pool).await?;
        work(&database).await
    }
    .await;
    database.close().await;
    outcome
}

/// The uid of an account that must exist.
async fn account(database: &Database, email: &str) -> Result<String> {
    accounts::find(&database.pool, email).await.map_err(|error| match error {
        Error::NotFound(_) => {
            let email = email.trim();
            anyhow::anyhow!(
                "{email} has no account; check the address, or make one with `omi-server user create --email {email}`"
            )
        }
        error => error.into(),
    })
}
