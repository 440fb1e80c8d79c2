//! Logs on stderr, and the recorder behind `/metrics`.

use std::io::IsTerminal as _;

use anyhow::{Context as _, Result};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// What libraries tell that no operator needs or no log should hold (rmcp: session ids); a filter that names them wins.
const QUIET: &str =
    "graphile_worker=warn,graphile_worker_migrations=warn,sqlx::postgres::notice=warn,rmcp=error";

/// Installs the log subscriber. `filter` in tracing's syntax.
pub fn start_logs(filter: &str, json: bool) -> Result<()> {
    let filter = EnvFilter::try_new(format!("{QUIET},{filter}"))
        .with_context(|| format!("log: {filter:?} is no filter"))?;
    let registry = tracing_subscriber::registry().with(filter);
    let result = if json {
        registry
            .with(fmt::layer().json().with_writer(std::io::stderr))
            .try_init()
    } else {
        registry
            .with(
                fmt::layer()
                    .with_ansi(std::io::stderr().is_terminal())
                    .with_writer(std::io::stderr),
            )
            .try_init()
    };
    result.context("logging was started twice")
}

pub fn start_metrics() -> Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets(&[
            0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0,
        ])?
        .install_recorder()
        .context("metrics were started twice")
}

/// An error and its causes as one sentence; a cause that the text before it already quotes is left out.
pub fn describe(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the file is lost: {source}")]
    struct Lost {
        source: std::io::Error,
    }

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow::Error::new(Lost {
            source: std::io::Error::other("the disk is gone"),
        });
        assert_eq!(describe(&error), "the file is lost: the disk is gone");
        let error = error.context("nothing works");
        assert_eq!(
            describe(&error),
            "nothing works: the file is lost: the disk is gone"
        );
    }
}
