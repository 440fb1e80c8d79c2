//! Endpoints elsewhere: where they are, however the operator writes it, and their own words without the key.

use anyhow::{Context as _, bail};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

/// Characters of an endpoint's own words that are told.
const TOLD: usize = 200;

/// The address that ends with `path`, from a base with or without a version, or from the address itself. `schemes` are
/// those that it may have; `key` is where the key belongs, for messages.
pub fn address(given: &str, path: &str, schemes: &[&str], key: &str) -> anyhow::Result<Url> {
    // What a URL could hold besides is not for error messages.
    let mut url = Url::parse(given.trim()).context("it is no URL")?;
    if !schemes.contains(&url.scheme()) || url.host_str().is_none() {
        bail!("it must start with http:// or https:// and name a host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        bail!("it must hold no user and password; the key goes into {key}");
    }
    url.set_fragment(None);
    let base = url.path().trim_end_matches('/').to_owned();
    let versioned = base.split('/').any(|part| {
        part.strip_prefix('v')
            .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    });
    let full = if base.ends_with(path) {
        base
    } else if versioned {
        format!("{base}{path}")
    } else {
        format!("{base}/v1{path}")
    };
    url.set_path(&full);
    Ok(url)
}

/// The body of an answer that has `most` bytes at most.
pub async fn body(mut answer: reqwest::Response, most: usize) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if body.len() + piece.len() > most {
            bail!("the answer is larger than {most} bytes");
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// One short line, without the key.
pub fn told(text: &str, key: &SecretString) -> String {
    let text = match key.expose_secret() {
        "" => text.to_owned(),
        key => text.replace(key, "…"),
    };
    let words: Vec<&str> = text.split_whitespace().take(TOLD).collect();
    let line: String = words
        .join(" ")
        .chars()
        .filter(|character| !character.is_control())
        .take(TOLD)
        .collect();
    line.trim_end_matches(['.', ';', ' ']).to_owned()
}
