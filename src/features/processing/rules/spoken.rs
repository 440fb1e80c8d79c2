//! A phrase that announces a task, in its surroundings: whether it is denied,
//! asked, imagined, reported or a habit, and the tasks it names.

use std::ops::Range;

use super::concrete::{hint, is_task};
use super::date_words::Sort;
use super::dates::When;
use super::replies::Answer;
use super::sentences::{Sentence, Voice, skip_discourse};
use super::task_text::{clause_end, deeds, imperative, naming, skip_lead, verb_of};
use super::triggers::{self, Class, Hit};
use super::vocabulary::{ADVERBS, COMPLEMENT, DISCOURSE, DOUBTS, HABITS, REPORTS, sets};
use super::words::{Gap, Word, before, gap_before, low};

/// A phrase that announces a task, in its surroundings.
pub struct Spoken<'a> {
    pub sentence: &'a Sentence,
    pub class: Class,
    /// The words from the last task, or the start of the sentence.
    pub before: Range<usize>,
    /// Where the clause around the phrase begins.
    pub clause: usize,
    pub start: usize,
    pub body: Range<usize>,
    /// A question that requests: "can you ...?"
    pub requests: bool,
    /// "What I need to do is ...": the "what" asks nothing.
    pub cleft: bool,
    /// The verb of "would you mind sending".
    pub verb: Option<&'static str>,
}

impl<'a> Spoken<'a> {
    pub fn read(sentence: &'a Sentence, floor: usize, start: usize, hit: Hit) -> Spoken<'a> {
        let words = &sentence.words;
        let mut class = hit.class;
        let requests = hit.class == Class::Request;
        let mut body = hit.body;
        for _ in 0..3 {
            let Some(inner) = triggers::chained(sentence, skip_lead(words, body)) else {
                break;
            };
            class = match (class, inner.class) {
                (_, Class::Reminder | Class::Recall) => inner.class,
                (Class::Promise, Class::Duty) => Class::Duty,
                (outer, _) => outer,
            };
            body = inner.body;
        }
        let body = skip_lead(words, body);
        let said = cleft(sentence, body);
        let mut body = said.unwrap_or(body);
        // "What I'll do is I'll write it up."
        if let Some(inner) = said.and_then(|at| triggers::chained(sentence, at)) {
            body = skip_lead(words, inner.body);
        }
        let mut clause = start;
        while clause > floor
            && gap_before(words, clause) < Gap::Comma
            && !CLAUSE_JOINTS.contains(low(words, clause - 1))
        {
            clause -= 1;
        }
        let end = clause_end(sentence, body);
        let minds = body
            .checked_sub(1)
            .is_some_and(|at| low(words, at) == "mind");
        let planned = low(words, start) == "i'm" && hit.body == start + 1;
        let verb = if minds || planned {
            verb_of(low(words, body))
        } else {
            None
        };
        Spoken {
            sentence,
            class,
            before: floor..start,
            clause,
            start,
            body: body..end,
            requests,
            cleft: said.is_some(),
            verb,
        }
    }

    pub fn words(&self) -> &'a [Word] {
        &self.sentence.words
    }

    /// `answer`: what the next speaker says to the sentence.
    pub fn counts(&self, answer: Answer) -> bool {
        let quoted = self.words().get(self.start).is_some_and(|word| word.quoted);
        !quoted
            && !self.body.is_empty()
            && self.is_settled(answer)
            && self.is_addressed()
            && !self.is_doubted()
            && !self.is_reported()
            && !self.is_asked()
            && !self.is_habit()
    }

    /// Proposals count once agreed to, and what is refused does not.
    fn is_settled(&self, answer: Answer) -> bool {
        match answer {
            Answer::Accepted => true,
            Answer::Open => !matches!(self.class, Class::Proposal | Class::Offer),
            Answer::Declined => {
                self.sentence.voice != Voice::Other
                    && !matches!(
                        self.class,
                        Class::Proposal
                            | Class::Offer
                            | Class::Joint
                            | Class::Request
                            | Class::Advice
                    )
            }
        }
    }

