//! Title and overview taken from the transcript: the best phrase of the best
//! sentence, and two or three telling sentences in order.

use std::collections::{HashMap, HashSet};

use super::sentences::Sentence;
use super::vocabulary::{ADVERBS, CHATTER, LINKS, MINOR, STOP, sets};
use super::words::{Gap, Word, before, capitalised, gap_before, low};

const SHORTEST_TITLE: usize = 3;
const LONGEST_TITLE: usize = 8;
const MOST_SENTENCES: usize = 3;
/// Characters of one overview sentence and of one title word.
const LONGEST_SENTENCE: usize = 300;
const LONGEST_WORD: usize = 30;
/// Sentences looked at for a title, best first.
const TITLE_SOURCES: usize = 6;

/// "companies" is "company", "Anna's" is "Anna".
pub fn singular(word: &str) -> String {
    let word = word.strip_suffix("'s").unwrap_or(word);
    if let Some(root) = word.strip_suffix("ies").filter(|root| root.len() > 2) {
        format!("{root}y")
    } else if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        word.to_owned()
    } else {
        word.strip_suffix('s')
            .filter(|root| root.len() > 2)
            .unwrap_or(word)
            .to_owned()
    }
}

/// The word without its commonest endings: "scheduled" and "schedules" alike.
pub fn stem(word: &str) -> String {
    let mut out = singular(word);
    let root = ["ing", "ed"]
        .iter()
        .find_map(|ending| out.strip_suffix(ending));
    if let Some(root) = root.filter(|root| root.len() > 3).map(str::to_owned) {
        let mut tail = root.chars().rev();
        let (last, before) = (tail.next(), tail.next());
        let doubled = last == before && !matches!(last, Some('s' | 'l' | 'e'));
        out = root;
        if doubled {
            out.pop();
        }
    }
    if out.len() > 4 && out.ends_with('e') {
        out.pop();
    }
    out
}

pub fn is_content(word: &Word) -> bool {
    let low = word.low.as_str();
    !STOP.contains(low)
        && !CHATTER.contains(low)
        && !ADVERBS.contains(low)
        && low.chars().any(char::is_alphabetic)
}

struct Ranked<'a> {
    sentence: &'a Sentence,
    stems: HashSet<String>,
    score: f64,
}

/// `weights`: what each sentence counts for.
fn ranked<'a>(
    sentences: &'a [Sentence],
    weights: &[f64],
) -> (Vec<Ranked<'a>>, HashMap<String, u32>) {
    let mut counts: HashMap<String, u32> = HashMap::new();
    let mut out: Vec<Ranked<'a>> = Vec::with_capacity(sentences.len());
    for sentence in sentences {
        let stems: Vec<String> = sentence
            .words
            .iter()
            .filter(|word| is_content(word))
            .map(|word| stem(&word.low))
            .collect();
        for stem in &stems {
            *counts.entry(stem.clone()).or_default() += 1;
        }
        out.push(Ranked {
            sentence,
            stems: stems.into_iter().collect(),
            score: 0.0,
        });
    }
    let total = sentences.len().max(1) as f64;
    for (index, ranked) in out.iter_mut().enumerate() {
        let weight: f64 = ranked
            .stems
            .iter()
            .filter_map(|stem| counts.get(stem))
            .map(|count| 1.0 + f64::from(*count).ln())
            .sum();
        let length = ranked.sentence.words.len() as f64;
        let position = index as f64 / total;
        let place = if position < 0.15 {
            1.25
        } else if position > 0.9 {
            1.1
        } else {
            1.0
        };
        let kind = if ranked.sentence.asks { 0.6 } else { 1.0 };
        let found = weights.get(index).copied().unwrap_or(1.0);
        ranked.score = weight / (length + 4.0).sqrt() * place * kind * found;
    }
    (out, counts)
}

/// Title and overview; both empty when there are no sentences.
pub fn summarise(sentences: &[Sentence], weights: &[f64]) -> (String, String) {
    if sentences.is_empty() {
        return (String::new(), String::new());
    }
    let (ranked, counts) = ranked(sentences, weights);
    let mut order: Vec<usize> = (0..ranked.len()).collect();
    let score = |index: &usize| ranked.get(*index).map_or(0.0, |ranked| ranked.score);
    order.sort_by(|a, b| score(b).total_cmp(&score(a)));
    let best: Vec<&Ranked> = order
        .iter()
        .filter_map(|index| ranked.get(*index))
        .collect();
    (title(&best, &counts), overview(&ranked, &order))
}

fn title(best: &[&Ranked], counts: &HashMap<String, u32>) -> String {
    let sources = || {
        best.iter()
            .take(TITLE_SOURCES)
            .map(|ranked| ranked.sentence)
    };
    for (shortest, denied) in [(SHORTEST_TITLE, false), (2, false), (2, true)] {
        let phrase = |sentence| key_phrase(sentence, counts, shortest, denied);
        if let Some(words) = sources().find_map(phrase) {
            let lead: &[&str] = if words.len() < SHORTEST_TITLE {
                &["Notes", "on"]
            } else {
                &[]
            };
            return title_case(lead.iter().copied().chain(words));
        }
    }
    let single = sources()
        .flat_map(|sentence| &sentence.words)
        .find(|word| is_content(word));
    match single {
        Some(word) => title_case(["Notes", "on", word.text.as_str()].into_iter()),
        None => "A Short Conversation".to_owned(),
    }
}

