//! What a question asks for, by its words.

/// What a question asks for besides what is found by its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub tasks: bool,
    /// Also those that are done.
    pub done: bool,
    pub person: bool,
}

const TASKS: [&str; 17] = [
    "task",
    "tasks",
    "todo",
    "todos",
    "to do",
    "to dos",
    "action item",
    "action items",
    "reminder",
    "reminders",
    "deadline",
    "deadlines",
    "due",
    "overdue",
    "chores",
    "i have to",
    "i need to",
];
const DONE: [&str; 5] = ["done", "finished", "completed", "complete", "finish"];
const PERSON: [&str; 9] = [
    "about me",
    "about myself",
    "who am i",
    "know me",
    "my name",
    "remember me",
    "memories",
    "do i like",
    "my favorite",
];

const FILES: [&str; 18] = [
    "file",
    "files",
    "document",
    "documents",
    "attachment",
    "attachments",
    "attached",
    "picture",
    "pictures",
    "photo",
    "photos",
    "image",
    "images",
    "screenshot",
    "pdf",
    "spreadsheet",
    "page",
    "pages",
];

/// Whether a question may be about a file that came earlier.
pub fn means_a_file(text: &str) -> bool {
    let spaced = words(text);
    let named = FILES
        .iter()
        .any(|name| spaced.contains(&format!(" {name} ")));
    named || goes_on(text)
}

impl Wanted {
    pub fn by(text: &str) -> Self {
        let text = words(text);
        let says = |phrases: &[&str]| {
            phrases
                .iter()
                .any(|phrase| text.contains(&format!(" {phrase} ")))
        };
        Self {
            tasks: says(&TASKS)
                || text.contains(" do i have to ")
                || text.contains(" do i need to "),
            done: says(&DONE),
            person: says(&PERSON) || says(&["my favourite"]),
        }
    }
}

/// In lower case, one blank around each word.
fn words(text: &str) -> String {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" "))
}

/// Whether it only goes on with the one before it.
pub fn goes_on(text: &str) -> bool {
    const POINTING: [&str; 12] = [
        "it", "that", "this", "he", "she", "they", "him", "her", "them", "there", "then", "more",
    ];
    const BARE: [&str; 9] = [
        "and", "but", "so", "why", "when", "where", "who", "how", "what",
    ];
    let text = words(text);
    let words: Vec<_> = text.split_whitespace().collect();
    let points = words.iter().any(|word| POINTING.contains(word));
    let bare = words.first().is_some_and(|word| BARE.contains(word));
    (points && words.len() <= 8) || (bare && words.len() <= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_tells_what_it_wants() {
        let wanted = |text| {
            let wanted = Wanted::by(text);
            (wanted.tasks, wanted.done, wanted.person)
        };
        for text in [
            "What are my tasks?",
            "what's due on Friday",
            "Anything on my to-do list?",
            "What do I have to do today?",
        ] {
            assert_eq!(wanted(text), (true, false, false), "{text}");
        }
        assert_eq!(wanted("Which tasks have I finished?"), (true, true, false));
        assert_eq!(wanted("What do you know about me?"), (false, false, true));
        for text in ["What did I do yesterday?", "Who paid the residue?", ""] {
            assert_eq!(wanted(text), (false, false, false), "{text}");
        }
    }

    #[test]
    fn a_question_may_be_about_an_earlier_file() {
        for text in [
            "What is on the photo?",
            "Summarise the PDF",
            "And who is she?",
        ] {
            assert!(means_a_file(text), "{text}");
        }
        assert!(!means_a_file("Who paid the plumber?"));
    }

    #[test]
    fn a_question_may_go_on_with_the_last() {
        for text in [
            "And now?",
            "Why?",
            "Who said that?",
            "And when was it?",
            "Tell me more",
        ] {
            assert!(goes_on(text), "{text}");
        }
        for text in ["salt?", "Who paid the plumber?", "thanks", ""] {
            assert!(!goes_on(text), "{text}");
        }
    }
}
