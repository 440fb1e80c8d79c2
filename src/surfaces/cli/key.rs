//! `omi-server key`

use anyhow::Result;
use clap::{Subcommand, ValueEnum};
use uuid::Uuid;

use super::{Usage, account, say, with_database};
use crate::{
    config::Config,
    features::credentials::{self, Kind, Known, NewCredential, Scope, Which},
    platform::outbox::Outbox,
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
    /// List the keys and access tokens of an account, newest first: id, kind, what is shown of it, name.
    List {
        #[arg(long)]
        email: String,
    },
    /// End a key or access token, at once.
    Revoke {
        #[arg(long)]
        email: String,
        /// As `key list` shows it.
        #[arg(long)]
        id: Uuid,
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
    match command {
        Command::Create {
            email,
            kind,
            name,
            scopes,
        } => create(config, &email, kind, &name, scopes).await,
        Command::List { email } => list(config, &email).await,
        Command::Revoke { email, id } => revoke(config, &email, id).await,
    }
}

async fn create(
    config: &Config,
    email: &str,
    kind: KeyKind,
    name: &str,
    scopes: Option<String>,
) -> Result<()> {
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
        let uid = account(database, email).await?;
        let new = NewCredential {
            uid: &uid,
            kind,
            name,
            scopes,
            app: None,
        };
        Ok(credentials::create(&database.pool, new).await?.secret)
    })
    .await?;
    say(secret)
}

async fn list(config: &Config, email: &str) -> Result<()> {
    let keys = with_database(config, async |database| {
        let uid = account(database, email).await?;
        Ok(credentials::list_all(&database.pool, &uid).await?)
    })
    .await?;
    for (kind, key) in keys {
        say(format_args!(
            "{}  {kind:<9}  {}  {}",
            key.id, key.prefix, key.name
        ))?;
    }
    Ok(())
}

async fn revoke(config: &Config, email: &str, id: Uuid) -> Result<()> {
    with_database(config, async |database| {
        let uid = account(database, email).await?;
        // A running server hears of it through the database.
        let (outbox, known) = (Outbox::new(&[]), Known::default());
        let (db, any) = (&database.pool, Which::Any);
        if credentials::revoke(db, &outbox, &known, &uid, any, id).await? {
            return Ok(());
        }
        anyhow::bail!(
            "{} has no key {id}; `omi-server key list --email {}` shows them",
            email.trim(),
            email.trim()
        )
    })
    .await
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
