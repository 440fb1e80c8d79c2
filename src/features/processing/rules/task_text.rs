//! The wording of a task: where it ends, where a second one begins, and how
//! it reads as an imperative without its time words.

use std::ops::Range;

use super::date_words::Sort;
use super::sentences::{Sentence, Voice, clause_start, noun_clause, subject_and_verb};
use super::triggers::{self, Class};
use super::vocabulary::{
    ADVERBS, AUXILIARIES, COMPLEMENT, DANGLING, NOUN_VERBS, OBJECT_STARTS, STOP, SUBJECTS,
    TASK_VERBS, sets,
};
use super::words::{Gap, Word, capitalised, gap_before, low, starts_upper};

/// Most words of a task's description.
pub const MOST_WORDS: usize = 15;
/// No clause is read further than this.
const FURTHEST: usize = 40;

/// Verbs that take "if" and "when" clauses as their object.
const ASKING: [&str; 10] = [
    "ask", "check", "see", "find", "know", "confirm", "verify", "decide", "tell", "figure",
];

/// The position after the last word of a clause that begins at `from`.
pub fn clause_end(sentence: &Sentence, from: usize) -> usize {
    let words = &sentence.words;
    let last = words.len().min(from + FURTHEST);
    let mut at = from + 1;
    while at < last {
        if gap_before(words, at) >= Gap::Break {
            return at;
        }
        if let Some(time) = sentence.time_at(at) {
            let told = words.get(from..at).unwrap_or_default();
            let told = told.iter().any(|word| ASKING.contains(&word.low.as_str()));
            if time.at.start == at && at > from && !told && time_clause(sentence, at) {
                return at;
            }
            at = time.at.end.max(at + 1);
            continue;
        }
        let after_comma = gap_before(words, at) == Gap::Comma && !continues_list(sentence, at);
        if after_comma || breaks_off(sentence, from, at) {
            return at;
        }
        at += 1;
    }
    last
}

/// Whether what follows a comma still belongs: a list item, a time, or a
/// second verb.
fn continues_list(sentence: &Sentence, at: usize) -> bool {
    let words = &sentence.words;
    let joins = |at: usize| usize::from(matches!(low(words, at), "and" | "or" | "then"));
    let joined = joins(at) == 1;
    let item = at + joins(at) + joins(at + 1) * joins(at);
    if sentence.time_at(item).is_some() || second_verb(words, item) {
        return true;
    }
    let aside = (low(words, item), low(words, item + 2)) == ("by", "way");
    let tag = aside || TAGS.contains(low(words, item));
    if tag || subject_and_verb(words, item) {
        return false;
    }
    let part = (item..words.len().min(item + 6))
        .take_while(|i| *i == item || gap_before(words, *i) < Gap::Comma)
        .take_while(|i| sentence.time_at(*i).is_none());
    let part: Vec<&str> = part.map(|i| low(words, i)).collect();
    // "eggs and coffee filters" ends a list as "and eggs" does.
    let ends = joined || part.contains(&"and");
    let verb = part.iter().any(|word| AUXILIARIES.contains(word));
    part.len() <= if ends { 4 } else { 3 } && !(verb && !joined && ends)
}

fn breaks_off(sentence: &Sentence, from: usize, at: usize) -> bool {
    let words = &sentence.words;
    let (word, next) = (low(words, at), low(words, at + 1));
    let asking = || {
        words
            .iter()
            .take(at)
            .skip(from)
            .any(|word| ASKING.contains(&word.low.as_str()))
    };
    let clause_follows = || SUBJECTS.contains(next) || subject_and_verb(words, at + 1);
    let cut = match word {
        "but" | "because" | "cause" | "though" | "although" | "otherwise" | "unless"
        | "whereas" | "which" | "okay" | "alright" | "thanks" | "bye" | "cuz" => true,
        "so" => !matches!(next, "much" | "many"),
        "if" | "whether" => !asking(),
        "how" | "what" | "why" => {
            matches!(next, "about" | "are" | "do" | "did" | "does" | "would") && !asking()
        }
        "when" | "while" | "once" | "since" | "until" | "till" | "where" | "whenever" => {
            clause_follows() && !asking()
        }
        "before" | "after" => {
            clause_follows()
                || (next.len() > 4
                    && next.ends_with("ing")
                    && !next.ends_with("thing")
                    && next != "meeting")
        }
        "as" => next == "soon",
        "in" => next == "case",
        "or" => matches!(next, "else" | "something" | "whatever"),
        "then" => !second_verb(words, at + 1),
        "and" => {
            clause_follows()
                || time_clause(sentence, at + 1)
                || owners_clause(words, at + 1)
                || does_something(words, at + 1)
                || (next == "then" && !second_verb(words, at + 2))
        }
        // "a thank you card"
        "thank" => next == "you" && !matches!(low(words, at - 1), "a" | "the" | "my" | "our"),
        "that" => false,
        "the" | "my" | "our" | "his" | "their" => {
            at > from + 1 && noun_clause(words, at) && !asking()
        }
        _ => subject_and_verb(words, at) && !COMPLEMENT.contains(low(words, at - 1)),
    };
    let announces = |hit: triggers::Hit| !matches!(hit.class, Class::Proposal | Class::Offer);
    cut || (word != "please" && triggers::at(sentence, at).is_some_and(announces))
}

