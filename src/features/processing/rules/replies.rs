//! What the next speaker answers: whether a request or proposal is agreed to, and who takes it on.

use std::ops::Range;

use super::dates::When;
use super::sentences::{Sentence, skip_discourse};
use super::task_text::{clause_end, verb_of_root};
use super::vocabulary::{ADVERBS, PRONOUN_OBJECTS, TASK_VERBS, sets};
use super::words::{Gap, Word, gap_before, low};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Accepted,
    Declined,
    /// Nobody else spoke next, or what they said leaves it open.
    Open,
}

/// Sentences before the end of a turn that an answer still goes to.
const REACH: usize = 2;
/// Sentences of the answer that are read.
const HEARD: usize = 3;

/// The answer to each sentence.
pub fn answers(sentences: &[Sentence]) -> Vec<Answer> {
    let mut out = vec![Answer::Open; sentences.len()];
    for (at, pair) in sentences.windows(2).enumerate() {
        let [last, first] = pair else { continue };
        if last.turn == first.turn {
            continue;
        }
        let reply = sentences
            .iter()
            .skip(at + 1)
            .take_while(|sentence| sentence.turn == first.turn);
        let answer = answer(reply.take(HEARD));
        let asked = (0..=at).rev().take(REACH).take_while(|index| {
            sentences
                .get(*index)
                .is_some_and(|sentence| sentence.turn == last.turn)
        });
        for index in asked {
            if let Some(slot) = out.get_mut(index) {
                *slot = answer;
            }
        }
    }
    out
}

fn answer<'a>(reply: impl Iterator<Item = &'a Sentence>) -> Answer {
    for sentence in reply {
        let found = of_sentence(sentence);
        if found != Answer::Open {
            return found;
        }
    }
    Answer::Open
}

fn of_sentence(sentence: &Sentence) -> Answer {
    let words = &sentence.words;
    if take_on(words).is_some() {
        return Answer::Accepted;
    }
    let start = (0..words.len().min(4))
        .find(|at| !OPENING.contains(low(words, *at)))
        .unwrap_or(0);
    let (first, second) = (low(words, start), low(words, start + 1));
    let kindly = matches!(
        (first, second),
        ("no", "problem" | "worries" | "rush" | "hurry" | "trouble") | ("not", "at")
    );
    if kindly {
        return Answer::Accepted;
    }
    // "Don't forget the keys." "I won't."
    if words.len() <= 3 && low(words, words.len() - 1) == "won't" {
        return Answer::Open;
    }
    // "I ordered some." "I'd love to, but ..."
    let done = matches!(first, "i" | "we" | "i've" | "we've")
        && ((second.len() > 4 && second.ends_with("ed"))
            || (first.ends_with("'ve") && matches!(second, "just" | "already" | "done" | "sent")));
    let keen = first == "i'd" && matches!(second, "love" | "like");
    if done || (keen && words.iter().any(|word| word.low == "but")) {
        return Answer::Declined;
    }
    let refuses = REFUSING.contains(first)
        || words.iter().take(14).enumerate().any(|(at, word)| {
            DECLINING.contains(word.low.as_str()) && low(words, at + 1) != "wait"
        })
        || (0..words.len().min(14)).any(|at| {
            matches!(
                (low(words, at), low(words, at + 1)),
                ("don't", "think")
                    | ("no", "good" | "way" | "chance")
                    | ("i'm", "off" | "out" | "booked" | "working" | "sick")
            )
        })
        || (first == "not" && !matches!(second, "yet"));
    if refuses {
        return Answer::Declined;
    }
    let pair = matches!(
        (first, second),
        ("will", "do")
            | ("of", "course")
            | ("on", "it")
            | ("sounds" | "sound", _)
            | ("works", _)
            | ("that", "works" | "would" | "sounds")
            | (
                "that'd" | "that'll" | "that's",
                "be" | "work" | "great" | "fine" | "perfect"
            )
            | ("why", "not")
            | ("i'd", "love" | "like")
            | ("let's", "do" | "go")
            | ("you", "got" | "bet")
            | ("see", "you")
            | ("happy" | "glad", "to")
            | ("my", "pleasure")
            | (
                "good" | "great" | "nice",
                "idea" | "plan" | "call" | "thinking"
            )
    );
    // "Monday at ten works."
    let last = low(words, words.len() - 1);
    let works = words.len() <= 8
        && (words.iter().any(|word| word.low == "works")
            || (matches!(last, "perfect" | "great" | "fine" | "good")
                && !words
                    .iter()
                    .any(|word| matches!(word.low.as_str(), "not" | "isn't"))));
    if pair || works || AGREEING.contains(first) || AGREEING.contains(low(words, 0)) {
        Answer::Accepted
    } else {
        Answer::Open
    }
}

