//! `omi-server user`

use std::io::Read as _;

use anyhow::{Context as _, Result, anyhow};
use clap::Subcommand;

use super::{say, with_database};
use crate::{
    config::Config,
    features::accounts::{self, NewUser},
    platform::{secrets, telemetry},
};

#[derive(Subcommand)]
pub enum Command {
    /// Create an account; prints its uid and, if one was generated, the password.
    Create {
        #[arg(long)]
        email: String,
        #[arg(long, default_value = "")]
        name: String,
        /// IANA name, for example Europe/Berlin; UTC if left out.
        #[arg(long, value_name = "ZONE")]
        time_zone: Option<String>,
        /// Read the password from standard input instead of generating one.
        #[arg(long)]
        password_stdin: bool,
    },
}

pub async fn run(config: &Config, command: Command) -> Result<()> {
    let Command::Create {
        email,
        name,
        time_zone,
        password_stdin,
    } = command;
    let password = if password_stdin {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("the password could not be read from standard input")?;
        text.trim_end_matches(['\r', '\n']).to_string()
    } else {
        secrets::random_hex(12)
    };
    let new = NewUser {
        email,
        name,
        time_zone,
        password: password.clone(),
    };
    let uid = with_database(config, async |database| {
        Ok(accounts::create(&database.pool, new).await?)
    })
    .await?;
    if password_stdin {
        return say(uid);
    }
    // The account stands: nobody could get in if its password were lost now.
    say(format_args!("{uid}\n{password}")).map_err(|error| {
        anyhow!(
            "{}; the account was made all the same: its uid is {uid}, its password {password}",
            telemetry::describe(&error)
        )
    })
}
