//! Calendar events: something that happens, on a day and at a clock time.

use std::collections::HashSet;
use std::ops::Range;

use super::EventDraft;
use super::concrete::hint;
use super::date_words::Sort;
use super::dates::{Moment, When, hour24};
use super::happenings::{SCHEDULING, happens, head_start, meets, visitor};
use super::numbers;
use super::replies::Answer;
use super::sentences::{Sentence, Voice, skip_discourse};
use super::task_text::clause_end;
use super::vocabulary::{DANGLING, DOUBTS, HABITS, OBJECT_STARTS, REPORTS, STOP, TASK_VERBS, sets};
use super::words::{Gap, Word, before, capitalised, gap_before, low, starts_upper};

const DEFAULT_MINUTES: i32 = 30;
const MOST_MINUTES: i32 = 180;
/// A transcript of any length yields at most this many.
const MOST_EVENTS: usize = 30;

/// `answers`: what the next speaker says to each sentence; `taken_back`: sentences that no longer count.
pub fn find(
    sentences: &[Sentence],
    answers: &[Answer],
    taken_back: &HashSet<usize>,
    moment: &Moment,
) -> Vec<EventDraft> {
    let mut out: Vec<EventDraft> = Vec::new();
    for (index, sentence) in sentences.iter().enumerate() {
        let answer = answers.get(index).copied().unwrap_or(Answer::Open);
        if taken_back.contains(&index) {
            continue;
        }
        for event in in_sentence(sentence, answer, moment) {
            let known = out
                .iter()
                .any(|known| known.start == event.start && related(&known.title, &event.title));
            if !known && out.len() < MOST_EVENTS {
                out.push(event);
            }
        }
    }
    out.sort_by_key(|event| event.start);
    out
}

fn related(a: &str, b: &str) -> bool {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    a.split_whitespace().any(|word| {
        b.split_whitespace()
            .any(|other| word == other && !STOP.contains(word))
    })
}

/// Whether a sentence names something with a day and a clock time, whatever
/// they turn out to be.
pub fn mentions(sentence: &Sentence) -> bool {
    !candidates(sentence, Answer::Open).is_empty()
}

fn in_sentence(sentence: &Sentence, answer: Answer, moment: &Moment) -> Vec<EventDraft> {
    let drafts = candidates(sentence, answer)
        .into_iter()
        .filter_map(|(title, when, minutes)| {
            Some(EventDraft {
                title,
                description: sentence.text.chars().take(200).collect(),
                start: moment.resolve(&when)?,
                duration_minutes: minutes,
            })
        });
    drafts.collect()
}

/// Title, time and minutes of what is said to happen.
fn candidates(sentence: &Sentence, answer: Answer) -> Vec<(String, When, i32)> {
    let words = &sentence.words;
    let whole = sentence.when(0..words.len());
    if !whole.has_date() || !whole.has_clock() || !holds(sentence, answer) {
        return Vec::new();
    }
    let named: Vec<usize> = (0..words.len())
        .filter(|at| happens(sentence, *at))
        .collect();
    let mut out = Vec::new();
    let mut from = 0;
    for (n, at) in named.iter().enumerate() {
        let next = named
            .get(n + 1)
            .map_or(words.len(), |next| head_start(sentence, *next));
        let (mut when, to) = time_of(sentence, from, *at, next);
        // "Standup at nine and lunch at noon tomorrow": the day goes for both.
        if !when.has_date() && (n > 0 || named.len() > 1) {
            when = when.and(When {
                clock: None,
                until: None,
                part: None,
                ..whole
            });
        }
        if !when.has_date() || !when.has_clock() {
            continue;
        }
        let scope = from..to;
        when.hint = hint(words.get(scope.clone()).unwrap_or_default());
        let title = title(sentence, *at, next);
        out.push((title, when, minutes(sentence, scope, &when)));
        from = to;
    }
    out
}

/// What the time phrases around the event at `at` say of it, and where those of the next one begin. What follows the event
/// goes before what stands in front, unless that has a clock time and the other is set off by "and".
fn time_of(sentence: &Sentence, from: usize, at: usize, next: usize) -> (When, usize) {
    let words = &sentence.words;
    let front = sentence.when(from..at);
    let apart = (at..next).find(|at| {
        sentence.time_at(*at).is_some_and(|time| {
            let joint = before(words, time.at.start);
            time.when.has_clock() && matches!(joint, "and" | "then")
        })
    });
    match apart.filter(|_| front.has_clock()) {
        Some(apart) => (sentence.when(at..apart).and(front), apart),
        None => (sentence.when(at..next).and(front), next),
    }
}

