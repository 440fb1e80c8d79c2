//! From transcript lines to sentences: runs of one speaker joined, sentences
//! cut, and the places where a clause begins.

use std::ops::Range;

use super::Line;
use super::date_words::{self, Found, Sort};
use super::dates::When;
use super::vocabulary::{
    AUXILIARIES, COMPLEMENT, CONJUNCTIONS, DANGLING, DISCOURSE, FACT_ADVERBS, STOP, SUBJECT_VERBS,
    SUBJECTS, TASK_VERBS, sets,
};
use super::words::{self, Gap, Word, before, gap_before, low};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    User,
    /// No line is marked as the user's, so this may be anyone.
    Anyone,
    Other,
}

#[derive(Debug)]
pub struct Sentence {
    /// The time phrases, in order.
    pub found: Vec<Found>,
    /// For each word the index of the time phrase that covers it.
    pub taken: Vec<Option<usize>>,
    /// As spoken, fillers included.
    pub text: String,
    /// Without fillers; never empty.
    pub words: Vec<Word>,
    pub voice: Voice,
    pub asks: bool,
    /// Counts the runs of one speaker.
    pub turn: usize,
}

impl Sentence {
    /// The time phrase that covers a word.
    pub fn time_at(&self, at: usize) -> Option<&Found> {
        self.taken
            .get(at)
            .copied()
            .flatten()
            .and_then(|index| self.found.get(index))
    }

    /// What the time phrases that begin within a range say together.
    pub fn when(&self, range: Range<usize>) -> When {
        let said = self.found.iter().filter(|found| {
            range.contains(&found.at.start) && matches!(found.sort, Sort::When | Sort::Owner)
        });
        said.fold(When::default(), |when, found| when.and(found.when))
    }

    pub fn any(&self, sort: Sort, range: Range<usize>) -> bool {
        self.found
            .iter()
            .any(|found| found.sort == sort && range.contains(&found.at.start))
    }
}

/// A sentence longer than this is cut where a new clause seems to begin.
const LONG: usize = 30;
/// And cut here in any case.
const LONGEST: usize = 80;

pub fn sentences(lines: &[Line]) -> Vec<Sentence> {
    let any_user = lines.iter().any(|line| line.is_user);
    let mut out = Vec::new();
    let runs = lines.chunk_by(|a, b| a.speaker == b.speaker && a.is_user == b.is_user);
    for (turn, run) in runs.enumerate() {
        let mut text = String::new();
        let mut seams = Vec::new();
        for line in run {
            let line = line.text.trim();
            if line.is_empty() {
                continue;
            }
            if !text.is_empty() {
                text.push(' ');
                seams.push(text.len());
            }
            text.push_str(line);
        }
        let voice = match run.first() {
            _ if !any_user => Voice::Anyone,
            Some(line) if line.is_user => Voice::User,
            _ => Voice::Other,
        };
        cut_run(&text, &seams, voice, turn, &mut out);
    }
    out
}

fn cut_run(text: &str, seams: &[usize], voice: Voice, turn: usize, out: &mut Vec<Sentence>) {
    let words = words::without_fillers(words::cut(text, seams));
    let mut rest = words.as_slice();
    while !rest.is_empty() {
        let ender = rest
            .iter()
            .position(|word| word.gap >= Gap::End)
            .map_or(rest.len(), |at| at + 1);
        let (sentence, after) = rest.split_at(ender);
        rest = after;
        for part in parts(sentence) {
            let (Some(first), Some(last)) = (part.first(), part.last()) else {
                continue;
            };
            let found = date_words::find(part);
            let mut taken = vec![None; part.len()];
            for (index, phrase) in found.iter().enumerate() {
                for slot in taken.iter_mut().take(phrase.at.end).skip(phrase.at.start) {
                    *slot = Some(index);
                }
            }
            out.push(Sentence {
                found,
                taken,
                text: text
                    .get(first.span.start..last.span.end)
                    .unwrap_or_default()
                    .to_owned(),
                words: part.to_vec(),
                voice,
                asks: last.gap == Gap::Question || opens_as_question(part),
                turn,
            });
        }
    }
}

