//! The phrases that announce a task: "remind me to", "I have to", "let's".

use std::collections::HashMap;
use std::sync::LazyLock;

use super::sentences::{Sentence, clause_start, skip_discourse};
use super::task_text::verb_of;
use super::vocabulary::{ADVERBS, AT_ONCE, TASK_VERBS, VAGUE_VERBS, sets};
use super::words::{Gap, Word, before, gap_before, low};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// "remind me to", "don't forget to"
    Reminder,
    /// "remind me about", "don't forget the": a thing, not a deed
    Recall,
    /// "I need to", "I must"
    Duty,
    /// "I'll", "I'm going to"
    Promise,
    /// "we need to", "let's"
    Joint,
    /// "can you", "please"
    Request,
    /// "you need to": a request unless it is said of people in general
    Advice,
    /// "my mom asked me to"
    Errand,
    /// "I want to", "let me": a promise only when it is dated
    Wish,
    /// "should we", "how about we": once somebody agrees
    Proposal,
    /// "should I", "I could": once somebody agrees
    Offer,
    /// "TODO:"
    Note,
}

/// Alternatives within a phrase are separated by `/`.
const PHRASES: &[(&str, Class)] = &[
    ("remind me to", Class::Reminder),
    ("reminder to", Class::Reminder),
    ("remember to", Class::Reminder),
    ("don't/not/never forget to", Class::Reminder),
    (
        "can't/cannot/mustn't/shouldn't/won't forget to",
        Class::Reminder,
    ),
    ("don't let me forget to", Class::Reminder),
    ("remind me about/of/that", Class::Recall),
    ("don't forget", Class::Recall),
    ("don't forget about", Class::Recall),
    ("don't let me forget", Class::Recall),
    ("don't let me forget about", Class::Recall),
    (
        "set/create/add/make/put a reminder/note to",
        Class::Reminder,
    ),
    ("i need/have to", Class::Duty),
    ("i've/i got to", Class::Duty),
    ("i have got to", Class::Duty),
    ("i gotta", Class::Duty),
    ("i've gotta", Class::Duty),
    ("i must", Class::Duty),
    ("i should", Class::Duty),
    ("i ought to", Class::Duty),
    ("i'd better", Class::Duty),
    ("i had better", Class::Duty),
    ("i'm supposed/meant to", Class::Duty),
    ("i am supposed to", Class::Duty),
    ("we're supposed/meant to", Class::Joint),
    ("we are supposed to", Class::Joint),
    ("it's on/my me/job/turn/task to", Class::Duty),
    ("it's up to me to", Class::Duty),
    ("my task/job/plan/goal/aim is to", Class::Duty),
    ("my to-dos/todos/tasks are", Class::Note),
    ("for me is to", Class::Duty),
    ("the plan is to", Class::Joint),
    ("i've to", Class::Duty),
    ("need/have/got to", Class::Duty),
    ("gotta", Class::Duty),
    ("must", Class::Duty),
    ("i'll", Class::Promise),
    ("ill", Class::Promise),
    ("i will", Class::Promise),
    ("i shall", Class::Promise),
    ("i'm going to", Class::Promise),
    ("i'm gonna", Class::Promise),
    ("i am going to", Class::Promise),
    ("i'm planning to", Class::Promise),
    ("i plan/intend/promise to", Class::Promise),
    ("i agreed/promised/offered/volunteered to", Class::Promise),
    ("i signed up to", Class::Promise),
    ("i'd", Class::Promise),
    ("i'm", Class::Promise),
    ("i want to", Class::Wish),
    ("i wanna", Class::Wish),
    ("i'd like to", Class::Wish),
    ("let me", Class::Wish),
    ("should/shall we", Class::Proposal),
    ("why don't we", Class::Proposal),
    ("how about we", Class::Proposal),
    ("do you want to", Class::Proposal),
    ("do you wanna", Class::Proposal),
    ("want to", Class::Proposal),
    ("wanna", Class::Proposal),
    ("we could", Class::Proposal),
    ("should/shall i", Class::Offer),
    ("do you want me to", Class::Offer),
    ("want me to", Class::Offer),
    ("i can/could", Class::Offer),
    ("we need/have to", Class::Joint),
    ("we've got to", Class::Joint),
    ("we gotta", Class::Joint),
    ("we've gotta", Class::Joint),
    ("we must", Class::Joint),
    ("we should", Class::Joint),
    ("we ought to", Class::Joint),
    ("we'd better", Class::Joint),
    ("we'll", Class::Joint),
    ("we will", Class::Joint),
    ("we're going to", Class::Joint),
    ("we're gonna", Class::Joint),
    ("let's", Class::Joint),
    ("let us", Class::Joint),
    ("lets", Class::Joint),
    ("can/could/would/will you", Class::Request),
    ("would/do you mind", Class::Request),
    ("would you be able to", Class::Request),
    ("are you able to", Class::Request),
    ("do you think you could/can", Class::Request),
    ("any chance you could/can", Class::Request),
    ("if you could", Class::Request),
    ("please", Class::Request),
    ("i need/want you to", Class::Request),
    ("i'd like you to", Class::Request),
    ("make/be sure to", Class::Request),
    ("make sure you/we/i", Class::Request),
    ("make sure that you/we/i", Class::Request),
    ("you need/have to", Class::Advice),
    ("you must", Class::Advice),
    ("you should", Class::Advice),
    ("you'd better", Class::Advice),
    ("you'll need/have to", Class::Advice),
    ("you've got to", Class::Advice),
    ("asked/asks/told/wants/needs/expects me to", Class::Errand),
    ("todo", Class::Note),
    ("to-do", Class::Note),
    ("to do", Class::Note),
    ("todo/to-do list", Class::Note),
    ("to do list", Class::Note),
    ("action item/items", Class::Note),
    ("next step/steps", Class::Note),
    ("note to self", Class::Note),
];

