//! `omi-server token`

use anyhow::Result;
use clap::Subcommand;

use super::{account, say, with_database};
use crate::{
    config::Config,
    features::credentials::{self, Kind},
};

#[derive(Subcommand)]
pub enum Command {
    /// Create a user access token; prints it, once.
    Create {
        #[arg(long)]
        email: String,
    },
}

pub async fn run(config: &Config, command: Command) -> Result<()> {
    let Command::Create { email } = command;
    let token = with_database(config, async |database| {
        let uid = account(database, &email).await?;
        Ok(
            credentials::create(&database.pool, &uid, Kind::User, "command line", None)
                .await?
                .secret,
        )
    })
    .await?;
    say(token)
}
