//! Tasks of a conversation: commitments, reminders and requests, without those
//! denied, asked about, imagined, quoted, past or done again and again.

use std::collections::HashSet;

use super::ActionItemDraft;
use super::dates::{Moment, When};
use super::replies::{self, Answer};
use super::retractions::{ends_undone, jests, takes_back};
use super::sentences::{Sentence, Voice, skip_discourse};
use super::spoken::Spoken;
use super::summary::stem;
use super::task_text::{clause_end, imperative, opens_clause};
use super::triggers::{self, Class, Hit};
use super::vocabulary::{
    ADVERBS, AT_ONCE, DISCOURSE, NOUN_VERBS, OBJECT_STARTS, STOP, TASK_VERBS, sets,
};
use super::words::{Gap, gap_before, low};

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

#[derive(Default)]
pub struct Found {
    pub items: Vec<Item>,
    /// Sentences that were taken back or meant as a joke, and those that do so.
    pub taken_back: HashSet<usize>,
}

pub fn find(sentences: &[Sentence], answers: &[Answer]) -> Found {
    let mut found = Found::default();
    // After "note to self" deeds stand alone.
    let mut noting = false;
    // What the user asks of somebody else is that one's to do; alone they speak to their device.
    let company = sentences
        .iter()
        .any(|sentence| sentence.voice == Voice::Other);
    for (index, sentence) in sentences.iter().enumerate() {
        if found.items.len() >= MOST_ITEMS {
            break;
        }
        if heads_a_list(sentence) {
            noting = true;
            continue;
        }
        if jests(sentence) {
            found.taken_back.insert(index);
            if sentence.words.len() <= 4 {
                take_back(&mut found, index);
            }
            continue;
        }
        // "Can you send it today?" "No, sorry, I can't."
        if takes_back(sentence) {
            take_back(&mut found, index);
            if sentence.words.len() <= 8 {
                continue;
            }
        }
        if let Some((when, corrects)) = afterthought(sentence) {
            let open = found
                .items
                .iter_mut()
                .rev()
                .take_while(|item| item.sentence + 1 == index)
                .filter(|item| corrects || item.when.is_empty());
            open.for_each(|item| item.when = when);
            continue;
        }
        if take_on(&mut found.items, sentences, index) {
            continue;
        }
        let answer = answers.get(index).copied().unwrap_or(Answer::Open);
        let tasks = in_sentence(sentence, noting, company, answer);
        if ends_undone(sentence) {
            if tasks.is_empty() {
                take_back(&mut found, index);
            }
            found.taken_back.insert(index);
            continue;
        }
        noting = (noting || notes(sentence)) && !tasks.is_empty();
        for (description, when) in tasks {
            add(&mut found.items, sentences, index, description, when);
        }
    }
    found
}

fn take_back(found: &mut Found, index: usize) {
    found.items.retain(|item| item.sentence + 1 != index);
    found.taken_back.insert(index);
    found.taken_back.extend(index.checked_sub(1));
}

/// Sentences back that "I'll do it" may refer to.
const REACH: usize = 3;

/// "I'll do it tonight": what was just asked for gets its time and its doer. False when that is not what is said.
fn take_on(items: &mut Vec<Item>, sentences: &[Sentence], index: usize) -> bool {
    let Some(sentence) = sentences.get(index) else {
        return false;
    };
    let Some((when, together)) = replies::taken_on(sentence) else {
        return false;
    };
    let earlier = |at: usize| {
        sentences
            .get(at)
            .filter(|one| one.turn + 1 == sentence.turn)
    };
    let near = |item: &Item| item.sentence + REACH >= index && earlier(item.sentence).is_some();
    if items.iter().any(near) {
        if sentence.voice == Voice::Other && !together {
            items.retain(|item| !near(item));
        } else if !when.is_empty() {
            items
                .iter_mut()
                .filter(|item| near(item))
                .for_each(|item| item.when = when);
        }
        return true;
    }
    if sentence.voice == Voice::Other || together {
        return false;
    }
    let asked = (index.saturating_sub(REACH)..index)
        .rev()
        .find_map(|at| asked(earlier(at)?));
    let Some((_, description)) = asked else {
        return false;
    };
    let item = Item {
        description,
        when,
        sentence: index,
    };
    merge(items, item);
    true
}

/// The verb and the wording of what a question is about: "did you call the bank?"
fn asked(sentence: &Sentence) -> Option<(&str, String)> {
    let (verb, range) = replies::asked_deed(sentence)?;
    let text = imperative(sentence, verb, range, Some(sentence.voice));
    (!text.is_empty()).then_some((verb, text))
}

/// Keeps a task. "I'll send it tonight" after "can you send the deck?" only says when.
fn add(
    items: &mut Vec<Item>,
    sentences: &[Sentence],
    index: usize,
    description: String,
    when: When,
) {
    let mut item = Item {
        description,
        when,
        sentence: index,
    };
    let earlier = index.saturating_sub(REACH)..index;
    if let Some(verb) = replies::names_nothing(&item.description) {
        let verb = verb.to_lowercase();
        let turn = sentences.get(index).map(|sentence| sentence.turn);
        let answered = |known: &Item| {
            let asked = sentences.get(known.sentence).map(|one| one.turn + 1);
            asked == turn && item.description.ends_with(" it")
        };
        let same = |known: &&mut Item| {
            let first = known.description.split(' ').next().unwrap_or_default();
            earlier.contains(&known.sentence)
                && (first.eq_ignore_ascii_case(&verb) || answered(known))
        };
        if let Some(known) = items.iter_mut().rev().find(same) {
            if !when.is_empty() {
                known.when = when;
            }
            return;
        }
        let asked = earlier
            .rev()
            .filter_map(|at| sentences.get(at))
            .filter(|one| Some(one.turn + 1) == turn)
            .find_map(|one| asked(one).filter(|(asked, _)| *asked == verb));
        if let Some((_, description)) = asked {
            item.description = description;
        }
    }
    merge(items, item);
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

/// "Tomorrow at five." and "It's due on Friday." after a task belong to it. True: "No wait, Friday." puts it right.
fn afterthought(sentence: &Sentence) -> Option<(When, bool)> {
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
            || matches!(word, "wait" | "mean" | "i" | "sorry" | "make" | "that")
    });
    let corrects = words.iter().any(|word| {
        matches!(
            word.low.as_str(),
            "no" | "wait" | "mean" | "sorry" | "actually"
        )
    });
    let subject = matches!(low(words, 0), "it's" | "it" | "that" | "that's" | "this")
        || (low(words, 0) == "the" && low(words, 1) == "deadline");
    let deadline = words.iter().any(|word| {
        matches!(
            word.low.as_str(),
            "due" | "deadline" | "done" | "ready" | "finished"
        )
    });
    (only_time || (subject && deadline)).then_some((when, corrects))
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

fn in_sentence(
    sentence: &Sentence,
    noting: bool,
    company: bool,
    answer: Answer,
) -> Vec<(String, When)> {
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
        if spoken.counts(answer) && !others {
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
