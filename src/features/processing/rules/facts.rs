//! The phrases that state a lasting fact about the speaker, and what must
//! follow them for that.

use std::collections::HashSet;

use super::numbers;
use super::vocabulary::{
    CONDITIONS, IDENTITIES, KIN, LANGUAGES, NO_IDENTITY, NO_TASTES, PASTIMES, TRAITS, sets,
};
use super::words::{Word, low};

/// Most words taken over from the speaker.
pub const MOST_WORDS: usize = 12;

/// What the words after a phrase must be for the phrase to state a lasting fact.
#[derive(Clone, Copy)]
pub enum Needs {
    Anything,
    Place,
    Employer,
    Identity,
    Trait,
    Possession,
    Taste,
    Deed,
    Language,
    Pastime,
    Since,
    Allergen,
    Spouse,
    Diet,
    Medicine,
    Pupils,
    Skill,
    /// "smoking", "eating meat": what one gives up
    Habit,
    /// "my car"
    Belonging,
    /// "night shifts", "remotely"
    Manner,
    /// "climbing every Tuesday"
    Routine,
    /// A verb, put into the third person: "eat meat" is "eats meat"
    Verb,
}

/// Phrase, its third person, what must follow, and how much it tells of a life.
pub const FACTS: &[(&str, &str, Needs, u8)] = &[
    ("i live in", "lives in", Needs::Place, 5),
    ("i live near", "lives near", Needs::Place, 5),
    ("i live on", "lives on", Needs::Place, 5),
    ("i live with", "lives with", Needs::Place, 5),
    ("i live alone", "lives alone", Needs::Anything, 5),
    ("i'm living in", "lives in", Needs::Place, 5),
    ("i moved to", "moved to", Needs::Place, 4),
    ("i moved from", "moved from", Needs::Place, 4),
    ("i moved here from", "moved from", Needs::Place, 4),
    ("we moved here from", "moved from", Needs::Place, 4),
    ("we moved from", "moved from", Needs::Place, 4),
    ("i grew up in", "grew up in", Needs::Place, 4),
    ("i grew up on", "grew up on", Needs::Place, 4),
    ("i was born in", "was born in", Needs::Place, 5),
    ("i was born on", "was born on", Needs::Place, 5),
    ("i was born near", "was born near", Needs::Place, 5),
    (
        "i was born and raised in",
        "was born and raised in",
        Needs::Place,
        5,
    ),
    ("i was raised in", "was raised in", Needs::Place, 4),
    ("i'm from", "is from", Needs::Place, 4),
    ("i come from", "comes from", Needs::Place, 4),
    ("i'm originally from", "is originally from", Needs::Place, 4),
    ("i work at", "works at", Needs::Employer, 5),
    ("i work for", "works for", Needs::Employer, 5),
    ("i work as", "works as", Needs::Anything, 5),
    ("i work in", "works in", Needs::Employer, 5),
    ("i work from home", "works from home", Needs::Anything, 4),
    ("i'm working at", "works at", Needs::Employer, 4),
    ("i'm working as", "works as", Needs::Anything, 4),
    ("i work", "works", Needs::Manner, 4),
    ("i work with", "works with", Needs::Pupils, 3),
    ("i study", "studies", Needs::Deed, 4),
    ("i'm studying", "studies", Needs::Deed, 4),
    ("i'm learning", "is learning", Needs::Skill, 3),
    ("i teach", "teaches", Needs::Deed, 4),
    ("i coach", "coaches", Needs::Deed, 4),
    ("i run a", "runs a", Needs::Deed, 4),
    ("i run my own", "runs their own", Needs::Deed, 4),
    ("i manage a", "manages a", Needs::Deed, 4),
    ("i collect", "collects", Needs::Deed, 3),
    ("i volunteer at", "volunteers at", Needs::Employer, 4),
    ("i go", "goes", Needs::Routine, 3),
    ("i'm scared of", "is scared of", Needs::Taste, 3),
    ("i'm afraid of", "is afraid of", Needs::Taste, 3),
    ("i'm terrified of", "is terrified of", Needs::Taste, 3),
    (
        "i'm the youngest of",
        "is the youngest of",
        Needs::Anything,
        4,
    ),
    ("i'm the oldest of", "is the oldest of", Needs::Anything, 4),
    ("i'm the eldest of", "is the eldest of", Needs::Anything, 4),
    ("i'm not a fan of", "is not a fan of", Needs::Taste, 3),
    (
        "i'm not a big fan of",
        "is not a big fan of",
        Needs::Taste,
        3,
    ),
    ("i don't like", "does not like", Needs::Taste, 3),
    ("i can't have", "cannot have", Needs::Diet, 4),
    ("i can't drink", "cannot drink", Needs::Diet, 4),
    ("i take", "takes", Needs::Medicine, 4),
    ("i got married", "got married", Needs::Anything, 4),
    ("i retired", "retired", Needs::Anything, 4),
    ("i quit my job", "quit their job", Needs::Anything, 5),
    ("i left my job", "left their job", Needs::Anything, 5),
    ("i quit", "quit", Needs::Habit, 4),
    ("i stopped", "stopped", Needs::Habit, 4),
    ("i've quit", "quit", Needs::Habit, 4),
    ("i've stopped", "stopped", Needs::Habit, 4),
    ("i gave up", "gave up", Needs::Habit, 4),
    ("i've given up", "gave up", Needs::Habit, 4),
    ("i sold my", "sold their", Needs::Belonging, 3),
    ("i no longer", "no longer", Needs::Verb, 5),
    ("i'm no longer a", "is no longer a", Needs::Identity, 4),
    ("i'm no longer an", "is no longer an", Needs::Identity, 4),
    ("i'm no longer", "is no longer", Needs::Trait, 4),
    ("i graduated from", "graduated from", Needs::Anything, 4),
    ("i'm a", "is a", Needs::Identity, 4),
    ("i'm an", "is an", Needs::Identity, 4),
    ("i'm the", "is the", Needs::Identity, 4),
    ("i'm into", "is into", Needs::Taste, 2),
    ("we live in", "lives in", Needs::Place, 5),
    ("we moved to", "moved to", Needs::Place, 4),
    ("we have", "has", Needs::Possession, 5),
    ("we've got", "has", Needs::Possession, 5),
    ("i've lived in", "has lived in", Needs::Place, 5),
    ("i've worked", "has worked", Needs::Since, 4),
    ("i'm allergic to", "is allergic to", Needs::Allergen, 6),
    (
        "i've been allergic to",
        "is allergic to",
        Needs::Allergen,
        6,
    ),
    ("i'm married to", "is married to", Needs::Spouse, 5),
    ("i'm", "is", Needs::Trait, 4),
    ("i have", "has", Needs::Possession, 5),
    ("i've got", "has", Needs::Possession, 5),
    ("i suffer from", "suffers from", Needs::Anything, 5),
    ("i own", "owns", Needs::Deed, 3),
    ("i drive a", "drives a", Needs::Anything, 3),
    ("i speak", "speaks", Needs::Language, 4),
    ("i play", "plays", Needs::Pastime, 3),
    ("i love", "loves", Needs::Taste, 2),
    ("i like", "likes", Needs::Taste, 1),
    ("i hate", "hates", Needs::Taste, 2),
    ("i prefer", "prefers", Needs::Taste, 3),
    ("i enjoy", "enjoys", Needs::Taste, 2),
    ("i adore", "adores", Needs::Taste, 2),
    ("i can't stand", "can't stand", Needs::Taste, 2),
    ("i don't eat", "does not eat", Needs::Deed, 4),
    ("i never eat", "never eats", Needs::Deed, 4),
    ("i can't eat", "cannot eat", Needs::Deed, 4),
    ("i don't drink", "does not drink", Needs::Deed, 4),
    ("i never drink", "never drinks", Needs::Deed, 4),
    ("i've been", "has been", Needs::Since, 3),
];

