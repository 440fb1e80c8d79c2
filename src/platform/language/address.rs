//! Where a language model is, however the operator writes it.

use reqwest::Url;

use crate::platform::endpoints;

/// The address of chat completions, from a base with or without a version, or from the address itself.
pub fn endpoint(url: &str) -> anyhow::Result<Url> {
    let schemes = ["http", "https"];
    endpoints::address(url, "/chat/completions", &schemes, "llm.api_key")
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
