//! Where an endpoint is, however the operator writes it.

use anyhow::{Context as _, bail};
use reqwest::Url;

/// The address of chat completions, from a base with or without a version, or from the address itself.
pub fn endpoint(url: &str) -> anyhow::Result<Url> {
    // What a URL could hold besides is not for error messages.
    let mut parsed = Url::parse(url.trim()).context("it is no URL")?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        bail!("it must start with http:// or https:// and name a host");
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        bail!("it must hold no user and password; the key goes into llm.api_key");
    }
    parsed.set_fragment(None);
    let path = parsed.path().trim_end_matches('/').to_string();
    let versioned = path.split('/').any(|part| {
        part.strip_prefix('v')
            .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    });
    let path = if path.ends_with("/chat/completions") {
        path
    } else if versioned {
        format!("{path}/chat/completions")
    } else {
        format!("{path}/v1/chat/completions")
    };
    parsed.set_path(&path);
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn an_address_may_be_given_in_any_usual_way() {
        for (given, wanted) in [
            (
                "http://127.0.0.1:11434",
                "http://127.0.0.1:11434/v1/chat/completions",
            ),
            (
                "http://127.0.0.1:11434/",
                "http://127.0.0.1:11434/v1/chat/completions",
            ),
            (
                " http://127.0.0.1:11434/v1 ",
                "http://127.0.0.1:11434/v1/chat/completions",
            ),
            ("http://host/v1/", "http://host/v1/chat/completions"),
            (
                "https://host/v1/chat/completions",
                "https://host/v1/chat/completions",
            ),
            (
                "https://host/api/chat/completions/",
                "https://host/api/chat/completions",
            ),
            (
                "https://host/v1beta/openai/",
                "https://host/v1beta/openai/chat/completions",
            ),
            (
                "https://host/openai",
                "https://host/openai/v1/chat/completions",
            ),
            (
                "https://host/v1?version=2#x",
                "https://host/v1/chat/completions?version=2",
            ),
        ] {
            assert_eq!(endpoint(given).unwrap().as_str(), wanted);
        }
        for wrong in [
            "",
            "localhost:11434",
            "ftp://host/v1",
            "http://",
            "http://me:secret@host/v1",
        ] {
            let error = format!("{:#}", endpoint(wrong).unwrap_err());
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
