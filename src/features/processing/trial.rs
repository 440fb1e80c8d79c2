//! A prompt of the user's own, tried on one conversation.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::Handles,
    error::{Error, Result},
    features::{conversations, credentials::Caller, lenient},
    platform::language::LanguageError,
};

/// Longest prompt, in characters.
pub const MAXIMUM_PROMPT: usize = 10_000;

/// What a prompt makes of a conversation.
#[derive(Deserialize, JsonSchema)]
struct TrialAnswer {
    /// What the task asks for.
    summary: String,
}

/// What the language model answers to a prompt about what was said, without who said it. Nothing is stored.
pub async fn try_prompt(app: &Handles, caller: &Caller, id: Uuid, prompt: &str) -> Result<String> {
    let prompt = lenient::text("prompt", prompt, MAXIMUM_PROMPT)?;
    let conversation = conversations::get(&app.db, &caller.uid, id).await?;
    let said = conversation.transcript_segments.iter();
    let said: Vec<_> = said.map(|segment| segment.text.trim()).collect();
    let mut text = said.join("\n");
    if text.trim().is_empty() {
        let brought = conversation.external_data.as_ref();
        let brought = brought.and_then(|data| data["text"].as_str());
        text = brought.unwrap_or_default().into();
    }
    if text.trim().is_empty() {
        return Err(Error::BadRequest(
            "Conversation has no text content to summarize.".into(),
        ));
    }
    let Some(language) = &app.language else {
        return Err(Error::Conflict(
            "There is no language model on this server that could try a prompt: OMI_LLM__URL names one.".into(),
        ));
    };
    let task = format!(
        "Do with the transcript of a conversation what this task asks for.\n\n# Task\n{prompt}"
    );
    let asked = language.ask::<TrialAnswer>(&caller.uid, "test_prompt", &task, &text);
    match asked.await {
        Ok(answer) => Ok(answer.summary),
        Err(LanguageError::OverBudget { resets_in }) => Err(Error::RateLimited {
            limit: "tokens of the language model per day".into(),
            retry_after: seconds(resets_in),
        }),
        Err(error) => Err(Error::Unavailable(error.to_string())),
    }
}

fn seconds(wait: Duration) -> i64 {
    i64::try_from(wait.as_secs() + 1).unwrap_or(i64::MAX)
}
