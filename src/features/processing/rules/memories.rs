//! Lasting facts people state about themselves, put into the third person:
//! "I live in Berlin" becomes "User lives in Berlin".

use std::collections::HashSet;

use super::MemoryDraft;
use super::date_words::{Found, Sort};
use super::facts::{FACTS, MOST_WORDS, Needs, follows};
use super::relatives::of_mine;
use super::sentences::{Sentence, Voice, clause_start, skip_discourse};
use super::task_text::clause_end;
use super::vocabulary::{DANGLING, FACT_ADVERBS, STOP, sets};
use super::words::{Gap, Word, before, capitalised, gap_before, low};

/// Facts whose verbs tell of something over and done with may be dated.
const OVER: [&str; 11] = [
    "moved",
    "was",
    "graduated",
    "grew",
    "got",
    "retired",
    "quit",
    "left",
    "stopped",
    "gave",
    "sold",
];

/// Most facts kept of one conversation.
const MOST_MEMORIES: usize = 2;

pub fn find(sentences: &[Sentence]) -> Vec<MemoryDraft> {
    facts(sentences)
        .into_iter()
        .take(MOST_MEMORIES)
        .map(|content| MemoryDraft {
            category: category(&content).to_owned(),
            content,
        })
        .collect()
}

/// All that somebody who may be the user states, the most telling first.
pub fn facts(sentences: &[Sentence]) -> Vec<String> {
    let mut facts: Vec<(u8, String)> = Vec::new();
    let mut seen = HashSet::new();
    for sentence in sentences
        .iter()
        .filter(|sentence| sentence.voice != Voice::Other && !sentence.asks)
    {
        for (weight, content) in in_sentence(sentence) {
            if seen.insert(content.to_lowercase()) {
                facts.push((weight, content));
            }
        }
    }
    // Stable: of equally telling facts the earlier ones stay.
    facts.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    facts.into_iter().map(|(_, content)| content).collect()
}

fn in_sentence(sentence: &Sentence) -> Vec<(u8, String)> {
    let words = &sentence.words;
    let supposes = words
        .iter()
        .any(|word| SUPPOSING.contains(word.low.as_str()));
    // "My friend is a pilot, I think."
    let hedged = (0..words.len()).any(|at| {
        matches!(low(words, at), "think" | "guess" | "believe")
            && before(words, at) == "i"
            && gap_before(words, at + 1) >= Gap::Comma
    });
    if supposes || hedged {
        return Vec::new();
    }
    let mut out = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let quoted = words.get(at).is_some_and(|word| word.quoted);
        let joined = at.checked_sub(1).is_some_and(|at| {
            matches!(
                low(words, at),
                "and" | "but" | "so" | "because" | "since" | "plus" | "both" | "all"
            )
        });
        let begins = joined || at == skip_discourse(words, 0) || clause_start(words, at);
        let fact = if quoted || !begins || reported(words, at) {
            None
        } else {
            any_more(sentence, at)
                .or_else(|| first_person(sentence, at))
                .or_else(|| of_mine(sentence, at))
        };
        match fact {
            Some((weight, content, end)) => {
                out.push((weight, content));
                at = end.max(at + 1);
            }
            None => at += 1,
        }
    }
    out
}

/// "he said, I live in ...": somebody else's first person.
fn reported(words: &[Word], at: usize) -> bool {
    let from = at.saturating_sub(3);
    words
        .iter()
        .take(at)
        .skip(from)
        .any(|word| REPORTING.contains(word.low.as_str()))
}

/// The position after a phrase, adverbs between its words allowed.
fn matched(words: &[Word], at: usize, phrase: &str) -> Option<usize> {
    let mut next = at;
    for (n, step) in phrase.split(' ').enumerate() {
        let mut skipped = 0;
        while n > 0
            && low(words, next) != step
            && skipped < 2
            && FACT_ADVERBS.contains(low(words, next))
        {
            next += 1;
            skipped += 1;
        }
        // "I am" reads as "I'm", "I have" before a participle as "I've".
        next += match (step, low(words, next), low(words, next + 1)) {
            ("i'm", "i", "am") | ("i've", "i", "have") | ("we've", "we", "have") => 2,
            (step, word, _) if step == word => 1,
            _ => return None,
        };
    }
    Some(next)
}

fn first_person(sentence: &Sentence, at: usize) -> Option<(u8, String, usize)> {
    let words = &sentence.words;
    if !matches!(low(words, at), "i" | "i'm" | "i've" | "we" | "we've") {
        return None;
    }
    FACTS.iter().find_map(|(phrase, becomes, needs, weight)| {
        let mut from = matched(words, at, phrase)?;
        while from < at + 8 && FACT_ADVERBS.contains(low(words, from)) {
            from += 1;
        }
        let mut end = fact_end(sentence, from);
        let over = OVER.iter().any(|past| becomes.starts_with(past));
        if matches!(needs, Needs::Since) && low(words, end) == "since" {
            end = fact_end(sentence, end);
        }
        if matches!(needs, Needs::Routine) && !sentence.any(Sort::Habit, from..end) {
            return None;
        }
        if !(over || lasts(sentence, from, end, *needs)) || !follows(words, from, end, *needs) {
            return None;
        }
        let place = matches!(needs, Needs::Place | Needs::Employer);
        let mut rest = third_person(sentence, from, end, place);
        if matches!(needs, Needs::Verb) {
            let (verb, object) = rest.split_once(' ').unwrap_or((&rest, ""));
            rest = format!("{} {object}", third_form(verb));
        }
        Some((
            *weight,
            format!("User {becomes} {rest}").trim_end().to_owned(),
            end,
        ))
    })
}

