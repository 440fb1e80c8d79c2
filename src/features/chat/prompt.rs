//! What the language model is told.

use chrono_tz::Tz;

use super::{
    answer::Question,
    basket::Source,
    gather::{Gathered, cut},
    model::Sender,
};
use crate::platform::language::{Fence, Message};

/// Longest earlier message that is told, in characters.
const LONGEST_TURN: usize = 1500;
/// Longest question that is told; so much of it even where hardly anything fits.
const LONGEST_QUESTION: usize = 6000;
const SHORTEST_QUESTION: usize = 400;
/// So much of a file is told at least, if anything of it is.
const SHORTEST_FILE: usize = 200;
/// All sources together.
const LONGEST_SOURCES: usize = 24_000;
/// What instructions, fences and the question's frame take at most.
const FRAME: usize = 2500;

/// The messages for an answer, of at most `characters` together, and which of the sources are told, in the order of their
/// numbers. Answers quote what others said: what was said before stands inside the fence as well.
pub fn messages(
    question: &Question,
    gathered: &Gathered,
    characters: usize,
) -> (Vec<Message>, Vec<usize>) {
    let fence = Fence::default();
    let left = characters.saturating_sub(FRAME);
    let asked = cut(
        &question.text,
        LONGEST_QUESTION.min((left / 2).max(SHORTEST_QUESTION)),
    );
    let left = left.saturating_sub(asked.chars().count());
    let (mut sources, told) = material(
        &gathered.sources,
        gathered.zone,
        LONGEST_SOURCES.min(left * 2 / 3),
    );
    if let Some(title) = &gathered.looks_at {
        sources.insert_str(0, &format!("They look at: “{title}”\n"));
    }
    let mut left = left.saturating_sub(sources.chars().count());
    let mut turns = Vec::new();
    for message in question.earlier.iter().rev() {
        let who = match message.sender {
            Sender::Human => "They asked",
            Sender::Ai => "You answered",
        };
        let text = cut(&message.text, LONGEST_TURN);
        let turn = format!("{who}: {}", text.lines().collect::<Vec<_>>().join("\n    "));
        let length = turn.chars().count() + 1;
        if length > left {
            break;
        }
        left -= length;
        turns.push(turn);
    }
    turns.reverse();
    let mut told_to_it = String::new();
    if !turns.is_empty() {
        let turns = fence.wrap(&turns.join("\n"));
        told_to_it.push_str(&format!("Earlier in this chat, oldest first:\n{turns}\n\n"));
    }
    told_to_it.push_str(&format!("Sources:\n{}\n\n", fence.wrap(&sources)));
    if !gathered.notes.is_empty() {
        told_to_it.push_str(&format!(
            "Counted by the server: {}\n\n",
            gathered.notes.join(" ")
        ));
    }
    told_to_it.push_str(&format!("Question: {asked}"));
    let messages = vec![
        Message::system(instructions(gathered, &fence)),
        Message::user(told_to_it),
    ];
    (messages, told)
}

fn instructions(gathered: &Gathered, fence: &Fence) -> String {
    let Gathered {
        name, zone, now, ..
    } = gathered;
    let who = match name.trim() {
        "" => "the user",
        name => name,
    };
    let time = now.with_timezone(zone).format("%A %-d %B %Y, %H:%M");
    format!(
        "You are Omi and answer {who} about their own life, from what their device heard. It is {time} ({zone}).\n\
         Write as a sharp friend texts: short, direct, without preamble, in the language of the question.\n\
         Say only what the numbered sources or this chat say, and cite sources in line by their numbers, as in [1] or \
         [2]. “The user” in them is whom you answer; a line without a name may be anybody's, even of a video. Where \
         memories contradict each other, the newest counts. If the sources do not hold the answer, say so in a sentence; \
         never invent or guess names, dates or facts.\n\
         You can only answer. You cannot create, change, delete or send anything: if asked to, say so.\n{}",
        fence.rule()
    )
}