/// Cuts at segment seams that look like sentence ends, and cuts sentences that
/// are too long to be one.
fn parts(sentence: &[Word]) -> Vec<&[Word]> {
    let mut out = Vec::new();
    let mut from = 0;
    let mut open_if = false;
    for at in 1..sentence.len() {
        let before = low(sentence, at - 1);
        open_if |= matches!(before, "if" | "unless");
        let length = at - from;
        let fresh = !DANGLING.contains(before) && !open_if;
        let seam = gap_before(sentence, at) == Gap::Seam
            && fresh
            && (DISCOURSE.contains(low(sentence, at)) || clause_start(sentence, at));
        let long = sentence.len() > LONG && length >= 5 && fresh && clause_start(sentence, at);
        if seam || long || length >= LONGEST {
            out.extend(sentence.get(from..at));
            from = at;
            open_if = false;
        }
    }
    out.extend(sentence.get(from..));
    out
}

/// A subject followed by a verb, as "I need", "that's", "there was".
pub fn subject_and_verb(words: &[Word], at: usize) -> bool {
    if SUBJECT_VERBS.contains(low(words, at)) {
        return true;
    }
    SUBJECTS.contains(low(words, at)) && AUXILIARIES.contains(low(words, at + 1))
}

/// "okay can we meet on friday", as recognisers write it.
fn opens_as_question(words: &[Word]) -> bool {
    let at = skip_discourse(words, 0);
    let verbs = matches!(
        low(words, at),
        "can"
            | "could"
            | "shall"
            | "should"
            | "would"
            | "do"
            | "does"
            | "did"
            | "is"
            | "are"
            | "am"
            | "was"
            | "were"
    );
    let offers = matches!(low(words, at), "want" | "wanna" | "how")
        && matches!(low(words, at + 1), "to" | "me" | "about" | "get" | "grab");
    offers
        || verbs
            && matches!(
                low(words, at + 1),
                "i" | "we" | "he" | "she" | "they" | "it"
            )
}

/// "the bank | the card is blocked": a noun right after a noun, with a verb of
/// its own, where the recogniser heard no pause.
pub fn noun_clause(words: &[Word], at: usize) -> bool {
    let before = before(words, at);
    let bare = |at: usize| !low(words, at).is_empty() && !STOP.contains(low(words, at));
    if !matches!(low(words, at), "the" | "my" | "our" | "his" | "their")
        || STOP.contains(before)
        || before.is_empty()
    {
        return false;
    }
    let verb = (at + 2..at + 5).find(|next| FINITE.contains(low(words, *next)));
    verb.is_some_and(|verb| (at + 1..verb).all(bare))
}

/// Whether a new clause begins at this word.
pub fn clause_start(words: &[Word], at: usize) -> bool {
    let gap = gap_before(words, at);
    if at == 0 || gap >= Gap::Break {
        return true;
    }
    if CONJUNCTIONS.contains(low(words, at)) {
        let mut next = at + 1;
        while next < at + 4
            && (FACT_ADVERBS.contains(low(words, next)) || low(words, next) == "then")
        {
            next += 1;
        }
        return subject_and_verb(words, next);
    }
    if !subject_and_verb(words, at) {
        return noun_clause(words, at) && !TASK_VERBS.contains(low(words, at - 1));
    }
    gap >= Gap::Comma || !COMPLEMENT.contains(low(words, at - 1))
}

/// The position after leading "so", "and then", "well, yeah".
pub fn skip_discourse(words: &[Word], from: usize) -> usize {
    let mut at = from;
    while at < from + 8 && DISCOURSE.contains(low(words, at)) {
        at += 1;
    }
    at
}

sets! {
    FINITE: "is are was were will has can isn't doesn't";
}
