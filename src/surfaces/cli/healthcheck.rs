//! `omi-server healthcheck`

use std::{net::IpAddr, process::ExitCode, time::Duration};

use anyhow::Result;

use crate::config::Config;

pub async fn run(config: &Config) -> Result<ExitCode> {
    let mut address = config.bind;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(_) => IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
        });
    }
    // It asks this very server and nobody else.
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(5))
        .build()?;
    let ready = match client.get(format!("http://{address}/readyz")).send().await {
        Ok(response) => response.status() == reqwest::StatusCode::OK,
        Err(_) => false,
    };
    Ok(if ready {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
