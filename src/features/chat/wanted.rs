//! What a question asks for, by its words. English, as the rules that understand conversations are.

/// What a question asks for besides what is found by its words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub tasks: bool,
    /// Of tasks: only those that are done, or only open ones. None: both.
    pub done: Option<bool>,
    /// It is about what somebody is to do, without saying that it is a task.
    pub promise: bool,
    pub person: bool,
    pub goals: bool,
    /// How many there are.
    pub count: bool,
    pub conversations: bool,
}

const TASKS: [&str; 20] = [
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
    "have to get done",
    "left to do",
    "need to get done",
];
const PROMISES: [&str; 15] = [
    "promise",
    "promised",
    "promises",
    "owe",
    "owed",
    "owes",
    "agree",
    "agreed",
    "should",
    "remember to",
    "i remember",
    "supposed to",
    "commit to",
    "committed to",
    "do i have left",
];
const DONE: [&str; 8] = [
    "done",
    "finished",
    "completed",
    "complete",
    "finish",
    "did i do",
    "have i done",
    "accomplished",
];
const OPEN: [&str; 15] = [
    "still",
    "left",
    "remaining",
    "open",
    "unfinished",
    "outstanding",
    "pending",
    "not done",
    "not finished",
    "not completed",
    "to get done",
    "be done",
    "to finish",
    "to complete",
    "get done",
];
const PERSON: [&str; 10] = [
    "about me",
    "about myself",
    "who am i",
    "know me",
    "my name",
    "remember me",
    "memories",
    "do i like",
    "my favorite",
    "my favourite",
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
/// Words that point to something which was said before.
const POINTING: [&str; 24] = [
    "it", "its", "that", "this", "those", "these", "one", "ones", "he", "his", "she", "they",
    "their", "theirs", "him", "her", "hers", "them", "there", "then", "more", "else", "same",
    "himself",
];
/// Words that say nothing of what a question is about.
const EMPTY: &str = " a about am all an and any anybody anyone anything are as ask at be been but by can chat could \
    conversation conversations day did discuss discussed do does doing done during else ever every everything find for \
    from get give go going good had happen happened happening has have hear heard hello hey hi how i if in into is \
    know like list many me mention mentioned mine much my name no not now of off on or our out over people please \
    question recap remember remind said say says show so some somebody someone something speak spoke still stuff \
    summarise summarize summary sure talk talked talking tell than thank thanks the thing things think to told too up \
    us was we well were what when where whether which who whom whose why will with would yes you your yourself s t ve \
    ll re d m let lets okay ok exactly really ";
/// Of a question about tasks.
const EMPTY_OF_TASKS: &str = " task tasks todo todos action item items reminder reminders deadline deadlines due \
    overdue chores need finished completed complete finish left remaining open unfinished outstanding pending promise \
    promised promises owe owed owes agree agreed should supposed commit committed accomplished already yet must today ";

/// Of a question about what comes.
const EMPTY_OF_EVENTS: &str = " agenda appointment appointments busy calendar event events free meeting meetings next plan \
    planned plans schedule scheduled time upcoming ";

/// Whether a question may be about a file that came earlier.
pub fn means_a_file(text: &str) -> bool {
    says(&spaced(text), &FILES) || goes_on(text)
}

impl Wanted {
    pub fn by(text: &str) -> Self {
        let text = spaced(text);
        let promise = says(&text, &PROMISES);
        let of_tasks = says(&text, &TASKS);
        let open = says(&text, &OPEN);
        let done = says(&text, &DONE) && !says(&text, &["get done", "be done", "not done"]);
        Self {
            tasks: of_tasks || promise,
            promise: promise && !of_tasks,
            done: match (done, open) {
                (true, true) => None,
                (done, _) => Some(done),
            },
            person: says(&text, &PERSON),
            goals: says(&text, &["goal", "goals", "progress"]),
            count: says(&text, &["how many", "number of", "how often", "count"]),
            conversations: says(
                &text,
                &[
                    "conversation",
                    "conversations",
                    "talks",
                    "chats",
                    "recordings",
                ],
            ),
        }
    }
}

fn says(text: &str, phrases: &[&str]) -> bool {
    phrases
        .iter()
        .any(|phrase| text.contains(&format!(" {phrase} ")))
}

/// In lower case, one blank around each word.
fn spaced(text: &str) -> String {
    format!(" {} ", words(text).join(" "))
}

fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(Into::into)
        .collect()
}

