//! `omi-server search`

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Subcommand;

use super::{account, say, with_database};
use crate::{
    config::Config,
    features::search,
    platform::{database::Db, embeddings::Embedder},
};

/// After so long without a vector nobody makes any.
const STILL: Duration = Duration::from_secs(15);

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
        let mut items = 0;
        for uid in &users {
            items += search::rebuild(&database.pool, uid).await?;
        }
        let mut left = 0;
        if !no_wait {
            let model = Embedder::start(&config.embedding_settings(&config.data_dir()?));
            let vectors_too = model.is_ok_and(|model| model.is_some());
            left = watch(&database.pool, &users, vectors_too).await?;
        }
        let told = format!("{items} items of {} accounts", users.len());
        if left == 0 {
            return say(format_args!("{told}"));
        }
        say(format_args!(
            "{told}; a running server makes the {left} vectors that are left, those of a conversation when it has ended"
        ))
    })
    .await
}

/// Until nothing of these users waits, or nothing moves any more; gives how many vectors are left then.
async fn watch(db: &Db, users: &[String], vectors_too: bool) -> Result<i64> {
    let progress = indicatif::ProgressBar::new(0).with_style(
        indicatif::ProgressStyle::with_template("{bar:40} {pos} of {len} {msg}")?,
    );
    let (mut before, mut moved) = (i64::MAX, Instant::now());
    let left = loop {
        let (mut marks, mut vectors) = (0, 0);
        for uid in users {
            let waiting = search::backlog_of(db, uid).await?;
            marks += waiting.0;
            vectors += waiting.1;
        }
        let vectors = if vectors_too { vectors } else { 0 };
        let all = marks + vectors;
        if all != before {
            (before, moved) = (all, Instant::now());
        }
        let most = progress
            .length()
            .unwrap_or_default()
            .max(all.unsigned_abs());
        progress.set_length(most);
        progress.set_position(most - all.unsigned_abs());
        progress.set_message(if marks > 0 { "words" } else { "vectors" });
        if all == 0 || (marks == 0 && moved.elapsed() > STILL) {
            break vectors;
        }
        // Words are taken in here where no server runs; a server that does leaves nothing to do.
        if marks > 0 {
            for uid in users {
                search::take_in(db, uid).await?;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    progress.finish_and_clear();
    Ok(left)
}
