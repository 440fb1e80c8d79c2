//! `omi-server backup`, `omi-server restore`

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use super::{prepare_data_dir, progress::Progress, say, source};
use crate::{
    config::Config,
    features::accounts,
    platform::{
        backup::{self, Backup},
        database,
    },
    surfaces::operations::INNER_FOLDERS,
};

/// Fetched again wherever they are needed.
const LEFT_OUT: &str = "models";

#[derive(Args)]
pub struct ToFile {
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace a file that exists.
    #[arg(long)]
    force: bool,
}

#[derive(Args)]
pub struct FromFile {
    /// What `omi-server backup` wrote.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace all that this server has.
    #[arg(long)]
    force: bool,
}

fn folders() -> Vec<&'static str> {
    INNER_FOLDERS
        .into_iter()
        .filter(|name| *name != LEFT_OUT)
        .collect()
}

pub async fn backup(config: &Config, arguments: &ToFile) -> Result<()> {
    let ToFile { file, force } = arguments;
    let data_dir = prepare_data_dir(config)?;
    let source = source(config, &data_dir);
    let database = source.open_beside().await?;
    let outcome = async {
        database::migrate(&database.pool).await?;
        let mut progress = Progress::new()?;
        let mut note = |what: &str, bytes| progress.note(what, bytes, None);
        backup::backup(&database, &source, &folders(), file, *force, &mut note).await
    }
    .await;
    database.close().await;
    let totals = outcome?;
    say(format_args!(
        "the database and {} files ({} bytes) are in {}",
        totals.files,
        totals.bytes,
        file.display()
    ))
}

pub async fn restore(config: &Config, arguments: &FromFile) -> Result<()> {
    let FromFile { file, force } = arguments;
    let data_dir = prepare_data_dir(config)?;
    let folders = folders();
    let mut progress = Progress::new()?;
    let mut note = |what: &str, bytes| progress.note(what, bytes, None);
    let backup = Backup::open(file, &folders, &mut note)?;
    let source = source(config, &data_dir);
    let database = source.open_alone().await?;
    let outcome = async {
        database::migrate(&database.pool).await?;
        if !force && !backup::was_cut_off(&data_dir) {
            // A server that was only started has a secret already.
            let theirs: Vec<_> = folders.iter().copied().filter(|name| *name != "secrets").collect();
            let held = backup::occupied(&data_dir, &theirs)?;
            if accounts::count(&database.pool).await? > 0 || held.is_some() {
                bail!(
                    "this server has accounts or files already ({}); replace all of it with --force, or set OMI_DATA_DIR to another directory",
                    data_dir.display()
                );
            }
        }
        let totals = backup.restore(&database, &source, &folders, &mut note).await?;
        database::migrate(&database.pool).await?;
        Ok(totals)
    }
    .await;
    database.close().await;
    let totals = outcome?;
    say(format_args!(
        "the database of {} and {} files ({} bytes) are back",
        backup.head.created_at.format("%Y-%m-%d %H:%M:%S UTC"),
        totals.files,
        totals.bytes
    ))
}