pub fn follows(words: &[Word], from: usize, end: usize, needs: Needs) -> bool {
    let first = low(words, from);
    let tail = || {
        words
            .iter()
            .take(end)
            .skip(from)
            .map(|word| word.low.as_str())
    };
    let length = end.saturating_sub(from);
    let any = |set: &HashSet<&'static str>| tail().any(|word| set.contains(word));
    let second = low(words, from + 1);
    match needs {
        // "I was born", "I live alone" end where the phrase does.
        Needs::Anything => {
            length > 0
                || from
                    .checked_sub(1)
                    .is_some_and(|at| matches!(low(words, at), "alone" | "home"))
        }
        // "I live in my pajamas."
        Needs::Place if first == "my" && !OWN_PLACES.contains(second) => false,
        Needs::Place => length > 0 && !NO_PLACES.contains(first) && !NO_PLACES_THE.contains(second),
        Needs::Employer => {
            let spell = numbers::cardinal(words, from).is_some() || NO_EMPLOYERS.contains(first);
            length > 0 && !spell && !SPELLS.contains(second)
        }
        Needs::Identity => is_identity(words, from, end),
        Needs::Trait => is_trait(words, from, end),
        Needs::Possession => {
            let counted = matches!(first, "a" | "an" | "one" | "my" | "no")
                || numbers::cardinal(words, from).is_some()
                || CONDITIONS.contains(first)
                || (first == "type" && second.starts_with(|c: char| c.is_ascii_digit()));
            let head: Vec<&str> = tail()
                .take(4)
                .take_while(|word| !PHRASE_ENDS.contains(*word))
                .collect();
            counted
                && first != "my"
                && head.iter().any(|word| {
                    KIN.contains(*word)
                        || CONDITIONS.contains(*word)
                        || (first != "no" && BELONGINGS.contains(*word))
                })
                && !matches!(second, "friend" | "boss" | "meeting")
        }
        Needs::Taste => {
            let speech = first == "to" && SPEECH.contains(second);
            let definite = first == "the" && !LASTING_THE.contains(second);
            let verdict = matches!(first, "working" | "talking" | "being") && second == "with"
                || second == "idea";
            length > 0
                && length <= MOST_WORDS
                && !NO_TASTES.contains(first)
                && !speech
                && !definite
                && !verdict
        }
        Needs::Allergen => {
            length > 0 && !NO_TASTES.contains(first) && !NO_ALLERGENS.contains(first)
        }
        Needs::Spouse => length > 0 && !matches!(first, "my" | "the" | "this" | "that" | "it"),
        Needs::Habit => HABITS_GIVEN_UP.contains(first),
        Needs::Diet => DIET.contains(first),
        Needs::Medicine => any(&MEDICINES) && first != "the",
        Needs::Pupils => any(&PUPILS),
        Needs::Skill => {
            LANGUAGES.contains(first)
                || any(&PASTIMES)
                || (first == "to" && SKILLS.contains(second))
        }
        Needs::Belonging => length > 0 && BELONGINGS.contains(first),
        Needs::Manner => tail().take(3).any(|word| MANNERS.contains(word)),
        Needs::Routine => first.len() > 5 && first.ends_with("ing") && !NO_ROUTINES.contains(first),
        Needs::Verb => length > 0 && (ENDED.contains(first)),
        Needs::Deed => length > 0 && !NO_TASTES.contains(first) && !NO_DEEDS.contains(first),
        Needs::Language => {
            LANGUAGES.contains(first) || (LANGUAGES.contains(second) && first != "no")
        }
        Needs::Pastime => any(&PASTIMES),
        Needs::Since => {
            let lasting = first.ends_with("ing") && !PASSING.contains(first);
            let years =
                tail().any(|word| matches!(word, "years" | "decades" | "since" | "childhood"));
            years
                && (lasting
                    || matches!(first, "as" | "at" | "for" | "in")
                    || matches!(
                        first,
                        "married" | "vegan" | "vegetarian" | "a" | "an" | "sober"
                    ))
        }
    }
}