/// "eat" is "eats", "study" is "studies".
fn third_form(verb: &str) -> String {
    match verb {
        "have" => "has".to_owned(),
        "teach" => "teaches".to_owned(),
        _ => match verb.strip_suffix('y').filter(|root| root.ends_with('d')) {
            Some(root) => format!("{root}ies"),
            None => format!("{verb}s"),
        },
    }
}

/// "I don't work at Bosch anymore": the verb and where it ends.
fn any_more(sentence: &Sentence, at: usize) -> Option<(u8, String, usize)> {
    let words = &sentence.words;
    let denies = low(words, at) == "i" && low(words, at + 1) == "don't";
    let end = fact_end(sentence, at + 2);
    let last = end.checked_sub(1)?;
    let over = matches!(low(words, last), "anymore")
        || low(words, last) == "more" && low(words, last - 1) == "any";
    if !denies || !over || !ENDED_DEEDS.contains(low(words, at + 2)) || end < at + 5 {
        return None;
    }
    let verb = third_form(low(words, at + 2));
    let last = if low(words, last) == "more" {
        last - 1
    } else {
        last
    };
    let rest = third_person(sentence, at + 3, last, false);
    Some((5, format!("User no longer {verb} {rest}"), end))
}

/// Lists of more than one comma stay whole; a second clause does not belong.
pub fn fact_end(sentence: &Sentence, from: usize) -> usize {
    if from >= sentence.words.len() || gap_before(&sentence.words, from) >= Gap::Break {
        return from;
    }
    clause_end(sentence, from)
}

/// No plans and no moods: nothing dated.
fn lasts(sentence: &Sentence, from: usize, end: usize, needs: Needs) -> bool {
    let dated = sentence
        .found
        .iter()
        .filter(|found| found.at.start < end && found.at.end > from);
    // "In the morning" alone is a habit.
    let moment = |found: &Found| match found.sort {
        Sort::When | Sort::Owner => found.when.has_date() || found.when.has_clock(),
        sort => sort == Sort::Vague && !is_now(sentence, found),
    };
    !dated.into_iter().any(|found| {
        moment(found)
            || (found.sort == Sort::Past
                && !matches!(needs, Needs::Place | Needs::Anything | Needs::Deed))
    })
}

/// "I work as a translator now": lasting all the same. "Right now" is not.
fn is_now(sentence: &Sentence, found: &Found) -> bool {
    found.sort == Sort::Vague
        && found.at.len() == 1
        && low(&sentence.words, found.at.start) == "now"
}

/// The words as said of somebody else; "last year" goes, since it would grow stale.
pub fn third_person(sentence: &Sentence, from: usize, end: usize, named: bool) -> String {
    let mut out: Vec<String> = Vec::new();
    for at in from..end {
        let Some(word) = sentence.words.get(at) else {
            break;
        };
        if sentence
            .time_at(at)
            .is_some_and(|time| time.sort == Sort::Past || is_now(sentence, time))
        {
            continue;
        }
        let text = match word.low.as_str() {
            "my" | "our" => "their",
            "me" | "us" => "them",
            "i" | "we" => "they",
            "i'm" | "we're" => "they're",
            "i've" | "we've" => "they've",
            "i'll" | "we'll" => "they'll",
            "mine" | "ours" => "theirs",
            "myself" | "ourselves" => "themselves",
            "was" | "am" if out.last().is_some_and(|last| last == "they") => {
                match word.low.as_str() {
                    "was" => "were",
                    _ => "are",
                }
            }
            _ => word.text.as_str(),
        };
        let plain = named && at == from && !STOP.contains(word.low.as_str()) && end <= from + 2;
        let text = if plain {
            capitalised(text)
        } else {
            text.to_owned()
        };
        let comma = word.gap == Gap::Comma && at + 1 < end;
        out.push(if comma { format!("{text},") } else { text });
    }
    out.truncate(MOST_WORDS);
    while out.len() > 1
        && out.last().is_some_and(|last| {
            let last = last.trim_end_matches(',').to_lowercase();
            // What "there" meant was said before.
            DANGLING.contains(last.as_str()) || matches!(last.as_str(), "there" | "here")
        })
    {
        out.pop();
    }
    out.join(" ").trim_end_matches(',').to_owned()
}

/// "system" for what is about the user's life, "interesting" for knowledge of
/// the world.
pub fn category(content: &str) -> &'static str {
    let lower = content.to_lowercase().replace('’', "'");
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .collect();
    // "Likes tea" leaves the user out; "Anna lives in Rome" names somebody.
    let personal = words.iter().any(|word| SPEAKERS.contains(word))
        || words.first().is_some_and(|word| HABITUAL.contains(word))
        || words.iter().take(3).any(|word| OF_LIFE.contains(word));
    if personal || words.is_empty() {
        "system"
    } else {
        "interesting"
    }
}

sets! {
    ENDED_DEEDS: "work eat drink smoke play drive teach study own";
    SUPPOSING: "if wish imagine suppose pretend would i'd";
    REPORTING: "said says goes like told asked thinks wrote not";
    SPEAKERS: "user user's users i i'm i've i'll i'd me my mine myself we our us you your they their them";
    HABITUAL: "has wants needs avoids drinks eats plans uses runs practices practises collects teaches manages
        wakes sleeps learning training planning goes keeps takes can cannot is was used";
    OF_LIFE: "lives works likes loves hates prefers enjoys dislikes owns plays drives speaks studies allergic
        born married moved grew wife husband birthday favorite favourite vegetarian vegan daughter son";
}
