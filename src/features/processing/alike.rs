//! Which texts say the same, by their words.

use std::collections::HashSet;

/// Lower-case words without what stands between them.
pub fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_string)
        .collect()
}

/// The same words, in the same order; articles do not count.
pub fn same(one: &str, other: &str) -> bool {
    key(one) == key(other)
}

/// Equal for texts that are the `same`.
pub fn key(text: &str) -> String {
    let mut words = words(text);
    words.retain(|word| !matches!(word.as_str(), "a" | "an" | "the"));
    words.join(" ")
}

/// Those of many texts.
pub fn keys<'a>(texts: impl Iterator<Item = &'a String>) -> HashSet<String> {
    texts.map(|text| key(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sameness() {
        assert!(same("Call the dentist.", "call dentist"));
        assert!(!same("Call the dentist", "Call Zoë"));
        assert!(same("", " . "));
    }
}
