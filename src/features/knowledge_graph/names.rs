//! Names in English sentences: capitalised words that are no sentence starts, and what their surroundings say of them.

use std::{collections::HashSet, ops::Range, sync::LazyLock};

/// Words of a name at most.
const LONGEST: usize = 5;

#[derive(Clone, Debug)]
pub struct Token {
    /// Without punctuation at its edges and without a possessive end.
    pub text: String,
    pub low: String,
    /// Punctuation follows.
    pub breaks: bool,
    /// Begins a sentence.
    pub starts: bool,
    /// Ends in 's.
    pub owns: bool,
}

pub fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut starts = true;
    for raw in text.split_whitespace() {
        let core = raw.trim_matches(|c: char| !c.is_alphanumeric());
        if core.is_empty() {
            if let Some(last) = tokens.last_mut() {
                last.breaks |= raw != "&";
            }
            if raw == "&" {
                tokens.push(Token {
                    text: raw.into(),
                    low: raw.into(),
                    breaks: false,
                    starts: false,
                    owns: false,
                });
            }
            continue;
        }
        let straight = core.replace('’', "'");
        let bare = straight.strip_suffix("'s").unwrap_or(&straight);
        let low = bare.to_lowercase();
        let short = TITLES.contains(low.as_str()) || low == "st";
        let tail = raw.trim_start_matches(|c: char| !c.is_alphanumeric());
        let after = tail.strip_prefix(core).unwrap_or_default();
        let stop = after.contains(['.', '!', '?', ':', '…']) && !short;
        tokens.push(Token {
            text: bare.into(),
            low,
            breaks: match after {
                "" => false,
                "." => !short,
                _ => true,
            },
            starts,
            owns: bare.len() < straight.len(),
        });
        starts = stop;
    }
    tokens
}

pub fn low(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| token.low.as_str())
}

/// Whether nothing but a space is between a token and the one before it.
pub fn joined(tokens: &[Token], at: usize) -> bool {
    at.checked_sub(1)
        .and_then(|before| tokens.get(before))
        .is_some_and(|before| !before.breaks)
}

pub fn is_capital(token: &Token) -> bool {
    let mut letters = token.text.chars();
    letters.next().is_some_and(char::is_uppercase)
        && letters.next().is_some()
        && !NO_NAMES.contains(token.low.as_str())
}

/// Names that begin at `at`, whether a sentence begins there or not.
pub fn name_at(tokens: &[Token], at: usize) -> Option<Range<usize>> {
    let first = tokens.get(at)?;
    if !is_capital(first) {
        return None;
    }
    let mut end = at + 1;
    while end < at + LONGEST
        && joined(tokens, end)
        && tokens.get(end - 1).is_some_and(|last| !last.owns)
    {
        let linked = LINKS.contains(low(tokens, end))
            && joined(tokens, end + 1)
            && tokens.get(end + 1).is_some_and(is_capital);
        match tokens.get(end) {
            Some(token) if is_capital(token) && !token.starts => end += 1,
            Some(_) if linked => end += 2,
            _ => break,
        }
    }
    // A title alone is no name.
    (end > at + 1 || !TITLES.contains(first.low.as_str())).then_some(at..end)
}

/// Names that do not only look like some because a sentence begins; `elsewhere`: capitalised words from within sentences.
pub fn names(tokens: &[Token], elsewhere: &HashSet<String>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let sure = tokens.get(at).is_some_and(|token| {
            !token.starts || elsewhere.contains(&token.low) || TITLES.contains(token.low.as_str())
        });
        match name_at(tokens, at) {
            Some(name) if sure => {
                at = name.end;
                found.push(name);
            }
            // "Dinner With Anna": what follows may still be one.
            _ => at += 1,
        }
    }
    found
}

/// Capitalised words from within sentences.
pub fn within(tokens: &[Token]) -> impl Iterator<Item = String> {
    let inner = tokens
        .iter()
        .filter(|token| !token.starts && is_capital(token));
    inner.map(|token| token.low.clone())
}

pub fn text(tokens: &[Token], at: Range<usize>) -> String {
    let words: Vec<_> = tokens
        .iter()
        .take(at.end)
        .skip(at.start)
        .map(|token| token.text.as_str())
        .collect();
    words.join(" ")
}

/// What a name stands for, by itself and by what is before and after it. None: there is no telling.
pub fn kind(tokens: &[Token], name: &Range<usize>) -> Option<&'static str> {
    let (first, last) = (
        low(tokens, name.start),
        low(tokens, name.end.saturating_sub(1)),
    );
    if TITLES.contains(first) {
        return Some("person");
    }
    if ORGANIZATIONS.contains(last) || ORGANIZATIONS.contains(first) {
        return Some("organization");
    }
    if PLACES.contains(last) || PLACES.contains(first) {
        return Some("place");
    }
    let article = |at: usize| matches!(low(tokens, at), "the" | "a" | "an");
    let mut at = name.start;
    if at > 0 && article(at - 1) {
        at -= 1;
    }
    let with_article = at < name.start;
    let apart = tokens.get(name.start).is_some_and(|token| token.starts);
    let back = |steps: usize| {
        let before = at.checked_sub(steps).filter(|_| !apart);
        before.map_or("", |at| low(tokens, at))
    };
    let next = low(tokens, name.end);
    let before = match back(1) {
        "at" | "for" if WORKS.contains(back(2)) => Some("organization"),
        "in" | "near" => Some("place"),
        "at" => Some("place"),
        "from" if LETTERS.contains(back(2)) => Some("person"),
        "from" => Some("place"),
        "to" if MOVES.contains(back(2)) => Some("place"),
        "to" if SAYS.contains(back(2)) => Some("person"),
        word if !with_article && (PERSON_BEFORE.contains(word) || is_kin(word)) => {
            Some(if is_pet(word) { "thing" } else { "person" })
        }
        _ => None,
    };
    let after = joined(tokens, name.end) && PERSON_AFTER.contains(next);
    before.or(after.then_some("person"))
}

