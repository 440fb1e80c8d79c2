//! `omi-server search`

use std::time::Duration;

use anyhow::Result;
use clap::Subcommand;

use super::{account, say, with_database};
use crate::{config::Config, features::search};

#[derive(Subcommand)]
pub enum Command {
    /// Have everything taken into the search index again: words and vectors. A running server does the work, which this
    /// command watches.
    Rebuild {
        /// Only of this account.
        #[arg(long)]
        email: Option<String>,
        /// Do not wait for the end.
        #[arg(long)]
        no_wait: bool,
    },
}

pub async fn run(config: &Config, command: Command) -> Result<()> {
    let Command::Rebuild { email, no_wait } = command;
    with_database(config, async |database| {
        let users = match &email {
            Some(email) => vec![account(database, email).await?],
            None => search::users(&database.pool).await?,
        };
        let progress = indicatif::ProgressBar::new(0).with_style(
            indicatif::ProgressStyle::with_template("{bar:40} {pos} of {len} {msg}")?,
        );
        let mut items = 0;
        for uid in &users {
            items += search::rebuild(&database.pool, uid).await?;
        }
        if !no_wait {
            progress.set_length(items.unsigned_abs());
            loop {
                let waiting = search::backlog(&database.pool).await?.items;
                progress.set_position((items - waiting).max(0).unsigned_abs());
                if waiting == 0 {
                    break;
                }
                // Words are taken in here where no server runs; a server that does leaves nothing to do.
                for uid in &users {
                    search::take_in(&database.pool, uid).await?;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            progress.finish_and_clear();
        }
        say(format_args!("{items} items of {} accounts", users.len()))
    })
    .await
}
