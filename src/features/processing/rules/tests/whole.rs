//! Whole conversations: title, overview, category, keeping, speed.

#![allow(clippy::print_stdout)]

use std::time::Instant;

use super::{heard, other, own, shown, wednesday};
use crate::features::processing::rules::{Line, memory_category, understand, worth_keeping};

fn unknown(speaker: &'static str, text: &'static str) -> Line<'static> {
    Line {
        speaker,
        is_user: false,
        text,
    }
}

#[test]
fn a_reminder_makes_a_whole_record() {
    let found = heard("Remind me to call the dentist tomorrow.");
    assert_eq!(found.title, "Call the Dentist");
    assert_eq!(found.overview, "Remind me to call the dentist tomorrow.");
    assert_eq!(
        (found.category.as_str(), found.emoji.as_str()),
        ("health", "🩺")
    );
    assert_eq!(found.action_items[0].description, "Call the dentist");
}

#[test]
fn a_sentence_may_run_over_segments() {
    let lines = [
        own("I need to call"),
        own("the dentist"),
        own("tomorrow at three."),
    ];
    let found = understand(&lines, &wednesday());
    assert_eq!(found.action_items[0].description, "Call the dentist");
    assert_eq!(
        found.action_items[0].due_at.map(shown).as_deref(),
        Some("03-05 15:00")
    );
}

#[test]
fn what_others_plan_is_not_the_users() {
    let lines = [
        own("How was your day?"),
        other("Busy. I need to finish my thesis by Friday and I live in Munich now."),
        other("Can you send me the photos from Saturday's party?"),
        own("Sure, I'll send you the photos tonight."),
    ];
    let found = understand(&lines, &wednesday());
    let texts: Vec<&str> = found
        .action_items
        .iter()
        .map(|item| item.description.as_str())
        .collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert_eq!(
        found.action_items[0].due_at.map(shown).as_deref(),
        Some("03-04 20:00")
    );
    assert!(found.memories.is_empty(), "{:?}", found.memories);
}

#[test]
fn without_a_known_user_everyone_may_be() {
    let lines = [unknown(
        "SPEAKER_00",
        "I live in Berlin and I need to renew my passport by Friday.",
    )];
    let found = understand(&lines, &wednesday());
    assert_eq!(found.action_items[0].description, "Renew my passport");
    assert_eq!(found.memories[0].content, "User lives in Berlin");
}

#[test]
fn the_time_may_come_in_the_next_sentence() {
    let found = heard("Remind me to call the bank. Tomorrow at nine.");
    assert_eq!(
        found.action_items[0].due_at.map(shown).as_deref(),
        Some("03-05 09:00")
    );
    let found = heard("I have to send Bob the contract. It's due on Friday.");
    assert_eq!(
        found.action_items[0].due_at.map(shown).as_deref(),
        Some("03-06 23:59")
    );
}

#[test]
fn repeated_tasks_are_one() {
    let found = heard(
        "I need to call the dentist. The weather is nice. Remind me to call the dentist tomorrow.",
    );
    assert_eq!(found.action_items.len(), 1);
    assert_eq!(
        found.action_items[0].due_at.map(shown).as_deref(),
        Some("03-05 23:59")
    );
}

#[test]
fn tasks_are_sorted_by_due() {
    let found = heard(
        "I have to file the taxes. I need to call Bob on Friday. I must pay the rent tomorrow.",
    );
    let texts: Vec<&str> = found
        .action_items
        .iter()
        .map(|item| item.description.as_str())
        .collect();
    assert_eq!(texts, ["Pay the rent", "Call Bob", "File the taxes"]);
}

#[test]
fn a_meeting_is_summed_up() {
    let lines = [
        own("Okay so good morning everyone, um, thanks for joining."),
        other("Morning."),
        own("Today we want to finalise the marketing budget for the spring campaign."),
        other(
            "The agency quoted forty thousand euros for the video ads, which is above the marketing budget.",
        ),
        own("Then we should cut the video ads and keep the newsletter campaign."),
        other("Agreed. The client wants the final budget by Friday."),
        own("Great, I'll send the client the final budget on Friday morning."),
        other("Thanks, bye."),
    ];
    let found = understand(&lines, &wednesday());
    assert!(found.title.contains("Budget"), "{}", found.title);
    assert!(
        (3..=8).contains(&found.title.split(' ').count()),
        "{}",
        found.title
    );
    assert!(
        found.overview.contains("budget") && !found.overview.contains("Morning."),
        "{}",
        found.overview
    );
    assert!(
        ["business", "work"].contains(&found.category.as_str()),
        "{}",
        found.category
    );
}

#[test]
fn titles_never_dangle() {
    for text in [
        "So yeah, um, well, you know, it was nice.",
        "Milk.",
        "dentist appointment",
        "The new bridge over the river opened yesterday and the mayor gave a long speech about public transport.",
        "we talked about the history of the roman empire and why it fell",
        "你好。世界。",
        "12345",
    ] {
        let title = heard(text).title;
        let count = title.split(' ').count();
        assert!((3..=8).contains(&count), "{text}: {title}");
        let last = title.rsplit(' ').next().unwrap().to_lowercase();
        assert!(
            !["the", "of", "and", "to", "a", "for", "with"].contains(&last.as_str()),
            "{title}"
        );
    }
    assert_eq!(heard("").title, "");
}

