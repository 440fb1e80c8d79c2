//! The questions that somebody new is asked aloud, so that the server learns a little and the app hears their voice.

use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::{Notify, mpsc};
use uuid::Uuid;

use super::{
    scribe::{Said, Scribe, Stored, Voice},
    session::{Asked, Update},
};
use crate::{
    error::{Error, Result},
    platform::clock,
};

const TASK: &str = "onboarding_answer";
const QUESTIONS: [&str; 6] = [
    "How old are you?",
    "Where do you live?",
    "What do you do for work?",
    "What is one goal you want to reach in the long run?",
    "What do you want to get done in the next few months?",
    "What are your plans for today?",
];
/// Whoever asks.
const ASKER: i32 = 99;
/// A question and its answer are never joined.
const PROVIDER: &str = "onboarding";
/// All that is heard is the user.
pub const ANSWERS: Voice = Voice {
    number: 0,
    is_user: true,
};
/// Words of an answer, at least.
const FEWEST_WORDS: usize = 2;
/// Silence after which an answer is over.
const SILENCE: Duration = Duration::from_secs(2);

/// Whether something answers a question.
#[derive(Deserialize, JsonSchema)]
struct Judged {
    answered: bool,
}

pub struct Onboarding {
    skipped: Arc<Notify>,
}

impl Onboarding {
    /// Asks the first question.
    pub async fn start(
        scribe: Arc<Scribe>,
        answers: mpsc::Receiver<Stored>,
        updates: mpsc::UnboundedSender<Update>,
    ) -> Result<Self> {
        let skipped: Arc<Notify> = Arc::default();
        let questions = Questions {
            scribe,
            updates,
            answered: 0,
        };
        let first = questions.ask(0).await?;
        tokio::spawn(questions.run(first, answers, skipped.clone()));
        Ok(Self { skipped })
    }

    pub fn skip(&self) {
        self.skipped.notify_one();
    }
}

struct Questions {
    scribe: Arc<Scribe>,
    updates: mpsc::UnboundedSender<Update>,
    answered: usize,
}

impl Questions {
    /// Gives the id of the segment that the question is in.
    async fn ask(&self, index: usize) -> Result<Uuid> {
        let question = QUESTIONS[index];
        let said = Said {
            text: question.into(),
            speaker: format!("SPEAKER_{ASKER}"),
            speaker_id: ASKER,
            provider: Some(PROVIDER.into()),
            apart: true,
            ..Said::default()
        };
        let written = self.scribe.write(vec![said], None, clock::now()).await?;
        let segment_id = written
            .segments
            .last()
            .map(|segment| segment.id)
            .ok_or(Error::Unavailable("the question was not stored".into()))?;
        written.tell(&self.updates);
        drop(self.updates.send(Update::Question(Asked {
            question,
            index,
            total: QUESTIONS.len(),
            segment_id,
        })));
        Ok(segment_id)
    }

    async fn run(
        mut self,
        mut asked: Uuid,
        mut answers: mpsc::Receiver<Stored>,
        skipped: Arc<Notify>,
    ) {
        for index in 0..QUESTIONS.len() {
            if index > 0 {
                asked = match self.ask(index).await {
                    Ok(asked) => asked,
                    Err(error) => {
                        tracing::warn!(
                            error = format!("{error:#}"),
                            "a question could not be asked"
                        );
                        return;
                    }
                };
            }
            let Some(answered) = self.wait(index, asked, &mut answers, &skipped).await else {
                return;
            };
            self.answered += usize::from(answered);
            drop(self.updates.send(Update::QuestionAnswered {
                index,
                skipped: !answered,
            }));
        }
        drop(self.updates.send(Update::Onboarded {
            answers: self.answered,
        }));
    }

    /// Whether it was answered, or skipped. None: the session is over.
    async fn wait(
        &self,
        index: usize,
        asked: Uuid,
        answers: &mut mpsc::Receiver<Stored>,
        skipped: &Notify,
    ) -> Option<bool> {
        let mut answer: Vec<(Uuid, String)> = Vec::new();
        loop {
            let next = tokio::select! {
                next = tokio::time::timeout(SILENCE, answers.recv()) => next,
                () = skipped.notified() => return Some(false),
            };
            match next {
                Ok(None) => return None,
                Ok(Some(stored)) => {
                    let after = stored
                        .segments
                        .into_iter()
                        .filter(|one| one.speaker_id != ASKER && one.id > asked);
                    for segment in after {
                        answer.retain(|(id, _)| *id != segment.id);
                        answer.push((segment.id, segment.text));
                    }
                }
                Err(_) => {
                    let text: Vec<_> = answer.iter().map(|(_, text)| text.as_str()).collect();
                    let text = text.join(" ");
                    if text.split_whitespace().count() >= FEWEST_WORDS
                        && self.answers(index, &text).await
                    {
                        return Some(true);
                    }
                    if answers.is_closed() {
                        return None;
                    }
                }
            }
        }
    }

    /// Without a model, whatever is said is an answer.
    async fn answers(&self, index: usize, text: &str) -> bool {
        let Some(language) = &self.scribe.app.language else {
            return true;
        };
        let instructions = format!(
            "{}\nThe question: {}",
            include_str!("prompts/onboarding.txt"),
            QUESTIONS[index]
        );
        let uid = &self.scribe.live.uid;
        match language.ask::<Judged>(uid, TASK, &instructions, text).await {
            Ok(judged) => judged.answered,
            Err(error) => {
                tracing::info!(%error, "an answer was accepted unseen");
                true
            }
        }
    }
}