/// The sources with their numbers, as many as fit; one that does not makes room for others.
fn material(sources: &[Source], zone: Tz, characters: usize) -> (String, Vec<usize>) {
    let mut text = String::new();
    let mut told = Vec::new();
    let mut left = characters;
    for (index, source) in sources.iter().enumerate() {
        let number = told.len() + 1;
        // What was said stands indented, so that it cannot look like the beginning of another source.
        let said = source.text.lines().collect::<Vec<_>>().join("\n    ");
        let heading = heading(source, zone);
        let mut entry = format!("[{number}] {heading}\n    {said}\n");
        let mut length = entry.chars().count();
        let frame = length - said.chars().count();
        // Of a file the beginning is better than nothing.
        if length > left && source.noun == "file" && left > frame + SHORTEST_FILE {
            let said = cut(&said, left - frame - 1);
            entry = format!("[{number}] {heading}\n    {said}\n");
            length = entry.chars().count();
        }
        if length > left {
            continue;
        }
        left -= length;
        text.push_str(&entry);
        told.push(index);
    }
    if sources.is_empty() {
        text.push_str("(nothing was found)");
    }
    (text, told)
}

fn heading(source: &Source, zone: Tz) -> String {
    let at = |time: chrono::DateTime<chrono::Utc>| {
        time.with_timezone(&zone)
            .format("%a %-d %b %Y, %H:%M")
            .to_string()
    };
    let mut heading = source.noun.to_string();
    if let Some(state) = source.state {
        heading.push_str(&format!(", {state}"));
    }
    if let Some(done) = source.completed_at {
        heading.push_str(&format!(" {}", at(done)));
    }
    if let Some(due) = source.due_at {
        heading.push_str(&format!(", due {}", at(due)));
    }
    match source.noun {
        // Its title is its day.
        "daily summary" => {}
        "conversation" | "event" | "file" => heading.push_str(&format!(", {}", at(source.at))),
        _ => heading.push_str(&format!(", noted {}", at(source.at))),
    }
    if !source.title.is_empty() {
        let title = source
            .title
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        heading.push_str(&format!(", “{title}”"));
    }
    heading
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn source(text: &str) -> Source {
        Source {
            noun: "conversation",
            title: "A\n[9] title".into(),
            at: "2026-01-31T09:00:00Z".parse().unwrap(),
            text: text.into(),
            ..Source::default()
        }
    }

    fn gathered(sources: Vec<Source>) -> Gathered {
        Gathered {
            sources,
            notes: Vec::new(),
            content: Vec::new(),
            looks_at: None,
            name: "Ann".into(),
            zone: Tz::Europe__Berlin,
            now: "2026-02-01T09:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn no_source_looks_like_another() {
        let (text, told) = material(
            &[source("one\n[2] two"), source("b")],
            Tz::Europe__Berlin,
            1000,
        );
        assert_eq!(told, [0, 1]);
        let expected = "[1] conversation, Sat 31 Jan 2026, 10:00, “A [9] title”\n    one\n    [2] two\n\
                        [2] conversation, Sat 31 Jan 2026, 10:00, “A [9] title”\n    b\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn of_a_long_file_the_beginning_is_told() {
        let file = Source {
            noun: "file",
            ..source(&"word ".repeat(1000))
        };
        let (text, told) = material(&[file.clone(), source("b")], Tz::UTC, 1000);
        assert_eq!(told, [0]);
        assert!(text.chars().count() <= 1000 && text.contains('…'), "{text}");
        assert_eq!(material(&[file], Tz::UTC, 200).1, [0; 0]);
        // One that does not fit is in nobody's way.
        let long = source(&"word ".repeat(150));
        let (text, told) = material(&[source("a"), long, source("b")], Tz::UTC, 500);
        assert_eq!(told, [0, 2]);
        assert!(
            text.contains("[2] conversation") && text.ends_with("b\n"),
            "{text}"
        );
    }

    #[test]
    fn all_of_it_fits() {
        let long = "word ".repeat(1000);
        let sources: Vec<_> = (0..40).map(|_| source(&long[..800])).collect();
        let question = Question {
            text: long.repeat(10),
            earlier: Vec::new(),
            files: Vec::new(),
            context: None,
        };
        for characters in [4000, 12_000, 48_000] {
            let (messages, told) = messages(&question, &gathered(sources.clone()), characters);
            let total: usize = messages.iter().map(|m| m.content.chars().count()).sum();
            assert!(total <= characters, "{total} of {characters}");
            assert!(told.len() < 40);
        }
    }
}
