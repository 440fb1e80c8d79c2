//! Facts that begin with "my": names, birthdays, favourites and the family.

use super::date_words::Sort;
use super::facts::{is_identity, is_trait};
use super::memories::{fact_end, third_person};
use super::numbers;
use super::sentences::Sentence;
use super::vocabulary::{
    ATTRIBUTES, CONDITIONS, FACT_ADVERBS, KIN, LANGUAGES, PASTIMES, STOP, sets,
};
use super::words::{Word, low, starts_upper};

/// "My wife's name is Anna", "my sister lives in Rome", "my birthday is March 3rd".
pub fn of_mine(sentence: &Sentence, at: usize) -> Option<(u8, String, usize)> {
    let words = &sentence.words;
    if low(words, at) != "my" {
        return None;
    }
    if let Some(lost) = lost(sentence, at) {
        return Some(lost);
    }
    let verb_at = (at + 2..at + 6).find(|i| {
        matches!(
            low(words, *i),
            "is" | "are"
                | "lives"
                | "live"
                | "works"
                | "work"
                | "was"
                | "has"
                | "plays"
                | "speaks"
                | "studies"
                | "teaches"
                | "turned"
        )
    });
    let merged = (at + 1..at + 5).find(|i| low(words, *i).ends_with("'s") && !possesses(words, *i));
    let (head_at, verb, from) = match (merged, verb_at) {
        (Some(merged), None) => (merged, "is", merged + 1),
        (Some(merged), Some(verb)) if merged < verb => (merged, "is", merged + 1),
        (_, Some(verb)) => {
            let just = usize::from(FACT_ADVERBS.contains(low(words, verb - 1)));
            (verb - 1 - just, low(words, verb), verb + 1)
        }
        _ => return None,
    };
    let end = fact_end(sentence, from);
    if end <= from || sentence.asks {
        return None;
    }
    let bare = |at: usize| low(words, at).strip_suffix("'s").unwrap_or(low(words, at));
    let head = bare(head_at);
    let named = words
        .get(head_at)
        .is_some_and(|word| starts_upper(&word.text))
        && head_at > at + 1;
    let kin = KIN.contains(head) || (named && KIN.contains(low(words, head_at - 1)));
    let favourite = (at + 1..head_at).any(|i| matches!(low(words, i), "favorite" | "favourite"));
    let owned = head_at == at + 1
        || (at + 1..head_at).all(|i| KIN.contains(bare(i)) || QUALIFIERS.contains(low(words, i)));
    let attribute =
        favourite || (owned && (ATTRIBUTES.contains(head) || (head == "goal" && head_at > at + 1)));
    let dated = sentence.found.iter().any(|found| {
        found.at.start < end
            && found.at.end > from
            && matches!(found.sort, Sort::When | Sort::Vague | Sort::Owner)
    });
    let birthday = matches!(head, "birthday" | "anniversary");
    // "My son just turned eight."
    let verb = if verb == "turned" { "is" } else { verb };
    let kin_fact = kin && kin_tells(words, verb, from, end);
    let tells = if attribute {
        matches!(verb, "is" | "are")
            && (!dated || birthday)
            && ((birthday && dated) || (!birthday && settled(words, from)))
    } else {
        kin_fact && !dated
    };
    if !tells {
        return None;
    }
    let subject: Vec<&str> = (at + 1..=head_at)
        .filter_map(|i| words.get(i))
        .map(|word| word.text.as_str())
        .collect();
    let mut subject = subject.join(" ");
    if merged == Some(head_at) {
        subject = subject
            .strip_suffix("'s")
            .map(str::to_owned)
            .unwrap_or(subject);
    }
    let name = matches!(
        head,
        "name" | "nickname" | "surname" | "hometown" | "birthplace"
    );
    let rest = third_person(sentence, from, end, name);
    let weight = if attribute && favourite { 3 } else { 5 };
    Some((weight, format!("User's {subject} {verb} {rest}"), end))
}

/// "My dog died last year."
fn lost(sentence: &Sentence, at: usize) -> Option<(u8, String, usize)> {
    let words = &sentence.words;
    let end = (at + 2..at + 5).find(|i| matches!(low(words, *i), "died" | "passed"))?;
    let away = low(words, end) == "died" || low(words, end + 1) == "away";
    let kin = (at + 1..end).any(|i| KIN.contains(low(words, i)));
    // "My phone died", "my friend who died for it"
    if !away || !kin || sentence.asks || (at + 1..end).any(|i| STOP.contains(low(words, i))) {
        return None;
    }
    let who: Vec<&str> = (at + 1..end)
        .filter_map(|i| words.get(i))
        .map(|word| word.text.as_str())
        .collect();
    Some((4, format!("User's {} died", who.join(" ")), end + 1))
}

/// "wife's" before "name" owns; "wife's" before "a doctor" is "wife is".
fn possesses(words: &[Word], at: usize) -> bool {
    let next = low(words, at + 1);
    ATTRIBUTES.contains(next) || KIN.contains(next) || QUALIFIERS.contains(next)
}

/// A passing state is no attribute: "my name is on the list", "my birthday is coming".
fn settled(words: &[Word], from: usize) -> bool {
    let first = low(words, from);
    !PASSING_STATES.contains(first)
}

fn kin_tells(words: &[Word], verb: &str, from: usize, end: usize) -> bool {
    let first = low(words, from);
    match verb {
        "lives" | "live" => matches!(
            first,
            "in" | "near" | "on" | "at" | "with" | "alone" | "abroad"
        ),
        "plays" => (from..end).any(|at| PASTIMES.contains(low(words, at))),
        "speaks" => LANGUAGES.contains(first),
        "studies" | "teaches" => end > from && !STOP.contains(first),
        "work" | "works" => matches!(first, "at" | "for" | "as" | "in"),
        "was" => first == "born",
        "has" => CONDITIONS.contains(first) || CONDITIONS.contains(low(words, from + 1)),
        _ => {
            let aged = numbers::cardinal(words, from).is_some_and(|(_, length)| {
                matches!(low(words, from + length), "" | "years" | "and")
            });
            let named = matches!(first, "called" | "named" | "from") || (first == "allergic");
            let name = words.get(from).is_some_and(|word| starts_upper(&word.text))
                && end == from + 1
                && verb == "is"
                && !STOP.contains(first);
            let identity = matches!(first, "a" | "an") && is_identity(words, from + 1, end);
            aged || named || name || identity || is_trait(words, from, end)
        }
    }
}

sets! {
    QUALIFIERS: "best first last middle full older younger big little phone shoe blood native home work
        email dream favorite favourite street wedding biggest main real maiden";
    PASSING_STATES: "on not so coming killing getting going very too really what that wrong missing always
        hard stressful boring great";
}
