//! Who and what English texts are about, by rules: facts about the user ("User lives in Lisbon"), and what they said.

use std::collections::HashSet;

use super::{
    model::{Found, FoundEdge, FoundNode, LONGEST_LABEL, Origin, USER},
    names::{self, Token, is_kin, is_pet, joined, low, name_at, tokens},
    relations::{Needs, RELATIONS},
};

/// Of one text, so that a list of names does not flood the graph.
const MOST: usize = 40;
/// Words of a subject that is no name.
const LONGEST_SUBJECT: usize = 4;

struct Reading<'a> {
    tokens: Vec<Token>,
    origin: &'a Origin,
    found: Found,
}

/// A fact about the user or somebody they know, in the third person.
pub fn of_fact(text: &str, origin: &Origin) -> Found {
    let mut reading = Reading::new(text, origin);
    let (subject, at) = reading.subject();
    if let Some(subject) = subject {
        reading.relations(&subject, at);
    }
    reading.all_near(&["their"]);
    let elsewhere: HashSet<_> = names::within(&reading.tokens).collect();
    reading.names(&elsewhere);
    reading.end()
}

/// Sentences as the user said them.
pub fn of_speech(sentences: &[String], origin: &Origin) -> Found {
    let mut readings: Vec<_> = sentences
        .iter()
        .map(|sentence| Reading::new(sentence, origin))
        .collect();
    let elsewhere: HashSet<_> = readings
        .iter()
        .flat_map(|reading| names::within(&reading.tokens))
        .collect();
    let mut found = Found::default();
    for reading in &mut readings {
        reading.all_near(&["my", "our"]);
        reading.names(&elsewhere);
        found.add(std::mem::take(&mut reading.found));
    }
    capped(found)
}

fn capped(mut found: Found) -> Found {
    found.nodes.truncate(MOST);
    found.edges.truncate(MOST);
    found
}

impl<'a> Reading<'a> {
    fn new(text: &str, origin: &'a Origin) -> Self {
        Self {
            tokens: tokens(text),
            origin,
            found: Found::default(),
        }
    }

    fn end(self) -> Found {
        capped(self.found)
    }

    fn word(&self, at: usize) -> &str {
        low(&self.tokens, at)
    }

    fn node(&mut self, label: &str, node_type: Option<&'static str>) {
        let known = self
            .found
            .nodes
            .iter_mut()
            .find(|node| node.label.to_lowercase() == label.to_lowercase());
        match known {
            Some(known) => known.node_type = known.node_type.or(node_type),
            None => self.found.nodes.push(FoundNode {
                label: label.into(),
                node_type,
                aliases: Vec::new(),
                origin: self.origin.clone(),
            }),
        }
    }

    fn edge(&mut self, source: &str, label: &str, target: &str) {
        self.found.edges.push(FoundEdge {
            source: source.into(),
            label: label.into(),
            target: target.into(),
            origin: self.origin.clone(),
        });
    }

    /// Whom a fact is about, and where it goes on.
    fn subject(&mut self) -> (Option<String>, usize) {
        let from = usize::from(self.word(0) == "the");
        if self.word(from) == "user" {
            let owns = self.tokens.get(from).is_some_and(|token| token.owns);
            return match owns {
                true => match self.near(from + 1) {
                    Some((name, at)) => (Some(name), at),
                    None => {
                        self.favourite(from + 1);
                        (None, 0)
                    }
                },
                false => (Some(USER.into()), from + 1),
            };
        }
        // "Anna lives in Rome": only where such a verb follows, since any word is capitalised there.
        if let Some(name) = name_at(&self.tokens, 0)
            && RELATIONS
                .iter()
                .any(|(phrase, ..)| self.follows(name.end, phrase).is_some())
        {
            let label = names::text(&self.tokens, name.clone());
            let at = name.end;
            self.node(&label, Some("person"));
            return (Some(label), at);
        }
        (None, 0)
    }

    /// Everybody who is named after one of these words, and what is said of them.
    fn all_near(&mut self, owners: &[&str]) {
        for at in 0..self.tokens.len() {
            if owners.contains(&self.word(at))
                && let Some((name, end)) = self.near(at + 1)
            {
                self.relations(&name, end);
            }
        }
    }

    /// "wife Anna", "older sister is called Maria", "dog's name is Rex", after "my" or "User's": the name, and where it ends.
    fn near(&mut self, at: usize) -> Option<(String, usize)> {
        let mut kin_at = at;
        while kin_at < at + 2 && QUALIFIERS.contains(&self.word(kin_at)) {
            kin_at += 1;
        }
        if !is_kin(self.word(kin_at)) {
            return None;
        }
        let kin = self.word(kin_at).to_string();
        let owns = self.tokens.get(kin_at).is_some_and(|token| token.owns);
        let mut from = kin_at + 1;
        if self.word(from) == "name" {
            from += 1;
        }
        if matches!(self.word(from), "is" | "was") {
            from += 1;
        }
        if matches!(self.word(from), "called" | "named") {
            from += 1;
        }
        // "my boss's Berlin office", "my wife. Anna".
        let told = from > kin_at + 1 || !owns;
        let linked = (kin_at + 1..=from).all(|at| joined(&self.tokens, at) || at == kin_at + 1);
        let name = name_at(&self.tokens, from).filter(|_| told && linked)?;
        if self.tokens.get(from)?.starts {
            return None;
        }
        let label = names::text(&self.tokens, name.clone());
        let node_type = if is_pet(&kin) { "thing" } else { "person" };
        self.node(&label, Some(node_type));
        self.edge(USER, &kin, &label);
        Some((label, name.end))
    }