/// "(and) wednesday is the concrete pour", "(and) on Friday we"
fn time_clause(sentence: &Sentence, at: usize) -> bool {
    let words = &sentence.words;
    let Some(time) = sentence.time_at(at) else {
        return false;
    };
    let next = low(words, time.at.end);
    let joined = low(words, at.saturating_sub(1)) == "and";
    matches!(next, "is" | "was" | "will")
        || (joined && (SUBJECTS.contains(next) || subject_and_verb(words, time.at.end)))
}

/// "(and) my brother lives", "our neighbour is"
fn owners_clause(words: &[Word], at: usize) -> bool {
    matches!(low(words, at), "my" | "our" | "his" | "her" | "their")
        && (at + 2..at + 4).any(|verb| {
            matches!(
                low(words, verb),
                "is" | "are" | "was" | "has" | "lives" | "works" | "wants" | "will"
            )
        })
}

/// "(and) Lena's doing the lemonade"
fn does_something(words: &[Word], at: usize) -> bool {
    let deed = low(words, at + 1);
    low(words, at).ends_with("'s") && deed.len() > 4 && (deed.ends_with("ing") || deed == "gonna")
}

/// A task verb with an object, as a second deed: "and buy some milk".
fn second_verb(words: &[Word], at: usize) -> bool {
    let verb = low(words, at);
    if !TASK_VERBS.contains(verb) || words.get(at).is_none_or(|word| word.gap >= Gap::Comma) {
        return false;
    }
    let next = low(words, at + 1);
    let named = words
        .get(at + 1)
        .is_some_and(|word| starts_upper(&word.text) && word.low != "i");
    if OBJECT_STARTS.contains(next) || named {
        return true;
    }
    let joins = next.is_empty() || NO_OBJECTS.contains(next);
    !NOUN_VERBS.contains(verb) && !joins
}

/// "pick up the suit | drop off the books": a further deed without a pause or an "and".
fn unjoined(words: &[Word], at: usize) -> bool {
    let (verb, before, next) = (low(words, at), low(words, at - 1), low(words, at + 1));
    TASK_VERBS.contains(verb)
        && !NOUN_VERBS.contains(verb)
        && !STOP.contains(before)
        && !TASK_VERBS.contains(before)
        && matches!(next, "the" | "my" | "up" | "off" | "our")
        && gap_before(words, at) < Gap::Break
}

/// One range per deed: "call the dentist and buy milk" has two.
pub fn deeds(sentence: &Sentence, body: Range<usize>) -> Vec<Range<usize>> {
    let words = &sentence.words;
    // In "ask Bob to call Anna and send the plan" both deeds are Bob's.
    let delegates = DELEGATING.contains(low(words, body.start));
    let mut out = Vec::new();
    let mut from = body.start;
    let mut at = body.start + 1;
    while at < body.end && !delegates {
        let before = low(words, at - 1);
        let joined =
            matches!(before, "and" | "then" | "also") || gap_before(words, at) == Gap::Comma;
        let joined = joined && second_verb(words, at) && (before != "and" || at - from >= 3);
        if joined || (at - from >= 2 && unjoined(words, at)) {
            let mut end = at;
            while end > from && matches!(low(words, end - 1), "and" | "then" | "also") {
                end -= 1;
            }
            out.push(from..end);
            from = at;
        }
        at += 1;
    }
    out.push(from..body.end);
    out
}

/// The words of a task: time phrases gone, "tomorrow's" turned to "the", no
/// loose ends. Positions that are left, with how each reads.
fn kept(sentence: &Sentence, range: Range<usize>, speaker: Option<Voice>) -> Vec<(String, Gap)> {
    let mut out: Vec<(String, Gap)> = Vec::new();
    for at in range {
        let Some(word) = sentence.words.get(at) else {
            break;
        };
        let (text, gap) = match sentence.time_at(at) {
            Some(time) if time.sort == Sort::Owner && at + 1 == time.at.end => ("the", word.gap),
            Some(time) if matches!(time.sort, Sort::Kept | Sort::Past) => {
                (word.text.as_str(), word.gap)
            }
            Some(_) => {
                // The comma before "..., tomorrow" goes with the time.
                if let Some(last) = out.last_mut() {
                    last.1 = Gap::None;
                }
                continue;
            }
            None if word.low == "please" => continue,
            None => {
                let thanks = word.low == "you" && low(&sentence.words, at.max(1) - 1) == "thank";
                let speaker = speaker.filter(|_| !thanks);
                let other = speaker.and_then(|voice| as_the_user_reads(voice, &word.low));
                (other.unwrap_or(word.text.as_str()), word.gap)
            }
        };
        out.push((text.to_owned(), gap));
    }
    let loose = |text: &str| DANGLING.contains(text.to_lowercase().as_str());
    while out.len() > 1 && out.last().is_some_and(|(text, _)| loose(text)) {
        out.pop();
    }
    if out.len() > MOST_WORDS {
        out.truncate(MOST_WORDS);
        while out.len() > 1 && out.last().is_some_and(|(text, _)| loose(text)) {
            out.pop();
        }
    }
    out
}

