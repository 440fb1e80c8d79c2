//! What undoes what was said: "never mind", "no, we already have one", "just kidding".

use super::sentences::{Sentence, clause_start};
use super::vocabulary::sets;
use super::words::{Gap, before, gap_before, low};

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
/// Said at the head of a sentence, these undo what was said just before, whatever follows.
const UNDOING: [&str; 10] = [
    "forget it",
    "forget that",
    "forget about",
    "never mind",
    "nevermind",
    "scratch that",
    "strike that",
    "cancel that",
    "on second thought",
    "on second thoughts",
];

/// "No, I can't.", "Actually no, Ben did that already.", "Never mind, they have come."
pub fn takes_back(sentence: &Sentence) -> bool {
    let words = &sentence.words;
    if sentence.asks {
        return false;
    }
    let lead = words
        .iter()
        .take_while(|word| WITHDRAWING.contains(word.low.as_str()))
        .count();
    let rest: Vec<&str> = words
        .iter()
        .skip(lead)
        .map(|word| word.low.as_str())
        .collect();
    let plain = rest.join(" ");
    let undone = UNDOING.iter().any(|phrase| {
        plain
            .strip_prefix(phrase)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    });
    // "No, we already have one."
    let needless = words.iter().take(lead).any(|word| word.low == "no")
        && (rest.iter().any(|word| NEEDLESS.contains(*word))
            || rest.get(..2) == Some(&["let's", "not"])
            || rest.get(1..3) == Some(&["still", "have"]) && rest.get(3) != Some(&"to"));
    undone || needless || (rest.len() <= 8 && TAKEN_BACK.contains(&plain.as_str()))
}

/// "Oh, he's calling, never mind.": undoes what the sentence says, or else what was said before.
pub fn ends_undone(sentence: &Sentence) -> bool {
    let words = &sentence.words;
    let last = words.len().saturating_sub(2);
    words.len() > 3
        && matches!(
            (low(words, last), low(words, last + 1)),
            ("never", "mind") | ("forget" | "scratch", "it" | "that")
        )
        && (gap_before(words, last) >= Gap::Comma || clause_start(words, last))
}

/// "Haha, just kidding."
pub fn jests(sentence: &Sentence) -> bool {
    let words = &sentence.words;
    (0..words.len()).any(|at| {
        matches!(low(words, at), "kidding" | "joking")
            && matches!(
                before(words, at),
                "just" | "i'm" | "only" | "" | "am" | "totally"
            )
    })
}

sets! {
    WITHDRAWING: "actually sorry oh well wait but okay hmm no and";
    NEEDLESS: "already enough plenty spare";
}
