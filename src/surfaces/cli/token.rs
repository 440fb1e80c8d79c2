//! `omi-server token`

use anyhow::Result;
use clap::Subcommand;

use super::{account, say, with_database};
use crate::{
    config::Config,
    features::credentials::{self, Kind, NewCredential},
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
        let new = NewCredential {
            uid: &uid,
            kind: Kind::User,
            name: "command line",
            scopes: None,
            app: None,
        };
        Ok(credentials::create(&database.pool, new).await?.secret)
    })
    .await?;
    say(token)
}