/// "Send me the invoice", said by somebody else, is for them; "I'll call you" is, too.
fn as_the_user_reads(voice: Voice, word: &str) -> Option<&'static str> {
    match (voice, word) {
        (Voice::Other, "me" | "us") | (Voice::User, "you") => Some("them"),
        (Voice::Other, "my" | "our") | (Voice::User, "your") => Some("their"),
        (Voice::Other, "mine" | "ours") | (Voice::User, "yours") => Some("theirs"),
        _ => None,
    }
}

/// "call the dentist" of "call the dentist tomorrow, please", capitalised.
/// Empty when nothing is left.
/// `lead` is a verb put in front, or empty.
/// `speaker`: whose "me" and "you" are put as the user reads them.
pub fn imperative(
    sentence: &Sentence,
    lead: &str,
    range: Range<usize>,
    speaker: Option<Voice>,
) -> String {
    let words = kept(sentence, range, speaker);
    if words.is_empty() {
        return String::new();
    }
    let mut out = if lead.is_empty() {
        String::new()
    } else {
        format!("{lead} ")
    };
    for (n, (text, gap)) in words.iter().enumerate() {
        out.push_str(text);
        if n + 1 < words.len() {
            out.push_str(if matches!(gap, Gap::Comma) { ", " } else { " " });
        }
    }
    capitalised(&out)
}

/// "I told Marcus I'd send him the quote" is to send Marcus the quote. `start`: where "I'd" stands.
pub fn naming(words: &[Word], start: usize, text: String) -> String {
    let told = (start.saturating_sub(4)..start)
        .find(|at| matches!(low(words, *at), "told" | "promised"))
        .filter(|_| low(words, start) == "i'd");
    let whom = told.and_then(|told| words.get(told + 1..start));
    let whom: Vec<&str> = whom
        .into_iter()
        .flatten()
        .map(|word| word.text.as_str())
        .filter(|word| *word != "that")
        .collect();
    let pronoun = |word: &str| matches!(word, "him" | "her" | "them");
    if whom.is_empty() || whom.iter().any(|word| pronoun(word)) {
        return text;
    }
    let whom = whom.join(" ");
    let Some((verb, object)) = text.split_once(' ') else {
        return text;
    };
    let (one, rest) = object.split_once(' ').unwrap_or((object, ""));
    let owned = rest.split(' ').next().unwrap_or_default();
    match one {
        // "fix her printer"
        "her" if !owned.is_empty() && !STOP.contains(owned) => format!("{verb} {whom}'s {rest}"),
        _ if pronoun(one) => format!("{verb} {whom} {rest}").trim_end().to_owned(),
        _ => text,
    }
}

/// The task verb of a gerund: "sending" is "send", "writing" is "write".
pub fn verb_of(gerund: &str) -> Option<&'static str> {
    verb_of_root(gerund.strip_suffix("ing")?)
}

/// The task verb of "send(ing)", "clos(ed)" or "plann(ed)".
pub fn verb_of_root(root: &str) -> Option<&'static str> {
    let mut shorter = root.chars();
    let doubled = shorter.next_back() == shorter.clone().next_back();
    let known = |verb: &str| TASK_VERBS.get(verb).copied();
    known(root)
        .or_else(|| known(&format!("{root}e")))
        .or_else(|| {
            if doubled {
                known(shorter.as_str())
            } else {
                None
            }
        })
}

/// Skips "just", "go ahead and", "try to" before the verb.
pub fn skip_lead(words: &[Word], from: usize) -> usize {
    let mut at = from;
    loop {
        let next = (low(words, at), low(words, at + 1), low(words, at + 2));
        at += match next {
            ("go", "ahead", "and") => 3,
            ("try", "to" | "and", _)
            | ("go", "and", _)
            | ("remember", "to", _)
            | ("start", "to", _) => 2,
            (word, _, _) if ADVERBS.contains(word) => 1,
            _ => return at,
        };
        if at > from + 8 {
            return at;
        }
    }
}

/// Positions where a sentence might open with a bare imperative.
pub fn opens_clause(words: &[Word], at: usize) -> bool {
    clause_start(words, at)
        || matches!(
            low(words, at.saturating_sub(1)),
            "and" | "then" | "so" | "also" | "please" | "okay"
        )
}

sets! {
    TAGS: "okay right please thanks alright yeah thank too then";
    NO_OBJECTS: "and or of is are for in on at with from by about if whether when what";
    DELEGATING: "ask tell remind have help let go come try";
}