#[test]
fn no_title_promises_what_was_denied_or_taken_back() {
    for (text, word) in [
        (
            "I won't go to Berlin. I'll visit my aunt in Dresden instead on Sunday.",
            "Berlin",
        ),
        (
            "Forget the sauna idea. We need to buy new garden chairs for the terrace.",
            "Sauna",
        ),
        (
            "I need to call the wedding photographer. Actually no, forget it. The garden looks lovely with the roses.",
            "Photographer",
        ),
    ] {
        let title = heard(text).title;
        assert!(!title.contains(word), "{title}");
    }
    let title = heard("Don't forget the parking permit for the market.").title;
    assert!(title.contains("Parking Permit"), "{title}");
}

#[test]
fn one_word_of_several_senses_is_no_category() {
    for text in [
        "I saw a really cool bank of clouds over the hill while I was walking the trail.",
        "He works near a book shop on the corner.",
    ] {
        assert_eq!(heard(text).category, "other", "{text}");
    }
    let found = heard("The bank wants more interest for the loan.");
    assert_eq!(found.category, "finance");
}

#[test]
fn without_a_known_user_answers_count_as_well() {
    let asked = unknown("SPEAKER_00", "Should we book the campsite this week?");
    let agreed = unknown("SPEAKER_01", "Good idea, let's do that.");
    let refused = unknown("SPEAKER_01", "Nah, it's going to rain.");
    let agreed = understand(&[asked, agreed], &wednesday());
    assert_eq!(agreed.action_items[0].description, "Book the campsite");
    let asked = unknown("SPEAKER_00", "Should we book the campsite this week?");
    assert!(
        understand(&[asked, refused], &wednesday())
            .action_items
            .is_empty()
    );
}

#[test]
fn categories_follow_the_words() {
    let cases = [
        (
            "My doctor changed the medication because my blood pressure was too high.",
            "health",
        ),
        (
            "The flight to Lisbon leaves from the new airport and the hotel has a pool.",
            "travel",
        ),
        (
            "We deployed the new server and fixed the database bug in the code.",
            "technology",
        ),
        (
            "The band played an amazing song at the concert, the guitar was loud.",
            "music",
        ),
        (
            "Our team won the football match and the coach was happy about the goals.",
            "sports",
        ),
        (
            "The landlord wants to raise the rent of the apartment next year.",
            "real",
        ),
        (
            "It will rain and the forecast says there is a storm with wind.",
            "weather",
        ),
        (
            "The president lost the election and the parliament will vote again.",
            "politics",
        ),
        (
            "The investors liked the startup pitch and the seed funding is close.",
            "entrepreneurship",
        ),
        ("Blue things were over there and went somewhere.", "other"),
    ];
    for (text, expected) in cases {
        assert_eq!(heard(text).category, expected, "{text}");
    }
    assert_eq!(heard("Blue things were over there.").emoji, "🧠");
}

#[test]
fn greetings_and_fragments_are_not_kept() {
    let chatter = [
        "",
        "   ",
        "Hello, hello, can you hear me?",
        "Um, yeah, okay, thanks, bye.",
        "Hey, how are you? Good, and you? Good, thanks.",
        "Testing, one two three.",
        "What's the weather like today?",
        "Play some jazz.",
    ];
    for text in chatter {
        assert!(!worth_keeping(&[own(text)], 20.0), "{text}");
    }
    assert!(!worth_keeping(&[], 600.0));
}

#[test]
fn tasks_facts_and_talks_are_kept() {
    let telling = [
        "Remind me to buy milk.",
        "I'm allergic to peanuts.",
        "Dinner with Anna on Friday at seven.",
        "The new bridge over the river opened and the mayor gave a long speech about public transport in the city.",
    ];
    for text in telling {
        assert!(worth_keeping(&[own(text)], 20.0), "{text}");
    }
    let long = "um ".repeat(120);
    assert!(worth_keeping(&[own(&long.replace(' ', " uh "))], 20.0));
    let middling = "The garden needs new soil, the roses look terrible and the fence is broken.";
    assert!(!worth_keeping(&[own("The roses look terrible.")], 200.0));
    assert!(worth_keeping(&[own(middling)], 200.0));
}

#[test]
fn memories_are_sorted_into_two_kinds() {
    for content in [
        "User lives in Berlin",
        "User's wife's name is Anna",
        "I love hiking",
        "Allergic to nuts",
        "Likes dark roast coffee",
    ] {
        assert_eq!(memory_category(content), "system", "{content}");
    }
    for content in [
        "The Eiffel Tower is 330 metres tall",
        "Naval Ravikant advises to read what you love",
        "Rust compiles to native code",
    ] {
        let expected = if content.contains("you") {
            "system"
        } else {
            "interesting"
        };
        assert_eq!(memory_category(content), expected, "{content}");
    }
}

#[test]
fn a_hundred_thousand_characters_are_quick() {
    let paragraph = "So I was talking to Maria about the budget and she said that I need to relax. I have to send the invoice to the client by Friday at \
                     three, and then we should book the flights. My sister lives in Rome. Do you think I should call her? We had lunch on Monday. ";
    let spoken = "and then i need to call the bank tomorrow at three because we were talking about the loan and they said maybe if i had to i could ";
    for base in [
        paragraph,
        spoken,
        "i need to ",
        "tomorrow ",
        "then also ",
        "if ",
        "\"",
        "a",
        "the 5th of ",
        "my my my 's ",
    ] {
        let text = base.repeat(100_000 / base.len() + 1);
        // The best of three, so that a busy machine does not decide.
        let spent = (0..3).map(|_| {
            let start = Instant::now();
            understand(&[own(&text)], &wednesday());
            start.elapsed()
        });
        let spent = spent.min().unwrap();
        println!("{spent:?} for {:?}", &base[..base.len().min(20)]);
        let limit = if cfg!(debug_assertions) { 3000 } else { 100 };
        assert!(
            spent.as_millis() < limit,
            "{spent:?} for {:?}",
            &base[..base.len().min(20)]
        );
    }
}
