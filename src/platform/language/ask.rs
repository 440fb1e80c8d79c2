//! Typed answers: the shape is asked for as strictly as the endpoint allows, always checked, and once asked for again.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Fence, Format, Language, LanguageError, Message, Result,
    limits::For,
    measure::{self, Meter},
    messages::{estimated_tokens, fit},
    shape::Shape,
    wire::{Completion, Usage},
};

/// Characters of a wrong answer that the model is shown again.
const SHOWN_AGAIN: usize = 8000;

impl Language {
    /// Follows `instructions` on `material`, which may be anybody's text and is longer than
    /// [`context_characters`](Self::context_characters) only to be cut. `who` is whose limits count, `task` a name for metrics.
    ///
    /// Doc comments of `T` and its fields are told to the model. A bound in its schema makes a longer answer invalid:
    /// what should be cut instead is cut by the caller. Each of at most two requests may take the whole time-out.
    pub async fn ask<T: DeserializeOwned + JsonSchema>(
        &self,
        who: &str,
        task: &'static str,
        instructions: &str,
        material: &str,
    ) -> Result<T> {
        let material = fit(material, self.0.context_characters);
        self.ask_with((who, For::Jobs), task, instructions, |fence| {
            Message::user(fence.wrap(&material))
        })
        .await
    }

    /// The same about a picture, of a model that can see.
    pub async fn look<T: DeserializeOwned + JsonSchema>(
        &self,
        who: &str,
        task: &'static str,
        instructions: &str,
        jpeg: &[u8],
    ) -> Result<T> {
        self.ask_with((who, For::Somebody), task, instructions, |fence| {
            Message::user(fence.wrap("The picture.")).with_jpeg(jpeg)
        })
        .await
    }

    async fn ask_with<T: DeserializeOwned + JsonSchema>(
        &self,
        who: (&str, For),
        task: &'static str,
        instructions: &str,
        material: impl FnOnce(&Fence) -> Message,
    ) -> Result<T> {
        let mut meter = Meter::start(task);
        let asked = self.ask_unmeasured(who, task, instructions, material).await;
        meter.end(&asked);
        asked
    }

    async fn ask_unmeasured<T: DeserializeOwned + JsonSchema>(
        &self,
        (who, whom): (&str, For),
        task: &'static str,
        instructions: &str,
        material: impl FnOnce(&Fence) -> Message,
    ) -> Result<T> {
        let shape = Shape::of::<T>().map_err(|error| {
            LanguageError::Invalid(format!("the answer cannot be described: {error}"))
        })?;
        let fence = Fence::default();
        let mut messages = vec![
            Message::system(format!(
                "{instructions}\n\n{}\n\nAnswer with one JSON object and nothing else. It must fit this JSON Schema:\n{}",
                fence.rule(),
                shape.schema
            )),
            material(&fence),
        ];
        let _place = self.0.limits.admit(who, whom).await?;
        let first = self.turn(who, task, &messages, Some(&shape)).await?;
        let complaint = match shape.read(&first) {
            Ok(answer) => return Ok(answer),
            Err(complaint) => complaint,
        };
        tracing::debug!(
            task,
            place = complaint.place,
            "the model is asked to repair its answer"
        );
        messages.push(Message::assistant(fit(&first, SHOWN_AGAIN)));
        messages.push(Message::user(format!(
            "That answer cannot be used: {}. Answer again, with one JSON object that fits the schema and nothing else.",
            complaint.told
        )));
        let second = self.turn(who, task, &messages, Some(&shape)).await?;
        shape.read(&second).map_err(|complaint| {
            LanguageError::Invalid(format!("it does not fit its schema ({})", complaint.place))
        })
    }

    /// One request, without a refused field if need be. The caller holds a place.
    pub(super) async fn turn(
        &self,
        who: &str,
        task: &'static str,
        messages: &[Message],
        shape: Option<&Shape>,
    ) -> Result<String> {
        let inner = &self.0;
        let estimated = prompt_tokens(messages);
        let spending = inner.limits.spend(who, estimated)?;
        let deadline = Instant::now() + inner.wire.timeout;
        let formats = match shape {
            Some(_) => inner.dialect.formats(),
            None => &[Format::Words],
        };
        let mut refused_for_good = true;
        for format in formats {
            let mut body = json!({"model": inner.wire.model(), "messages": messages});
            if let Some(format) = shape.and_then(|shape| response_format(*format, task, shape)) {
                body["response_format"] = format;
            }
            match inner.wire.complete(&body, deadline).await {
                Ok(Completion { text, usage }) => {
                    if shape.is_some() && refused_for_good {
                        inner.dialect.learn(*format);
                    }
                    let usage = usage.unwrap_or_else(|| Usage {
                        prompt_tokens: estimated,
                        completion_tokens: text
                            .as_ref()
                            .map_or(0, |text| estimated_tokens(text.chars().count())),
                    });
                    measure::tokens(task, usage.prompt_tokens, usage.completion_tokens);
                    spending.settle(usage.prompt_tokens.saturating_add(usage.completion_tokens));
                    return text;
                }
                Err(failure) => match failure.form {
                    Some(status) if *format != Format::Words => {
                        refused_for_good &= status.is_client_error() || status.as_u16() == 501;
                    }
                    _ => {
                        if failure.unspent {
                            spending.settle(0);
                        }
                        return Err(failure.error);
                    }
                },
            }
        }
        Err(inner.wire.no_completion())
    }
}

pub(super) fn prompt_tokens(messages: &[Message]) -> u64 {
    let characters = messages
        .iter()
        .map(|message| message.content.chars().count())
        .sum();
    estimated_tokens(characters)
}

fn response_format(format: Format, task: &str, shape: &Shape) -> Option<Value> {
    match format {
        Format::Schema => {
            let name: String = task
                .chars()
                .map(|character| match character {
                    'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' => character,
                    _ => '_',
                })
                .take(64)
                .collect();
            Some(json!({
                "type": "json_schema",
                "json_schema": {"name": name, "strict": shape.strict, "schema": shape.strict_schema},
            }))
        }
        Format::Object => Some(json!({"type": "json_object"})),
        Format::Words => None,
    }
}
