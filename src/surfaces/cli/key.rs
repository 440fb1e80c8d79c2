//! `omi-server key`

use anyhow::Result;
use clap::{Subcommand, ValueEnum};

use super::{Usage, account, say, with_database};
use crate::{
    config::Config,
    features::credentials::{self, Kind, NewCredential, Scope},
};

#[derive(Subcommand)]
pub enum Command {
    /// Create a key; prints it, once.
    Create {
        #[arg(long)]
        email: String,
        #[arg(long)]
        kind: KeyKind,
        /// What the key is for, as lists show it.
        #[arg(long)]
        name: String,
        /// Of a developer key: `all`, or names such as memories:read,memories:write. Left out: read only.
        #[arg(long, value_name = "all|a,b,…")]
        scopes: Option<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum KeyKind {
    /// For the Developer API.
    Developer,
    /// For AI assistants.
    Mcp,
}

pub async fn run(config: &Config, command: Command) -> Result<()> {
    let Command::Create {
        email,
        kind,
        name,
        scopes,
    } = command;
    let kind = match kind {
        KeyKind::Developer => Kind::Developer,
        KeyKind::Mcp => Kind::Mcp,
    };
    if kind == Kind::Mcp && scopes.as_deref().is_some_and(|scopes| scopes != "all") {
        let text = "--scopes: a key for assistants has no scopes; leave them out";
        return Err(Usage(text.into()).into());
    }
    let scopes = scopes.map(|text| read_scopes(&text)).transpose()?;
    let secret = with_database(config, async |database| {
        let uid = account(database, &email).await?;
        let new = NewCredential {
            uid: &uid,
            kind,
            name: &name,
            scopes,
            app: None,
        };
        Ok(credentials::create(&database.pool, new).await?.secret)
    })
    .await?;
    say(secret)
}

fn read_scopes(text: &str) -> Result<Vec<Scope>, Usage> {
    if text == "all" {
        return Ok(Scope::ALL.to_vec());
    }
    text.split(',')
        .map(|name| {
            name.trim()
                .parse()
                .map_err(|error: String| Usage(format!("--scopes {name:?}: {error}")))
        })
        .collect()
}
