//! Tasks of a conversation: commitments, reminders and requests, without those
//! denied, asked about, imagined, quoted, past or done again and again.

use std::collections::HashSet;

use super::ActionItemDraft;
use super::dates::{Moment, When};
use super::sentences::{Sentence, Voice, skip_discourse};
use super::spoken::Spoken;
use super::summary::stem;
use super::task_text::{clause_end, opens_clause};
use super::triggers::{self, Class, Hit};
use super::vocabulary::{
    ADVERBS, AT_ONCE, DISCOURSE, NOUN_VERBS, OBJECT_STARTS, STOP, TASK_VERBS, sets,
};
use super::words::{Gap, gap_before, low};

/// A sentence that is no more than this undoes what was said just before.
const TAKEN_BACK: [&str; 17] = [
    "i can't",
    "i cannot",
    "i can't do that",
    "i can't do it",
    "i won't do that",
    "i'd rather not",
    "i would rather not",
    "i'm not going to",
    "i'm not going to do it",
    "i'm not going to do that",
    "forget it",
    "forget that",
    "forget about it",
    "never mind",
    "scratch that",
    "cancel that",
    "i don't want to",
];
/// What announces that deeds follow, each by itself.
const LIST_HEADS: [&str; 11] = [
    "note to self",
    "notes to self",
    "note to myself",
    "to do",
    "to do list",
    "to-do list",
    "todo list",
    "my to do list",
    "things to do",
    "reminder to self",
    "reminder to myself",
];
/// A transcript of any length yields at most this many.
const MOST_ITEMS: usize = 50;

pub struct Item {
    pub description: String,
    pub when: When,
    /// Index of the sentence it was said in.
    pub sentence: usize,
}

pub fn find(sentences: &[Sentence]) -> Vec<Item> {
    let mut out: Vec<Item> = Vec::new();
    // After "note to self" deeds stand alone.
    let mut noting = false;
    // What the user asks of somebody else is that one's to do; alone they speak to their device.
    let company = sentences
        .iter()
        .any(|sentence| sentence.voice == Voice::Other);
    for (index, sentence) in sentences.iter().enumerate() {
        if out.len() >= MOST_ITEMS {
            break;
        }
        if heads_a_list(sentence) {
            noting = true;
            continue;
        }
        // "Can you send it today?" "No, sorry, I can't."
        if takes_back(sentence) {
            out.retain(|item| item.sentence + 1 != index);
            continue;
        }
        if let Some(when) = afterthought(sentence) {
            let open = out
                .iter_mut()
                .rev()
                .take_while(|item| item.sentence + 1 == index)
                .filter(|item| item.when.is_empty());
            open.for_each(|item| item.when = when);
            continue;
        }
        let tasks = in_sentence(sentence, noting, company);
        noting = (noting || notes(sentence)) && !tasks.is_empty();
        for (description, when) in tasks {
            merge(
                &mut out,
                Item {
                    description,
                    when,
                    sentence: index,
                },
            );
        }
    }
    out
}

/// Due times worked out; dated tasks first, the soonest on top.
pub fn drafts(items: &[Item], moment: Option<&Moment>) -> Vec<ActionItemDraft> {
    let mut out: Vec<ActionItemDraft> = items
        .iter()
        .map(|item| ActionItemDraft {
            description: item.description.clone(),
            due_at: moment.and_then(|moment| moment.resolve(&item.when)),
        })
        .collect();
    out.sort_by_key(|draft| (draft.due_at.is_none(), draft.due_at));
    out
}

/// A repeated task is kept once, in its fuller wording and with the date said last.
fn merge(out: &mut Vec<Item>, item: Item) {
    let key = stems(&item.description);
    let same = out.iter_mut().find(|known| {
        let other = stems(&known.description);
        let common = key.intersection(&other).count();
        let fewer = key.len().min(other.len());
        // "Call her" and "call him" share all they have.
        if fewer < 2 {
            return known.description.eq_ignore_ascii_case(&item.description);
        }
        common == fewer || common * 10 >= key.union(&other).count() * 6
    });
    let Some(known) = same else {
        out.push(item);
        return;
    };
    if key.len() > stems(&known.description).len() {
        known.description = item.description;
    }
    if !item.when.is_empty() {
        known.when = item.when;
    }
}

fn stems(description: &str) -> HashSet<String> {
    let words = description
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .map(str::to_lowercase);
    words
        .filter(|word| !word.is_empty() && !STOP.contains(word.as_str()))
        .map(|word| stem(&word))
        .collect()
}