/// A word for somebody near, as in "my wife Anna".
pub fn is_kin(word: &str) -> bool {
    KIN.contains(word) || is_pet(word)
}

pub fn is_pet(word: &str) -> bool {
    PETS.contains(word)
}

macro_rules! words {
    ($($name:ident: $words:literal;)*) => {$(
        static $name: LazyLock<HashSet<&'static str>> = LazyLock::new(|| $words.split_whitespace().collect());
    )*};
}

words! {
    TITLES: "mr mrs ms dr prof professor uncle aunt auntie grandma grandpa";
    LINKS: "of the de da do van von der den del la le & bin al";
    ORGANIZATIONS: "inc ltd gmbh corp corporation llc plc company university school college academy bank hospital institute
        ministry foundation club museum union";
    PLACES: "street road avenue square park lake river mountain mount beach island airport station hotel cafe café restaurant
        bar pub bakery harbour harbor bridge city town village";
    WORKS: "work works worked working job position intern interned study studies studied studying career shift graduated role
        interview interviewed";
    MOVES: "go goes going gone went move moves moving moved fly flies flying flew flight flights trip trips travel travels
        travelling traveling travelled traveled drive driving drove train way back came come been journey";
    SAYS: "talk talks talked talking spoke speak speaking said wrote write send sent sending give gave giving listen listened
        married engaged apologise apologize";
    LETTERS: "message mail email letter call text gift present heard";
    PERSON_BEFORE: "with called call calls calling met meet meeting told tell telling ask asked asking email emailed texted
        text thank thanks thanked remind invited invite named visit visited hi hello dear hey";
    PERSON_AFTER: "said says told thinks thought wants wanted asked called works lives moved agreed promised loves likes hates
        married";
    KIN: "wife husband partner girlfriend boyfriend fiance fiancé fiancee fiancée spouse son daughter kid child baby mother mom
        mum father dad brother sister twin grandmother grandfather grandson granddaughter uncle aunt cousin niece nephew friend
        roommate flatmate neighbor neighbour boss manager colleague coworker co-worker mother-in-law father-in-law
        brother-in-law sister-in-law doctor dentist therapist teacher coach landlord landlady stepson stepdaughter";
    PETS: "dog cat puppy kitten hamster parrot rabbit horse";
    NO_NAMES: "i i'm i've i'd i'll me my mine we we're we've our us you you're your he he's him his she she's her it it's its
        they they're them their this that these those there the a an and or but so because if when while where what which who
        whom whose why how not no yes yeah yep ok okay oh well please thanks thank hello hi hey dear good sorry user user's
        is are was were be been am do does did don't didn't can can't could should would will won't may might must has have had
        at by for from in into of off on onto out over to up with without about after before since until during through as than
        then now today tomorrow yesterday tonight morning evening also just maybe really let's let monday tuesday wednesday
        thursday friday saturday sunday january february march april june july august september october november december jan
        feb mar apr jun jul aug sep sept oct nov dec am pm god christmas easter halloween english german french spanish
        italian portuguese dutch polish russian chinese japanese korean arabic hebrew hindi turkish greek swedish norwegian
        danish finnish american british european african asian covid pdf tv wifi wi-fi id url asap faq ceo cto hr
        speaker all some any many more most each every other one two three four five six seven eight nine ten first second last
        next here its ours something nothing everything someone everyone nobody remember remind call buy send";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let tokens = tokens(text);
        let elsewhere = within(&tokens).collect();
        names(&tokens, &elsewhere)
            .into_iter()
            .map(|name| {
                let kind = kind(&tokens, &name).unwrap_or("-");
                format!("{} {kind}", super::text(&tokens, name))
            })
            .collect()
    }

    #[test]
    fn names_and_what_they_stand_for() {
        for (said, names) in [
            (
                "Yesterday I met Anna at the Blue Door.",
                &["Anna person", "Blue Door place"][..],
            ),
            (
                "Dinner is in Lisbon, not in Porto.",
                &["Lisbon place", "Porto place"],
            ),
            (
                "My wife Anna's brother works at Acme Corp.",
                &["Anna person", "Acme Corp organization"],
            ),
            ("I had a job at Initech in June.", &["Initech organization"]),
            (
                "We flew to New York and talked to Ben Miller.",
                &["New York place", "Ben Miller person"],
            ),
            (
                "Dr. Novak called. Novak is kind.",
                &["Dr Novak person", "Novak -"],
            ),
            (
                "She studies at the University of Porto",
                &["University of Porto organization"],
            ),
            (
                "Tell me. Really? I think so, on Monday I speak German.",
                &[],
            ),
            ("ALPHA", &[]),
            ("We use Rust & Go", &["Rust & Go -"]),
            ("", &[]),
            ("… — !", &[]),
        ] {
            assert_eq!(found(said), names, "{said}");
        }
    }
}