/// False for what is denied, asked, imagined, reported, past, habitual or
/// somebody else's.
fn holds(sentence: &Sentence, answer: Answer) -> bool {
    let words = &sentence.words;
    let all = 0..words.len();
    let tagged = words
        .last()
        .is_some_and(|word| matches!(word.low.as_str(), "right" | "okay" | "correct" | "yeah"));
    let proposed = sentence.asks
        || words
            .iter()
            .any(|word| matches!(word.low.as_str(), "let's" | "lets" | "could" | "you"));
    if (sentence.asks && !tagged && answer != Answer::Accepted)
        || (proposed && answer == Answer::Declined)
        || sentence.any(Sort::Habit, all.clone())
        || sentence.any(Sort::Past, all)
    {
        return false;
    }
    if sentence.voice == Voice::Other
        && words
            .iter()
            .any(|word| matches!(word.low.as_str(), "my" | "i" | "i'm" | "i've" | "i'll"))
    {
        return words.iter().any(|word| {
            matches!(
                word.low.as_str(),
                "you" | "your" | "we" | "our" | "us" | "let's"
            )
        });
    }
    let theirs = is_theirs(sentence);
    let denied = words.iter().enumerate().any(|(at, word)| {
        let next = low(words, at + 1);
        let forget = matches!(next, "forget" | "let")
            || (word.low == "don't" && matches!(next, "be" | "worry"));
        let low = word.low.as_str();
        let past = NOT_AHEAD.contains(low) || is_over(words, at);
        let asked = low == "would" && sentence.asks;
        (DOUBTS.contains(low) && !forget)
            || (low == "say" && at > 0 && words.get(at - 1).is_some_and(|word| word.low == "let's"))
            || (past && !asked)
            || HABITS.contains(low)
            || (REPORTS.contains(low) && low != "told")
            || word.quoted
    });
    !theirs && !denied
}

/// "(we) watched", but not "(we) booked": that is still to come.
fn is_over(words: &[Word], at: usize) -> bool {
    let verb = low(words, at);
    matches!(before(words, at), "i" | "we" | "you" | "they")
        && (PASTS.contains(verb)
            || (verb.len() > 4
                && verb.ends_with("ed")
                && !SCHEDULING.contains(verb)
                && !ARRANGED.contains(verb)))
}

/// "She has a call", "my boss is flying", "Tom has an interview": somebody else's.
fn is_theirs(sentence: &Sentence) -> bool {
    let words = &sentence.words;
    let from = skip_discourse(words, 0);
    let ours = (0..words.len()).any(|at| matches!(low(words, at), "our" | "we" | "i" | "i'm"));
    let kin = low(words, from) == "my" && PEOPLE.contains(low(words, from + 1));
    let does = (from + 1..from + 5).any(|at| {
        matches!(low(words, at), "has" | "gets")
            || (matches!(low(words, at), "is" | "are") && low(words, at + 1) == "flying")
    });
    // "Ellen's flight"
    let owned = (from + 1..words.len()).any(|at| {
        matches!(low(words, at), "flight" | "train" | "interview" | "exam")
            && before(words, at).ends_with("'s")
    });
    let verb_at = from + 2;
    let acts = kin
        && matches!(
            low(words, verb_at),
            "is" | "has" | "will" | "wants" | "needs"
        );
    THEIRS.contains(low(words, from)) || acts || ((does || owned) && !ours)
}

/// A title ends before these.
const VERBS: [&str; 27] = [
    "where", "what", "how", "why", "at", "in", "on", "is", "are", "was", "will", "leaves", "leave",
    "starts", "begins", "departs", "arrives", "ends", "lasts", "happens", "takes", "goes", "got",
    "has", "runs", "and", "so",
];

