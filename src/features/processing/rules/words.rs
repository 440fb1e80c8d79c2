//! Words of a spoken text: cut, lower-cased, contractions restored, fillers
//! dropped, and the pause after each one kept.

use std::ops::Range;

/// What follows a word, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    None,
    /// The speech recogniser started a new segment here.
    Seam,
    Comma,
    /// `; : ( )` or a dash.
    Break,
    End,
    Question,
}

#[derive(Debug, Clone)]
pub struct Word {
    /// As written, without punctuation at the edges.
    pub text: String,
    /// Lower case, straight apostrophes, "dont" restored to "don't".
    pub low: String,
    pub gap: Gap,
    /// Stands between double quotation marks.
    pub quoted: bool,
    /// Bytes of the word with its punctuation in the text it was cut from.
    pub span: Range<usize>,
}

/// The lower-case word at a position, or "" outside the slice.
pub fn low(words: &[Word], at: usize) -> &str {
    words.get(at).map_or("", |word| word.low.as_str())
}

/// The lower-case word before a position, or "" at the start.
pub fn before(words: &[Word], at: usize) -> &str {
    at.checked_sub(1).map_or("", |at| low(words, at))
}

/// The pause between the word before `at` and `at`; the first word has [`Gap::End`].
pub fn gap_before(words: &[Word], at: usize) -> Gap {
    match at.checked_sub(1) {
        Some(previous) => words.get(previous).map_or(Gap::End, |word| word.gap),
        None => Gap::End,
    }
}

pub fn starts_upper(text: &str) -> bool {
    text.chars().next().is_some_and(char::is_uppercase)
}

pub fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// Cuts a text into words. `seams` are the byte positions, ascending, at which
/// a new segment begins.
pub fn cut(text: &str, seams: &[usize]) -> Vec<Word> {
    let quotes = quotations(text);
    let mut quotes = quotes.iter().peekable();
    let mut seams = seams.iter().peekable();
    let mut words: Vec<Word> = Vec::new();
    let chunks = chunks(text);
    for (n, chunk) in chunks.iter().enumerate() {
        let raw = &text[chunk.span.clone()];
        let core = raw.trim_matches(is_edge);
        let head_len = raw.len() - raw.trim_start_matches(is_edge).len();
        if raw[..head_len].contains(['(', '[', '{']) {
            raise_last(&mut words, Gap::Break);
        }
        let mut seam = false;
        while seams.next_if(|at| **at <= chunk.span.start).is_some() {
            seam = true;
        }
        if seam {
            raise_last(&mut words, Gap::Seam);
        }
        let next = chunks
            .get(n + 1)
            .map_or("", |next| &text[next.span.clone()]);
        if core.is_empty() {
            // A lone dash, bullet or punctuation mark belongs to the word before.
            let gap = gap_of(raw, "", next).max(chunk.after);
            let gap = if raw.chars().all(|c| matches!(c, '-' | '*' | '•' | '·')) {
                gap.max(Gap::Break)
            } else {
                gap
            };
            raise_last(&mut words, gap);
            continue;
        }
        while quotes
            .next_if(|span| span.end <= chunk.span.start)
            .is_some()
        {}
        let quoted = quotes
            .peek()
            .is_some_and(|span| span.start <= chunk.span.start + head_len);
        let tail = &raw[head_len + core.len()..];
        words.push(Word {
            text: core.replace('’', "'"),
            low: lowered(core),
            gap: gap_of(tail, core, next).max(chunk.after),
            quoted,
            span: chunk.span.clone(),
        });
    }
    words
}

fn raise_last(words: &mut [Word], gap: Gap) {
    if let Some(last) = words.last_mut() {
        last.gap = last.gap.max(gap);
    }
}

struct Chunk {
    span: Range<usize>,
    after: Gap,
}

/// Enders that are written without a space after them.
fn is_wide_ender(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '؟' | '۔' | '।' | '॥')
}

fn is_edge(c: char) -> bool {
    is_wide_ender(c)
        || matches!(
            c,
            '.' | ','
                | ';'
                | ':'
                | '!'
                | '?'
                | '"'
                | '\''
                | '’'
                | '‘'
                | '“'
                | '”'
                | '«'
                | '»'
                | '('
                | ')'
                | '['
                | ']'
                | '{'
                | '}'
                | '…'
                | '-'
                | '*'
                | '•'
                | '·'
                | '、'
                | '，'
                | '_'
                | '`'
                | '~'
                | '<'
                | '>'
                | '|'
                | '='
                | '—'
                | '–'
        )
}

/// Pieces between white space, long dashes and wide enders; a line break ends
/// a sentence when the line was short or the next line starts a list point.
fn chunks(text: &str) -> Vec<Chunk> {
    let mut out: Vec<Chunk> = Vec::new();
    let mut start: Option<usize> = None;
    let mut line_start = 0;
    let mut line_breaks = 0;
    let mut short_line = false;
    for (at, c) in text.char_indices() {
        let dash = matches!(c, '—' | '–');
        if c.is_whitespace() || dash {
            if let Some(from) = start.take() {
                out.push(Chunk {
                    span: from..at,
                    after: Gap::None,
                });
            }
            if dash && let Some(last) = out.last_mut() {
                last.after = last.after.max(Gap::Break);
            }
            if matches!(c, '\n' | '\u{2028}' | '\u{2029}') {
                short_line = at - line_start < 60;
                line_start = at;
                line_breaks += 1;
            }
            continue;
        }
        if start.is_none() {
            let ends = line_breaks > 1
                || (line_breaks == 1
                    && (matches!(c, '-' | '*' | '•' | '[' | '#')
                        || c.is_ascii_digit()
                        || (short_line && c.is_uppercase())));
            if ends && let Some(last) = out.last_mut() {
                last.after = Gap::End;
            }
            line_breaks = 0;
            start = Some(at);
        }
        if is_wide_ender(c)
            && let Some(from) = start.take()
        {
            out.push(Chunk {
                span: from..at + c.len_utf8(),
                after: Gap::None,
            });
        }
    }
    if let Some(from) = start {
        out.push(Chunk {
            span: from..text.len(),
            after: Gap::None,
        });
    }
    out
}