struct Phrase {
    steps: Vec<Vec<&'static str>>,
    class: Class,
}

static BY_FIRST: LazyLock<HashMap<&'static str, Vec<Phrase>>> = LazyLock::new(|| {
    let mut out: HashMap<&'static str, Vec<Phrase>> = HashMap::new();
    for (phrase, class) in PHRASES {
        let steps: Vec<Vec<&'static str>> = phrase
            .split(' ')
            .map(|step| step.split('/').collect())
            .collect();
        for first in steps.first().into_iter().flatten() {
            out.entry(first).or_default().push(Phrase {
                steps: steps.clone(),
                class: *class,
            });
        }
    }
    out
});

/// A phrase found at a word.
#[derive(Debug, Clone, Copy)]
pub struct Hit {
    pub class: Class,
    /// Where what is to be done begins.
    pub body: usize,
}

/// The longest phrase beginning at this word.
pub fn at(sentence: &Sentence, at: usize) -> Option<Hit> {
    longest(sentence, at).filter(|hit| fits(&sentence.words, at, *hit))
}

/// A further phrase where the body of another begins: "I'll" + "have to",
/// "can you" + "remind me to".
pub fn chained(sentence: &Sentence, at: usize) -> Option<Hit> {
    longest(sentence, at).filter(|hit| {
        !matches!(low(&sentence.words, at), "todo" | "to" | "next" | "action") && hit.body > at
    })
}

fn longest(sentence: &Sentence, at: usize) -> Option<Hit> {
    let phrases = BY_FIRST.get(low(&sentence.words, at))?;
    phrases
        .iter()
        .filter_map(|phrase| matched(sentence, at, phrase))
        .max_by_key(|hit| hit.body)
}