    /// Other people's own plans are not the user's, nor is advice the user gives.
    fn is_addressed(&self) -> bool {
        let first = low(self.words(), self.start);
        match self.sentence.voice {
            Voice::Anyone => true,
            // "It would be great if you could" is said to somebody.
            Voice::User => self.class != Class::Advice && first != "if",
            Voice::Other => match self.class {
                Class::Request | Class::Joint | Class::Advice | Class::Proposal => true,
                Class::Reminder | Class::Recall => {
                    matches!(first, "don't" | "remember" | "never" | "please" | "make")
                        || self.requests
                }
                Class::Duty
                | Class::Promise
                | Class::Errand
                | Class::Wish
                | Class::Offer
                | Class::Note => false,
            },
        }
    }

    fn is_doubted(&self) -> bool {
        let words = self.words();
        let mut last = self.start;
        while last > self.clause
            && (ADVERBS.contains(low(words, last - 1)) || self.sentence.time_at(last - 1).is_some())
        {
            last -= 1;
        }
        let before = if last > self.before.start {
            low(words, last - 1)
        } else {
            ""
        };
        let first = low(words, self.start);
        let subject = ["i", "we"]
            .iter()
            .filter_map(|subject| first.strip_prefix(subject))
            .any(|rest| rest.is_empty() || rest.starts_with('\''));
        let earlier = if last > self.clause + 1 {
            low(words, last - 2)
        } else {
            ""
        };
        // In "no not yet I have to call" the denial stands apart.
        let apart = subject
            && before != "that"
            && !COMPLEMENT.contains(before)
            && !SUBORDINATING.contains(before);
        // "You know what I should do: I should call her."
        let done = before == "do" && matches!(earlier, "should" | "could" | "can" | "i'll" | "to");
        // "I don't know, I guess I have to": the guess is no doubt.
        let guessed = earlier == "i" && matches!(before, "guess" | "think" | "suppose");
        let apart = apart || first == "if" || (subject && (done || guessed));
        let led = last > self.clause
            && !self.cleft
            && !done
            && (SUBORDINATING.contains(before) || (before == "no" && !subject));
        let relative = before == "that" && !earlier.is_empty() && !RECALLING.contains(earlier);
        let earlier_words = words.iter().take(self.start).skip(self.clause);
        let doubted = !apart
            && earlier_words
                .into_iter()
                .any(|word| DOUBTS.contains(word.low.as_str()));
        let hedged =
            gap_before(words, self.start) == Gap::Comma && matches!(before, "maybe" | "perhaps");
        let body = low(words, self.body.start);
        let supposed = matches!(low(words, self.start + 1), "should" | "must") && body == "have";
        let end = self.body.end;
        // "I'll cook, or maybe not."
        let waives = (end..end + 3).any(|at| {
            matches!(low(words, at), "maybe" | "perhaps" | "or") && low(words, at + 1) == "not"
        });
        led || relative
            || waives
            || doubted
            || hedged
            || supposed
            || self.is_supposed()
            || matches!(body, "not" | "never" | "always" | "usually")
            || self.is_someday()
    }

    /// "If I win, I'll ...", but not "if you want, I'll ...".
    fn is_supposed(&self) -> bool {
        let words = self.words();
        self.before.clone().any(|at| {
            let before = before(words, at);
            let polite = matches!(
                (low(words, at + 1), low(words, at + 2)),
                ("you", "want" | "like" | "need" | "don't" | "wish")
                    | (
                        "possible" | "necessary" | "needed" | "that's" | "anything" | "so",
                        _
                    )
            );
            match low(words, at) {
                "if" => !polite && !WONDERING.contains(before),
                "say" => before == "let's",
                "unless" | "imagine" | "pretend" | "suppose" | "supposing" => {
                    !matches!(before, "i" | "to")
                }
                _ => false,
            }
        })
    }

