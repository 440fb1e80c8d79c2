//! `omi-server app`

use anyhow::{Result, anyhow};
use clap::Subcommand;
use uuid::Uuid;

use super::{Usage, account, say, with_database};
use crate::{
    config::Config,
    error::Error,
    features::apps::{self, ActionName, NewApp},
    platform::ids,
};

#[derive(Subcommand)]
pub enum Command {
    /// Create an app of an account; prints its id.
    Create {
        /// The owner.
        #[arg(long)]
        email: String,
        #[arg(long)]
        name: String,
        /// What it may do for users who enable it: create_conversation, create_memories, read_conversations,
        /// read_memories, read_tasks.
        #[arg(long, value_name = "a,b,…")]
        actions: Option<String>,
        #[arg(long, default_value = "")]
        description: String,
        /// Only the owner can see and enable it.
        #[arg(long)]
        private: bool,
    },
    /// Create a key for the import API; prints it, once.
    Key {
        #[arg(long = "app", value_name = "ID")]
        id: String,
    },
    /// Let an app read and write for an account.
    Enable {
        #[arg(long = "app", value_name = "ID")]
        id: String,
        #[arg(long)]
        email: String,
    },
    /// Shut an app out of an account again.
    Disable {
        #[arg(long = "app", value_name = "ID")]
        id: String,
        #[arg(long)]
        email: String,
    },
    /// The apps of an account: id, name, actions.
    List {
        #[arg(long)]
        email: String,
    },
}

pub async fn run(config: &Config, command: Command) -> Result<()> {
    match command {
        Command::Create {
            email,
            name,
            actions,
            description,
            private,
        } => {
            let new = NewApp {
                name,
                description,
                actions: actions.map_or(Ok(Vec::new()), |text| read_actions(&text))?,
                private,
            };
            let app = with_database(config, async |database| {
                let uid = account(database, &email).await?;
                Ok(apps::create(&database.pool, &uid, ids::new(), new).await?)
            })
            .await?;
            say(app.id)
        }
        Command::Key { id } => {
            let secret = with_database(config, async |database| {
                let db = &database.pool;
                let app = known(&id, apps::find(db, read_id(&id)?).await)?;
                Ok(apps::create_key(db, &app.uid, app.id).await?.secret)
            })
            .await?;
            say(secret)
        }
        Command::Enable { id, email } => {
            with_database(config, async |database| {
                let uid = account(database, &email).await?;
                known(&id, apps::enable(&database.pool, &uid, read_id(&id)?).await)
            })
            .await
        }
        Command::Disable { id, email } => {
            with_database(config, async |database| {
                let uid = account(database, &email).await?;
                let done = apps::disable(&database.pool, &uid, read_id(&id)?).await;
                done.map_err(|error| match error {
                    Error::NotFound(_) => anyhow!(
                        "{} has not enabled the app {id}; nothing was changed",
                        email.trim()
                    ),
                    error => error.into(),
                })
            })
            .await
        }
        Command::List { email } => {
            let owned = with_database(config, async |database| {
                let uid = account(database, &email).await?;
                Ok(apps::owned(&database.pool, &uid).await?)
            })
            .await?;
            for app in owned {
                say(format_args!(
                    "{}  {}  {}",
                    app.id,
                    app.name,
                    app.actions.join(",")
                ))?;
            }
            Ok(())
        }
    }
}

fn read_actions(text: &str) -> Result<Vec<ActionName>, Usage> {
    text.split(',')
        .map(|name| {
            name.trim()
                .parse()
                .map_err(|error: String| Usage(format!("--actions {name:?}: {error}")))
        })
        .collect()
}

fn read_id(text: &str) -> Result<Uuid> {
    text.trim().parse().map_err(|_| absent(text))
}

fn known<T>(id: &str, found: Result<T, Error>) -> Result<T> {
    found.map_err(|error| match error {
        Error::NotFound(_) => absent(id),
        error => error.into(),
    })
}

fn absent(id: &str) -> anyhow::Error {
    anyhow!(
        "there is no app {id:?} for this account; `omi-server app list --email …` shows an owner's apps, `omi-server app create` makes one"
    )
}
