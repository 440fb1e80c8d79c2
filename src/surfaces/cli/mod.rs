//! The command line: a file a command. Results on stdout, the rest on stderr, errors as one sentence.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod doctor;
mod healthcheck;
mod key;
mod migrate;
mod model;
mod openapi;
mod serve;
mod stream;
mod token;
mod user;

use std::{
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::{
    config::Config,
    platform::{
        database::{self, Database},
        telemetry,
    },
};

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
    /// Speech models.
    #[command(subcommand)]
    Model(model::Command),
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
}

pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("omi-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    // Two providers could be compiled in; rustls wants to be told which.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (config, warnings) = Config::load(cli.config, std::env::vars())?;
    let command = cli.command.unwrap_or(Command::Serve);
    // Beside their result the other commands say only what is wrong.
    let filter = if matches!(command, Command::Serve) {
        config.log.as_str()
    } else {
        "warn"
    };
    telemetry::start_logs(filter, config.log_format == crate::config::LogFormat::Json)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match command {
            Command::Serve => serve::run(config).await?,
            Command::User(command) => user::run(&config, command).await?,
            Command::Token(command) => token::run(&config, command).await?,
            Command::Key(command) => key::run(&config, command).await?,
            Command::Model(command) => model::run(&config, command).await?,
            Command::Stream(arguments) => stream::run(&config, arguments).await?,
            Command::Doctor => return doctor::run(&config).await,
            Command::Healthcheck => return healthcheck::run(&config).await,
            Command::Migrate => migrate::run(&config).await?,
            Command::Openapi(arguments) => openapi::run(&arguments)?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Creates the data directory: 0711, so that a private database can live in it under another user.
/// What the server alone uses is 0700.
fn prepare_data_dir(config: &Config) -> Result<PathBuf> {
    let data_dir = config.data_dir()?;
    make_dir(&data_dir, 0o711)?;
    for name in ["secrets", "audio", "spool", "models"] {
        make_dir(&data_dir.join(name), 0o700)?;
    }
    Ok(data_dir)
}

fn make_dir(path: &Path, mode: u32) -> Result<()> {
    if !path.is_dir() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(path)
            .with_context(|| {
                format!(
                    "{} cannot be created; set OMI_DATA_DIR to a folder that can",
                    path.display()
                )
            })?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
            .with_context(|| format!("the mode of {} cannot be set", path.display()))?;
    }
    Ok(())
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
