//! Words as they come.

use std::{collections::VecDeque, fmt, pin::Pin, task};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream::BoxStream};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::{
    LONGEST_ANSWER, Language, LanguageError, Message, Result,
    ask::prompt_tokens,
    limits::{For, Place, Spending},
    measure::{self, Meter},
    messages::{bounded, estimated_tokens},
    sse::Events,
    wire::{Usage, text_of},
};

/// A whole stream takes this many time-outs at most.
const LONGEST_STREAM: u32 = 10;

/// Pieces of an answer. Ends after the last one; an error, if any, is the last item, after all that came before it.
pub struct Words(BoxStream<'static, Result<String>>);

impl Stream for Words {
    type Item = Result<String>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> task::Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words")
    }
}

impl Language {
    /// Begins an answer to `messages`, for somebody who waits. Where they are longer than [`context_characters`](Self::context_characters)
    /// together, the oldest that are no instructions are left out. Material belongs into a [`Fence`](super::Fence).
    /// The place among the running requests is kept until the stream ends or is dropped.
    pub async fn stream(
        &self,
        who: &str,
        task: &'static str,
        messages: &[Message],
    ) -> Result<Words> {
        let mut meter = Meter::start(task);
        match self.begin(who, task, messages).await {
            Ok((body, open)) => {
                let reading = Reading {
                    language: self.clone(),
                    body,
                    events: Events::default(),
                    whole: None,
                    ready: VecDeque::new(),
                    end: None,
                    patience: Instant::now() + self.0.wire.timeout,
                    deadline: Instant::now() + self.0.wire.timeout * LONGEST_STREAM,
                    received: 0,
                    begun: false,
                    characters: 0,
                    understood: false,
                    finished: false,
                    usage: None,
                    open: Some(open),
                    meter,
                };
                let words = futures_util::stream::unfold(reading, async |mut reading| {
                    let item = reading.next().await?;
                    Some((item, reading))
                });
                Ok(Words(words.boxed()))
            }
            Err(error) => {
                meter.end(&Err::<(), _>(error.clone()));
                Err(error)
            }
        }
    }

    async fn begin(
        &self,
        who: &str,
        task: &'static str,
        messages: &[Message],
    ) -> Result<(BoxStream<'static, reqwest::Result<Bytes>>, Open)> {
        let inner = &self.0;
        let place = inner.limits.admit(who, For::Somebody).await?;
        let messages = bounded(messages, inner.context_characters);
        let estimated = prompt_tokens(&messages);
        let spending = inner.limits.spend(who, estimated)?;
        let deadline = Instant::now() + inner.wire.timeout;
        let mut body = json!({"model": inner.wire.model(), "messages": messages, "stream": true});
        let asks_usage = inner.dialect.asks_usage();
        if asks_usage {
            body["stream_options"] = json!({"include_usage": true});
        }
        let mut posted = inner.wire.post(&body, deadline).await;
        if let Err(failure) = &posted
            && let Some(status) = failure.form
            && asks_usage
        {
            if let Some(body) = body.as_object_mut() {
                body.remove("stream_options");
            }
            posted = inner.wire.post(&body, deadline).await;
            if posted.is_ok() && status.as_u16() != 500 {
                inner.dialect.learn_no_usage();
            }
        }
        match posted {
            Ok(response) => {
                let open = Open {
                    task,
                    estimated,
                    spending,
                    _place: place,
                };
                Ok((response.bytes_stream().boxed(), open))
            }
            Err(failure) => {
                if failure.unspent {
                    spending.settle(0);
                }
                Err(failure.error)
            }
        }
    }
}

/// What a running stream holds of the limits.
struct Open {
    task: &'static str,
    estimated: u64,
    spending: Spending,
    _place: Place,
}

struct Reading {
    language: Language,
    body: BoxStream<'static, reqwest::Result<Bytes>>,
    events: Events,
    /// The body, where the endpoint does not stream: it begins with a brace.
    whole: Option<Vec<u8>>,
    ready: VecDeque<String>,
    end: Option<Result<()>>,
    /// When silence has been too long.
    patience: Instant,
    deadline: Instant,
    received: usize,
    /// More than blanks came.
    begun: bool,
    characters: usize,
    /// Something came that belongs to a chat completion.
    understood: bool,
    /// The model said why it stopped.
    finished: bool,
    usage: Option<Usage>,
    open: Option<Open>,
    meter: Meter,
}

impl Reading {
    async fn next(&mut self) -> Option<Result<String>> {
        // A reader who comes back late has not heard silence.
        if self.characters > 0 {
            self.patience = Instant::now() + self.language.0.wire.idle;
        }
        loop {
            if let Some(text) = self.ready.pop_front() {
                return Some(Ok(text));
            }
            if let Some(end) = self.end.take() {
                self.close(&end);
                return end.err().map(Err);
            }
            // Polled again after its end.
            self.open.as_ref()?;
            let limit = self.patience.min(self.deadline);
            match timeout_at(limit, self.body.next()).await {
                Err(_) => self.end = Some(Err(self.silence())),
                Ok(Some(Ok(bytes))) => {
                    self.take(&bytes);
                    // Bytes that are always there keep a time-out from being looked at.
                    let heard = !self.ready.is_empty() || self.end.is_some();
                    if !heard && Instant::now() >= self.patience.min(self.deadline) {
                        self.end = Some(Err(self.silence()));
                    }
                }
                Ok(Some(Err(error))) => {
                    // After its last word a server may hang up as it likes.
                    self.finish_events();
                    if self.end.is_none() {
                        self.end = Some(if self.finished {
                            Ok(())
                        } else {
                            Err(self.language.0.wire.broken(&error))
                        });
                    }
                }
                Ok(None) => self.finish(),
            }
        }
    }

