//! Where a request comes from, behind proxies that are trusted.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, request::Parts},
};
use ipnet::IpNet;

use crate::app::App;

/// The address of whoever sends the request.
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.0.ip());
        let trusted = &app.config.trusted_proxies.0;
        Ok(Self(of(peer.to_canonical(), &parts.headers, trusted)))
    }
}

/// The address that connected; of a trusted proxy, the last address in `X-Forwarded-For` that is no trusted proxy.
fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let believed = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    if !believed(&peer) {
        return peer;
    }
    let mut nearest = peer;
    for value in headers.get_all("x-forwarded-for").iter().rev() {
        // What cannot be read ends what can be believed.
        let Ok(list) = value.to_str() else {
            return nearest;
        };
        for hop in list.rsplit(',') {
            let Some(address) = address(hop.trim()) else {
                return nearest;
            };
            nearest = address;
            if !believed(&nearest) {
                return nearest;
            }
        }
    }
    nearest
}

/// An address, as some proxies write it with a port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let plain = text.parse().ok();
    Some(
        plain
            .or_else(with_port)
            .or_else(in_brackets)?
            .to_canonical(),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::HeaderValue;

    fn told(peer: &str, forwarded: &[&str]) -> String {
        let peer: IpAddr = peer.parse().unwrap();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(
                "x-forwarded-for",
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        of(peer.to_canonical(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(told("203.0.113.7", &["198.51.100.1"]), "203.0.113.7");
        assert_eq!(told("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(told("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        // What a client put in front of what the proxies saw does not count.
        assert_eq!(
            told("::1", &["1.2.3.4, 198.51.100.1, 10.0.0.9"]),
            "198.51.100.1"
        );
        assert_eq!(
            told("::1", &["1.2.3.4", "198.51.100.1", "10.0.0.9"]),
            "198.51.100.1"
        );
        assert_eq!(told("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(told("10.0.0.1", &["nobody"]), "10.0.0.1");
        assert_eq!(told("10.0.0.1", &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(told("10.0.0.1", &["[2001:db8::7]:80"]), "2001:db8::7");
        assert_eq!(told("10.0.0.1", &["198.51.100.1", "\u{ff}"]), "10.0.0.1");
    }
}
