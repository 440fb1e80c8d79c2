//! Which language to expect.

use super::whisper;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Language {
    /// Found out anew for each utterance, which costs nearly as much again as recognising it.
    Auto,
    /// A code that recognisers know.
    Code(String),
}

impl Language {
    /// From the `language` of a client: `multi` and `auto` are found out, `en-US` is `en`, and an
    /// unknown code is English.
    pub fn from_omi(value: &str) -> Self {
        let value = value.trim().to_ascii_lowercase();
        let code = value.split(['-', '_']).next().unwrap_or_default();
        let code = match code {
            "multi" | "auto" => return Self::Auto,
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_clients() {
        let code = |code: &str| Language::Code(code.to_owned());
        for (value, expected) in [
            ("multi", Language::Auto),
            ("auto", Language::Auto),
            ("en", code("en")),
            ("en-US", code("en")),
            ("pt_BR", code("pt")),
            (" DE ", code("de")),
            ("zh-Hant-TW", code("zh")),
            ("nb-NO", code("no")),
            ("xx", code("en")),
            ("", code("en")),
            ("e\0n", code("en")),
            ("german", code("en")),
        ] {
            assert_eq!(Language::from_omi(value), expected, "{value:?}");
        }
    }
}