    fn is_someday(&self) -> bool {
        let words = self.words();
        (self.clause..self.body.end).any(|at| {
            let wished = matches!(low(words, at), "someday" | "sometime" | "eventually");
            let led = matches!(
                (low(words, at), low(words, at + 1)),
                ("one" | "some", "day") | ("some", "point")
            );
            // "sometime next week" is a date.
            (wished || led)
                && self
                    .sentence
                    .time_at(at)
                    .is_none_or(|time| time.sort == Sort::Vague)
        }) && !matches!(self.class, Class::Reminder | Class::Recall | Class::Note)
    }

    fn is_reported(&self) -> bool {
        let words = self.words();
        (self.clause..self.start).any(|at| {
            let (word, next) = (low(words, at), low(words, at + 1));
            let before = before(words, at);
            let to_me = matches!(next, "me" | "us") && matches!(word, "told" | "asked");
            let like = word == "like"
                && matches!(
                    before,
                    "was" | "were" | "is" | "are" | "he's" | "she's" | "they're" | "all"
                );
            like || (REPORTS.contains(word)
                && !to_me
                && !matches!(before, "i" | "we" | "i've" | "just"))
        })
    }

    /// "Do I need to ...?" asks; "I'll pick you up at eight, okay?" does not.
    fn is_asked(&self) -> bool {
        let proposed = matches!(self.class, Class::Proposal | Class::Offer);
        if !self.sentence.asks || self.requests || proposed || self.class == Class::Note {
            return false;
        }
        let words = self.words();
        let rest = words.get(self.body.end..).unwrap_or_default();
        let tag = rest.iter().any(|word| TAGS.contains(word.low.as_str()));
        let other_clause = rest.len() >= 3;
        let inner = words
            .get(self.body.clone())
            .unwrap_or_default()
            .last()
            .is_some_and(|word| matches!(word.low.as_str(), "okay" | "right" | "yeah"));
        !(tag || other_clause || inner)
    }

    /// Whether "every Monday" makes this due on the next one: what is asked for or promised does, but "I have to do it every
    /// Monday" only tells how things are.
    fn may_repeat(&self) -> bool {
        match self.class {
            Class::Reminder | Class::Recall | Class::Note => true,
            Class::Promise | Class::Request | Class::Errand => {
                !self.sentence.any(Sort::Habit, self.clause..self.start)
            }
            _ => false,
        }
    }

    fn is_habit(&self) -> bool {
        if matches!(self.class, Class::Reminder | Class::Recall | Class::Note) {
            return false;
        }
        let around = self.clause..self.body.end;
        let words = self.words().get(around.clone()).unwrap_or_default();
        (self.sentence.any(Sort::Habit, around) && !self.may_repeat())
            || self.sentence.any(Sort::Past, self.clause..self.start)
            || words.iter().any(|word| HABITS.contains(word.low.as_str()))
    }

    pub fn tasks(&self) -> Vec<(String, When)> {
        let words = self.words();
        let lead = self.lead();
        let ranges = deeds(self.sentence, self.body.clone());
        let shared = match ranges.split_last() {
            Some((last, others)) if others.iter().all(|range| self.when(range).is_empty()) => {
                self.when(last)
            }
            _ => When::default(),
        };
        let trailing = self.trailing();
        let mut out = Vec::new();
        for range in ranges {
            let own = self.when(&range);
            let own = if own.is_empty() { shared } else { own };
            let own = if own.is_empty() { trailing } else { own };
            let mut when = lead.and(own);
            when.hint = hint(words.get(range.clone()).unwrap_or_default());
            if !is_task(self, &range, &when) {
                continue;
            }
            // In "don't forget your passport" somebody may speak to themself.
            let speaker = match self.sentence.voice {
                Voice::Other => Some(Voice::Other),
                Voice::User
                    if matches!(
                        self.class,
                        Class::Promise | Class::Duty | Class::Offer | Class::Wish
                    ) =>
                {
                    Some(Voice::User)
                }
                _ => None,
            };
            let text = match self.verb.filter(|_| range.start == self.body.start) {
                Some(verb) => imperative(self.sentence, verb, range.start + 1..range.end, speaker),
                None if self.class == Class::Recall => {
                    imperative(self.sentence, "remember", range, speaker)
                }
                None => imperative(self.sentence, "", range, speaker),
            };
            if text.is_empty() {
                continue;
            }
            out.push((naming(words, self.start, text), when));
        }
        out
    }

