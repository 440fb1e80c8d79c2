//! `omi-server export`, `omi-server import`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::{account, complain, progress::Progress, say, with_database};
use crate::{
    config::Config,
    features::moving::{self, Step},
};

#[derive(Args)]
pub struct Export {
    #[arg(long)]
    email: String,
    /// A folder that does not exist yet.
    #[arg(value_name = "DIR")]
    into: PathBuf,
}

#[derive(Args)]
pub struct Import {
    /// An account that exists.
    #[arg(long)]
    email: String,
    /// What `omi-server export` wrote.
    #[arg(value_name = "DIR")]
    from: PathBuf,
}

pub async fn export(config: &Config, arguments: &Export) -> Result<()> {
    let Export { email, into } = arguments;
    let data_dir = config.data_dir()?;
    let exported = with_database(config, async |database| {
        let uid = account(database, email).await?;
        let mut progress = Progress::new()?;
        let mut note = |step: Step<'_>| progress.note(step.what, step.done, step.total);
        moving::export(
            &database.pool,
            &data_dir,
            &uid,
            email.trim(),
            into,
            &mut note,
        )
        .await
    })
    .await?;
    if exported.missing_count > 0 {
        complain(&format!(
            "{} files that the account names are not there and were left out: {}{}",
            exported.missing_count,
            exported.missing.join(", "),
            if exported.missing.len() as u64 == exported.missing_count {
                ""
            } else {
                ", …"
            }
        ));
    }
    say(format_args!(
        "{} rows of {} tables and {} files ({} bytes) are in {}",
        exported.rows,
        exported.tables,
        exported.files,
        exported.bytes,
        into.display()
    ))
}

pub async fn import(config: &Config, arguments: &Import) -> Result<()> {
    let Import { email, from } = arguments;
    let data_dir = config.data_dir()?;
    let imported = with_database(config, async |database| {
        let uid = account(database, email).await?;
        let mut progress = Progress::new()?;
        let mut note = |step: Step<'_>| progress.note(step.what, step.done, step.total);
        moving::import(&database.pool, &data_dir, &uid, from, &mut note).await
    })
    .await?;
    say(format_args!(
        "{} rows and {} files came; {} rows and {} files were there already",
        imported.rows, imported.files, imported.known_rows, imported.known_files
    ))
}
