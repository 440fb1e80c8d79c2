//! Has what is said in other languages translated into the user's, if there is a language model.

use std::{collections::HashMap, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{scribe::Stored, session::Update};
use crate::{
    app::App,
    error::Result,
    features::{
        accounts,
        conversations::{self, TranscriptSegment},
    },
};

const TASK: &str = "translate";
/// Segments are translated when so long nothing came.
const GATHER: Duration = Duration::from_millis(1500);
/// Segments in one question.
const MOST: usize = 20;
const LONGEST: usize = 10_000;

/// The translations.
#[derive(Deserialize, JsonSchema)]
struct Answer {
    #[serde(default)]
    translations: Vec<Translation>,
}

/// Of one line; lines that are in the wanted language already are left out.
#[derive(Deserialize, JsonSchema)]
struct Translation {
    /// Number of the line.
    line: usize,
    text: String,
}

/// Where segments go that are to be translated: only of a session in any language, of a user whose language is known.
pub async fn translate(
    app: &App,
    uid: &str,
    language: &str,
    updates: &mpsc::UnboundedSender<Update>,
) -> Result<Option<mpsc::Sender<Stored>>> {
    if language != "multi" || app.language.is_none() {
        return Ok(None);
    }
    let Some(target) = accounts::profile(&app.db, uid).await?.language else {
        return Ok(None);
    };
    let (sender, stored) = mpsc::channel(super::session::TAP);
    let translator = Translator {
        app: app.clone(),
        uid: uid.into(),
        target,
        updates: updates.clone(),
    };
    tokio::spawn(translator.run(stored));
    Ok(Some(sender))
}

struct Translator {
    app: App,
    uid: String,
    target: String,
    updates: mpsc::UnboundedSender<Update>,
}

impl Translator {
    /// Until the session is over, and what it stored last is translated.
    async fn run(self, mut stored: mpsc::Receiver<Stored>) {
        let mut waiting: HashMap<Uuid, (Uuid, TranscriptSegment)> = HashMap::new();
        let mut open = true;
        while open || !waiting.is_empty() {
            let next = if open {
                tokio::time::timeout(GATHER, stored.recv()).await
            } else {
                Ok(None)
            };
            match next {
                Ok(Some(stored)) if waiting.len() < MOST => {
                    for segment in stored.segments {
                        waiting.insert(segment.id, (stored.conversation_id, segment));
                    }
                    continue;
                }
                Ok(Some(_)) | Err(_) => {}
                Ok(None) => open = false,
            }
            let mut by_conversation: HashMap<Uuid, Vec<_>> = HashMap::new();
            for (_, (id, segment)) in waiting.drain() {
                if segment.translations.is_empty() {
                    by_conversation.entry(id).or_default().push(segment);
                }
            }
            for (id, mut segments) in by_conversation {
                segments.sort_by(|a, b| a.start.total_cmp(&b.start));
                for some in segments.chunks(MOST) {
                    if let Err(error) = self.translate(id, some).await {
                        tracing::info!(
                            error = format!("{error:#}"),
                            "segments were not translated"
                        );
                    }
                }
            }
        }
    }

    async fn translate(&self, id: Uuid, segments: &[TranscriptSegment]) -> Result<()> {
        let Some(language) = &self.app.language else {
            return Ok(());
        };
        let lines: Vec<_> = segments
            .iter()
            .enumerate()
            .map(|(line, segment)| format!("{line}: {}", segment.text))
            .collect();
        let instructions = format!(
            "{}\nThe wanted language: {}",
            include_str!("prompts/translate.txt"),
            self.target
        );
        let answer = language
            .ask::<Answer>(&self.uid, TASK, &instructions, &lines.join("\n"))
            .await
            .map_err(anyhow::Error::new)?;
        let (mut ids, mut texts, mut translations) = (Vec::new(), Vec::new(), Vec::new());
        for translation in answer.translations {
            let text: String = translation
                .text
                .trim()
                .replace('\0', "")
                .chars()
                .take(LONGEST)
                .collect();
            if let Some(segment) = segments.get(translation.line)
                && !text.is_empty()
                && text != segment.text
                && !ids.contains(&segment.id)
            {
                ids.push(segment.id);
                texts.push(segment.text.clone());
                translations.push(text);
            }
        }
        let found = conversations::Translated {
            ids,
            texts,
            translations,
            language: &self.target,
        };
        let translated = conversations::translate(&self.app.db, &self.uid, id, found).await?;
        if !translated.is_empty() {
            drop(self.updates.send(Update::Translated(translated)));
        }
        Ok(())
    }
}