/// "Dentist appointment", "Lunch with Anna", "Flight to Lisbon".
fn title(sentence: &Sentence, at: usize, to: usize) -> String {
    let words = &sentence.words;
    let sees = low(words, at) == "seeing";
    let verb = sees || (matches!(low(words, at), "meet" | "meeting") && meets(sentence, at));
    let mut parts: Vec<&str> = Vec::new();
    if verb {
        parts.push(if sees { "seeing" } else { "meeting" });
    } else if let Some(visitor) = visitor(sentence, at).filter(|_| low(words, at) == "coming") {
        let who = visitor.filter_map(|at| words.get(at));
        parts.extend(who.map(|word| word.text.strip_suffix("'s").unwrap_or(&word.text)));
        parts.push("coming");
    } else {
        let whole = (head_start(sentence, at)..=at)
            .filter_map(|at| words.get(at))
            .map(|word| word.text.as_str());
        parts.extend(whole);
        if let Some(last) = parts.last_mut() {
            *last = last.strip_suffix("'s").unwrap_or(last);
        }
    }
    let mut next = at + 1;
    if low(words, next) == "night" && sentence.time_at(next).is_none() {
        parts.push("night");
        next += 1;
    }
    let whom = low(words, next);
    let object = verb
        && !matches!(whom, "" | "up" | "out")
        && (!STOP.contains(whom) || OBJECT_STARTS.contains(whom))
        && sentence.time_at(next).is_none();
    if object && !sees {
        parts.push("with");
    }
    let end = clause_end(sentence, at).min(to);
    // A time may stand between: "lunch tomorrow at noon with Anna".
    while next < end && parts.len() < 9 {
        if let Some(time) = sentence.time_at(next) {
            next = time.at.end.max(next + 1);
            continue;
        }
        let word = low(words, next);
        let names = words.get(next).is_some_and(|word| starts_upper(&word.text));
        let to = || {
            let verb = low(words, next + 1);
            let named = words
                .get(next + 1)
                .is_some_and(|word| starts_upper(&word.text));
            named
                || matches!(low(words, at), "flight" | "flying" | "train")
                || (TASK_VERBS.contains(verb) && verb != "see")
        };
        let opens = matches!(word, "with" | "about" | "for") || (word == "to" && to());
        let continues = object
            || parts.len() > 1
                && (parts
                    .iter()
                    .any(|part| matches!(*part, "with" | "to" | "about" | "for")));
        let length = numbers::amount(words, next).is_some();
        if (!opens && !continues)
            || length
            || (word == "for" && numbers::amount(words, next + 1).is_some())
            || (VERBS.contains(&word)
                && !(word == "and"
                    && words
                        .get(next + 1)
                        .is_some_and(|word| starts_upper(&word.text))))
            || (gap_before(words, next) >= Gap::Comma && !opens && !names)
        {
            break;
        }
        parts.extend(words.get(next).map(|word| word.text.as_str()));
        next += 1;
    }
    while parts.len() > 1
        && parts
            .last()
            .is_some_and(|last| DANGLING.contains(last.to_lowercase().as_str()))
    {
        parts.pop();
    }
    capitalised(&parts.join(" "))
}

/// From "from two to four", "for an hour" or "one-hour"; otherwise the default.
fn minutes(sentence: &Sentence, scope: Range<usize>, when: &When) -> i32 {
    if let (Some(from), Some(until)) = (when.clock, when.until) {
        let part = when.part.or(when.hint);
        let at = |clock| {
            let (hour, days) = hour24(clock, part);
            i32::try_from((days * 24 + hour) * 60 + clock.minute).unwrap_or(0)
        };
        let length = (at(until) - at(from)).rem_euclid(12 * 60);
        return if length == 0 {
            DEFAULT_MINUTES
        } else {
            length.min(MOST_MINUTES)
        };
    }
    let words = &sentence.words;
    let said = scope
        .filter(|at| matches!(low(words, *at), "for" | "lasting" | "lasts" | "takes"))
        .find_map(|at| length(sentence, at + 1));
    let hyphenated = || {
        words.iter().find_map(|word| {
            let (amount, unit) = word.low.split_once('-')?;
            let amount = numbers::digits(amount).or(match amount {
                "one" => Some(1),
                "two" => Some(2),
                "half" => Some(0),
                _ => None,
            })?;
            match unit {
                "hour" if amount == 0 => Some(30),
                "hour" => Some(amount.saturating_mul(60)),
                "minute" => Some(amount),
                _ => None,
            }
        })
    };
    let minutes = said
        .or_else(hyphenated)
        .and_then(|minutes| i32::try_from(minutes).ok());
    minutes
        .filter(|minutes| *minutes > 0)
        .map_or(DEFAULT_MINUTES, |minutes| minutes.min(MOST_MINUTES))
}

fn length(sentence: &Sentence, at: usize) -> Option<u32> {
    let words = &sentence.words;
    if low(words, at) == "half" && low(words, at + 2) == "hour" {
        return Some(30);
    }
    let (amount, taken) = numbers::amount(words, at)?;
    let unit = match low(words, at + taken) {
        "minute" | "minutes" | "mins" => 1,
        "hour" | "hours" => 60,
        _ => return None,
    };
    let half = low(words, at + taken + 1) == "and" && low(words, at + taken + 3) == "half";
    Some(amount * unit + if half { 30 } else { 0 })
}

sets! {
    THEIRS: "he she they his her their he's she's they're";
    NOT_AHEAD: "was were had did went met used would wouldn't i'd weren't wasn't cancelled canceled
        tv television missed isn't aren't no";
    PASTS: "saw ate took gave sat ran came left spent drank";
    ARRANGED: "agreed decided signed registered invited enrolled reserved arranged organised organized";
    PEOPLE: "boss colleague coworker brother sister mom mum dad mother father wife husband son daughter friend roommate flatmate
        neighbor neighbour manager girlfriend boyfriend partner teacher client cousin uncle aunt parents kids";
}
