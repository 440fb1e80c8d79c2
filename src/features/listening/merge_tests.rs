//! How two pieces of speech become one, case by case.

use uuid::Uuid;

use super::{Segment, combine};

const A: Uuid = Uuid::from_u128(0xa);
const B: Uuid = Uuid::from_u128(0xb);
/// 124 characters, and a word of one more with its blank or end.
const LONG: &str = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen";

/// A stored piece that lasts from 0 to 2 s, one that comes after it, and what becomes of both: text, start and end.
struct Case {
    why: &'static str,
    before: (&'static str, &'static str),
    next: (&'static str, &'static str, f64, f64),
    kept: Option<(&'static str, f64)>,
    added: Option<(&'static str, f64, f64)>,
}

fn piece(id: Uuid, speaker: &str, text: &str, start: f64, end: f64) -> Segment {
    Segment {
        id,
        text: text.into(),
        speaker: speaker.into(),
        start,
        end,
        speech_profile_processed: true,
        ..Segment::default()
    }
}

fn case(
    why: &'static str,
    before: (&'static str, &'static str),
    next: (&'static str, &'static str, f64, f64),
    kept: Option<(&'static str, f64)>,
    added: Option<(&'static str, f64, f64)>,
) -> Case {
    Case {
        why,
        before,
        next,
        kept,
        added,
    }
}

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    vec![
        case("one voice, a pause of just under three seconds",
            ("S0", "Tea is ready."), ("S0", "Come and sit.", 4.99, 6.0),
            Some(("Tea is ready. Come and sit.", 6.0)), None),
        case("one voice, a pause of three seconds",
            ("S0", "Tea is ready."), ("S0", "Come and sit.", 5.0, 6.0),
            Some(("Tea is ready.", 2.0)), Some(("Come and sit.", 5.0, 6.0))),
        case("one voice, overlapping",
            ("S0", "Tea is ready."), ("S0", "Come and sit.", 1.5, 6.0),
            Some(("Tea is ready. Come and sit.", 6.0)), None),
        case("one voice, a capital after a dangling piece and a long pause",
            ("S0", "Tea is"), ("S0", "Ready now.", 60.0, 61.0),
            Some(("Tea is", 2.0)), Some(("Ready now.", 60.0, 61.0))),
        case("one voice, a lower case letter of another alphabet",
            ("S0", "Чай уже"), ("S0", "готов.", 60.0, 61.0),
            Some(("Чай уже готов.", 61.0)), None),
        case("a script without cases begins nothing in lower case",
            ("S0", "お茶が"), ("S0", "できました。", 60.0, 61.0),
            Some(("お茶が", 2.0)), Some(("できました。", 60.0, 61.0))),
        case("a sentence that has ended is not continued after a pause",
            ("S0", "Tea is ready."), ("S0", "and so is cake.", 60.0, 61.0),
            Some(("Tea is ready.", 2.0)), Some(("and so is cake.", 60.0, 61.0))),
        case("two voices, whole sentences stay where they are",
            ("S0", "Tea is ready."), ("S1", "thanks.", 2.1, 3.0),
            Some(("Tea is ready.", 2.0)), Some(("thanks.", 2.1, 3.0))),
        case("two voices, a whole short sentence is an answer, not the rest",
            ("S0", "The tea that I made for you is"), ("S1", "Great.", 2.1, 3.0),
            Some(("The tea that I made for you is", 2.0)), Some(("Great.", 2.1, 3.0))),
        case("two voices, the rest without an end goes back; the end of the first stays",
            ("S0", "The tea that I made for you is"), ("S1", "Green", 2.1, 3.0),
            Some(("The tea that I made for you is Green", 2.0)), None),
        case("two voices, the rest in lower case goes back",
            ("S0", "The tea that I made for you is"), ("S1", "green.", 2.1, 3.0),
            Some(("The tea that I made for you is green.", 2.0)), None),
        case("two voices, a rest as long as the dangling piece stays",
            ("S0", "Tea is"), ("S1", "green.", 2.1, 3.0),
            Some(("Tea is", 2.0)), Some(("green.", 2.1, 3.0))),
        case("two voices, a first sentence as long as the dangling piece takes it along",
            ("S0", "Tea is"), ("S1", "green. I know that well.", 2.1, 3.0),
            None, Some(("Tea is green. I know that well.", 2.1, 3.0))),
        case("two voices, only what dangles moves, and its segment ends before the next begins",
            ("S0", "Sit down! Tea is"), ("S1", "ready, I can see it.", 1.25, 3.0),
            Some(("Sit down!", 1.25)), Some(("Tea is ready, I can see it.", 1.25, 3.0))),
        case("blanks and commas are put right",
            ("S0", " Tea  is ready .  "), ("S0", "  Come ,  please ", 2.5, 6.0),
            Some(("Tea is ready. Come, please", 6.0)), None),
    ]
}

#[test]
fn two_pieces() {
    for case in cases() {
        let (speaker, text) = case.before;
        let before = piece(A, speaker, text, 0.0, 2.0);
        let (speaker, text, start, end) = case.next;
        let combined = combine(Some(before), vec![piece(B, speaker, text, start, end)]);
        let seen = combined.stored.iter();
        let seen: Vec<_> = seen
            .map(|one| (one.id, one.text.as_str(), one.start, one.end))
            .collect();
        let kept = case.kept.map(|(text, end)| (A, text, 0.0, end));
        let added = case.added.map(|(text, start, end)| (B, text, start, end));
        let expected: Vec<_> = kept.into_iter().chain(added).collect();
        assert_eq!(seen, expected, "{}", case.why);
        let gone: &[Uuid] = if case.kept.is_none() { &[A] } else { &[] };
        assert_eq!(combined.removed, gone, "{}", case.why);
    }
}

#[test]
fn every_end_of_a_sentence_is_known() {
    for ender in [".", "?", "!", "。", "！", "？", "؟", "۔", "।", "॥"] {
        let before = piece(A, "S0", &format!("Tea{ender}"), 0.0, 2.0);
        let next = piece(B, "S1", "is ready for us all.", 2.1, 3.0);
        let combined = combine(Some(before), vec![next]);
        assert_eq!(combined.stored.len(), 2, "{ender}");
        assert_eq!(combined.stored[0].text, format!("Tea{ender}"));
    }
    let before = piece(A, "S0", "Tea;", 0.0, 2.0);
    let next = piece(B, "S1", "is ready for us all.", 2.1, 3.0);
    assert_eq!(combine(Some(before), vec![next]).removed, [A]);
}

#[test]
fn a_segment_of_125_characters_is_long() {
    assert_eq!(LONG.chars().count(), 124);
    let count = |text: &str| {
        let next = piece(B, "S0", "Next.", 2.5, 3.0);
        combine(Some(piece(A, "S0", text, 0.0, 2.0)), vec![next])
            .stored
            .len()
    };
    assert_eq!(count(&format!("{}.", &LONG[..123])), 1);
    assert_eq!(count(&format!("{LONG}.")), 2);
    // It counts characters, and only where it has ended.
    let accents = "é".repeat(123) + ".";
    assert!(accents.len() > 125);
    assert_eq!(count(&accents), 1);
    assert_eq!(count(&format!("{LONG} twenty")), 1);
}

#[test]
fn what_differs_in_more_than_the_voice_is_kept_apart() {
    let before = || piece(A, "S0", "Tea is", 0.0, 2.0);
    let next = |speaker| piece(B, speaker, "ready now for all of us.", 2.1, 3.0);
    let apart = |next| combine(Some(before()), vec![next]).stored.len() == 2;
    for speaker in ["S0", "S1"] {
        let mut other = next(speaker);
        other.stt_provider = Some("phone".into());
        assert!(apart(other), "{speaker}");
    }
    let mut unprocessed = next("S0");
    unprocessed.speech_profile_processed = false;
    unprocessed.text = "Ready now.".into();
    assert!(apart(unprocessed));
    // The owner under two labels is one voice, but does not continue over a long pause.
    let owner = |start: f64| {
        let (mut before, mut next) = (before(), next("S1"));
        (before.is_user, next.is_user) = (true, true);
        (next.start, next.end) = (start, start + 1.0);
        combine(Some(before), vec![next]).stored.len()
    };
    assert_eq!((owner(2.1), owner(60.0)), (1, 2));
}
