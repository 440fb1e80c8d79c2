//! Whether the wording of a task is concrete enough: "I have to call the bank"
//! is, "I have to think" is not.

use std::ops::Range;

use super::date_words::Sort;
use super::dates::{Day, Part, When};
use super::sentences::Voice;
use super::spoken::Spoken;
use super::triggers::Class;
use super::vocabulary::{
    ADVERBS, AT_ONCE, NEVER_VERBS, PRONOUN_OBJECTS, STOP, TASK_VERBS, VAGUE_VERBS, sets,
};
use super::words::{Word, low};

/// "Let's" and "we'll" take less for granted than "we need to".
fn proposes(spoken: &Spoken) -> bool {
    let (first, second) = (
        low(spoken.words(), spoken.start),
        low(spoken.words(), spoken.start + 1),
    );
    matches!(first, "let's" | "lets" | "let" | "we'll" | "we're")
        || (first, second) == ("we", "will")
}

/// Whether the wording is concrete enough for its class.
pub fn is_task(spoken: &Spoken, range: &Range<usize>, when: &When) -> bool {
    let words = spoken.words();
    let verb = spoken.verb.unwrap_or(low(words, range.start));
    let object: Vec<&str> = (range.start + 1..range.end)
        .filter(|at| {
            spoken
                .sentence
                .time_at(*at)
                .is_none_or(|time| matches!(time.sort, Sort::Kept | Sort::Past | Sort::Owner))
        })
        .map(|at| low(words, at))
        .filter(|word| !PARTICLES.contains(*word) && !ADVERBS.contains(word))
        .collect();
    let concrete = object.iter().any(|word| {
        !STOP.contains(word) && !PRONOUN_OBJECTS.contains(word) && !AT_HOME.contains(word)
    });
    let bare = object.iter().all(|word| PRONOUN_OBJECTS.contains(word));
    // "Let's do Thursday", "I'll do it": nobody knows later what.
    if (object.is_empty() && NOTHING_ALONE.contains(verb)) || (verb == "do" && bare) {
        return false;
    }
    if !object.is_empty() && object.iter().all(|word| UNNAMED.contains(word)) {
        return false;
    }
    let told = matches!(
        spoken.class,
        Class::Reminder | Class::Recall | Class::Note | Class::Errand
    );
    if !told && is_figure(verb, &object) {
        return false;
    }
    let next = low(words, range.start + 1);
    let phrasal = is_phrasal(verb, next);
    let placed = matches!(
        next,
        "at" | "in" | "on" | "out" | "there" | "ready" | "home" | "back"
    );
    let dated = !when.is_empty();
    let known = TASK_VERBS.contains(verb);
    let going = spoken
        .body
        .start
        .checked_sub(2)
        .is_some_and(|at| low(words, at) == "going");
    if NEVER_VERBS.contains(verb)
        || (matches!(verb, "tell" | "show" | "explain")
            && matches!(object.first(), Some(&"me" | &"us" | &"you"))
            && !dated)
    {
        return spoken.class == Class::Note;
    }
    match spoken.class {
        Class::Note => known || !FINITE.contains(next),
        Class::Reminder => true,
        Class::Errand => {
            (known || (dated && verb == "come"))
                && (!bare || verb == "come")
                && !spoken.sentence.any(Sort::Past, spoken.clause..range.end)
                && (dated || !AT_ONCE.contains(verb))
        }
        Class::Promise if spoken.verb.is_some() => known && concrete && when.day.is_some(),
        // "I told him I'd call back": nobody knows whom.
        Class::Promise if low(words, spoken.start) == "i'd" && !concrete => false,
        Class::Promise if dated && causes(verb, &object) => true,
        // "I'm going to call her now" is being done.
        Class::Promise if !dated && range.clone().any(|at| low(words, at) == "now") => false,
        Class::Joint if verb == "meet" && !concrete && !when.has_clock() => false,
        Class::Wish => {
            known
                && soon(when)
                && concrete
                && !AT_ONCE.contains(verb)
                && !VAGUE_VERBS.contains(verb)
                || soon(when) && causes(verb, &object)
        }
        // "Shall we meet at four?" is an event and nothing to be done.
        Class::Proposal if when.has_clock() && matches!(verb, "meet" | "get" | "grab") => false,
        Class::Proposal | Class::Offer => known && concrete && !AT_ONCE.contains(verb),
        Class::Recall => (!bare || object.len() > 2) && (verb != "that" || dated),
        Class::Duty => {
            // "I just have to grab my keys" is over in a minute.
            let now = low(words, spoken.start + 1) == "just" && SLIGHT.contains(verb);
            (dated || !now) && duty(verb, &object, concrete, dated, placed)
        }
        Class::Joint if !proposes(spoken) => duty(verb, &object, concrete, dated, placed),
        Class::Joint if !dated && matches!(object.first(), Some(&"it" | &"that" | &"this")) => {
            false
        }
        // "Today we will look at inflation" is under way.
        Class::Joint if when.day == Some(Day::After(0)) && TALKING.contains(verb) => false,
        Class::Promise | Class::Joint => {
            known && phrasal && concrete || promise(verb, concrete && !bare, dated, known, going)
        }
        Class::Request => {
            known
                && (dated
                    || (phrasal && concrete)
                    || (!AT_ONCE.contains(verb) && (!bare || low(words, spoken.start) == "please")))
        }
        Class::Advice => {
            let to_me = object
                .iter()
                .any(|word| matches!(*word, "me" | "us" | "your"));
            known
                && (dated || !(bare || AT_ONCE.contains(verb)))
                && (spoken.sentence.voice == Voice::Other || dated || to_me)
        }
    }
}

