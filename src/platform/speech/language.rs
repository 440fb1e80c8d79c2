//! Which language to expect.

use std::sync::Arc;

use super::{Transcript, whisper};
use crate::platform::audio::SAMPLE_RATE;

/// A language is found out from so much speech, in samples.
const ENOUGH: usize = 10 * SAMPLE_RATE as usize;
/// After so much speech it is looked at again; sooner, but not before the second, when a result looks made up. In samples.
const AGAIN: usize = 300 * SAMPLE_RATE as usize;
const AGAIN_SOONEST: usize = 30 * SAMPLE_RATE as usize;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Language {
    /// A code that recognisers know.
    Code(String),
    /// Any: what was found so far, and speech (16 kHz mono, 10 s at most) to find it out from, if that is wanted now.
    Multi {
        found: Option<String>,
        sound: Option<Arc<[i16]>>,
    },
}

impl Language {
    /// From the `language` of a client: `multi` and `auto` are found out, `en-US` is `en`, and an
    /// unknown code is English.
    pub fn from_omi(value: &str) -> Self {
        let value = value.trim().to_ascii_lowercase();
        let code = value.split(['-', '_']).next().unwrap_or_default();
        let code = match code {
            "multi" | "auto" => {
                return Self::Multi {
                    found: None,
                    sound: None,
                };
            }
            "nb" => "no",
            "iw" => "he",
            "in" => "id",
            "fil" => "tl",
            "jv" => "jw",
            "cmn" => "zh",
            code if whisper::knows_language(code) => code,
            _ => "en",
        };
        Self::Code(code.to_owned())
    }

    /// The code, if it is given or was found.
    pub fn known(&self) -> Option<&str> {
        match self {
            Self::Code(code) => Some(code),
            Self::Multi { found, .. } => found.as_deref(),
        }
    }
}

/// The language of one session, from utterance to utterance.
pub enum Spoken {
    Given(String),
    Followed(Followed),
}

/// Found out from the first speech, and looked at again now and then. Finding out costs nearly as much as recognising.
#[derive(Default)]
pub struct Followed {
    found: Option<String>,
    /// Speech to find it out from, empty unless that is going on.
    gathered: Vec<i16>,
    gathering: bool,
    /// It was found out from enough speech once.
    settled: bool,
    /// Samples of speech since it was found out.
    since: usize,
}

impl Spoken {
    pub fn new(wanted: &str) -> Self {
        match Language::from_omi(wanted) {
            Language::Code(code) => Self::Given(code),
            Language::Multi { .. } => Self::Followed(Followed {
                gathering: true,
                ..Followed::default()
            }),
        }
    }

    /// What was found out; `None` while that is unknown, or if it was given.
    pub fn found(&self) -> Option<&str> {
        match self {
            Self::Given(_) => None,
            Self::Followed(followed) => followed.found.as_deref(),
        }
    }

    /// What to expect of the next utterance.
    pub fn expect(&self, samples: &[i16]) -> Language {
        let followed = match self {
            Self::Given(code) => return Language::Code(code.clone()),
            Self::Followed(followed) => followed,
        };
        let enough = followed.gathered.len() + samples.len() >= ENOUGH;
        // Later it takes all that speech to change a language.
        let ask = followed.gathering && (!followed.settled || enough);
        Language::Multi {
            found: followed.found.clone(),
            sound: ask.then(|| {
                let sound = followed.gathered.iter().chain(samples);
                sound.take(ENOUGH).copied().collect()
            }),
        }
    }

    /// Learns from what was made of the utterance that was `expected` so.
    pub fn learn(&mut self, samples: &[i16], expected: &Language, transcript: &Transcript) {
        let Self::Followed(followed) = self else {
            return;
        };
        if transcript.doubtful && followed.since >= AGAIN_SOONEST {
            followed.look_again();
            return;
        }
        // Sound without words has no language.
        if transcript.pieces.is_empty() {
            return;
        }
        followed.since += samples.len();
        if followed.gathering {
            let room = ENOUGH - followed.gathered.len().min(ENOUGH);
            let more = &samples[..samples.len().min(room)];
            followed.gathered.extend_from_slice(more);
            let asked = matches!(expected, Language::Multi { sound: Some(_), .. });
            if asked && transcript.language.is_some() {
                followed.found.clone_from(&transcript.language);
                if followed.gathered.len() >= ENOUGH {
                    followed.gathering = false;
                    followed.settled = true;
                    followed.gathered = Vec::new();
                    followed.since = 0;
                }
            }
        } else if followed.since >= AGAIN {
            followed.look_again();
        }
    }
}

