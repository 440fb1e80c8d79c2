//! What a user can choose, and the bounds of it.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::platform::speech::Vocabulary;

/// Most words of a vocabulary; what comes after them is left out.
pub const VOCABULARY: usize = 100;
/// Longest word of a vocabulary, in characters.
pub const WORD: usize = 100;

/// All that a user chose, with what holds where nothing was chosen.
#[derive(Clone, Debug)]
pub struct Preferences {
    pub onboarding_completed: bool,
    pub acquisition_source: String,
    pub ai_profile: Option<Value>,
    /// Only the user's language is listened for.
    pub single_language_mode: bool,
    /// Words that recognition is to know.
    pub vocabulary: Vec<String>,
    pub store_recordings: bool,
    pub summary_app: Option<Uuid>,
    pub task_app: Option<String>,
    pub notifications_enabled: bool,
    /// 0 to 5
    pub notification_frequency: i32,
    /// 0 (off) to 5
    pub mentor_frequency: i32,
    /// A section a key.
    pub assistant: Value,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            onboarding_completed: false,
            acquisition_source: String::new(),
            ai_profile: None,
            single_language_mode: false,
            vocabulary: Vec::new(),
            store_recordings: false,
            summary_app: None,
            task_app: None,
            notifications_enabled: true,
            notification_frequency: 3,
            mentor_frequency: 0,
            assistant: Value::Object(Map::new()),
        }
    }
}

/// What changes; None stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub onboarding_completed: Option<bool>,
    pub acquisition_source: Option<String>,
    pub single_language_mode: Option<bool>,
    pub vocabulary: Option<Vec<String>>,
    pub store_recordings: Option<bool>,
    pub summary_app: Option<Uuid>,
    pub task_app: Option<String>,
    pub notifications_enabled: Option<bool>,
    pub notification_frequency: Option<i32>,
    pub mentor_frequency: Option<i32>,
}

/// How a client wants its user listened to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// A code, or `multi`, or `auto`.
    pub language: &'a str,
    /// In the user's own language alone, whatever they chose, if that is known.
    pub alone: bool,
    /// Words to listen for, before the user's own.
    pub words: &'a [String],
}

/// How a user is listened to.
#[derive(Clone, Debug)]
pub struct Hearing {
    /// A code, or `multi`.
    pub language: String,
    pub vocabulary: Vocabulary,
}

/// What a user chose of it.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub language: Option<String>,
    pub alone: bool,
    pub vocabulary: Vec<String>,
}

/// What people say to their device, which no dictionary has.
const NAME_OF_DEVICE: &str = "Omi";

/// Any language is the user's own where they are listened to in it alone; a code is what it is. Who has words of their own
/// says `Omi` too.
pub(super) fn hearing(chosen: Chosen, wanted: Wanted<'_>) -> Hearing {
    let own = chosen
        .language
        .filter(|_| chosen.alone || wanted.alone)
        .unwrap_or_else(|| "multi".into());
    let any = matches!(wanted.language, "multi" | "auto");
    let words: Vec<_> = wanted.words.iter().chain(&chosen.vocabulary).collect();
    let device = (!words.is_empty()).then_some(NAME_OF_DEVICE);
    let words = words.into_iter().map(String::as_str);
    Hearing {
        language: if any { own } else { wanted.language.into() },
        vocabulary: Vocabulary::new(device.into_iter().chain(words)),
    }
}

/// Languages that recognition of several languages at once knows: who speaks another is listened to in it alone.
const MULTILINGUAL: [&str; 20] = [
    "multi", "en", "en-US", "en-AU", "en-GB", "en-IN", "en-NZ", "es", "es-419", "fr", "fr-CA",
    "de", "hi", "ru", "pt", "pt-BR", "pt-PT", "ja", "it", "nl",
];

pub(super) fn needs_single_language(language: &str) -> bool {
    !MULTILINGUAL
        .iter()
        .any(|known| known.eq_ignore_ascii_case(language))
}