    /// "User's favourite colour is green".
    fn favourite(&mut self, at: usize) {
        let told = (at + 1..at + 5).find(|is| self.word(*is) == "is");
        let (Some(is), "favourite" | "favorite") = (told, self.word(at)) else {
            return;
        };
        let label = format!(
            "favourite {}",
            names::text(&self.tokens, at + 1..is).to_lowercase()
        );
        if is > at + 1
            && let Some((subject, _)) = self.subject_at(is + 1)
        {
            self.node(&subject, None);
            self.edge(USER, &label, &subject);
        }
    }

    /// Where a phrase ends that begins at `at`, or after words such as "now".
    fn follows(&self, at: usize, phrase: &str) -> Option<usize> {
        let mut at = at;
        while ADVERBS.contains(&self.word(at)) {
            at += 1;
        }
        for word in phrase.split(' ') {
            if self.word(at) != word {
                return None;
            }
            at += 1;
        }
        Some(at)
    }

    /// What is said of a subject, one thing after the other: "lives in Lisbon and works at Acme".
    fn relations(&mut self, subject: &str, from: usize) {
        let mut at = from;
        loop {
            if let Some(end) = self.kept_animal(subject, at) {
                at = end;
            } else {
                let longest = RELATIONS
                    .iter()
                    .filter_map(|relation| Some((self.follows(at, relation.0)?, relation)))
                    .max_by_key(|(end, _)| *end);
                let Some((end, (_, label, needs))) = longest else {
                    return;
                };
                at = self.objects(subject, label, *needs, end);
            }
            if self.word(at) == "and" {
                at += 1;
            } else if joined(&self.tokens, at) || at >= self.tokens.len() {
                return;
            }
        }
    }

    /// "has a dog named Rex".
    fn kept_animal(&mut self, subject: &str, at: usize) -> Option<usize> {
        let from = self.follows(at, "has")?;
        let kin_at = (from..from + 4).find(|at| is_kin(self.word(*at)))?;
        let name_from = kin_at + 2;
        if !matches!(self.word(kin_at + 1), "named" | "called") {
            return None;
        }
        let name = name_at(&self.tokens, name_from)?;
        let kin = self.word(kin_at).to_string();
        let label = names::text(&self.tokens, name.clone());
        let node_type = if is_pet(&kin) { "thing" } else { "person" };
        self.node(&label, Some(node_type));
        self.edge(subject, &kin, &label);
        Some(name.end)
    }

    /// One object or several: "tea, coffee and cake". Where they end.
    fn objects(&mut self, subject: &str, label: &str, needs: Needs, from: usize) -> usize {
        let mut at = from;
        for _ in 0..4 {
            let object = match needs {
                Needs::Name(node_type) => {
                    let at = self.past_articles(at);
                    name_at(&self.tokens, at)
                        .map(|name| (names::text(&self.tokens, name.clone()), name.end, node_type))
                }
                Needs::Subject(node_type) => self
                    .subject_at(at)
                    .map(|(text, end)| (text, end, node_type)),
            };
            let Some((object, end, node_type)) = object else {
                return at;
            };
            self.node(&object, Some(node_type));
            self.edge(subject, label, &object);
            at = end;
            let more = if self.word(end) == "and" {
                end + 1
            } else {
                end
            };
            let listed = more > end || (!joined(&self.tokens, end) && end < self.tokens.len());
            let verb = RELATIONS
                .iter()
                .any(|(phrase, ..)| self.follows(more, phrase).is_some());
            if !listed || verb || self.tokens.get(more).is_none_or(|token| token.starts) {
                return at;
            }
            at = more;
        }
        at
    }

    fn past_articles(&self, at: usize) -> usize {
        let mut at = at;
        while at < self.tokens.len() && ARTICLES.contains(&self.word(at)) {
            at += 1;
        }
        at
    }

    /// A name or a few plain words.
    fn subject_at(&self, from: usize) -> Option<(String, usize)> {
        let from = self.past_articles(from);
        if let Some(name) = name_at(&self.tokens, from) {
            return Some((names::text(&self.tokens, name.clone()), name.end));
        }
        let mut end = from;
        while end < self.tokens.len()
            && end < from + LONGEST_SUBJECT
            && (end == from || joined(&self.tokens, end))
            && !STOPS.contains(&self.word(end))
        {
            end += 1;
        }
        let words = names::text(&self.tokens, from..end).to_lowercase();
        let fits = end > from
            && words.chars().count() <= LONGEST_LABEL
            && !VAGUE.contains(&words.as_str());
        fits.then_some((words, end))
    }

