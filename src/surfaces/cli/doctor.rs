//! `omi-server doctor`

use std::process::ExitCode;

use anyhow::Result;

use super::{say, source};
use crate::{
    config::Config,
    surfaces::operations::{self, CheckState},
};

pub async fn run(config: &Config) -> Result<ExitCode> {
    // Looks only: it makes no folder, and a private database that does not run is not started.
    let data_dir = config.data_dir()?;
    let opened = source(config, &data_dir).open_if_running().await;
    let checks = operations::checks(config, &data_dir, opened.as_ref().map(Option::as_ref)).await;
    let mut failed = false;
    for check in checks {
        let word = match check.state {
            CheckState::Ok => "ok",
            CheckState::Warn => "warn",
            CheckState::Fail => "fail",
        };
        failed |= check.state == CheckState::Fail;
        say(format_args!(
            "{word:<5} {:<11} {}",
            check.name, check.detail
        ))?;
    }
    if let Ok(Some(database)) = opened {
        database.close().await;
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