/// "a vegetarian", "a software engineer", "a huge fan of jazz".
pub fn is_identity(words: &[Word], from: usize, end: usize) -> bool {
    let phrase = words
        .iter()
        .take(end.min(from + 5))
        .skip(from)
        .map(|word| word.low.as_str());
    let noun: Vec<&str> = phrase
        .take_while(|word| !PHRASE_ENDS.contains(*word))
        .collect();
    // "a fan of what you did"
    let of = from + noun.len();
    let shapeless = low(words, of) == "of" && NO_TASTES.contains(low(words, of + 1));
    if shapeless || noun.iter().any(|word| NO_IDENTITY.contains(*word)) {
        return false;
    }
    let Some(head) = noun.last() else {
        return false;
    };
    const ENDINGS: [&str; 12] = [
        "ist", "ian", "eer", "tor", "ter", "ner", "ger", "her", "per", "mer", "der", "sor",
    ];
    const OTHER: [&str; 12] = [
        "grapher", "driver", "lawyer", "writer", "dancer", "singer", "baker", "worker", "builder",
        "plumber", "soldier", "officer",
    ];
    let trade = head.len() > 5
        && ENDINGS.iter().any(|ending| head.ends_with(ending))
        && !NO_TRADES.contains(head);
    let other = OTHER.iter().any(|ending| head.ends_with(ending));
    IDENTITIES.contains(*head) || trade || other
}