impl Followed {
    fn look_again(&mut self) {
        self.gathering = true;
        self.gathered.clear();
        self.since = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::speech::Piece;

    #[test]
    fn values_of_clients() {
        for (value, expected) in [
            ("multi", None),
            ("auto", None),
            ("en", Some("en")),
            ("en-US", Some("en")),
            ("pt_BR", Some("pt")),
            (" DE ", Some("de")),
            ("zh-Hant-TW", Some("zh")),
            ("nb-NO", Some("no")),
            ("xx", Some("en")),
            ("", Some("en")),
            ("e\0n", Some("en")),
            ("german", Some("en")),
        ] {
            assert_eq!(Language::from_omi(value).known(), expected, "{value:?}");
        }
    }

    fn said(language: &str, words: &str) -> Transcript {
        let piece = Piece {
            text: words.into(),
            ..Piece::default()
        };
        Transcript {
            pieces: (!words.is_empty()).then_some(piece).into_iter().collect(),
            language: Some(language.into()),
            doubtful: false,
        }
    }

    /// Seconds of sound that the language is found out from in an utterance of four seconds.
    fn hear(spoken: &mut Spoken, transcript: &Transcript) -> Option<usize> {
        let samples = [1; 4 * SAMPLE_RATE as usize];
        let expected = spoken.expect(&samples);
        spoken.learn(&samples, &expected, transcript);
        match expected {
            Language::Multi { sound, .. } => sound.map(|sound| sound.len() / SAMPLE_RATE as usize),
            Language::Code(_) => panic!("a language was given"),
        }
    }

    #[test]
    fn a_language_is_found_from_ten_seconds_and_kept() {
        let mut spoken = Spoken::new("multi");
        assert_eq!(hear(&mut spoken, &said("fr", "")), Some(4));
        assert_eq!(spoken.found(), None);
        assert_eq!(hear(&mut spoken, &said("nl", "Ja.")), Some(4));
        assert_eq!(spoken.found(), Some("nl"));
        assert_eq!(hear(&mut spoken, &said("de", "Ja.")), Some(8));
        assert_eq!(hear(&mut spoken, &said("de", "Ja.")), Some(10));
        assert_eq!(spoken.found(), Some("de"));
        for _ in 0..75 {
            assert_eq!(hear(&mut spoken, &said("en", "Ja.")), None);
        }
        // Five minutes later it is looked at again, from ten seconds.
        assert_eq!(hear(&mut spoken, &said("en", "Yes.")), None);
        assert_eq!(hear(&mut spoken, &said("en", "Yes.")), None);
        assert_eq!(spoken.found(), Some("de"));
        assert_eq!(hear(&mut spoken, &said("en", "Yes.")), Some(10));
        assert_eq!(spoken.found(), Some("en"));
    }

    #[test]
    fn a_doubtful_result_has_it_looked_at_again() {
        let mut spoken = Spoken::new("auto");
        for _ in 0..3 {
            hear(&mut spoken, &said("de", "Ja."));
        }
        let doubtful = Transcript {
            doubtful: true,
            ..said("de", "Ja ja ja.")
        };
        // Not at once, because noise would have it found out all the time.
        assert_eq!(hear(&mut spoken, &doubtful), None);
        for _ in 0..8 {
            assert_eq!(hear(&mut spoken, &said("de", "Ja.")), None);
        }
        assert_eq!(hear(&mut spoken, &doubtful), None);
        assert_eq!(hear(&mut spoken, &said("en", "Yes.")), None);
        assert_eq!(hear(&mut spoken, &said("en", "Yes.")), None);
        assert_eq!(hear(&mut spoken, &said("en", "Yes.")), Some(10));
        assert_eq!(spoken.found(), Some("en"));
    }

    #[test]
    fn a_given_language_is_never_looked_at() {
        let mut spoken = Spoken::new("de-DE");
        let expected = spoken.expect(&[1; 100]);
        assert_eq!(expected, Language::Code("de".into()));
        spoken.learn(&[1; 100], &expected, &said("en", "Yes."));
        assert_eq!(spoken.expect(&[1; 100]), Language::Code("de".into()));
        assert_eq!(spoken.found(), None);
    }
}
