//! `omi-server migrate`

use anyhow::Result;

use super::{prepare_data_dir, say, source};
use crate::{config::Config, platform::database};

pub async fn run(config: &Config) -> Result<()> {
    let data_dir = prepare_data_dir(config)?;
    let database = source(config, &data_dir).open_beside().await?;
    let applied = database::migrate(&database.pool).await;
    database.close().await;
    say(format_args!(
        "{} migrations applied; the schema is up to date",
        applied?
    ))
}
