//! JSON in what a model wrote, whatever stands around it.

use serde_json::Value;

/// An answer longer than this holds no JSON that anybody asked for.
const LONGEST: usize = 1024 * 1024;
/// Brackets that are looked at.
const TRIES: usize = 64;

/// Without the thinking that some servers leave in front of the answer.
pub(super) fn without_thoughts(text: &str) -> &str {
    let text = text.trim_start();
    if text.starts_with("<think>")
        && let Some((_, rest)) = text.split_once("</think>")
    {
        return rest;
    }
    text
}

/// Everything that could be the answer, likeliest first: all of it, what stands between code fences, then each whole
/// object or list. What lies inside a broken one is never taken for the answer.
pub(super) fn candidates(text: &str) -> Vec<Value> {
    let text = without_thoughts(text).trim_start_matches('\u{feff}').trim();
    if text.len() > LONGEST {
        return Vec::new();
    }
    if let Ok(value) = serde_json::from_str(text) {
        return vec![clean(value)];
    }
    let mut found: Vec<Value> = fenced(text)
        .filter_map(|inner| serde_json::from_str(inner).ok())
        .collect();
    let mut rest = text;
    for _ in 0..TRIES {
        let Some(start) = rest.find(['{', '[']) else {
            break;
        };
        rest = &rest[start..];
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                rest = &rest[values.byte_offset()..];
                if !found.contains(&value) {
                    found.push(value);
                }
            }
            _ => match balanced(rest) {
                Some(end) => rest = &rest[end..],
                // Cut off in its middle.
                None => break,
            },
        }
    }
    found.into_iter().map(clean).collect()
}

fn fenced(text: &str) -> impl Iterator<Item = &str> {
    text.split("```")
        .skip(1)
        .step_by(2)
        .map(|block| match block.split_once('\n') {
            // The name of the language.
            Some((name, inner)) if name.trim().chars().all(char::is_alphanumeric) => inner,
            _ => block,
        })
}

/// Where the bracket that the text begins with is closed.
fn balanced(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Databases keep no U+0000.
fn clean(value: Value) -> Value {
    match value {
        Value::String(text) if text.contains('\0') => Value::String(text.replace('\0', "")),
        Value::Array(items) => items.into_iter().map(clean).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (key, clean(value)))
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_found_in_what_stands_around_it() {
        let value = json!({"title": "a } in {text} \" and [", "list": [{"n": 1}]});
        for text in [
            value.to_string(),
            format!("\u{feff}  {value:#}\n"),
            format!("```json\n{value:#}\n```"),
            format!("```\n{value}\n```\nI hope this helps!"),
            format!("Sure! Here is {{the}} [answer]: {value} Anything else?"),
            format!("<think>\nMaybe {{\"title\": \"no\"}}?\n</think>\n{value}"),
            format!("A set {{like this and\n{{that}}}} first.\n```JSON\n{value}```"),
        ] {
            assert_eq!(candidates(&text).first(), Some(&value), "{text}");
        }
    }

    #[test]
    fn the_inside_of_a_broken_answer_is_no_answer() {
        for text in [
            "",
            "no",
            "{\"items\": [{\"title\": \"x\"}",
            "{\"items\": [{\"title\": \"x\"},]}",
            "{'title': 'x'}",
            "[[[[",
            "}{",
        ] {
            assert_eq!(candidates(text), Vec::<Value>::new(), "{text}");
        }
        assert_eq!(
            candidates("{\"a\": 1} or {\"b\": 2}"),
            [json!({"a": 1}), json!({"b": 2})]
        );
        assert_eq!(candidates("{\"a\": \"x\\u0000y\"}"), [json!({"a": "xy"})]);
        assert!(candidates(&"[".repeat(LONGEST)).is_empty());
        assert!(candidates(&"{\"a".repeat(LONGEST / 3)).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_breaks_it(text in "[\\[\\]{}\"\\\\`a:, \n€]{0,80}") {
            candidates(&text);
        }
    }
}