    fn when(&self, range: &Range<usize>) -> When {
        let repeats = self.may_repeat();
        let habit = self.sentence.found.iter().filter(|found| {
            repeats && found.sort == Sort::Habit && range.contains(&found.at.start)
        });
        habit.fold(self.sentence.when(range.clone()), |when, found| {
            when.and(found.when)
        })
    }

    /// The time in what follows: "(send it) when I get home tonight".
    fn trailing(&self) -> When {
        let words = self.words();
        let from = self.body.end;
        let follows = matches!(
            low(words, from),
            "when" | "while" | "once" | "after" | "before"
        );
        if !follows || gap_before(words, from) >= Gap::Break {
            return When::default();
        }
        let to = clause_end(self.sentence, from + 1);
        let when = self.sentence.when(from..to);
        // "Buy it before we leave on Saturday."
        When {
            before: when.before || (low(words, from) == "before" && when.has_date()),
            ..when
        }
    }

    /// The time said before the phrase or within it: "tomorrow I have to".
    fn lead(&self) -> When {
        let words = self.words();
        let inside = self.when(&(self.start..self.body.start));
        let bare = self.before.clone().all(|at| {
            let word = low(words, at);
            self.sentence.time_at(at).is_some()
                || DISCOURSE.contains(word)
                || ADVERBS.contains(word)
                || matches!(word, "i" | "think" | "guess" | "that")
        });
        if bare {
            return self.sentence.when(self.before.clone()).and(inside);
        }
        // "When I'm in town tomorrow I have to": the time of the clause in front.
        let from = skip_discourse(words, self.before.start);
        let word = low(words, from);
        if matches!(word, "when" | "while" | "once" | "after" | "before") {
            let when = self.sentence.when(from..self.start);
            let before = when.before || (word == "before" && when.has_date());
            return When { before, ..when }.and(inside);
        }
        match self
            .start
            .checked_sub(1)
            .and_then(|at| self.sentence.time_at(at))
        {
            Some(time) if opens(words, time.at.start) => {
                self.sentence.when(time.at.clone()).and(inside)
            }
            _ => inside,
        }
    }
}

/// "(and) tuesday I need to": the time begins a clause, so it belongs to what follows.
fn opens(words: &[Word], at: usize) -> bool {
    gap_before(words, at) >= Gap::Comma || CLAUSE_JOINTS.contains(before(words, at))
}

/// Where the deed begins in "(what I have to) do today is (to) call mom".
fn cleft(sentence: &Sentence, body: usize) -> Option<usize> {
    let words = &sentence.words;
    if low(words, body) != "do" {
        return None;
    }
    let is = sentence
        .time_at(body + 1)
        .map_or(body + 1, |time| time.at.end);
    (low(words, is) == "is").then(|| is + 1 + usize::from(low(words, is + 1) == "to"))
}

sets! {
    CLAUSE_JOINTS: "and but so because then plus since cause";
    SUBORDINATING: "maybe perhaps hope hoping if unless whether when whenever what how why where which who than until before after
        while once do does did would could should will case time all thing everything anything
        something only as don't didn't won't can't things place places";
    WONDERING: "see check ask know wonder sure tell even";
    TAGS: "okay right alright yeah deal good fine you works work cool that don't won't";
    RECALLING: "agreed promised said told remember remembered forgot realized realised realize mean know think me fact remind";
}
