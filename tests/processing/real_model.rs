//! A small real language model drives the whole pipeline and an answer, over HTTP. What it says makes no sense: looked at is
//! that nothing is stuck or lost, that what is stored has its shape, and that its words arrive.

use std::time::Duration;

use serde_json::json;

use super::{CONVERSATIONS, conversation, settled};
use crate::{
    api::app::chat,
    support::{Server, ServerOptions, clients::LanguageServer},
};

#[tokio::test]
async fn a_small_real_model_goes_all_the_way() {
    // Where `make test` installs one.
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let model = LanguageServer::start(folder.path()).await;
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: vec![
            ("OMI_LLM__URL", model.url.clone()),
            ("OMI_LLM__MODEL", "smollm2".into()),
            // It rambles: what takes longer is for the rules.
            ("OMI_LLM__TIMEOUT_SECONDS", "20".into()),
            ("OMI_LLM__CONTEXT_CHARACTERS", "2000".into()),
        ],
        ..ServerOptions::default()
    })
    .await;
    let ann = server.user("ann@example.org").await;
    let body = json!({"text": "I live in Lisbon. Remind me to call the plumber."});
    let made = server
        .post(CONVERSATIONS, &ann.developer_key, body)
        .await
        .ok();
    let id = made["id"].as_str().unwrap();
    let steps = settled(&server, &ann, id, Duration::from_secs(240)).await;
    println!("{steps:#?}");
    assert!(
        steps
            .iter()
            .all(|step| step["state"] == "done" || step["state"] == "skipped"),
        "{steps:#?}"
    );
    let found = conversation(&server, &ann, id).await;
    assert_eq!(found["status"], "completed");
    let title = found["structured"]["title"].as_str().unwrap();
    assert!(!title.is_empty() && title.chars().count() <= 200, "{title}");

    let told = chat::ask(&server, &ann, "Where do I live?").await;
    let message = told.message();
    println!("{message:#}");
    chat::assert_message(message, "ai");
    assert!(!told.final_text().trim().is_empty());

    let metrics = server.get("/metrics", "").await;
    let counted = metrics
        .body
        .as_str()
        .unwrap()
        .lines()
        .any(|line| line.starts_with("omi_language_tokens_total") && !line.ends_with(" 0"));
    assert!(counted, "{metrics:#?}");
}
