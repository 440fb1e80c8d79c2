//! `omi-server openapi`

use anyhow::Result;
use clap::Args;

use super::{Usage, say};
use crate::surfaces::router;

#[derive(Args)]
pub struct Arguments {
    /// developer, integration, user or mcp.
    #[arg(long, default_value = "developer")]
    surface: String,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let documents = router::documents();
    let Some((_, document)) = documents
        .iter()
        .find(|(name, _)| *name == arguments.surface)
    else {
        let names: Vec<_> = documents.iter().map(|(name, _)| *name).collect();
        return Err(Usage(format!(
            "--surface {:?} is unknown; use one of: {}",
            arguments.surface,
            names.join(", ")
        ))
        .into());
    };
    say(document.to_pretty_json()?)
}
