//! Titles of sessions: by the language model, or by rules.

use std::time::Duration;

use uuid::Uuid;

use super::{gather::cut, store};
use crate::{
    app::Handles,
    error::{Error, Result},
    features::credentials::Caller,
    platform::{
        clock,
        language::{Fence, Language, Message as Said},
    },
};

/// Messages that a title may be made of; those that are looked at.
const MOST_LINES: usize = 50;
const LOOKED_AT: usize = 10;
const MOST_WORDS: usize = 6;
/// Longest title that is made, in characters.
const LONGEST: usize = 80;
/// How long a model may take; then rules name it.
const PATIENCE: Duration = Duration::from_secs(15);

/// Something that was said in a session.
#[derive(Clone, Debug)]
pub struct Line {
    pub text: String,
    /// `human`, or anybody else.
    pub sender: String,
}

/// A title of at most six words for what was said, which the session has from now on, if there is such a one.
pub async fn title(
    app: &Handles,
    caller: &Caller,
    session: Option<Uuid>,
    lines: &[Line],
) -> Result<String> {
    if !(1..=MOST_LINES).contains(&lines.len()) {
        return Err(Error::invalid(
            "messages",
            format!("messages must hold 1 to {MOST_LINES}"),
        ));
    }
    let lines = &lines[..lines.len().min(LOOKED_AT)];
    let written = match &app.language {
        Some(language) => written(language, &caller.uid, lines).await,
        None => None,
    };
    let title = written.unwrap_or_else(|| by_rules(lines));
    if let Some(session) = session {
        let title = (Some(title.as_str()), None);
        store::sessions::change(&app.db, &caller.uid, session, title, clock::now()).await?;
    }
    Ok(title)
}

/// The first words that the user said, or else anybody.
fn by_rules(lines: &[Line]) -> String {
    let of_user = |line: &&Line| line.sender == "human" && !short(&line.text).is_empty();
    let said = lines
        .iter()
        .find(of_user)
        .or_else(|| lines.iter().find(|line| !short(&line.text).is_empty()));
    said.map_or_else(|| "New Chat".into(), |line| short(&line.text))
}

fn short(text: &str) -> String {
    let text = text.replace('\0', "");
    let words: Vec<_> = text.split_whitespace().take(MOST_WORDS).collect();
    let title = words.join(" ");
    let bare = title.trim_matches(|c: char| matches!(c, '"' | '“' | '”' | '\'' | '*' | '#'));
    cut(bare.trim().trim_end_matches(['.', ',', ';', ':']), LONGEST)
}

async fn written(language: &Language, uid: &str, lines: &[Line]) -> Option<String> {
    let fence = Fence::default();
    let rules = format!(
        "Give the talk below a title of at most {MOST_WORDS} words, in its language, without quotation marks and without \
         a full stop. Answer with the title and nothing else.\n{}",
        fence.rule()
    );
    let material: String = lines
        .iter()
        .map(|line| {
            let who = if line.sender == "human" {
                "They"
            } else {
                "You"
            };
            format!("{who}: {}\n", cut(&line.text, 500))
        })
        .collect();
    let messages = [Said::system(rules), Said::user(fence.wrap(&material))];
    let asked = language.write(uid, "chat_title", &messages);
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(text)) => Some(short(&text)).filter(|title| !title.is_empty()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the language model gave a chat no title");
            None
        }
        Err(_) => {
            tracing::warn!("the language model took too long to give a chat a title");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_take_the_first_words_of_the_user() {
        let line = |sender: &str, text: &str| Line {
            text: text.into(),
            sender: sender.into(),
        };
        let lines = [
            line("ai", "Hello!"),
            line("human", " \n"),
            line("human", "What colour is the boat of my aunt?"),
        ];
        assert_eq!(by_rules(&lines), "What colour is the boat of");
        assert_eq!(by_rules(&lines[..2]), "Hello!");
        assert_eq!(by_rules(&lines[1..2]), "New Chat");
        assert_eq!(short("\"The Boat.\""), "The Boat");
        assert_eq!(short("**The Boat**"), "The Boat");
    }
}