/// "I'll do it tonight", "I can take care of that": says when, and names nothing itself. True: all do it together.
pub fn taken_on(sentence: &Sentence) -> Option<(When, bool)> {
    let words = &sentence.words;
    let at = take_on(words)?;
    Some((sentence.when(0..words.len()), low(words, at) == "let's"))
}

/// Where "I'll do it" or the like begins.
fn take_on(words: &[Word]) -> Option<usize> {
    (0..words.len().min(8)).find(|at| takes_on(words, *at))
}

fn takes_on(words: &[Word], at: usize) -> bool {
    let still = usize::from(ADVERBS.contains(low(words, at + 1)));
    let duty =
        matches!(low(words, at + 1 + still), "need" | "have") && low(words, at + 2 + still) == "to";
    let mut next = match (low(words, at), low(words, at + 1), low(words, at + 2)) {
        ("i'll" | "ill" | "let's", _, _) => at + 1,
        ("i", "will" | "can", _) => at + 2,
        ("i'm", "gonna", _) => at + 2,
        ("i'm", "going", "to") => at + 3,
        ("i", _, _) if duty => at + 3 + still,
        _ => return false,
    };
    while ADVERBS.contains(low(words, next)) {
        next += 1;
    }
    let object = match (low(words, next), low(words, next + 1)) {
        ("do" | "handle", _) => next + 1,
        ("get", "on") | ("deal", "with") => next + 2,
        ("take", "care") => next + 3,
        _ => return false,
    };
    PRONOUNS.contains(low(words, object))
}

/// "Send it", "call them": a deed that names nothing that was not named before.
pub fn names_nothing(description: &str) -> Option<&str> {
    let (verb, rest) = description.split_once(' ')?;
    rest.split(' ')
        .all(|word| PRONOUN_OBJECTS.contains(word))
        .then_some(verb)
}

/// What a question is about that somebody answers with "I'll do it": "did you call the electrician?"
pub fn asked_deed(sentence: &Sentence) -> Option<(&str, Range<usize>)> {
    let words = &sentence.words;
    let from = skip_discourse(words, 0);
    let body = (from..words.len().min(from + 4)).find_map(|at| {
        match (low(words, at), low(words, at + 1), low(words, at + 2)) {
            ("did" | "have", "you" | "we", "already" | "actually") => Some(at + 3),
            ("did" | "have", "you" | "we", _) => Some(at + 2),
            ("who", "can" | "could" | "will" | "wants", _) => {
                Some(at + 2 + usize::from(low(words, at + 2) == "to"))
            }
            ("who's", "going" | "gonna", "to") => Some(at + 3),
            ("who's", "gonna", _) => Some(at + 2),
            ("someone" | "somebody", "needs" | "has", "to") => Some(at + 3),
            ("someone" | "somebody", "should" | "must", _) => Some(at + 2),
            _ => None,
        }
    })?;
    let verb = base(low(words, body))?;
    let end = clause_end(sentence, body);
    let end = (body + 1..end)
        .find(|at| low(words, *at) == "yet" || gap_before(words, *at) >= Gap::Comma)
        .unwrap_or(end);
    (end > body + 1).then_some((verb, body + 1..end))
}

/// The task verb of "call", "called" or "sent".
fn base(word: &str) -> Option<&'static str> {
    let known = |verb: &str| TASK_VERBS.get(verb).copied();
    if let Some(verb) = known(word) {
        return Some(verb);
    }
    let irregular = IRREGULAR.iter().find(|(past, _)| *past == word);
    if let Some((_, verb)) = irregular {
        return Some(verb);
    }
    let root = word.strip_suffix("ed")?;
    let of_y = || known(&format!("{}y", root.strip_suffix('i')?));
    verb_of_root(root).or_else(of_y)
}

const IRREGULAR: [(&str, &str); 14] = [
    ("sent", "send"),
    ("paid", "pay"),
    ("bought", "buy"),
    ("written", "write"),
    ("made", "make"),
    ("taken", "take"),
    ("told", "tell"),
    ("found", "find"),
    ("spoken", "speak"),
    ("brought", "bring"),
    ("gotten", "get"),
    ("given", "give"),
    ("sold", "sell"),
    ("fed", "feed"),
];

sets! {
    OPENING: "oh ah um well hmm hey ooh aw so honestly";
    AGREEING: "sure yes yeah yep yup okay ok absolutely definitely certainly perfect deal great fine cool alright right gladly
        totally awesome agreed lovely brilliant exactly done excellent amazing course";
    REFUSING: "no nah nope sorry unfortunately";
    DECLINING: "can't cannot won't unfortunately afraid already wish doesn't busy couldn't away";
    PRONOUNS: "it that this them so those these";
}