/// "get a grip", "call it a day": nothing but the parts of a saying.
fn is_figure(verb: &str, object: &[&str]) -> bool {
    let mut named = object
        .iter()
        .filter(|word| !STOP.contains(*word) || matches!(**word, "way" | "look"))
        .peekable();
    // "I have to hand it to you."
    if verb == "hand" && object.first() == Some(&"it") {
        return true;
    }
    named.peek().is_some()
        && named.all(|word| {
            FIGURES.contains(*word)
                || SAYINGS
                    .iter()
                    .any(|(one, nouns)| *one == verb && nouns.split(' ').any(|noun| noun == *word))
        })
}

/// Verbs, each with nouns that make a saying of it.
const SAYINGS: &[(&str, &str)] = &[
    ("beat", "bush"),
    ("bite", "bullet"),
    ("blow", "steam"),
    ("break", "ice"),
    ("burn", "bridges"),
    ("buy", "time"),
    ("call", "day night shots quits bluff"),
    ("change", "mind"),
    ("clean", "act"),
    ("clear", "head mind air"),
    ("close", "eyes"),
    ("cross", "line bridge fingers"),
    ("cut", "chase corners slack losses"),
    ("draw", "line somewhere blank"),
    ("drop", "line ball hint"),
    ("figure", "life"),
    ("find", "seat way time feet"),
    (
        "get",
        "head act legs hand seat shower step way time together look break rest air point bite chest ball rolling ducks row bottom life move kick cracking",
    ),
    (
        "give",
        "word hand way chance credit shot try rest thought go",
    ),
    ("go", "work school class mile flow nuts bananas"),
    ("grab", "seat bite"),
    ("have", "look break bite"),
    ("hit", "road books ground sack hay"),
    ("hold", "head horses tongue"),
    (
        "keep",
        "head mind fingers word eyes together touch eye track cool",
    ),
    ("lend", "hand"),
    ("let", "steam"),
    ("lose", "mind head"),
    ("make", "mind way time ends meet peace living sense amends"),
    ("need", "break"),
    ("open", "eyes"),
    ("pick", "battles brain brains"),
    ("play", "ear advocate"),
    ("pull", "together strings plug weight socks"),
    ("put", "head foot feet pin"),
    ("read", "lines room"),
    ("see", "light"),
    ("set", "record straight"),
    ("spill", "beans"),
    ("stretch", "legs"),
    (
        "take",
        "word hand seat shower step time chance look break rest salt pinch air breather plunge team hold",
    ),
    ("test", "waters"),
    ("throw", "towel fit"),
    ("touch", "base"),
    ("turn", "page leaf blind eye"),
    ("use", "head"),
    ("wrap", "head"),
];