/// "vegan", "34 years old", "left-handed", "married".
pub fn is_trait(words: &[Word], from: usize, end: usize) -> bool {
    if let Some((_, length)) = numbers::cardinal(words, from) {
        return low(words, from + length) == "years" && low(words, from + length + 1) == "old";
    }
    // "half Italian"
    let from = from + usize::from(low(words, from) == "half");
    end > from
        && TRAITS.contains(low(words, from))
        && !matches!(low(words, from + 1), "enough" | "about")
        && !(low(words, from + 1) == "to" && matches!(low(words, from + 2), "my" | "the" | "this"))
}

sets! {
    NO_ALLERGENS: "work working meetings meeting mornings bullshit drama nonsense people stupidity idiots effort monday mondays
        sundays commitment fun bs";
    HABITS_GIVEN_UP: "smoking drinking eating alcohol meat sugar coffee gluten dairy caffeine gambling vaping cigarettes
        carbs playing running";
    DIET: "dairy gluten nuts peanuts sugar caffeine alcohol lactose shellfish seafood eggs milk wheat soy pork beef fish meat
        coffee anything";
    MEDICINES: "insulin antidepressants statins metformin medication ibuprofen thyroxine levothyroxine inhaler vitamins blood";
    PUPILS: "children kids horses animals refugees seniors patients wood teenagers students toddlers";
    SKILLS: "play drive swim cook code program ski surf sail knit sew ride dance paint";
    BELONGINGS: "house apartment flat cabin cottage garden boat car van motorbike motorcycle farm shop bakery restaurant company
        business startup store hens chickens bees goats sheep cows retriever labrador poodle terrier dachshund collie beagle
        spaniel husky corgi bulldog pug ponies pony tortoise snake lizard greenhouse allotment";
    MANNERS: "night nights shifts shift part-time full-time remotely freelance weekends";
    NO_ROUTINES: "getting having being making taking giving nothing something everything anything morning evening";
    ENDED: "eat drink smoke work live play drive have own speak teach study run use";
    OWN_PLACES: "own parents parents' mom's mum's dad's grandma's sister's brother's aunt's uncle's car van hometown";
    NO_PLACES: "fear peace it that this there here denial constant what";
    NO_PLACES_THE: "moment past future middle back front next other left right side top living times nightmare dream bubble hell lie simulation zoo";
    NO_EMPLOYERS: "my it that this there here him her them night what all";
    SPELLS: "moment morning mornings afternoon evening evenings few couple while bit";
    PHRASE_ENDS: "with to for and who that named called in at of from by on";
    SPEECH: "say admit bother interrupt break ask be see hear know think";
    LASTING_THE: "outdoors ocean sea mountains beach rain snow cold heat countryside city beatles";
    NO_DEEDS: "much anymore enough the that up for too as";
    PASSING: "thinking trying meaning feeling waiting looking wondering having talking";
    NO_TRADES: "matter dinner winner father-figure either other another";
}
