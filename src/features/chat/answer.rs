//! From a question and the talk so far to an answer, told as it comes.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::{sync::mpsc, time::Instant};
use uuid::Uuid;

use super::{
    Answered, Context, Event, Message, citations,
    files::Stored,
    gather::{Gathered, gather},
    prompt,
    quotes::{Why, quotes},
    small::small,
};
use crate::{
    app::Handles,
    error::Result,
    features::credentials::Caller,
    platform::language::{Language, LanguageError},
};

/// Longest answer of a model, in characters; there it is cut off.
const LONGEST: usize = 20_000;
/// How long a model may take to its first words; then there are quotes.
const PATIENCE: Duration = Duration::from_secs(25);

pub struct Question {
    pub text: String,
    /// What was said before it, oldest first.
    pub earlier: Vec<Message>,
    /// What it is about.
    pub files: Vec<Stored>,
    pub context: Option<Context>,
}

pub struct Answer {
    /// Without marks of citations.
    pub text: String,
    /// Conversations, in the order in which they are cited. They may be gone.
    pub cited: Vec<Uuid>,
}

/// Where events go. That nobody listens any more is no error: whoever stops listening drops the work too.
pub struct Told {
    to: mpsc::Sender<Event>,
    status: bool,
}

impl Told {
    pub fn new(to: mpsc::Sender<Event>) -> Self {
        Self { to, status: false }
    }

    pub async fn status(&mut self, what: &'static str) {
        self.status = true;
        let _ = self.to.send(Event::Status(what)).await;
    }

    pub async fn words(&self, words: String) {
        let _ = self.to.send(Event::Words(words)).await;
    }

    pub async fn done(self, message: Message) {
        let answered = Answered {
            message,
            ask_for_nps: Some(self.status),
        };
        let _ = self.to.send(Event::Done(Box::new(answered))).await;
    }
}

/// Looks things up and answers: by the language model, or by quotes where there is none or it says nothing. Reads only.
/// With an error no words were told.
pub async fn answer(
    app: &Handles,
    caller: &Caller,
    question: &Question,
    told: &mut Told,
) -> Result<Answer> {
    if app.language.is_none()
        && let Some(answer) = at_once(question)
    {
        told.words(answer.text.clone()).await;
        return Ok(answer);
    }
    let gathered = gather(app, caller, question, app.language.is_some(), told).await?;
    let why = match &app.language {
        None => Why::None,
        Some(language) => match written(app, language, caller, question, &gathered, told).await {
            Ok(answer) => return Ok(answer),
            Err(why) => why,
        },
    };
    let answer = at_once(question).unwrap_or_else(|| {
        let (text, cited) = quotes(&gathered, why);
        Answer { text, cited }
    });
    told.words(answer.text.clone()).await;
    Ok(answer)
}

/// Of what needs no looking up.
fn at_once(question: &Question) -> Option<Answer> {
    let text = small(&question.text).filter(|_| question.files.is_empty())?;
    Some(Answer {
        text: text.into(),
        cited: Vec::new(),
    })
}

/// By the model. Where it breaks off, what came so far is the answer; an error if that is nothing.
async fn written(
    app: &Handles,
    language: &Language,
    caller: &Caller,
    question: &Question,
    gathered: &Gathered,
    told: &Told,
) -> Result<Answer, Why> {
    let (messages, told_sources) =
        prompt::messages(question, gathered, language.context_characters());
    let patience = Instant::now() + PATIENCE;
    let begun = tokio::select! {
        begun = language.stream(&caller.uid, "chat", &messages) => begun,
        () = tokio::time::sleep_until(patience) => return Err(Why::Slow),
        () = app.stop.cancelled() => return Err(Why::Silent),
    };
    let mut pieces = begun.map_err(|error| why(&error))?;
    let mut thoughts = Thoughts::default();
    let mut text = String::new();
    let mut length = 0;
    let mut ended = Why::Silent;
    while length < LONGEST {
        let piece = tokio::select! {
            piece = pieces.next() => piece,
            () = tokio::time::sleep_until(patience), if text.is_empty() => {
                ended = Why::Slow;
                None
            }
            () = app.stop.cancelled() => None,
        };
        let piece = match piece {
            Some(Ok(piece)) => thoughts.without(&piece),
            Some(Err(error)) => {
                ended = why(&error);
                break;
            }
            None => break,
        };
        // Blanks before the first word are no beginning.
        let piece = if text.is_empty() {
            piece.trim_start()
        } else {
            &piece
        };
        if !piece.is_empty() {
            text.push_str(piece);
            length += piece.chars().count();
            told.words(piece.to_string()).await;
        }
    }
    let (text, numbers) = citations::take(&text);
    if text.is_empty() {
        return Err(ended);
    }
    let mut cited = Vec::new();
    for number in numbers {
        let source = number
            .checked_sub(1)
            .and_then(|n| told_sources.get(n))
            .and_then(|place| gathered.sources.get(*place));
        if let Some(id) = source.and_then(|source| source.conversation_id)
            && !cited.contains(&id)
        {
            cited.push(id);
        }
    }
    Ok(Answer { text, cited })
}

fn why(error: &LanguageError) -> Why {
    tracing::warn!(%error, "the language model did not answer a question to its end");
    match error {
        LanguageError::OverBudget { .. } => Why::UsedUp,
        _ => Why::Silent,
    }
}

/// Leaves out the thinking that some models write before their answer, between `<think>` and `</think>`.
#[derive(Default)]
pub(super) struct Thoughts {
    /// Until it is known whether they are thoughts, and while they are.
    held: String,
    over: bool,
}

impl Thoughts {
    const BEGIN: &str = "<think>";
    const END: &str = "</think>";

    pub(super) fn without(&mut self, piece: &str) -> String {
        if self.over {
            return piece.to_string();
        }
        self.held.push_str(piece);
        let begun = self.held.trim_start();
        if begun.is_empty() || Self::BEGIN.starts_with(begun) {
            return String::new();
        }
        if begun.starts_with(Self::BEGIN) {
            let Some((_, rest)) = begun.split_once(Self::END) else {
                return String::new();
            };
            self.over = true;
            return rest.to_string();
        }
        self.over = true;
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_are_left_out_wherever_they_are_cut() {
        for (text, left) in [
            (
                "\n<think>hm\n<b></think>\n\nBlue <think>.",
                "\n\nBlue <think>.",
            ),
            ("<thing> is", "<thing> is"),
            (" Blue", " Blue"),
            ("<think>for ever", ""),
        ] {
            for size in 1..text.len() {
                let mut thoughts = Thoughts::default();
                let pieces = text.as_bytes().chunks(size);
                let told: String = pieces
                    .map(|piece| thoughts.without(&String::from_utf8_lossy(piece)))
                    .collect();
                assert_eq!(told, left, "{text:?} by {size}");
            }
        }
    }
}