/// "Tomorrow at five." and "It's due on Friday." after a task belong to it.
fn afterthought(sentence: &Sentence) -> Option<When> {
    let words = &sentence.words;
    let when = sentence.when(0..words.len());
    if when.is_empty() || sentence.asks || words.len() > 14 {
        return None;
    }
    let rest = || {
        words
            .iter()
            .enumerate()
            .filter(|(at, _)| sentence.time_at(*at).is_none())
            .map(|(_, word)| word.low.as_str())
    };
    let only_time = rest().all(|word| {
        DISCOURSE.contains(word)
            || ADVERBS.contains(word)
            || matches!(word, "maybe" | "like" | "it's" | "that's")
    });
    let subject = matches!(low(words, 0), "it's" | "it" | "that" | "that's" | "this")
        || (low(words, 0) == "the" && low(words, 1) == "deadline");
    let deadline = words.iter().any(|word| {
        matches!(
            word.low.as_str(),
            "due" | "deadline" | "done" | "ready" | "finished"
        )
    });
    (only_time || (subject && deadline)).then_some(when)
}

/// "No, I can't.", "Actually no, forget it.", "I'd rather not."
fn takes_back(sentence: &Sentence) -> bool {
    let words = &sentence.words;
    if words.len() > 8 || sentence.asks {
        return false;
    }
    let plain: Vec<&str> = words
        .iter()
        .map(|word| word.low.as_str())
        .filter(|word| {
            !matches!(
                *word,
                "actually" | "sorry" | "oh" | "well" | "wait" | "but" | "okay" | "hmm"
            )
        })
        .collect();
    let plain = plain.join(" ");
    let plain = plain.strip_prefix("no ").unwrap_or(&plain);
    TAKEN_BACK.contains(&plain)
}

/// "Note to self.", "Okay, to-do list:"
fn heads_a_list(sentence: &Sentence) -> bool {
    let words = &sentence.words;
    let from = skip_discourse(words, 0);
    let rest: Vec<&str> = words
        .iter()
        .skip(from)
        .map(|word| word.low.as_str())
        .collect();
    sentence.voice != Voice::Other && LIST_HEADS.contains(&rest.join(" ").as_str())
}

/// "To-do list: water the plants"
fn notes(sentence: &Sentence) -> bool {
    let at = skip_discourse(&sentence.words, 0);
    triggers::at(sentence, at).is_some_and(|hit| hit.class == Class::Note)
}

fn in_sentence(sentence: &Sentence, noting: bool, company: bool) -> Vec<(String, When)> {
    let words = &sentence.words;
    let mut out = Vec::new();
    let mut floor = 0;
    let mut at = 0;
    while at < words.len() {
        let hit = triggers::at(sentence, at).or_else(|| bare_imperative(sentence, at, noting));
        let Some(hit) = hit else {
            at += 1;
            continue;
        };
        let spoken = Spoken::read(sentence, floor, at, hit);
        at = spoken.body.end.max(at + 1);
        let others = company && sentence.voice == Voice::User && spoken.class == Class::Request;
        if spoken.counts() && !others {
            out.extend(spoken.tasks());
            floor = at;
        }
    }
    out
}

/// "Send the invoice by Friday", "Call Anna back, please"; in a list of notes without such an addition.
fn bare_imperative(sentence: &Sentence, at: usize, noting: bool) -> Option<Hit> {
    let words = &sentence.words;
    let verb = low(words, at);
    let strong = TASK_VERBS.contains(verb)
        && !AT_ONCE.contains(verb)
        && !matches!(
            verb,
            "do" | "see" | "thank" | "congratulate" | "set" | "let"
        );
    if !strong
        || sentence.asks
        || !opens_clause(words, at)
        || (at > 0 && gap_before(words, at) < Gap::Break && !DISCOURSE.contains(low(words, at - 1)))
    {
        return None;
    }
    let next = low(words, at + 1);
    let object = OBJECT_STARTS.contains(next)
        || !(NOUN_VERBS.contains(verb) || next.is_empty() || NO_OBJECTS.contains(next));
    let end = clause_end(sentence, at);
    let dated = sentence.when(at..end).has_date();
    let asked = words
        .iter()
        .take(end + 1)
        .skip(at)
        .any(|word| word.low == "please");
    (object && next != "you" && (dated || asked || noting)).then_some(Hit {
        class: Class::Request,
        body: at,
    })
}

sets! {
    NO_OBJECTS: "is was and of for you";
}
