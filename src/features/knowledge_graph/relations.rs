//! The phrases that tell how somebody is related to somebody or something.

/// What has to follow a phrase.
#[derive(Clone, Copy)]
pub enum Needs {
    /// A name, and what it stands for.
    Name(&'static str),
    /// A name or a few plain words.
    Subject(&'static str),
}

/// A phrase in the third person, and what the edge is called.
pub const RELATIONS: &[(&str, &str, Needs)] = &[
    ("lives in", "lives in", Needs::Name("place")),
    ("lives near", "lives near", Needs::Name("place")),
    ("lives on", "lives on", Needs::Name("place")),
    ("lives with", "lives with", Needs::Name("person")),
    ("has lived in", "lived in", Needs::Name("place")),
    ("lived in", "lived in", Needs::Name("place")),
    ("moved to", "moved to", Needs::Name("place")),
    ("moved from", "moved from", Needs::Name("place")),
    ("grew up in", "grew up in", Needs::Name("place")),
    ("was born in", "was born in", Needs::Name("place")),
    (
        "was born and raised in",
        "was born in",
        Needs::Name("place"),
    ),
    ("was raised in", "grew up in", Needs::Name("place")),
    ("is from", "is from", Needs::Name("place")),
    ("is originally from", "is from", Needs::Name("place")),
    ("comes from", "is from", Needs::Name("place")),
    ("works at", "works at", Needs::Name("organization")),
    ("works for", "works at", Needs::Name("organization")),
    ("worked at", "worked at", Needs::Name("organization")),
    ("works as", "works as", Needs::Subject("concept")),
    ("studies at", "studies at", Needs::Name("organization")),
    ("studied at", "studied at", Needs::Name("organization")),
    (
        "graduated from",
        "graduated from",
        Needs::Name("organization"),
    ),
    ("studies", "studies", Needs::Subject("concept")),
    ("is married to", "is married to", Needs::Name("person")),
    ("is engaged to", "is engaged to", Needs::Name("person")),
    ("is friends with", "is friends with", Needs::Name("person")),
    (
        "is allergic to",
        "is allergic to",
        Needs::Subject("concept"),
    ),
    ("is into", "likes", Needs::Subject("concept")),
    ("likes", "likes", Needs::Subject("concept")),
    ("loves", "loves", Needs::Subject("concept")),
    ("enjoys", "enjoys", Needs::Subject("concept")),
    ("prefers", "prefers", Needs::Subject("concept")),
    ("hates", "hates", Needs::Subject("concept")),
    ("plays", "plays", Needs::Subject("concept")),
    ("speaks", "speaks", Needs::Subject("concept")),
    ("collects", "collects", Needs::Subject("thing")),
    ("owns", "owns", Needs::Subject("thing")),
    ("drives", "drives", Needs::Subject("thing")),
];
