//! Marks such as `[2]` or `[1, 3]` by which an answer names its sources.

/// The text without its marks and the blanks before them, and the numbers, each once, in the order in which they come.
pub fn take(text: &str) -> (String, Vec<usize>) {
    let mut left = String::with_capacity(text.len());
    let mut numbers = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let (before, from) = rest.split_at(at);
        left.push_str(before);
        match mark(from) {
            Some((named, length)) => {
                left.truncate(left.trim_end_matches([' ', '\t']).len());
                for number in named {
                    if !numbers.contains(&number) {
                        numbers.push(number);
                    }
                }
                rest = &from[length..];
            }
            None => {
                left.push('[');
                rest = &from[1..];
            }
        }
    }
    left.push_str(rest);
    (left.trim().to_string(), numbers)
}

/// The numbers of the mark at the beginning of a text, and its length in bytes. Longer numbers are years and the like.
fn mark(text: &str) -> Option<(Vec<usize>, usize)> {
    let (inner, _) = text.strip_prefix('[')?.split_once(']')?;
    let numbers = inner
        .split([',', ';'])
        .map(|number| {
            let number = number.trim();
            let short = (1..=3).contains(&number.len());
            (short && number.bytes().all(|digit| digit.is_ascii_digit()))
                .then(|| number.parse().ok())
                .flatten()
        })
        .collect::<Option<Vec<usize>>>()?;
    Some((numbers, inner.len() + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_taken_out() {
        for (text, left, numbers) in [
            ("The boat is blue [2].", "The boat is blue.", vec![2]),
            ("Blue [1][3], wet[3] .", "Blue, wet .", vec![1, 3]),
            ("Blue [2, 1; 12].", "Blue.", vec![2, 1, 12]),
            ("[1] says so", "says so", vec![1]),
            (
                "in [2026] and a[x] and []",
                "in [2026] and a[x] and []",
                vec![],
            ),
            ("[[1]] [1", "[] [1", vec![1]),
            ("é [1] ü\n[2]\nß", "é ü\n\nß", vec![1, 2]),
            ("[1,] [,1]", "[1,] [,1]", vec![]),
            ("", "", vec![]),
        ] {
            assert_eq!(take(text), (left.to_string(), numbers), "{text}");
        }
    }
}
