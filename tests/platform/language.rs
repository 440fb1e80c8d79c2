//! The language model: what `doctor` says of it, and a small real one over HTTP from end to end. What it answers makes
//! no sense; that it answers in the right shape, in pieces and counted, is what is looked at.

use std::{process::Output, time::Duration};

use futures_util::StreamExt as _;
use omi_server::platform::language::{Language, LanguageError, Message, Settings};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::support::clients::LanguageServer;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Work,
    Home,
    Other,
}

/// What a conversation is. Nothing in it can grow: the model would go on for ever.
#[allow(dead_code)]
#[derive(Debug, Deserialize, JsonSchema)]
struct Sorted {
    kind: Kind,
    /// Whether it has to be done soon.
    urgent: bool,
    second: Option<Kind>,
}

fn settings(url: &str) -> Settings {
    Settings {
        url: url.into(),
        api_key: String::new().into(),
        model: "smollm2".into(),
        timeout: Duration::from_secs(120),
        idle: Duration::from_secs(60),
        max_concurrent: 2,
        max_concurrent_per_user: 2,
        tokens_per_day_per_user: 0,
        context_characters: 2000,
    }
}

/// `doctor` without a server, a database or a speech model.
async fn doctor(folder: &tempfile::TempDir, llm: &[(&str, &str)]) -> (Output, String) {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_omi-server"))
        .arg("doctor")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder.path())
        .env("OMI_DATA_DIR", folder.path().join("data"))
        .envs(llm.iter().copied())
        .current_dir(folder.path())
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let line = text
        .lines()
        .find(|line| line.contains(" language "))
        .unwrap_or_else(|| panic!("no line about the language model: {output:?}"))
        .to_string();
    (output, line)
}

#[tokio::test]
async fn doctor_says_what_to_do_about_the_language_model() {
    let folder = tempfile::tempdir().unwrap();
    let (output, line) = doctor(&folder, &[]).await;
    assert!(
        line.starts_with("ok ") && line.contains("rule engine"),
        "{line}"
    );
    assert!(output.status.success());
    let key = ("OMI_LLM__API_KEY", "sk-secret");
    let (_, line) = doctor(
        &folder,
        &[
            ("OMI_LLM__URL", "http://127.0.0.1:9"),
            ("OMI_LLM__MODEL", "m"),
            key,
        ],
    )
    .await;
    assert!(
        line.starts_with("warn ") && line.contains("127.0.0.1:9"),
        "{line}"
    );
    assert!(!line.contains("sk-secret"), "{line}");
}

#[tokio::test]
async fn a_real_model_answers_over_http() {
    // Where `make test` installs one.
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = LanguageServer::start(folder.path()).await;
    let language = Language::new(settings(&server.url)).unwrap();

    let sorted: Sorted = language
        .ask(
            "ann",
            "sort",
            "Sort this.",
            "I have to call the plumber today.",
        )
        .await
        .unwrap();
    println!("{sorted:?}");

    // The endpoint's own count is taken.
    let mut frugal = settings(&server.url);
    frugal.tokens_per_day_per_user = 10;
    let frugal = Language::new(frugal).unwrap();
    let hello = [Message::user("Say hello.")];
    assert!(
        !frugal
            .write("ann", "title", &hello)
            .await
            .unwrap()
            .is_empty()
    );
    let again = frugal.write("ann", "title", &hello).await;
    assert!(
        matches!(again, Err(LanguageError::OverBudget { .. })),
        "{again:?}"
    );

    let question = [Message::user("What is the capital of France?")];
    let words = language.stream("bob", "chat", &question).await.unwrap();
    let pieces: Vec<String> = words.map(Result::unwrap).collect().await;
    println!("{pieces:?}");
    assert!(pieces.len() > 1, "{pieces:?}");
    assert!(!pieces.concat().trim().is_empty());

    let (output, line) = doctor(
        &folder,
        &[
            ("OMI_LLM__URL", server.url.as_str()),
            ("OMI_LLM__MODEL", "smollm2"),
        ],
    )
    .await;
    assert!(
        line.starts_with("ok ") && line.ends_with("answers"),
        "{line}"
    );
    assert!(output.status.success());
}
