//! The words that name an event: "dinner", "open house", "meeting Anna", "the electrician is coming".

use std::ops::Range;

use super::sentences::Sentence;
use super::vocabulary::{STOP, SUBJECTS, sets};
use super::words::{Gap, before, gap_before, low};

/// Most words of a title before "with".
const MOST_MODIFIERS: usize = 3;

/// Two words that only together name an event.
const COMPOUNDS: [(&str, &str); 12] = [
    ("open", "house"),
    ("open", "day"),
    ("parents'", "evening"),
    ("parents", "evening"),
    ("quiz", "night"),
    ("date", "night"),
    ("movie", "night"),
    ("town", "hall"),
    ("happy", "hour"),
    ("book", "club"),
    ("office", "hours"),
    ("driving", "test"),
];

/// Whether this word names an event here.
pub fn happens(sentence: &Sentence, at: usize) -> bool {
    let words = &sentence.words;
    let word = low(words, at);
    let before = before(words, at);
    // "a meeting room", "the interview questions"
    let next = low(words, at + 1);
    let modifies = gap_before(words, at + 1) == Gap::None
        && (HAPPENINGS.contains(next) || HEADS.contains(next));
    if modifies {
        return false;
    }
    if COMPOUNDS.contains(&(before, word)) {
        return true;
    }
    if sentence.time_at(at).is_some() {
        return false;
    }
    if matches!(word, "meet" | "meeting" | "seeing") && meets(sentence, at) {
        return true;
    }
    if word == "coming" {
        return visitor(sentence, at).is_some();
    }
    // "The funeral's on Saturday."
    let bare = word.strip_suffix("'s").filter(|_| {
        sentence.time_at(at + 1).is_some() || matches!(next, "at" | "moved" | "been" | "booked")
    });
    let word = bare.unwrap_or(word);
    if !HAPPENINGS.contains(word) {
        return false;
    }
    let noun = BEFORE_A_NOUN.contains(before)
        || next == "with"
        || at == 0
        || (!STOP.contains(before)
            && !SUBJECTS.contains(before)
            && gap_before(words, at) == Gap::None
            && before != "to");
    if word == "train" {
        return matches!(before, "my" | "our" | "your");
    }
    !DOUBTFUL.contains(word) || (noun && !matches!(before, "to" | "and"))
}

/// The words that name who comes in "the electrician is coming".
pub fn visitor(sentence: &Sentence, at: usize) -> Option<Range<usize>> {
    let words = &sentence.words;
    let end = match before(words, at) {
        "is" | "are" => at - 1,
        noun if noun.ends_with("'s") => at,
        _ => return None,
    };
    let last = end.checked_sub(1)?;
    let start = head_start(sentence, last);
    let named = !STOP.contains(low(words, last).trim_end_matches("'s"));
    let known = matches!(before(words, start), "the" | "my" | "our");
    (named && known && !HAPPENINGS.contains(low(words, last))).then_some(start..end)
}

/// "I'm meeting Sarah", "let's meet", "we meet".
pub fn meets(sentence: &Sentence, at: usize) -> bool {
    let words = &sentence.words;
    let before = before(words, at);
    BEFORE_MEETING.contains(before)
}

/// Where the words begin that belong to an event noun: "weekly budget" + "meeting".
pub fn head_start(sentence: &Sentence, at: usize) -> usize {
    let words = &sentence.words;
    let mut start = at;
    while start > 0 && at - start < MOST_MODIFIERS {
        let before = low(words, start - 1);
        let ends = gap_before(words, start) >= Gap::Comma
            || sentence.time_at(start - 1).is_some()
            || STOP.contains(before)
            || SCHEDULING.contains(before);
        if ends {
            break;
        }
        start -= 1;
    }
    start
}

sets! {
    HAPPENINGS: "meeting meetup appointment lunch dinner breakfast brunch supper coffee drinks call flight train
        party demo interview game match concert show wedding funeral ceremony class lesson lecture exam test workshop
        webinar seminar conference standup stand-up sync review retrospective retro kickoff presentation rehearsal
        practice recital performance checkup check-up surgery session reservation date barbecue bbq reunion viewing
        inspection movie tour checkin haircut kick-off offsite picnic gig flying therapy yoga pilates choir
        graduation orientation baptism christening memorial consultation ultrasound mri audition hearing briefing
        huddle potluck sleepover playdate housewarming fundraiser walkthrough fitting tasting handover training
        tryouts one-on-one keynote panel parade festival premiere tournament race marathon auction massage
        vaccination shift tutoring";

    /// Verbs as often: they count after "a", "our", another noun or before "with".
    DOUBTFUL: "call demo interview show test review sync practice date train tour match hearing fitting tasting
        training";

    /// An event may be their object.
    pub SCHEDULING: "schedule scheduled book booked plan planned attend join set having grab arrange host cancel
        confirm moved rescheduled reschedule add meet put prepare";

    HEADS: "room notes questions ticket tickets slides dress deck invite results station material
        report box time table";
    BEFORE_A_NOUN: "a an the my our your this that have first next another phone video zoom and";
    BEFORE_MEETING: "we you're i'm we're am are let's we to will we'll i'll you can and please";
}
