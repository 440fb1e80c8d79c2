//! Small talk and orders, where no language model answers: short and true.

/// An answer to what is no question about the user's life; None: it may be one.
pub fn small(text: &str) -> Option<&'static str> {
    let asks = text.contains('?');
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '\'');
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let text = words.join(" ");
    let text = text.strip_prefix("please ").unwrap_or(&text);
    let begins = |any: &[&str]| {
        any.iter().any(|opening| {
            text.strip_prefix(opening)
                .is_some_and(|rest| rest.starts_with(' '))
        })
    };
    match text {
        "hi" | "hello" | "hey" | "hi there" | "hello there" | "hey there" | "hi omi"
        | "hello omi" | "hey omi" | "good morning" | "good evening" | "good afternoon"
        | "how are you" | "hi how are you" => {
            return Some("Hello! Ask me about anything that you said or heard.");
        }
        "thanks"
        | "thank you"
        | "thanks a lot"
        | "many thanks"
        | "thank you very much"
        | "thank you so much"
        | "ok"
        | "okay"
        | "ok thanks"
        | "great"
        | "great thanks"
        | "cool"
        | "bye"
        | "goodbye"
        | "good night" => {
            return Some("You're welcome. Ask me whenever you want to know what was said.");
        }
        "help"
        | "what can you do"
        | "what can i ask"
        | "what can i ask you"
        | "how can you help"
        | "how can you help me"
        | "who are you"
        | "what are you" => {
            return Some(
                "I answer questions about your conversations, memories, tasks and goals: “What did we talk about \
                 yesterday?”, “What do I have to do this week?”, “What did Anna say about the rent?” I can look things \
                 up, but not change anything.",
            );
        }
        _ => {}
    }
    if begins(&[
        "remind me to",
        "set a reminder",
        "set an alarm",
        "set a timer",
        "add a task",
        "add a reminder",
        "create a task",
        "create a reminder",
        "add to my list",
        "make a task",
        "make a note",
        "note that",
        "remember that",
    ]) {
        return Some(
            "I can only answer, so I did not note that. Tasks come from what you say in your conversations, or add one \
             yourself in the list of tasks.",
        );
    }
    let orders = [
        "delete",
        "send",
        "cancel",
        "buy",
        "turn on",
        "turn off",
        "schedule a",
        "book a",
        "mark the",
        "mark my",
    ];
    if begins(&orders) && !asks {
        return Some(
            "I can only answer questions about what was said and noted; I cannot do or change anything.",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::small;

    #[test]
    fn orders_are_told_from_questions() {
        for text in [
            "Hi!",
            "Thank you.",
            "What can you do?",
            "Remind me to buy milk",
            "Please delete all my tasks",
        ] {
            assert!(small(text).is_some(), "{text}");
        }
        assert!(
            small("Remind me to buy milk").is_some_and(|text| text.contains("Tasks come from"))
        );
        for text in [
            "Remind me what Anna said",
            "hello kitty",
            "Open tasks",
            "Call with Anna",
            "Who called the plumber?",
            "boat",
            "",
        ] {
            assert!(small(text).is_none(), "{text}");
        }
    }
}