/// The words that say what a question is about. Times are to be taken out before.
pub fn content(text: &str) -> Vec<String> {
    let mut found = words(text);
    found.retain(|word| !among(word, EMPTY) && !POINTING.contains(&word.as_str()));
    found
}

/// The same of a question about tasks.
pub fn content_of_tasks(text: &str) -> Vec<String> {
    let mut found = content(text);
    found.retain(|word| !among(word, EMPTY_OF_TASKS));
    found
}

/// The same of a question about what comes.
pub fn content_of_events(text: &str) -> Vec<String> {
    let mut found = content_of_tasks(text);
    found.retain(|word| !among(word, EMPTY_OF_EVENTS));
    found
}

fn among(word: &str, list: &str) -> bool {
    list.contains(&format!(" {word} "))
}

/// Whether a question may be in another language: few of its words are those that make an English sentence.
pub fn is_foreign(text: &str) -> bool {
    let words = words(text);
    let common = |word: &&String| among(word, EMPTY) || POINTING.contains(&word.as_str());
    words.iter().filter(common).count() * 4 <= words.len()
}

/// How many of `wanted` a text holds, in some form or spelling.
pub fn held(wanted: &[String], text: &str) -> usize {
    let there = words(text);
    wanted
        .iter()
        .filter(|word| there.iter().any(|other| alike(word, other)))
        .count()
}

fn alike(a: &str, b: &str) -> bool {
    let shared = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let longer = a.chars().count().max(b.chars().count());
    a == b || (shared >= 3 && shared + 3 >= longer)
}

/// Whether it only goes on with what was asked before it. Times are to be taken out before.
pub fn goes_on(text: &str) -> bool {
    const BARE: [&str; 12] = [
        "and", "but", "so", "why", "when", "where", "who", "how", "what", "which", "ok", "really",
    ];
    let words = words(text);
    let about = spaced(text);
    if [
        " what about ",
        " how about ",
        " and what about ",
        " and how about ",
    ]
    .iter()
    .any(|opening| about.starts_with(opening))
    {
        return true;
    }
    let left = content(text).len();
    let points = words.iter().any(|word| POINTING.contains(&word.as_str()));
    let bare = words
        .first()
        .is_some_and(|word| BARE.contains(&word.as_str()));
    (points && words.len() <= 10 && left <= 2) || (bare && words.len() <= 3 && left == 0)
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
            "What do I still have to get done?",
            "What did I promise Anna?",
            "How much do I owe Ben?",
        ] {
            assert_eq!(wanted(text), (true, Some(false), false), "{text}");
        }
        for text in [
            "Which tasks have I finished?",
            "Which tasks did I do?",
            "completed tasks",
        ] {
            assert_eq!(wanted(text), (true, Some(true), false), "{text}");
        }
        assert_eq!(wanted("Are my tasks open or done?"), (true, None, false));
        assert_eq!(
            wanted("What do you know about me?"),
            (false, Some(false), true)
        );
        for text in ["What did I do yesterday?", "Who paid the residue?", ""] {
            let wanted = Wanted::by(text);
            assert!(!wanted.tasks && !wanted.person, "{text}");
        }
        assert!(Wanted::by("How many tasks do I have?").count);
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
            "And?",
            "Why?",
            "Who said that?",
            "And when was it?",
            "Tell me more",
            "What was his answer?",
            "What about Petra?",
            "and who approved it",
        ] {
            assert!(goes_on(text), "{text}");
        }
        for text in [
            "salt?",
            "Who paid the plumber?",
            "Who is Petra?",
            "thanks",
            "Who said that the boat of Ben is blue?",
            "",
        ] {
            assert!(!goes_on(text), "{text}");
        }
    }

    #[test]
    fn other_languages_are_told_from_english() {
        for text in [
            "Was habe ich gestern gemacht?",
            "Welche Aufgaben habe ich morgen?",
            "¿Qué hice ayer?",
            "昨日は何をしましたか",
            "Danke!",
        ] {
            assert!(is_foreign(text), "{text}");
        }
        for text in [
            "When is the release now?",
            "Where do I live?",
            "Did Anna call about the piano?",
            "What did the plumber say about the boiler?",
            "And on Monday?",
        ] {
            assert!(!is_foreign(text), "{text}");
        }
    }

    #[test]
    fn words_are_held_in_other_forms() {
        let wanted = content("Which colour has the boat of the plummer?");
        assert_eq!(wanted, ["colour", "boat", "plummer"]);
        assert_eq!(held(&wanted, "Boats, and the plumber"), 2);
        assert_eq!(held(&wanted, "A bus and a plan"), 0);
    }
}
