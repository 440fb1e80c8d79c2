//! `omi-server model`

use anyhow::{Result, anyhow};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};

use super::{prepare_data_dir, say};
use crate::{config::Config, platform::speech::models};

#[derive(Subcommand)]
pub enum Command {
    /// Fetch a model from its official address and verify it; prints its path.
    Fetch {
        /// The configured model if left out.
        name: Option<String>,
    },
    /// The models that can be fetched, and which are here.
    List,
}

pub async fn run(config: &Config, command: Command) -> Result<()> {
    let dir = prepare_data_dir(config)?.join("models");
    match command {
        Command::Fetch { name } => {
            let name = name.unwrap_or_else(|| config.stt.model.clone());
            let model = models::find(&name).ok_or_else(|| {
                let known: Vec<_> = models::MODELS.iter().map(|model| model.name).collect();
                anyhow!(
                    "{name:?} is no model that can be fetched; known are: {}",
                    known.join(", ")
                )
            })?;
            // Hidden when standard error is no terminal.
            let bar = ProgressBar::new(model.bytes).with_style(ProgressStyle::with_template(
                "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            )?);
            bar.set_message(model.file_name());
            let path = models::fetch(model, &dir, |done, _total| bar.set_position(done)).await?;
            bar.finish_and_clear();
            say(path.display())?;
        }
        Command::List => {
            say(format_args!("{:<10} {:>9}  HERE", "NAME", "MIB"))?;
            for model in models::MODELS.iter() {
                let here = if models::locate(&dir, model.name).is_some() {
                    "yes"
                } else {
                    ""
                };
                say(format_args!(
                    "{:<10} {:>9}  {here}",
                    model.name,
                    model.bytes / (1024 * 1024)
                ))?;
            }
        }
    }
    Ok(())
}