/// A wish for next year is none that one can tick off.
fn soon(when: &When) -> bool {
    when.has_date() && !matches!(when.day, Some(Day::Months(12..) | Day::EndOfYear))
}

/// "have the draft ready", "get the fence fixed"
fn causes(verb: &str, object: &[&str]) -> bool {
    let done = |word: &&str| DONE.contains(*word) || (word.len() > 4 && word.ends_with("ed"));
    matches!(verb, "have" | "get") && object.len() > 1 && object.iter().skip(1).any(done)
}

/// "look into", "take care of": more than the verb alone.
fn is_phrasal(verb: &str, next: &str) -> bool {
    matches!(
        (verb, next),
        ("take", "care")
            | ("look", "into" | "for" | "after" | "over" | "up")
            | ("work", "on")
            | ("go", "through" | "over")
    )
}

fn duty(verb: &str, object: &[&str], concrete: bool, dated: bool, placed: bool) -> bool {
    let nameless = object.iter().all(|word| NAMELESS.contains(word));
    let bare = object.iter().all(|word| PRONOUN_OBJECTS.contains(word));
    match verb {
        "be" => dated && placed,
        "sleep" | "eat" | "think" | "rest" | "relax" | "work" | "know" if object.is_empty() => {
            false
        }
        // "I have to stop eating so much" is a resolution.
        _ if VAGUE_VERBS.contains(verb) => {
            let resolves = object.first().is_some_and(|word| word.ends_with("ing"));
            dated || (concrete && !STATES.contains(verb) && !resolves)
        }
        "do" | "make" | "take" => dated || !bare,
        // "I have to wear a tie" tells of a rule; "I have to sign it" names nothing.
        _ => dated || (TASK_VERBS.contains(verb) && (object.is_empty() || !nameless)),
    }
}

fn promise(verb: &str, concrete: bool, dated: bool, known: bool, going: bool) -> bool {
    if dated {
        // "Going to Paris tomorrow" names a place, not a deed.
        return known || !(going || VAGUE_VERBS.contains(verb));
    }
    let slight = SLIGHT.contains(verb);
    known && concrete && !AT_ONCE.contains(verb) && !slight
}

/// What "at seven" means beside "dinner" or "wake up".
pub fn hint(words: &[Word]) -> Option<Part> {
    words.iter().find_map(|word| match word.low.as_str() {
        "dinner" | "supper" | "drinks" | "concert" | "party" | "movie" | "movies" | "cinema"
        | "theater" | "theatre" | "opera" | "gala" | "evening" | "night" | "reservation"
        | "restaurant" | "bar" | "pub" => Some(Part::Evening),
        "breakfast" | "wake" | "alarm" | "sunrise" | "morning" => Some(Part::Morning),
        _ => None,
    })
}

sets! {
    NOTHING_ALONE: "do book be have make get see";
    TALKING: "look talk discuss see start begin continue learn explore cover go speak";
    FINITE: "will is has to needs should was";
    STATES: "think sleep eat wait stay feel keep live";
    SLIGHT: "take get do see cover hand discuss stop grab make ask pull";
    FIGURES: "grip breath sack nap peek temper nerve patience luck fun bearings somewhere chin sleep";
    UNNAMED: "some one any more another";
    NAMELESS: "it that this these those you one stuff something anything everything to";
    DONE: "done ready finished cut built sent";
    PARTICLES: "up out off back down over in on again instead";
    AT_HOME: "home bathroom toilet bed restroom second minute moment bit while";
}