    fn silence(&self) -> LanguageError {
        if self.characters == 0 {
            self.language.0.wire.unanswered()
        } else {
            LanguageError::unavailable("it fell silent in the middle of an answer")
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.received = self.received.saturating_add(bytes.len());
        if !self.begun && !bytes.trim_ascii_start().is_empty() {
            self.begun = true;
            if bytes.trim_ascii_start().starts_with(b"{") {
                self.whole = Some(Vec::new());
            }
        }
        if let Some(whole) = &mut self.whole {
            if whole.len() + bytes.len() > LONGEST_ANSWER {
                self.end = Some(Err(too_long()));
            } else {
                whole.extend_from_slice(bytes);
            }
            return;
        }
        match self.events.push(bytes) {
            Ok(events) => events.iter().for_each(|event| self.event(event)),
            Err(_) => self.end = Some(Err(too_long())),
        }
        // Numbers around words are many times longer than the words.
        if self.received > 64 * LONGEST_ANSWER {
            self.end = Some(Err(too_long()));
        }
    }

    fn event(&mut self, data: &str) {
        if self.end.is_some() {
            return;
        }
        let data = data.trim();
        if data == "[DONE]" {
            self.end = Some(if self.understood {
                Ok(())
            } else {
                Err(self.language.0.wire.no_completion())
            });
            return;
        }
        match serde_json::from_str::<Value>(data) {
            Ok(chunk) => self.chunk(&chunk),
            // Servers that leave the empty lines out.
            Err(_) if data.contains('\n') => data.lines().for_each(|line| self.event(line)),
            Err(_) => {}
        }
    }

    fn chunk(&mut self, chunk: &Value) {
        let wire = &self.language.0.wire;
        if let Some(error) = wire.error_inside(chunk) {
            self.end = Some(Err(error));
            return;
        }
        self.usage = Usage::of(chunk).or(self.usage);
        let Some(choices) = chunk["choices"].as_array() else {
            return;
        };
        self.understood = true;
        let Some(choice) = choices.first() else {
            return;
        };
        self.finished |= choice["finish_reason"].is_string();
        let delta = &choice["delta"];
        let thinks = ["reasoning_content", "reasoning"]
            .iter()
            .any(|name| delta[*name].as_str().is_some_and(|text| !text.is_empty()));
        if thinks {
            wire.answered();
            self.patience = Instant::now() + self.language.0.wire.idle;
        }
        let text = text_of(&delta["content"])
            .or_else(|| text_of(&choice["text"]))
            .or_else(|| text_of(&choice["message"]["content"]));
        self.hear(text.unwrap_or_default());
    }

    fn hear(&mut self, text: String) {
        // Databases keep no U+0000.
        let text = text.replace('\0', "");
        if text.is_empty() {
            return;
        }
        self.language.0.wire.answered();
        self.patience = Instant::now() + self.language.0.wire.idle;
        self.characters += text.chars().count();
        if self.characters > LONGEST_ANSWER {
            self.end = Some(Err(too_long()));
        } else {
            self.ready.push_back(text);
        }
    }

    fn finish_events(&mut self) {
        let events = self.events.finish();
        events.iter().for_each(|event| self.event(event));
    }

    fn finish(&mut self) {
        if let Some(whole) = self.whole.take() {
            let end = self.language.0.wire.completion(&whole).and_then(|answer| {
                self.usage = answer.usage;
                self.hear(answer.text?);
                Ok(())
            });
            self.end = self.end.take().or(Some(end));
            return;
        }
        self.finish_events();
        if self.end.is_none() {
            self.end = Some(if self.finished {
                Ok(())
            } else if self.understood {
                Err(LanguageError::unavailable(
                    "it broke off in the middle of an answer",
                ))
            } else {
                Err(self.language.0.wire.no_completion())
            });
        }
    }

    /// Gives the place to the next and counts what was spent.
    fn close(&mut self, end: &Result<()>) {
        self.meter.end(end);
        self.settle();
    }

    fn settle(&mut self) {
        if let Some(open) = self.open.take() {
            let usage = self.usage.unwrap_or(Usage {
                prompt_tokens: open.estimated,
                completion_tokens: estimated_tokens(self.characters),
            });
            measure::tokens(open.task, usage.prompt_tokens, usage.completion_tokens);
            let total = usage.prompt_tokens.saturating_add(usage.completion_tokens);
            open.spending.settle(total);
        }
        self.body = futures_util::stream::empty().boxed();
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // A reader who leaves has still been served so far.
        self.settle();
    }
}

fn too_long() -> LanguageError {
    LanguageError::Invalid(format!(
        "an answer is longer than {} MiB",
        LONGEST_ANSWER / (1024 * 1024)
    ))
}