/// The run of content words and links between them that weighs most. No
/// pronouns, no time words, no pause within. `denied`: what "not" or "forget" stands before may do.
fn key_phrase<'a>(
    sentence: &'a Sentence,
    counts: &HashMap<String, u32>,
    shortest: usize,
    denied: bool,
) -> Option<Vec<&'a str>> {
    let words = &sentence.words;
    let content =
        |at: usize| sentence.time_at(at).is_none() && words.get(at).is_some_and(is_content);
    let mut best: Option<(f64, usize, usize)> = None;
    for from in 0..words.len() {
        if !content(from) || (!denied && is_denied(words, from)) {
            continue;
        }
        let mut score = 0.0;
        for at in from..words.len().min(from + LONGEST_TITLE) {
            let Some(word) = words.get(at) else { break };
            if at > from && gap_before(words, at) >= Gap::Comma {
                break;
            }
            if !content(at) {
                if sentence.time_at(at).is_some() || !LINKS.contains(word.low.as_str()) {
                    break;
                }
                score -= 0.2;
                continue;
            }
            score += 1.0
                + counts
                    .get(&stem(&word.low))
                    .map_or(0.0, |count| f64::from(*count).ln());
            let length = at + 1 - from;
            let fit = score - 0.15 * (length as f64 - 5.0).abs();
            if length >= shortest && best.is_none_or(|(known, _, _)| fit > known + 1e-9) {
                best = Some((fit, from, at + 1));
            }
        }
    }
    let (_, from, to) = best?;
    Some(
        words
            .get(from..to)?
            .iter()
            .map(|word| word.text.as_str())
            .collect(),
    )
}

/// "(I'm not going to) sell the house", "(forget) the sauna": nothing that a title may promise.
fn is_denied(words: &[Word], at: usize) -> bool {
    let from = (0..=at)
        .rev()
        .find(|at| gap_before(words, *at) >= Gap::Comma)
        .unwrap_or(0);
    let said = words
        .get(from.max(at.saturating_sub(7))..at)
        .unwrap_or_default();
    let denial = (0..said.len()).rfind(|at| {
        // "Don't forget the keys" denies nothing.
        let reminds = low(said, at + 1) == "forget"
            || (low(said, *at) == "forget" && DENYING.contains(before(said, *at)));
        DENYING.contains(low(said, *at)) && !reminds
    });
    let turn = said.iter().rposition(|word| word.low == "but");
    denial.is_some_and(|denial| turn.is_none_or(|turn| turn < denial))
}

fn title_case<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<String> = words
        .map(|word| word.chars().take(LONGEST_WORD).collect())
        .collect();
    let last = words.len().saturating_sub(1);
    let cased = words.iter().enumerate().map(|(at, word)| {
        let low = word.to_lowercase();
        if at != 0 && at != last && MINOR.contains(low.as_str()) {
            low
        } else {
            capitalised(word)
        }
    });
    cased.collect::<Vec<_>>().join(" ")
}

/// The best sentences that do not repeat each other, in spoken order.
fn overview(ranked: &[Ranked], order: &[usize]) -> String {
    let mut chosen: Vec<usize> = Vec::new();
    for index in order {
        let Some(candidate) = ranked.get(*index) else {
            continue;
        };
        let repeats = chosen
            .iter()
            .filter_map(|known| ranked.get(*known))
            .any(|known| {
                let common = known.stems.intersection(&candidate.stems).count();
                common * 10 >= known.stems.len().min(candidate.stems.len()).max(1) * 7
            });
        let thin = candidate.stems.len() < 2 && !chosen.is_empty();
        if !repeats && !thin {
            chosen.push(*index);
        }
        if chosen.len() == MOST_SENTENCES {
            break;
        }
    }
    if chosen.is_empty() {
        chosen.push(0);
    }
    chosen.sort_unstable();
    let sentences = chosen
        .iter()
        .filter_map(|index| ranked.get(*index))
        .map(|ranked| readable(ranked.sentence));
    sentences
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A sentence as spoken, without fillers and its leading "so, um", with a
/// capital and an ender.
fn readable(sentence: &Sentence) -> String {
    let opener = |word: &Word| OPENERS.contains(word.low.as_str());
    let start = sentence
        .words
        .iter()
        .take_while(|word| opener(word))
        .count();
    let start = if start < sentence.words.len() {
        start
    } else {
        0
    };
    let words = sentence.words.get(start..).unwrap_or_default();
    let base = sentence.words.first().map_or(0, |word| word.span.start);
    let mut out = String::new();
    for (at, word) in words.iter().enumerate() {
        let raw = sentence
            .text
            .get(word.span.start - base..word.span.end - base);
        let raw = raw.unwrap_or(&word.text).trim_end_matches(',');
        let alone = raw == "i" || raw.starts_with("i'");
        let raw = if alone {
            capitalised(raw)
        } else {
            raw.to_owned()
        };
        if at + 1 == words.len() {
            out.push_str(raw.trim_end_matches(['.', '!', '?', ';', ':', '…', ' ']));
            break;
        }
        out.push_str(&raw);
        let marked = raw.ends_with([';', ':', ')', '(', '.', '!', '?', '…']);
        out.push_str(if word.gap >= Gap::Comma && !marked {
            ", "
        } else {
            " "
        });
    }
    if out.chars().count() > LONGEST_SENTENCE {
        out = out.chars().take(LONGEST_SENTENCE).collect();
        if let Some((whole, _)) = out.rsplit_once(' ') {
            out = whole.to_owned();
        }
        out.push('…');
    } else if !out.is_empty() {
        out.push(if sentence.asks { '?' } else { '.' });
    }
    capitalised(&out)
}

sets! {
    DENYING: "not don't doesn't didn't won't never can't cannot isn't aren't wasn't forget cancelled";
    OPENERS: "so okay alright well anyway yeah yes oh hey and right basically actually";
}