    fn names(&mut self, elsewhere: &HashSet<String>) {
        for name in names::names(&self.tokens, elsewhere) {
            let node_type = names::kind(&self.tokens, &name);
            let label = names::text(&self.tokens, name);
            if label.chars().count() <= LONGEST_LABEL {
                self.node(&label, node_type);
            }
        }
    }
}

const QUALIFIERS: [&str; 12] = [
    "older", "younger", "best", "big", "little", "late", "dear", "good", "old", "new", "eldest",
    "youngest",
];
const ADVERBS: [&str; 9] = [
    "now",
    "currently",
    "also",
    "still",
    "really",
    "originally",
    "mostly",
    "just",
    "recently",
];
const ARTICLES: [&str; 8] = ["a", "an", "the", "their", "his", "her", "some", "two"];
/// Plain words end where one of these begins.
const STOPS: [&str; 41] = [
    "and", "or", "but", "with", "in", "at", "on", "for", "because", "since", "who", "that", "when",
    "which", "every", "very", "so", "to", "from", "as", "if", "than", "more", "most", "while",
    "after", "before", "by", "about", "is", "are", "was", "has", "too", "much", "over", "it",
    "them", "this", "these", "not",
];
const VAGUE: [&str; 8] = [
    "it",
    "that",
    "things",
    "stuff",
    "something",
    "everything",
    "lot",
    "being",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn told(found: &Found) -> (Vec<String>, Vec<String>) {
        let nodes = found
            .nodes
            .iter()
            .map(|node| format!("{} ({})", node.label, node.node_type.unwrap_or("-")));
        let edges = found
            .edges
            .iter()
            .map(|edge| format!("{} | {} | {}", edge.source, edge.label, edge.target));
        (nodes.collect(), edges.collect())
    }

    #[test]
    fn facts() {
        for (fact, nodes, edges) in [
            (
                "User lives in Lisbon",
                &["Lisbon (place)"][..],
                &["User | lives in | Lisbon"][..],
            ),
            (
                "The user now works for Acme Corp.",
                &["Acme Corp (organization)"],
                &["User | works at | Acme Corp"],
            ),
            (
                "User lives in New York and works at Acme",
                &["New York (place)", "Acme (organization)"],
                &["User | lives in | New York", "User | works at | Acme"],
            ),
            (
                "User's wife is Anna",
                &["Anna (person)"],
                &["User | wife | Anna"],
            ),
            (
                "User's wife's name is Anna Maria",
                &["Anna Maria (person)"],
                &["User | wife | Anna Maria"],
            ),
            (
                "User's sister Maria lives in Rome",
                &["Maria (person)", "Rome (place)"],
                &["User | sister | Maria", "Maria | lives in | Rome"],
            ),
            ("User's sister lives in Rome", &["Rome (place)"], &[]),
            (
                "User lives in Faro and their wife Anna works at Acme",
                &["Faro (place)", "Anna (person)", "Acme (organization)"],
                &[
                    "User | lives in | Faro",
                    "User | wife | Anna",
                    "Anna | works at | Acme",
                ],
            ),
            (
                "User has a dog named Rex",
                &["Rex (thing)"],
                &["User | dog | Rex"],
            ),
            (
                "User's favorite colour is dark green",
                &["dark green (-)"],
                &["User | favourite colour | dark green"],
            ),
            (
                "User likes tea, dark chocolate and hiking",
                &[
                    "tea (concept)",
                    "dark chocolate (concept)",
                    "hiking (concept)",
                ],
                &[
                    "User | likes | tea",
                    "User | likes | dark chocolate",
                    "User | likes | hiking",
                ],
            ),
            (
                "User plays the piano every day",
                &["piano (concept)"],
                &["User | plays | piano"],
            ),
            (
                "User speaks Portuguese",
                &["portuguese (concept)"],
                &["User | speaks | portuguese"],
            ),
            (
                "Anna works at the University of Porto",
                &["Anna (person)", "University of Porto (organization)"],
                &["Anna | works at | University of Porto"],
            ),
            ("Water boils at 100 degrees", &[], &[]),
            (
                "User met Ben at the Blue Door",
                &["Ben (person)", "Blue Door (place)"],
                &[],
            ),
            ("User", &[], &[]),
            ("", &[], &[]),
        ] {
            let found = of_fact(fact, &Origin::default());
            let (n, e) = told(&found);
            assert_eq!(n, nodes, "{fact}");
            assert_eq!(e, edges, "{fact}");
        }
    }

    #[test]
    fn speech() {
        let said = [
            "So my wife Anna is away, and my older brother is called Tom.",
            "We ate at the Blue Door in Lisbon.",
            "Anna liked it. Fish was good.",
            "My boss. Berlin is far.",
        ];
        let found = of_speech(&said.map(str::to_string), &Origin::default());
        let (nodes, edges) = told(&found);
        let expected = [
            "Anna (person)",
            "Tom (person)",
            "Blue Door (place)",
            "Lisbon (place)",
            "Anna (-)",
        ];
        assert_eq!(nodes, expected);
        assert_eq!(edges, ["User | wife | Anna", "User | brother | Tom"]);
    }
}