/// Words without the blanks around them, each once, at most `VOCABULARY`.
pub(super) fn vocabulary(words: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for word in words {
        let word: String = word.trim().chars().take(WORD).collect();
        if !word.is_empty() && !kept.contains(&word) {
            kept.push(word);
        }
    }
    kept.truncate(VOCABULARY);
    kept
}

/// Each section that is an object is merged key by key, everything else is replaced; null takes a section away.
pub(super) fn merge(mut known: Value, changes: Map<String, Value>) -> Value {
    if !known.is_object() {
        known = Value::Object(Map::new());
    }
    if let Value::Object(sections) = &mut known {
        for (name, section) in changes {
            match (sections.get_mut(&name), section) {
                (_, Value::Null) => {
                    sections.remove(&name);
                }
                (Some(Value::Object(old)), Value::Object(new)) => old.extend(new),
                (_, section) => {
                    sections.insert(name, section);
                }
            }
        }
    }
    known
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn sections_are_merged_one_level_deep() {
        let known =
            json!({"focus": {"enabled": true, "excluded_apps": ["a"]}, "update_channel": "beta"});
        let Value::Object(changes) = json!({
            "focus": {"excluded_apps": ["b"]}, "task": {"enabled": false}, "update_channel": "stable", "advice": null
        }) else {
            panic!()
        };
        assert_eq!(
            merge(known, changes),
            json!({"focus": {"enabled": true, "excluded_apps": ["b"]}, "task": {"enabled": false},
                   "update_channel": "stable"})
        );
    }

    #[test]
    fn a_vocabulary_is_short_and_says_nothing_twice() {
        let words = vec![
            " Omi ".into(),
            String::new(),
            "Omi".into(),
            "x".repeat(WORD + 9),
        ];
        assert_eq!(vocabulary(words), ["Omi".to_string(), "x".repeat(WORD)]);
        let many = (0..VOCABULARY + 50).map(|n| n.to_string()).collect();
        assert_eq!(vocabulary(many).len(), VOCABULARY);
    }

    #[test]
    fn one_language_alone_is_the_users_own() {
        let heard = |wanted: &str, own: Option<&str>, alone: bool, forced: bool| {
            let chosen = Chosen {
                language: own.map(str::to_string),
                alone,
                vocabulary: Vec::new(),
            };
            let wanted = Wanted {
                language: wanted,
                alone: forced,
                words: &[],
            };
            hearing(chosen, wanted).language
        };
        for (wanted, own, alone, forced, language) in [
            ("multi", Some("sv"), true, false, "sv"),
            ("auto", Some("sv"), true, false, "sv"),
            ("multi", Some("sv"), false, false, "multi"),
            ("multi", Some("sv"), false, true, "sv"),
            ("multi", None, true, true, "multi"),
            ("auto", None, false, false, "multi"),
            ("en", Some("sv"), true, true, "en"),
        ] {
            assert_eq!(
                heard(wanted, own, alone, forced),
                language,
                "{wanted} {own:?} {alone} {forced}"
            );
        }
    }

    #[test]
    fn who_has_words_of_their_own_says_omi_too() {
        let said = |own: &[&str], words: &[String]| {
            let chosen = Chosen {
                vocabulary: own.iter().map(|word| word.to_string()).collect(),
                ..Chosen::default()
            };
            let wanted = Wanted {
                words,
                ..Wanted::default()
            };
            hearing(chosen, wanted).vocabulary.as_said(100)
        };
        assert_eq!(said(&[], &[]), "");
        assert_eq!(said(&["Kubernetes", "omi"], &[]), "Omi, Kubernetes.");
        assert_eq!(
            said(&["Kubernetes"], &["Zoë".into()]),
            "Omi, Zoë, Kubernetes."
        );
    }

    #[test]
    fn rare_languages_are_listened_for_alone() {
        for (language, alone) in [
            ("de", false),
            ("pt-br", false),
            ("sv", true),
            ("de-CH", true),
        ] {
            assert_eq!(needs_single_language(language), alone, "{language}");
        }
    }
}
