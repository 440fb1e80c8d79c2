//! `omi-server doctor`

use std::process::ExitCode;

use anyhow::Result;

use super::{prepare_data_dir, source};
use crate::{
    config::Config,
    surfaces::operations::{self, CheckState},
};

pub async fn run(config: &Config) -> Result<ExitCode> {
    let data_dir = prepare_data_dir(config)?;
    // Looks only: a private database that does not run is not started for it.
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
        println!("{word:<5} {:<11} {}", check.name, check.message);
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