const ABBREVIATIONS: [&str; 9] = ["dr", "mr", "mrs", "ms", "prof", "st", "vs", "approx", "jr"];

fn gap_of(tail: &str, core: &str, next: &str) -> Gap {
    if tail.contains(['?', '？', '؟']) {
        return Gap::Question;
    }
    if tail.contains(['!', '。', '！', '۔', '।', '॥']) {
        return Gap::End;
    }
    let next_is_lower = next
        .trim_start_matches(is_edge)
        .chars()
        .next()
        .is_some_and(char::is_lowercase);
    if tail.contains("...") || tail.contains('…') {
        return if next_is_lower { Gap::Comma } else { Gap::End };
    }
    if tail.contains('.') {
        let initial = core.chars().count() == 1 && core != "I" && starts_upper(core);
        let known = ABBREVIATIONS
            .iter()
            .any(|short| core.eq_ignore_ascii_case(short));
        let dotted = core.contains('.') && !core.contains(|c: char| c.is_ascii_digit());
        let follows_on = dotted
            && (next_is_lower
                || super::numbers::is_calendar_name(&lowered(next.trim_matches(is_edge))));
        if !next.is_empty() && (initial || known || follows_on) {
            return Gap::None;
        }
        return Gap::End;
    }
    if tail.contains([';', ':', ')', ']']) {
        return Gap::Break;
    }
    if tail.contains([',', '、', '，']) {
        return Gap::Comma;
    }
    Gap::None
}

fn lowered(core: &str) -> String {
    let low: String = core
        .chars()
        .map(|c| if c == '’' { '\'' } else { c })
        .flat_map(char::to_lowercase)
        .collect();
    let restored = match low.as_str() {
        "im" => "i'm",
        "ive" => "i've",
        "dont" => "don't",
        "doesnt" => "doesn't",
        "didnt" => "didn't",
        "cant" => "can't",
        "wont" => "won't",
        "isnt" => "isn't",
        "wasnt" => "wasn't",
        "shouldnt" => "shouldn't",
        "wouldnt" => "wouldn't",
        "youre" => "you're",
        "youll" => "you'll",
        "thats" => "that's",
        "theres" => "there's",
        "theyre" => "they're",
        "weve" => "we've",
        "oclock" | "o’clock" => "o'clock",
        "p.m" => "pm",
        "a.m" => "am",
        "ok" => "okay",
        "tmrw" | "tmr" | "tomorow" | "tommorow" | "tommorrow" => "tomorrow",
        _ => return low,
    };
    restored.to_owned()
}

/// Longest quotation taken as one; a stray mark must not swallow a whole text.
const LONGEST_QUOTATION: usize = 500;

fn quotations(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut open: Option<usize> = None;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match (c, open) {
            ('“', _) => open = Some(at),
            ('"', None) if !before.is_alphanumeric() => open = Some(at),
            ('"' | '”', Some(from)) => {
                if at - from <= LONGEST_QUOTATION {
                    out.push(from..at + c.len_utf8());
                }
                open = None;
            }
            _ => {}
        }
        before = c;
    }
    out
}

/// Removes "um", set-off "you know" and stuttered function words.
pub fn without_fillers(words: Vec<Word>) -> Vec<Word> {
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        let set_off = out.last().is_none_or(|last| last.gap >= Gap::Comma);
        let length = filler_length(&words, at, set_off);
        if length == 0 {
            let stutter = out.last().is_some_and(|last| {
                last.low == low(&words, at)
                    && last.gap <= Gap::Comma
                    && super::vocabulary::STUTTERED.contains(last.low.as_str())
            });
            if stutter {
                out.pop();
            }
            out.extend(words.get(at).cloned());
            at += 1;
            continue;
        }
        at += length;
        let gap = gap_before(&words, at);
        if let Some(last) = out.last_mut() {
            last.gap = match last.gap {
                Gap::Seam | Gap::Comma if gap <= Gap::Comma => Gap::None,
                kept => kept.max(if gap == Gap::Comma { Gap::None } else { gap }),
            };
        }
    }
    out
}

fn filler_length(words: &[Word], at: usize, set_off: bool) -> usize {
    if super::vocabulary::FILLERS.contains(low(words, at)) {
        return 1;
    }
    // "I'll tell you what, ..." says nothing yet.
    let from = at + usize::from(low(words, at) == "i'll");
    if set_off && (0..3).all(|n| low(words, from + n) == ["tell", "you", "what"][n]) {
        let next = low(words, from + 3);
        return if next.is_empty() || next.starts_with("i'") || matches!(next, "i" | "we" | "let's")
        {
            from + 3 - at
        } else {
            0
        };
    }
    let pair = (low(words, at), low(words, at + 1));
    let pair_ends = words.get(at + 1).is_some_and(|word| word.gap >= Gap::Comma);
    match pair {
        ("you", "know") | ("i", "mean") if set_off && pair_ends => 2,
        ("like", _) if set_off && words.get(at).is_some_and(|word| word.gap == Gap::Comma) => 1,
        _ => 0,
    }
}
