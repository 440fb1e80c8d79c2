//! `omi-server model`

use std::path::Path;

use anyhow::{Result, anyhow};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};

use super::{prepare_data_dir, say};
use crate::{
    config::Config,
    platform::{
        embeddings::{self, Provider},
        model_files::ModelError,
        speech,
    },
};

#[derive(Subcommand)]
pub enum Command {
    /// Fetch a model from its official address and verify it; prints its path.
    Fetch {
        /// The configured models if left out.
        name: Option<String>,
    },
    /// The models that can be fetched, and which are here.
    List,
}

pub async fn run(config: &Config, command: Command) -> Result<()> {
    let data_dir = prepare_data_dir(config)?;
    let dir = data_dir.join("models");
    match command {
        Command::Fetch { name: Some(name) } => fetch(&name, &dir).await?,
        Command::Fetch { name: None } => {
            if let Some(model) = config.speech_settings(&data_dir).whisper_model() {
                fetch(model, &dir).await?;
            }
            let settings = config.embedding_settings(&data_dir);
            let local = matches!(settings.provider, Provider::Auto | Provider::Local);
            let name = embeddings::local_model(&settings);
            // A folder of the operator's own is not fetched.
            if local && embeddings::models::find(name).is_some() {
                fetch(name, &dir).await?;
            }
        }
        Command::List => list(&dir)?,
    }
    Ok(())
}

async fn fetch(name: &str, dir: &Path) -> Result<()> {
    let path = if let Some(model) = speech::models::find(name) {
        let bar = progress_bar(model.bytes, name)?;
        let note = |done, _total| bar.set_position(done);
        let fetched = speech::models::fetch(model, dir, note).await;
        finished(&bar, fetched)?
    } else if let Some(model) = embeddings::models::find(name) {
        let bar = progress_bar(model.bytes(), name)?;
        let note = |done| bar.set_position(done);
        finished(&bar, embeddings::models::fetch(model, dir, note).await)?
    } else {
        let speech = speech::models::MODELS.iter().map(|model| model.name);
        let others = embeddings::models::MODELS.iter().map(|model| model.name);
        let known: Vec<_> = speech.chain(others).collect();
        return Err(anyhow!(
            "{name:?} is no model that can be fetched; known are: {}",
            known.join(", ")
        ));
    };
    say(path.display())
}

/// Hidden when standard error is no terminal.
fn progress_bar(bytes: u64, name: &str) -> Result<ProgressBar> {
    let bar = ProgressBar::new(bytes).with_style(ProgressStyle::with_template(
        "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
    )?);
    bar.set_message(name.to_owned());
    Ok(bar)
}

fn finished<T>(bar: &ProgressBar, fetched: Result<T, ModelError>) -> Result<T> {
    match fetched {
        Ok(_) => bar.finish_and_clear(),
        Err(_) => bar.abandon(),
    }
    Ok(fetched?)
}

fn list(dir: &Path) -> Result<()> {
    let line = |name: &str, kind: &str, bytes: u64, here: bool| {
        let here = if here { "yes" } else { "" };
        let size = bytes / (1024 * 1024);
        say(format_args!("{name:<19} {kind:<10} {size:>5}  {here}"))
    };
    say(format_args!(
        "{:<19} {:<10} {:>5}  HERE",
        "NAME", "FOR", "MIB"
    ))?;
    for model in speech::models::MODELS.iter() {
        let here = speech::models::locate(dir, model.name).is_some();
        line(model.name, "speech", model.bytes, here)?;
    }
    for model in embeddings::models::MODELS.iter() {
        let here = embeddings::models::locate(dir, model.name).is_some();
        line(model.name, "embeddings", model.bytes(), here)?;
    }
    Ok(())
}