fn matched(sentence: &Sentence, at: usize, phrase: &Phrase) -> Option<Hit> {
    let words = &sentence.words;
    let mut next = at + 1;
    for step in phrase.steps.iter().skip(1) {
        let mut skipped = 0;
        while !step.contains(&low(words, next)) {
            if let (["to"], Some(to)) = (step.as_slice(), waits(words, next)) {
                next = to;
                break;
            }
            next = match sentence.time_at(next) {
                Some(time) => time.at.end.max(next + 1),
                None if ADVERBS.contains(low(words, next)) => next + 1,
                None => return None,
            };
            skipped += 1;
            if skipped > 4 {
                return None;
            }
        }
        if gap_before(words, next) >= Gap::Break {
            return None;
        }
        next += 1;
    }
    // "Remind me that the rent is due" reads "Remember that the rent is due".
    let keeps = phrase.class == Class::Recall && low(words, next - 1) == "that";
    Some(Hit {
        class: phrase.class,
        body: if keeps { next - 1 } else { next },
    })
}

/// The "to" after "(remind me) when I get home".
fn waits(words: &[Word], at: usize) -> Option<usize> {
    let opens = matches!(low(words, at), "when" | "before" | "after" | "once" | "if");
    let leads = |to: &usize| low(words, *to) == "to" && TASK_VERBS.contains(low(words, *to + 1));
    let to = (at + 2..at + 9).find(leads);
    to.filter(|_| opens && before(words, at) == "me")
}

/// Phrases without a subject only count where a sentence or clause begins.
fn fits(words: &[Word], at: usize, hit: Hit) -> bool {
    let before = before(words, at);
    let led =
        gap_before(words, at) >= Gap::Comma || clause_start(words, at) || OPENERS.contains(before);
    let thing = low(words, hit.body);
    let named = thing.ends_with("'s") || THING_STARTS.contains(thing);
    let forgets = matches!(low(words, at), "don't" | "not" | "never");
    if hit.class == Class::Recall && forgets && !named {
        return false;
    }
    match low(words, at) {
        "set" | "create" | "add" | "put" => led,
        "reminder" => led || matches!(before, "a" | "another"),
        "remember" | "need" | "have" | "got" | "gotta" | "must" | "please" | "lets" | "ill"
        | "make" | "be" | "don't" | "never" => led,
        "not" => matches!(before, "must" | "can" | "should" | "better" | "do" | "will"),
        "want" | "wanna" => skip_discourse(words, 0) == at,
        "if" => WELCOMING.contains(before),
        "i'd" if hit.class == Class::Promise => is_pledged(words, at),
        "i'm" if hit.body == at + 1 => is_planned(words, hit.body),
        "let" => !matches!(before, "don't" | "to" | "not"),
        "todo" | "to-do" => gap_before(words, hit.body) >= Gap::Comma,
        // "note to self cancel the trial", as recognisers write it
        "note" => led && (gap_before(words, hit.body) >= Gap::Comma || TASK_VERBS.contains(thing)),
        "to" | "action" | "next" => led && gap_before(words, hit.body) >= Gap::Comma,
        _ => true,
    }
}

/// "I told Anna I'd", "we agreed that I'd"
fn is_pledged(words: &[Word], at: usize) -> bool {
    (at.saturating_sub(6)..at).any(|verb| {
        PLEDGING.contains(low(words, verb)) && matches!(before(words, verb), "i" | "we" | "already")
    })
}

/// "I'm dropping the car off", but not "I'm meeting Anna" or "I'm playing tennis"
fn is_planned(words: &[Word], at: usize) -> bool {
    verb_of(low(words, at)).is_some_and(|verb| {
        !AT_ONCE.contains(verb) && !VAGUE_VERBS.contains(verb) && !NO_ERRANDS.contains(verb)
    })
}

sets! {
    PLEDGING: "told promised said agreed";
    WELCOMING: "great nice good helpful awesome lovely appreciate it wonderful wondering";
    NO_ERRANDS: "meet visit attend join give cook bake feed walk drive fly study practice practise exercise train learn
        check find create build speak discuss research record search count use do make get watch have see ask tell";
    THING_STARTS: "the your my our that his her this";
    OPENERS: "and so but then also okay please well yeah oh now just hey";
}
