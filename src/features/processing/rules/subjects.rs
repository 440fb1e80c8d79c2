//! Facts of which only one can be true at a time: who, and what of them.

/// What follows a name or "User", and under which heading it excludes others of its kind.
const EXCLUSIVE: [(&str, &str); 22] = [
    ("quit their job at", "employer"),
    ("left their job at", "employer"),
    ("no longer works at", "employer"),
    ("no longer works for", "employer"),
    ("lives in", "home"),
    ("lives near", "home"),
    ("lives on", "home"),
    ("moved to", "home"),
    ("works at", "employer"),
    ("works for", "employer"),
    ("works as", "trade"),
    ("is called", "name"),
    ("is named", "name"),
    ("name is", "name"),
    ("is married to", "spouse"),
    ("is engaged to", "spouse"),
    ("was born in", "birthplace"),
    ("was born on", "birthday"),
    ("birthday is", "birthday"),
    ("phone number is", "phone number"),
    ("address is", "address"),
    ("studies", "studies"),
];

/// Equal for two facts that cannot both be true: "User lives in X", "User now lives in Y". None: others like it may be true
/// beside it.
pub fn of_one(content: &str) -> Option<String> {
    let lower = content.to_lowercase().replace('’', "'");
    let words: Vec<_> = lower
        .split_whitespace()
        .filter(|word| !matches!(*word, "now" | "currently" | "the" | "a" | "an"))
        .collect();
    let text = words.join(" ");
    let favourite = text
        .split_once("favorite ")
        .or_else(|| text.split_once("favourite "));
    if let Some((who, rest)) = favourite
        && let Some((what, _)) = rest.split_once(" is ")
        && what.split(' ').count() <= 3
    {
        return Some(format!("{} favourite {what}", who.trim()));
    }
    EXCLUSIVE.iter().find_map(|(phrase, heading)| {
        let (who, what) = text.split_once(&format!(" {phrase} "))?;
        // "Users who ..." and longer sentences are about more than one thing.
        let told = !what.is_empty() && who.split(' ').count() <= 3;
        told.then(|| format!("{who} {heading}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_excludes_what() {
        for (one, other, excludes) in [
            ("User lives in Lisbon", "User now lives in Porto", true),
            ("User lives in Lisbon", "User moved to Porto", true),
            ("User works at Acme", "User works for Initech", true),
            ("User's dog is called Rex", "User's dog is called Bo", true),
            ("User's dog is called Rex", "User's cat is called Bo", false),
            (
                "User's favorite colour is red",
                "User's favourite colour is blue",
                true,
            ),
            (
                "User's favorite colour is red",
                "User's favourite food is rice",
                false,
            ),
            (
                "User lives in Lisbon",
                "User's sister lives in Porto",
                false,
            ),
            ("User lives in Lisbon", "User works in Porto", false),
            ("User works at Acme", "User quit their job at Acme", true),
            ("User works for Acme", "User no longer works for Acme", true),
        ] {
            let (a, b) = (of_one(one), of_one(other));
            assert!(a.is_some(), "{one}");
            assert_eq!(a == b, excludes, "{one} / {other}: {a:?} {b:?}");
        }
        for both in ["User likes tea", "User has a dog", ""] {
            assert_eq!(of_one(both), None, "{both}");
        }
    }
}
